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
		s.EmitCount(Count{})
		s.EmitTiming(Timing{})
		s.Tick("", "")
	}
	if Tee(nil, nil) != nil {
		t.Error("a sink for nobody")
	}
}

// recorder hears everything.
func recorder(got *[]any) *Sink {
	return &Sink{
		Request:     func(e Request) { *got = append(*got, e) },
		Backend:     func(e Backend) { *got = append(*got, e) },
		Quarantine:  func(e Quarantine) { *got = append(*got, e) },
		AsyncUpdate: func(e AsyncUpdate) { *got = append(*got, e) },
		ErrorLimit:  func(e ErrorLimit) { *got = append(*got, e) },
		RateLimit:   func(e RateLimit) { *got = append(*got, e) },
		Count:       func(e Count) { *got = append(*got, e) },
		Timing:      func(e Timing) { *got = append(*got, e) },
	}
}

func TestSinksTell(t *testing.T) {
	var one, two []any
	first := recorder(&one)
	if Tee(nil, first) != first {
		t.Error("a tee of one sink is another")
	}
	s := Tee(first, nil, recorder(&two), &Sink{})
	s.EmitRequest(Request{Path: "/a"})
	s.EmitBackend(Backend{Path: "/b"})
	s.EmitQuarantine(Quarantine{Path: "/c"})
	s.EmitAsyncUpdate(AsyncUpdate{Path: "/d", Sent: true})
	s.EmitErrorLimit(ErrorLimit{Node: "n"})
	s.EmitRateLimit(RateLimit{Device: "sda"})
	s.Tick("tempauth.AUTH_", "errors")
	s.EmitTiming(Timing{Name: "timing", Duration: 5})
	want := []any{
		Request{Path: "/a"}, Backend{Path: "/b"}, Quarantine{Path: "/c"}, AsyncUpdate{Path: "/d", Sent: true}, ErrorLimit{Node: "n"},
		RateLimit{Device: "sda"}, Count{"tempauth.AUTH_", "errors", 1}, Timing{Name: "timing", Duration: 5},
	}
	for i, got := range [][]any{one, two} {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("sink %d heard %+v", i, got)
		}
	}
}
