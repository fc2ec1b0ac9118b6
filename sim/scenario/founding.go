package scenario

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"apus/faults/plan"
	"apus/impl/host"
	"apus/impl/tools/layout"
	"apus/impl/web"
	"apus/sim/cluster"
	"apus/sim/engine"
)

// The founding scenario: every early end of a request for a large object.
// Within leakLimit of each, every connection between proxy and object servers
// and every open file is closed and goroutines are back to the floor. The
// connections are counted on the network itself, so that nothing the code
// under test says about itself is believed.
const (
	foundingSegments = 4
	foundingSize     = 1 << 20 // of a segment, in bytes
	leakLimit        = 5 * time.Second
	century          = 100 * 365 * 24 * time.Hour
)

// early is one way to end early.
type early struct {
	name string
	run  func(ctx context.Context, f *founding) error
}

// founding is the scenario's state.
type founding struct {
	*client
	etag    string // of the large object
	content string
	// reset makes every storage node reset its connections in mid-body until
	// undo is called; nil where that cannot be done.
	reset func(context.Context) (undo func(context.Context) error, err error)
}

// earlyEnds are all that the scenario tries, in this order.
func earlyEnds() []early {
	conditional := func(name string, status int, h func(f *founding) header) early {
		return early{name, func(ctx context.Context, f *founding) error {
			for _, path := range []string{"/large/manifest", "/large/seg0"} {
				if _, err := f.want(ctx, status, "GET", path, "", h(f)); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	return []early{
		{"a whole download", func(ctx context.Context, f *founding) error { return f.whole(ctx, "/large/manifest") }},
		{"the client leaves half-way", func(ctx context.Context, f *founding) error {
			return f.leave(ctx, "/large/manifest", foundingSegments*foundingSize/2, nil)
		}},
		{"the client leaves after the first bytes", func(ctx context.Context, f *founding) error {
			return f.leave(ctx, "/large/manifest", 1, nil)
		}},
		{"the client stops reading, then leaves", func(ctx context.Context, f *founding) error {
			return f.stall(ctx, "/large/manifest", 1, time.Second, nil)
		}},
		{"the client leaves in a range", func(ctx context.Context, f *founding) error {
			return f.leave(ctx, "/large/manifest", 10, header{"Range": "bytes=1000000-3000000"})
		}},
		{"the client leaves in several ranges", func(ctx context.Context, f *founding) error {
			return f.leave(ctx, "/large/manifest", 10, header{"Range": "bytes=0-999999,2000000-3000000"})
		}},
		{"the client leaves a plain object", func(ctx context.Context, f *founding) error {
			return f.leave(ctx, "/large/seg0", 1000, nil)
		}},
		conditional("If-Modified-Since ends in 304", 304, func(*founding) header {
			return header{"If-Modified-Since": "Thu, 01 Jan 2037 00:00:00 GMT"}
		}),
		conditional("If-None-Match ends in 304", 304, func(*founding) header { return header{"If-None-Match": "*"} }),
		conditional("If-Match ends in 412", 412, func(*founding) header { return header{"If-Match": "other"} }),
		conditional("If-Unmodified-Since ends in 412", 412, func(*founding) header {
			return header{"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}
		}),
		{"If-None-Match with its etag", func(ctx context.Context, f *founding) error {
			_, err := f.want(ctx, 304, "GET", "/large/manifest", "", header{"If-None-Match": f.etag})
			return err
		}},
		{"HEAD", func(ctx context.Context, f *founding) error {
			_, err := f.want(ctx, 200, "HEAD", "/large/manifest", "", nil)
			return err
		}},
		conditional("a range is refused with 416", 416, func(*founding) header { return header{"Range": "bytes=99999999-"} }),
		{"the manifest itself", func(ctx context.Context, f *founding) error {
			_, err := f.want(ctx, 200, "GET", "/large/manifest?multipart-manifest=get", "", nil)
			return err
		}},
		{"storage connections are reset in mid-body", func(ctx context.Context, f *founding) error { return f.resets(ctx) }},
		{"a segment is gone", func(ctx context.Context, f *founding) error { return f.brokenSegment(ctx) }},
	}
}

// whole reads the large object and compares it.
func (f *founding) whole(ctx context.Context, path string) error {
	text, err := f.want(ctx, 200, "GET", path, "", nil)
	if err == nil && string(text) != f.content {
		err = fmt.Errorf("GET %s: %d bytes that differ from the %d that were stored", path, len(text), len(f.content))
	}
	return err
}

// resets downloads while every storage node resets its connections once. The
// proxy may resume elsewhere or give up; it may not deliver wrong bytes.
func (f *founding) resets(ctx context.Context) error {
	if f.reset == nil {
		return nil
	}
	undo, err := f.reset(ctx)
	if err != nil {
		return err
	}
	status, text, err := f.do(ctx, "GET", "/large/manifest", "", nil)
	return errors.Join(undo(ctx), disturbed(f.content, status, text, err))
}

// disturbed judges what a download brought that something may have broken
// off: it is right, or it can be seen to be cut.
func disturbed(content string, status int, text []byte, err error) error {
	switch {
	case status != 200:
		return nil
	case err == nil && string(text) != content:
		return fmt.Errorf("a body of %d bytes is complete and wrong", len(text))
	case err != nil && !strings.HasPrefix(content, string(text)):
		return errors.New("a body that was cut off does not begin like the object")
	}
	return nil
}

// brokenSegment deletes a segment in the middle: the status is sent already
// when that is found, so the body must be cut and not end as if complete.
func (f *founding) brokenSegment(ctx context.Context) error {
	if _, err := f.want(ctx, 204, "DELETE", "/large/seg2", "", nil); err != nil {
		return err
	}
	status, text, err := f.do(ctx, "GET", "/large/manifest", "", nil)
	if err == nil {
		return fmt.Errorf("GET of a large object without its third segment answers %d with %d bytes and no error", status, len(text))
	}
	if len(text) > 2*foundingSize {
		return fmt.Errorf("%d bytes came of two segments of %d", len(text), foundingSize)
	}
	return nil
}

// resetter resets the connections of every object server after 300,000 bytes.
func resetter(c *cluster.Cluster) func(context.Context) (func(context.Context) error, error) {
	return func(ctx context.Context) (func(context.Context) error, error) {
		var undo []func(context.Context) error
		for _, n := range c.Nodes() {
			e := plan.Event{Kind: "net-reset", Target: n.Name + "/object", Args: map[string]string{"after": "300000"}}
			u, err := c.Apply(ctx, e)
			if err != nil {
				return nil, err
			}
			undo = append(undo, u)
		}
		return func(ctx context.Context) error {
			var errs []error
			for _, u := range undo {
				errs = append(errs, u(ctx))
			}
			return errors.Join(errs...)
		}, nil
	}
}

// EarlyEnds provokes every early end against the Swift at base, an URL without
// a path, and calls after with the name of each. What either of them finds
// wrong ends the run.
func EarlyEnds(ctx context.Context, n host.Net, base string, after func(name string) error) error {
	k, err := dialNet(ctx, n, base)
	if err != nil {
		return err
	}
	f, err := prepare(ctx, k)
	if err != nil {
		return err
	}
	for _, e := range earlyEnds() {
		if err := e.run(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if err := after(e.name); err != nil {
			return err
		}
	}
	return nil
}

// Founding runs the founding scenario.
func Founding(ctx context.Context, w *engine.World) (*engine.Report, error) {
	bodies, untrack := web.TrackBodies()
	defer untrack()
	// Updaters work on their own account; what they hold is no leak. The first
	// pass is at a random moment of the interval.
	c, err := cluster.New(w, cluster.Config{
		Tune: func(l *layout.Cluster) {
			tune(l)
			askFirst(l) // short bodies that break off must do so on the way
		},
		UpdaterInterval: century,
	})
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	r := &engine.Report{Faults: map[string]int{}}
	k, err := dial(ctx, c, 0)
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	f, err := prepare(ctx, k)
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	f.reset = resetter(c)
	time.Sleep(2 * leakLimit)
	synctest.Wait()
	floor := goroutines()
	for _, e := range earlyEnds() {
		r.Requests++
		w.Trace("early end", e.name)
		if err := e.run(ctx, f); err != nil {
			r.Violations = append(r.Violations, engine.Violation{Check: "founding", Message: e.name + ": " + err.Error()})
		}
		f.http.CloseIdleConnections()
		time.Sleep(leakLimit)
		synctest.Wait()
		r.Checks += 4
		r.Violations = append(r.Violations, leaks(c, bodies, floor, e.name)...)
	}
	for line, n := range c.Fired() {
		if events, err := plan.Parse(line); err == nil && len(events) == 1 {
			r.Faults[events[0].Kind] += n
		}
	}
	if err := c.Stop(); err != nil {
		r.Violations = append(r.Violations, engine.Violation{Check: "drain", Message: err.Error()})
	}
	return r, nil
}

// prepare stores the large object.
func prepare(ctx context.Context, k *client) (*founding, error) {
	f := &founding{client: k}
	if _, err := f.want(ctx, 201, "PUT", "/large", "", nil); err != nil {
		return nil, err
	}
	var rows []map[string]any
	sums := ""
	for i := range foundingSegments {
		text := strings.Repeat(fmt.Sprintf("segment %d ", i), foundingSize/10+1)[:foundingSize]
		sum := fmt.Sprintf("%x", md5.Sum([]byte(text)))
		name := fmt.Sprintf("/large/seg%d", i)
		if _, err := f.want(ctx, 201, "PUT", name, text, nil); err != nil {
			return nil, err
		}
		rows = append(rows, map[string]any{"path": name, "etag": sum, "size_bytes": len(text)})
		sums, f.content = sums+sum, f.content+text
	}
	f.etag = fmt.Sprintf("%x", md5.Sum([]byte(sums)))
	manifest, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	_, err = f.want(ctx, 201, "PUT", "/large/manifest?multipart-manifest=put", string(manifest), nil)
	return f, err
}

// level is the goroutines of a cluster at rest.
type level struct {
	count int
	known goleak.Option // which they are
}

// goroutines takes the level of the process.
func goroutines() level { return level{runtime.NumGoroutine(), goleak.IgnoreCurrent()} }

// leaks reports what is not given back.
func leaks(c *cluster.Cluster, bodies *web.BodyTracker, floor level, after string) []engine.Violation {
	var out []engine.Violation
	leak := func(what, detail string) {
		out = append(out, engine.Violation{
			Check: "no leak", Detail: detail,
			Message: fmt.Sprintf("%v after %q: %s", leakLimit, after, what),
		})
	}
	for _, conn := range c.Conns() {
		leak(fmt.Sprintf("connection %s → %s is open", conn.DialerProc, conn.Addr), conn.Stack)
	}
	for _, file := range c.OpenFiles() {
		leak(fmt.Sprintf("%s on %s holds %s open", file.Process, file.Machine, file.Path), file.Stack)
	}
	for _, stack := range bodies.Open() {
		what, _, _ := strings.Cut(stack, "\n")
		leak("body is not closed: "+what, stack)
	}
	if n := runtime.NumGoroutine(); n > floor.count {
		// The count includes goroutines on their way out and those of the
		// runtime that run a finalizer; a leak has a stack that stays.
		if err := goleak.Find(floor.known); err != nil {
			leak(fmt.Sprintf("%d goroutines, %d before", n, floor.count), err.Error())
		}
	}
	return out
}
