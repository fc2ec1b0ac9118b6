// Package model is the history of a run as its clients saw it: which
// operation was asked when, under which name, with which content, and what
// came back. It holds no judgement; package check reads it, also long after
// the run, from the JSON that [History.Save] writes.
//
// # Values
//
// Whatever a client writes is a value: content computed from an identity, so
// that any byte of any body can be traced to the write that it comes from
// (see [Value] and [Content]). The identity travels with the object in its
// Content-Type ("application/vnd.apus.v0123456789abcdef"), which GET, HEAD,
// 304 and listings all show and which a POST leaves alone. A POST writes its
// own identity as X-Object-Meta-Post.
//
// # Time
//
// Start and End are virtual durations since the beginning of the run, the
// same for all clients. [Facts] tells how they relate to the wall clocks that
// the proxies stamp writes with.
//
// # Outcomes
//
// An operation ended OK (the answer tells what happened), Failed (it is
// certain that nothing was changed) or Unknown (it may have happened, may be
// happening still, or never will). [OutcomeOf] decides, and doubts in favour
// of Unknown.
package model

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"time"

	"apus/impl/swift"
)

// Kind is what a client asked for.
type Kind string

// Kinds of operation.
const (
	Auth            Kind = "auth"
	AccountGet      Kind = "account-get" // a listing of containers
	AccountHead     Kind = "account-head"
	AccountPost     Kind = "account-post"
	ContainerPut    Kind = "container-put"
	ContainerGet    Kind = "container-get" // a listing of objects
	ContainerHead   Kind = "container-head"
	ContainerPost   Kind = "container-post"
	ContainerDelete Kind = "container-delete"
	ObjectPut       Kind = "object-put"
	ObjectGet       Kind = "object-get"
	ObjectHead      Kind = "object-head"
	ObjectPost      Kind = "object-post"
	ObjectDelete    Kind = "object-delete"
	ManifestPut     Kind = "manifest-put" // of a static large object
	ManifestGet     Kind = "manifest-get" // ?multipart-manifest=get
	ManifestDelete  Kind = "manifest-delete"
	// ObjectCopy writes what another object is. It has a value of its own, of
	// which only identity and origin are known (see [Value]).
	ObjectCopy Kind = "object-copy"
	// VersionGet reads a version of an object of a versioned container, by the
	// identity that the answer to its PUT gave.
	VersionGet Kind = "version-get"
	// BulkDelete asks for the deletion of several objects at once. What became
	// of each is an ObjectDelete of its own in the history.
	BulkDelete Kind = "bulk-delete"
)

// WritesObject reports whether the kind may change the object of its path.
func (k Kind) WritesObject() bool {
	switch k {
	case ObjectPut, ObjectPost, ObjectDelete, ObjectCopy, ManifestPut, ManifestDelete:
		return true
	}
	return false
}

// PutsObject reports whether the kind stores a value under its path.
func (k Kind) PutsObject() bool { return k == ObjectPut || k == ManifestPut || k == ObjectCopy }

// DeletesObject reports whether the kind removes the object of its path.
func (k Kind) DeletesObject() bool { return k == ObjectDelete || k == ManifestDelete }

// ReadsObject reports whether the kind answers with the object of its path.
func (k Kind) ReadsObject() bool { return k == ObjectGet || k == ObjectHead || k == VersionGet }

// Name is a path part of arbitrary bytes; in JSON it is percent-encoded.
type Name string

// MarshalText implements encoding.TextMarshaler.
func (n Name) MarshalText() ([]byte, error) { return []byte(url.PathEscape(string(n))), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Name) UnmarshalText(b []byte) error {
	s, err := url.PathUnescape(string(b))
	*n = Name(s)
	return err
}

// Op is one operation of one client.
type Op struct {
	ID        int           `json:"id"` // position in the history
	Client    int           `json:"client"`
	Kind      Kind          `json:"kind"`
	Account   Name          `json:"account,omitempty"`
	Container Name          `json:"container,omitempty"`
	Object    Name          `json:"object,omitempty"`
	Start     time.Duration `json:"start"`
	End       time.Duration `json:"end"`
	Outcome   Outcome       `json:"outcome"`

	Req  Request  `json:"req"`
	Resp Response `json:"resp"`
}

