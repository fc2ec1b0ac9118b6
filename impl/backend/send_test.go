package backend_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/backend"
	"apus/impl/backend/backendtest"
	"apus/impl/swift"
)

// What goes over the wire, to the byte.
func TestRequestOnTheWire(t *testing.T) {
	stream := func(s string) io.Reader { return io.LimitReader(strings.NewReader(s), 100) }
	for _, c := range []struct {
		name string
		req  backend.Request
		want []string
	}{
		{"GET", backend.Request{Method: "GET", Path: "/d/1/a/c/ü %?#o", RawQuery: "format=json&marker=%20",
			Header: http.Header{"X-Timestamp": {"1"}, "User-Agent": {"me"}, "Accept": {"a", "b"}}},
			[]string{"GET /d/1/a/c/%C3%BC%20%25%3F%23o?format=json&marker=%20 HTTP/1.1", "Host: " + node,
				"Accept: a", "Accept: b", "User-Agent: me", "X-Timestamp: 1", "", ""}},
		{"no header", backend.Request{Method: "HEAD", Path: "/d/1/a"}, []string{"HEAD /d/1/a HTTP/1.1", "Host: " + node, "", ""}},
		{"PUT without body", backend.Request{Method: "PUT", Path: "/d/1/a"},
			[]string{"PUT /d/1/a HTTP/1.1", "Host: " + node, "Content-Length: 0", "", ""}},
		{"DELETE", backend.Request{Method: "DELETE", Path: "/d/1/a", ContentLength: 17},
			[]string{"DELETE /d/1/a HTTP/1.1", "Host: " + node, "", ""}},
		{"constant", backend.Request{Method: "POST", Path: "/d/1/a", Body: strings.NewReader("hello"), ContentLength: 5},
			[]string{"POST /d/1/a HTTP/1.1", "Host: " + node, "Content-Length: 5", "", "hello"}},
		{"stream", backend.Request{Method: "POST", Path: "/d/1/a", Body: stream("hello, world"), ContentLength: 5},
			[]string{"POST /d/1/a HTTP/1.1", "Host: " + node, "Content-Length: 5", "", "hello"}},
		{"chunks", backend.Request{Method: "POST", Path: "/d/1/a", Body: stream("hello, world"), ContentLength: -1},
			[]string{"POST /d/1/a HTTP/1.1", "Host: " + node, "Transfer-Encoding: chunked", "", "c", "hello, world", "0", "", ""}},
		{"framing is the client's", backend.Request{Method: "GET", Path: "/d/1/a", Header: http.Header{
			"Host": {"x"}, "Content-Length": {"3"}, "Transfer-Encoding": {"chunked"}, "Trailer": {"x"}}},
			[]string{"GET /d/1/a HTTP/1.1", "Host: " + node, "", ""}},
		{"no lines are smuggled", backend.Request{Method: "GET", Path: "/d/1/a\r\nX: y", Header: http.Header{"A": {"b\r\nC: d"}, "B\n": {"x"}}},
			[]string{"GET /d/1/a%0D%0AX:%20y HTTP/1.1", "Host: " + node, "A: b  C: d", "", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got strings.Builder
			runRaw(t, backend.Config{}, func(r *raw) {
				c.req.Addr = node
				resp, err := r.client.Do(r.Context(), &c.req)
				require.NoError(r, err)
				resp.Discard()
				synctest.Wait()
				require.Equal(r, strings.Join(c.want, "\r\n"), got.String())
			}, func(p *peer) {
				b := make([]byte, len(strings.Join(c.want, "\r\n")))
				n, _ := io.ReadFull(p.br, b)
				got.Write(b[:n])
				p.say("HTTP/1.1 200 OK", "Content-Length: 0", "Connection: close", "", "")
				rest, _ := io.ReadAll(p.br)
				got.Write(rest)
			})
		})
	}
}

func TestQueryThatCannotBeSent(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		for _, q := range []string{"a b", "a\r\nb", "a\tb"} {
			_, err := r.client.Do(r.Context(), &backend.Request{Method: "GET", Addr: node, Path: "/d", RawQuery: q})
			r.failure(err)
		}
	}, func(p *peer) {
		if p.head() != "" {
			p.r.Error("something was sent")
		}
	})
}

