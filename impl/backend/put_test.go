package backend_test

import (
	"context"
	"fmt"
	"io"
	"net"
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

const goOn = "HTTP/1.1 100 Continue\r\n\r\n"

// stores takes a body of n bytes and answers with the given lines.
func stores(n int, lines ...string) func(p *peer) {
	return func(p *peer) {
		for p.head() != "" {
			p.say(goOn)
			_, _ = io.ReadFull(p.br, make([]byte, n))
			p.say(lines...)
		}
	}
}

var created = []string{"HTTP/1.1 201 Created", "Content-Length: 0", "", ""}

// Bodies around the sizes at which another goroutine takes over.
func TestPutSizes(t *testing.T) {
	for _, size := range []int{1, 1023, 16 << 10, 16<<10 + 1, 100_000, 1 << 20} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprint(size, chunked), func(t *testing.T) {
				body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
				world(t, func(w http.ResponseWriter, r *http.Request) {
					b, err := io.ReadAll(r.Body)
					w.WriteHeader(201)
					fmt.Fprint(w, err, string(b) == body)
				}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
					for range 3 {
						length := int64(size)
						if chunked {
							length = -1
						}
						p, _, err := start(t, c, length)
						require.NoError(t, err)
						for rest := body; rest != ""; {
							piece := rest[:min(len(rest), 1000)]
							rest = rest[len(piece):]
							require.NoError(t, send(t, p, piece))
						}
						p.Finish()
						resp, err := p.Response(t.Context())
						require.NoError(t, err)
						b, err := resp.ReadAll(100)
						require.NoError(t, err)
						require.Equal(t, "<nil> true", string(b))
						p.Abort()
					}
					require.Equal(t, 1, n.Dials(node), "the connection is kept")
				})
			})
		}
	}
}

func TestPutFirstWord(t *testing.T) {
	for _, c := range []struct {
		name   string
		say    []string
		status int // 0: a failure
	}{
		{"refuses", []string{"HTTP/1.1 412 Precondition Failed", "Content-Length: 5", "", "hello"}, 412},
		{"refuses without length", []string{"HTTP/1.1 507 Insufficient Storage", "", ""}, 507},
		{"stores without asking", created, 201},
		{"interim, then refuses", []string{"HTTP/1.1 102 Processing", "", "HTTP/1.1 409 Conflict", "Content-Length: 0", "", ""}, 409},
		{"nothing", []string{""}, 0},
		{"half", []string{"HTTP/1.1 100 Con"}, 0},
		{"garbage", []string{"?", "", ""}, 0},
		{"storm", []string{strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100), goOn + "HTTP/1.1 201 Created", "Content-Length: 0", "", ""}, 0},
		{"switches", []string{"HTTP/1.1 101 Switching Protocols", "", ""}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				p, resp, err := r.client.StartPut(r.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/d", Header: http.Header{}, ContentLength: 5})
				require.Nil(r, p)
				if c.status == 0 {
					r.failure(err)
				} else {
					require.NoError(r, err)
					require.Equal(r, c.status, resp.Status)
				}
				synctest.Wait()
				require.Empty(r, r.net.Open(), "its body was not sent, so it carries nothing more")
				require.Contains(r, r.heads[0], "\r\nExpect: 100-continue\r\n")
				r.dials(1)
			}, func(p *peer) {
				p.head()
				p.say(c.say...)
			})
		})
	}
}

// After asking for the body a node may go on asking, within reason.
func TestPutAskedTwice(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		p := r.put(5)
		require.NoError(r, send(r.T, p, "hello"))
		p.Finish()
		status, body, err := r.end(p)
		require.NoError(r, err)
		require.Equal(r, 201, status)
		require.Equal(r, "stored", body)
	}, stores(5, goOn+goOn+"HTTP/1.1 201 Created", "Content-Length: 6", "", "stored"))

	runRaw(t, backend.Config{}, func(r *raw) {
		p := r.put(5)
		require.NoError(r, send(r.T, p, "hello"))
		p.Finish()
		_, _, err := r.end(p)
		r.failure(err)
	}, stores(5, strings.Repeat(goOn, 100)+"HTTP/1.1 201 Created", "Content-Length: 0", "", ""))
}

