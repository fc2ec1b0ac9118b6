package slo

import "apus/impl/web"

// piece is a part of a segment that a request needs: the bytes from, to
// (exclusive) of the object, or of the data, that the segment refers to.
type piece struct {
	*segment
	from, to int64
}

// slice is the pieces that make up the bytes from start to end (exclusive) of
// the segments laid end to end. Segments that contribute nothing are left out.
func slice(segments []segment, start, end int64) []piece {
	var out []piece
	offset := int64(0) // of the segment
	for i := range segments {
		s := &segments[i]
		from, to := max(start-offset, 0), min(end-offset, s.length())
		if from < to {
			out = append(out, piece{s, s.from + from, s.from + to})
		}
		if offset += s.length(); offset >= end {
			break
		}
	}
	return out
}

// partRange is the bytes of the n-th segment, counted from 1.
func partRange(segments []segment, n int) web.Range {
	var r web.Range
	for i := range segments[:n] {
		r.Start, r.End = r.End, r.End+segments[i].length()
	}
	return r
}
