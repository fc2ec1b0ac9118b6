package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Bounds of a chunked body.
const (
	maxChunkLine = 512     // a chunk's size with its extensions
	maxTrailers  = 8 << 10 // all trailers together
)

var errChunk = errors.New("malformed chunk")

// Body reads a body as its head frames it. The error is io.EOF behind the last
// byte and io.ErrUnexpectedEOF if the connection ended before; it
// stays. A body of known length ends together with its last byte, and so do
// chunks whose end is in the buffer already.
type Body struct {
	br   *bufio.Reader
	left int64 // of the body or of the chunk
	mode mode
	err  error
}

type mode byte

const (
	fixed mode = iota
	untilClose
	firstChunk // a size comes next
	inChunk    // or behind the data of a chunk
)

// NewBody reads a body of this length from br.
func NewBody(br *bufio.Reader, length int64) *Body {
	b := &Body{}
	b.Reset(br, length)
	return b
}

// Reset makes b another body.
func (b *Body) Reset(br *bufio.Reader, length int64) {
	*b = Body{br: br}
	switch length {
	case Chunked:
		b.mode = firstChunk
	case UntilClose:
		b.mode = untilClose
	default:
		b.left = length
		if length == 0 {
			b.err = io.EOF
		}
	}
}

// Err is nil while some of the body may come, io.EOF once it has been read,
// else why it cannot be read.
func (b *Body) Err() error { return b.err }

// Direct is how many bytes, next of the body, come from below the buffer and
// may be taken there; 0 if the buffer has some or they are framed.
func (b *Body) Direct() int64 {
	if b.err != nil || b.mode != fixed || b.br.Buffered() > 0 {
		return 0
	}
	return b.left
}

// Took says that n bytes, at most Direct, were taken below the buffer, or why no
// more can be had. The error is as Read's.
func (b *Body) Took(n int64, err error) error {
	b.left -= n
	switch {
	case b.left == 0:
		b.err = io.EOF
	case err != nil:
		b.err = cutShort(err, true)
	}
	return b.err
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (n int, err error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	switch b.mode {
	case untilClose:
		n, b.err = b.br.Read(p)
		return n, b.err
	case fixed:
	default:
		if b.left == 0 {
			b.nextChunk()
		}
	}
	if b.err == nil {
		n = b.read(p)
	}
	return n, b.err
}

// read takes of what is left of the body or the chunk.
func (b *Body) read(p []byte) int {
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.br.Read(p)
	b.left -= int64(n)
	switch {
	case err != nil:
		b.err = cutShort(err, true)
	case b.left > 0:
	case b.mode == fixed:
		b.err = io.EOF
	default:
		b.endEarly()
	}
	return n
}

// endEarly ends chunks whose end is in the buffer.
func (b *Body) endEarly() {
	const end = "\r\n0\r\n\r\n"
	if b.br.Buffered() < len(end) {
		return
	}
	if next, _ := b.br.Peek(len(end)); string(next) == end {
		_, _ = b.br.Discard(len(end))
		b.err = io.EOF
	}
}

// nextChunk reads what is between the data of two chunks, or behind the last.
func (b *Body) nextChunk() {
	if b.mode == inChunk {
		if line, err := b.line(len(crlf)); err != nil || len(line) > 0 {
			b.fail(err)
			return
		}
	}
	b.mode = inChunk
	line, err := b.line(maxChunkLine)
	if err != nil {
		b.fail(err)
		return
	}
	var ok bool
	if b.left, ok = parseChunkSize(line); !ok {
		b.fail(nil)
		return
	}
	if b.left == 0 {
		b.trailers()
	}
}

func (b *Body) fail(err error) {
	if err == nil {
		err = errChunk
	}
	b.err = cutShort(err, true)
}

// trailers reads the lines behind the last chunk.
func (b *Body) trailers() {
	for left := maxTrailers; ; {
		line, err := b.line(left)
		if err == nil && len(line) == 0 {
			b.err = io.EOF
			return
		}
		left -= len(line) + len(crlf)
		if err == nil {
			_, _, err = parseField(string(line))
		}
		if err != nil {
			b.fail(err)
			return
		}
	}
}

// line reads a line that ends in CRLF, of at most most bytes with its end. It
// is valid until the next read.
func (b *Body) line(most int) ([]byte, error) {
	line, err := b.br.ReadSlice('\n')
	if err == bufio.ErrBufferFull || len(line) > most {
		return nil, errChunk
	}
	if err != nil {
		return nil, err
	}
	line, ok := bytes.CutSuffix(line, []byte(crlf))
	if !ok {
		return nil, errChunk
	}
	return line, nil
}

// parseChunkSize reads hexadecimal digits and passes over extensions.
func parseChunkSize(line []byte) (int64, bool) {
	size, rest, _ := bytes.Cut(line, []byte(";"))
	if !ValidValue(string(rest)) {
		return 0, false
	}
	size = bytes.TrimRight(size, " \t")
	if len(size) == 0 || len(size) > 16 {
		return 0, false
	}
	var n uint64
	for _, c := range size {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint64(c)
	}
	return int64(n), n < 1<<63
}
