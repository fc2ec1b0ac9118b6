package fanout

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"apus/impl/ring"
)

// outcome is all that one replica can come to.
type outcome string

const (
	has      outcome = "2xx"
	deleted  outcome = "404 with a timestamp" // newer than what others have
	unknown  outcome = "404"
	handoff  outcome = "404 of a handoff" // the primary is down
	conflict outcome = "409"
	refused  outcome = "412" // has the object, whose ETag does not match
	beyond   outcome = "416" // has the object, which is too short
	left     outcome = "499"
	broken   outcome = "503"
	full     outcome = "507"
	silent   outcome = "timeout"
)

var outcomes = []outcome{has, deleted, unknown, handoff, conflict, refused, beyond, left, broken, full, silent}

// status is what is said, 0 for nothing.
func (o outcome) status(success int) int {
	return map[outcome]int{
		has: success, deleted: 404, unknown: 404, handoff: 404, conflict: 409, refused: 412, beyond: 416, left: 499, broken: 503, full: 507,
	}[o]
}

// agreed is the rule by which statuses become the client's: at least half of
// them (rounded up to a majority of odd numbers) must be of one class, of which
// the highest wins; success goes before redirection before refusal.
func agreed(statuses []int, of int) int {
	slices.Sort(statuses)
	for class := 2; class <= 4; class++ {
		in := slices.DeleteFunc(slices.Clone(statuses), func(s int) bool { return s/100 != class })
		if len(in) > 0 && 2*len(in) >= of {
			return in[len(in)-1]
		}
	}
	return 503
}

// modelGet is a read that asks replicas in this order. What was deleted after
// it was written is gone, whoever still has it. One primary that knows nothing
// may be new. Silence and what handoffs do not know is no evidence.
func modelGet(replicas []outcome) int {
	tombstone, doubted := false, len(replicas) == 1
	var evidence []int
	for _, o := range replicas {
		switch {
		case o == has && !tombstone:
			return 200
		case o == beyond && !tombstone:
			return 416
		case o == has, o == beyond, o == handoff, o == silent:
		case o == unknown && !doubted:
			doubted = true
		default:
			tombstone = tombstone || o == deleted
			evidence = append(evidence, o.status(200))
		}
	}
	return agreed(evidence, len(evidence))
}

// modelSmall is a request to all replicas. Nodes in trouble are replaced by
// handoffs, whose ignorance does not count; who is missing counts as trouble.
func modelSmall(replicas []outcome, success int) []int {
	var statuses []int
	for _, o := range replicas {
		switch o {
		case handoff, silent, broken, full:
			statuses = append(statuses, 503)
		default:
			statuses = append(statuses, o.status(success))
		}
	}
	return statuses
}

func count(replicas []outcome, of ...outcome) int {
	n := 0
	for _, o := range replicas {
		if slices.Contains(of, o) {
			n++
		}
	}
	return n
}

// modelDelete: what cannot be decided is decided as if replicas that do not
// have the object had deleted it, if one of the others says so.
func modelDelete(replicas []outcome) int {
	n := len(replicas)
	first := agreed(modelSmall(replicas, 204), n)
	if first != 503 {
		return first
	}
	missing, done, refusals := count(replicas, deleted, unknown), count(replicas, has), 0
	for _, o := range []outcome{left, beyond, refused, conflict} {
		if c := count(replicas, o); c > 0 {
			if refusals == 0 {
				first = o.status(0)
			}
			refusals += c
		}
	}
	switch {
	case 2*(missing+done) >= n && done > 0:
		return 204
	case 2*refusals >= n && refusals > 0:
		return first
	}
	return 503
}

// modelPost: while one replica has the object, it is not missing. Handoffs are
// asked for those that do not have it; here they do not either.
func modelPost(replicas []outcome) int {
	statuses := modelSmall(replicas, 202)
	n, found := len(replicas), count(replicas, has)
	got := agreed(statuses, n)
	if found > 0 && 2*found < n && got == 404 {
		return 503
	}
	return got
}

// modelPut: a replica with something newer makes all that follows pointless, an
// object that must not exist forbids it, and both are known before the body is
// read. Then half of the replicas must be ready, else it is not begun.
func modelPut(replicas []outcome, onlyNew bool) int {
	n := len(replicas)
	// A handoff that is asked in the place of a primary refuses as well.
	spares := count(replicas, handoff) > 0
	var statuses []int
	for _, o := range replicas {
		s := o.status(201)
		if o == broken || o == full || o == silent {
			if s = 503; spares {
				s = 404
			}
		}
		statuses = append(statuses, s)
	}
	switch {
	case onlyNew && count(replicas, refused) > 0:
		return 412
	case count(replicas, conflict) > 0:
		return 202
	}
	return agreed(statuses, n)
}

