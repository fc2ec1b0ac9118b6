// Package segments reads large objects: bodies that are the parts of many
// objects, one after the other. The filters slo and dlo say which parts.
//
// Nothing is fetched before it is due. A [Body] has at most one segment open,
// and closing the body closes that one. Whoever answers with a Body opens its
// first segment before choosing the status, by Body.Open or OpenRange. Later
// there is no status any more: a segment that is missing, is not what it was
// said to be, is short or fails its checksum ends the body with an error,
// which cuts the connection. The last bytes of a segment that is read as a
// whole are not given away before its checksum is right.
//
// Segments are requested as what they are stored as (multipart-manifest=get),
// never as what they may stand for, so that their ETags are their MD5s.
package segments

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
)

// Piece is a part of a large object: the bytes From, To (exclusive) of an
// object, or of data that is at hand.
type Piece struct {
	Name     string // of the object, below the account: "/container/object"
	From, To int64
	Size     int64 // of the object
	// Hash is the ETag that the object must have. Without one the object may
	// be another than the one that was seen when Size was learned: a piece that
	// reaches to the end then reaches to the end of what is there.
	Hash  string
	Data  []byte
	Paced bool // counts for the limit on segments a second
}

func (p *Piece) length() int64 { return p.To - p.From }

// whole is true when the piece is all of its object.
func (p *Piece) whole() bool { return p.From == 0 && p.To == p.Size }

// Source yields the pieces of a body in order, io.EOF after the last. An
// error's kind becomes the status if there is one to choose yet.
type Source interface{ Next() (Piece, error) }

// Limits bound what reading one large object costs.
type Limits struct {
	MaxTime time.Duration
	Free    int64 // paced segments that need not wait
	PerSec  int64 // paced segments a second; 0 is no limit
}

// ReadLimits reads max_get_time, rate_limit_after_segment and
// rate_limit_segments_per_sec.
func ReadLimits(s *config.Section) Limits {
	const most = 1 << 40
	return Limits{
		MaxTime: s.Seconds("max_get_time", 24*time.Hour),
		Free:    s.Int("rate_limit_after_segment", 10, 0, most),
		PerSec:  s.Int("rate_limit_segments_per_sec", 1, 0, most),
	}
}

// Fetcher requests segments for one request of a client. It is used by one
// reader at a time.
type Fetcher struct {
	ctx    context.Context
	next   web.Handler
	req    *web.Request
	source string
	limits Limits
	watch  host.Stopwatch
	pace   pace
}

// NewFetcher keeps ctx, which lives as long as the bodies made with it. Source
// names the filter in logs.
func NewFetcher(ctx context.Context, next web.Handler, req *web.Request, source string, limits Limits) *Fetcher {
	return &Fetcher{
		ctx: ctx, next: next, req: req, source: source, limits: limits, watch: host.StartStopwatch(),
		pace: pace{free: limits.Free, perSec: limits.PerSec},
	}
}

// Sub makes a sub-request on behalf of the client. Source and agent tell
// what it is for.
func Sub(req *web.Request, method, path, source, agent string) *web.Request {
	s := req.Sub(method, path, source)
	for _, name := range [...]string{"X-Auth-Token", "X-Open-Expired"} {
		if v := req.Header.Get(name); v != "" {
			s.Header.Set(name, v)
		}
	}
	s.Header.Set("User-Agent", fmt.Sprintf("%s %s %s", req.Header.Get("User-Agent"), source, agent))
	return s
}

// Get requests an object below the account as it is stored; header comes in
// pairs. It answers only with what succeeded; anything else is an error.
func (f *Fetcher) Get(name string, header ...string) (*web.Response, error) {
	version, path, _ := f.req.Swift()
	req := Sub(f.req, http.MethodGet, "/"+version+"/"+path.Account+name, f.source, "MultipartGET")
	req.RawQuery = "multipart-manifest=get"
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp := f.next.Serve(f.ctx, req)
	switch {
	case resp.OK():
		return resp, nil
	case resp.Status >= 500:
		resp.Discard()
		return nil, swift.E("segments.Get", name, swift.Unavailable, fmt.Errorf("answered %d", resp.Status))
	}
	resp.Discard()
	return nil, Conflict(name, "answered %d", resp.Status)
}

// Conflict is an error about a segment that is not what it should be: 409
// while there is a status to choose.
func Conflict(name, format string, args ...any) error {
	return swift.E("segments.Read", name, swift.Conflict, fmt.Errorf(format, args...))
}

func (f *Fetcher) inTime() error {
	if f.watch.Elapsed() > f.limits.MaxTime {
		return swift.E("segments.Read", f.req.Path, swift.Unavailable, fmt.Errorf("took longer than max_get_time, %s", f.limits.MaxTime))
	}
	return f.ctx.Err()
}

// complain logs why a large object could not be read. A client that hung up
// is no reason.
func (f *Fetcher) complain(err error) {
	if f.ctx.Err() == nil {
		f.req.Meta.Log.Error("large object cannot be read", "path", f.req.Path, "txn", f.req.Meta.TxnID, "err", err)
	}
}

// pace limits how many small segments a second one request may fetch: they
// cost a lot for the few bytes they bring.
type pace struct {
	free   int64 // segments that are not limited yet
	perSec int64 // 0 is no limit
	due    time.Duration
}

// wait waits until the next paced segment is due; now is the age of the
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
