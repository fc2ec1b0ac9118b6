package fanout

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/swift"
	"apus/impl/web"
)

func text(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString("abcdefghijklmnopqrstuvwxyz0123456789"[b.Len()%35:])
	}
	return b.String()[:n]
}

// cuts makes the n-th request over all nodes break off after that many bytes.
func cuts(at ...int) func(int) int {
	return func(n int) int {
		if n < len(at) {
			return at[n]
		}
		return -1
	}
}

func readAll(t *testing.T, resp *web.Response) string {
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return string(b)
}

func TestGetResumes(t *testing.T) {
	content := text(200_000)
	for _, c := range []struct {
		name string
		cuts []int
		rng  string
		want string
	}{
		{"no failure", nil, "", content},
		{"at once", []int{0}, "", content},
		{"in mid-body", []int{70_001}, "", content},
		{"twice", []int{70_001, 30_003}, "", content},
		{"three times, once without progress", []int{70_001, 0, 30_003}, "", content},
		{"before the last byte", []int{199_999}, "", content},
		{"a range", []int{500}, "bytes=1000-2999", content[1000:3000]},
		{"a range, twice", []int{500, 700}, "bytes=1000-2999", content[1000:3000]},
		{"a suffix", []int{500, 100}, "bytes=199000-", content[199_000:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				script := serving(content, cuts(c.cuts...))
				w.all(script)
				h := http.Header{"If-Match": {etagOf(content)}}
				if c.rng != "" {
					h.Set("Range", c.rng)
				}
				resp := w.get(h)
				require.Equal(t, int64(len(c.want)), resp.ContentLength)
				require.Equal(t, c.want, readAll(t, resp))
				for _, n := range w.nodes {
					require.LessOrEqual(t, n.requests(), 1, "a node is asked once")
				}
			})
		})
	}
}

func TestGetResumesAfterAStall(t *testing.T) {
	content := text(100_000)
	run(t, func(t *testing.T, w *world) {
		w.f.cfg.RecoverableNodeTimeout = 2 * time.Second
		good := serving(content, never)
		w.all(good)
		stalled := false
		stall := func(s *storage, rw http.ResponseWriter, r *http.Request) {
			if stalled {
				good(s, rw, r)
				return
			}
			stalled = true
			rw.Header().Set("Etag", etagOf(content))
			rw.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(rw, content[:12_345])
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		}
		for _, n := range w.nodes {
			n.script = stall
		}
		start := time.Now()
		require.Equal(t, content, readAll(t, w.get(nil)))
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

func TestGetResumesWithTheSameObjectOnly(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		old, other := text(50_000), strings.Repeat("z", 50_000)
		for i := range 6 {
			w.nodes[i].script = serving(other, never)
		}
		first := true
		broken, fine := serving(old, cuts(1000)), serving(other, never)
		w.all(func(s *storage, rw http.ResponseWriter, r *http.Request) {
			if first {
				first = false
				broken(s, rw, r)
				return
			}
			fine(s, rw, r)
		})
		resp := w.get(nil)
		b, err := io.ReadAll(resp.Body)
		require.Equal(t, swift.Unavailable, swift.KindOf(err), "%v", err)
		require.Equal(t, old[:1000], string(b), "no mixture")
		require.NoError(t, resp.Body.Close())
	})
}

func TestGetRefusesAWrongRange(t *testing.T) {
	content := text(50_000)
	run(t, func(t *testing.T, w *world) {
		first := true
		broken, whole := serving(content, cuts(1000)), serving(content, never)
		w.all(func(s *storage, rw http.ResponseWriter, r *http.Request) {
			if first {
				first = false
				broken(s, rw, r)
				return
			}
			r.Header.Del("Range") // a node that does not know ranges
			whole(s, rw, r)
		})
		resp := w.get(nil)
		_, err := io.ReadAll(resp.Body)
		require.Error(t, err)
		require.NoError(t, resp.Body.Close())
	})
}

func TestGetShortBodyIsNeverComplete(t *testing.T) {
	for name, newest := range map[string]bool{"all nodes cut": false, "newest does not resume": true} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				w.all(serving(text(50_000), func(int) int { return 10 }))
				r := w.getRequest(nil)
				r.Newest = newest
				resp := w.f.Get(t.Context(), r)
				_, err := io.ReadAll(resp.Body)
				require.Equal(t, swift.Unavailable, swift.KindOf(err), "%v", err)
				require.NoError(t, resp.Body.Close())
			})
		})
	}
}

func TestGetClientLeaves(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.all(serving(text(4<<20), never))
		ctx, cancel := context.WithCancel(t.Context())
		resp := w.f.Get(ctx, w.getRequest(nil))
		_, err := io.ReadFull(resp.Body, make([]byte, 100_000))
		require.NoError(t, err)
		cancel()
		require.NoError(t, resp.Body.Close())
		synctest.Wait()
		require.Empty(t, w.net.Open())
	})
}

func TestGetFinalStatuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		first int
		rest  int
		want  int
		asked int
	}{
		{"not modified", 304, 304, 304, 1},
		{"range", 416, 416, 416, 1},
		{"precondition", 412, 412, 412, 6},
		{"missing", 404, 404, 404, 6},
		{"all broken", 500, 500, 503, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				w.all(func(_ *storage, rw http.ResponseWriter, r *http.Request) {
					rw.WriteHeader(c.first)
					if c.first != 304 {
						_, _ = io.WriteString(rw, "because")
					}
				})
				resp := w.get(nil)
				require.Equal(t, c.want, resp.Status)
				resp.Discard()
				asked := 0
				for _, n := range w.nodes {
					asked += n.requests()
				}
				require.Equal(t, c.asked, asked)
			})
		})
	}
}

