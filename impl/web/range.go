package web

import (
	"math"
	"strings"
)

// Range is a run of bytes: Start inclusive, End exclusive.
type Range struct{ Start, End int64 }

// Len is the number of bytes.
func (r Range) Len() int64 { return r.End - r.Start }

// RangeVerdict says what to make of a Range header.
type RangeVerdict int

// Verdicts of ParseRange.
const (
	RangeIgnored       RangeVerdict = iota // absent, malformed, or asking for the end of nothing: answer 200
	RangePartial                           // answer 206 with the ranges
	RangeUnsatisfiable                     // answer 416
)

// Limits beyond which a set of ranges counts as an attack and is answered
// 416 (RFC 7233 section 6.1 leaves the numbers open; these are Swift's).
const (
	maxRanges             = 50
	maxRangeOverlaps      = 2
	maxUnorderedRanges    = 7
	unboundedRange        = int64(-1)
	rangeUnit             = "bytes="
	largestRangeEndpoint  = math.MaxInt64 - 1
	maxRangeEndpointDigit = 18
)

// ParseRange applies a Range header to size bytes; size -1 is unknown, which
// ignores the header. The ranges come in the order asked for.
func ParseRange(header string, size int64) ([]Range, RangeVerdict) {
	specs, ok := parseRangeSpecs(header)
	if !ok || size < 0 {
		return nil, RangeIgnored
	}
	ranges := make([]Range, 0, len(specs))
	for _, s := range specs {
		if r, ok := s.within(size); ok {
			ranges = append(ranges, r)
		}
	}
	if len(ranges) == 0 || abusive(ranges) {
		return nil, RangeUnsatisfiable
	}
	if size == 0 {
		return nil, RangeIgnored // "the last N bytes" of nothing has no Content-Range
	}
	return ranges, RangePartial
}

// rangeSpec is one element as written: either side may be unbounded.
type rangeSpec struct{ first, last int64 }

// parseRangeSpecs fails when any element is malformed: then the whole header
// counts as absent (RFC 7233 section 2.1).
func parseRangeSpecs(header string) ([]rangeSpec, bool) {
	header = strings.ReplaceAll(header, " ", "")
	if len(header) < len(rangeUnit) || !strings.EqualFold(header[:len(rangeUnit)], rangeUnit) {
		return nil, false
	}
	var specs []rangeSpec
	for elem := range strings.SplitSeq(header[len(rangeUnit):], ",") {
		first, last, dash := strings.Cut(elem, "-")
		if !dash || first == "" && last == "" {
			return nil, false
		}
		s := rangeSpec{unboundedRange, unboundedRange}
		var ok1, ok2 = true, true
		if first != "" {
			s.first, ok1 = parseEndpoint(first)
		}
		if last != "" {
			s.last, ok2 = parseEndpoint(last)
		}
		if !ok1 || !ok2 || first != "" && last != "" && s.last < s.first {
			return nil, false
		}
		specs = append(specs, s)
	}
	return specs, true
}

// parseEndpoint reads digits; what is too large for any object is clamped.
func parseEndpoint(s string) (int64, bool) {
	var n int64
	significant := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if n > 0 {
			significant++
		}
		if significant < maxRangeEndpointDigit {
			n = n*10 + int64(s[i]-'0')
		}
	}
	if significant >= maxRangeEndpointDigit {
		return largestRangeEndpoint, true
	}
	return n, true
}

// within is the spec cut to size bytes; false when nothing of it is there. A
// suffix of an empty object is the empty range.
func (s rangeSpec) within(size int64) (Range, bool) {
	switch {
	case s.first == unboundedRange:
		return Range{max(size-s.last, 0), size}, s.last > 0
	case s.first >= size:
		return Range{}, false
	case s.last == unboundedRange:
		return Range{s.first, size}, true
	}
	return Range{s.first, min(s.last+1, size)}, true
}

// abusive reports a set that costs far more to serve than to ask for.
func abusive(ranges []Range) bool {
	if len(ranges) > maxRanges {
		return true
	}
	overlaps, ascending := 0, true
	for i, a := range ranges {
		for _, b := range ranges[i+1:] {
			if overlap(a, b) {
				overlaps++
			}
		}
		if i > 0 {
			prev := ranges[i-1]
			ascending = ascending && (prev.Start < a.Start || prev.Start == a.Start && prev.End <= a.End)
		}
	}
	return overlaps > maxRangeOverlaps || !ascending && len(ranges) > maxUnorderedRanges
}

// overlap is true when an end of one lies strictly inside the other; equal
// ranges do not count.
func overlap(a, b Range) bool {
	inside := func(x int64, r Range) bool { return r.Start < x && x < r.End }
	return inside(b.Start, a) || inside(b.End, a) || inside(a.Start, b) || inside(a.End, b)
}
