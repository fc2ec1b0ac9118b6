package fanout

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/event"
	"apus/impl/ring"
)

func TestQuorum(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3, 7: 4} {
		require.Equal(t, want, Quorum(n), "of %d", n)
	}
}

func answersOf(statuses ...int) []Answer {
	var out []Answer
	for i, s := range statuses {
		out = append(out, Answer{Status: s, Header: http.Header{"X-I": {fmt.Sprint(i)}}})
	}
	return out
}

func TestBest(t *testing.T) {
	deleted := map[int]int{404: 204}
	for _, c := range []struct {
		name      string
		statuses  []int
		overrides map[int]int
		want      int
		index     string
	}{
		{"all agree", []int{201, 201, 201}, nil, 201, "0"},
		{"highest of the class", []int{201, 202, 201}, nil, 202, "1"},
		{"majority", []int{503, 201, 201}, nil, 201, "1"},
		{"success wins over equal failure", []int{201, 404, 404, 201}, nil, 201, "0"},
		{"one of two", []int{201, 503}, nil, 201, "0"},
		{"redirection", []int{304, 304, 404}, nil, 304, "0"},
		{"no quorum", []int{201, 404, 503}, nil, 503, ""},
		{"all failed", []int{503, 503, 503}, nil, 503, ""},
		{"none", nil, nil, 503, ""},
		{"404 counts as deleted", []int{204, 404, 503}, deleted, 204, "0"},
		{"404 alone stays 404", []int{404, 404, 204}, deleted, 404, "0"},
		{"404 cannot be the answer when counted", []int{404, 503, 503}, deleted, 503, ""},
		{"conflict", []int{409, 204, 409}, deleted, 409, "0"},
		{"mixed failures", []int{404, 409, 503}, deleted, 409, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := Best(answersOf(c.statuses...), Quorum(len(c.statuses)), c.overrides)
			require.Equal(t, c.want, a.Status)
			require.Equal(t, c.index, a.get("X-I"))
		})
	}
}

func TestHaveQuorum(t *testing.T) {
	require.False(t, HaveQuorum(answersOf(201), 2))
	require.True(t, HaveQuorum(answersOf(201, 202), 2))
	require.False(t, HaveQuorum(answersOf(201, 404), 2))
	require.True(t, HaveQuorum(answersOf(201, 404, 409), 2))
	require.False(t, HaveQuorum(answersOf(503, 503, 503), 2), "failures never agree")
}

func TestStartVerdict(t *testing.T) {
	for _, c := range []struct {
		name     string
		statuses []int
		ready    int
		inm      bool
		done     bool
		want     int
	}{
		{"all ready", nil, 3, false, false, 0},
		{"quorum ready", nil, 2, false, false, 0},
		{"one ready", nil, 1, false, true, 503},
		{"one has it and a condition forbids", []int{412}, 2, true, true, 412},
		{"412 without condition is a failure of one", []int{412}, 2, false, false, 0},
		{"one has a newer one", []int{409}, 2, false, true, 202},
		{"condition beats newer", []int{409, 412}, 1, true, true, 412},
		{"quorum refuses", []int{422, 422}, 1, false, true, 422},
		{"one refuses, one failed", []int{422}, 1, false, true, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, done := startVerdict(answersOf(c.statuses...), c.ready, 3, c.inm)
			require.Equal(t, c.done, done)
			require.Equal(t, c.want, a.Status)
		})
	}
}

func TestPutVerdict(t *testing.T) {
	etag := func(status int, e string) Answer {
		return Answer{Status: status, Header: http.Header{"Etag": {e}}}
	}
	for _, c := range []struct {
		name    string
		answers []Answer
		want    int
		etag    string
	}{
		{"all", []Answer{etag(201, "a"), etag(201, `"a"`), etag(201, "a")}, 201, "a"},
		{"quorum", []Answer{etag(201, "a"), etag(201, "a")}, 201, "a"},
		{"one short of a quorum", []Answer{etag(201, "a")}, 503, ""},
		{"one short, others failed", []Answer{etag(201, "a"), {Status: 500}, {Status: 507}}, 503, ""},
		{"different contents", []Answer{etag(201, "a"), etag(201, "b")}, 500, ""},
		{"newer ones", []Answer{{Status: 409}, {Status: 409}, etag(201, "a")}, 202, "a"},
		{"bad etag", []Answer{{Status: 422}, {Status: 422}}, 422, ""},
		{"none", nil, 503, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := putVerdict(c.answers, 3)
			require.Equal(t, c.want, a.Status)
			require.Equal(t, c.etag, a.get("Etag"))
		})
	}
}

// said is an answer in a hunt: a status, whether a handoff said it, and its
// timestamp.
type said struct {
	status  int
	handoff bool
	stamp   string
	put     string
}

func stampOf(n int) string { return fmt.Sprintf("%010d.00000", n) }

func (s said) header() http.Header {
	h := http.Header{}
	if s.stamp != "" {
		h.Set("X-Backend-Timestamp", s.stamp)
	}
	if s.put != "" {
		h.Set("X-Put-Timestamp", s.put)
	}
	return h
}

