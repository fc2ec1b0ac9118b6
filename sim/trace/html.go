package trace

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"apus/sim/check"
)

//go:embed page.html
var page string

// pageData is what page.html shows. Positions are percent of the run.
type pageData struct {
	Title, Replay string
	End           time.Duration
	Ticks         []pageTick
	Lanes         []pageLane
	Faults        []string
	Violations    []check.Violation
	Marks         []float64 // of violations
	Ops           map[int]string
	Pictures      []pagePicture
}

type pageTick struct {
	Left  float64
	Label string
}

type pageLane struct {
	Name string
	Bars []pageBar
	Rows int
}

type pageBar struct {
	Left, Width float64
	Row         int
	Class       string
	Label, Text string
	Op          int
}

type pagePicture struct{ Path, HTML string }

// HTML writes the run as a page that loads nothing.
func HTML(w io.Writer, in Input) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return fmt.Errorf("trace.HTML: %w", err)
	}
	data, err := newPage(in)
	if err != nil {
		return fmt.Errorf("trace.HTML: %w", err)
	}
	if err := t.Execute(w, data); err != nil {
		return fmt.Errorf("trace.HTML: %w", err)
	}
	return nil
}

func newPage(in Input) (*pageData, error) {
	lanes, end := layout(in)
	d := &pageData{Title: in.Title, Replay: in.Replay, End: end, Violations: in.Violations, Ops: map[int]string{}}
	percent := func(at time.Duration) float64 { return 100 * float64(at) / float64(end) }
	const ticks = 20
	for i := range ticks + 1 {
		at := end * time.Duration(i) / ticks
		d.Ticks = append(d.Ticks, pageTick{percent(at), at.Round(time.Millisecond).String()})
	}
	for _, l := range lanes {
		d.Lanes = append(d.Lanes, newLane(l, percent))
	}
	for _, e := range in.Plan.Sorted() {
		d.Faults = append(d.Faults, faultBar(e, in.Fired, end).Text)
	}
	for _, v := range in.Violations {
		d.Marks = append(d.Marks, percent(v.At))
		for _, id := range v.Ops {
			if in.History != nil && id < len(in.History.Ops) {
				d.Ops[id] = in.History.Ops[id].String()
			}
		}
	}
	for _, p := range in.Pictures {
		text, err := picture(p, in.Plan, end)
		if err != nil {
			return nil, err
		}
		d.Pictures = append(d.Pictures, pagePicture{p.Path, text})
	}
	return d, nil
}

// newLane puts bars that overlap below each other.
func newLane(l *lane, percent func(time.Duration) float64) pageLane {
	out := pageLane{Name: l.Name, Rows: 1}
	slices.SortStableFunc(l.Bars, func(a, b bar) int { return cmp.Compare(a.At, b.At) })
	var free []time.Duration // when each row ends
	for _, b := range l.Bars {
		row := 0
		for row < len(free) && free[row] > b.At {
			row++
		}
		if row == len(free) {
			free = append(free, 0)
		}
		free[row] = b.End
		out.Rows = max(out.Rows, row+1)
		out.Bars = append(out.Bars, pageBar{
			Left: percent(b.At), Width: percent(b.End - b.At), Row: row, Class: b.Class, Label: b.Label, Text: b.Text, Op: b.Op,
		})
	}
	return out
}
