package diskfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"sync"

	"apus/impl/host"
	"apus/impl/md5sum"
	"apus/impl/swift"
	"apus/impl/web"
)

const (
	smallBody  = 64 << 10 // bodies up to this size are checked before they are sent
	copyBuffer = 64 << 10 // pieces in which larger ones are, small enough for the processor's cache
	sendWindow = 1 << 20  // as much of them is checked before it is sent
	dropWindow = 8 << 20  // the page cache is relieved after so many bytes
)

var (
	smallBuffers = sync.Pool{New: func() any { b := make([]byte, smallBody); return &b }}
	copyBuffers  = sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }}
)

// BodyOptions say how a body will be read.
type BodyOptions struct {
	// Whole says that all of it is wanted, from the start. Small bodies are
	// then read and checked at once.
	Whole bool
	// KeepCache leaves small bodies in the page cache.
	KeepCache bool
}

// Body is the body of an open object: a web body that can serve ranges. Read
// from start to end it is checked against the object's ETag, and an object
// that fails is quarantined; the last bytes are then withheld, so that nobody
// takes the body for complete. Ranges are not checked.
type Body struct {
	f     *File
	pos   int64
	drop  int64     // position up to which the page cache was relieved
	sum   hash.Hash // nil if the ETag is not to be checked
	keep  bool
	small *[]byte // content that was read ahead
	err   error   // sticky
}

var (
	_ io.ReadCloser = (*Body)(nil)
	_ io.WriterTo   = (*Body)(nil)
	_ web.Ranger    = (*Body)(nil)
)

// Body takes the open file over. The error is of kind swift.NotFound if a
// small body turned out bad; f is closed then.
func (f *File) Body(opt BodyOptions) (*Body, error) {
	cfg := f.obj.dev.m.cfg
	b := &Body{f: f, keep: opt.KeepCache && f.Size < cfg.KeepCacheSize}
	check := cfg.ValidatePercent >= 100 || rand.Float64()*100 < cfg.ValidatePercent
	if !check {
		return b, nil
	}
	if !opt.Whole || f.Size > smallBody {
		b.sum = md5sum.New()
		return b, nil
	}
	b.small = smallBuffers.Get().(*[]byte)
	if err := f.readChecked((*b.small)[:f.Size]); err != nil {
		_ = b.Close() // only read from
		return nil, failed("diskfile.Body", f.obj.Dir, err)
	}
	return b, nil
}

// readChecked reads the whole body into p. A bad one is quarantined.
func (f *File) readChecked(p []byte) error {
	err := f.readFull(p)
	if err == nil {
		sum := md5Hex(p)
		if sum == f.Metadata[KeyETag] {
			return nil
		}
		err = fmt.Errorf("the body has MD5 %s, not %s", sum, f.Metadata[KeyETag])
	} else if !unreadable(err) {
		return err
	}
	f.obj.quarantine(f.name, err)
	return swift.E("diskfile.Body", f.obj.Dir, swift.NotFound, &Missing{Quarantined: true})
}

// unreadable reports errors that say that the body is lost.
func unreadable(err error) bool {
	return errors.Is(err, host.ErrIO) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Close releases the file.
func (b *Body) Close() error {
	if b.small != nil {
		smallBuffers.Put(b.small)
		b.small = nil
	}
	if !b.keep {
		b.f.file.DropCache(0, b.f.Size)
	}
	return b.f.file.Close()
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if left := b.f.Size - b.pos; int64(len(p)) > left {
		p = p[:left]
	}
	if len(p) == 0 { // an empty object
		b.err = io.EOF
		return 0, io.EOF
	}
	if b.small != nil {
		n := copy(p, (*b.small)[b.pos:b.f.Size])
		b.advance(n)
		return n, nil
	}
	if b.err = b.fill(p, b.pos); b.err != nil {
		return 0, b.err
	}
	b.advance(len(p))
	return len(p), nil
}

// fill reads all of p from the file and, if a checksum is due, hashes it and
// judges it at the end of the body.
func (b *Body) fill(p []byte, pos int64) error {
	if n, err := b.f.file.ReadAt(p, pos); n < len(p) {
		return b.broken(err)
	}
	if b.sum == nil {
		return nil
	}
	b.sum.Write(p)
	if pos+int64(len(p)) < b.f.Size {
		return nil
	}
	return b.checkSum()
}

func (b *Body) advance(n int) {
	b.pos += int64(n)
	if b.pos >= b.f.Size {
		b.err = io.EOF
	}
	if b.pos-b.drop >= dropWindow && !b.keep {
		b.f.file.DropCache(b.drop, b.pos-b.drop)
		b.drop = b.pos
	}
}

// broken is the error for a read that came short. A file that shrank, or that
// the medium cannot read, is quarantined.
func (b *Body) broken(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if unreadable(err) {
		b.f.obj.quarantine(b.f.name, fmt.Errorf("reading %d bytes: %w", b.f.Size, err))
		return swift.E("diskfile.Read", b.f.obj.Dir, swift.Corrupt, err)
	}
	return failed("diskfile.Read", b.f.obj.Dir, err)
}

// sent judges an error of sending from the file to somewhere else, whose
// errors say nothing about the file.
func (b *Body) sent(err error) error {
	if errors.Is(err, host.ErrIO) {
		return b.broken(err)
	}
	return err
}

func (b *Body) checkSum() error {
	sum, want := hex.EncodeToString(b.sum.Sum(nil)), b.f.Metadata[KeyETag]
	if sum == want {
		return nil
	}
	reason := fmt.Errorf("the body has MD5 %s, not %s", sum, want)
	b.f.obj.quarantine(b.f.name, reason)
	return swift.E("diskfile.Read", b.f.obj.Dir, swift.Corrupt, reason)
}

// WriteTo implements io.WriterTo. The bytes go from the file to w without
// passing through this process, if both can. Those that are checked are read
// beside that, a moment before; nobody changes a file that has its name.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	if b.err != nil {
		if errors.Is(b.err, io.EOF) {
			return 0, nil
		}
		return 0, b.err
	}
	if b.small != nil {
		n, err := w.Write((*b.small)[b.pos:b.f.Size])
		b.advance(n)
		return int64(n), err
	}
	rw, ok := b.f.file.(host.RangeWriter)
	if !ok {
		return b.f.copyAll(w, b)
	}
	return b.writeRanges(w, rw)
}

