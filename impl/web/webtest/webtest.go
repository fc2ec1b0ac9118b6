// Package webtest helps to test handlers and filters: a scripted handler to
// put behind them, bodies that are checked for leaks, and an in-memory
// listener for the edge.
package webtest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web"
)

// Context saves tests an import.
type Context = context.Context

// TrackBodies fails the test if a body made by this package or by the code
// under test is still open at its end.
func TrackBodies(t testing.TB) {
	t.Helper()
	tracker, stop := web.TrackBodies()
	t.Cleanup(func() {
		stop()
		for _, stack := range tracker.Open() {
			t.Errorf("a body was not closed:\n%s", stack)
		}
	})
}

// Response is an answer with a tracked body. Headers come in pairs.
func Response(status int, body string, header ...string) *web.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &web.Response{
		Status: status, Header: h, ContentLength: int64(len(body)),
		Body: web.Track("webtest.Response", web.Bytes(body)),
	}
}

// Body is a tracked body that yields text and then err (nil is io.EOF).
func Body(text string, err error) io.ReadCloser {
	if err == nil {
		err = io.EOF
	}
	return web.Track("webtest.Body", &failing{strings.NewReader(text), err})
}

type failing struct {
	text *strings.Reader
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	if n, err := f.text.Read(p); err == nil {
		return n, nil
	}
	return 0, f.err
}

func (*failing) Close() error { return nil }

// Next is a Handler that plays answers in order and remembers what it was
// asked. After the last answer it repeats 404.
type Next struct {
	mu       sync.Mutex
	script   []func(*web.Request) *web.Response
	requests []*web.Request
	bodies   []string
}

// NewNext plays answers.
func NewNext(answers ...func(*web.Request) *web.Response) *Next { return &Next{script: answers} }

// Answer is a step of a script: Response with these arguments.
func Answer(status int, body string, header ...string) func(*web.Request) *web.Response {
	return func(*web.Request) *web.Response { return Response(status, body, header...) }
}

// Script replaces the answers to come.
func (n *Next) Script(answers ...func(*web.Request) *web.Response) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.script = answers
}

// Serve plays the next answer. It reads the request's body to its end or
// first error.
func (n *Next) Serve(_ context.Context, req *web.Request) *web.Response {
	body, _ := io.ReadAll(req.Body)
	seen := *req
	seen.Header = req.Header.Clone()
	n.mu.Lock()
	n.requests = append(n.requests, &seen)
	n.bodies = append(n.bodies, string(body))
	step := Answer(http.StatusNotFound, "")
	if len(n.script) > 0 {
		step, n.script = n.script[0], n.script[1:]
	}
	n.mu.Unlock()
	return step(req)
}

// Requests are copies of the requests seen, headers as they were on arrival.
func (n *Next) Requests() []*web.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.requests
}

// Last is the latest request; nil before the first.
func (n *Next) Last() *web.Request {
	if r := n.Requests(); len(r) > 0 {
		return r[len(r)-1]
	}
	return nil
}

// Bodies are the request bodies seen.
func (n *Next) Bodies() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bodies
}

// Result is a response read to its end and closed.
type Result struct {
	Status        int
	Header        http.Header
	Body          string
	ContentLength int64
	Err           error // of reading Body
}

// Do serves req and reads the answer.
func Do(h web.Handler, req *web.Request) Result {
	resp := h.Serve(context.Background(), req)
	body, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	return Result{resp.Status, resp.Header, string(body), resp.ContentLength, err}
}

// Request makes a request with headers in pairs.
func Request(method, path string, header ...string) *web.Request {
	path, query, _ := strings.Cut(path, "?")
	req := web.NewRequest(method, path)
	req.RawPath, req.RawQuery = web.EscapePath(path), query
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return req
}

// Clock is a wall clock that stands still until moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock shows seconds since the Unix epoch.
func NewClock(unix int64) *Clock { return &Clock{now: time.Unix(unix, 0).UTC()} }

// Now is the time shown.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Filter builds a filter from the text of its section around next. The
// environment has the given host, no rings and fresh capabilities.
func Filter(t testing.TB, construct middleware.Constructor, h *host.Host, options string, ev *event.Sink) (web.Filter, *middleware.Env) {
	t.Helper()
	file, err := config.Parse("[filter:test]\n"+options, "test.conf")
	if err != nil {
		t.Fatal(err)
	}
	env := &middleware.Env{
		Host: h, Swift: &config.Swift{Limits: swift.DefaultLimits(), Policies: policy.Default()},
		Info: middleware.NewCapabilities(), Events: ev,
	}
	f, err := construct(env, file.Section("filter:test"))
	if err == nil {
		err = file.Err()
	}
	if err != nil {
		t.Fatalf("building the filter: %v", err)
	}
	return f, env
}
