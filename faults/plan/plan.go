// Package plan is a fault schedule as a value and as text.
//
// # Text
//
// One event a line; empty lines and what follows a # at the beginning of a
// word are ignored.
//
//	at 12.5s for 3s partition node2 <-> node3
//	at 20s for 10s disk-eio node1/d2 op=read p=0.3
//	at 30s kill node3/object for 5s
//	at 41s disk-full node1/d1 path="/srv/node/d1/tmp dir"
//
// In the order of the words: "at" and the virtual time since the beginning of
// the plan; the kind; the target; an arrow and the peer, for kinds that lie
// between two machines (-> from target to peer alone, <- the other way, <->
// both); arguments as name=value. "for" and a duration may stand anywhere
// after the time. Without it the event is undone only when the plan ends.
// Durations are Go's ("1.5s", "20ms", "1m"). A value that holds spaces,
// quotes, "#" or nothing is quoted as in Go.
//
// [Plan.String] writes the canonical form: "for" after "at", arguments by
// name. Parse(p.String()) is p, with the events in their order.
//
// # Execution
//
// [Run] applies events through a [Driver] at their times and undoes them. The
// driver counts what really happened; [Unfired] names the events that did
// nothing, because a run whose faults never fired has shown nothing.
package plan

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Event is one fault.
type Event struct {
	At     time.Duration
	For    time.Duration // 0: until the plan ends
	Kind   string
	Target string
	Peer   string // with Way, for kinds between two machines
	Way    Way
	Args   map[string]string // nil if there are none
}

// Way is the direction of an event between Target and Peer.
type Way string

// Ways.
const (
	NoPeer Way = ""
	Out    Way = "->"  // what Target sends to Peer
	In     Way = "<-"  // what Peer sends to Target
	Both   Way = "<->" // both
)

// Plan is a schedule. The order of events at the same instant counts.
type Plan []Event

// Arg is an argument or its default.
func (e Event) Arg(name, def string) string {
	if v, ok := e.Args[name]; ok {
		return v
	}
	return def
}

// End is when the event is over; without For it is never.
func (e Event) End() (time.Duration, bool) { return e.At + e.For, e.For > 0 }

// String is the canonical line.
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "at %v", e.At)
	if e.For > 0 {
		fmt.Fprintf(&b, " for %v", e.For)
	}
	fmt.Fprintf(&b, " %s %s", e.Kind, quote(e.Target))
	if e.Way != NoPeer {
		fmt.Fprintf(&b, " %s %s", e.Way, quote(e.Peer))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Args)) {
		fmt.Fprintf(&b, " %s=%s", name, quote(e.Args[name]))
	}
	return b.String()
}

// Equal reports whether two events print alike.
func (e Event) Equal(f Event) bool {
	return e.At == f.At && e.For == f.For && e.Kind == f.Kind && e.Target == f.Target &&
		e.Peer == f.Peer && e.Way == f.Way && maps.Equal(e.Args, f.Args)
}

// String is the canonical text.
func (p Plan) String() string {
	var b strings.Builder
	for _, e := range p {
		b.WriteString(e.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Sorted is the plan by time; events at the same instant keep their order.
func (p Plan) Sorted() Plan {
	s := slices.Clone(p)
	slices.SortStableFunc(s, func(a, b Event) int { return int(max(-1, min(1, a.At-b.At))) })
	return s
}

// End is when the last event begins or is over.
func (p Plan) End() time.Duration {
	var end time.Duration
	for _, e := range p {
		end = max(end, e.At+e.For)
	}
	return end
}

// Vocabulary knows the kinds of fault. Package catalog has the one of apus.
type Vocabulary interface {
	// Check says what is wrong with an event, naming the value and what is
	// allowed instead.
	Check(e Event) error
}

// Validate checks every event and joins what is wrong, a line for each.
func (p Plan) Validate(v Vocabulary) error {
	var wrong []string
	for i, e := range p {
		if err := v.Check(e); err != nil {
			wrong = append(wrong, fmt.Sprintf("event %d (%s): %v", i+1, e, err))
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("plan: %s", strings.Join(wrong, "\nplan: "))
}

func quote(s string) string {
	plain := s != "" && !strings.ContainsAny(s, "\"#\\`=") && s != string(Out) && s != string(In) && s != string(Both) &&
		s != "for" && utf8.ValidString(s)
	for _, r := range s {
		plain = plain && !unicode.IsSpace(r) && unicode.IsPrint(r)
	}
	if plain {
		return s
	}
	return strconv.Quote(s)
}
