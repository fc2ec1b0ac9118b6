package check

import (
	"context"
	"fmt"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

// Options are what Judge needs beyond the history.
type Options struct {
	// Within bounds every request in quiet times.
	Within time.Duration
	// Strict also judges Available: the plan was within the fault budget.
	Strict bool
	// Fresh judges FreshListings with this slack in runs without faults; 0
	// leaves it out.
	Fresh  time.Duration
	Limits Limits
	// Disks and Hasher, when given, judge Durability and Listings.
	Disks  Disks
	Hasher swift.Hasher
}

// Judge runs every checker that applies to the history of a cluster. An
// error says that the disks could not be looked at. Like Linearizable it is to
// be called outside of a synctest bubble; disks that live in one are read
// there with [Look], and its result is passed here.
func Judge(ctx context.Context, h *model.History, opt Options) (Report, []Picture, error) {
	var report Report
	add := func(property string, checked int, found []Violation) {
		report = append(report, Verdict{Property: property, Checked: checked, Violations: found})
	}
	n := len(h.Ops)
	add("integrity", n, Integrity(h))
	add("no-lie", n, NoLie(h))
	add("newest", n, Newest(h))
	add("listing", n, ListingAnswers(h))
	add("liveness", n, Liveness(h, opt.Within))
	if opt.Strict {
		add("available", n, Available(h))
	}
	if opt.Fresh > 0 && h.Facts.FaultFree {
		add("fresh-listing", n, FreshListings(h, opt.Fresh))
	}
	linear, pictures := Linearizable(h, opt.Limits)
	report = append(report, linear)
	if opt.Disks == nil {
		return report, pictures, nil
	}
	records, err := opt.Disks.Records(ctx)
	if err != nil {
		return report, pictures, fmt.Errorf("check.Judge: records: %w", err)
	}
	add("durability", len(records), Durability(h, records, opt.Hasher))
	rows, err := opt.Disks.Rows(ctx)
	if err != nil {
		return report, pictures, fmt.Errorf("check.Judge: rows: %w", err)
	}
	add("listings", len(rows), append(Listings(h, records, rows, opt.Hasher), Queued(h, records, rows, opt.Hasher)...))
	return report, pictures, nil
}

// Seen is Disks as they were at one time.
type Seen struct {
	RecordList []Record
	RowList    []Row
}

var _ Disks = (*Seen)(nil)

// Look reads disks now, to be judged later.
func Look(ctx context.Context, d Disks) (*Seen, error) {
	records, err := d.Records(ctx)
	if err != nil {
		return nil, fmt.Errorf("check.Look: records: %w", err)
	}
	rows, err := d.Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("check.Look: rows: %w", err)
	}
	return &Seen{records, rows}, nil
}

// Records implements Disks.
func (s *Seen) Records(context.Context) ([]Record, error) { return s.RecordList, nil }

// Rows implements Disks.
func (s *Seen) Rows(context.Context) ([]Row, error) { return s.RowList, nil }
