package catalog

import (
	"fmt"
	"strconv"
	"time"

	"apus/faults/plan"
)

// Args reads the arguments of an event that Check found right. Asking for an
// argument that the kind does not have, or as another type, is a mistake of
// the program and panics.
type Args struct {
	kind Kind
	e    plan.Event
}

// ArgsOf are the arguments of an event, with the defaults of its kind.
func ArgsOf(e plan.Event) Args {
	k, ok := Lookup(e.Kind)
	if !ok {
		panic(fmt.Sprintf("catalog.ArgsOf: no kind %q", e.Kind))
	}
	return Args{k, e}
}

func (a Args) get(name string, types ...Type) string {
	arg := a.kind.arg(name)
	if arg == nil {
		panic(fmt.Sprintf("catalog: %s has no argument %q", a.kind.Name, name))
	}
	for _, t := range types {
		if arg.Type == t {
			return a.e.Arg(name, arg.Default)
		}
	}
	panic(fmt.Sprintf("catalog: argument %q of %s is a %s", name, a.kind.Name, arg.Type))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("catalog: argument of an unchecked event: %v", err))
	}
	return v
}

// Duration reads a Duration.
func (a Args) Duration(name string) time.Duration {
	return must(time.ParseDuration(a.get(name, Duration)))
}

// Float reads a Probability.
func (a Args) Float(name string) float64 {
	return must(strconv.ParseFloat(a.get(name, Probability), 64))
}

// Int reads Bytes or a Count.
func (a Args) Int(name string) int64 {
	return must(strconv.ParseInt(a.get(name, Bytes, Count), 10, 64))
}

// Text reads a Choice or a Text.
func (a Args) Text(name string) string { return a.get(name, Choice, Text) }
