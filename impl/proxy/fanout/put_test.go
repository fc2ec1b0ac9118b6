package fanout

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/swift"
)

func (w *world) stored(body string) (primaries, handoffs int) {
	for i, n := range w.nodes {
		n.mu.Lock()
		bodies := slices.Clone(n.bodies)
		n.mu.Unlock()
		for _, b := range bodies {
			require.Equal(w.t, body, b)
			if i < 3 {
				primaries++
			} else {
				handoffs++
			}
		}
	}
	return
}

func TestPutStoresThreeTimes(t *testing.T) {
	for name, length := range map[string]int64{"sized": 300_000, "chunked": -1} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				body := strings.Repeat("0123456789", 30_000)
				a, err := w.put(strings.NewReader(body), length)
				require.NoError(t, err)
				require.Equal(t, 201, a.Status)
				require.Equal(t, etagOf(body), a.get("Etag"))
				p, h := w.stored(body)
				require.Equal(t, []int{3, 0}, []int{p, h})
			})
		})
	}
}

func TestPutEmpty(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		a, err := w.put(http.NoBody, 0)
		require.NoError(t, err)
		require.Equal(t, 201, a.Status)
		p, _ := w.stored("")
		require.Equal(t, 3, p)
	})
}

// runBoth is run once with nodes that are asked before the body is sent, and once
// with short bodies that go with the headers.
func runBoth(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("asked", func(t *testing.T) { run(t, f) })
	t.Run("inline", func(t *testing.T) { runInline(t, f) })
}

func TestPutGoesToHandoffs(t *testing.T) {
	for name, fail := range map[string]func(w *world, i int){
		"refused": func(w *world, i int) { w.nodes[i].stop() },
		"507":     func(w *world, i int) { w.nodes[i].script = status(507) },
		"503":     func(w *world, i int) { w.nodes[i].script = status(503) },
		"silent":  func(w *world, i int) { w.net.Silence(addr(i), true) },
		"hangs":   func(w *world, i int) { w.nodes[i].script = hang },
		"breaks":  func(w *world, i int) { w.nodes[i].script = abort },
	} {
		t.Run(name, func(t *testing.T) {
			runBoth(t, func(t *testing.T, w *world) {
				fail(w, 0)
				fail(w, 2)
				a, err := w.put(strings.NewReader("hello"), 5)
				require.NoError(t, err)
				require.Equal(t, 201, a.Status)
				p, h := w.stored("hello")
				require.Equal(t, []int{1, 2}, []int{p, h})
			})
		})
	}
}

func TestPutNeedsAQuorum(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.all(status(503))
		w.nodes[1].script = nil
		a, err := w.put(strings.NewReader("hello"), 5)
		require.NoError(t, err)
		require.Equal(t, 503, a.Status)
		synctest.Wait()
		p, _ := w.stored("")
		require.Zero(t, p, "the one ready node must not take the object")
	})
}

func TestPutQuorumIsEnough(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.all(status(503))
		w.nodes[0].script, w.nodes[1].script = nil, nil
		a, err := w.put(strings.NewReader("hello"), 5)
		require.NoError(t, err)
		require.Equal(t, 201, a.Status)
	})
}

func TestPutAnswersBeforeTheBody(t *testing.T) {
	for _, c := range []struct {
		name    string
		scripts [3]int
		inm     bool
		want    int
	}{
		{"exists", [3]int{412, 0, 0}, true, 412},
		{"newer", [3]int{0, 409, 0}, false, 202},
		{"all refuse", [3]int{422, 422, 422}, false, 422},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				for i, s := range c.scripts {
					if s != 0 {
						w.nodes[i].script = status(s)
					}
				}
				r := w.putRequest(&neverRead{t}, 5)
				r.IfNoneMatch = c.inm
				a, err := w.f.Put(t.Context(), r)
				require.NoError(t, err)
				require.Equal(t, c.want, a.Status)
			})
		})
	}
}

type neverRead struct{ t *testing.T }

func (n *neverRead) Read([]byte) (int, error) {
	n.t.Error("the client's body was read")
	return 0, io.EOF
}

// takesHalf reads a little and then misbehaves.
func takesHalf(then func(*storage, http.ResponseWriter, *http.Request)) func(*storage, http.ResponseWriter, *http.Request) {
	return func(s *storage, w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 1000))
		then(s, w, r)
	}
}

