package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Leaks promises that nothing is held once the clients have left and a short
// time has passed: each connection, open file, unclosed body and goroutine
// that is left is a violation ("connection", "file", "body", "goroutine"),
// those with the same owner and stack in one. Floor is what was held before the
// first request, which may stay; it is compared by owner, kind and stack, so
// that a new connection does not hide behind an old one. At is when it was
// counted.
func Leaks(now, floor Holdings, at time.Duration) []Violation {
	var found []Violation
	for _, class := range []struct {
		kind       string
		now, floor []Held
	}{
		{"connection", now.Conns, floor.Conns},
		{"file", now.Files, floor.Files},
		{"body", now.Bodies, floor.Bodies},
		{"goroutine", now.Goroutines, floor.Goroutines},
	} {
		found = append(found, leaked(class.kind, class.now, class.floor, at)...)
	}
	return found
}

// place is where a thing was taken.
type place struct{ owner, stack string }

func leaked(kind string, now, floor []Held, at time.Duration) []Violation {
	count := map[place]int{}
	for _, h := range floor {
		count[place{h.Owner, h.Stack}]--
	}
	what := map[place]string{}
	for _, h := range now {
		p := place{h.Owner, h.Stack}
		count[p]++
		if what[p] == "" {
			what[p] = h.What
		}
	}
	var places []place
	for p, n := range count {
		if n > 0 {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.stack, b.stack))
	})
	var found []Violation
	for _, p := range places {
		found = append(found, Violation{
			Property: "no-leak", Kind: kind, At: at,
			Text: fmt.Sprintf("%s holds %d, such as %s, taken at\n%s", p.owner, count[p], what[p], p.stack),
		})
	}
	return found
}
