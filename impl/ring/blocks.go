package ring

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
)

// gzipTime is the same in every ring file of every Swift, so that equal rings
// are equal files.
const gzipTime = 1300507380

// blocks writes one gzip stream with places in it where a reader can start:
// nothing after a flush refers to what was before it. The first error of the
// writer below stays and is returned by finish.
type blocks struct {
	out     *bufio.Writer
	deflate *flate.Writer
	dirty   bool // something was compressed since the last flush
	packed  int64
	raw     int64
	crc     hash.Hash32
}

// countingWriter counts what reaches the buffer below the compressor.
type countingWriter struct{ b *blocks }

func (c countingWriter) Write(p []byte) (int, error) {
	c.b.packed += int64(len(p))
	return c.b.out.Write(p)
}

// newBlocks starts a stream. name, if not empty, is the original file name in
// the header and must be plain ASCII.
func newBlocks(w io.Writer, name string) *blocks {
	b := &blocks{out: bufio.NewWriterSize(w, 64<<10), crc: crc32.NewIEEE()}
	deflate, err := flate.NewWriter(countingWriter{b}, flate.BestCompression)
	if err != nil {
		panic(err) // only for a bad level
	}
	b.deflate = deflate
	const deflated, bestCompression, unknownSystem = 8, 2, 255
	var flags byte
	if name != "" {
		const hasName = 8
		flags = hasName
	}
	h := binary.LittleEndian.AppendUint32([]byte{0x1f, 0x8b, deflated, flags}, gzipTime)
	h = append(h, bestCompression, unknownSystem)
	if name != "" {
		h = append(append(h, name...), 0)
	}
	b.emit(h)
	return b
}

func (b *blocks) emit(p []byte) { _, _ = countingWriter{b}.Write(p) }

func (b *blocks) count(p []byte) {
	b.raw += int64(len(p))
	_, _ = b.crc.Write(p)
}

// write compresses p. Errors stay in out and are returned by finish.
func (b *blocks) write(p []byte) {
	if len(p) == 0 {
		return
	}
	b.count(p)
	b.dirty = true
	_, _ = b.deflate.Write(p)
}

// flush ends on a byte from which a reader can start.
func (b *blocks) flush() {
	if !b.dirty {
		return
	}
	_ = b.deflate.Flush()
	b.deflate.Reset(countingWriter{b}) // forgets the window
	b.dirty = false
}

// stored writes up to 65535 bytes uncompressed in len(p)+10 bytes: a stored
// block and, as after every flush, an empty one.
func (b *blocks) stored(p []byte) {
	b.flush()
	b.count(p)
	n := uint16(len(p))
	head := binary.LittleEndian.AppendUint16([]byte{0}, n)
	b.emit(binary.LittleEndian.AppendUint16(head, ^n))
	b.emit(p)
	b.emit([]byte{0, 0, 0, 0xff, 0xff})
}

// finish ends the stream: 13 bytes if nothing was compressed since a flush.
func (b *blocks) finish() error {
	if b.dirty {
		_ = b.deflate.Close()
	} else {
		b.emit([]byte{1, 0, 0, 0xff, 0xff})
	}
	tail := binary.LittleEndian.AppendUint32(nil, b.crc.Sum32())
	b.emit(binary.LittleEndian.AppendUint32(tail, uint32(b.raw)))
	return b.out.Flush()
}