// Request is what an operation asked for beyond its path.
type Request struct {
	Value  ValueID     `json:"value,omitempty"` // what a PUT writes; for a POST the identity of its metadata
	Query  string      `json:"query,omitempty"`
	Header http.Header `json:"header,omitempty"` // what matters: Range, If-…, Etag; no tokens
	Newest bool        `json:"newest,omitempty"` // X-Newest
	// Leave is at how many bytes of the body the client meant to hang up, in
	// either direction; 0 means that it stayed.
	Leave int64 `json:"leave,omitempty"`
	// Patience is how long the client meant to wait for the end of the answer,
	// when that was less than usual.
	Patience time.Duration `json:"patience,omitempty"`
	// Short says that the client hung up before it had sent its body to the
	// end, so that nothing may ever be stored.
	Short bool `json:"short,omitempty"`
	// BadEtag says that the Etag announced is not that of the body.
	BadEtag bool `json:"bad_etag,omitempty"`
	// Via is the symbolic link by which the object was read: "/container/object".
	Via Name `json:"via,omitempty"`
	// Signed says that a signature in the URL stood for the token. The answer
	// to such a request has no metadata, by Swift's default.
	Signed bool `json:"signed,omitempty"`
	// From is the source of a copy: "/account/container/object".
	From Name `json:"from,omitempty"`
	// Version is what a VersionGet names.
	Version string `json:"version,omitempty"`
}

// Response is what came back.
type Response struct {
	Status int `json:"status"` // 0: no answer
	// Err says why there is no answer, or why its body ended early.
	Err    string `json:"err,omitempty"`
	NoDial bool   `json:"no_dial,omitempty"` // no connection came about
	// Counted says that the status is one of several which a report only
	// counts: a deletion's, of a name that was there or was not.
	Counted bool        `json:"counted,omitempty"`
	TxnID   string      `json:"txn,omitempty"`
	Header  http.Header `json:"header,omitempty"` // Etag, Last-Modified, X-Timestamp, Content-…, X-Object-Meta-…
	Body    *Body       `json:"body,omitempty"`   // of a 2xx answer to ObjectGet
	// Rows is the listing of a 2xx AccountGet or ContainerGet in JSON; not nil,
	// though it may be empty.
	Rows []Row `json:"rows"`
	// Text is the body of a short answer that is neither, for the reader.
	Text string `json:"text,omitempty"`
}

// Value is the identity in the Content-Type of the answer, or of its first
// part; 0 if there is none.
func (r *Response) Value() ValueID {
	if id := ValueOfType(r.Header.Get("Content-Type")); id != 0 || r.Body == nil || len(r.Body.Spans) == 0 {
		return id
	}
	return r.Body.Spans[0].Value
}

// Timestamp is the X-Timestamp of the answer, and whether it has one.
func (r *Response) Timestamp() (swift.Timestamp, bool) {
	ts, err := swift.ParseTimestamp(r.Header.Get("X-Timestamp"))
	return ts, err == nil
}

// LastModified is the header of that name, and whether there is one.
func (r *Response) LastModified() (time.Time, bool) {
	t, err := http.ParseTime(r.Header.Get("Last-Modified"))
	return t, err == nil
}

// Version is the version that a PUT or DELETE in a versioned container made.
func (r *Response) Version() string { return r.Header.Get("X-Object-Version-Id") }

// Success reports a 2xx status.
func (r *Response) Success() bool { return r.Status/100 == 2 }

// Body is what a client received of an object.
type Body struct {
	Declared int64 `json:"declared"` // Content-Length, -1 when chunked
	Bytes    int64 `json:"bytes"`    // received on the wire, multipart framing included
	// Clean says that the body ended as HTTP ends a complete body.
	Clean bool `json:"clean"`
	// Left says that the client hung up in the middle, as it had planned.
	Left  bool   `json:"left,omitempty"`
	Spans []Span `json:"spans,omitempty"` // one per range
}

// Span is one contiguous range of a body, compared with the value that its
// Content-Type names.
type Span struct {
	// Value is the identity in the Content-Type of the answer, or of the part
	// of a multipart answer.
	Value ValueID `json:"value,omitempty"`
	Start int64   `json:"start"` // first byte, as Content-Range claims
	End   int64   `json:"end"`   // one past the last, as claimed
	Total int64   `json:"total"` // complete length, as claimed
	Got   int64   `json:"got"`   // bytes received
	// Bad is the offset (in the value) of the first byte that is not the
	// value's, -1 if all are. Found says what is there instead.
	Bad   int64  `json:"bad"`
	Found string `json:"found,omitempty"`
}

