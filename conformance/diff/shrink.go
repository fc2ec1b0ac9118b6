package diff

import (
	"context"
	"strings"
)

// trials bounds what one finding costs.
const trials = 80

// shrinker makes a sequence small that shows a difference.
type shrinker struct {
	w    *worker
	ctx  context.Context
	best result
	left int
}

// shrink takes away requests, headers and parameters as long as the last
// request is answered differently in the same way.
func (w *worker) shrink(ctx context.Context, s Sequence, res result) result {
	z := &shrinker{w: w, ctx: ctx, best: res, left: trials}
	z.best.sequence = cut(s, len(res.a))
	for i := len(z.best.sequence.Requests) - 2; i >= 0; i-- {
		z.try(without(z.best.sequence, i))
	}
	z.simplify(func(r *Request) int { return len(r.Header) }, func(r *Request, i int) {
		r.Header = append(append([]Header(nil), r.Header[:i]...), r.Header[i+1:]...)
	})
	z.simplify(func(r *Request) int { return len(parameters(r)) }, func(r *Request, i int) {
		p := parameters(r)
		path, _, _ := strings.Cut(r.Target, "?")
		if p = append(append([]string(nil), p[:i]...), p[i+1:]...); len(p) > 0 {
			path += "?" + strings.Join(p, "&")
		}
		r.Target = path
	})
	one := func(bool) int { return 1 }
	z.simplify(func(r *Request) int { return one(r.Chunked) }, func(r *Request, _ int) { r.Chunked = false })
	z.simplify(func(r *Request) int { return one(r.Body != "") }, func(r *Request, _ int) { r.Body = "" })
	return z.best
}

func parameters(r *Request) []string {
	_, query, ok := strings.Cut(r.Target, "?")
	if !ok {
		return nil
	}
	return strings.Split(query, "&")
}

// simplify tries the changes that each request has, from the last to the
// first.
func (z *shrinker) simplify(count func(*Request) int, change func(*Request, int)) {
	for i := len(z.best.sequence.Requests) - 1; i >= 0; i-- {
		for j := count(&z.best.sequence.Requests[i]) - 1; j >= 0; j-- {
			s := cut(z.best.sequence, len(z.best.sequence.Requests))
			change(&s.Requests[i], j)
			z.try(s)
		}
	}
}

// try keeps a smaller sequence if it shows the same.
func (z *shrinker) try(s Sequence) {
	if z.left == 0 || z.ctx.Err() != nil || same(s, z.best.sequence) {
		return
	}
	for i := range s.Requests {
		if s.endsAccount(&s.Requests[i]) {
			return // was more before, such as a bulk deletion
		}
	}
	z.left--
	res := z.w.both(z.ctx, s, slow/3)
	if len(res.a) == len(s.Requests) && res.key == z.best.key {
		z.best = res
	}
}

// same reports whether a change changed nothing.
func same(a, b Sequence) bool {
	if len(a.Requests) != len(b.Requests) {
		return false
	}
	for i := range a.Requests {
		x, y := a.Requests[i], b.Requests[i]
		if x.Target != y.Target || x.Body != y.Body || x.Chunked != y.Chunked || len(x.Header) != len(y.Header) {
			return false
		}
	}
	return true
}

// cut is a copy of the first n requests.
func cut(s Sequence, n int) Sequence {
	s.Requests = append([]Request(nil), s.Requests[:n]...)
	return s
}

func without(s Sequence, i int) Sequence {
	s.Requests = append(append([]Request(nil), s.Requests[:i]...), s.Requests[i+1:]...)
	return s
}
