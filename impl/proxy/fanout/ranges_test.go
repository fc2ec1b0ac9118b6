package fanout

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/web"
)

// servingRanges is serving that honours several ranges. Every answer has a
// boundary of its own; limit counts bytes of the framed body.
func servingRanges(content string, limit func(n int) int) func(*storage, http.ResponseWriter, *http.Request) {
	one := serving(content, func(int) int { return -1 })
	var mu sync.Mutex
	n := 0
	return func(s *storage, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		stop, boundary := limit(n), fmt.Sprintf("b%db", n)
		n++
		mu.Unlock()
		ranges, _ := web.ParseRange(r.Header.Get("Range"), int64(len(content)))
		if len(ranges) == 1 {
			serving(content, func(int) int { return stop })(s, w, r)
			return
		}
		if len(ranges) == 0 {
			one(s, w, r)
			return
		}
		var body strings.Builder
		for i, sep := range web.Separators(ranges, "text/plain", boundary, int64(len(content))) {
			body.WriteString(sep)
			if i < len(ranges) {
				body.WriteString(content[ranges[i].Start:ranges[i].End])
			}
		}
		w.Header().Set("Content-Type", "multipart/byteranges;boundary="+boundary)
		w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
		w.Header().Set("Etag", etagOf(content))
		w.Header().Set("X-Backend-Timestamp", stampOf(1))
		w.WriteHeader(206)
		if stop < 0 || stop >= body.Len() {
			_, _ = io.WriteString(w, body.String())
			return
		}
		_, _ = io.WriteString(w, body.String()[:stop])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// parts takes a multipart/byteranges body apart, strictly.
func parts(t *testing.T, resp *web.Response) (ranges, bodies []string) {
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	require.NoError(t, err)
	length := resp.ContentLength
	text := readAll(t, resp)
	require.Len(t, text, int(length), "the body is as long as announced")
	rd := multipart.NewReader(strings.NewReader(text), params["boundary"])
	for {
		p, err := rd.NextPart()
		if err == io.EOF {
			return ranges, bodies
		}
		require.NoError(t, err)
		b, err := io.ReadAll(p)
		require.NoError(t, err)
		require.Equal(t, "text/plain", p.Header.Get("Content-Type"))
		ranges, bodies = append(ranges, p.Header.Get("Content-Range")), append(bodies, string(b))
	}
}

func TestGetResumesManyRanges(t *testing.T) {
	content := text(50_000)
	for _, c := range []struct {
		name string
		cuts []int
	}{
		{"no failure", nil},
		{"in the first range", []int{2000}},
		{"in the second", []int{5_500}},
		{"in the last", []int{9_000}},
		{"in the frame of the second", []int{5_110}},
		{"between ranges", []int{5_083, 5_083}},
		{"in its last separator", []int{9_400}},
		{"twice in one range", []int{2000, 1500}},
		{"in every range", []int{2000, 4_400, 1100}},
		{"without progress", []int{2000, 0, 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				w.all(servingRanges(content, cuts(c.cuts...)))
				resp := w.get(http.Header{"Range": {"bytes=0-4999,10000-11999,-2000"}})
				require.Equal(t, 206, resp.Status)
				ranges, bodies := parts(t, resp)
				require.Equal(t, []string{"bytes 0-4999/50000", "bytes 10000-11999/50000", "bytes 48000-49999/50000"}, ranges)
				require.Equal(t, []string{content[:5000], content[10_000:12_000], content[48_000:]}, bodies)
			})
		})
	}
}

// A frame that was not asked for is passed on, and nobody takes part of it for
// the whole.
func TestGetStrangeFrames(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.all(func(_ *storage, rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "multipart/byteranges; boundary=b")
			rw.Header().Set("Etag", "x")
			rw.WriteHeader(206)
			_, _ = io.WriteString(rw, "--b\r\nnonsense\r\n\r\nhello\r\n--b--")
		})
		require.Equal(t, "--b\r\nnonsense\r\n\r\nhello\r\n--b--", readAll(t, w.get(http.Header{"Range": {"bytes=0-1,3-4"}})))
	})
}

func (w *world) hedged(timeout time.Duration) *web.Response {
	r := w.getRequest(nil)
	r.Nodes = w.f.NodesFor(w.ring, 0, NodeOptions{Preferences: &Preferences{Concurrent: true, ConcurrencyTimeout: timeout}})
	return w.f.Get(w.t.Context(), r)
}

func TestGetHedged(t *testing.T) {
	content := text(100_000)
	after := func(d time.Duration) func(*storage, http.ResponseWriter, *http.Request) {
		return func(s *storage, rw http.ResponseWriter, r *http.Request) {
			time.Sleep(d)
			serving(content, never)(s, rw, r)
		}
	}
	for _, c := range []struct {
		name   string
		script [3]func(*storage, http.ResponseWriter, *http.Request)
		took   time.Duration
		want   int
	}{
		{"all fast", [3]func(*storage, http.ResponseWriter, *http.Request){after(0), after(0), after(0)}, 0, 200},
		{"all hang but the last", [3]func(*storage, http.ResponseWriter, *http.Request){hang, hang, after(0)}, 200 * time.Millisecond, 200},
		{"slow ones win over those that hang", [3]func(*storage, http.ResponseWriter, *http.Request){hang, after(time.Second), hang}, 1200 * time.Millisecond, 200},
		{"nobody has it", [3]func(*storage, http.ResponseWriter, *http.Request){status(404), status(404), status(404)}, 0, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				w.all(status(404))
				for i, s := range c.script {
					w.nodes[i].script = s
				}
				start := time.Now()
				resp := w.hedged(100 * time.Millisecond)
				require.Equal(t, c.want, resp.Status)
				require.LessOrEqual(t, time.Since(start), c.took)
				if c.want == 200 {
					require.Equal(t, content, readAll(t, resp))
				} else {
					resp.Discard()
				}
			})
		})
	}
}

// All three are asked and all answer at the same time; two lose, before or
// after their answer has arrived.
func TestGetHedgedLosersAreClosed(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.all(func(s *storage, rw http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			serving(text(1<<17), never)(s, rw, r)
		})
		for range 50 {
			resp := w.hedged(0)
			require.Equal(t, 200, resp.Status)
			require.Len(t, w.net.Open(), 1, "only the winner's connection is open")
			resp.Abandon()
		}
	})
}
