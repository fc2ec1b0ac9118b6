package heartbeat

import (
	"net/http"
	"sync"
)

// Deletions counts how deletes went.
type Deletions struct {
	deleted, notFound int
	failures          []Failure
	broken            bool // a server failed, not the client
}

// Record takes note of the status with which the deletion of name ended.
func (d *Deletions) Record(name string, status int) {
	switch {
	case status/100 == 2:
		d.deleted++
	case status == http.StatusNotFound:
		d.notFound++
	default:
		d.broken = d.broken || status >= 500
		d.Fail(name, StatusLine(status))
	}
}

// Fail takes note of a deletion that was not tried.
func (d *Deletions) Fail(name, reason string) {
	d.failures = append(d.failures, Failure{Quote(name), reason})
}

// Failures is how many failed.
func (d *Deletions) Failures() int { return len(d.failures) }

// Complete is the report after all has been tried.
func (d *Deletions) Complete(format string) []byte {
	switch {
	case d.broken:
		return d.Stop(format, http.StatusBadGateway, "")
	case d.failures != nil:
		return d.Stop(format, http.StatusBadRequest, "")
	case d.deleted+d.notFound == 0:
		return d.Stop(format, http.StatusBadRequest, "Invalid bulk delete.")
	}
	return d.Stop(format, http.StatusOK, "")
}

// Stop is the report when the rest is not tried, for this reason.
func (d *Deletions) Stop(format string, status int, explanation string) []byte {
	return Report{
		Values: map[string]any{
			"Response Status": StatusLine(status), "Response Body": explanation,
			"Number Deleted": d.deleted, "Number Not Found": d.notFound,
		},
		Failures: d.failures,
	}.Encode(format, "delete")
}

// BareType is the header for a report of many operations, which names no
// charset. Where no format fits, the report is text that is called HTML.
func BareType(format string) string {
	if format == "" {
		return "text/html; charset=UTF-8"
	}
	return format
}

// Each calls do for each item, all at once, and returns what it returned in
// the order of the items. The caller bounds how many there are.
func Each[T any](items []T, do func(T) int) []int {
	results := make([]int, len(items))
	var workers sync.WaitGroup
	for i, item := range items {
		workers.Go(func() { results[i] = do(item) })
	}
	workers.Wait()
	return results
}
