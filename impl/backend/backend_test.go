package backend_test

import (
	"bytes"
	"context"
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
	"apus/impl/web"
)

const node = "10.0.0.1:6200"

// world runs f in a bubble with one node, and checks that nothing is left.
func world(t *testing.T, h http.HandlerFunc, f func(t *testing.T, n *backendtest.Net, c *backend.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bodies, untrack := web.TrackBodies()
		defer untrack()
		n := backendtest.New()
		stop := n.Serve(node, h)
		c := backend.New(n, backend.Config{})
		f(t, n, c)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		require.Empty(t, n.Open(), "connections open after the idle timeout")
		require.Empty(t, bodies.Open())
		c.Close()
		stop()
		time.Sleep(2 * time.Minute) // handlers that sleep
	})
}

func get(c *backend.Client) (*web.Response, error) {
	return c.Do(context.Background(), &backend.Request{Method: "GET", Addr: node, Path: "/sda1/1/a/c/ü %", Header: http.Header{}})
}

func TestReadToTheEndReuses(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL.Path)
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		for range 5 {
			resp, err := get(c)
			require.NoError(t, err)
			b, err := resp.ReadAll(1000)
			require.NoError(t, err)
			require.Equal(t, "/sda1/1/a/c/ü %", string(b))
		}
		require.Equal(t, 1, n.Dials(node))
	})
}

func TestEarlyCloseClosesTheConnection(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, 1<<20))
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		resp, err := get(c)
		require.NoError(t, err)
		_, err = io.ReadFull(resp.Body, make([]byte, 100))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		synctest.Wait()
		require.Empty(t, n.Open())
	})
}

func TestSlowNodes(t *testing.T) {
	stall := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "body" {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("12345"))
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}
	world(t, stall, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		start := time.Now()
		_, err := c.Do(t.Context(), &backend.Request{Method: "HEAD", Addr: node, Path: "/x", NodeTimeout: 2 * time.Second})
		require.Equal(t, swift.Unavailable, swift.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "node timeout")
		require.Equal(t, 2*time.Second, time.Since(start), "it connected at once")

		resp, err := c.Do(t.Context(), &backend.Request{Method: "GET", Addr: node, Path: "/x", RawQuery: "body"})
		require.NoError(t, err)
		b, err := io.ReadAll(resp.Body)
		require.Equal(t, "12345", string(b))
		require.Equal(t, swift.Unavailable, swift.KindOf(err), "%v", err)
		synctest.Wait()
		require.Empty(t, n.Open(), "a node that is too slow loses its connection")
		require.NoError(t, resp.Body.Close())

		n.Silence(node, true)
		start = time.Now()
		_, err = get(c)
		require.Equal(t, swift.Unavailable, swift.KindOf(err))
		require.Equal(t, 500*time.Millisecond, time.Since(start))
	})
}

func TestSlowConsumerIsNotTheNodesFault(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, 1<<20))
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		resp, err := get(c)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		b, err := resp.ReadAll(2 << 20)
		require.NoError(t, err)
		require.Len(t, b, 1<<20)
	})
}

func TestShortBodyIsAnError(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("1234"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		resp, err := get(c)
		require.NoError(t, err)
		_, err = resp.ReadAll(100)
		require.Equal(t, swift.Unavailable, swift.KindOf(err), "%v", err)
	})
}

func TestCancelIsNotTheNodesFault(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := c.Do(ctx, &backend.Request{Method: "GET", Addr: node, Path: "/x"})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, swift.Other, swift.KindOf(err))
		synctest.Wait()
		require.Empty(t, n.Open())
	})
}

