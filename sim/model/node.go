package model

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"apus/impl/swift"
)

// NodeKind is a request to one storage node.
type NodeKind string

// Kinds of request to an object server and to a container server.
const (
	NodePut    NodeKind = "put"
	NodePost   NodeKind = "post"
	NodeDelete NodeKind = "delete"
	NodeGet    NodeKind = "get"
	RowPut     NodeKind = "row-put"
	RowDelete  NodeKind = "row-delete"
	RowList    NodeKind = "row-list"  // the listing of the container
	RowMerge   NodeKind = "row-merge" // the row, put by UPDATE as a replicator does

	DBPut    NodeKind = "db-put" // a container itself
	DBDelete NodeKind = "db-delete"
	DBHead   NodeKind = "db-head"
	DBPost   NodeKind = "db-post" // metadata of a container

	// NodeHashes asks for the suffix hashes of the object's partition. The
	// answer is not recorded.
	NodeHashes NodeKind = "hashes"
)

// Reads reports whether requests of the kind change nothing.
func (k NodeKind) Reads() bool {
	return k == NodeGet || k == RowList || k == DBHead || k == NodeHashes
}

// NodeOp is one request to one storage node, with the timestamp that the
// client chose.
type NodeOp struct {
	ID        int      `json:"id"`
	Client    int      `json:"client"`
	Kind      NodeKind `json:"kind"`
	Name      Name     `json:"name,omitempty"`
	Timestamp string   `json:"timestamp,omitempty"` // of a write, in normal form
	Value     ValueID  `json:"value,omitempty"`     // of a write
	// Further properties of a write. TypeStamp and MetaStamp are the times of
	// the content type and of the metadata in a row; without them they are
	// that of the write.
	Type       ValueID `json:"type,omitempty"` // content type of a POST or a row; of a PUT it is that of the value
	TypeStamp  string  `json:"type_stamp,omitempty"`
	MetaStamp  string  `json:"meta_stamp,omitempty"`
	DeleteAt   int64   `json:"delete_at,omitempty"`    // X-Delete-At of a PUT or POST
	IfDeleteAt int64   `json:"if_delete_at,omitempty"` // X-If-Delete-At of a DELETE
	IfNone     bool    `json:"if_none,omitempty"`      // If-None-Match: * of a PUT
	BadETag    bool    `json:"bad_etag,omitempty"`     // the Etag of a PUT is not that of its body

	Start  time.Duration `json:"start"`
	End    time.Duration `json:"end"`
	Status int           `json:"status"` // 0: no answer
	NoDial bool          `json:"no_dial,omitempty"`
	Err    string        `json:"err,omitempty"`

	// What a read saw.
	Seen      ValueID   `json:"seen,omitempty"`      // value of the body
	SeenPost  ValueID   `json:"seen_post,omitempty"` // metadata of a POST
	SeenType  ValueID   `json:"seen_type,omitempty"` // content type
	SeenSize  int64     `json:"seen_size,omitempty"`
	SeenETag  string    `json:"seen_etag,omitempty"`
	SeenUntil int64     `json:"seen_until,omitempty"` // X-Delete-At
	SeenStamp string    `json:"seen_stamp,omitempty"` // X-Timestamp; of a 404 X-Backend-Timestamp; of a container X-Put-Timestamp
	Bad       string    `json:"bad,omitempty"`        // how the body differs from the value
	Rows      []NodeRow `json:"rows,omitempty"`
}

// NodeRow is one row of a listing that a container server gave.
type NodeRow struct {
	Name     Name    `json:"name"`
	Value    ValueID `json:"value"`              // in the ETag
	Type     ValueID `json:"type"`               // in the content type
	Modified string  `json:"modified,omitempty"` // last_modified
}

// Stamps are the timestamps of a write: of what it writes, of its content type
// and of its metadata.
func (o *NodeOp) Stamps() (data, contentType, metadata swift.Timestamp) {
	data = parsed(o.Timestamp)
	contentType, metadata = data, data
	if o.TypeStamp != "" {
		contentType = parsed(o.TypeStamp)
	}
	if o.MetaStamp != "" {
		metadata = parsed(o.MetaStamp)
	}
	return data, contentType, metadata
}

func parsed(stamp string) swift.Timestamp {
	ts, err := swift.ParseTimestamp(stamp)
	if err != nil {
		panic(fmt.Sprintf("model.NodeOp: %v", err)) // the workload wrote it
	}
	return ts
}

func (o *NodeOp) String() string {
	return fmt.Sprintf("#%d client %d %s %q %s value %s [%v, %v] %d saw %s %s%s", o.ID, o.Client, o.Kind, string(o.Name),
		o.Timestamp, o.Value, o.Start, o.End, o.Status, o.Seen, o.SeenStamp, o.Err)
}

// Crash is a time at which the node was not there.
type Crash struct {
	At       time.Duration `json:"at"`
	Back     time.Duration `json:"back"` // when the next incarnation could first do anything
	PowerCut bool          `json:"power_cut"`
}

// NodeHistory is what clients of one storage node saw of it.
type NodeHistory struct {
	Seed    uint64    `json:"seed"`
	Ops     []*NodeOp `json:"ops"`
	Crashes []Crash   `json:"crashes"`
}

// Until is the last instant at which the operation may take effect. A node
// that answered, whatever it said, is done; one that died does nothing more.
func (h *NodeHistory) Until(o *NodeOp) time.Duration {
	if o.Status != 0 || o.NoDial {
		return o.End
	}
	until := Forever
	for _, c := range h.Crashes {
		if c.At >= o.Start && c.Back < until {
			until = max(c.Back, o.End)
		}
	}
	return until
}

// Save writes the history as JSON.
func (h *NodeHistory) Save(w io.Writer) error { return json.NewEncoder(w).Encode(h) }

// LoadNode reads what Save wrote.
func LoadNode(r io.Reader) (*NodeHistory, error) {
	h := &NodeHistory{}
	if err := json.NewDecoder(r).Decode(h); err != nil {
		return nil, fmt.Errorf("model.LoadNode: %w", err)
	}
	return h, nil
}
