package plan

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"
)

// Driver does to a cluster what an event says: to a simulated one, or to
// containers.
type Driver interface {
	// Apply makes the fault begin and returns what ends it; undo may be nil
	// for faults that are over at once. Apply does not wait for the fault to
	// be over.
	Apply(ctx context.Context, e Event) (undo func(context.Context) error, err error)
	// Fired counts, by [Event.String], how often each event has had an effect
	// so far: packets held back, calls failed, processes killed.
	Fired() map[string]int
}

// Step is one thing that Run did.
type Step struct {
	Time  time.Duration // since the beginning of the plan
	Event Event
	Undo  bool // the event ended; else it began
	Err   error
}

func (s Step) String() string {
	verb := "begin"
	if s.Undo {
		verb = "end"
	}
	text := fmt.Sprintf("%v: %s %s", s.Time, verb, s.Event)
	if s.Err != nil {
		text += ": " + s.Err.Error()
	}
	return text
}

// action is a step to come.
type action struct {
	at   time.Duration
	undo bool
	i    int // event
}

// Run applies the plan and returns when every event is over; those without a
// duration end last, in reverse order. Log is told each step and may be nil.
// Events are applied one after another on the calling goroutine, so a driver
// whose Apply takes long delays what follows. When ctx ends Run undoes what is
// in force, with a context that is not ended, and returns ctx's error.
//
// An Apply or undo that fails is reported in the error, and the rest goes on.
func Run(ctx context.Context, p Plan, d Driver, log func(Step)) error {
	start := time.Now()
	undo := make([]func(context.Context) error, len(p))
	var errs []error
	step := func(i int, isUndo bool, err error) {
		s := Step{Time: time.Since(start), Event: p[i], Undo: isUndo, Err: err}
		if err != nil {
			errs = append(errs, errors.New(s.String()))
		}
		if log != nil {
			log(s)
		}
	}
	end := func(ctx context.Context, i int) {
		if undo[i] == nil {
			return
		}
		err := undo[i](ctx)
		undo[i] = nil
		step(i, true, err)
	}
	for _, a := range actions(p) {
		if !sleepUntil(ctx, start.Add(a.at)) {
			break
		}
		if a.undo {
			end(ctx, a.i)
			continue
		}
		var err error
		undo[a.i], err = d.Apply(ctx, p[a.i])
		step(a.i, false, err)
	}
	for i := len(p) - 1; i >= 0; i-- {
		end(context.WithoutCancel(ctx), i)
	}
	if err := ctx.Err(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// actions are the beginnings and ends in order of time. At one instant ends
// come first, so that a fault may follow another of its kind immediately.
func actions(p Plan) []action {
	var as []action
	for i, e := range p {
		as = append(as, action{at: e.At, i: i})
		if t, ok := e.End(); ok {
			as = append(as, action{at: t, undo: true, i: i})
		}
	}
	sort.SliceStable(as, func(i, j int) bool {
		if as[i].at != as[j].at {
			return as[i].at < as[j].at
		}
		return as[i].undo && !as[j].undo
	})
	return as
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Unfired are the events of the plan that never had an effect. Two events
// that print alike need two effects.
func Unfired(p Plan, fired map[string]int) Plan {
	left := map[string]int{}
	for k, n := range fired {
		left[k] = n
	}
	var out Plan
	for _, e := range p {
		if k := e.String(); left[k] > 0 {
			left[k]--
		} else {
			out = append(out, e)
		}
	}
	return out
}

// Counter is the Fired half of a Driver. The zero Counter is ready; it may be
// used by several goroutines.
type Counter struct {
	mu struct {
		sync.Mutex
		fired map[string]int
	}
}

// Hit counts one effect of an event.
func (c *Counter) Hit(e Event) { c.Add(e, 1) }

// Add counts n effects of an event.
func (c *Counter) Add(e Event, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.fired == nil {
		c.mu.fired = map[string]int{}
	}
	c.mu.fired[e.String()] += n
}

// Fired implements Driver.
func (c *Counter) Fired() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]int, len(c.mu.fired))
	for k, n := range c.mu.fired {
		out[k] = n
	}
	return out
}

// ByKind adds up Fired counts by kind of fault, for summaries.
func ByKind(p Plan, fired map[string]int) map[string]int {
	out := map[string]int{}
	seen := map[string]bool{}
	for _, e := range p {
		if k := e.String(); !seen[k] && fired[k] > 0 {
			seen[k] = true
			out[e.Kind] += fired[k]
		}
	}
	return out
}