func abort(*storage, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestPutSurvivesOneNodeInMidBody(t *testing.T) {
	for name, then := range map[string]func(*storage, http.ResponseWriter, *http.Request){
		"cut": abort, "slow": hang, "full": status(507),
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				w.nodes[1].script = takesHalf(then)
				body := strings.Repeat("x", 4<<20)
				start := time.Now()
				a, err := w.put(strings.NewReader(body), int64(len(body)))
				require.NoError(t, err)
				require.Equal(t, 201, a.Status)
				require.Less(t, time.Since(start), 15*time.Second)
				p, _ := w.stored(body)
				require.Equal(t, 2, p)
			})
		})
	}
}

func TestPutStopsWithoutQuorumInMidBody(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.nodes[0].script, w.nodes[1].script = takesHalf(abort), takesHalf(abort)
		body := strings.NewReader(strings.Repeat("x", 64<<20))
		a, err := w.put(body, body.Size())
		require.NoError(t, err)
		require.Equal(t, 503, a.Status)
		require.NotZero(t, body.Len(), "the rest is not read")
		synctest.Wait()
		p, _ := w.stored("")
		require.Zero(t, p)
	})
}

// slowly yields pieces with a pause before each.
type slowly struct {
	pieces []string
	pause  time.Duration
	end    error
}

func (s *slowly) Read(b []byte) (int, error) {
	time.Sleep(s.pause)
	if len(s.pieces) == 0 {
		return 0, s.end
	}
	n := copy(b, s.pieces[0])
	s.pieces = s.pieces[1:]
	return n, nil
}

func TestPutClientProblems(t *testing.T) {
	for _, c := range []struct {
		name   string
		body   io.Reader
		length int64
		kind   swift.Kind
	}{
		{"short", strings.NewReader("hell"), 5, swift.ClientGone},
		{"gone", &slowly{[]string{"he", "ll"}, time.Second, io.ErrUnexpectedEOF}, -1, swift.ClientGone},
		{"too slow", &slowly{nil, time.Second, swift.E("t", "", swift.Timeout, nil)}, 5, swift.Timeout},
		{"too large", strings.NewReader(strings.Repeat("x", 2<<20)), -1, swift.TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				r := w.putRequest(c.body, c.length)
				r.MaxSize = 1 << 20
				_, err := w.f.Put(t.Context(), r)
				require.Equal(t, c.kind, swift.KindOf(err), "%v", err)
				synctest.Wait()
				require.Empty(t, w.net.Open(), "connections of a broken PUT close at once")
				p, h := w.stored("")
				require.Zero(t, p+h, "nothing may look complete")
			})
		})
	}
}

func TestPutSlowClientIsNobodysFault(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		a, err := w.put(&slowly{[]string{"he", "llo"}, 40 * time.Second, io.EOF}, 5)
		require.NoError(t, err)
		require.Equal(t, 201, a.Status)
	})
}

func TestPutCancelled(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		w.all(hang)
		_, err := w.f.Put(ctx, w.putRequest(strings.NewReader("x"), 1))
		require.Equal(t, swift.ClientGone, swift.KindOf(err))
		synctest.Wait()
		require.Empty(t, w.net.Open())
		require.False(t, w.f.limiter.limited(newNode(w.ring.Devices()[0], false)))
	})
}

func TestPutStraggler(t *testing.T) {
	runBoth(t, func(t *testing.T, w *world) {
		w.nodes[2].script = func(s *storage, rw http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			time.Sleep(3 * time.Second)
			s.mu.Lock()
			s.bodies = append(s.bodies, string(b))
			s.mu.Unlock()
			rw.WriteHeader(201)
		}
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		a, err := w.f.Put(ctx, w.putRequest(strings.NewReader("hello"), 5))
		cancel() // as when the response has been sent
		require.NoError(t, err)
		require.Equal(t, 201, a.Status)
		require.Equal(t, 500*time.Millisecond, time.Since(start))
		time.Sleep(5 * time.Second)
		p, _ := w.stored("hello")
		require.Equal(t, 3, p, "a straggler finishes on its own")
	})
}

func TestPutDifferentContents(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.nodes[0].script = func(s *storage, rw http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			rw.Header().Set("Etag", "other")
			rw.WriteHeader(201)
		}
		a, err := w.put(strings.NewReader("hello"), 5)
		require.NoError(t, err)
		require.Equal(t, 500, a.Status)
	})
}
