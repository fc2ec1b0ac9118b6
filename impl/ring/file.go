package ring

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"

	"apus/impl/host"
	"apus/impl/swift"
)

const magic = "R1NG"

// Versions of the file format that can be written.
const (
	Format1 = 1 // what every Swift reads; ids of two bytes only
	Format2 = 2 // with an index; ids of two or four bytes
)

// Limits of what is read.
const (
	maxText       = 256 << 20 // of one JSON text; about 200 bytes a device
	maxStream     = 1 << 30   // of a whole file that must be buffered
	maxReplicas   = 1 << 10
	maxAssignment = 1 << 31 // bytes of all arrays together
)

// Load reads a ring file.
func Load(fs host.FS, name string) (*Ring, error) {
	const op = "ring.Load"
	f, err := fs.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return nil, swift.E(op, name, swift.Other, err)
	}
	defer f.Close()
	var r *Ring
	version, in, err := open(f)
	if err == nil {
		r, err = decode(version, in, func() (io.ReaderAt, int64, error) {
			info, err := f.Stat()
			if err != nil {
				return nil, 0, err
			}
			return f, info.Size(), nil
		})
	}
	if err != nil {
		return nil, swift.E(op, name, swift.Corrupt, err)
	}
	return r, nil
}

// Read reads the content of a ring file to its end. What is not a whole and
// consistent ring is an error of kind swift.Corrupt: half a ring would place
// data where nobody looks for it. A file of version 2 is held in memory while
// it is read; Load does without.
func Read(rd io.Reader) (*Ring, error) {
	keep := &recorder{in: rd}
	version, in, err := open(keep)
	if err == nil {
		if version != Format2 {
			keep.stop = true
			keep.kept = bytes.Buffer{}
		}
		var r *Ring
		if r, err = decode(version, in, keep.all); err == nil {
			return r, nil
		}
	}
	return nil, swift.E("ring.Read", "", swift.Corrupt, err)
}

// recorder keeps what is read through it until it is told to stop.
type recorder struct {
	in   io.Reader
	kept bytes.Buffer
	stop bool
}

func (k *recorder) Read(p []byte) (int, error) {
	n, err := k.in.Read(p)
	if !k.stop {
		_, _ = k.kept.Write(p[:n])
	}
	return n, err
}

// all reads to the end and returns everything.
func (k *recorder) all() (io.ReaderAt, int64, error) {
	n, err := io.Copy(io.Discard, io.LimitReader(k, maxStream))
	if err != nil {
		return nil, 0, err
	}
	if n == maxStream {
		return nil, 0, fmt.Errorf("longer than %d bytes", maxStream)
	}
	return bytes.NewReader(k.kept.Bytes()), int64(k.kept.Len()), nil
}

// open reads the magic and the version; in goes on behind them.
func open(rd io.Reader) (version int, in io.Reader, err error) {
	buf := bufio.NewReaderSize(rd, 64<<10)
	// Protocol 2 pickles, in which rings were once written, start with 0x80.
	if first, err := buf.Peek(1); err == nil && first[0] == 0x80 {
		return 0, nil, errVersion0
	}
	zip, err := gzip.NewReader(buf)
	if err != nil {
		return 0, nil, fmt.Errorf("not a ring file: %w", err)
	}
	in = bufio.NewReaderSize(zip, 64<<10)
	var fixed [6]byte
	if _, err := io.ReadFull(in, fixed[:]); err != nil {
		return 0, nil, fmt.Errorf("header: %w", err)
	}
	if fixed[0] == 0x80 {
		return 0, nil, errVersion0
	}
	if string(fixed[:4]) != magic {
		return 0, nil, fmt.Errorf("starts with %q instead of %q", fixed[:4], magic)
	}
	version = int(binary.BigEndian.Uint16(fixed[4:]))
	if version != Format1 && version != Format2 {
		return 0, nil, fmt.Errorf("format version %d; only %d and %d can be read", version, Format1, Format2)
	}
	return version, in, nil
}

var errVersion0 = errors.New("a pickled ring of version 0, which is not read; write it again with swift-ring-builder write_ring")

// decode reads a ring whose version is known: from in, or, if it has an
// index, from the whole file.
func decode(version int, in io.Reader, whole func() (io.ReaderAt, int64, error)) (*Ring, error) {
	if version == Format1 {
		return readV1(in)
	}
	file, size, err := whole()
	if err != nil {
		return nil, err
	}
	r, err := readV2(file, size)
	if err != nil {
		return nil, err
	}
	r.format = Format2
	return r, nil
}

// assemble makes the ring that was read; its parts were checked.
func assemble(devs []*Device, partShift *uint, idBytes int, rows []row, version *int64, next *int) *Ring {
	r := newRing(devs, 32-*partShift, idBytes, rows)
	r.format = Format1
	if version != nil {
		r.info.Version = *version
	}
	if next != nil {
		r.info.NextPartPower = *next
	}
	return r
}

// readText reads a text of the length that the file claims.
func readText(in io.Reader, what string, size uint64) ([]byte, error) {
	if size > maxText {
		return nil, fmt.Errorf("%s of %d bytes; at most %d are accepted", what, size, maxText)
	}
	var text bytes.Buffer // grows with what is there, whatever size says
	if _, err := io.CopyN(&text, in, int64(size)); err != nil {
		return nil, fmt.Errorf("%s: %w", what, noEOF(err))
	}
	return text.Bytes(), nil
}

func checkPartShift(shift *uint) error {
	if shift == nil || *shift > 32 {
		return errors.New("part_shift is not a number from 0 to 32")
	}
	return nil
}

