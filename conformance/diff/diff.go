// Package diff compares two Swift endpoints: it draws short sequences of
// requests, sends each sequence to both, and finds answers that differ.
//
// A sequence is data: requests whose strings hold names in braces, which are
// filled in per run ({acct}, {c0}, {now+60}; see names.go). Both endpoints get
// the same names, new ones for every run, so that an answer need not be
// rewritten to be compared and a sequence can be repeated at any time.
//
// What differs between any two runs (dates, transaction ids, tokens, version
// ids) is made equal first: see normal.go. What is known to differ and why
// stands in the table of explain.go. Whatever remains is a finding: the
// sequence is run again, slowly, since listings follow writes with a delay;
// if it still differs, requests and headers are taken away as long as the same
// difference stays.
package diff

import (
	"fmt"
	"slices"
	"strings"
)

// Header is one line of a request's or an answer's head, with its case as it
// was sent.
type Header struct{ Name, Value string }

// Request is one request before its names are filled in.
type Request struct {
	Method string
	// Target is what stands in the request line, percent-encoded.
	Target  string
	Host    string // "" is the runner's own name for both endpoints
	User    string // whose token goes with it; see users
	Header  []Header
	Body    string
	Chunked bool
	// Tar makes the body an archive of these entries.
	Tar []Entry
	// Feature is what the request is about, for --match and counts.
	Feature string
}

// Entry is a file of an uploaded archive.
type Entry struct{ Name, Body string }

// Users that a request can come from.
const (
	Owner    = "owner"    // of the account
	Guest    = "guest"    // user of the same account without rights
	Stranger = "stranger" // owner of another account
	Admin    = "admin"    // reseller administrator
	Nobody   = ""         // sends no token
	Forger   = "forger"   // sends a token that no one gave out
)

// Sequence is what is compared at once.
type Sequence struct {
	Number int
	// Theme is the feature most of its requests are about.
	Theme string
	// Private sequences work in an account of their own.
	Private bool
	// Shared sequences use a container that others use, too, and keep apart
	// by the names of objects.
	Shared   bool
	Requests []Request
}

// Answer is what an endpoint said.
type Answer struct {
	Status  int
	Reason  string
	Interim int // 100 if it asked for the body first
	Header  []Header
	Body    string
	// Failure says why there is no whole answer.
	Failure string
}

// Get is the value of a header, "" if absent.
func (a *Answer) Get(name string) string {
	for _, h := range a.Header {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Difference is one thing in which two answers differ.
type Difference struct {
	// Field is "status", "reason", "interim", "failure", "body", "case NAME"
	// or "header NAME", with NAME in lower case.
	Field string
	A, B  string
}

// Finding is a sequence whose last request is answered differently.
type Finding struct {
	Key         string
	Sequence    Sequence
	A, B        []*Answer
	Differences []Difference
	Count       int // sequences with the same key
}

// Get is the value of a header of the request, "" if absent.
func (r *Request) Get(name string) string {
	for _, h := range r.Header {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// has reports whether the request has a header, with whatever value.
func (r *Request) has(name string) bool {
	return slices.ContainsFunc(r.Header, func(h Header) bool { return strings.EqualFold(h.Name, name) })
}

// Kind is what the target names: info, account, container, object or other.
func (r *Request) Kind() string {
	path, _, _ := strings.Cut(r.Target, "?")
	if !strings.HasPrefix(path, "/v1/") {
		return "other"
	}
	switch strings.Count(strings.TrimSuffix(path, "/"), "/") {
	case 2:
		return "account"
	case 3:
		return "container"
	}
	return "object"
}

// endsAccount reports whether a request deletes the account that the sequence
// shares with others: it would be gone for all that follow. A bulk deletion
// does so by a line that is a slash.
func (s *Sequence) endsAccount(r *Request) bool {
	if s.Private || r.User != Admin {
		return false
	}
	if _, query, _ := strings.Cut(r.Target, "?"); strings.Contains(query, "bulk-delete") {
		return slices.ContainsFunc(strings.Split(r.Body, "\n"), func(line string) bool {
			line = strings.TrimSpace(line)
			return line != "" && strings.Trim(line, "/") == ""
		})
	}
	return r.Method == "DELETE" && r.Kind() == "account"
}

// key is the same for differences that likely have one cause.
func key(r *Request, d Difference, a, b *Answer) string {
	switch {
	case !strings.HasPrefix(d.Field, "header "):
		return fmt.Sprintf("%s %s %s %d/%d", d.Field, r.Method, r.Kind(), a.Status, b.Status)
	case d.A == "":
		return fmt.Sprintf("%s only in B, %d", d.Field, b.Status)
	case d.B == "":
		return fmt.Sprintf("%s only in A, %d", d.Field, b.Status)
	}
	return fmt.Sprintf("%s %d", d.Field, b.Status)
}
