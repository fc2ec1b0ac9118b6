package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"apus/impl/web"
)

// echo answers a duplex request with what it read first, and then, a piece at
// a time, with the rest.
func echo(t *testing.T, rest bool) web.HandlerFunc {
	return func(_ ctx, req *web.Request) *web.Response {
		if req.Method == http.MethodGet {
			return web.Empty(http.StatusNoContent)
		}
		first := make([]byte, 5)
		if _, err := io.ReadFull(req.Body, first); err != nil {
			t.Error(err)
		}
		body := io.Reader(strings.NewReader(string(first)))
		if rest {
			body = io.MultiReader(body, req.Body)
		}
		return &web.Response{
			Status: http.StatusOK, Header: http.Header{}, ContentLength: -1, Duplex: true,
			Body: web.Track("echo", io.NopCloser(body)),
		}
	}
}

// A client who waits for leave to send gets it, and then sends while he
// receives.
func TestDuplex(t *testing.T) {
	edge(t, echo(t, true), func(t *testing.T, c net.Conn) {
		in := bufio.NewReader(c)
		send(t, c, "PUT /v1/a HTTP/1.1", "Host: h", "Content-Length: 400005", "Expect: 100-continue", "", "")
		if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatal(line, err)
		}
		_, _ = in.ReadString('\n')
		send(t, c, "first")
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "first" {
			t.Fatalf("%q %v", got, err)
		}
		// More than the server would read away is still to come.
		send(t, c, strings.Repeat("x", 400_000))
		all, err := io.ReadAll(resp.Body)
		if err != nil || len(all) != 400_000 {
			t.Fatalf("%d bytes, %v", len(all), err)
		}
	})
}

// A short rest that the body did not want is no obstacle to another request.
func TestDuplexLeavesRest(t *testing.T) {
	edge(t, echo(t, false), func(t *testing.T, c net.Conn) {
		in := bufio.NewReader(c)
		send(t, c, "PUT /v1/a HTTP/1.1", "Host: h", "Content-Length: 9", "", "firstrest")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(resp.Body); err != nil || string(all) != "first" {
			t.Errorf("%q %v", all, err)
		}
		again(t, c, in)
	})
}

func again(t *testing.T, c net.Conn, in *bufio.Reader) {
	t.Helper()
	send(t, c, "GET /v1/a HTTP/1.1", "Host: h", "", "")
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != http.StatusNoContent {
		t.Errorf("the connection does not carry another request: %v %v", resp, err)
	}
}

// A client that leaves in the middle must not find a complete answer.
func TestDuplexBroken(t *testing.T) {
	h := echo(t, true)
	quiet := func(c ctx, req *web.Request) *web.Response {
		resp := h(c, req)
		inner := resp.Body
		resp.Body = web.WrapBody(quietly{inner}, inner)
		return resp
	}
	edge(t, quiet, func(t *testing.T, c net.Conn) {
		in := bufio.NewReader(c)
		send(t, c, "PUT /v1/a HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "", "5", "first", "nonsense", "")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%q looks complete", all)
		}
	})
}

// quietly takes every error for the end.
type quietly struct{ io.Reader }

func (q quietly) Read(p []byte) (int, error) {
	n, err := q.Reader.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}
