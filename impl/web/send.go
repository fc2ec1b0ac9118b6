package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"apus/impl/host"
)

const (
	copyBufferSize = 64 << 10
	// sendfileChunk bounds what one call may send, so that a slow client is
	// judged by his progress.
	sendfileChunk = 1 << 20
)

var copyBuffers = sync.Pool{New: func() any { return new([copyBufferSize]byte) }}

var (
	keepAlive    = []string{"keep-alive"} // shared, so nobody may write to it
	errBodyLong  = errors.New("the body is longer than its Content-Length")
	errBodyShort = errors.New("the body ended before its Content-Length")
)

// send writes the response and closes its body. After an error the
// connection must be cut.
func (x *exchange) send(resp *Response) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = x.panicked(p)
		}
	}()
	defer func() {
		if cerr := resp.Body.Close(); cerr != nil {
			x.edge.cfg.Log.Debug("close of a response body", "path", x.r.URL.Path, "err", cerr)
		}
	}()
	if x.raw != nil {
		return x.raw.send(x, resp)
	}
	x.writeHeader(resp)
	if x.r.Method == http.MethodHead || !bodyAllowed(resp.Status) {
		return nil
	}
	dst := &clientWriter{w: x.w, rc: x.rc, timeout: x.edge.cfg.ClientTimeout, left: resp.ContentLength}
	dst.held, _ = x.r.Context().Value(heldKey{}).(*heldConn)
	err = dst.copyFrom(resp.Body)
	switch {
	case err == nil && dst.left > 0:
		err = errBodyShort
	case err == nil && resp.Duplex && x.body != nil:
		err = x.settle()
	}
	if err != nil && !dst.failed {
		// The client gets what there is; he may resume from there.
		_ = x.rc.Flush()
	}
	if !dst.flushed {
		x.writeDeadline() // for what net/http still has to flush
	}
	return err
}