func TestStreamedBodies(t *testing.T) {
	long := strings.Repeat("0123456789", 50_000)
	for _, length := range []int64{-1, int64(len(long))} {
		for name, body := range map[string]func() io.Reader{
			"stream":   func() io.Reader { return io.MultiReader(strings.NewReader(long)) },
			"constant": func() io.Reader { return strings.NewReader(long) },
		} {
			t.Run(fmt.Sprint(name, length), func(t *testing.T) {
				world(t, func(w http.ResponseWriter, r *http.Request) {
					b, err := io.ReadAll(r.Body)
					fmt.Fprint(w, err, len(b), string(b) == long)
				}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
					for range 2 {
						resp, err := c.Do(t.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/d", Body: body(), ContentLength: length})
						require.NoError(t, err)
						b, err := resp.ReadAll(100)
						require.NoError(t, err)
						require.Equal(t, "<nil> 500000 true", string(b))
					}
					require.Equal(t, 1, n.Dials(node))
				})
			})
		}
	}
}

func TestShortRequestBody(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		_, _, err := r.doBody(r.Context(), "PUT", io.LimitReader(strings.NewReader("abc"), 10), 10)
		require.ErrorContains(r, err, "shorter than announced")
		r.failure(err)
	}, func(p *peer) {
		p.head()
		p.hold()
	})
}

// A node that refuses a body in its middle is heard at once, and no more of
// the body is read.
func TestEarlyAnswer(t *testing.T) {
	for name, rest := range map[string]func(p *peer){
		"and waits":  func(p *peer) { time.Sleep(time.Hour) },
		"and closes": func(p *peer) {},
		"and reads":  (*peer).hold,
	} {
		t.Run(name, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				body := &slowBody{left: 1 << 20}
				start := time.Now()
				status, text, err := r.doBody(r.Context(), "PUT", body, 1<<20)
				require.NoError(r, err)
				require.Equal(r, 413, status)
				require.Equal(r, "too much", text)
				require.Less(r, time.Since(start), 20*time.Second)
				require.NotZero(r, body.left)
				require.Empty(r, r.net.Open())
			}, func(p *peer) {
				p.head()
				_, _ = io.ReadFull(p.br, make([]byte, 5000))
				p.say("HTTP/1.1 413 Request Entity Too Large", "Content-Length: 8", "", "too much")
				rest(p)
			})
		})
	}
}

// A node that answers and lets the body stand is heard when its time to take
// the next piece is over.
func TestEarlyAnswerToABlockedBody(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		start := time.Now()
		status, text, err := r.doBody(r.Context(), "PUT", strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20)
		require.NoError(r, err)
		require.Equal(r, 507, status)
		require.Equal(r, "full", text)
		require.Equal(r, 10*time.Second, time.Since(start))
	}, func(p *peer) {
		p.head()
		time.Sleep(time.Second)
		p.say("HTTP/1.1 507 Insufficient Storage", "Content-Length: 4", "", "full")
		time.Sleep(time.Minute)
	})
}

// slowBody yields 1000 bytes a second.
type slowBody struct{ left int }

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	n := min(len(p), 1000, b.left)
	if b.left -= n; b.left == 0 {
		return n, io.EOF
	}
	return n, nil
}

// A node has its time for every piece, not for the whole; the caller has any.
func TestTimesOfABody(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		status, _, err := r.doBody(r.Context(), "PUT", &slowBody{left: 60_000}, -1)
		require.NoError(r, err)
		require.Equal(r, 200, status)

		start := time.Now()
		_, _, err = r.doBody(r.Context(), "PUT", strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20)
		r.failure(err)
		require.ErrorContains(r, err, "node timeout")
		require.Equal(r, 10*time.Second, time.Since(start))
	}, func(p *peer) {
		p.head()
		for seen := ""; !strings.HasSuffix(seen, "0\r\n\r\n"); {
			line, err := p.br.ReadString('\n')
			require.NoError(p.r, err)
			seen += line
		}
		time.Sleep(9 * time.Second)
		p.say("HTTP/1.1 200 OK", "Connection: close", "Content-Length: 0", "", "")
	}, func(p *peer) {
		p.head()
		time.Sleep(time.Minute)
	})
}

func TestCancelledWhileSending(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		ctx, cancel := cancelAfter(r.T, time.Second)
		defer cancel()
		start := time.Now()
		_, _, err := r.doBody(ctx, "PUT", strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20)
		require.ErrorIs(r, err, errTired)
		require.Equal(r, time.Second, time.Since(start))
		r.failure(err)
	}, func(p *peer) {
		p.head()
		time.Sleep(time.Minute)
	})
}

func TestBodyOfTheCallerFails(t *testing.T) {
	gone := swift.E("test", "", swift.ClientGone, nil)
	for _, length := range []int64{-1, 10} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			var complete bool
			world(t, func(w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				complete = err == nil
			}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
				body := io.MultiReader(strings.NewReader("abc"), errReader{gone})
				_, err := c.Do(t.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/x", Body: body, ContentLength: length})
				require.Equal(t, swift.ClientGone, swift.KindOf(err), "%v", err)
				require.Empty(t, n.Open())
			})
			require.False(t, complete, "half a body must not look whole")
		})
	}
}
