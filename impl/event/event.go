// Package event carries what happens inside the daemons to whoever wants to
// know: logs, statsd, Prometheus, the simulation's trace. Packages emit typed
// events; listeners are functions. A nil Sink and a nil field swallow.
package event

import (
	"time"
)

// Sink is one set of listeners. Fields may be nil; set them before use.
// Listeners are called on the emitting goroutine, must not block and may be
// called concurrently.
type Sink struct {
	Request     func(Request)
	Backend     func(Backend)
	Quarantine  func(Quarantine)
	AsyncUpdate func(AsyncUpdate)
	ErrorLimit  func(ErrorLimit)
	RateLimit   func(RateLimit)
}

// Request is one finished request of a server.
type Request struct {
	Server, Method, Path, Source, TxnID string
	Status                              int
	BytesIn, BytesOut                   int64
	Duration                            time.Duration
}

// Backend is one finished exchange of a proxy with a storage node.
type Backend struct {
	Node, Method, Path, TxnID string
	Status                    int // 0 when there was no answer
	Err                       error
	Duration                  time.Duration
}

// Quarantine says that stored data was found bad and moved away.
type Quarantine struct {
	Path, Reason string
}

// AsyncUpdate says that an update was queued on disk (Sent false) or was
// delivered from the queue (Sent true).
type AsyncUpdate struct {
	Path string
	Sent bool
}

// ErrorLimit says that a node is skipped from now on.
type ErrorLimit struct {
	Node   string
	Reason string
}

// EmitRequest tells the listener, if there is one.
func (s *Sink) EmitRequest(e Request) {
	if s != nil && s.Request != nil {
		s.Request(e)
	}
}

// EmitBackend tells the listener, if there is one.
func (s *Sink) EmitBackend(e Backend) {
	if s != nil && s.Backend != nil {
		s.Backend(e)
	}
}

// EmitQuarantine tells the listener, if there is one.
func (s *Sink) EmitQuarantine(e Quarantine) {
	if s != nil && s.Quarantine != nil {
		s.Quarantine(e)
	}
}

// EmitAsyncUpdate tells the listener, if there is one.
func (s *Sink) EmitAsyncUpdate(e AsyncUpdate) {
	if s != nil && s.AsyncUpdate != nil {
		s.AsyncUpdate(e)
	}
}

// EmitErrorLimit tells the listener, if there is one.
func (s *Sink) EmitErrorLimit(e ErrorLimit) {
	if s != nil && s.ErrorLimit != nil {
		s.ErrorLimit(e)
	}
}

// RateLimit says that a storage server refused a request to a device because
// there were too many.
type RateLimit struct {
	Device, Method string
}

// EmitRateLimit tells the listener, if there is one.
func (s *Sink) EmitRateLimit(e RateLimit) {
	if s != nil && s.RateLimit != nil {
		s.RateLimit(e)
	}
}