func TestFailedRequestBodyKeepsItsKind(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		gone := swift.E("test", "", swift.ClientGone, nil)
		body := io.MultiReader(strings.NewReader("abc"), errReader{gone})
		_, err := c.Do(t.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/x", Body: body, ContentLength: 10})
		require.Equal(t, swift.ClientGone, swift.KindOf(err), "%v", err)
	})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func send(t *testing.T, p *backend.Put, pieces ...string) error {
	chunks := backend.NewChunks(1 << 10)
	for _, s := range pieces {
		c := chunks.Get()
		c.SetLen(copy(c.Space(), s))
		deadline := make(chan struct{})
		timer := time.AfterFunc(10*time.Second, func() { close(deadline) })
		err := p.Send(c, deadline)
		timer.Stop()
		c.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func start(t *testing.T, c *backend.Client, length int64) (*backend.Put, *web.Response, error) {
	return c.StartPut(t.Context(), &backend.Request{Method: "PUT", Addr: node, Path: "/sda1/1/a/c/o", Header: http.Header{}, ContentLength: length})
}

func TestPut(t *testing.T) {
	for _, length := range []int64{-1, 10} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			var got bytes.Buffer
			world(t, func(w http.ResponseWriter, r *http.Request) {
				_, err := got.ReadFrom(r.Body)
				require.NoError(t, err)
				w.Header().Set("Etag", "e")
				w.WriteHeader(201)
			}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
				for range 2 {
					got.Reset()
					p, resp, err := start(t, c, length)
					require.NoError(t, err)
					require.Nil(t, resp)
					time.Sleep(time.Minute) // the client's slowness
					require.NoError(t, send(t, p, "hello", "world"))
					p.Finish()
					resp, err = p.Response(t.Context())
					require.NoError(t, err)
					require.Equal(t, 201, resp.Status)
					require.Equal(t, "helloworld", got.String())
					p.Abort()
				}
				require.LessOrEqual(t, n.Dials(node), 2, "the idle timeout passes between the two")
			})
		})
	}
}

func TestPutZeroBytes(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Empty(t, b)
		w.WriteHeader(201)
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		for range 3 {
			p, _, err := start(t, c, 0)
			require.NoError(t, err)
			p.Finish()
			resp, err := p.Response(t.Context())
			require.NoError(t, err)
			require.Equal(t, 201, resp.Status)
			p.Abort()
		}
		require.Equal(t, 1, n.Dials(node))
	})
}

func TestPutFinalInsteadOfContinue(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Backend-Timestamp", "0000000001.00000")
		w.WriteHeader(409)
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		p, resp, err := start(t, c, 10)
		require.NoError(t, err)
		require.Nil(t, p)
		require.Equal(t, 409, resp.Status)
		require.Equal(t, "0000000001.00000", resp.Header.Get("X-Backend-Timestamp"))
	})
}

func TestPutFinalInMidBody(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 5))
		w.WriteHeader(507)
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		p, _, err := start(t, c, 1<<20)
		require.NoError(t, err)
		require.NoError(t, send(t, p, "hello", "world"))
		for !p.Over() {
			time.Sleep(time.Millisecond)
		}
		require.Error(t, send(t, p, "more"))
		resp, err := p.Response(t.Context())
		require.NoError(t, err)
		require.Equal(t, 507, resp.Status)
		p.Abort()
	})
}

func TestPutNodeSaysNothing(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Minute)
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		_, _, err := start(t, c, 10)
		require.Equal(t, swift.Unavailable, swift.KindOf(err), "%v", err)
	})
}

func TestPutAbortNeverLooksComplete(t *testing.T) {
	var complete bool
	world(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		complete = err == nil
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		p, _, err := start(t, c, -1)
		require.NoError(t, err)
		require.NoError(t, send(t, p, "half"))
		p.Abort()
		synctest.Wait()
		require.Empty(t, n.Open())
		require.False(t, complete)
	})
}

func TestPutNodeTakesNothing(t *testing.T) {
	world(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 1))
		time.Sleep(time.Minute)
	}, func(t *testing.T, n *backendtest.Net, c *backend.Client) {
		p, _, err := start(t, c, 1<<20)
		require.NoError(t, err)
		for err == nil {
			err = send(t, p, strings.Repeat("x", 1<<10))
		}
		require.Equal(t, swift.Unavailable, swift.KindOf(err), "%v", err)
		p.Abort()
	})
}

func TestPutStaleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := backendtest.New()
		ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(201)
		})
		stop := n.Serve(node, ok)
		c := backend.New(n, backend.Config{})
		resp, err := get(c)
		require.NoError(t, err)
		resp.Discard()
		n.CutOnWrite() // the kept connection dies when it is used
		p, _, err := start(t, c, 0)
		require.NoError(t, err)
		p.Finish()
		resp, err = p.Response(t.Context())
		require.NoError(t, err)
		require.Equal(t, 201, resp.Status)
		p.Abort()
		c.Close()
		stop()
	})
}
