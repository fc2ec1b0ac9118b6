package ratelimit

import (
	"math"
	"slices"
	"strconv"

	"apus/impl/config"
)

// step is the rate at a size of a container.
type step struct {
	size int64
	rate float64
}

// steps are sorted by size.
type steps []step

func readSteps(opts *config.Section, prefix string) steps {
	var out steps
	for _, key := range opts.Prefixed(prefix) {
		size, err := strconv.ParseInt(key[len(prefix):], 10, 64)
		if err != nil || size < 0 {
			opts.Fail(key, "its name must end in a number of objects")
			continue
		}
		out = append(out, step{size, opts.Float(key, 0, 0, math.MaxFloat64)})
	}
	slices.SortFunc(out, func(a, b step) int {
		switch {
		case a.size < b.size:
			return -1
		case a.size > b.size:
			return 1
		}
		return 0
	})
	return out
}

// rate is what applies to a container of this size, 0 for no limit. An empty
// container has none.
func (s steps) rate(size int64) float64 {
	if size <= 0 {
		return 0
	}
	rate := 0.0
	for i, at := range s {
		if size < at.size {
			break
		}
		rate = at.rate
		if i+1 < len(s) {
			next := s[i+1]
			rate += float64(size-at.size) * (next.rate - at.rate) / float64(next.size-at.size)
		}
	}
	return rate
}

// table is what clients see: pairs of size and rate.
func (s steps) table() [][2]float64 {
	out := make([][2]float64, 0, len(s))
	for _, at := range s {
		out = append(out, [2]float64{float64(at.size), at.rate})
	}
	return out
}