func TestHunt(t *testing.T) {
	for _, c := range []struct {
		name   string
		server string
		said   []said
		source int // index, -1 none
		want   int // status when there is none
	}{
		{"first has it", ServerObject, []said{{status: 200}}, 0, 0},
		{"second has it", ServerObject, []said{{status: 404}, {status: 200}}, 1, 0},
		{"304 is found", ServerObject, []said{{status: 304}}, 0, 0},
		{"416 is found for objects", ServerObject, []said{{status: 416}}, 0, 0},
		{"416 is not for containers", ServerContainer, []said{{status: 416}, {status: 416}}, -1, 416},
		{"412 of all", ServerObject, []said{{status: 412}, {status: 412}, {status: 412}}, -1, 412},
		{"404 of all primaries", ServerObject, []said{{status: 404}, {status: 404}, {status: 404}}, -1, 404},
		{"404 of handoffs proves nothing", ServerObject, []said{{status: 404, handoff: true}, {status: 404, handoff: true}}, -1, 503},
		{"errors of handoffs do not outvote", ServerObject, []said{{status: 404}, {status: 404}, {status: 503, handoff: true}, {status: 500, handoff: true}}, -1, 404},
		{"one primary's 404 is not believed", ServerObject, []said{{status: 404}, {status: 404, handoff: true}}, -1, 503},
		{"a handoff's tombstone counts", ServerObject, []said{{status: 404, handoff: true, stamp: stampOf(5)}}, -1, 404},
		{"a newer tombstone beats an old object", ServerObject, []said{{status: 404, stamp: stampOf(5)}, {status: 200, stamp: stampOf(3)}, {status: 404, stamp: stampOf(5)}}, -1, 404},
		{"an older tombstone does not", ServerObject, []said{{status: 404, stamp: stampOf(5)}, {status: 200, stamp: stampOf(7)}}, 1, 0},
		{"a container that was never put is missing", ServerContainer, []said{{status: 204, put: stampOf(0)}, {status: 204, put: stampOf(0)}}, -1, 404},
		{"servers in trouble", ServerObject, []said{{status: 500}, {status: 503}, {status: 507}}, -1, 503},
		{"nobody answered", ServerObject, nil, -1, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHunt(c.server, false, 3, 1)
			at := -1
			for i, s := range c.said {
				node := newNode(&ring.Device{IP: "10.0.0.1", Port: i}, s.handoff)
				if h.judge(node, s.status, s.header()) == source {
					at = i
					break
				}
			}
			require.Equal(t, c.source, at)
			if at < 0 {
				require.Equal(t, c.want, h.verdict().Status)
			}
		})
	}
}

func TestNewestOf(t *testing.T) {
	h := newHunt(ServerObject, true, 3, 1)
	head := func(s string) http.Header { return http.Header{"X-Backend-Timestamp": {s}} }
	require.Equal(t, 1, h.newestOf([]http.Header{head(stampOf(3)), head(stampOf(9)), nil, head(stampOf(4))}))
	require.Equal(t, -1, h.newestOf([]http.Header{nil, nil}))
	node := newNode(&ring.Device{}, false)
	h.judge(node, 404, head(stampOf(9)))
	require.Equal(t, 0, h.newestOf([]http.Header{head(stampOf(9))}), "equal to the tombstone")
	h.judge(node, 404, head(stampOf(10)))
	require.Equal(t, -1, h.newestOf([]http.Header{head(stampOf(9))}))
}

func TestContentRange(t *testing.T) {
	for v, want := range map[string][2]int64{
		"bytes 0-99/1000": {0, 100}, "bytes 5-5/6": {5, 6}, "bytes 7-8/*": {7, 9},
	} {
		r, _, ok := contentRange(v)
		require.True(t, ok, v)
		require.Equal(t, want, [2]int64{r.Start, r.End}, v)
	}
	for _, v := range []string{"", "bytes */10", "bytes 5-4/10", "bytes -5/10", "bytes 1-2", "bytes 1-2/2", "lines 1-2/3"} {
		_, _, ok := contentRange(v)
		require.False(t, ok, v)
	}
}

// Handoffs that had to stand in for primaries which were skipped are counted,
// and so is skipping.
func TestCountsHandoffs(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		heard := map[string]int{}
		w.f.events = &event.Sink{Count: func(e event.Count) { heard[e.Name]++ }, ErrorLimit: func(e event.ErrorLimit) {
			if !e.Forced {
				t.Errorf("limited by %+v", e)
			}
		}}
		w.f.limiter.events = w.f.events
		w.f.cfg.RequestNodes = func(n int) int { return n }
		deal := func() int {
			n := w.f.Nodes(w.ring, 0)
			n.Server = ServerObject
			dealt := 0
			for _, ok := n.Next(); ok; _, ok = n.Next() {
				dealt++
			}
			return dealt
		}
		require.Equal(t, 3, deal())
		require.Empty(t, heard)
		w.f.limiter.limit(newNode(w.ring.Primaries(0)[0], false), "507")
		require.Equal(t, 3, deal())
		require.Equal(t, map[string]int{"error_limiter.is_limited": 1, "object.handoff_count": 1}, heard)
		for _, d := range w.ring.Primaries(0)[1:] {
			w.f.limiter.limit(newNode(d, false), "507")
		}
		clear(heard)
		require.Equal(t, 3, deal())
		require.Equal(t, map[string]int{"error_limiter.is_limited": 3, "object.handoff_count": 3, "object.handoff_all_count": 1}, heard)
	})
}
