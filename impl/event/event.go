// Package event carries what happens inside the daemons to whoever wants to
// know: logs, statsd, Prometheus, the simulation's trace. Packages emit typed
// events; listeners are functions. A nil Sink and a nil field swallow.
package event

import (
	"cmp"
	"strings"
	"time"
)

// Sink is one set of listeners. Fields may be nil; set them before use.
// Listeners are called on the emitting goroutine, must not block and may be
// called concurrently.
type Sink struct {
	Request     func(Request)
	Transfer    func(Transfer)
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
	// Subject is set for the requests of a proxy.
	Subject Subject
}

// Subject is what a request is about; fields that are not known are empty.
type Subject struct {
	Resource           string // "account", "container", "object", or the source of a sub-request
	Account, Container string
}

// SubjectOf is what a path of the API names.
func SubjectOf(path string) Subject {
	rest, ok := strings.CutPrefix(path, "/v1/")
	if !ok {
		if rest, ok = strings.CutPrefix(path, "/v1.0/"); !ok {
			return Subject{}
		}
	}
	account, rest, _ := strings.Cut(rest, "/")
	container, object, _ := strings.Cut(rest, "/")
	switch {
	case account == "":
		return Subject{}
	case container == "":
		return Subject{"account", account, ""}
	case object == "":
		return Subject{"container", account, container}
	}
	return Subject{"object", account, container}
}

// Or fills in what is not known.
func (s Subject) Or(other Subject) Subject {
	return Subject{cmp.Or(s.Resource, other.Resource), cmp.Or(s.Account, other.Account), cmp.Or(s.Container, other.Container)}
}

// Transfer says that a part of a body came from a client of a proxy (In) or
// went to him, for those who want to know while it is under way.
type Transfer struct {
	Method  string
	Subject Subject
	In      bool
	Bytes   int64
	// Status and Policy are those of the answer; zero and empty before it.
	Status int
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

// EmitTransfer tells the listener, if there is one.
func (s *Sink) EmitTransfer(e Transfer) {
	if s != nil && s.Transfer != nil {
		s.Transfer(e)
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
		Transfer:    tee(kept, (*Sink).EmitTransfer),
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
