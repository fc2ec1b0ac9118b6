// Package check judges a run. There is one file for each property of a
// simulation; each checker is a function of the history (package model) and,
// where clients cannot see enough, of what is on the disks. It returns the
// violations that it can prove and nothing that it merely suspects.
//
// # What can be known
//
// Swift orders the writes of a name by X-Timestamp, which the proxy draws
// from its wall clock when the request arrives, and each node keeps the
// newest that it was told. From this follows what the judge may conclude.
//
// The timestamp of a write lies between its Start and its End, give or take
// the error of the proxy's clock (Facts.Skew). The answer to a PUT narrows
// that by its Last-Modified, which is the timestamp rounded up to a second.
// It is known exactly once any read or any disk shows the value, because a
// value is written once. See [Bounds].
//
// A PUT answered 201 is on a write quorum of disks (Facts.Copies). One
// answered 202 met a node that has something at least as new; the proxy then
// stores nothing at all, so it promises no more than that something as new
// exists somewhere. DELETE, answered 204 or 404, left tombstones on a quorum.
//
// A write without an answer, or answered 5xx, may be on some disks or none.
// It may be read, then not be read, then again, and must never be called
// lost. A write that [model.OutcomeOf] calls Failed must not be seen, ever.
//
// A plain GET asks replicas one by one and takes the first that has the
// object, so it may return any value that was ever stored under the name and
// not destroyed since, also one that was overwritten or deleted long ago: a
// replica that was unreachable still has it, and there are no replicators to
// correct it. X-Newest asks all of them; only without faults does that make
// it a linearizable read. The metadata that a POST wrote is not part of what
// X-Newest compares and may always be stale.
//
// What has expired is absent to those who do not ask for it, and on the disks
// nevertheless. It expires by the clock of the proxy that is asked, so the
// same clock error is allowed for as with timestamps.
//
// A version of an object, once an answer has named it, never changes and is
// deleted by nobody: it is read under its identity for good, whatever became
// of the object. A read through a symbolic link is a read of what the link
// leads to, because the links of a workload are written once and never
// deleted. What a signed URL shows lacks the metadata, and with them the
// knowledge whose timestamp the answer has. A list of deletions is a deletion of
// each name on it, of which the report says how it ended; one that the report
// does not speak of may have happened. A copy writes a value with an identity
// of its own, whose content is known by its ETag alone: it must be that of
// something that may have been at the source before the copy was over.
//
// The older versioning makes copies with every overwriting, so its writes may
// fail where a copy may; its DELETE in a stack is a PUT of an older value. Such
// names are no registers, and what they show may be older than what was there.
//
// 404 is another matter, because the proxy looks at every primary and as
// many handoffs before it gives that answer, and does not count those that
// did not reply. See [NoLie].
//
// # Undecided
//
// Deciding linearizability may take for ever. What runs into its time limit
// is counted as undecided in the [Report]; it is no violation and it is no
// pass.
package check

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

// Violation is one broken promise.
type Violation struct {
	Property string        `json:"property"` // the checker: "integrity", "durability", …
	Kind     string        `json:"kind"`     // which of its promises, e.g. "torn"
	Path     string        `json:"path,omitempty"`
	At       time.Duration `json:"at"` // virtual time at which it showed
	// Ops are the operations that prove it, by number in the history.
	Ops  []int  `json:"ops,omitempty"`
	Text string `json:"text"`
}

func (v Violation) String() string {
	s := fmt.Sprintf("%s/%s", v.Property, v.Kind)
	if v.Path != "" {
		s += fmt.Sprintf(" %q", v.Path)
	}
	return fmt.Sprintf("%s at %v: %s", s, v.At, v.Text)
}

// violation builds one about an operation and those that contradict it.
func violation(property, kind string, o *model.Op, others []*model.Op, format string, args ...any) Violation {
	v := Violation{
		Property: property, Kind: kind, Path: o.Path().String(), At: o.End,
		Ops: []int{o.ID}, Text: fmt.Sprintf(format, args...) + "; " + o.String(),
	}
	for _, p := range others {
		v.Ops = append(v.Ops, p.ID)
		v.Text += "; " + p.String()
	}
	return v
}

// Verdict is the result of one checker.
type Verdict struct {
	Property   string      `json:"property"`
	Checked    int         `json:"checked"`   // facts looked at: answers, names, rows
	Undecided  int         `json:"undecided"` // of them, given up for lack of time
	Violations []Violation `json:"violations,omitempty"`
}

// Report is the verdicts on one run.
type Report []Verdict

// Checked counts the facts looked at.
func (r Report) Checked() (n int) {
	for _, v := range r {
		n += v.Checked
	}
	return n
}

// Undecided counts the facts given up on.
func (r Report) Undecided() (n int) {
	for _, v := range r {
		n += v.Undecided
	}
	return n
}

// Violations are all of them, by time.
func (r Report) Violations() []Violation {
	var all []Violation
	for _, v := range r {
		all = append(all, v.Violations...)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].At < all[j].At })
	return all
}

func (r Report) String() string {
	var b strings.Builder
	for _, v := range r {
		fmt.Fprintf(&b, "%-18s %6d checked", v.Property, v.Checked)
		if v.Undecided > 0 {
			fmt.Fprintf(&b, ", %d undecided", v.Undecided)
		}
		fmt.Fprintf(&b, ", %d violations\n", len(v.Violations))
	}
	return b.String()
}

// Disks is what the judge wants to know of the storage nodes once everything
// is healed and idle. It looks at the disks as they are, past every daemon
// and every fault. [Scan] does this over a host.FS.
type Disks interface {
	// Records lists what every device of every node holds of every object,
	// in any order.
	Records(ctx context.Context) ([]Record, error)
	// Rows lists the object rows of every replica of every container
	// database, pending ones included, in any order.
	Rows(ctx context.Context) ([]Row, error)
}

// Record is what one device holds of one object: the newest state among the
// files of its hash directory, chosen as Swift does.
type Record struct {
	Device model.Device
	Zone   int
	Dir    string     // the hash directory
	Hash   swift.Hash // its name
	// Timestamp is that of the .data or .ts file that counts.
	Timestamp swift.Timestamp
	Tombstone bool
	// MetaTimestamp is that of a .meta file newer than the data; else zero.
	MetaTimestamp swift.Timestamp
	// Metadata is the .data file's with the .meta file's on top.
	Metadata map[string]string
	Size     int64  // of the body
	MD5      string // of the body
	// Damage says what makes the record unreadable: metadata that is absent
	// or torn, a size or an ETag that the body does not have.
	Damage string
}

// newest is the timestamp of the last change that the record shows.
func (r *Record) newest() swift.Timestamp {
	if r.MetaTimestamp.After(r.Timestamp) {
		return r.MetaTimestamp
	}
	return r.Timestamp
}

// Row is one object row of one replica of a container database.
type Row struct {
	Device    model.Device
	Account   string
	Container string
	Name      string
	Timestamp swift.Timestamp // created_at without its deltas
	Deleted   bool
	Size      int64
	ETag      string
	Type      string // content_type
}

// Holdings are the things that must be given back once the clients have left.
type Holdings struct {
	Conns      []Held // connections open on the network, idle ones included
	Files      []Held // files open on any disk
	Bodies     []Held // response bodies not closed
	Goroutines []Held // goroutines of the daemons
}

// Held is one thing not given back.
type Held struct {
	Owner string // process: "node2/object"
	What  string // address, path, kind of body
	Stack string // where it was opened, or where it stands
}

// Plumbing tells what is held right now.
type Plumbing interface {
	Holdings() Holdings
}
