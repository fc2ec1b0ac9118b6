package main

import (
	"io"
	"net"
	"testing"
)

func TestAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		pieces []string
		status int
		body   string
		bad    bool
	}{
		"whole":      {[]string{"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 3\r\n\r\nabc"}, 200, "abc", false},
		"any case":   {[]string{"HTTP/1.1 201 Created\r\ncontent-length:0\r\n\r\n"}, 201, "", false},
		"in pieces":  {[]string{"HTTP/1.1 2", "00 OK\r\nContent-Length: 3\r\n\r", "\n", "a", "bc"}, 200, "abc", false},
		"cut off":    {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"}, 0, "", true},
		"too long":   {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd"}, 0, "", true},
		"huge":       {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"}, 0, "", true},
		"no length":  {[]string{"HTTP/1.1 200 OK\r\nDate: x\r\n\r\n"}, 0, "", true},
		"bad length": {[]string{"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n"}, 0, "", true},
		"no HTTP":    {[]string{"220 hello, this is mail\r\n\r\n"}, 0, "", true},
	} {
		near, far := net.Pipe()
		go func() {
			for _, p := range tc.pieces {
				_, _ = io.WriteString(far, p)
			}
			_ = far.Close()
		}()
		c := &conn{Conn: near, in: make([]byte, 16<<10)}
		a, err := c.answer()
		if (err != nil) != tc.bad {
			t.Errorf("%s: error %v", name, err)
		}
		if !tc.bad && (a.status != tc.status || string(a.body) != tc.body) {
			t.Errorf("%s: %d %q", name, a.status, a.body)
		}
		_ = near.Close()
	}
}
