package web

import (
	"io"
	"net"
	"strings"
	"sync"

	"apus/impl/host"
	"apus/impl/http1"
)

const (
	copyBufferSize = 64 << 10
	// sendfileChunk bounds what one call may send, so that a slow client is
	// judged by his progress.
	sendfileChunk = 1 << 20
	// holdMax is the longest body that is gathered, to be sent in one piece with its
	// header.
	holdMax  = 32 << 10
	holdSize = holdMax + 4<<10
)

var (
	copyBuffers = sync.Pool{New: func() any { return new([copyBufferSize]byte) }}
	holdBuffers = sync.Pool{New: func() any { return new([holdSize]byte) }}
)

// mode is how a response's body ends.
type mode byte

const (
	sized   mode = iota // with its last byte
	chunked             // with its last chunk
	toEnd               // with the connection
)

// clientWriter writes a response to the client: the body never longer than
// its length, each step within the timeout. A short body leaves together with
// the header, pieces of unknown length leave as they come.
type clientWriter struct {
	c      *conn
	begun  bool
	failed bool // the client does not take it
	prompt bool // the client may not go on before he has got what there is
	mode   mode
	left   int64           // of a sized body
	buf    *[holdSize]byte // what out began in
	out    []byte          // not yet sent
	vector net.Buffers
	pieces [3][]byte
}

var (
	_ io.ReaderFrom   = (*clientWriter)(nil)
	_ io.StringWriter = (*clientWriter)(nil)
)

func (w *clientWriter) open(c *conn) {
	w.c, w.begun = c, true
	w.buf = holdBuffers.Get().(*[holdSize]byte)
	w.out = w.buf[:0]
}

func (w *clientWriter) free() {
	if w.buf != nil {
		holdBuffers.Put(w.buf)
		w.buf, w.out = nil, nil
	}
}

func (w *clientWriter) extendDeadline() {
	_ = w.c.nc.SetWriteDeadline(host.Deadline(w.c.round.cfg.ClientTimeout))
}

// flush sends what is gathered.
func (w *clientWriter) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	w.extendDeadline()
	_, err := w.c.nc.Write(w.out)
	w.out = w.out[:0]
	w.failed = w.failed || err != nil
	return err
}

// finish ends the body; after an error the client gets what there is, for he
// may resume from there.
func (w *clientWriter) finish(err error) error {
	if err == nil && w.mode == chunked {
		w.out = append(w.out, lastChunk...)
	}
	if w.failed {
		return err
	}
	if ferr := w.flush(); err == nil {
		err = ferr
	}
	return err
}

func (w *clientWriter) copyFrom(body io.Reader) error {
	if wt, ok := body.(io.WriterTo); ok {
		_, err := wt.WriteTo(w)
		return err
	}
	_, err := w.ReadFrom(body)
	return err
}

// Write implements io.Writer.
func (w *clientWriter) Write(p []byte) (int, error) {
	excess := w.mode == sized && int64(len(p)) > w.left
	if excess {
		p = p[:w.left]
	}
	n, err := w.write(p)
	if w.mode == sized {
		w.left -= int64(n)
	}
	if err == nil && excess {
		err = errBodyLong
	}
	return n, err
}

// WriteString implements io.StringWriter, for texts of which there should be
// no other copy.
func (w *clientWriter) WriteString(s string) (int, error) {
	n, err := copyBuffered(w, strings.NewReader(s))
	return int(n), err
}

func (w *clientWriter) write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if w.gathers() {
		w.out = append(w.out, p...)
		if int64(len(p)) < w.left {
			return len(p), nil
		}
		return len(p), w.flush()
	}
	var end []byte
	if w.mode == chunked {
		w.out, end = http1.AppendChunkSize(w.out, len(p)), crlf
	}
	if len(w.out)+len(p)+len(end) <= holdSize {
		w.out = append(append(w.out, p...), end...)
		return len(p), w.flush()
	}
	return w.writeVector(p, end)
}

const lastChunk = "0\r\n\r\n"

var crlf = []byte("\r\n")

