package backend

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/host"
	"apus/impl/http1"
	"apus/impl/web"
)

// pieceSize is how much of a body that must be read first goes out at once.
const pieceSize = 32 << 10

var errTarget = errors.New("the query cannot be sent")

// constant is a body whose bytes can be had again.
type constant interface {
	io.ReaderAt
	Size() int64
}

// constant is the body if its bytes are constant, all of it and of known
// length; else nil.
func (req *Request) constant() constant {
	if b, ok := req.Body.(constant); ok && b.Size() == req.ContentLength {
		return b
	}
	return nil
}

// appendBody appends a body.
func appendBody(dst []byte, body constant) ([]byte, error) {
	head := len(dst)
	dst = append(dst, make([]byte, body.Size())...)
	_, err := io.ReadFull(io.NewSectionReader(body, 0, body.Size()), dst[head:])
	return dst, err
}

// appendHead appends the head of the request. The length is that of the body;
// none says that there is no body.
func (req *Request) appendHead(dst []byte, length int64, none bool) ([]byte, error) {
	target := web.EscapePath(req.Path)
	if req.RawQuery != "" {
		if !http1.ValidValue(req.RawQuery) || strings.ContainsAny(req.RawQuery, " \t") {
			return dst, errTarget
		}
		target += "?" + req.RawQuery
	}
	dst = http1.AppendRequestLine(dst, req.Method, target)
	dst = http1.AppendField(dst, "Host", req.Addr)
	dst = http1.AppendHeader(dst, req.Header, framing)
	switch {
	case none && req.Method != http.MethodPut && req.Method != http.MethodPost:
	case length < 0:
		dst = http1.AppendField(dst, "Transfer-Encoding", "chunked")
	default:
		dst = append(dst, "Content-Length: "...)
		dst = append(strconv.AppendInt(dst, length, 10), "\r\n"...)
	}
	return append(dst, "\r\n"...), nil
}

// framing are the fields that say where the message ends and whom it is for;
// they are the client's own.
func framing(name string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}

// send writes the request: its head, together with a small constant body, then
// the rest. The error is that of the connection; one of the body goes to
// x.fault. The node gets its time for each write and, without a body,
// for the answer with it.
func (x *exchange) send() error {
	req, length := x.req, x.req.ContentLength
	if req.Body == nil {
		length = 0
	}
	out, err := req.appendHead(x.cn.out[:0], length, req.Body == nil)
	if err != nil {
		x.fault = err
		return nil
	}
	body := req.Body
	if c := req.constant(); c != nil {
		body = io.NewSectionReader(c, 0, length)
		if length <= writeBuffer/2 {
			if out, x.fault = appendBody(out, c); x.fault != nil {
				return nil
			}
			length = 0
		}
	}
	if err := x.write(out); err != nil {
		return err
	}
	if length != 0 {
		return x.stream(body, length)
	}
	x.whole = true
	return nil
}

// write writes the head and what else is in out, which becomes the
// connection's buffer.
func (x *exchange) write(out []byte) error {
	if cap(out) <= writeBuffer {
		x.cn.out = out
	}
	_ = x.cn.SetDeadline(host.Deadline(x.limit))
	n, err := x.cn.Write(out)
	x.began = n > 0
	return err
}

// stream copies the body, until its end or until the node answers.
func (x *exchange) stream(body io.Reader, length int64) error {
	defer x.patience()
	piece := x.c.pieces.Get()
	defer piece.Release()
	s := newSink(x.cn, length)
	for s.left != 0 {
		p := s.fit(piece.Space())
		n, err := body.Read(p)
		if n > 0 {
			if x.cn.speaks() {
				return nil
			}
			if err := s.write(p[:n], x.limit); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			x.fault = err
			return nil
		}
	}
	if s.left > 0 {
		x.fault = errShortBody
		return nil
	}
	err := s.end(x.limit)
	x.whole = err == nil
	return err
}
