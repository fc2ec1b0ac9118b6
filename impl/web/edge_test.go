package web_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

type ctx = context.Context

// edge runs h behind a Server in a bubble and gives fn a connection to it.
func edge(t *testing.T, h web.HandlerFunc, fn func(t *testing.T, c net.Conn)) {
	t.Helper()
	webtest.TrackBodies(t)
	synctest.Test(t, func(t *testing.T) {
		ln := webtest.NewPipe()
		run, stop := context.WithCancel(context.Background())
		srv := web.NewServer(h, web.ServerConfig{ClientTimeout: 10 * time.Second, Clock: webtest.NewClock(1_800_000_000)})
		done := make(chan error, 1)
		go func() { done <- srv.Serve(run, ln) }()
		c, err := ln.Dial(run)
		if err != nil {
			t.Fatal(err)
		}
		fn(t, c)
		_ = c.Close()
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		synctest.Wait()
	})
}

func send(t *testing.T, c net.Conn, lines ...string) {
	t.Helper()
	go func() { _, _ = io.WriteString(c, strings.Join(lines, "\r\n")) }()
}

func receive(t *testing.T, c net.Conn, method string) (*http.Response, string, error) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func TestEdgeRequest(t *testing.T) {
	var got *web.Request
	var body string
	h := func(_ ctx, req *web.Request) *web.Response {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("body: %v", err)
		}
		got, body = req, string(b)
		return webtest.Response(201, "made", "X-Thing", "yes")
	}
	edge(t, h, func(t *testing.T, c net.Conn) {
		send(t, c, "PUT /v1/a/c/%e2%98%83%20+%ff?x=1&y=%20 HTTP/1.1", "Host: h:80", "X-Twice: 1", "X-Twice: 2",
			"X-Trans-Id: tx1", "Transfer-Encoding: chunked", "", "3", "abc", "2", "de", "0", "", "")
		resp, text, err := receive(t, c, "PUT")
		if err != nil || resp.StatusCode != 201 || text != "made" {
			t.Fatal(resp, text, err)
		}
		if resp.Header.Get("Content-Length") != "4" || resp.Header.Get("X-Thing") != "yes" || len(resp.Header["Content-Type"]) > 0 {
			t.Errorf("header %v", resp.Header)
		}
		if d := resp.Header.Get("Date"); d != "Fri, 15 Jan 2027 08:00:00 GMT" {
			t.Errorf("Date %q is not the host's clock", d)
		}
	})
	if got.Path != "/v1/a/c/\u2603 +\xff" || got.RawPath != "/v1/a/c/%e2%98%83%20+%ff" || got.RawQuery != "x=1&y=%20" {
		t.Errorf("path %q raw %q query %q", got.Path, got.RawPath, got.RawQuery)
	}
	if got.ContentLength != -1 || body != "abcde" || got.Host != "h:80" || got.Proto != "HTTP/1.1" {
		t.Errorf("length %d body %q host %q proto %q", got.ContentLength, body, got.Host, got.Proto)
	}
	if got.Header.Get("X-Twice") != "1,2" || got.Meta.TxnID != "tx1" || got.Meta.Start.Unix() != 1_800_000_000 {
		t.Errorf("header %v meta %+v", got.Header, got.Meta)
	}
}

func TestUnescapePath(t *testing.T) {
	for in, want := range map[string]string{
		"/a": "/a", "/%41": "/A", "/%4": "/%4", "/%": "/%", "/%zz%41": "/%zzA", "/a+b": "/a+b", "/%00%fF": "/\x00\xff",
	} {
		if got := web.UnescapePath(in); got != want {
			t.Errorf("UnescapePath(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestEdgeStatusesWithoutBody(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		status       int
		length       string
	}{
		{"HEAD", "HEAD", 200, "7"}, {"204", "GET", 204, "0"}, {"HEAD 204", "HEAD", 204, "0"}, {"304", "GET", 304, ""}, {"HEAD 404", "HEAD", 404, "7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			edge(t, func(ctx, *web.Request) *web.Response { return webtest.Response(tt.status, "content") }, func(t *testing.T, c net.Conn) {
				for range 2 { // the connection stays usable
					send(t, c, tt.method+" / HTTP/1.1", "Host: h", "", "")
					resp, body, err := receive(t, c, tt.method)
					if err != nil || resp.StatusCode != tt.status || body != "" || resp.Header.Get("Content-Length") != tt.length {
						t.Fatal(resp, body, err)
					}
				}
			})
		})
	}
}