// gathers reports whether all that is left of the body fits the buffer.
func (w *clientWriter) gathers() bool {
	return w.mode == sized && !w.prompt && w.left <= int64(holdSize-len(w.out))
}

// writeVector sends what is gathered, p and end in one call, without copying p.
func (w *clientWriter) writeVector(p, end []byte) (n int, err error) {
	w.extendDeadline()
	before := len(w.out)
	if before == 0 && end == nil {
		n, err = w.c.nc.Write(p)
	} else {
		w.vector = append(w.pieces[:0], w.out, p)
		if end != nil {
			w.vector = append(w.vector, end)
		}
		var all int64
		all, err = w.vector.WriteTo(w.c.nc)
		n = min(max(int(all)-before, 0), len(p))
		w.pieces, w.out = [3][]byte{}, w.out[:0]
	}
	w.failed = err != nil
	return n, err
}

// ReadFrom gathers a short body without another copy and lets a file reach
// sendfile, a chunk at a time.
func (w *clientWriter) ReadFrom(src io.Reader) (n int64, err error) {
	rf, direct := w.c.nc.(io.ReaderFrom)
	switch {
	case w.gathers():
		n, err = w.gather(src)
	case w.mode == sized && direct && isFile(src):
		n, err = w.sendfile(rf, src)
	case w.splices():
		if cr, ok := src.(connReader); ok {
			n, err = w.splice(cr)
			break
		}
		fallthrough
	default:
		return copyBuffered(writerOnly{w}, src)
	}
	if err == nil && w.left == 0 {
		err = w.checkEnd(src)
	}
	return n, err
}

// splices reports whether there is much to send and a way around this process.
func (w *clientWriter) splices() bool {
	return w.mode == sized && w.left >= spliceFrom && w.c.round.cfg.Splicer != nil
}

// isFile reports whether a connection can take src, or what it limits, from
// the system.
func isFile(src io.Reader) bool {
	if limit, ok := src.(*io.LimitedReader); ok {
		src = limit.R
	}
	_, ok := src.(interface{ Fd() uintptr })
	return ok
}

// gather reads the rest of the body, or all that src has of it.
func (w *clientWriter) gather(src io.Reader) (total int64, err error) {
	for w.left > 0 && err == nil {
		var n int
		have := len(w.out)
		n, err = src.Read(w.out[have : have+int(w.left)])
		w.out = w.out[:have+n]
		w.left -= int64(n)
		total += int64(n)
	}
	if err == io.EOF {
		err = nil
	}
	if w.left == 0 && err == nil {
		err = w.flush()
	}
	return total, err
}

func (w *clientWriter) sendfile(rf io.ReaderFrom, src io.Reader) (total int64, err error) {
	if err := w.flush(); err != nil {
		return 0, err
	}
	limit, limited := src.(*io.LimitedReader)
	for w.left > 0 {
		chunk := &io.LimitedReader{R: src, N: min(w.left, sendfileChunk)}
		if limited { // sendfile looks through one LimitedReader, not two
			chunk.R, chunk.N = limit.R, min(chunk.N, limit.N)
		}
		want := chunk.N
		if want <= 0 {
			return total, nil
		}
		w.extendDeadline()
		n, err := rf.ReadFrom(chunk)
		total += n
		w.left -= n
		if limited {
			limit.N -= n
		}
		if err != nil || n < want {
			return total, err
		}
	}
	return total, nil
}

// checkEnd sees that src has no more, now that all is sent.
func (w *clientWriter) checkEnd(src io.Reader) error {
	switch n, err := io.ReadAtLeast(src, w.buf[:1], 1); {
	case n > 0:
		return errBodyLong
	case err == io.EOF:
		return nil
	default:
		return err
	}
}

// writerOnly and readerOnly hide the fast paths of what they hold.
type (
	writerOnly struct{ io.Writer }
	readerOnly struct{ io.Reader }
)

// copyBuffered is io.Copy through a pooled buffer, by Read and Write alone.
func copyBuffered(dst io.Writer, src io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(writerOnly{dst}, readerOnly{src}, buf[:])
}