// The length is all that a node needs to store: its answer may come before
// the caller says that this was all, which must not look like a refusal.
func TestPutAnsweredBeforeFinish(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		for range 2 {
			p := r.put(5)
			require.NoError(r, send(r.T, p, "hello"))
			time.Sleep(time.Minute)
			synctest.Wait()
			require.False(r, p.Over())
			p.Finish()
			status, _, err := r.end(p)
			require.NoError(r, err)
			require.Equal(r, 201, status)
		}
	}, stores(5, created...))

	runRaw(t, backend.Config{}, func(r *raw) { // nobody says so
		p := r.put(5)
		require.NoError(r, send(r.T, p, "hello"))
		synctest.Wait()
		p.Abort()
		require.True(r, p.Over())
	}, stores(5, created...))
}

// However the body is on its way, an answer in its middle ends it.
func TestPutEarlyAnswer(t *testing.T) {
	for name, pieces := range map[string][]int{
		"nothing sent": nil, "by the caller": {1000}, "by the sender": {1000, 1000, 20_000},
		"blocked": {60_000, 60_000, 60_000, 60_000},
	} {
		for _, status := range []string{"201 Created", "422 Unprocessable Entity", "507 Insufficient Storage"} {
			t.Run(name+" "+status[:3], func(t *testing.T) {
				runRaw(t, backend.Config{}, func(r *raw) {
					p := r.put(1 << 20)
					begun := time.Now()
					for _, n := range pieces {
						c := backend.NewChunks(n).Get()
						c.SetLen(n)
						require.NoError(r, p.Send(c, nil))
						c.Release()
					}
					time.Sleep(2 * time.Second)
					synctest.Wait()
					require.True(r, p.Over())
					require.Error(r, send(r.T, p, "more"))
					got, _, err := r.end(p)
					require.NoError(r, err)
					require.Equal(r, status[:3], fmt.Sprint(got))
					require.Equal(r, 2*time.Second, time.Since(begun))
					require.Empty(r, r.net.Open())
				}, func(p *peer) {
					p.head()
					p.say(goOn)
					time.Sleep(time.Second)
					p.say("HTTP/1.1 "+status, "Content-Length: 2", "", "no")
					time.Sleep(time.Minute)
				})
			})
		}
	}
}

// The node dies with the body half sent, in each way of sending.
func TestPutNodeDies(t *testing.T) {
	for _, pieces := range []int{0, 1, 30} {
		t.Run(fmt.Sprint(pieces), func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				p := r.put(1 << 20)
				var err error
				for range pieces {
					if err = send(r.T, p, strings.Repeat("x", 1000)); err != nil {
						break
					}
				}
				synctest.Wait()
				require.True(r, p.Over())
				require.Error(r, send(r.T, p, "more"))
				_, _, err = r.end(p)
				r.failure(err)
			}, func(p *peer) {
				p.head()
				p.say(goOn)
			})
		})
	}
}

