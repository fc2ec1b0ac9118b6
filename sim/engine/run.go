package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

// Job is one run of one scenario.
type Job struct {
	Scenario string            `json:"scenario"`
	Seed     uint64            `json:"seed"`
	For      time.Duration     `json:"for,omitempty"`
	Options  map[string]string `json:"options,omitempty"`
	// EventLog is where a farm puts the text of every traced event, if
	// anywhere. It is no part of what the worker is told.
	EventLog string `json:"-"`
	// InOrder runs goroutines in the order in which they became runnable,
	// instead of in a random one. Only the exact engine chooses at all.
	InOrder bool `json:"in_order,omitempty"`
}

// RunTest runs a scenario in a test, and fails it for every violation. The
// test must not be parallel.
func RunTest(t *testing.T, seed uint64, scenario Scenario) *Report {
	t.Helper()
	report, err := runBubble(t, Job{Seed: seed}, scenario, nil)
	if err != nil {
		t.Fatalf("seed %d (%s engine): %v", seed, Engine, err)
	}
	for _, v := range report.Violations {
		t.Errorf("seed %d (%s engine): %s: %s\n%s", seed, Engine, v.Check, v.Message, v.Detail)
	}
	return report
}

// Run runs a job in a test that judges the report itself. The test must not be
// parallel.
func Run(t *testing.T, job Job, scenario Scenario) (*Report, error) {
	t.Helper()
	return runBubble(t, job, scenario, nil)
}

// runBubble runs a scenario in a bubble of its own.
func runBubble(t *testing.T, job Job, scenario Scenario, log io.Writer) (report *Report, err error) {
	if testing.Testing() { // else crypto/rand stays random, which best effort may
		cryptotest.SetGlobalRandom(t, mix(job.Seed^0x5851f42d4c957f2d))
	} else if Engine == "exact" {
		return nil, fmt.Errorf("an exact binary must be linked with -X testing.testBinary=1")
	}
	synctest.Test(t, func(t *testing.T) {
		runtimeSeed(mix(job.Seed+1), !job.InOrder)
		w := NewWorld(job.Seed)
		w.Scenario, w.For = job.Scenario, job.For
		if job.Options != nil {
			w.Options = job.Options
		}
		if log != nil {
			w.trace.keep(log)
		}
		report, err = w.run(t.Context(), scenario)
	})
	if report != nil && report.Judge != nil {
		report.Judge(report)
		report.Judge = nil
	}
	return report, err
}

func (w *World) run(ctx context.Context, scenario Scenario) (*Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		w.collectGarbage(ctx)
	}()
	report, err := scenario(ctx, w)
	cancel()
	<-collected
	if flushErr := w.trace.flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("event log: %w", flushErr)
	}
	if err != nil {
		return nil, err
	}
	if report == nil {
		report = &Report{}
	}
	w.complete(report)
	return report, nil
}

// complete fills in what the world knows better than the scenario.
func (w *World) complete(r *Report) {
	r.Events = max(r.Events, w.Events())
	r.TraceHash = w.TraceHash()
	if r.VirtualTime == 0 {
		r.VirtualTime = w.Elapsed()
	}
	if r.Marks == nil {
		r.Marks = map[string]int{}
	}
	for name, n := range w.Marks() {
		r.Marks[name] += n
	}
}

// Limits of the memory of a worker.
const (
	// garbageLimit is how much may be allocated between two collections.
	garbageLimit = 384 << 20
	// memoryLimit is where the Go runtime starts to collect by itself. It
	// saves the machine; runs that reach it are not exact.
	memoryLimit = 2500 << 20
	// collectEvery is how often, in virtual time, memory is looked at. The
	// odd part keeps it from coinciding with other timers: when it fires,
	// every goroutine of the bubble is blocked.
	collectEvery = 50*time.Millisecond + 37*time.Nanosecond
	// busyEvents traced since the last look make a look worth its cost, and
	// so do patientLooks intervals without any.
	busyEvents   = 500
	patientLooks = 40
)

// collectGarbage collects garbage at quiescent instants, in a worker.
func (w *World) collectGarbage(ctx context.Context) {
	if !w.worker() {
		return
	}
	timer := time.NewTimer(collectEvery)
	defer timer.Stop()
	var events int64
	for looks := 0; ; looks++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(collectEvery)
		if now := w.Events(); now-events >= busyEvents || looks >= patientLooks {
			events, looks = now, 0
			w.collectIfFull()
		}
	}
}

func (w *World) collectIfFull() {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc < w.nextGC.Load() {
		return
	}
	runtime.GC()
	runtime.ReadMemStats(&stats)
	w.nextGC.Store(stats.HeapAlloc + garbageLimit)
	w.Mark("engine: garbage collected")
}

// Quiesce waits until every other goroutine of the bubble is blocked, and
// collects garbage if much has gathered. Not to be called by two goroutines at
// a time.
func (w *World) Quiesce() {
	synctest.Wait()
	if w.worker() {
		w.collectIfFull()
	}
}

// worker says whether this process switched automatic collection off.
func (w *World) worker() bool { return os.Getenv(workerEnv) != "" }

// takeOverProcess makes the process fit for exact runs.
func takeOverProcess() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
}
