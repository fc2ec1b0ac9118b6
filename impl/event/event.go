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
	Count       func(Count)
	Timing      func(Timing)
}

// Request is one finished request of a server.
type Request struct {
	Server, Method, Path, Source, TxnID string
	// Status is what became of the request, WireStatus what the client was
	// told; they differ when he left or the body failed.
	Status, WireStatus int
	BytesIn, BytesOut  int64
	Duration           time.Duration
	// FirstByte is how long the answer to a GET took to begin; zero for other
	// methods and where nobody looks.
	FirstByte time.Duration
	// Policy is the index of the storage policy as headers tell it; empty if
	// unknown.
	Policy string
}

// Count says that something that operators count has happened Value times.
// Scope is who counts, empty for the daemon itself; Name is fixed by the code,
// never by a client.
type Count struct {
	Scope, Name string
	Value       int64
}

// Timing says how long something took that operators watch. Scope and Name are
// those of a Count.
type Timing struct {
	Scope, Name string
	Duration    time.Duration
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

// ErrorLimit says that a node is skipped from now on: it made too many errors,
// or one (Forced) that is enough.
type ErrorLimit struct {
	Node   string
	Reason string
	Forced bool
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

// Tick is a Count of one.
func (s *Sink) Tick(scope, name string) { s.EmitCount(Count{Scope: scope, Name: name, Value: 1}) }

// EmitCount tells the listener, if there is one.
func (s *Sink) EmitCount(e Count) {
	if s != nil && s.Count != nil {
		s.Count(e)
	}
}

// EmitTiming tells the listener, if there is one.
func (s *Sink) EmitTiming(e Timing) {
	if s != nil && s.Timing != nil {
		s.Timing(e)
	}
}

// Tee is a Sink that tells all of the given ones, in order; some may be nil.
func Tee(sinks ...*Sink) *Sink {
	kept := make([]*Sink, 0, len(sinks))
	for _, s := range sinks {
		if s != nil {
			kept = append(kept, s)
		}
	}
	switch len(kept) {
	case 0:
		return nil
	case 1:
		return kept[0]
	}
	return &Sink{
		Request:     tee(kept, (*Sink).EmitRequest),
		Backend:     tee(kept, (*Sink).EmitBackend),
		Quarantine:  tee(kept, (*Sink).EmitQuarantine),
		AsyncUpdate: tee(kept, (*Sink).EmitAsyncUpdate),
		ErrorLimit:  tee(kept, (*Sink).EmitErrorLimit),
		RateLimit:   tee(kept, (*Sink).EmitRateLimit),
		Count:       tee(kept, (*Sink).EmitCount),
		Timing:      tee(kept, (*Sink).EmitTiming),
	}
}

func tee[E any](sinks []*Sink, emit func(*Sink, E)) func(E) {
	return func(e E) {
		for _, s := range sinks {
			emit(s, e)
		}
	}
}
