package web

import (
	"io"
	"net"

	"apus/impl/host"
)

// ConnSource is a body whose next bytes are perhaps to be had from a connection,
// without reading them.
type ConnSource interface {
	// Conn is the connection that the next n bytes come from, with its read
	// deadline set for the first of them; n is 0 if they must be read instead.
	Conn() (c net.Conn, n int64)
	// Took says that n bytes were taken from the connection, or what came
	// instead. The error, if any, is the body's, as Read would give it; a body
	// that goes on elsewhere has none.
	Took(n int64, err error) error
}

// connReader is a body that can be read, too.
type connReader interface {
	io.Reader
	ConnSource
}

// spliceFrom is how much must be due for the bytes to bypass this process;
// a few are read faster than another pipe is had.
const spliceFrom = 64 << 10

// joint is a splice to the client from the connection that it was made for.
type joint struct {
	host.Splice
	from net.Conn
}

func (j *joint) close() {
	if j.Splice != nil {
		j.Splice.Close()
	}
}

// splice copies what it can from connection to connection, and the rest by way
// of a buffer.
func (w *clientWriter) splice(src connReader) (total int64, err error) {
	var j joint
	defer func() { j.close() }()
	for w.left > 0 {
		from, due := src.Conn()
		if due > 0 && from != j.from {
			j.close()
			j = joint{w.c.round.cfg.Splicer.Splice(w.c.nc, from), from}
		}
		var n int64
		if due > 0 && j.Splice != nil {
			n, err = w.spliceSome(j, src, due)
		} else {
			n, err = w.copySome(src)
		}
		total += n
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// spliceSome sends what the connection has, at most so many bytes.
func (w *clientWriter) spliceSome(j joint, src connReader, due int64) (total int64, err error) {
	if err := w.flush(); err != nil {
		return 0, err
	}
	n, err := j.Take(min(due, w.left))
	if err = src.Took(n, err); err != nil && n == 0 {
		return 0, err
	}
	for total < n {
		w.extendDeadline()
		m, gerr := j.Give()
		total += m
		w.left -= m
		if gerr != nil {
			w.failed = true
			return total, gerr
		}
	}
	return total, err
}

// copySome is one read and one write.
func (w *clientWriter) copySome(src io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	n, rerr := src.Read(buf[:])
	m, err := w.Write(buf[:n])
	if err == nil {
		err = rerr
	}
	return int64(m), err
}
