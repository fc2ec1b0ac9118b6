package workload

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"apus/sim/model"
)

// Script is a workload as data.
type Script struct {
	Seed    uint64        `json:"seed"`
	Timeout time.Duration `json:"timeout"`
	// Setup is done by the first client before the others begin, and is not
	// left out when a script is shrunk.
	Setup   []Step   `json:"setup"`
	Clients [][]Step `json:"clients"`
}

// Step is one operation to come.
type Step struct {
	// N is the number of the step among those of its client. It stays the
	// same when other steps are left out, and with it the value written.
	N         int           `json:"n"`
	Kind      model.Kind    `json:"kind"`
	Container model.Name    `json:"container,omitempty"`
	Object    model.Name    `json:"object,omitempty"`
	Think     time.Duration `json:"think,omitempty"`

	Size    int64   `json:"size,omitempty"`  // of an object to write
	Parts   []int64 `json:"parts,omitempty"` // sizes of segments
	Chunked bool    `json:"chunked,omitempty"`
	BadEtag bool    `json:"bad_etag,omitempty"`
	Expect  bool    `json:"expect,omitempty"`
	// Leave is after how many bytes of the body the client hangs up, plus
	// one; 0: it stays.
	Leave int64 `json:"leave,omitempty"`
	// Patience, when not 0, is how long the client waits for the answer.
	Patience time.Duration `json:"patience,omitempty"`

	Newest bool   `json:"newest,omitempty"`
	Range  string `json:"range,omitempty"`
	Cond   Cond   `json:"cond,omitempty"`
	Query  string `json:"query,omitempty"`

	// Target makes a PUT one of a symbolic link to there, "container/object".
	Target model.Name `json:"target,omitempty"`
	// Via is the object in [LinkContainer] by which the step's object is read.
	Via    model.Name `json:"via,omitempty"`
	Signed bool       `json:"signed,omitempty"` // with a signature and no token
	// Dynamic makes a ManifestPut one of a dynamic large object.
	Dynamic bool `json:"dynamic,omitempty"`
	// Versioned and Policy are of a container to be made.
	Versioned bool   `json:"versioned,omitempty"`
	Policy    string `json:"policy,omitempty"`
	// Archive is where a container to be made keeps what is overwritten, also
	// what is deleted if History is set.
	Archive model.Name `json:"archive,omitempty"`
	History bool       `json:"history,omitempty"`
	// Lifetime is after how long the object of a PUT or POST expires, in whole
	// seconds, 0 for never. With Absolute the client says at what time.
	Lifetime time.Duration `json:"lifetime,omitempty"`
	Absolute bool          `json:"absolute,omitempty"`
	// Opened asks for the object also if it has expired.
	Opened bool `json:"opened,omitempty"`
	// From is the source of a copy, in FromContainer. With Push it is by COPY of
	// the source, else by PUT of the step's object.
	FromContainer model.Name `json:"from_container,omitempty"`
	From          model.Name `json:"from,omitempty"`
	Push          bool       `json:"push,omitempty"`
	// Objects are those of a BulkDelete.
	Objects []model.Name `json:"objects,omitempty"`
}

// Cond is a condition on a request.
type Cond string

// Conditions. "Seen" is what the client last saw for the name; without that
// the condition is left out.
const (
	IfMatchSeen       Cond = "if-match-seen"
	IfMatchOther      Cond = "if-match-other" // an ETag that nothing has
	IfMatchAny        Cond = "if-match-any"
	IfNoneMatchSeen   Cond = "if-none-match-seen"
	IfNoneMatchOther  Cond = "if-none-match-other"
	IfNoneMatchAny    Cond = "if-none-match-any" // also on PUT: create only
	IfModifiedSeen    Cond = "if-modified-since-seen"
	IfUnmodifiedSeen  Cond = "if-unmodified-since-seen"
	IfUnmodifiedEpoch Cond = "if-unmodified-since-epoch"
)

// Count is the number of steps without setup.
func (s *Script) Count() (n int) {
	for _, c := range s.Clients {
		n += len(c)
	}
	return n
}

// Save writes the script as JSON.
func (s *Script) Save(w io.Writer) error { return json.NewEncoder(w).Encode(s) }

// Load reads what Save wrote.
func Load(r io.Reader) (*Script, error) {
	s := &Script{}
	if err := json.NewDecoder(r).Decode(s); err != nil {
		return nil, fmt.Errorf("workload.Load: %w", err)
	}
	return s, nil
}
