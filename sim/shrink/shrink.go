// Package shrink makes a failing run small: fewer and shorter faults, fewer
// clients and steps, smaller objects, as long as the run still fails. It knows
// nothing of how a case is run; a [Predicate] does that, usually in a worker
// process, and says whether the failure is the same.
//
// The method is delta debugging (ddmin) on lists, in turn on the events of the
// plan, on whole clients and on single steps, and then on times and sizes,
// repeated until nothing more can go. Values and random streams are named
// after client and step numbers that survive removal, so a case without a step
// is otherwise the same case.
package shrink

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"apus/faults/plan"
	"apus/sim/workload"
)

// Case is everything that a run is made of.
type Case struct {
	Seed   uint64
	Plan   plan.Plan
	Script *workload.Script
}

// Size describes a case for progress lines.
func (c Case) Size() string {
	clients := 0
	for _, steps := range c.Script.Clients {
		if len(steps) > 0 {
			clients++
		}
	}
	return fmt.Sprintf("%d faults, %d clients, %d steps", len(c.Plan), clients, c.Script.Count())
}

// Predicate runs a case and reports whether it fails as the original did. An
// error ends the search.
type Predicate func(ctx context.Context, c Case) (fails bool, err error)

// Options bound the search.
type Options struct {
	Runs int                                  // most runs; 0: 500
	Log  func(run int, fails bool, best Case) // told after each run; may be nil
}

// ErrPasses says that the case does not fail in the first place.
var ErrPasses = errors.New("shrink: the case does not fail when it is run again")

// Result is the smallest failing case found.
type Result struct {
	Case
	Runs     int
	Complete bool // nothing more could be left out; else the runs were used up
}

// Minimise searches for a smaller case that fails. When ctx ends or the
// predicate has an error it returns the best so far with the error.
func Minimise(ctx context.Context, c Case, fails Predicate, opt Options) (Result, error) {
	if opt.Runs == 0 {
		opt.Runs = 500
	}
	s := &search{ctx: ctx, predicate: fails, opt: opt, best: clone(c), tried: map[string]bool{}}
	if !s.try(c) {
		return s.result(), errors.Join(s.err, ErrPasses)
	}
	for !s.over() {
		before := key(s.best)
		s.events()
		s.clients()
		s.steps()
		s.sooner()
		s.durations()
		s.sizes()
		if key(s.best) == before {
			s.complete = !s.over()
			break
		}
	}
	return s.result(), s.err
}

// search is a search in progress.
type search struct {
	ctx       context.Context
	predicate Predicate
	opt       Options
	best      Case
	tried     map[string]bool // cases that passed
	runs      int
	err       error
	complete  bool
}

func (s *search) result() Result { return Result{s.best, s.runs, s.complete} }

func (s *search) over() bool {
	return s.err != nil || s.runs >= s.opt.Runs || s.ctx.Err() != nil
}

// try runs a candidate; if it fails it becomes the best.
func (s *search) try(c Case) bool {
	if s.over() {
		if s.err == nil {
			s.err = s.ctx.Err()
		}
		return false
	}
	k := key(c)
	if s.tried[k] {
		return false
	}
	s.tried[k] = true
	fails, err := s.predicate(s.ctx, c)
	s.runs++
	if err != nil {
		s.err = fmt.Errorf("shrink: run %d: %w", s.runs, err)
		return false
	}
	if fails {
		s.best = clone(c)
	}
	if s.opt.Log != nil {
		s.opt.Log(s.runs, fails, s.best)
	}
	return fails
}

// events leaves out faults.
func (s *search) events() {
	ddmin(s.best.Plan, func(p []plan.Event) bool {
		c := clone(s.best)
		c.Plan = p
		return s.try(c)
	})
}

// clients leaves out whole clients. Their places stay, empty, because the
// place is the client's number.
func (s *search) clients() {
	var busy []int
	for i, steps := range s.best.Script.Clients {
		if len(steps) > 0 {
			busy = append(busy, i)
		}
	}
	ddmin(busy, func(keep []int) bool {
		c := clone(s.best)
		for i := range c.Script.Clients {
			if !slices.Contains(keep, i) {
				c.Script.Clients[i] = nil
			}
		}
		return s.try(c)
	})
}

// place is a step of a client.
type place struct{ client, index int }