func TestEdgeCutsBadBodies(t *testing.T) {
	for _, tt := range []struct {
		name   string
		body   func() io.ReadCloser
		length int64
	}{
		{"short", func() io.ReadCloser { return webtest.Body("abc", nil) }, 5},
		{"error with length", func() io.ReadCloser { return webtest.Body("abc", errors.New("disk")) }, 5},
		{"error in chunks", func() io.ReadCloser { return webtest.Body("abc", errors.New("disk")) }, -1},
		{"panic", func() io.ReadCloser { return web.Track("panic", panicky{}) }, 5},
		{"short by WriterTo", func() io.ReadCloser { return web.Bytes("abc") }, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := func(ctx, *web.Request) *web.Response {
				return &web.Response{Status: 200, Header: http.Header{}, Body: tt.body(), ContentLength: tt.length}
			}
			edge(t, h, func(t *testing.T, c net.Conn) {
				send(t, c, "GET / HTTP/1.1", "Host: h", "", "")
				resp, body, err := receive(t, c, "GET")
				if err == nil {
					t.Fatalf("%v %q passed for complete", resp, body)
				}
			})
		})
	}
	t.Run("long", func(t *testing.T) {
		h := func(ctx, *web.Request) *web.Response {
			return &web.Response{Status: 200, Header: http.Header{}, Body: webtest.Body("abcdef", nil), ContentLength: 5}
		}
		edge(t, h, func(t *testing.T, c net.Conn) {
			send(t, c, "GET / HTTP/1.1", "Host: h", "", "")
			rd := bufio.NewReader(c)
			resp, err := http.ReadResponse(rd, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			if rest, err := io.ReadAll(rd); string(body) != "abcde" || len(rest) > 0 || err != nil {
				t.Errorf("body %q, then %q, %v", body, rest, err)
			}
		})
	})
}

type panicky struct{}

func (panicky) Read([]byte) (int, error) { panic("read") }
func (panicky) Close() error             { return nil }

func TestEdgePanicIs500(t *testing.T) {
	edge(t, func(ctx, *web.Request) *web.Response { panic("boom") }, func(t *testing.T, c net.Conn) {
		send(t, c, "GET / HTTP/1.1", "Host: h", "", "")
		if resp, _, err := receive(t, c, "GET"); err != nil || resp.StatusCode != 500 {
			t.Fatal(resp, err)
		}
	})
}

