package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

func TestEdgeRequestTargets(t *testing.T) {
	for _, tt := range []struct{ name, target, path, query string }{
		{"plain", "/v1/a?b=c?d", "/v1/a", "b=c?d"},
		{"absolute form", "http://h/v1/a%20b?x", "/v1/a b", "x"},
		{"asterisk", "*", "*", ""},
		{"empty query", "/v1/a?", "/v1/a", ""},
		{"double slashes stay", "//v1//a/", "//v1//a/", ""},
		{"dots stay", "/v1/a/../b/./c", "/v1/a/../b/./c", ""},
		{"encoded slash", "/v1/a%2Fb", "/v1/a/b", ""},
		{"encoded question mark", "/v1/a%3Fb", "/v1/a?b", ""},
		{"raw bytes", "/v1/\xe2\x98\x83\xff", "/v1/\xe2\x98\x83\xff", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got *web.Request
			edge(t, func(_ ctx, r *web.Request) *web.Response { got = r; return webtest.Response(200, "") }, func(t *testing.T, c net.Conn) {
				send(t, c, "OPTIONS "+tt.target+" HTTP/1.1", "Host: h", "", "")
				if resp, _, err := receive(t, c, "OPTIONS"); err != nil || resp.StatusCode != 200 {
					t.Fatal(resp, err)
				}
			})
			if got.Path != tt.path || got.RawQuery != tt.query {
				t.Errorf("path %q query %q", got.Path, got.RawQuery)
			}
		})
	}
}

// slowBody yields a piece every ten minutes of the bubble.
type slowBody struct{ pieces []string }

func (s *slowBody) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	time.Sleep(10 * time.Minute)
	n := copy(p, s.pieces[0])
	s.pieces = s.pieces[1:]
	return n, nil
}

func (*slowBody) Close() error { return nil }

// Pieces of a body of unknown length go out as they come, and a slow source
// is not held against the client.
func TestEdgeStreams(t *testing.T) {
	h := func(ctx, *web.Request) *web.Response {
		return &web.Response{
			Status: 200, Header: http.Header{}, ContentLength: -1,
			Body: web.Track("slow", &slowBody{[]string{"one", "two"}}),
		}
	}
	edge(t, h, func(t *testing.T, c net.Conn) {
		start := time.Now()
		send(t, c, "GET / HTTP/1.1", "Host: h", "", "")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 3)
		if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "one" || time.Since(start) > 11*time.Minute {
			t.Fatalf("%q, %v after %v", first, err, time.Since(start))
		}
		if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "two" {
			t.Errorf("%q, %v", rest, err)
		}
	})
}

func FuzzUnescapePath(f *testing.F) {
	for _, s := range []string{"/v1/a%20b", "%", "%4", "%zz", "+%2B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := web.UnescapePath(s)
		if want, err := url.PathUnescape(s); err == nil && got != want {
			t.Errorf("%q: %q, net/url says %q", s, got, want)
		}
	})
}

// Upstream's 304 and 416 tell the type of the entity.
func TestEdgeKeepsTheTypeOfTheEntity(t *testing.T) {
	for _, tt := range []struct {
		name, header string
		status       int
	}{{"not modified", "If-None-Match: *", 304}, {"no such range", "Range: bytes=9-", 416}} {
		t.Run(tt.name, func(t *testing.T) {
			edge(t, func(_ ctx, r *web.Request) *web.Response {
				resp := webtest.Response(200, "body", "Content-Type", "image/png", "Etag", `"x"`)
				return web.Conditional(r, resp, web.ConditionalOptions{})
			}, func(t *testing.T, c net.Conn) {
				send(t, c, "GET /v1/a HTTP/1.1", "Host: h", tt.header, "", "")
				resp, _, err := receive(t, c, "GET")
				if err != nil || resp.StatusCode != tt.status || resp.Header.Get("Content-Type") != "image/png" {
					t.Error(resp, err)
				}
			})
		})
	}
}

func TestEdgeFoldsUnderscores(t *testing.T) {
	var got *web.Request
	edge(t, func(_ ctx, r *web.Request) *web.Response { got = r; return webtest.Response(200, "") }, func(t *testing.T, c net.Conn) {
		send(t, c, "GET / HTTP/1.1", "Host: h", "X-Object-Meta-A_b: 1", "X_Both: 2", "X-Both: 3", "Content_Length: 7", "", "")
		if resp, _, err := receive(t, c, "GET"); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
	})
	for name, want := range map[string]string{"X-Object-Meta-A-B": "1", "X-Both": "3,2", "Content-Length": ""} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if got.ContentLength != 0 {
		t.Errorf("a length of %d", got.ContentLength)
	}
}
