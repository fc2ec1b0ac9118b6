package scenario

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"apus/sim/check"
	"apus/sim/cluster"
	"apus/sim/engine"
	"apus/sim/trace"
	"apus/sim/workload"
)

// Names of what a run leaves. PlanOption and ScriptOption are also the options
// that make it run another plan or workload; DrawOption set to DrawOnly makes
// it leave those two and run nothing, for runs that end before they can.
const (
	PlanArtifact     = "plan.txt"
	ScriptArtifact   = "script.json"
	HistoryArtifact  = "history.json"
	TimelineArtifact = "timeline.html"
	TraceArtifact    = "trace.json"

	PlanOption    = "plan"
	ScriptOption  = "script"
	ProfileOption = "profile"
	DrawOption    = "draw"
	DrawOnly      = "only"
)

// maxPictures bounds porcupine's drawings in a timeline; each is a page of its
// own.
const maxPictures = 3

// turningPoints are the traced events that the timeline shows: the lives of
// processes and machines. Their first argument is a machine or "machine/…".
func turningPoints() []string { return []string{"start", "ended", "kill", "stop", "power cut"} }

// watch gathers the turning points of the run.
func (s *simulation) watch() {
	s.world.Listen(func(at time.Duration, kind string, args []any) {
		name := fmt.Sprint(args[0])
		lane, _, _ := strings.Cut(name, "/")
		text := strings.TrimSpace(fmt.Sprintln(append([]any{kind}, args...)...))
		s.events = append(s.events, trace.Event{At: at, Lane: lane, Kind: kind, Text: text})
	}, turningPoints()...)
}

// keepInputs leaves what the run is made of.
func (s *simulation) keepInputs(script *workload.Script) error {
	s.report.Artifacts[PlanArtifact] = []byte(s.plan.String())
	return s.keep(ScriptArtifact, script.Save)
}

// keep leaves what save writes.
func (s *simulation) keep(name string, save func(io.Writer) error) error {
	var b bytes.Buffer
	if err := save(&b); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.report.Artifacts[name] = b.Bytes()
	return nil
}

// keepTimeline leaves what explains the run: its history, and pictures of it.
func (s *simulation) keepTimeline(pictures []check.Picture) error {
	in := trace.Input{
		Title: s.title(), Replay: s.replay(), Lanes: lanes(s.cluster), Plan: s.plan, Fired: s.fired,
		History: s.history, Violations: s.found, Pictures: pictures[:min(len(pictures), maxPictures)],
	}
	for _, e := range s.events {
		if e.At -= s.began; e.At >= 0 { // the first boot is before the clients' time
			in.Events = append(in.Events, e)
		}
	}
	for _, step := range s.steps {
		if step.Err != nil {
			lane, _, _ := strings.Cut(step.Event.Target, "/")
			in.Events = append(in.Events, trace.Event{At: step.Time, Lane: lane, Kind: "fault failed", Text: step.String()})
		}
	}
	if err := s.keep(HistoryArtifact, s.history.Save); err != nil {
		return err
	}
	if err := s.keep(TimelineArtifact, func(w io.Writer) error { return trace.HTML(w, in) }); err != nil {
		return err
	}
	return s.keep(TraceArtifact, func(w io.Writer) error { return trace.Chrome(w, in) })
}

func (s *simulation) title() string {
	name := s.world.Scenario
	if name == "" {
		name = "simulation"
	}
	return fmt.Sprintf("%s, seed %d, %s engine", name, s.world.Seed, engine.Engine)
}

// replay is the command that repeats the run from the directory that holds
// what it left.
func (s *simulation) replay() string {
	line := fmt.Sprintf("apus-sim replay %d", s.world.Seed)
	if s.world.Scenario != "" {
		line += " --scenario " + s.world.Scenario
	}
	if s.world.For != 0 {
		line += " --for " + s.world.For.String()
	}
	if profile := s.world.Options[ProfileOption]; profile != "" {
		line += " --profile " + profile
	}
	if _, given := s.world.Options[PlanOption]; given {
		line += " --plan " + PlanArtifact
	}
	if _, given := s.world.Options[ScriptOption]; given {
		line += " --script " + ScriptArtifact
	}
	return line
}

// lanes are the machines in the order of display.
func lanes(c *cluster.Cluster) []string {
	var names []string
	for i := range c.ProxyAddrs() {
		names = append(names, fmt.Sprintf("proxy%d", i+1))
	}
	for _, n := range c.Nodes() {
		names = append(names, n.Name)
	}
	return names
}
