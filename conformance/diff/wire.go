package diff

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	exchangeLimit = 30 * time.Second
	continueLimit = 2 * time.Second
	bodyLimit     = 8 << 20
	headLimit     = 200 // lines
)

// wire sends requests byte for byte and keeps heads of answers as they came,
// which net/http's client does not. It keeps one connection open. It is for
// one goroutine.
type wire struct {
	addr string
	dial func(ctx context.Context, addr string) (net.Conn, error)
	conn net.Conn
	r    *bufio.Reader
}

func (w *wire) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

// do sends one request; what goes wrong is in the answer's Failure.
func (w *wire) do(ctx context.Context, r *Request, host, token string) *Answer {
	kept := w.conn != nil
	a, err := w.try(ctx, r, host, token)
	if err != nil && kept && a.Status == 0 && ctx.Err() == nil {
		// The endpoint may have closed the connection since its last answer.
		w.close()
		a, err = w.try(ctx, r, host, token)
	}
	if err != nil {
		w.close()
		a.Failure = plain(err)
	}
	body := r.Body != "" || r.Chunked
	if strings.EqualFold(a.Get("Connection"), "close") || body && a.Status/100 != 2 || r.Get("Connection") != "" {
		w.close()
	}
	return a
}

// plain is an error without what differs from run to run.
func plain(err error) string {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "reset by peer"),
		strings.Contains(err.Error(), "broken pipe"):
		return "connection closed"
	}
	return err.Error()
}

func (w *wire) try(ctx context.Context, r *Request, host, token string) (*Answer, error) {
	if w.conn == nil {
		c, err := w.dial(ctx, w.addr)
		if err != nil {
			return &Answer{}, err
		}
		w.conn, w.r = c, bufio.NewReader(c)
	}
	if err := w.conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return &Answer{}, err
	}
	expects := r.Get("Expect") != ""
	text := head(r, host, token)
	if !expects {
		text += payload(r)
	}
	_, sendErr := io.WriteString(w.conn, text)
	a := &Answer{}
	if expects && sendErr == nil {
		_ = w.conn.SetReadDeadline(time.Now().Add(continueLimit))
		_, err := w.r.Peek(1)
		_ = w.conn.SetReadDeadline(time.Now().Add(exchangeLimit))
		if err == nil {
			if err := w.answerHead(a); err != nil {
				return a, err
			}
			if a.Status/100 != 1 {
				return a, w.answerBody(a, r.Method)
			}
		}
		_, sendErr = io.WriteString(w.conn, payload(r))
		a.Interim, a.Status = a.Status, 0
	}
	if err := w.answerHead(a); err != nil {
		return a, errors.Join(err, sendErr)
	}
	if expects && a.Status == 100 && a.Interim == 0 {
		// It took longer than was waited for.
		a.Interim, a.Status = a.Status, 0
		if err := w.answerHead(a); err != nil {
			return a, err
		}
	}
	return a, w.answerBody(a, r.Method)
}

// head is the request line and its headers.
func head(r *Request, host, token string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Target, orElse(r.Host, host))
	if token != "" {
		fmt.Fprintf(&b, "X-Auth-Token: %s\r\n", token)
	}
	for _, h := range r.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	switch {
	case r.Get("Content-Length") != "":
	case r.Chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case r.Body != "" || r.Method == "PUT" || r.Method == "POST":
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.Body))
	}
	b.WriteString("\r\n")
	return b.String()
}

func payload(r *Request) string {
	if !r.Chunked {
		return r.Body
	}
	if r.Body == "" {
		return "0\r\n\r\n"
	}
	return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(r.Body), r.Body)
}

func (w *wire) line() (string, error) {
	s, err := w.r.ReadString('\n')
	return strings.TrimRight(s, "\r\n"), err
}

func (w *wire) answerHead(a *Answer) error {
	s, err := w.line()
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(s, " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil {
		return fmt.Errorf("status line %.80q", s)
	}
	a.Header = nil
	for range headLimit {
		s, err := w.line()
		if err != nil {
			return err
		}
		if s == "" {
			a.Status, a.Reason = status, reason
			return nil
		}
		name, value, _ := strings.Cut(s, ":")
		a.Header = append(a.Header, Header{name, strings.TrimSpace(value)})
	}
	return errors.New("endless head")
}

func (w *wire) answerBody(a *Answer, method string) error {
	if method == "HEAD" || a.Status == 204 || a.Status == 304 {
		return nil
	}
	if strings.EqualFold(a.Get("Transfer-Encoding"), "chunked") {
		return w.chunks(a)
	}
	length := a.Get("Content-Length")
	if length == "" {
		b, err := io.ReadAll(io.LimitReader(w.r, bodyLimit))
		a.Body = string(b)
		w.close()
		return err
	}
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > bodyLimit {
		return fmt.Errorf("Content-Length %.40q", length)
	}
	b := make([]byte, n)
	n, err = io.ReadFull(w.r, b)
	a.Body = string(b[:n])
	return err
}

func (w *wire) chunks(a *Answer) error {
	var b strings.Builder
	defer func() { a.Body = b.String() }()
	for b.Len() <= bodyLimit {
		s, err := w.line()
		if err != nil {
			return err
		}
		size, _, _ := strings.Cut(s, ";")
		n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("chunk of %.40q", s)
		}
		if n > 0 {
			if _, err := io.CopyN(&b, w.r, n); err != nil {
				return err
			}
		}
		if s, err = w.line(); err != nil || s != "" {
			return errors.Join(err, fmt.Errorf("chunk ends with %.40q", s))
		}
		if n == 0 {
			return nil
		}
	}
	return errors.New("endless body")
}