// checkDevices completes devices that lack what later versions added.
func checkDevices(devs []*Device, idBytes int) error {
	if uint64(len(devs)) > uint64(noneOf(idBytes)) {
		return fmt.Errorf("%d devices do not fit ids of %d bytes", len(devs), idBytes)
	}
	for id, d := range devs {
		if d == nil {
			continue
		}
		if d.ID != id {
			return fmt.Errorf("device %d stands at place %d", d.ID, id)
		}
		// Rings older than the separate replication network lack these.
		if d.ReplicationIP == "" {
			d.ReplicationIP = d.IP
		}
		if d.ReplicationPort == 0 {
			d.ReplicationPort = d.Port
		}
	}
	return nil
}

// decoding is how the arrays of a file are to be understood.
type decoding struct {
	idBytes int
	order   binary.ByteOrder
	devs    []*Device
}

// readRow reads up to parts ids; fewer only at the end of in.
func readRow(in io.Reader, parts int, d decoding) (row, error) {
	var raw bytes.Buffer // grows with what is there
	if _, err := io.CopyN(&raw, in, int64(d.idBytes)*int64(parts)); err != nil && err != io.EOF {
		return row{}, err
	}
	if raw.Len()%d.idBytes != 0 {
		return row{}, errors.New("ends within a device id")
	}
	n, b := raw.Len()/d.idBytes, raw.Bytes()
	w := row{}
	if d.idBytes == 2 {
		w.narrow = make([]uint16, n)
		for part := range w.narrow {
			w.narrow[part] = d.order.Uint16(b[2*part:])
		}
	} else {
		w.wide = make([]uint32, n)
		for part := range w.wide {
			w.wide[part] = d.order.Uint32(b[4*part:])
		}
	}
	return w, d.check(w)
}

func (d decoding) check(w row) error {
	none := noneOf(d.idBytes)
	for part := range w.len() {
		id := w.at(part)
		if id != none && (uint64(id) >= uint64(len(d.devs)) || d.devs[id] == nil) {
			return fmt.Errorf("partition %d is assigned to device %d, which does not exist", part, id)
		}
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// eachChunk hands over all arrays, piece by piece.
func (r *Ring) eachChunk(order appender, put func([]byte)) {
	const chunk = 8 << 10 // ids
	var b []byte
	for _, w := range r.rows {
		for from := 0; from < w.len(); from += chunk {
			b = w.appendIDs(b[:0], from, min(from+chunk, w.len()), order)
			put(b)
		}
	}
}

// Write writes the content of a ring file of version 1.
func (r *Ring) Write(w io.Writer) error { return r.WriteFormat(w, Format1) }

// WriteFormat writes the content of a ring file of version 1 or 2. Version 1
// cannot hold a ring whose ids have more than two bytes; that is an error of
// kind swift.Invalid.
func (r *Ring) WriteFormat(w io.Writer, format int) error { return r.encode(w, format, "") }

func (r *Ring) encode(w io.Writer, format int, name string) error {
	const op = "ring.Write"
	if err := r.writable(format); err != nil {
		return swift.E(op, "", swift.Invalid, err)
	}
	b := newBlocks(w, name)
	b.stored(binary.BigEndian.AppendUint16([]byte(magic), uint16(format)))
	if format == Format1 {
		r.encodeV1(b)
	} else {
		r.encodeV2(b)
	}
	if err := b.finish(); err != nil {
		return swift.E(op, "", swift.Other, err)
	}
	return nil
}

func (r *Ring) writable(format int) error {
	if format != Format1 && format != Format2 {
		return fmt.Errorf("format version %d; it must be one of (%d, %d)", format, Format1, Format2)
	}
	if format == Format1 && r.idBytes != 2 {
		return fmt.Errorf("Ring v1 only supports 2-byte dev IDs, this ring has %d bytes; write it with format version 2", r.idBytes)
	}
	for id, d := range r.devs {
		if d != nil && (math.IsNaN(d.Weight) || math.IsInf(d.Weight, 0)) {
			return fmt.Errorf("device %d has a weight of %g", id, d.Weight)
		}
	}
	return nil
}

// Save writes a ring file of version 1 in one step: a reader or a power cut
// finds the old file or the new one, whole.
func (r *Ring) Save(fs host.FS, name string) error { return r.SaveFormat(fs, name, Format1) }

// SaveFormat is Save for a given version of the format.
func (r *Ring) SaveFormat(fs host.FS, name string, format int) error {
	dir := path.Dir(name)
	tmp := path.Join(dir, "."+path.Base(name)+"."+strconv.FormatUint(rand.Uint64(), 36))
	err := r.saveTo(fs, tmp, path.Base(name), format)
	if err == nil {
		err = fs.Rename(tmp, name)
	}
	if err != nil {
		_ = fs.Remove(tmp)
		return swift.E("ring.Save", name, swift.KindOf(err), err)
	}
	if err := fs.SyncDir(dir); err != nil {
		return swift.E("ring.Save", name, swift.Other, err)
	}
	return nil
}

func (r *Ring) saveTo(fs host.FS, name, final string, format int) error {
	f, err := fs.OpenFile(name, host.ReadWrite|host.Create|host.Exclusive, 0o644)
	if err != nil {
		return err
	}
	err = r.encode(f, format, original(final))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// original is the name that gzip records: without ".gz", and none at all if it
// is not plain text.
func original(name string) string {
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' {
			return ""
		}
	}
	return strings.TrimSuffix(name, ".gz")
}
