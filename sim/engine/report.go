package engine

import "time"

// Report is what a scenario says about its run.
type Report struct {
	Requests int64 `json:"requests"` // client requests that were answered or given up
	Events   int64 `json:"events"`   // traced events
	Checks   int64 `json:"checks"`   // single checks that were made

	VirtualTime time.Duration     `json:"virtual_time"`
	Faults      map[string]int    `json:"faults,omitempty"` // fired, by kind
	Violations  []Violation       `json:"violations,omitempty"`
	TraceHash   string            `json:"trace_hash"`
	Marks       map[string]int    `json:"marks,omitempty"` // rare places reached
	Artifacts   map[string][]byte `json:"artifacts,omitempty"`

	// Judge, when set, is called once the bubble has ended, to add what takes
	// real time: searches with a limit on the wall clock cannot run where the
	// clock stands still.
	Judge func(*Report) `json:"-"`
}

// Violation is one property that did not hold.
type Violation struct {
	Check   string `json:"check"`            // which property
	Message string `json:"message"`          // one line
	Detail  string `json:"detail,omitempty"` // everything that helps to understand it
}
