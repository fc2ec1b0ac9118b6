package dbrepl

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	json "github.com/go-json-experiment/json/v1"

	"apus/impl/broker"
	"apus/impl/swift"
)

// Call is a request taken apart: one of the types below, by value.
type Call any

// Sync tells what the caller's replica is like. Timestamps are texts, as
// replicas compare them.
type Sync struct {
	Point                                    int64
	Hash, ID                                 string
	CreatedAt, PutTimestamp, DeleteTimestamp string
	Metadata                                 broker.Metadata
	// Unreadable is the metadata if it is not JSON; it counts as none.
	Unreadable string
	// Policy is nil for an account, and from containers of Swifts before
	// there were policies.
	Policy *SyncPolicy
}

// SyncPolicy is what decides between two policies of a container.
type SyncPolicy struct {
	StatusChangedAt string
	Count           int64
	Index           int
}

// MergeSyncs hands over the caller's incoming sync points.
type MergeSyncs struct{ Points []broker.SyncPoint }

// MergeItems hands over rows of the replica Source, which may be empty.
type MergeItems struct {
	Items  []broker.Item
	Source string
}

// CompleteRsync makes the file named ID, which was sent into the device's tmp
// directory, the database. Name is its file name if it is not the usual one.
type CompleteRsync struct{ ID, Name string }

// RsyncThenMerge is CompleteRsync for a database that exists: both are merged.
type RsyncThenMerge struct{ ID string }

// MergeShardRanges hands over shard ranges of a container.
type MergeShardRanges struct{ Ranges []broker.ShardRange }

// GetShardRanges asks for all shard ranges of a container.
type GetShardRanges struct{}

// Unknown is an operation of a newer Swift.
type Unknown struct{ Op string }

// Parse reads a request body: a JSON list of the operation and its arguments.
// Errors are of kind Invalid. Hash is that of the database the call is about.
func Parse(body []byte, hash string) (Call, error) {
	var list []json.RawMessage
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, invalid("body is not JSON: %w", err)
		}
	} else if !json.Valid(body) {
		return nil, invalid("body is not JSON")
	}
	if len(list) == 0 {
		return nil, invalid("Invalid object type")
	}
	a := arguments{list: list[1:], hash: hash}
	call, err := a.call(list[0])
	if err == nil {
		err = a.err
	}
	if err != nil {
		return nil, err
	}
	return call, nil
}

func invalid(format string, args ...any) error {
	return swift.E("dbrepl.Parse", "", swift.Invalid, fmt.Errorf(format, args...))
}

// arguments reads the arguments by position and keeps the first error.
type arguments struct {
	list []json.RawMessage
	hash string
	op   string
	err  error
}

func (a *arguments) call(op json.RawMessage) (Call, error) {
	if err := json.Unmarshal(op, &a.op); err != nil {
		return nil, invalid("the operation must be text, not %.40q", op)
	}
	switch a.op {
	case "sync":
		return a.sync(), nil
	case "merge_syncs":
		return MergeSyncs{a.points(0)}, nil
	case "merge_items":
		var c MergeItems
		a.into(0, &c.Items)
		c.Source = a.text(1)
		return c, nil
	case "complete_rsync":
		c := CompleteRsync{ID: a.fileName(0)}
		if len(a.list) > 1 {
			c.Name = a.dbName(1)
		}
		return c, nil
	case "rsync_then_merge":
		return RsyncThenMerge{a.fileName(0)}, nil
	case "merge_shard_ranges":
		return MergeShardRanges{a.shardRanges(0)}, nil
	case "get_shard_ranges":
		return GetShardRanges{}, nil
	}
	return Unknown{a.op}, nil
}

func (a *arguments) sync() Sync {
	s := Sync{
		Point: a.number(0), Hash: a.text(1), ID: a.text(2),
		CreatedAt: a.text(3), PutTimestamp: a.text(4), DeleteTimestamp: a.text(5),
	}
	for _, ts := range []string{s.CreatedAt, s.PutTimestamp, s.DeleteTimestamp} {
		if _, err := swift.ParseTimestamp(ts); err != nil && a.err == nil {
			a.err = invalid("sync: %q is not a timestamp", ts)
		}
	}
	if text := a.text(6); text != "" {
		if err := json.Unmarshal([]byte(text), &s.Metadata); err != nil {
			s.Metadata, s.Unreadable = nil, text
		}
	}
	if len(a.list) > 9 {
		s.Policy = &SyncPolicy{StatusChangedAt: a.text(7), Count: a.number(8), Index: int(a.number(9))}
	}
	return s
}

func (a *arguments) fail(i int, want string) {
	if a.err == nil {
		got := "nothing"
		if i < len(a.list) {
			got = strconv.Quote(string(a.list[i][:min(40, len(a.list[i]))]))
		}
		a.err = invalid("%s: argument %d must be %s, not %s", a.op, i+1, want, got)
	}
}

// into decodes an argument; null leaves it alone.
func (a *arguments) into(i int, v any) {
	if i >= len(a.list) {
		a.fail(i, "a list")
	} else if err := json.Unmarshal(a.list[i], v); err != nil && a.err == nil {
		a.err = invalid("%s: argument %d: %w", a.op, i+1, err)
	}
}

// text takes numbers for text too: a timestamp that a migration left in a
// column may have become one. Null is empty.
func (a *arguments) text(i int) string {
	if i >= len(a.list) {
		a.fail(i, "text")
		return ""
	}
	raw := a.list[i]
	var s string
	switch {
	case string(raw) == "null":
	case raw[0] == '"':
		_ = json.Unmarshal(raw, &s) // it was valid as part of the list
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		s = string(raw)
	default:
		a.fail(i, "text")
	}
	return s
}

// number is a whole number, also one written as text or with a fraction of
// zero. Null is 0.
func (a *arguments) number(i int) int64 {
	text := a.text(i)
	if text == "" {
		return 0
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		a.fail(i, "a whole number")
		return 0
	}
	return int64(f)
}

func (a *arguments) points(i int) []broker.SyncPoint {
	var points []broker.SyncPoint
	a.into(i, &points)
	return points
}

// fileName is a name in the device's tmp directory. It comes from the network
// and must not lead anywhere else.
func (a *arguments) fileName(i int) string {
	name := a.text(i)
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		a.fail(i, "the name of a file")
	}
	return name
}

// dbName is the name of a database file: the hash, an epoch or none, ".db".
func (a *arguments) dbName(i int) string {
	name := a.fileName(i)
	base, isDB := strings.CutSuffix(name, ".db")
	epoch, ours := strings.CutPrefix(base, a.hash)
	if !isDB || !ours || epoch != "" && epoch[0] != '_' || strings.Trim(epoch, "_.0123456789") != "" {
		a.fail(i, "the name of a file of this database")
	}
	return name
}

func (a *arguments) shardRanges(i int) []broker.ShardRange {
	if i >= len(a.list) {
		a.fail(i, "a list")
		return nil
	}
	ranges, err := ParseShardRanges(a.list[i])
	if err != nil && a.err == nil {
		a.err = err
	}
	return ranges
}
