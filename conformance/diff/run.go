package diff

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"apus/conformance/target"
)

// Options of a run.
type Options struct {
	Sequences int
	Seed      int
	First     int // number of the first sequence; default 1
	// Match limits the run to themes with one of these names.
	Match []string
	Jobs  int
	// MaxFindings ends the run early; default 20.
	MaxFindings int
	// Table explains differences; nil stands for Table().
	Table []Explained
	// Found hears of each finding once it is small; its Count still grows.
	Found func(*Finding)
	// Progress hears of every sequence that is done.
	Progress func(Stats)
}

// Stats counts what was done.
type Stats struct {
	Sequences, Requests int
	// Clean sequences had no unexplained difference.
	Clean int
	// Unsteady ones differed once, and not when repeated slowly.
	Unsteady int
	Findings int
	// Explained counts differences by row of the table.
	Explained map[string]int
	// Features counts requests.
	Features map[string]int
	// Statuses counts answers of endpoint B.
	Statuses map[int]int
}

// runner is one run.
type runner struct {
	a, b  *target.Target
	o     Options
	run   string // makes names unique
	names atomic.Int64

	mu       sync.Mutex
	stats    Stats
	findings map[string]*Finding
	order    []*Finding
	err      error // that ended the run
}

// host is the name that both endpoints are called by, so that URLs in their
// answers are equal.
const host = "swift.test"

