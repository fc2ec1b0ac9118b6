package slo

import (
	"io"

	"apus/impl/middleware/segments"
	"apus/impl/swift"
)

// reader gets what one request needs of a large object.
type reader struct {
	*segments.Fetcher
	filter *filter
	known  []subManifest
}

// newBody reads list, which is size bytes in all.
func (r *reader) newBody(list []segment, size int64) *segments.Body {
	return segments.NewBody(r.Fetcher, size, func(start, end int64) segments.Source {
		c := &cursor{r: r}
		c.push(slice(list, start, end))
		return c
	})
}

// cursor walks over pieces and into the manifests among them. Each element of
// the stack is what is left of one manifest.
type cursor struct {
	r     *reader
	stack [][]piece
}

var _ segments.Source = (*cursor)(nil)

func (c *cursor) push(pieces []piece) { c.stack = append(c.stack, pieces) }

// Next is the next piece that is an object or data.
func (c *cursor) Next() (segments.Piece, error) {
	for len(c.stack) > 0 {
		top := len(c.stack) - 1
		if len(c.stack[top]) == 0 {
			c.stack = c.stack[:top]
			continue
		}
		p := c.stack[top][0]
		c.stack[top] = c.stack[top][1:]
		if !p.sub {
			return segments.Piece{
				Name: p.name, From: p.from, To: p.to, Size: p.size, Hash: p.hash, Data: p.data,
				Paced: p.size < c.r.filter.limitUnder,
			}, nil
		}
		if len(c.stack) >= maxDepth {
			return segments.Piece{}, segments.Conflict(p.name, "is more than %d manifests deep", maxDepth)
		}
		list, err := c.r.subManifest(p)
		if err != nil {
			return segments.Piece{}, err
		}
		c.push(slice(list, p.from, p.to))
	}
	return segments.Piece{}, io.EOF
}

// maxKnown is how many inner manifests are remembered, so that the ranges of
// one request that meet in one of them do not fetch it again.
const maxKnown = 2 * maxDepth

type subManifest struct {
	name     string
	segments []segment
}

// subManifest is the segments of a large object inside a large object. It
// must be the one that the outer manifest was made with.
func (r *reader) subManifest(p piece) ([]segment, error) {
	for i, k := range r.known {
		if k.name == p.name {
			r.known = append(append(r.known[:i:i], r.known[i+1:]...), k) // the latest last
			return k.segments, verify(p, k.segments)
		}
	}
	resp, err := r.Get(p.name)
	if err != nil {
		return nil, err
	}
	if !isLarge(resp) {
		resp.Discard()
		return nil, segments.Conflict(p.name, "is no large object any more")
	}
	text, err := resp.ReadAll(maxStoredManifest)
	if err != nil {
		return nil, swift.E("slo.segment", p.name, swift.Unavailable, err)
	}
	list, err := decodeManifest(text)
	if err != nil {
		return nil, swift.E("slo.segment", p.name, swift.Conflict, err)
	}
	if r.known = append(r.known, subManifest{p.name, list}); len(r.known) > maxKnown {
		r.known = r.known[1:]
	}
	return list, verify(p, list)
}

func verify(p piece, list []segment) error {
	if size, etag := measure(list); size != p.size || etag != p.hash {
		return segments.Conflict(p.name, "is now %d bytes with ETag %q, the manifest says %d and %q", size, etag, p.size, p.hash)
	}
	return nil
}
