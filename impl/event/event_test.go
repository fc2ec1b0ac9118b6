package event

import (
	"reflect"
	"testing"
)

// Nobody has to listen.
func TestSinksSwallow(t *testing.T) {
	for _, s := range []*Sink{nil, {}} {
		s.EmitRequest(Request{})
		s.EmitBackend(Backend{})
		s.EmitQuarantine(Quarantine{})
		s.EmitAsyncUpdate(AsyncUpdate{})
		s.EmitErrorLimit(ErrorLimit{})
		s.EmitRateLimit(RateLimit{})
	}
}

func TestSinksTell(t *testing.T) {
	var got []any
	s := &Sink{
		Request:     func(e Request) { got = append(got, e) },
		Backend:     func(e Backend) { got = append(got, e) },
		Quarantine:  func(e Quarantine) { got = append(got, e) },
		AsyncUpdate: func(e AsyncUpdate) { got = append(got, e) },
		ErrorLimit:  func(e ErrorLimit) { got = append(got, e) },
		RateLimit:   func(e RateLimit) { got = append(got, e) },
	}
	s.EmitRequest(Request{Path: "/a"})
	s.EmitBackend(Backend{Path: "/b"})
	s.EmitQuarantine(Quarantine{Path: "/c"})
	s.EmitAsyncUpdate(AsyncUpdate{Path: "/d", Sent: true})
	s.EmitErrorLimit(ErrorLimit{Node: "n"})
	s.EmitRateLimit(RateLimit{Device: "sda"})
	want := []any{Request{Path: "/a"}, Backend{Path: "/b"}, Quarantine{Path: "/c"}, AsyncUpdate{Path: "/d", Sent: true}, ErrorLimit{Node: "n"}, RateLimit{Device: "sda"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("heard %+v", got)
	}
}