// steps leaves out single steps.
func (s *search) steps() {
	from := clone(s.best)
	var all []place
	for i, steps := range from.Script.Clients {
		for j := range steps {
			all = append(all, place{i, j})
		}
	}
	ddmin(all, func(keep []place) bool {
		c := clone(from)
		c.Plan = s.best.Plan
		for i := range c.Script.Clients {
			c.Script.Clients[i] = nil
		}
		for _, p := range keep {
			c.Script.Clients[p.client] = append(c.Script.Clients[p.client], from.Script.Clients[p.client][p.index])
		}
		return s.try(c)
	})
}

// sooner lets the whole plan begin earlier, so that no steps are needed to pass
// the time until then. Faults do not move against each other: that could make
// a plan that no cluster survives of one that it must.
func (s *search) sooner() {
	if len(s.best.Plan) == 0 {
		return
	}
	first := slices.MinFunc(s.best.Plan, func(a, b plan.Event) int { return cmp.Compare(a.At, b.At) }).At
	for by := first; by >= time.Millisecond; by = (by / 2).Truncate(time.Millisecond) {
		c := clone(s.best)
		for i := range c.Plan {
			c.Plan[i].At -= by
		}
		if s.try(c) {
			return
		}
	}
}

// durations shortens faults.
func (s *search) durations() {
	for i := range s.best.Plan {
		for s.best.Plan[i].For > time.Millisecond {
			c := clone(s.best)
			c.Plan[i].For = (c.Plan[i].For / 2).Truncate(time.Millisecond)
			if !s.try(c) {
				break
			}
		}
	}
}

// sizes makes objects smaller and steps plainer.
func (s *search) sizes() {
	for i := range s.best.Script.Clients {
		for j := range s.best.Script.Clients[i] {
			for _, simplify := range simplifications() {
				for {
					c := clone(s.best)
					if !simplify(&c.Script.Clients[i][j]) || !s.try(c) {
						break
					}
				}
			}
		}
	}
}

// simplifications each make a step a little plainer, or report that it
// already is.
func simplifications() []func(*workload.Step) bool {
	return []func(*workload.Step) bool{
		func(st *workload.Step) bool {
			st.Size /= 2
			return st.Size > 0 && st.Leave <= st.Size
		},
		func(st *workload.Step) bool {
			if len(st.Parts) < 2 {
				return false
			}
			st.Parts = st.Parts[:len(st.Parts)-1]
			return true
		},
		func(st *workload.Step) bool { return clearOnce(&st.Chunked) },
		func(st *workload.Step) bool { return clearOnce(&st.Expect) },
		func(st *workload.Step) bool { return clearOnce(&st.Range) },
		func(st *workload.Step) bool { return clearOnce(&st.Cond) },
		func(st *workload.Step) bool { return clearOnce(&st.Leave) },
		func(st *workload.Step) bool { return clearOnce(&st.Patience) },
	}
}

// clearOnce sets v to zero and reports whether it was not.
func clearOnce[T comparable](v *T) bool {
	var zero T
	if *v == zero {
		return false
	}
	*v = zero
	return true
}

// ddmin calls test with ever fewer items, keeping what still fails. No item,
// or no half, of what remains can be left out at the end.
func ddmin[T any](items []T, test func([]T) bool) []T {
	if len(items) == 0 || test(nil) {
		return nil
	}
	for n := 2; len(items) > 1; {
		size := (len(items) + n - 1) / n
		reduced := false
		for from := 0; from < len(items); from += size {
			rest := append(slices.Clone(items[:from]), items[min(from+size, len(items)):]...)
			if test(rest) {
				items, reduced = rest, true
				n = max(n-1, 2)
				break
			}
		}
		if !reduced {
			if n >= len(items) {
				break
			}
			n = min(2*n, len(items))
		}
	}
	return items
}

// key identifies a case.
func key(c Case) string {
	text, err := json.Marshal(c.Script)
	if err != nil {
		panic(fmt.Sprintf("shrink: a script must encode: %v", err))
	}
	return fmt.Sprintf("%d\n%s\n%s", c.Seed, c.Plan, text)
}

// clone is a deep copy but for the arguments of events, which nobody changes.
func clone(c Case) Case {
	script := *c.Script
	script.Clients = make([][]workload.Step, len(c.Script.Clients))
	for i, steps := range c.Script.Clients {
		script.Clients[i] = slices.Clone(steps)
		for j := range script.Clients[i] {
			script.Clients[i][j].Parts = slices.Clone(steps[j].Parts)
		}
	}
	return Case{c.Seed, slices.Clone(c.Plan), &script}
}
