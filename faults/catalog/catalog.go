// Package catalog is the vocabulary of fault plans: every kind of fault, what
// it does, what it may be aimed at, its arguments with units, ranges and
// defaults, and how much it damages.
//
// Targets are written
//
//	node3          a machine: a storage node, a proxy or a client
//	node3/object   a process on it: proxy, account, container, object,
//	               container-updater, object-updater
//	node1/d2       a device of a storage node
//
// A driver reads the arguments of an event with [Args], which fills in the
// defaults.
package catalog

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"apus/faults/plan"
)

// Target is what a kind may be aimed at.
type Target uint8

// Targets. They are a set of bits.
const (
	Machine Target = 1 << iota
	Process
	Device
)

func (t Target) String() string {
	var s []string
	for i, name := range []string{"node", "node/process", "node/device"} {
		if t&(1<<i) != 0 {
			s = append(s, name)
		}
	}
	return strings.Join(s, " or ")
}

// Need says whether a part of an event is given.
type Need uint8

// Needs.
const (
	May Need = iota
	Must
	Never
)

func (n Need) String() string { return [...]string{"may", "must", "never"}[n] }

// Damage is what a fault does to durable data.
type Damage uint8

// Damages.
const (
	Nothing  Damage = iota // durable data stays
	Unsynced               // what was not synced may vanish or tear
	Content                // durable content of the device may be lost or altered
)

func (d Damage) String() string {
	return [...]string{"nothing", "what was not synced", "durable content of the device"}[d]
}

// Severity is what a cluster must bear, for package budget.
type Severity struct {
	// Impairs says that requests through the target may fail or stall while
	// the fault lasts.
	Impairs bool
	Damages Damage
}

func (s Severity) String() string {
	switch {
	case s.Impairs:
		return "impairs its node; damages " + s.Damages.String()
	case s.Damages != Nothing:
		return "damages " + s.Damages.String()
	}
	return "none"
}

// Kind is one kind of fault.
type Kind struct {
	Name     string
	Doc      string
	Target   Target
	Peer     Need
	For      Need
	Args     []Arg
	Severity Severity
}

// Type is the type of an argument.
type Type uint8

// Types.
const (
	Duration    Type = iota // Go's notation
	Probability             // 0 to 1
	Bytes                   // an integer
	Count                   // an integer
	Choice                  // one of Choices
	Text                    // anything
)

func (t Type) String() string {
	return [...]string{"duration", "probability", "bytes", "count", "choice", "text"}[t]
}

// Arg is an argument of a kind. Min and Max are inclusive, in nanoseconds for
// a Duration.
type Arg struct {
	Name     string
	Doc      string
	Type     Type
	Default  string // used when absent; "" with Required
	Required bool
	Min, Max float64
	Choices  []string
}

