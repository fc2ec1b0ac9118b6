package engine

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

// workerEnv marks the environment of a worker process.
const workerEnv = "APUS_SIM_WORKER"

// resultFile is the descriptor on which a worker leaves its result.
const resultFile = 3

// Result is what became of a job.
type Result struct {
	Job
	Engine string  `json:"engine"`
	Report *Report `json:"report,omitempty"`
	// Error says that the scenario could not be carried out.
	Error string `json:"error,omitempty"`
	// Crash is set when the worker ended without a report.
	Crash *Crash `json:"crash,omitempty"`

	Wall   time.Duration `json:"wall"`
	CPU    time.Duration `json:"cpu"`
	MaxRSS int64         `json:"max_rss"` // bytes
}

// Crash is the end of a worker that did not report: a panic, a deadlock of the
// bubble, or no end within the limit. Either is a finding.
type Crash struct {
	Kind   string `json:"kind"` // "crash" or "hang"
	Status string `json:"status"`
	Output string `json:"output"` // with the goroutines
}

// Failed says that something is wrong with this seed.
func (r *Result) Failed() bool {
	return r.Error != "" || r.Crash != nil || r.Report == nil || len(r.Report.Violations) > 0
}

// Work runs one job in this process, which a [Farm] started for it, and ends
// the process.
func Work(job Job, scenario Scenario) {
	out := os.NewFile(resultFile, "result")
	fail := func(err error) {
		writeResult(out, &Result{Job: job, Engine: Engine, Error: err.Error()})
	}
	takeOverProcess()
	test := func(t *testing.T) {
		log, err := openLog(job.EventLog)
		if err != nil {
			fail(err)
			return
		}
		report, err := runBubble(t, job, scenario, log)
		if log != nil {
			if closeErr := log.(io.Closer).Close(); err == nil {
				err = closeErr
			}
		}
		if err != nil {
			fail(err)
			return
		}
		writeResult(out, &Result{Job: job, Engine: Engine, Report: report})
	}
	os.Args = os.Args[:1] // package testing parses the rest
	testing.Main(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "Simulation", F: test}}, nil, nil)
}

func openLog(path string) (io.Writer, error) {
	if path == "" {
		return nil, nil
	}
	return os.Create(path)
}

func writeResult(out *os.File, r *Result) {
	w := bufio.NewWriter(out)
	err := json.NewEncoder(w).Encode(r)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "result:", err)
		os.Exit(1)
	}
}
