// Package trace shows a run: as a page of HTML that needs nothing else
// ([HTML]) and as Chrome-trace JSON for Perfetto ([Chrome]). Each machine and
// each client is a lane over virtual time; faults, requests, events and
// violations are where and when they were. Where porcupine refused an order of
// operations, its own picture is part of the page.
package trace

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"apus/faults/catalog"
	"apus/faults/plan"
	"apus/sim/check"
	"apus/sim/model"

	"github.com/anishathalye/porcupine"
)

// Input is what is known of a run. History may be nil, everything else empty.
type Input struct {
	Title  string
	Replay string // the command that repeats the run
	// Lanes are the machines in the order of display. Others that faults or
	// events name follow them.
	Lanes      []string
	Plan       plan.Plan
	Fired      map[string]int // as plan.Driver.Fired
	Events     []Event
	History    *model.History
	Violations []check.Violation
	Pictures   []check.Picture
}

// Event is something else that happened on a machine: a boot, a crash, a line
// of a log.
type Event struct {
	At   time.Duration
	For  time.Duration // 0: at once
	Lane string
	Kind string // short
	Text string
}

// bar is something on a lane.
type bar struct {
	At, End time.Duration
	Class   string // "fault", "event", "ok", "failed", "unknown", "violation"
	Label   string
	Text    string
	Op      int // number in the history, -1 for others
}

// lane is one machine or client.
type lane struct {
	Name string
	Bars []bar
}

// layout puts everything on lanes: machines, clients, violations.
func layout(in Input) (lanes []*lane, end time.Duration) {
	byName := map[string]*lane{}
	at := func(name string) *lane {
		if byName[name] == nil {
			byName[name] = &lane{Name: name}
			lanes = append(lanes, byName[name])
		}
		return byName[name]
	}
	for _, name := range in.Lanes {
		at(name)
	}
	end = runEnd(in)
	for _, e := range in.Plan.Sorted() {
		for _, name := range machines(e) {
			l := at(name)
			l.Bars = append(l.Bars, faultBar(e, in.Fired, end))
		}
	}
	for _, e := range in.Events {
		l := at(e.Lane)
		l.Bars = append(l.Bars, bar{At: e.At, End: e.At + e.For, Class: "event", Label: e.Kind, Text: e.Text, Op: -1})
	}
	slices.SortStableFunc(lanes[min(len(in.Lanes), len(lanes)):], func(a, b *lane) int { return cmp.Compare(a.Name, b.Name) })
	lanes = append(lanes, clients(in.History)...)
	if len(in.Violations) > 0 {
		l := &lane{Name: "violations"}
		for _, v := range in.Violations {
			l.Bars = append(l.Bars, bar{At: v.At, End: v.At, Class: "violation", Label: strings.TrimSuffix(v.Property+"/"+v.Kind, "/"), Text: v.String(), Op: -1})
		}
		lanes = append(lanes, l)
	}
	return lanes, end
}

// machines are the lanes of a fault.
func machines(e plan.Event) []string {
	node, _ := catalog.Split(e.Target)
	if e.Way == plan.NoPeer {
		return []string{node}
	}
	return []string{node, e.Peer}
}

func faultBar(e plan.Event, fired map[string]int, end time.Duration) bar {
	b := bar{At: e.At, End: end, Class: "fault", Label: e.Kind, Text: e.String(), Op: -1}
	if t, ok := e.End(); ok {
		b.End = t
	} else if k, _ := catalog.Lookup(e.Kind); k.For == catalog.Never {
		b.End = e.At
	}
	if fired != nil {
		b.Text += fmt.Sprintf(" (fired %d times)", fired[e.String()])
	}
	return b
}

// clients makes a lane of each client's requests.
func clients(h *model.History) []*lane {
	if h == nil {
		return nil
	}
	byID := map[int]*lane{}
	var ids []int
	for _, o := range h.Ops {
		if byID[o.Client] == nil {
			byID[o.Client] = &lane{Name: fmt.Sprintf("client %d", o.Client)}
			ids = append(ids, o.Client)
		}
		byID[o.Client].Bars = append(byID[o.Client].Bars, bar{
			At: o.Start, End: o.End, Class: string(o.Outcome), Label: label(o), Text: o.String(), Op: o.ID,
		})
	}
	slices.Sort(ids)
	var out []*lane
	for _, id := range ids {
		out = append(out, byID[id])
	}
	return out
}

func label(o *model.Op) string {
	s := string(o.Kind)
	if o.Resp.Status != 0 {
		s += fmt.Sprintf(" %d", o.Resp.Status)
	}
	return s
}

// runEnd is the last instant that anything touches.
func runEnd(in Input) time.Duration {
	end := in.Plan.End()
	for _, e := range in.Events {
		end = max(end, e.At+e.For)
	}
	if in.History != nil {
		for _, o := range in.History.Ops {
			end = max(end, o.End)
		}
	}
	for _, v := range in.Violations {
		end = max(end, v.At)
	}
	return max(end, time.Millisecond)
}

// picture is porcupine's page about one object, with the faults on it.
func picture(p check.Picture, faults plan.Plan, end time.Duration) (string, error) {
	var notes []porcupine.Annotation
	for _, e := range faults {
		b := faultBar(e, nil, end)
		notes = append(notes, porcupine.Annotation{
			Tag: e.Target, Start: int64(b.At), End: int64(b.End), Description: e.Kind, Details: e.String(), BackgroundColor: "#f6c6a0",
		})
	}
	p.Info.AddAnnotations(notes)
	var page bytes.Buffer
	if err := porcupine.Visualize(p.Model, p.Info, &page); err != nil {
		return "", fmt.Errorf("trace: picture of %s: %w", p.Path, err)
	}
	return page.String(), nil
}