// Row is one line of a listing.
type Row struct {
	Name         Name   `json:"name,omitempty"`
	Subdir       Name   `json:"subdir,omitempty"`
	Bytes        int64  `json:"bytes"`
	Count        int64  `json:"count,omitempty"`
	Hash         string `json:"hash,omitempty"`
	ContentType  string `json:"content_type,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// Path is the path of the operation.
func (o *Op) Path() swift.Path {
	return swift.Path{Account: string(o.Account), Container: string(o.Container), Object: string(o.Object)}
}

// Until is the last instant at which the operation may take effect: End, or
// [Forever] if its outcome is unknown.
func (o *Op) Until() time.Duration {
	if o.Outcome == Unknown {
		return Forever
	}
	return o.End
}

// Overlaps reports whether two operations may have been in progress together.
func (o *Op) Overlaps(p *Op) bool { return o.Start <= p.Until() && p.Start <= o.Until() }

func (o *Op) String() string {
	s := fmt.Sprintf("#%d client %d %s %q", o.ID, o.Client, o.Kind, o.Path().String())
	if o.Req.Query != "" {
		s += "?" + o.Req.Query
	}
	if o.Req.Value != 0 {
		s += " value " + o.Req.Value.String()
	}
	s += fmt.Sprintf(" [%v, %v] %s %d", o.Start, o.End, o.Outcome, o.Resp.Status)
	if o.Resp.Err != "" {
		s += " (" + o.Resp.Err + ")"
	}
	return s
}

// Forever is later than every run.
const Forever = time.Duration(1<<63 - 1)

// History is everything that a judgement needs of a run.
type History struct {
	Seed   uint64            `json:"seed"`
	Facts  Facts             `json:"facts"`
	Values map[ValueID]Value `json:"values"`
	Ops    []*Op             `json:"ops"` // by Start, then ID
}

// Facts are the circumstances of a run that decide what may be expected.
type Facts struct {
	// Epoch is what a right wall clock shows at virtual time zero.
	Epoch time.Time `json:"epoch"`
	// Skew is the largest error, either way, that the wall clock of any proxy
	// had at any time.
	Skew time.Duration `json:"skew"`
	// FaultFree: nothing was injected from beginning to end.
	FaultFree bool `json:"fault_free"`
	// Copies is on how many disks an acknowledged object write must be (the
	// write quorum).
	Copies int `json:"copies"`
	// Settle is how long after a fault its consequences last (error-limited
	// nodes, stragglers).
	Settle time.Duration `json:"settle"`
	// Impaired is when which node was not whole, by start.
	Impaired []Impairment `json:"impaired,omitempty"`
	// Destroyed are the devices whose durable content was damaged.
	Destroyed []Device `json:"destroyed,omitempty"`
	// Healed is when the last fault was over.
	Healed time.Duration `json:"healed"`
}

// Device is one disk of one node.
type Device struct {
	Node string `json:"node"`
	Disk string `json:"disk"`
}

func (d Device) String() string { return d.Node + "/" + d.Disk }

// Impairment is a time in which a node was not whole.
type Impairment struct {
	Node string        `json:"node"`
	Zone int           `json:"zone"` // 0: a proxy or a client, not storage
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
	Why  string        `json:"why"`
}

// Quiet reports whether no impairment touches [from-Settle, to].
func (f *Facts) Quiet(from, to time.Duration) bool {
	for _, i := range f.Impaired {
		if i.From <= to && i.To >= from-f.Settle {
			return false
		}
	}
	return true
}

// Wall is the right wall-clock time at a virtual instant.
func (f *Facts) Wall(at time.Duration) time.Time { return f.Epoch.Add(at) }

// WasDestroyed reports whether the device is among the destroyed.
func (f *Facts) WasDestroyed(d Device) bool {
	for _, x := range f.Destroyed {
		if x == d {
			return true
		}
	}
	return false
}

// Sort puts the operations in order and numbers them anew.
func (h *History) Sort() {
	sort.SliceStable(h.Ops, func(i, j int) bool {
		if h.Ops[i].Start != h.Ops[j].Start {
			return h.Ops[i].Start < h.Ops[j].Start
		}
		return h.Ops[i].Client < h.Ops[j].Client
	})
	for i, o := range h.Ops {
		o.ID = i
	}
}

// ByObject groups the operations on objects by path. The paths are sorted.
func (h *History) ByObject() ([]swift.Path, map[swift.Path][]*Op) {
	by := map[swift.Path][]*Op{}
	var paths []swift.Path
	for _, o := range h.Ops {
		if o.Object == "" {
			continue
		}
		p := o.Path()
		if by[p] == nil {
			paths = append(paths, p)
		}
		by[p] = append(by[p], o)
	}
	sort.Slice(paths, func(i, j int) bool { return paths[i].String() < paths[j].String() })
	return paths, by
}

// Save writes the history as JSON.
func (h *History) Save(w io.Writer) error {
	return json.NewEncoder(w).Encode(h)
}

// Load reads what Save wrote.
func Load(r io.Reader) (*History, error) {
	h := &History{}
	if err := json.NewDecoder(r).Decode(h); err != nil {
		return nil, fmt.Errorf("model.Load: %w", err)
	}
	return h, nil
}