// panicked turns a panic of a body into an error, for the header is out.
func (x *exchange) panicked(p any) error {
	if p != http.ErrAbortHandler {
		x.edge.cfg.Log.Error("panic in response body", "method", x.r.Method, "path", x.r.URL.Path,
			"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	return fmt.Errorf("panic: %v", p)
}

func (x *exchange) writeHeader(resp *Response) {
	h := x.w.Header()
	for name, values := range resp.Header {
		h[name] = values
	}
	delete(h, "Transfer-Encoding")
	delete(h, "Content-Length")
	if length := resp.ContentLength; length >= 0 && bodyAllowed(resp.Status) {
		if resp.standard && x.r.Method == http.MethodHead {
			length = 0
		}
		h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
	if resp.Status == http.StatusNoContent {
		// Swift's clients expect a length; net/http lets it pass only under
		// another name than its canonical one.
		h["content-length"] = []string{"0"}
	}
	if resp.Status == http.StatusNotModified && h.Get("Content-Type") != "" {
		// Upstream's 304 tells the entity's type. net/http drops it there, but
		// only under its canonical name.
		h["content-type"] = h["Content-Type"]
	}
	if h.Get("Content-Type") == "" {
		h["Content-Type"] = nil // keeps net/http from guessing one
	}
	if h.Get("Date") == "" {
		h["Date"] = x.edge.date()
	}
	if x.body != nil && x.body.broken() || resp.Status == http.StatusRequestTimeout {
		x.hangUp = true
	}
	if x.hangUp {
		h.Set("Connection", "close")
	} else if x.edge.cfg.IdleTimeout > 0 && strings.EqualFold(x.r.Header.Get("Connection"), "keep-alive") {
		h["Connection"] = keepAlive // whoever asks is told; net/http takes it back where it does not hold
	}
	if !x.hangUp && x.body != nil && x.body.unread() {
		if resp.Duplex && x.rc.EnableFullDuplex() == nil {
			x.writeDeadline()
			x.w.WriteHeader(resp.Status)
			return
		}
		x.writeHeaderAfterRest(resp.Status)
		return
	}
	x.writeDeadline()
	x.w.WriteHeader(resp.Status)
}

// writeHeaderAfterRest is for a request whose body nobody read to its end.
// net/http reads a short rest before it writes the first byte of the answer;
// the client has as long for that as for any read, and the answer must not
// find its own time used up by it.
func (x *exchange) writeHeaderAfterRest(status int) {
	timeout := x.edge.cfg.ClientTimeout
	_ = x.rc.SetReadDeadline(host.Deadline(timeout))
	_ = x.rc.SetWriteDeadline(host.Deadline(2 * timeout))
	x.w.WriteHeader(status)
	_ = x.rc.Flush()
}

// restMax is how much of a request is read away for its connection to carry
// another, as in net/http.
const restMax = 256 << 10

// settle sees to what a duplex response has left of the request. net/http
// would read a short rest after it has stopped to watch the connection, and
// then start to watch it again, at the next request's cost.
func (x *exchange) settle() error {
	if x.body.unread() {
		_, _ = io.CopyN(io.Discard, x.body, restMax)
	}
	if x.body.broken() {
		return x.body.err
	}
	return nil
}

func (x *exchange) writeDeadline() {
	_ = x.rc.SetWriteDeadline(host.Deadline(x.edge.cfg.ClientTimeout))
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// clientWriter writes a body to the client, never more than its length, each
// step within the timeout.
type clientWriter struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration
	left    int64 // -1 for a body of unknown length, whose pieces go out at once
	failed  bool  // the client does not take it
	held    *heldConn
	flushed bool // nothing is left in net/http's buffers
}

var _ io.ReaderFrom = (*clientWriter)(nil)

func (c *clientWriter) copyFrom(body io.Reader) error {
	var err error
	if wt, ok := body.(io.WriterTo); ok {
		_, err = wt.WriteTo(c)
	} else {
		_, err = copyBuffered(writerOnly{c}, body)
	}
	return err
}

func (c *clientWriter) Write(p []byte) (int, error) {
	excess := c.left >= 0 && int64(len(p)) > c.left
	if excess {
		p = p[:c.left]
	}
	_ = c.rc.SetWriteDeadline(host.Deadline(c.timeout))
	n, err := c.write(p)
	if c.left >= 0 {
		c.left -= int64(n)
	} else if err == nil {
		err = c.rc.Flush()
	}
	if err != nil {
		c.failed = true
		return n, err
	}
	if excess {
		return n, errBodyLong
	}
	return n, nil
}

// write sends a body that is here in one piece together with its header, which
// net/http would cut in two in the middle of the body.
func (c *clientWriter) write(p []byte) (int, error) {
	if c.held == nil || int64(len(p)) != c.left || len(p) > holdMax {
		return c.w.Write(p)
	}
	c.held.hold()
	n, err := c.w.Write(p)
	if err == nil {
		err = c.rc.Flush()
	}
	if rerr := c.held.release(); err == nil {
		err = rerr
	}
	c.flushed = err == nil
	return n, err
}

// ReadFrom lets a file reach sendfile, a chunk at a time.
func (c *clientWriter) ReadFrom(src io.Reader) (int64, error) {
	rf, ok := c.w.(io.ReaderFrom)
	if !ok || c.left < 0 {
		return copyBuffered(writerOnly{c}, src)
	}
	limit, limited := src.(*io.LimitedReader)
	var total int64
	for c.left > 0 {
		chunk := &io.LimitedReader{R: src, N: min(c.left, sendfileChunk)}
		if limited { // sendfile looks through one LimitedReader, not two
			chunk.R, chunk.N = limit.R, min(chunk.N, limit.N)
		}
		want := chunk.N
		if want <= 0 {
			return total, nil
		}
		_ = c.rc.SetWriteDeadline(host.Deadline(c.timeout))
		n, err := rf.ReadFrom(chunk)
		total += n
		c.left -= n
		if limited {
			limit.N -= n
		}
		if err != nil || n < want {
			return total, err
		}
	}
	// All is sent; more would be too much.
	n, err := copyBuffered(writerOnly{c}, src)
	return total + n, err
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
