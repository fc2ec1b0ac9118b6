package dbrepl

import (
	"bytes"
	"encoding/json"
	"strings"

	"apus/impl/broker"
	"apus/impl/swift"
)

// shardJSON is a shard range on the wire. Pointers tell what is missing.
type shardJSON struct {
	Name           *string `json:"name"`
	Timestamp      *string `json:"timestamp"`
	Lower          *string `json:"lower"`
	Upper          *string `json:"upper"`
	ObjectCount    *int64  `json:"object_count"`
	BytesUsed      *int64  `json:"bytes_used"`
	MetaTimestamp  *string `json:"meta_timestamp"`
	Deleted        truth   `json:"deleted"`
	State          *int    `json:"state"`
	StateTimestamp *string `json:"state_timestamp"`
	Epoch          *string `json:"epoch"`
	Reported       truth   `json:"reported"`
	Tombstones     *int64  `json:"tombstones"`
}

// truth is 0, 1, a boolean or null.
type truth bool

// UnmarshalJSON reads one.
func (t *truth) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "0", "false", "null":
		*t = false
	case "1", "true":
		*t = true
	default:
		return invalid("%.20q is neither 0 nor 1", b)
	}
	return nil
}

func (t truth) number() int {
	if t {
		return 1
	}
	return 0
}

// ParseShardRanges reads a JSON list of shard ranges, checks them and fills in
// what may be missing. Errors are of kind Invalid.
func ParseShardRanges(text []byte) ([]broker.ShardRange, error) {
	var list []shardJSON
	if string(bytes.TrimSpace(text)) == "{}" {
		return nil, nil // upstream takes an empty object for an empty list
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, invalid("shard ranges: %w", err)
	}
	out := make([]broker.ShardRange, len(list))
	for i := range list {
		if err := list[i].into(&out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *shardJSON) into(r *broker.ShardRange) error {
	if s.Name == nil || s.Timestamp == nil || s.Lower == nil || s.Upper == nil || s.ObjectCount == nil || s.BytesUsed == nil {
		return invalid("a shard range lacks one of name, timestamp, lower, upper, object_count and bytes_used")
	}
	account, container, ok := strings.Cut(*s.Name, "/")
	if !ok || account == "" || container == "" || strings.Contains(container, "/") {
		return invalid("Name must be of the form '<account>/<container>', got %q", *s.Name)
	}
	*r = broker.ShardRange{
		Name: *s.Name, Timestamp: *s.Timestamp, Lower: *s.Lower, Upper: *s.Upper,
		ObjectCount: *s.ObjectCount, BytesUsed: *s.BytesUsed, MetaTimestamp: *s.Timestamp, StateTimestamp: *s.Timestamp,
		Deleted: s.Deleted.number(), State: broker.ShardFound, Reported: s.Reported.number(), Tombstones: -1,
	}
	if r.ObjectCount < 0 || r.BytesUsed < 0 {
		return invalid("shard range %q: object_count and bytes_used cannot be < 0", r.Name)
	}
	if r.Upper != "" && r.Lower > r.Upper {
		return invalid("shard range %q: lower bound %q is above the upper bound %q", r.Name, r.Lower, r.Upper)
	}
	if s.Tombstones != nil {
		r.Tombstones = *s.Tombstones
	}
	if s.State != nil {
		r.State = *s.State
	}
	if r.State%10 != 0 || r.State < broker.ShardFound || r.State > broker.ShardShrunk {
		return invalid("Invalid state %d", r.State)
	}
	return s.times(r)
}

// times normalises the timestamps, which never have an offset.
func (s *shardJSON) times(r *broker.ShardRange) error {
	if s.MetaTimestamp != nil {
		r.MetaTimestamp = *s.MetaTimestamp
	}
	if s.StateTimestamp != nil {
		r.StateTimestamp = *s.StateTimestamp
	}
	if s.Epoch != nil {
		epoch := *s.Epoch
		r.Epoch = &epoch
	}
	for _, text := range []*string{&r.Timestamp, &r.MetaTimestamp, &r.StateTimestamp, r.Epoch} {
		if text == nil {
			continue
		}
		t, err := swift.ParseTimestamp(*text)
		if err != nil || t.Offset() != 0 {
			return invalid("shard range %q: %q is not a timestamp without offset", r.Name, *text)
		}
		*text = t.Normal()
	}
	return nil
}
