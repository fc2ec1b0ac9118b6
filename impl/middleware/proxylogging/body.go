package proxylogging

import (
	"errors"
	"io"
	"net"

	"apus/impl/swift"
	"apus/impl/web"
)

// countingReader counts a request's body and notices that the client left.
type countingReader struct {
	inner web.Reader
	n     int64
	gone  bool
	flow  *flow // nil if nobody wants to know before the end
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.inner.Read(p)
	c.n += int64(n)
	c.flow.add(n, err != nil)
	if swift.Is(err, swift.ClientGone) {
		c.gone = true
	}
	return n, err
}

// body counts a response's body and has the line written at its close.
type body struct {
	io.ReadCloser
	x      *exchange
	flow   *flow // nil if nobody wants to know before the end
	length int64 // -1 unknown
	ended  bool  // read to its end
	failed bool  // could not be read to its end
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.x.rec.sent += int64(n)
	b.flow.add(n, false)
	b.saw(err)
	return n, err
}

// connBody is a body whose bytes need not be read.
type connBody struct {
	*body
	inner web.ConnSource
}

// Conn implements web.ConnSource.
func (c *connBody) Conn() (net.Conn, int64) { return c.inner.Conn() }

// Took implements web.ConnSource.
func (c *connBody) Took(n int64, err error) error {
	err = c.inner.Took(n, err)
	c.x.rec.sent += n
	c.saw(err)
	return err
}

func (b *body) saw(err error) {
	if err == io.EOF {
		b.ended = true
	} else if err != nil {
		b.failed = true
	}
}

// Close judges how the body ended. A body of known length is complete when
// that much was taken from it, whether or not its end was seen.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	if b.closed {
		return err
	}
	b.closed = true
	b.flow.add(0, true)
	complete := b.ended || b.length >= 0 && b.x.rec.sent >= b.length
	switch {
	case b.failed:
		b.x.status = 500
	case !complete:
		b.x.status = 499
	}
	b.x.finish()
	return err
}

// copyingBody keeps the fast path of a body that has one.
type copyingBody struct {
	*body
	wt io.WriterTo
}

func (c *copyingBody) WriteTo(w io.Writer) (int64, error) {
	s := &sink{w: w}
	n, err := c.wt.WriteTo(s)
	c.x.rec.sent += n
	switch {
	case err == nil:
		c.ended = true
	case !s.failed:
		c.failed = true
	}
	return n, err
}

// sink tells a client who does not take the body from a body that fails.
type sink struct {
	w      io.Writer
	failed bool
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.failed = s.failed || err != nil
	return n, err
}

// ReadFrom hands on to the edge, which may use sendfile. There, errors of
// reading carry a kind and errors of writing do not.
func (s *sink) ReadFrom(src io.Reader) (int64, error) {
	rf, ok := s.w.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{s}, src)
	}
	n, err := rf.ReadFrom(src)
	var known *swift.Error
	s.failed = s.failed || err != nil && !errors.As(err, &known)
	return n, err
}
