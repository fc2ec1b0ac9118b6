// Package load measures a Swift cluster through its proxy: clients with one raw
// keep-alive connection each, so that they take as little of a shared machine
// as they can, send the same request over and over for a while.
package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// client is one keep-alive connection, used by one goroutine.
type client struct {
	host, token string
	conn        net.Conn
	in          *bufio.Reader
	head        []byte
	piece       []byte // of a body; small, so that it stays in the processor's cache
}

// pieceSize is how much of a body is read at once.
const pieceSize = 64 << 10

// requestLimit bounds one request.
const requestLimit = time.Minute

// reply is the part of an answer that a measurement needs.
type reply struct {
	status  int
	length  int64
	storage string
	token   string
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// do sends a request, with the parts of body one after another, and reads the
// answer to its end; see, if not nil, gets its body, piece by piece. After an
// error the connection is closed, and the next request opens another.
func (c *client) do(method, path, header string, body [][]byte, see func(piece []byte)) (r reply, err error) {
	if c.conn == nil {
		if c.conn, err = net.DialTimeout("tcp", c.host, requestLimit); err != nil {
			c.conn = nil
			return r, err
		}
		c.in = bufio.NewReaderSize(c.conn, 4<<10) // more than any head
	}
	closing := false
	if err = c.send(method, path, header, body); err == nil {
		r, closing, err = c.receive(see)
	}
	if err != nil || closing {
		c.close()
	}
	return r, err
}

func (c *client) send(method, path, header string, body [][]byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(requestLimit)); err != nil {
		return err
	}
	h := append(c.head[:0], method...)
	h = append(append(h, ' '), path...)
	h = append(append(h, " HTTP/1.1\r\nHost: "...), c.host...)
	h = append(append(h, "\r\n"...), header...)
	if c.token != "" {
		h = append(append(append(h, "X-Auth-Token: "...), c.token...), "\r\n"...)
	}
	if method == "PUT" {
		length := 0
		for _, part := range body {
			length += len(part)
		}
		h = append(strconv.AppendInt(append(h, "Content-Length: "...), int64(length), 10), "\r\n"...)
	}
	c.head = append(h, "\r\n"...)
	if len(body) == 0 {
		_, err := c.conn.Write(c.head)
		return err
	}
	parts := append(net.Buffers{c.head}, body...)
	_, err := parts.WriteTo(c.conn)
	return err
}

var errNoLength = errors.New("an answer has no Content-Length")

func (c *client) receive(see func([]byte)) (r reply, closing bool, err error) {
	line, err := c.line()
	if err != nil {
		return r, false, err
	}
	version, rest, _ := bytes.Cut(line, []byte(" "))
	if !bytes.HasPrefix(version, []byte("HTTP/1.")) || len(rest) < 3 {
		return r, false, fmt.Errorf("the answer begins with %q", line)
	}
	if r.status, err = strconv.Atoi(string(rest[:3])); err != nil {
		return r, false, fmt.Errorf("the answer begins with %q", line)
	}
	r.length = -1
	for {
		if line, err = c.line(); err != nil {
			return r, false, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if r.length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return r, false, err
			}
		case bytes.EqualFold(name, []byte("Connection")):
			closing = bytes.EqualFold(value, []byte("close"))
		case bytes.EqualFold(name, []byte("X-Storage-Url")):
			r.storage = string(value)
		case bytes.EqualFold(name, []byte("X-Auth-Token")):
			r.token = string(value)
		}
	}
	if r.length < 0 && r.status == 204 {
		r.length = 0
	}
	if r.length < 0 {
		return r, true, errNoLength
	}
	return r, closing, c.read(r.length, see)
}

// read reads a body.
func (c *client) read(length int64, see func([]byte)) error {
	if c.piece == nil {
		c.piece = make([]byte, pieceSize)
	}
	for left := length; left > 0; {
		n, err := c.in.Read(c.piece[:min(left, pieceSize)])
		left -= int64(n)
		if see != nil {
			see(c.piece[:n])
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *client) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}
