package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// conn is one keep-alive connection.
type conn struct {
	net.Conn
	in, out []byte
}

// dial makes a connection that is good for limit.
func (s *server) dial(limit time.Duration) (*conn, error) {
	c, err := net.DialTimeout("tcp", s.addr, requestLimit)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		_ = c.Close()
		return nil, err
	}
	return &conn{Conn: c, in: make([]byte, 16<<10)}, nil
}

// do sends a request and reads the answer to its end. It must have the status,
// and the body unless that is nil.
func (c *conn) do(request []byte, status int, body []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	a, err := c.answer()
	line, _, _ := bytes.Cut(request, []byte("\r\n"))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", line, err)
	case a.status != status:
		return fmt.Errorf("%s: status %d, want %d", line, a.status, status)
	case body != nil && !bytes.Equal(a.body, body):
		return fmt.Errorf("%s: %d bytes that are not the %d that were stored", line, len(a.body), len(body))
	}
	return nil
}

type answer struct {
	status int
	body   []byte // valid until the next answer
}

var (
	errAnswer = errors.New("an answer is no HTTP with a Content-Length")
	errSize   = fmt.Errorf("an answer is not one of less than %d bytes", 16<<10)
)

// answer reads an answer; nothing may follow it.
func (c *conn) answer() (a answer, err error) {
	have, head, total := 0, -1, 0
	for head < 0 || have < total {
		if have == len(c.in) || total > len(c.in) {
			return a, errSize
		}
		n, err := c.Read(c.in[have:])
		if err != nil {
			return a, err
		}
		have += n
		if head < 0 {
			if head = bytes.Index(c.in[:have], []byte("\r\n\r\n")); head < 0 {
				continue
			}
			var length int
			if a.status, length, err = parseHead(c.in[:head]); err != nil {
				return a, err
			}
			head += len("\r\n\r\n")
			total = head + length
		}
	}
	if have != total {
		return a, errSize
	}
	a.body = c.in[head:total]
	return a, nil
}

// parseHead reads the status line and the Content-Length of an answer's head.
func parseHead(head []byte) (status, length int, err error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, 0, errAnswer
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, errAnswer
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		const name = "Content-Length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):])))
			if err != nil || length < 0 {
				return 0, 0, errAnswer
			}
			return status, length, nil
		}
	}
	return 0, 0, errAnswer
}
