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

	"apus/impl/web"
	"apus/impl/web/webtest"
)

// Names and hosts of any bytes come through, both ways.
func TestBytesInNames(t *testing.T) {
	var got *web.Request
	h := func(_ ctx, req *web.Request) *web.Response {
		got = req
		return webtest.Response(200, "", "X-Object-Meta-\xe2\x98\x83", "\xff")
	}
	edge(t, h, func(t *testing.T, c net.Conn) {
		send(t, c, "GET / HTTP/1.1", "Host: \xe2\x98\x83.h", "x-object-meta-\xc3\xa9: \xfe", "", "")
		b := make([]byte, 4096)
		n, err := c.Read(b)
		if err != nil || !strings.Contains(string(b[:n]), "\r\nX-Object-Meta-\xe2\x98\x83: \xff\r\n") {
			t.Errorf("%q, %v", b[:n], err)
		}
	})
	if got.Host != "\xe2\x98\x83.h" || len(got.Header) != 1 || got.Header["X-Object-Meta-\xc3\xa9"][0] != "\xfe" {
		t.Errorf("host %q, header %q", got.Host, got.Header)
	}
}

// The connection ends behind what cannot be a request.
func TestRefusedHeads(t *testing.T) {
	h := func(ctx, *web.Request) *web.Response {
		t.Error("the handler was asked")
		return web.Empty(200)
	}
	for _, tt := range []struct {
		request string
		status  int
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\n\r\n", 505},
		{"GET a HTTP/1.1\r\n\r\n", 400},
		{"GET ftp://h/a HTTP/1.1\r\n\r\n", 400},
		{"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
		{"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
		{"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
	} {
		t.Run(tt.request, func(t *testing.T) {
			edge(t, h, func(t *testing.T, c net.Conn) {
				send(t, c, tt.request+"GET / HTTP/1.1\r\n\r\n")
				in := bufio.NewReader(c)
				resp, err := http.ReadResponse(in, nil)
				if err != nil || resp.StatusCode != tt.status || !resp.Close {
					t.Fatal(resp, err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
					t.Errorf("then %q, %v", rest, err)
				}
			})
		})
	}
}

// Refusals of HEAD end with their heads, too.
func TestRefusedHEAD(t *testing.T) {
	long := "HEAD / HTTP/1.1\r\nX-A: " + strings.Repeat("x", 20<<10) + "\r\n\r\n"
	for name, request := range map[string]string{
		"target": "HEAD a HTTP/1.1\r\n\r\n", "name": "HEAD / HTTP/1.1\r\nA B: c\r\n\r\n", "length": "HEAD / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
		"coding": "HEAD / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "long line": long,
	} {
		t.Run(name, func(t *testing.T) {
			edge(t, nil, func(t *testing.T, c net.Conn) {
				go func() { _, _ = io.WriteString(c, request) }() // not all of it need be read
				b, err := io.ReadAll(c)
				head, body, ok := strings.Cut(string(b), "\r\n\r\n")
				if err != nil || !ok || body != "" || !strings.Contains(head, "\r\nConnection: close") {
					t.Errorf("%q, %v", b, err)
				}
			})
		})
	}
}

func TestAbsoluteForm(t *testing.T) {
	for target, want := range map[string][3]string{
		"http://x:1/a%20b?q": {"x:1", "/a b", "q"}, "HTTPS://x": {"x", "/", ""}, "http://x?q": {"x", "/", "q"},
	} {
		t.Run(target, func(t *testing.T) {
			var got [3]string
			edge(t, func(_ ctx, req *web.Request) *web.Response {
				got = [3]string{req.Host, req.Path, req.RawQuery}
				return web.Empty(200)
			}, func(t *testing.T, c net.Conn) {
				send(t, c, "GET "+target+" HTTP/1.1", "Host: other", "", "")
				if resp, _, err := receive(t, c, "GET"); err != nil || resp.StatusCode != 200 {
					t.Fatal(resp, err)
				}
			})
			if got != want {
				t.Errorf("%q", got)
			}
		})
	}
}

// Requests that come in one piece are answered in their order, also when
// somebody watches the connection meanwhile.
func TestPipelining(t *testing.T) {
	for name, watch := range map[string]bool{"nobody watches": false, "watched": true} {
		h := func(c ctx, req *web.Request) *web.Response {
			b, _ := io.ReadAll(req.Body)
			if watch {
				select {
				case <-c.Done():
					t.Error("the client has not left")
				case <-time.After(time.Second):
				}
			}
			return web.Text(200, req.Path+string(b), "text/plain")
		}
		t.Run(name, func(t *testing.T) {
			edge(t, h, func(t *testing.T, c net.Conn) {
				send(t, c, "GET /1 HTTP/1.1", "", "PUT /2 HTTP/1.1", "Content-Length: 3", "", "abcPUT /3 HTTP/1.1",
					"Transfer-Encoding: chunked", "", "2", "de", "0", "", "GET /4 HTTP/1.1", "Connection: close", "", "")
				in := bufio.NewReader(c)
				for _, want := range []string{"/1", "/2abc", "/3de", "/4"} {
					resp, err := http.ReadResponse(in, nil)
					if err != nil {
						t.Fatal(err)
					}
					if body, err := io.ReadAll(resp.Body); string(body) != want || err != nil {
						t.Errorf("%q, want %q: %v", body, want, err)
					}
				}
				if _, err := in.ReadByte(); err != io.EOF {
					t.Error(err)
				}
			})
		})
	}
}

// Whoever waits in a handler learns that the client has gone, whatever the
// request was.
func TestHandlerLearnsOfHangUp(t *testing.T) {
	for name, request := range map[string]string{
		"no body":      "GET / HTTP/1.1\r\n\r\n",
		"body":         "PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
		"chunks":       "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"asked before": "PUT /early HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
		"cut short":    "PUT / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc",
		"pipelined":    "GET / HTTP/1.1\r\n\r\nGET / HTT",
	} {
		t.Run(name, func(t *testing.T) {
			var after time.Duration
			h := func(c ctx, req *web.Request) *web.Response {
				if req.Path == "/early" && c.Err() != nil {
					t.Error("ended at once")
				}
				child, stop := context.WithTimeout(c, time.Minute)
				defer stop()
				_, _ = io.ReadAll(req.Body)
				start := time.Now()
				<-child.Done()
				after = time.Since(start)
				return web.Empty(200)
			}
			edge(t, h, func(t *testing.T, c net.Conn) {
				if _, err := io.WriteString(c, request); err != nil {
					t.Fatal(err)
				}
				time.Sleep(7 * time.Second)
				_ = c.Close()
				synctest.Wait()
			})
			if want := 7 * time.Second; after != want && name != "cut short" || after > want {
				t.Errorf("after %v", after)
			}
		})
	}
}

// A watch leaves nothing behind: the next request, and its deadlines, are as
// if there had been none.
func TestWatchEndsWithItsRequest(t *testing.T) {
	var last ctx
	h := func(c ctx, req *web.Request) *web.Response {
		_, _ = io.ReadAll(req.Body)
		if c.Err() != nil || last != nil && last.Err() == nil {
			t.Error("a context has the life of another")
		}
		last = c
		return web.Empty(204)
	}
	edge(t, h, func(t *testing.T, c net.Conn) {
		in := bufio.NewReader(c)
		for range 3 {
			send(t, c, "PUT / HTTP/1.1", "Content-Length: 3", "", "abc")
			if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 204 {
				t.Fatal(resp, err)
			}
			time.Sleep(9 * time.Second)
		}
		time.Sleep(time.Second)
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("an idle connection is open: %v", err)
		}
	})
	if last.Err() == nil || last.Value("x") != nil {
		t.Error("the last context lives")
	}
}

// A handler that asks only after all is over learns just that.
func TestContextAskedLate(t *testing.T) {
	var kept ctx
	edge(t, func(c ctx, _ *web.Request) *web.Response {
		kept = c
		return web.Empty(204)
	}, func(t *testing.T, c net.Conn) {
		send(t, c, "GET / HTTP/1.1", "", "")
		if _, _, err := receive(t, c, "GET"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case <-kept.Done():
		default:
			t.Error("not done")
		}
		if _, ok := kept.Deadline(); ok {
			t.Error("deadline")
		}
	})
}

func TestSlowHead(t *testing.T) {
	h := func(ctx, *web.Request) *web.Response { return web.Empty(204) }
	edge(t, h, func(t *testing.T, c net.Conn) {
		start, sent := time.Now(), make(chan struct{})
		go func() {
			defer close(sent)
			for _, b := range "GET / HTTP/1.1\r\nA: b\r\n" {
				if _, err := io.WriteString(c, string(b)); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		rest, err := io.ReadAll(c)
		if took := time.Since(start); len(rest) > 0 || err != nil || took < 10*time.Second || took > 12*time.Second {
			t.Errorf("%q, %v after %v", rest, err, took)
		}
		<-sent
	})
}

// Chunks are not for clients of HTTP/1.0, who take the end of the connection
// for the end of the body.
func TestOldClients(t *testing.T) {
	h := func(_ ctx, req *web.Request) *web.Response {
		return &web.Response{Status: 200, Header: http.Header{}, ContentLength: -1, Body: webtest.Body("abc", nil)}
	}
	edge(t, h, func(t *testing.T, c net.Conn) {
		send(t, c, "GET / HTTP/1.0", "Connection: keep-alive", "", "")
		all, err := io.ReadAll(c)
		if text := string(all); err != nil || !strings.HasSuffix(text, "\r\nConnection: close\r\n\r\nabc") || strings.Contains(text, "chunked") {
			t.Errorf("%q, %v", all, err)
		}
	})
}

func TestAbortedHandlerCutsTheConnection(t *testing.T) {
	edge(t, func(ctx, *web.Request) *web.Response { panic(http.ErrAbortHandler) }, func(t *testing.T, c net.Conn) {
		send(t, c, "GET / HTTP/1.1", "", "")
		if all, err := io.ReadAll(c); len(all) > 0 || err != nil {
			t.Errorf("%q, %v", all, err)
		}
	})
}

func TestPhasesNeedTheirOrder(t *testing.T) {
	edge(t, func(_ ctx, req *web.Request) *web.Response {
		if _, err := req.Phases.Next(nil); err == nil {
			t.Error("a second body before the first was read")
		}
		first, _ := io.ReadAll(req.Body)
		body, err := req.Phases.Next(http.Header{"X-Next": {"yes"}})
		if err != nil {
			t.Error(err)
			return web.Empty(500)
		}
		second, err := io.ReadAll(body)
		if _, again := req.Phases.Next(nil); err != nil || again == nil {
			t.Error(err, again)
		}
		return web.Text(200, string(first)+string(second), "text/plain")
	}, func(t *testing.T, c net.Conn) {
		in := bufio.NewReader(c)
		send(t, c, "PUT / HTTP/1.1", "Content-Length: 3", "", "abc")
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != 100 || resp.Header.Get("X-Next") != "yes" {
			t.Fatal(resp, err)
		}
		send(t, c, "2", "de", "0", "", "")
		if resp, err = http.ReadResponse(in, nil); err != nil || !resp.Close {
			t.Fatal(resp, err)
		}
		if all, err := io.ReadAll(resp.Body); string(all) != "abcde" || err != nil {
			t.Errorf("%q, %v", all, err)
		}
	})
}

// Stopping closes connections without a request, at once those that had one
// before, and lets no other request follow a running one.
func TestStopping(t *testing.T) {
	webtest.TrackBodies(t)
	synctest.Test(t, func(t *testing.T) {
		h := web.HandlerFunc(func(_ ctx, req *web.Request) *web.Response {
			d, _ := time.ParseDuration(req.RawQuery)
			time.Sleep(d)
			return webtest.Response(200, "done")
		})
		ln := webtest.NewPipe()
		run, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- web.NewServer(h, web.ServerConfig{Clock: webtest.NewClock(1)}).Serve(run, ln) }()
		var conns [4]net.Conn
		for i := range conns {
			conns[i], _ = ln.Dial(run)
		}
		used, running, fresh, silent := conns[0], conns[1], conns[2], conns[3]
		send(t, used, "GET / HTTP/1.1", "", "")
		if _, _, err := receive(t, used, "GET"); err != nil {
			t.Fatal(err)
		}
		send(t, running, "GET /?10s HTTP/1.1", "", "")
		time.Sleep(time.Second)
		start := time.Now()
		stop()
		if _, err := used.Read(make([]byte, 1)); err != io.EOF || time.Since(start) > 0 {
			t.Errorf("idle: %v after %v", err, time.Since(start))
		}
		time.Sleep(time.Second)
		for _, c := range []net.Conn{fresh, running} {
			if c == fresh {
				send(t, c, "GET / HTTP/1.1", "", "")
			}
			if resp, body, err := receive(t, c, "GET"); err != nil || body != "done" || !resp.Close {
				t.Error(resp, body, err)
			}
		}
		if _, err := silent.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		if err := <-done; err != nil || time.Since(start) != 9*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// failingListener has a passing error, then a lasting one.
type failingListener struct {
	net.Listener
	left int
}

type passing struct{ error }

func (passing) Temporary() bool { return true }

func (l *failingListener) Accept() (net.Conn, error) {
	if l.left--; l.left >= 0 {
		return nil, passing{errors.New("no descriptors")}
	}
	return nil, errors.New("broken")
}

func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ln := &failingListener{webtest.NewPipe(), 4}
		h := web.HandlerFunc(func(ctx, *web.Request) *web.Response { return web.Empty(200) })
		err := web.NewServer(h, web.ServerConfig{Clock: webtest.NewClock(1), MaxClients: 1}).Serve(context.Background(), ln)
		if err == nil || !strings.Contains(err.Error(), "broken") || time.Since(start) != 75*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