// Lookup finds a kind by name.
func Lookup(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// Vocabulary is the catalogue as [plan.Plan.Validate] wants it.
type Vocabulary struct{}

var _ plan.Vocabulary = Vocabulary{}

// Check implements plan.Vocabulary.
func (Vocabulary) Check(e plan.Event) error {
	k, ok := Lookup(e.Kind)
	if !ok {
		return fmt.Errorf("there is no fault of kind %q; the kinds are %s", e.Kind, strings.Join(Names(), ", "))
	}
	return errors.Join(k.checkTarget(e), k.checkPeer(e), k.checkFor(e), k.checkArgs(e))
}

// Names lists the kinds in the order of the catalogue.
func Names() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// processes are the processes that a node may run.
func processes() []string {
	return []string{"proxy", "account", "container", "object", "container-updater", "object-updater"}
}

// Split is a target's machine and, if it has one, its process or device.
func Split(target string) (node, part string) {
	node, part, _ = strings.Cut(target, "/")
	return node, part
}

// IsProcess reports whether the second part of a target names a process.
func IsProcess(part string) bool { return slices.Contains(processes(), part) }

func (k Kind) checkTarget(e plan.Event) error {
	node, part := Split(e.Target)
	is := Machine
	switch {
	case IsProcess(part):
		is = Process
	case strings.Contains(e.Target, "/"):
		is = Device
	}
	if !isName(node) || is == Device && !isName(part) || k.Target&is == 0 {
		return fmt.Errorf("target %q: %s is aimed at %s; processes are %s", e.Target, k.Name, k.Target, strings.Join(processes(), ", "))
	}
	return nil
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == ""
}

func (k Kind) checkPeer(e plan.Event) error {
	switch {
	case k.Peer == Never && e.Way != plan.NoPeer:
		return fmt.Errorf("peer %q: %s has one target only; leave the arrow out", e.Peer, k.Name)
	case k.Peer == Must && e.Way == plan.NoPeer:
		return fmt.Errorf("%s lies between two machines; write %q", k.Name, e.Target+" <-> node2")
	case e.Way != plan.NoPeer && !isName(e.Peer):
		return fmt.Errorf("peer %q is not the name of a machine; write one such as node2", e.Peer)
	case e.Way != plan.NoPeer && e.Peer == e.Target:
		return fmt.Errorf("peer %q is the target itself; name another machine", e.Peer)
	}
	return nil
}

func (k Kind) checkFor(e plan.Event) error {
	switch {
	case k.For == Never && e.For > 0:
		return fmt.Errorf("for %v: %s is over at once; leave \"for\" out", e.For, k.Name)
	case k.For == Must && e.For <= 0:
		return fmt.Errorf("%s needs to last; add \"for 5s\"", k.Name)
	}
	return nil
}

func (k Kind) checkArgs(e plan.Event) error {
	var errs []error
	for name := range e.Args {
		if k.arg(name) == nil {
			errs = append(errs, fmt.Errorf("%s=%s: %s has no such argument; it has %s", name, e.Args[name], k.Name, k.argNames()))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	for _, a := range k.Args {
		v, ok := e.Args[a.Name]
		if !ok && a.Required {
			errs = append(errs, fmt.Errorf("%s needs the argument %s (%s)", k.Name, a.Name, a.describe()))
		}
		if ok {
			errs = append(errs, a.check(v))
		}
	}
	return errors.Join(errs...)
}

func (k Kind) arg(name string) *Arg {
	for i := range k.Args {
		if k.Args[i].Name == name {
			return &k.Args[i]
		}
	}
	return nil
}

func (k Kind) argNames() string {
	if len(k.Args) == 0 {
		return "none"
	}
	var names []string
	for _, a := range k.Args {
		names = append(names, a.Name)
	}
	return strings.Join(names, ", ")
}

func (a *Arg) check(v string) error {
	var x float64
	var err error
	switch a.Type {
	case Duration:
		var d time.Duration
		d, err = time.ParseDuration(v)
		x = float64(d)
	case Probability:
		x, err = strconv.ParseFloat(v, 64)
	case Bytes, Count:
		var n int64
		n, err = strconv.ParseInt(v, 10, 64)
		x = float64(n)
	case Choice:
		if !slices.Contains(a.Choices, v) {
			err = errors.New("not a choice")
		}
		x = a.Min
	case Text:
		return nil
	}
	if err != nil || !(x >= a.Min && x <= a.Max) {
		return fmt.Errorf("%s=%s is not %s", a.Name, v, a.describe())
	}
	return nil
}

// describe is the type with its range.
func (a *Arg) describe() string {
	switch a.Type {
	case Duration:
		return fmt.Sprintf("a duration from %v to %v", time.Duration(a.Min), time.Duration(a.Max))
	case Probability:
		return fmt.Sprintf("a probability from %g to %g", a.Min, a.Max)
	case Bytes:
		return fmt.Sprintf("a number of bytes from %.0f to %.0f", a.Min, a.Max)
	case Count:
		return fmt.Sprintf("a number from %.0f to %.0f", a.Min, a.Max)
	case Choice:
		return "one of " + strings.Join(a.Choices, ", ")
	}
	return "any text"
}

// Print writes the catalogue for people.
func Print(w io.Writer) error {
	var b strings.Builder
	for _, k := range Kinds() {
		fmt.Fprintf(&b, "%s\n    %s\n    target: %s", k.Name, k.Doc, k.Target)
		switch k.Peer {
		case Must:
			b.WriteString(", and a peer node after ->, <- or <->")
		case May:
			b.WriteString(", alone or with a peer node after ->, <- or <->")
		}
		switch k.For {
		case Must:
			b.WriteString("; \"for\" is required")
		case Never:
			b.WriteString("; over at once")
		case May:
			b.WriteString("; \"for\" is optional")
		}
		fmt.Fprintf(&b, "\n    severity: %s\n", k.Severity)
		for _, a := range k.Args {
			def := "default " + a.Default
			switch {
			case a.Required:
				def = "required"
			case a.Default == "":
				def = "optional"
			}
			fmt.Fprintf(&b, "    %s=  %s; %s; %s\n", a.Name, a.Doc, a.describe(), def)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