// Run compares a with b. Both need Owner, and should have Guest, Stranger and
// Admin: requests of users that are not known are sent without a token.
func Run(ctx context.Context, a, b *target.Target, o Options) (Stats, []*Finding, error) {
	if o.Table == nil {
		o.Table = Table()
	}
	o.MaxFindings = max(o.MaxFindings, 1)
	o.First = max(o.First, 1)
	o.Jobs = max(o.Jobs, 1)
	r := &runner{a: a, b: b, o: o, run: fmt.Sprintf("%08x", rand.Uint32()), findings: map[string]*Finding{}}
	r.stats = Stats{Explained: map[string]int{}, Features: map[string]int{}, Statuses: map[int]int{}}
	for _, t := range []*target.Target{a, b} {
		if err := t.Authenticate(ctx); err != nil {
			return r.stats, nil, err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var next atomic.Int64
	var all sync.WaitGroup
	for range o.Jobs {
		all.Go(func() {
			w := r.worker()
			defer w.close()
			for ctx.Err() == nil {
				n := int(next.Add(1))
				if n > o.Sequences {
					return
				}
				if w.compare(ctx, Draw(o.Seed, o.First+n-1, o.Match)) >= o.MaxFindings {
					stop()
				}
			}
		})
	}
	all.Wait()
	return r.stats, r.order, r.err
}

// worker runs one sequence at a time.
type worker struct {
	r      *runner
	a, b   side
	shared string // the container that its shared sequences use
	uses   int
}

// side is a worker's view of one endpoint.
type side struct {
	t    *target.Target
	wire *wire
}

func (r *runner) worker() *worker {
	make := func(t *target.Target) side {
		return side{t, &wire{addr: t.Owner.Storage.Host, dial: t.Dial}}
	}
	return &worker{r: r, a: make(r.a), b: make(r.b)}
}

func (w *worker) close() {
	w.a.wire.close()
	w.b.wire.close()
}

// sharedUses is after how many sequences a shared container is left alone, so
// that listings stay short.
const sharedUses = 50

// compare runs one sequence and returns how many findings there are by now.
func (w *worker) compare(ctx context.Context, s Sequence) int {
	if err := w.prepare(ctx, &s); err != nil {
		w.r.fail(err)
		return w.r.o.MaxFindings
	}
	res := w.both(ctx, s, 0)
	unsteady := false
	if len(res.differences) > 0 {
		// Once more, slowly: what remains is no matter of delays.
		res = w.both(ctx, s, slow)
		for range overloadTries {
			if !overloaded(res) || !sleep(ctx, overloadPause) {
				break
			}
			// It may also be the container that answers no more, after
			// what an earlier sequence wrote to it.
			w.uses = sharedUses
			if err := w.prepare(ctx, &s); err != nil {
				w.r.fail(err)
				return w.r.o.MaxFindings
			}
			res = w.both(ctx, s, slow)
		}
		unsteady = len(res.differences) == 0
	}
	if ctx.Err() != nil {
		return 0
	}
	found := w.r.count(s, res, unsteady)
	if found != nil {
		small := w.shrink(ctx, s, res)
		w.r.mu.Lock()
		found.Sequence, found.A, found.B, found.Differences = small.sequence, small.a, small.b, small.differences
		if w.r.o.Found != nil {
			w.r.o.Found(found)
		}
		w.r.mu.Unlock()
	}
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	return len(w.r.order)
}

// prepare makes sure that the sequence has a container to work in, if it uses
// one that others use. In an account that takes none any more every sequence
// would be clean, and say nothing.
func (w *worker) prepare(ctx context.Context, s *Sequence) error {
	if w.uses++; !s.Shared || w.shared != "" && w.uses < sharedUses {
		return nil
	}
	var err error
	for try := range prepareTries {
		w.uses, w.shared = 0, w.r.name()
		res := w.both(ctx, Sequence{Requests: []Request{{Method: "PUT", Target: "/v1/{acct}/" + w.shared, User: Owner}}}, time.Duration(try)*slow)
		if err = made('A', res.a[0]); err == nil {
			err = made('B', res.b[0])
		}
		if err == nil || ctx.Err() != nil {
			return nil
		}
	}
	return err
}

// prepareTries is for new accounts, which several workers make at the same
// time by their first containers.
const prepareTries = 6

func made(endpoint rune, a *Answer) error {
	if a.Status/100 == 2 {
		return nil
	}
	return fmt.Errorf("endpoint %c makes no container any more: %d %s %s", endpoint, a.Status, a.Reason, a.Failure)
}

// fail keeps the first error that ends the run.
func (r *runner) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

// A 503 of one endpoint, or none of its answers, may mean that the machine is
// too busy for it: the sequence is repeated until that is over.
const (
	overloadTries = 3
	overloadPause = 5 * time.Second
)

func overloaded(res result) bool {
	if len(res.differences) == 0 {
		return false
	}
	a, b := res.a[len(res.a)-1], res.b[len(res.b)-1]
	return a.Status == 503 || b.Status == 503 || a.Failure != b.Failure
}

// sleep is false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// slow is the pause before each request of a repeated sequence.
const slow = 150 * time.Millisecond

// count adds a sequence to the statistics. It returns a new finding if the
// sequence has a difference of a kind that was not seen before.
func (r *runner) count(s Sequence, res result, unsteady bool) *Finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Sequences++
	r.stats.Requests += len(res.a)
	for i := range res.a {
		r.stats.Features[s.Requests[i].Feature]++
		r.stats.Statuses[res.b[i].Status]++
	}
	for _, name := range res.explained {
		r.stats.Explained[name]++
	}
	var found *Finding
	switch {
	case len(res.differences) == 0:
		r.stats.Clean++
		if unsteady {
			r.stats.Unsteady++
		}
	case r.findings[res.key] != nil:
		r.findings[res.key].Count++
	default:
		found = &Finding{Key: res.key, Sequence: s, Count: 1}
		r.findings[res.key] = found
		r.order = append(r.order, found)
	}
	r.stats.Findings = len(r.order)
	if r.o.Progress != nil {
		r.o.Progress(r.stats)
	}
	return found
}

// name is part of the names of one run of a sequence. All have one length, so
// that lengths of bodies do not change from run to run.
func (r *runner) name() string { return fmt.Sprintf("d%s-%06d", r.run, r.names.Add(1)%1000000) }

// result is what one run of a sequence on both endpoints showed.
type result struct {
	sequence Sequence
	// a and b are answers as they came, up to the first request that is
	// answered differently.
	a, b        []*Answer
	differences []Difference
	key         string
	explained   []string
}

// both runs a sequence on both endpoints at the same time.
func (w *worker) both(ctx context.Context, s Sequence, pause time.Duration) result {
	base := names{account: w.r.a.Owner.Account(), containers: w.r.name() + "-", now: time.Now().Unix()}
	if s.Private {
		base.account = w.r.a.Owner.Prefix() + base.containers + "x"
	}
	if s.Shared {
		base.shared, base.prefix = w.shared, base.containers
	}
	var a, b []*Answer
	var pair sync.WaitGroup
	pair.Go(func() { a = w.a.play(ctx, s, base, pause) })
	pair.Go(func() { b = w.b.play(ctx, s, base, pause) })
	pair.Wait()
	return w.r.judge(s, a, b)
}

// play sends the requests of a sequence to one endpoint.
func (e *side) play(ctx context.Context, s Sequence, n names, pause time.Duration) []*Answer {
	var out []*Answer
	for i := range s.Requests {
		if pause > 0 {
			_ = sleep(ctx, pause) // requests of an ended run fail
		}
		r, err := n.filled(&s.Requests[i])
		a := &Answer{}
		if err != nil {
			a.Failure = err.Error()
		} else {
			a = e.wire.do(ctx, &r, host, e.token(r.User))
		}
		n.saw(&r, a)
		out = append(out, a)
	}
	return out
}

func (e *side) token(user string) string {
	switch user {
	case Owner:
		return e.t.Owner.Token
	case Guest:
		return e.t.Guest.Token
	case Stranger:
		return e.t.Stranger.Token
	case Admin:
		return e.t.Admin.Token
	case Forger:
		return "AUTH_tk00000000000000000000000000000000"
	}
	return ""
}

// judge finds the first request that is answered differently.
func (r *runner) judge(s Sequence, a, b []*Answer) result {
	res := result{sequence: s}
	left, right := normalizer{shared: !s.Private}, normalizer{shared: !s.Private}
	for i := range a {
		res.a, res.b = append(res.a, a[i]), append(res.b, b[i])
		req := &s.Requests[i]
		x, y := left.answer(a[i]), right.answer(b[i])
		parted := leaves(req, x, y)
		unsharedOnly(&s, req, x)
		unsharedOnly(&s, req, y)
		for _, d := range compare(req, x, y) {
			if name := explain(r.o.Table, req, d, x, y); name != "" {
				res.explained = append(res.explained, name)
				parted = parted || parts(name, d, x, y)
				continue
			}
			res.differences = append(res.differences, d)
		}
		if len(res.differences) > 0 {
			res.key = key(req, res.differences[0], a[i], b[i])
			return res
		}
		if parted {
			// From here on the endpoints hold different things.
			return res
		}
	}
	return res
}