func TestEdgeClientHangsUpInDownload(t *testing.T) {
	ended := make(chan error, 1)
	h := func(c ctx, _ *web.Request) *web.Response {
		context.AfterFunc(c, func() { ended <- c.Err() })
		big := strings.Repeat("x", 4<<20)
		return &web.Response{Status: 200, Header: http.Header{}, Body: webtest.Body(big, nil), ContentLength: int64(len(big))}
	}
	webtest.TrackBodies(t)
	synctest.Test(t, func(t *testing.T) {
		ended = make(chan error, 1)
		ln := webtest.NewPipe()
		run, stop := context.WithCancel(context.Background())
		srv := web.NewServer(web.HandlerFunc(h), web.ServerConfig{Clock: webtest.NewClock(1)})
		done := make(chan error, 1)
		go func() { done <- srv.Serve(run, ln) }()
		c, _ := ln.Dial(run)
		send(t, c, "GET / HTTP/1.1", "Host: h", "", "")
		_, _ = io.ReadFull(c, make([]byte, 1000))
		_ = c.Close()
		<-ended
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestEdgeClientDoesNotRead(t *testing.T) {
	closed := make(chan time.Duration, 1)
	_ = closed
	edge(t, func(ctx, *web.Request) *web.Response {
		big := strings.Repeat("x", 4<<20)
		return &web.Response{Status: 200, Header: http.Header{}, Body: webtest.Body(big, nil), ContentLength: int64(len(big))}
	}, func(t *testing.T, c net.Conn) {
		start := time.Now()
		send(t, c, "GET / HTTP/1.1", "Host: h", "", "")
		_, _ = io.ReadFull(c, make([]byte, 1000))
		time.Sleep(11 * time.Second)
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Log(err)
		}
		if d := time.Since(start); d > 12*time.Second {
			t.Errorf("cut after %v", d)
		}
	})
}

func TestEdgeRequestBodyErrors(t *testing.T) {
	var kind swift.Kind
	h := func(_ ctx, req *web.Request) *web.Response {
		_, err := io.ReadAll(req.Body)
		kind = swift.KindOf(err)
		return web.FromError(err)
	}
	t.Run("slow", func(t *testing.T) {
		edge(t, h, func(t *testing.T, c net.Conn) {
			send(t, c, "PUT / HTTP/1.1", "Host: h", "Content-Length: 10", "", "abc")
			resp, _, err := receive(t, c, "PUT")
			if err != nil || resp.StatusCode != 408 || !resp.Close {
				t.Fatal(resp, err)
			}
			if n, err := c.Read(make([]byte, 1)); err == nil {
				t.Errorf("the connection stays open after a 408 (%d bytes)", n)
			}
		})
		if kind != swift.Timeout {
			t.Errorf("kind %v", kind)
		}
	})
	t.Run("gone", func(t *testing.T) {
		edge(t, h, func(t *testing.T, c net.Conn) {
			_, _ = io.WriteString(c, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
			_ = c.Close()
			time.Sleep(time.Second)
		})
		if kind != swift.ClientGone {
			t.Errorf("kind %v", kind)
		}
	})
	t.Run("chunks that make no sense", func(t *testing.T) {
		edge(t, h, func(t *testing.T, c net.Conn) {
			send(t, c, "PUT / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "", "zz", "")
			if resp, _, err := receive(t, c, "PUT"); err != nil || !resp.Close {
				t.Fatal(resp, err)
			}
		})
		if kind != swift.ClientGone {
			t.Errorf("kind %v", kind)
		}
	})
}

func TestEdgeExpectContinue(t *testing.T) {
	read := true
	h := func(_ ctx, req *web.Request) *web.Response {
		if !read {
			return webtest.Response(403, "no")
		}
		b, _ := io.ReadAll(req.Body)
		return webtest.Response(201, string(b))
	}
	put := []string{"PUT / HTTP/1.1", "Host: h", "Content-Length: 3", "Expect: 100-continue", "", ""}
	t.Run("sent when the body is read", func(t *testing.T) {
		read = true
		edge(t, h, func(t *testing.T, c net.Conn) {
			send(t, c, put...)
			rd := bufio.NewReader(c)
			if line, _ := rd.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 100 ") {
				t.Fatalf("got %q", line)
			}
			_, _ = rd.ReadString('\n')
			send(t, c, "abc")
			resp, err := http.ReadResponse(rd, nil)
			if err != nil || resp.StatusCode != 201 {
				t.Fatal(resp, err)
			}
			_, _ = io.ReadAll(resp.Body)
		})
	})
	t.Run("not sent for an early refusal", func(t *testing.T) {
		read = false
		edge(t, h, func(t *testing.T, c net.Conn) {
			send(t, c, put...)
			if resp, _, err := receive(t, c, "PUT"); err != nil || resp.StatusCode != 403 {
				t.Fatal(resp, err)
			}
		})
	})
}

// A client that stops in an upload which nobody reads gets his answer all the
// same, and in time.
func TestEdgeUnreadBodyStalls(t *testing.T) {
	edge(t, func(ctx, *web.Request) *web.Response { return webtest.Response(401, "no") }, func(t *testing.T, c net.Conn) {
		send(t, c, "PUT / HTTP/1.1", "Host: h", "Content-Length: 1000", "", "abc")
		start := time.Now()
		resp, _, err := receive(t, c, "PUT")
		if err != nil || resp.StatusCode != 401 || !resp.Close || time.Since(start) > 11*time.Second {
			t.Fatal(resp, err, time.Since(start))
		}
	})
}

func TestEdgeLongPauseBetweenBodyAndAnswer(t *testing.T) {
	edge(t, func(c ctx, req *web.Request) *web.Response {
		_, _ = io.ReadAll(req.Body)
		select {
		case <-time.After(time.Minute): // longer than the client's timeout
			return webtest.Response(201, "done")
		case <-c.Done():
			return web.NewResponse(500)
		}
	}, func(t *testing.T, c net.Conn) {
		for range 2 {
			send(t, c, "PUT / HTTP/1.1", "Host: h", "Content-Length: 3", "", "abc")
			if resp, _, err := receive(t, c, "PUT"); err != nil || resp.StatusCode != 201 {
				t.Fatal(resp, err)
			}
		}
	})
}

func TestEdgeHeaderLimits(t *testing.T) {
	long := strings.Repeat("x", 9000)
	lines := func(n int) []string { return strings.Split(strings.Repeat("X-Y: 1\n", n)[:n*7-1], "\n") }
	fill := func(n int, line string) string { return line + strings.Repeat("x", n-len(line)-2) } // with its end
	for _, tt := range []struct {
		name   string
		lines  []string
		status int
	}{
		{"request line", []string{"GET /" + long + " HTTP/1.1", "Host: h"}, 414},
		{"longest request line", []string{"GET /" + strings.Repeat("x", 8191-16) + " HTTP/1.1", "Host: h"}, 200},
		{"request line too long by one", []string{"GET /" + strings.Repeat("x", 8192-16) + " HTTP/1.1", "Host: h"}, 414},
		{"header line", []string{"GET / HTTP/1.1", "Host: h", "X-Y: " + long}, 400},
		{"longest header line", []string{"GET / HTTP/1.1", "Host: h", fill(8191, "X-Y: ")}, 200},
		{"header line too long by one", []string{"GET / HTTP/1.1", "Host: h", fill(8192, "X-Y: ")}, 400},
		{"header line of 100 KiB", []string{"GET / HTTP/1.1", "Host: h", fill(100<<10, "X-Y: ")}, 400},
		{"most lines", append([]string{"GET / HTTP/1.1", "Host: h"}, lines(126)...), 200},
		{"number of lines", append([]string{"GET / HTTP/1.1", "Host: h"}, lines(127)...), 400},
		{"whole header", []string{"GET / HTTP/1.1", "Host: h", strings.Repeat(fill(8000, "X-Y: ")+"\r\n", 8) + fill(8000, "X-Y: ")}, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			edge(t, func(ctx, *web.Request) *web.Response { return webtest.Response(200, "") }, func(t *testing.T, c net.Conn) {
				send(t, c, append(tt.lines, "", "")...)
				if resp, _, err := receive(t, c, "GET"); err != nil || resp.StatusCode != tt.status {
					t.Fatal(resp, err)
				}
			})
		})
	}
}

func TestServeDrains(t *testing.T) {
	webtest.TrackBodies(t)
	synctest.Test(t, func(t *testing.T) {
		h := web.HandlerFunc(func(c ctx, req *web.Request) *web.Response {
			d, _ := time.ParseDuration(req.RawQuery)
			select {
			case <-time.After(d):
				return webtest.Response(200, "done")
			case <-c.Done():
				return webtest.Response(503, "cut")
			}
		})
		ln := webtest.NewPipe()
		run, stop := context.WithCancel(context.Background())
		srv := web.NewServer(h, web.ServerConfig{DrainTimeout: 20 * time.Second, Clock: webtest.NewClock(1)})
		done := make(chan error, 1)
		go func() { done <- srv.Serve(run, ln) }()
		quick, _ := ln.Dial(run)
		slow, _ := ln.Dial(run)
		send(t, quick, "GET /?10s HTTP/1.1", "Host: h", "", "")
		send(t, slow, "GET /?1000s HTTP/1.1", "Host: h", "", "")
		time.Sleep(time.Second)
		start := time.Now()
		stop()
		if resp, _, err := receive(t, quick, "GET"); err != nil || resp.StatusCode != 200 {
			t.Error(resp, err)
		}
		if _, _, err := receive(t, slow, "GET"); err == nil {
			t.Error("the slow request was not cut off")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d < 19*time.Second || d > 22*time.Second {
			t.Errorf("drained in %v", d)
		}
		if _, err := ln.Dial(context.Background()); err == nil {
			t.Error("the listener is open")
		}
	})
}