// combinations calls f with every sequence of up to most outcomes.
func combinations(most int, f func(c []outcome)) {
	var extend func(c []outcome)
	extend = func(c []outcome) {
		if len(c) > 0 {
			f(c)
		}
		if len(c) == most {
			return
		}
		for _, o := range outcomes {
			extend(append(slices.Clone(c), o))
		}
	}
	extend(nil)
}

// play makes the nodes come to these outcomes, the first len(c) being
// primaries, and gives a ring of them.
func (w *world) play(c []outcome, success int) *ring.Ring {
	w.f.owned.Wait() // stragglers of the play before
	w.f.limiter = newLimiter(10, time.Minute, nil)
	n := len(c)
	spare := status(503)
	if slices.Contains(c, handoff) {
		spare = status(404)
	}
	var rows [][]uint16
	for i, o := range c {
		w.nodes[n+i].play(spare)
		w.nodes[i].play(o.script(success))
		rows = append(rows, []uint16{uint16(i), uint16(n + i)})
	}
	return ring.New(w.ring.Devices()[:2*n], 1, rows)
}

func (s *storage) play(script func(*storage, http.ResponseWriter, *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

func (o outcome) script(success int) func(*storage, http.ResponseWriter, *http.Request) {
	stamp := ""
	switch o {
	case silent:
		return hang
	case handoff:
		return abort
	case has:
		if success == 201 {
			return nil // takes the body
		}
		stamp = stampOf(1)
	case refused, beyond:
		stamp = stampOf(1)
	case deleted, conflict:
		stamp = stampOf(2)
	}
	return func(_ *storage, w http.ResponseWriter, _ *http.Request) {
		if stamp != "" {
			w.Header().Set("X-Backend-Timestamp", stamp)
		}
		w.WriteHeader(o.status(success))
	}
}

// enumerate compares real with model in every combination.
func enumerate(t *testing.T, success int, model func([]outcome) int, real func(w *world, r *ring.Ring) int) {
	t.Helper()
	run(t, func(t *testing.T, w *world) {
		tried, bad := 0, 0
		combinations(3, func(c []outcome) {
			tried++
			got, want := real(w, w.play(c, success)), model(c)
			if got != want && bad < 20 {
				bad++
				t.Errorf("%s: %d, want %d", describe(c), got, want)
			}
		})
		if want := 11 + 11*11 + 11*11*11; tried != want {
			t.Errorf("%d combinations, want %d", tried, want)
		}
	})
}

func describe(c []outcome) string {
	var s []string
	for _, o := range c {
		s = append(s, string(o))
	}
	return strings.Join(s, " | ")
}

func TestModelGet(t *testing.T) {
	inOrder, err := ParseAffinity("r1z0=0, r1z1=1, r1z2=2")
	if err != nil {
		t.Fatal(err)
	}
	enumerate(t, 200, modelGet, func(w *world, r *ring.Ring) int {
		req := w.getRequest(nil)
		req.Nodes = w.f.NodesFor(r, 0, NodeOptions{Preferences: &Preferences{Sorting: ByAffinity, ReadAffinity: inOrder}})
		resp := w.f.Get(w.t.Context(), req)
		resp.Discard()
		return resp.Status
	})
}

func headersFor(n int) []http.Header {
	out := make([]http.Header, n)
	for i := range out {
		out[i] = http.Header{"X-Index": {fmt.Sprint(i)}}
	}
	return out
}

func TestModelDelete(t *testing.T) {
	enumerate(t, 204, modelDelete, func(w *world, r *ring.Ring) int {
		nodes := w.f.Nodes(r, 0)
		answers := w.f.Each(w.t.Context(), EachRequest{Method: "DELETE", Entity: "/a/c/o", Headers: headersFor(nodes.Replicas()), Nodes: nodes})
		return Best(answers, Quorum(len(answers)), map[int]int{404: 204}).Status
	})
}

func TestModelPost(t *testing.T) {
	enumerate(t, 202, modelPost, func(w *world, r *ring.Ring) int {
		nodes := w.f.Nodes(r, 0)
		return w.f.Post(w.t.Context(), EachRequest{Method: "POST", Entity: "/a/c/o", Headers: headersFor(nodes.Replicas()), Nodes: nodes}).Status
	})
}

func TestModelPut(t *testing.T) {
	for _, mode := range []struct {
		onlyNew bool
		inline  int
	}{{false, 0}, {true, 0}, {false, 100}, {true, 100}} {
		onlyNew := mode.onlyNew
		enumerate(t, 201, func(c []outcome) int { return modelPut(c, onlyNew) }, func(w *world, r *ring.Ring) int {
			req := w.putRequest(strings.NewReader("hello"), 5)
			req.Nodes, req.IfNoneMatch = w.f.Nodes(r, 0), onlyNew
			w.f.cfg.InlinePut = mode.inline
			req.Headers = headersFor(req.Nodes.Replicas())
			a, err := w.f.Put(w.t.Context(), req)
			if err != nil {
				w.t.Error(err)
			}
			return a.Status
		})
	}
}
