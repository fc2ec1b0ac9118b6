package slo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"apus/impl/swift"
)

// cursor walks over pieces and into the manifests among them. Each element of
// the stack is what is left of one manifest.
type cursor struct{ stack [][]piece }

func (c *cursor) push(pieces []piece) { c.stack = append(c.stack, pieces) }

var errPiecesEnd = errors.New("the segments are shorter than their manifest says")

// next is the next piece that is an object or data.
func (c *cursor) next(f *fetcher) (piece, error) {
	for len(c.stack) > 0 {
		top := len(c.stack) - 1
		if len(c.stack[top]) == 0 {
			c.stack = c.stack[:top]
			continue
		}
		p := c.stack[top][0]
		c.stack[top] = c.stack[top][1:]
		if !p.sub {
			return p, nil
		}
		if len(c.stack) >= maxDepth {
			return piece{}, conflict(p.name, "is more than %d manifests deep", maxDepth)
		}
		segments, err := f.subManifest(p)
		if err != nil {
			return piece{}, err
		}
		c.push(slice(segments, p.from, p.to))
	}
	return piece{}, swift.E("slo.get", "", swift.Conflict, errPiecesEnd)
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
func (f *fetcher) subManifest(p piece) ([]segment, error) {
	for i, k := range f.known {
		if k.name == p.name {
			f.known = append(append(f.known[:i:i], f.known[i+1:]...), k) // the latest last
			return k.segments, verify(p, k.segments)
		}
	}
	resp, err := f.serve(f.object(p.name), p.name)
	if err != nil {
		return nil, err
	}
	if !isLarge(resp) {
		resp.Discard()
		return nil, conflict(p.name, "is no large object any more")
	}
	text, err := resp.ReadAll(maxStoredManifest)
	if err != nil {
		return nil, swift.E("slo.segment", p.name, swift.Unavailable, err)
	}
	segments, err := decodeManifest(text)
	if err != nil {
		return nil, swift.E("slo.segment", p.name, swift.Conflict, err)
	}
	if f.known = append(f.known, subManifest{p.name, segments}); len(f.known) > maxKnown {
		f.known = f.known[1:]
	}
	return segments, verify(p, segments)
}

func verify(p piece, segments []segment) error {
	if size, etag := measure(segments); size != p.size || etag != p.hash {
		return conflict(p.name, "is now %d bytes with ETag %q, the manifest says %d and %q", size, etag, p.size, p.hash)
	}
	return nil
}

// pace limits how many small segments a second one request may fetch: they
// cost a lot for the few bytes they bring.
type pace struct {
	free   int64 // segments that are not limited yet
	perSec int64 // 0 is no limit
	due    time.Duration
}

// wait waits until the next small segment is due; now is the age of the
// request.
func (p *pace) wait(ctx context.Context, now time.Duration) error {
	if p.perSec <= 0 {
		return nil
	}
	if p.free > 0 {
		p.free--
		return nil
	}
	delay := p.due - now
	p.due = max(p.due, now) + time.Second/time.Duration(p.perSec)
	if delay <= 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("while waiting for a segment's turn: %w", ctx.Err())
	}
}
