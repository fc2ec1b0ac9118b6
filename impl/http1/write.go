package http1

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
)

// AppendRequestLine appends a request's first line. The target must be as it
// goes over the wire.
func AppendRequestLine(dst []byte, method, target string) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, target...)
	return append(dst, " HTTP/1.1\r\n"...)
}

// AppendStatusLine appends a response's first line.
func AppendStatusLine(dst []byte, status int, reason string) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	return append(dst, "\r\n"...)
}

// AppendField appends a field. Control characters of the value become spaces.
func AppendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	value = trim(value)
	from := len(dst)
	dst = append(dst, value...)
	if !ValidValue(value) {
		for i, c := range dst[from:] {
			if class[c] == control {
				dst[from+i] = ' '
			}
		}
	}
	return append(dst, "\r\n"...)
}

// AppendHeader appends the fields of h in the order of their names but for
// those that skip, if not nil, reports. Names that cannot be sent are dropped.
func AppendHeader(dst []byte, h http.Header, skip func(name string) bool) []byte {
	var few [32]string
	names := few[:0]
	for name := range h {
		if ValidName(name) && (skip == nil || !skip(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range h[name] {
			dst = AppendField(dst, name, value)
		}
	}
	return dst
}

const (
	crlf      = "\r\n"
	lastChunk = "0\r\n\r\n"
)

// ChunkWriter writes a body in chunks, one for each Write, at once. Close
// writes the end of the body and leaves w open.
type ChunkWriter struct {
	w      io.Writer
	size   [18]byte
	pieces [3][]byte
	vector net.Buffers
}

// NewChunkWriter writes to w; a connection gets each chunk in one call.
func NewChunkWriter(w io.Writer) *ChunkWriter { return &ChunkWriter{w: w} }

// Write writes one chunk; none for an empty p, which would end the body.
func (c *ChunkWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	head := AppendChunkSize(c.size[:0], len(p))
	c.pieces = [3][]byte{head, p, []byte(crlf)}
	c.vector = c.pieces[:]
	n, err := c.vector.WriteTo(c.w)
	c.pieces[1] = nil
	return min(max(int(n)-len(head), 0), len(p)), err
}

// Close writes the end of the body.
func (c *ChunkWriter) Close() error {
	_, err := io.WriteString(c.w, lastChunk)
	return err
}

// AppendChunkSize appends what is before the data of a chunk.
func AppendChunkSize(dst []byte, size int) []byte {
	dst = strconv.AppendInt(dst, int64(size), 16)
	return append(dst, crlf...)
}
