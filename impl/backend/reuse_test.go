package backend_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/backend"
	"apus/impl/host"
	"apus/impl/web"
)

var hello = []string{"HTTP/1.1 200 OK", "Content-Length: 5", "", "hello"}

// once answers one request and then closes the connection.
func once(p *peer) {
	p.head()
	p.say(hello...)
}

// blind hides that connections can be probed.
type blind struct{ net host.Net }

func (b blind) Dial(ctx context.Context, addr string) (net.Conn, error) { return b.net.Dial(ctx, addr) }
func (b blind) Listen(addr string) (net.Listener, error)                { return b.net.Listen(addr) }

func TestNodeClosesIdleConnection(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "REPLICATE"} {
		t.Run(method, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				for range 3 {
					_, _, err := r.do(method)
					require.NoError(r, err)
					synctest.Wait() // the end of the connection arrives
				}
				r.dials(3)
			}, func(p *peer) {
				p.head()
				p.say("HTTP/1.1 200 OK", "Content-Length: 0", "", "")
			})
		})
	}
}

// Without probing, the end of an idle connection shows when it is used. Only
// what may happen twice is sent again.
func TestNodeClosesIdleConnectionUnseen(t *testing.T) {
	for _, c := range []struct {
		method, body string
		again        bool
	}{
		{"GET", "", true}, {"HEAD", "", true}, {"GET", "constant", true}, {"GET", "stream", false},
		{"PUT", "", false}, {"POST", "", false}, {"DELETE", "", false}, {"POST", "constant", false},
	} {
		t.Run(c.method+" "+c.body, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				r.client.Close()
				r.client = backend.New(blind{r.net}, backend.Config{})
				r.good("GET", "hello")
				synctest.Wait()
				var body io.Reader
				switch c.body {
				case "constant":
					body = strings.NewReader("constant")
				case "stream":
					body = io.LimitReader(strings.NewReader("stream"), 6)
				}
				_, _, err := r.doBody(r.Context(), c.method, body, int64(len(c.body)))
				if c.again {
					require.NoError(r, err)
					r.dials(2)
				} else {
					r.failure(err)
					r.dials(1)
				}
			}, func(p *peer) { // ends when the next request begins to come
				p.head()
				p.say(hello...)
				_, _ = p.br.Peek(1)
			}, serve("HTTP/1.1 200 OK", "Content-Length: 0", "", ""))
		})
	}
}

// A request of which nothing was written may go out again, whatever it is.
func TestConnectionDiesBeforeTheRequest(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"none": nil, "constant": strings.NewReader("12345"), "stream": io.LimitReader(strings.NewReader("12345"), 5),
	} {
		t.Run(name, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				r.good("GET", "hello")
				r.net.CutOnWrite()
				status, _, err := r.doBody(r.Context(), "POST", body, 5)
				require.NoError(r, err)
				require.Equal(r, 200, status)
				r.dials(2)
			}, serve(hello...), func(p *peer) {
				p.head()
				if body != nil {
					b := make([]byte, 5)
					_, _ = io.ReadFull(p.br, b)
					require.Equal(p.r, "12345", string(b))
				}
				p.say(hello...)
			})
		})
	}
}

func TestNewConnectionsAreNotTriedAgain(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		_, _, err := r.do("GET")
		r.failure(err)
		r.dials(1)
	}, func(p *peer) { p.head() })
}

func TestTriedAgainOnce(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		r.good("GET", "hello")
		r.net.CutOnWrite()
		_, _, err := r.do("GET")
		r.failure(err)
		r.dials(2)
	}, serve(hello...), func(p *peer) { p.head() })
}

// A kept connection whose node is slow is not a dead one.
func TestSlowIsNotTriedAgain(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		r.good("GET", "hello")
		start := time.Now()
		_, _, err := r.do("GET")
		r.failure(err)
		require.Equal(r, 10*time.Second, time.Since(start))
		r.dials(1)
	}, func(p *peer) {
		once(p)
		p.hold()
	})
}

// Neither is one whose node began to answer.
func TestHeardIsNotTriedAgain(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		r.good("GET", "hello")
		_, _, err := r.do("GET")
		r.failure(err)
		r.dials(1)
	}, func(p *peer) {
		once(p)
		p.head()
		p.say("HTTP/1.1 200 O")
	}, serve(hello...))
}

// A node that says something unasked is not asked anything.
func TestUnaskedAnswer(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		r.good("GET", "hello")
		time.Sleep(2 * time.Second)
		r.good("GET", "hello")
		r.dials(2)
	}, func(p *peer) {
		once(p)
		time.Sleep(time.Second)
		p.say("HTTP/1.1 408 Request Timeout", "Content-Length: 0", "", "")
		p.hold()
	}, serve(hello...))
}

func TestPoolLimits(t *testing.T) {
	runRaw(t, backend.Config{MaxIdlePerHost: 2, IdleTimeout: time.Second}, func(r *raw) {
		var all []*web.Response
		for range 5 {
			resp, err := r.client.Do(r.Context(), &backend.Request{Method: "GET", Addr: node, Path: "/d/1/a"})
			require.NoError(r, err)
			all = append(all, resp)
		}
		r.dials(5)
		for i, resp := range all {
			_, err := resp.ReadAll(100)
			require.NoError(r, err)
			require.Len(r, r.net.Open(), min(5, 6-i), "two are kept, the rest is in use")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		require.Empty(r, r.net.Open(), "idle connections close after the idle timeout")
	}, serve(hello...))
}

// Each connection has its own idle time, and use begins it anew.
func TestIdleTimeout(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		resp, err := r.client.Do(r.Context(), &backend.Request{Method: "GET", Addr: node, Path: "/d/1/a"})
		require.NoError(r, err)
		r.good("GET", "hello") // at 0 s, the second
		time.Sleep(time.Second)
		resp.Discard() // at 1 s, the first
		time.Sleep(1500 * time.Millisecond)
		require.Len(r, r.net.Open(), 2)
		time.Sleep(time.Second) // 3.5 s
		require.Len(r, r.net.Open(), 1)
		r.good("GET", "hello")
		time.Sleep(2900 * time.Millisecond)
		require.Len(r, r.net.Open(), 1)
		time.Sleep(time.Second)
		require.Empty(r, r.net.Open())
		r.dials(2)
	}, serve(hello...))
}