// Of a failed condition clients are told what the object is, but not of the
// text that goes with it.
func TestGetTellsOfAFailedCondition(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		told := http.Header{"Content-Encoding": {"gzip"}, "Content-Language": {"de"}, "Content-Disposition": {"inline"}, "X-Object-Meta-A": {"x"}}
		w.all(func(_ *storage, rw http.ResponseWriter, _ *http.Request) {
			for name, values := range told {
				rw.Header()[name] = values
			}
			rw.Header().Set("Content-Range", "bytes */5")
			rw.WriteHeader(412)
		})
		resp := w.get(nil)
		require.Equal(t, 412, resp.Status)
		for name, values := range told {
			require.Equal(t, values, resp.Header[name], name)
		}
		require.Empty(t, resp.Header["Content-Range"])
		resp.Discard()
	})
}

func TestHeadClosesAtOnce(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.all(serving(text(1<<20), never))
		r := w.getRequest(nil)
		r.Method = "HEAD"
		resp := w.f.Get(t.Context(), r)
		require.Equal(t, 200, resp.Status)
		require.EqualValues(t, 1<<20, resp.ContentLength)
	})
}

func TestGetUnreachableIsNotMissing(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.all(status(404))
		w.nodes[0].stop()
		w.nodes[1].stop()
		require.Equal(t, 503, statusOf(w.get(nil)), "one primary and the handoffs do not have it; the others may")
	})
}

func statusOf(r *web.Response) int {
	r.Discard()
	return r.Status
}

func TestGetNewest(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		at := func(n int, body string) func(*storage, http.ResponseWriter, *http.Request) {
			return func(_ *storage, rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("X-Backend-Timestamp", stampOf(n))
				_, _ = io.WriteString(rw, body)
			}
		}
		w.all(status(404))
		w.nodes[0].script, w.nodes[1].script, w.nodes[2].script = at(3, "old"), at(9, "new"), at(5, strings.Repeat("middle", 1<<20))
		r := w.getRequest(nil)
		r.Newest = true
		require.Equal(t, "new", readAll(t, w.f.Get(t.Context(), r)))

		w.nodes[4].script = func(_ *storage, rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("X-Backend-Timestamp", stampOf(10))
			rw.WriteHeader(404)
		}
		r = w.getRequest(nil)
		r.Newest = true
		require.Equal(t, 404, statusOf(w.f.Get(t.Context(), r)))
	})
}

func TestErrorLimit(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.nodes[0].script = status(507)
		w.nodes[1].script, w.nodes[2].script = status(404), status(404)
		for range 5 {
			w.get(nil).Discard()
		}
		require.Equal(t, 1, w.nodes[0].requests(), "507 is skipped at once")
		time.Sleep(time.Minute)
		w.get(nil).Discard()
		require.Equal(t, 2, w.nodes[0].requests(), "and asked again after the interval")

		w.nodes[1].script = status(503)
		for range 30 {
			w.get(nil).Discard()
		}
		require.Equal(t, 6+11, w.nodes[1].requests(), "eleven errors limit a node")
	})
}

func (w *world) each(n int) []Answer {
	headers := make([]http.Header, n)
	for i := range headers {
		headers[i] = http.Header{"X-Index": {"i"}}
	}
	return w.f.Each(w.t.Context(), EachRequest{
		Method: "DELETE", Entity: "/a/c/o", Headers: headers, Nodes: w.f.Nodes(w.ring, 0),
	})
}

func TestEach(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.all(status(204))
		a := w.each(3)
		require.Len(t, a, 3)
		require.Equal(t, 204, Best(a, 2, nil).Status)
		require.Zero(t, w.nodes[3].requests())

		w.nodes[0].stop()
		a = w.each(3)
		require.Equal(t, []int{204, 204, 204}, []int{a[0].Status, a[1].Status, a[2].Status})
	})
}

func TestEachStraggler(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.all(status(204))
		var done atomic.Bool
		w.nodes[1].script = func(_ *storage, rw http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			done.Store(true)
			rw.WriteHeader(204)
		}
		start := time.Now()
		a := w.each(3)
		require.Equal(t, 500*time.Millisecond, time.Since(start))
		require.Equal(t, 503, a[2].Status)
		time.Sleep(4 * time.Second)
		require.True(t, done.Load())
	})
}

func TestPost(t *testing.T) {
	for _, c := range []struct {
		name     string
		statuses [6]int
		want     int
	}{
		{"all have it", [6]int{202, 202, 202, 404, 404, 404}, 202},
		{"two have it", [6]int{202, 404, 202, 404, 404, 404}, 202},
		{"none has it", [6]int{404, 404, 404, 404, 404, 404}, 404},
		{"one primary and one handoff", [6]int{202, 404, 404, 202, 202, 202}, 202},
		{"one has it: 404 cannot be right", [6]int{202, 404, 404, 404, 404, 404}, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				for i, s := range c.statuses {
					w.nodes[i].script = status(s)
				}
				headers := []http.Header{{}, {}, {}}
				a := w.f.Post(t.Context(), EachRequest{Method: "POST", Entity: "/a/c/o", Headers: headers, Nodes: w.f.Nodes(w.ring, 0)})
				require.Equal(t, c.want, a.Status)
			})
		})
	}
}