func TestPutTimes(t *testing.T) {
	for _, c := range []struct {
		name   string
		silent bool
		script func(p *peer)
		takes  time.Duration
	}{
		{"connecting", true, nil, 500 * time.Millisecond},
		{"asking for the body", false, func(p *peer) { time.Sleep(time.Minute) }, 10 * time.Second},
		{"taking the body", false, func(p *peer) {
			p.say(goOn)
			_, _ = io.ReadFull(p.br, make([]byte, 50_000))
			time.Sleep(time.Minute)
		}, 70 * time.Second},
		{"answering", false, func(p *peer) {
			p.say(goOn)
			_, _ = io.ReadFull(p.br, make([]byte, 200_000))
			time.Sleep(time.Minute)
		}, 70 * time.Second},
		{"the body of its answer", false, func(p *peer) {
			p.say(goOn)
			_, _ = io.ReadFull(p.br, make([]byte, 200_000))
			time.Sleep(9 * time.Second)
			p.say("HTTP/1.1 201 Created", "Content-Length: 5", "", "12")
			time.Sleep(time.Minute)
		}, 79 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				r.net.Silence(node, c.silent)
				begun := time.Now()
				p, _, err := r.client.StartPut(r.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/d", Header: http.Header{}, ContentLength: 200_000})
				if err == nil {
					time.Sleep(time.Minute) // the caller's
					for range 4 {
						piece := backend.NewChunks(50_000).Get()
						piece.SetLen(50_000)
						require.NoError(r, p.Send(piece, nil))
					}
					p.Finish()
					_, _, err = r.end(p)
				}
				require.Equal(r, c.takes, time.Since(begun))
				r.failure(err)
				if !c.silent {
					require.ErrorContains(r, err, "node timeout")
				}
			}, func(p *peer) {
				p.head()
				c.script(p)
			})
		})
	}
}

// Abort at every stage closes the connection and waits for everybody.
func TestPutAbort(t *testing.T) {
	for _, c := range []struct {
		name   string
		silent bool
		asks   bool
		pieces int
		finish bool
	}{
		{"connecting", true, false, 0, false},
		{"unasked", false, false, 0, false},
		{"unasked, queued", false, false, 3, true},
		{"asked", false, true, 0, false},
		{"within a short body", false, true, 1, false},
		{"within a long body", false, true, 5, false},
		{"waiting for the answer", false, true, 5, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				r.net.Silence(node, c.silent)
				p := r.client.BeginPut(r.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/d", Header: http.Header{}}, make(chan *backend.Put, 2))
				synctest.Wait()
				require.Equal(r, c.asks, p.Asked())
				for range c.pieces {
					piece := backend.NewChunks(50_000).Get()
					piece.SetLen(50_000)
					ok, err := p.TrySend(piece)
					require.NoError(r, err)
					require.True(r, ok)
					piece.Release()
				}
				if c.finish {
					p.Finish()
				}
				synctest.Wait()
				begun := time.Now()
				p.Abort()
				p.Abort()
				require.Zero(r, time.Since(begun))
				require.True(r, p.Over())
				_, _, err := r.end(p)
				r.failure(err)
			}, func(p *peer) {
				p.head()
				if c.asks {
					p.say(goOn)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestPutCancelled(t *testing.T) {
	for _, asks := range []bool{false, true} {
		t.Run(fmt.Sprint(asks), func(t *testing.T) {
			runRaw(t, backend.Config{}, func(r *raw) {
				ctx, cancel := cancelAfter(r.T, time.Second)
				defer cancel()
				p := r.client.BeginPut(ctx, &backend.Request{Method: "PUT", Addr: node, Path: "/d", Header: http.Header{}}, make(chan *backend.Put, 2))
				time.Sleep(2 * time.Second)
				synctest.Wait()
				require.True(r, p.Over())
				require.Empty(r, r.net.Open())
				_, _, err := r.end(p)
				require.ErrorIs(r, err, errTired)
			}, func(p *peer) {
				p.head()
				if asks {
					p.say(goOn)
				}
				p.hold()
			})
		})
	}
}

func TestPutWrongLength(t *testing.T) {
	for name, body := range map[string]string{"shorter": "1234", "longer": "123456"} {
		t.Run(name, func(t *testing.T) {
			var complete bool
			world(t, func(w http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				complete = err == nil && len(b) == 5
			}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
				p, _, err := start(t, c, 5)
				require.NoError(t, err)
				require.NoError(t, send(t, p, body))
				p.Finish()
				_, err = p.Response(t.Context())
				require.ErrorContains(t, err, name+" than announced")
				require.Equal(t, swift.Unavailable, swift.KindOf(err))
				p.Abort()
			})
			require.False(t, complete)
		})
	}
}

// Both events are told, in their order.
func TestPutEvents(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		events := make(chan *backend.Put, 2)
		p := r.client.BeginPut(r.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/d", Header: http.Header{}, ContentLength: 5}, events)
		require.Same(r, p, <-events)
		require.Equal(r, []bool{true, false}, []bool{p.Asked(), p.Over()})
		require.NoError(r, send(r.T, p, "hello"))
		p.Finish()
		require.Same(r, p, <-events)
		require.Equal(r, []bool{true, true}, []bool{p.Asked(), p.Over()})
		_, _, err := r.end(p)
		require.NoError(r, err)
	}, stores(5, created...))
}

// A kept connection that turns out dead is replaced as long as the node has
// not said anything.
func TestPutUnseenStaleConnection(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		r.client.Close()
		r.client = backend.New(blind{r.net}, backend.Config{})
		r.good("GET", "hello")
		p := r.put(5)
		require.NoError(r, send(r.T, p, "hello"))
		p.Finish()
		status, _, err := r.end(p)
		require.NoError(r, err)
		require.Equal(r, 201, status)
		r.dials(2)
	}, func(p *peer) {
		once(p)
		_, _ = p.br.Peek(1)
	}, stores(5, created...))
}

// An empty body may be complete before anybody asked for it.
func TestPutFinishedBeforeAsked(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		p := r.client.BeginPut(r.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/d", Header: http.Header{}}, make(chan *backend.Put, 2))
		p.Finish()
		status, _, err := r.end(p)
		require.NoError(r, err)
		require.Equal(r, 201, status)
	}, func(p *peer) {
		p.head()
		time.Sleep(time.Second)
		p.say(goOn)
		b := make([]byte, 5)
		_, _ = io.ReadFull(p.br, b)
		require.Equal(p.r, "0\r\n\r\n", string(b))
		p.say(created...)
	})
}

