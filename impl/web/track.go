package web

import (
	"fmt"
	"io"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// BodyTracker knows every tracked body that is open. Tests and simulations
// turn it on; production never does, and Track is then free.
type BodyTracker struct {
	mu struct {
		sync.Mutex
		next int
		open map[int]birth
	}
}

// birth is where a body came from. Its stack is put into words only when
// somebody asks.
type birth struct {
	what  string
	stack []uintptr
}

func (b birth) String() string {
	var text strings.Builder
	text.WriteString(b.what)
	frames := runtime.CallersFrames(b.stack)
	for {
		f, more := frames.Next()
		fmt.Fprintf(&text, "\n%s\n\t%s:%d", f.Function, f.File, f.Line)
		if !more {
			return text.String()
		}
	}
}

// maxStack is how many frames of a birth are kept.
const maxStack = 48

var tracker atomic.Pointer[BodyTracker]

// TrackBodies makes every body born from now on tracked, until stop is
// called. There is one tracker a process.
func TrackBodies() (t *BodyTracker, stop func()) {
	t = &BodyTracker{}
	t.mu.open = map[int]birth{}
	if !tracker.CompareAndSwap(nil, t) {
		panic("web.TrackBodies: bodies are tracked already")
	}
	return t, func() { tracker.CompareAndSwap(t, nil) }
}

// Open lists the stacks that created the bodies still open, oldest first.
func (t *BodyTracker) Open() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := make([]int, 0, len(t.mu.open))
	for id := range t.mu.open {
		ids = append(ids, id)
	}
	sort.Ints(ids)
	stacks := make([]string, len(ids))
	for i, id := range ids {
		stacks[i] = t.mu.open[id].String()
	}
	return stacks
}

// Track registers a body that holds something (a connection, a file, a
// goroutine) at the place where it is born. What names it in a leak report.
// Without a tracker it returns body itself; with one, a body that keeps the
// WriterTo, Ranger and ConnSource of the original.
func Track(what string, body io.ReadCloser) io.ReadCloser {
	t := tracker.Load()
	if t == nil {
		return body
	}
	pcs := make([]uintptr, maxStack)
	pcs = pcs[:runtime.Callers(2, pcs)]
	t.mu.Lock()
	defer t.mu.Unlock()
	id := t.mu.next
	t.mu.next++
	t.mu.open[id] = birth{what, pcs}
	b := &trackedBody{inner: body, t: t, id: id, what: what}
	w, copies := body.(io.WriterTo)
	r, ranges := body.(Ranger)
	c, conns := body.(ConnSource)
	switch {
	case copies && ranges:
		return struct {
			*trackedBody
			io.WriterTo
			Ranger
		}{b, w, r}
	case copies:
		return struct {
			*trackedBody
			io.WriterTo
		}{b, w}
	case ranges:
		return struct {
			*trackedBody
			Ranger
		}{b, r}
	case conns:
		return struct {
			*trackedBody
			ConnSource
		}{b, c}
	}
	return b
}

type trackedBody struct {
	inner  io.ReadCloser
	t      *BodyTracker
	id     int
	what   string
	closed atomic.Bool
}

func (b *trackedBody) Read(p []byte) (int, error) { return b.inner.Read(p) }

func (b *trackedBody) Close() error {
	if b.closed.Swap(true) {
		panic("web: body closed twice: " + b.what)
	}
	b.t.mu.Lock()
	delete(b.t.mu.open, b.id)
	b.t.mu.Unlock()
	return b.inner.Close()
}
