package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"apus/sim/engine"
)

// summary adds up results.
type summary struct {
	seeds, failed    int
	requests, events int64
	checks           int64
	virtual, cpu     time.Duration
	violations       int
	faults, marks    map[string]int
	begun            time.Time
	maxRSS           int64
}

func (s *summary) begin() {
	s.begun = time.Now()
	s.faults, s.marks = map[string]int{}, map[string]int{}
}

func (s *summary) add(r *engine.Result) {
	s.seeds++
	s.cpu += r.CPU
	s.maxRSS = max(s.maxRSS, r.MaxRSS)
	if r.Failed() {
		s.failed++
	}
	if r.Report == nil {
		s.violations++
		return
	}
	s.requests += r.Report.Requests
	s.events += r.Report.Events
	s.checks += r.Report.Checks
	s.virtual += r.Report.VirtualTime
	s.violations += len(r.Report.Violations)
	for kind, n := range r.Report.Faults {
		s.faults[kind] += n
	}
	for name, n := range r.Report.Marks {
		s.marks[name] += n
	}
}

// rate is in events for each second of processor time: what one core does.
func (s *summary) rate() string {
	return thousands(int64(float64(s.events)/max(s.cpu.Seconds(), 0.001))) + " events/s on one core"
}

func (s *summary) print(w io.Writer) {
	var kinds []string
	fired := 0
	for _, kind := range slices.Sorted(maps.Keys(s.faults)) {
		if s.faults[kind] > 0 {
			kinds = append(kinds, fmt.Sprintf("%s %s", kind, thousands(int64(s.faults[kind]))))
			fired += s.faults[kind]
		}
	}
	if len(s.marks) > 0 {
		var marks []string
		for _, name := range slices.Sorted(maps.Keys(s.marks)) {
			marks = append(marks, fmt.Sprintf("%s %s", name, thousands(int64(s.marks[name]))))
		}
		fmt.Fprintf(w, "reached: %s\n", strings.Join(marks, ", "))
	}
	fmt.Fprintf(w, "faults by kind: %s\n", orNone(strings.Join(kinds, ", ")))
	fmt.Fprintf(w, "engine: %s, %v wall, %v processor, %d MiB at most\n",
		engine.Engine, time.Since(s.begun).Round(100*time.Millisecond), s.cpu.Round(100*time.Millisecond), s.maxRSS>>20)
	fmt.Fprintf(w, "sim: %d seeds, %v virtual time, %s requests, %s events, %s faults of %d kinds, %s checks, %d violations, %s\n",
		s.seeds, s.virtual.Round(time.Second), thousands(s.requests), thousands(s.events), thousands(int64(fired)), len(kinds),
		thousands(s.checks), s.violations, s.rate())
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