// writeRanges sends what is left: all at once, or, if every byte is checked,
// window by window, of which the last goes out when the checksum is known to
// be right.
func (b *Body) writeRanges(w io.Writer, rw host.RangeWriter) (total int64, err error) {
	for b.err == nil {
		n := b.f.Size - b.pos
		if b.sum != nil {
			n = min(n, sendWindow)
			if b.err = b.check(n); b.err != nil {
				return total, b.err
			}
		}
		sent, err := rw.WriteRangeTo(w, b.pos, n)
		total += sent
		b.advance(int(sent))
		if err != nil {
			b.err = b.sent(err)
			return total, b.err
		}
	}
	return total, nil
}

// check hashes the next n bytes.
func (b *Body) check(n int64) error {
	if n == 0 { // an empty object
		return b.checkSum()
	}
	pooled := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(pooled)
	for pos, end := b.pos, b.pos+n; pos < end; pos += copyBuffer {
		if err := b.fill((*pooled)[:min(end-pos, copyBuffer)], pos); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) copyAll(w io.Writer, r io.Reader) (total int64, err error) {
	pooled := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(pooled)
	buf := *pooled
	if want := min(f.obj.dev.m.cfg.DiskChunk, f.Size); want > int64(len(buf)) {
		buf = make([]byte, want)
	}
	for {
		n, rerr := r.Read(buf)
		if n > 0 {
			m, werr := w.Write(buf[:n])
			total += int64(m)
			if werr != nil {
				return total, werr
			}
		}
		if errors.Is(rerr, io.EOF) {
			return total, nil
		}
		if rerr != nil {
			return total, rerr
		}
	}
}

// OpenRange implements web.Ranger. Closing the part leaves the Body open.
func (b *Body) OpenRange(start, end int64) (io.ReadCloser, error) {
	if start < 0 || end < start || end > b.f.Size {
		return nil, swift.E("diskfile.OpenRange", b.f.obj.Dir, swift.Invalid,
			fmt.Errorf("no bytes from %d to %d in %d", start, end, b.f.Size))
	}
	return &part{b, start, end}, nil
}

// part is a range of a Body.
type part struct {
	b        *Body
	pos, end int64
}

var _ io.WriterTo = (*part)(nil)

func (p *part) Close() error { return nil }

func (p *part) Read(buf []byte) (int, error) {
	if p.pos >= p.end {
		return 0, io.EOF
	}
	buf = buf[:min(int64(len(buf)), p.end-p.pos)]
	n, err := p.b.f.file.ReadAt(buf, p.pos)
	p.pos += int64(n)
	if n < len(buf) {
		return n, p.b.broken(err)
	}
	return n, nil
}

// WriteTo implements io.WriterTo.
func (p *part) WriteTo(w io.Writer) (int64, error) {
	if rw, ok := p.b.f.file.(host.RangeWriter); ok {
		n, err := rw.WriteRangeTo(w, p.pos, p.end-p.pos)
		p.pos += n
		return n, p.b.sent(err)
	}
	return p.b.f.copyAll(w, p)
}
