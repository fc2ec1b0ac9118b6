package event

import (
	"reflect"
	"testing"
)

// Nobody has to listen.
func TestSinksSwallow(t *testing.T) {
	for _, s := range []*Sink{nil, {}} {
		s.EmitRequest(Request{})
		s.EmitTransfer(Transfer{})
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
		Transfer:    func(e Transfer) { *got = append(*got, e) },
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
	s.EmitTransfer(Transfer{Bytes: 3, In: true})
	s.EmitBackend(Backend{Path: "/b"})
	s.EmitQuarantine(Quarantine{Path: "/c"})
	s.EmitAsyncUpdate(AsyncUpdate{Path: "/d", Sent: true})
	s.EmitErrorLimit(ErrorLimit{Node: "n"})
	s.EmitRateLimit(RateLimit{Device: "sda"})
	s.Tick("tempauth.AUTH_", "errors")
	s.EmitTiming(Timing{Name: "timing", Duration: 5})
	want := []any{
		Request{Path: "/a"}, Transfer{Bytes: 3, In: true}, Backend{Path: "/b"}, Quarantine{Path: "/c"},
		AsyncUpdate{Path: "/d", Sent: true}, ErrorLimit{Node: "n"}, RateLimit{Device: "sda"}, Count{"tempauth.AUTH_", "errors", 1}, Timing{Name: "timing", Duration: 5},
	}
	for i, got := range [][]any{one, two} {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("sink %d heard %+v", i, got)
		}
	}
}

func TestSubjectOf(t *testing.T) {
	for path, want := range map[string]Subject{
		"/v1": {}, "/v1/": {}, "/v1/a": {"account", "a", ""}, "/v1/a/": {"account", "a", ""}, "/v1/a/c": {"container", "a", "c"},
		"/v1.0/a/c/": {"container", "a", "c"}, "/v1/a/c/o": {"object", "a", "c"}, "/v1/a/c//": {"object", "a", "c"},
		"/v1/a//o": {"account", "a", ""}, "/v2/a/c/o": {}, "/auth/v1.0": {}, "": {}, "v1/a": {}, "//v1/a": {}, "/v1//c": {},
	} {
		if got := SubjectOf(path); got != want {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
	}
}

func TestSubjectOr(t *testing.T) {
	if got := (Subject{Account: "a"}).Or(Subject{"object", "b", "c"}); got != (Subject{"object", "a", "c"}) {
		t.Errorf("%+v", got)
	}
}