// lazy returns from writes a second after they are done.
type lazy struct{ blind }

type lazyConn struct{ net.Conn }

func (l lazy) Dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := l.blind.Dial(ctx, addr)
	return lazyConn{c}, err
}

func (c lazyConn) Write(b []byte) (int, error) {
	defer time.Sleep(time.Second)
	return c.Conn.Write(b)
}

// An answer may come while the end of the body is still being written.
func TestPutAnsweredBeforeItsEndIsWritten(t *testing.T) {
	for _, c := range []struct {
		status string
		length int64
		kept   bool
	}{{"201 Created", 5, true}, {"201 Created", -1, true}, {"422 Unprocessable Entity", 5, false}} {
		t.Run(fmt.Sprint(c.status, c.length), func(t *testing.T) {
			wire := 5
			if c.length < 0 {
				wire = len("5\r\nhello\r\n0\r\n\r\n")
			}
			runRaw(t, backend.Config{}, func(r *raw) {
				r.client.Close()
				r.client = backend.New(lazy{blind{r.net}}, backend.Config{})
				for range 2 {
					p := r.put(c.length)
					require.NoError(r, send(r.T, p, "hello"))
					p.Finish()
					status, _, err := r.end(p)
					require.NoError(r, err)
					require.Equal(r, c.status[:3], fmt.Sprint(status))
				}
				if c.kept {
					r.dials(1)
				} else {
					r.dials(2)
				}
			}, stores(wire, "HTTP/1.1 "+c.status, "Content-Length: 0", "", ""))
		})
	}
}

// Abort returns when nobody uses a chunk any more.
func TestPutAbortWaitsForTheSender(t *testing.T) {
	runRaw(t, backend.Config{}, func(r *raw) {
		r.client.Close()
		r.client = backend.New(lazy{blind{r.net}}, backend.Config{})
		p := r.put(1 << 20)
		begun := time.Now()
		piece := backend.NewChunks(20_000).Get()
		piece.SetLen(20_000)
		require.NoError(r, p.Send(piece, nil))
		piece.Release()
		require.Zero(r, time.Since(begun), "the caller does not write so much")
		synctest.Wait()
		p.Abort()
		require.Equal(r, time.Second, time.Since(begun))
	}, func(p *peer) {
		p.head()
		p.say(goOn)
		p.hold()
	})
}
