package broker

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

// mergeShard makes r the range that results from the update r to the range
// old, and reports whether r has anything that old has not. Bounds and the
// deleted flag go by timestamp, usage by meta_timestamp; state and epoch go by
// state_timestamp and on a tie by the larger state.
func mergeShard(r *ShardRange, old *ShardRange) bool {
	switch {
	case old == nil:
		return true
	case old.Timestamp < r.Timestamp:
		r.Reported = 0
		return true
	case old.Timestamp > r.Timestamp:
		return false
	}
	newer := false
	r.Lower, r.Upper, r.Deleted = old.Lower, old.Upper, old.Deleted
	if old.MetaTimestamp >= r.MetaTimestamp {
		r.ObjectCount, r.BytesUsed, r.MetaTimestamp, r.Tombstones = old.ObjectCount, old.BytesUsed, old.MetaTimestamp, old.Tombstones
	} else {
		newer = true
	}
	same := old.ObjectCount == r.ObjectCount && old.BytesUsed == r.BytesUsed && old.Tombstones == r.Tombstones &&
		old.State == r.State && sameEpoch(old.Epoch, r.Epoch)
	if old.Reported != 0 && same {
		r.Reported = 1
	} else if r.Reported != 0 && old.Reported == 0 {
		newer = true
	}
	switch {
	case old.StateTimestamp == r.StateTimestamp && r.State > old.State:
		newer = true
	case old.StateTimestamp >= r.StateTimestamp:
		r.State, r.StateTimestamp, r.Epoch = old.State, old.StateTimestamp, old.Epoch
	default:
		newer = true
	}
	return newer
}

func sameEpoch(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// siftShards folds updates into what is stored: what to store now, in the
// order it first appeared in updates.
func siftShards(updates []ShardRange, old map[string]*ShardRange) []ShardRange {
	var order []string
	add := map[string]*ShardRange{}
	for _, r := range updates {
		if !mergeShard(&r, old[r.Name]) {
			continue
		}
		earlier := add[r.Name]
		if earlier == nil {
			order = append(order, r.Name)
		}
		if mergeShard(&r, earlier) {
			add[r.Name] = &r
		}
	}
	out := make([]ShardRange, len(order))
	for i, name := range order {
		out[i] = *add[name]
	}
	return out
}

// refuseEpochless drops a remote copy of the own range without an epoch when
// own has one: it would undo that the container was sharded.
func refuseEpochless(ranges []ShardRange, own *ShardRange) (kept []ShardRange, ignored []ShardRange) {
	if own == nil || own.Epoch == nil {
		return ranges, nil
	}
	for _, r := range ranges {
		if r.Name != own.Name || r.Epoch != nil && *r.Epoch != "" {
			kept = append(kept, r)
			continue
		}
		merged := r
		if mergeShard(&merged, own) && merged.Epoch == nil {
			ignored = append(ignored, r)
		}
	}
	return kept, ignored
}

// sortShards is upstream's order.
func sortShards(ranges []ShardRange) {
	slices.SortFunc(ranges, func(a, b ShardRange) int {
		return cmp.Or(compareUpper(a.Upper, b.Upper), cmp.Compare(a.State, b.State),
			strings.Compare(a.Lower, b.Lower), strings.Compare(a.Name, b.Name))
	})
}

// compareUpper orders upper bounds; none is after all.
func compareUpper(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return strings.Compare(a, b)
}

// filler is the part of own after the last of ranges, up to endMarker; nil if
// nothing is left.
func filler(ranges []ShardRange, own ShardRange, marker, endMarker string) *ShardRange {
	last := max(marker, own.Lower)
	if n := len(ranges); n > 0 {
		if last = ranges[n-1].Upper; last == "" {
			return nil
		}
	}
	upper := own.Upper
	if endMarker != "" && compareUpper(endMarker, upper) < 0 {
		upper = endMarker
	}
	if upper != "" && upper <= last { // last begins the rest: "" is before every name
		return nil
	}
	own.Lower, own.Upper = last, upper
	return &own
}

const shardColumns = `name, timestamp, lower, upper, object_count, bytes_used, meta_timestamp, deleted, state,
	state_timestamp, epoch`

// shardSelect is the beginning of a query for shard ranges, "" if there is no
// table. Columns that an older Swift did not have get their defaults.
func (t *tx) shardSelect() (string, error) {
	if ok, err := t.prepares(shardProbe); ok || err != nil {
		return "SELECT " + shardColumns + ", reported, tombstones FROM shard_range", err
	}
	have, err := t.columns("shard_range")
	if err != nil || len(have) == 0 {
		return "", err
	}
	sql := "SELECT " + shardColumns
	for _, c := range []struct{ name, missing string }{{"reported", "0"}, {"tombstones", "-1"}} {
		if have[c.name] {
			sql += ", " + c.name
		} else {
			sql += ", " + c.missing
		}
	}
	return sql + " FROM shard_range", nil
}

func readShard(s *sqlite3.Stmt) ShardRange {
	r := ShardRange{
		Name: s.ColumnText(0), Timestamp: s.ColumnText(1), Lower: s.ColumnText(2), Upper: s.ColumnText(3),
		ObjectCount: s.ColumnInt64(4), BytesUsed: s.ColumnInt64(5), MetaTimestamp: s.ColumnText(6),
		Deleted: s.ColumnInt(7), State: s.ColumnInt(8), StateTimestamp: s.ColumnText(9),
		Epoch: textColumn(s, 10), Reported: s.ColumnInt(11), Tombstones: s.ColumnInt64(12),
	}
	if r.MetaTimestamp == "" {
		r.MetaTimestamp = r.Timestamp
	}
	if r.StateTimestamp == "" {
		r.StateTimestamp = r.Timestamp
	}
	return r
}

// shards runs a query for shard ranges with conditions joined by AND.
func (t *tx) shards(conditions []string, args []any) ([]ShardRange, error) {
	sql, err := t.shardSelect()
	if err != nil || sql == "" {
		return nil, err
	}
	if len(conditions) > 0 {
		sql += " WHERE " + strings.Join(conditions, " AND ")
	}
	var out []ShardRange
	err = t.query(sql, args, func(s *sqlite3.Stmt) (bool, error) {
		out = append(out, readShard(s))
		return true, nil
	})
	return out, err
}

func (t *tx) storeShards(ranges []ShardRange) error {
	for i := range ranges {
		r := &ranges[i]
		if err := t.exec("DELETE FROM shard_range WHERE deleted IN (0, 1) AND name = ?", r.Name); err != nil {
			return err
		}
		if err := t.exec("INSERT INTO shard_range ("+shardColumns+`, reported, tombstones)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, r.Name, r.Timestamp, r.Lower, r.Upper, r.ObjectCount, r.BytesUsed,
			r.MetaTimestamp, r.Deleted, r.State, r.StateTimestamp, orNull(r.Epoch), r.Reported, r.Tombstones); err != nil {
			return err
		}
	}
	return nil
}

// defaultOwn is the own range of a container that was never sharded.
func (t *tx) defaultOwn(name string) *ShardRange {
	now := swift.TimestampOf(t.d.pool.host.Clock.Now()).Normal()
	return &ShardRange{
		Name: name, Timestamp: now, MetaTimestamp: now, StateTimestamp: now, State: ShardActive, Tombstones: -1,
	}
}
