package broker

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

// States of a shard range.
const (
	ShardFound     = 10
	ShardCreated   = 20
	ShardCleaved   = 30
	ShardActive    = 40
	ShardShrinking = 50
	ShardSharding  = 60
	ShardSharded   = 70
	ShardShrunk    = 80
)

// DBState says which database files a container has.
type DBState string

// States of a container.
const (
	DBNotFound  DBState = "not_found"
	DBUnsharded DBState = "unsharded"
	DBSharding  DBState = "sharding"
	DBSharded   DBState = "sharded"
	DBCollapsed DBState = "collapsed"
)

// ShardRange is one row of the table of shard ranges, which is also the JSON
// object that replicas send. Lower is not part of the range, Upper is; an
// empty Upper is no bound. The four timestamps are texts as in the columns.
type ShardRange struct {
	Name           string  `json:"name"` // account/container
	Timestamp      string  `json:"timestamp"`
	Lower          string  `json:"lower"`
	Upper          string  `json:"upper"`
	ObjectCount    int64   `json:"object_count"`
	BytesUsed      int64   `json:"bytes_used"`
	MetaTimestamp  string  `json:"meta_timestamp"`
	Deleted        int     `json:"deleted"` // 0 or 1
	State          int     `json:"state"`
	StateTimestamp string  `json:"state_timestamp"`
	Epoch          *string `json:"epoch"`
	Reported       int     `json:"reported"`   // 0 or 1
	Tombstones     int64   `json:"tombstones"` // -1: unknown
}

// ShardFilter chooses shard ranges. The zero value is all but the own one and
// the deleted ones.
type ShardFilter struct {
	Marker, EndMarker string // ranges that reach past Marker and begin before EndMarker
	None              bool   // no stored range; FillGaps counts all the same
	Includes          string // only the range that holds this name; the markers and FillGaps do not count then
	Reverse           bool   // exchanges the markers too
	IncludeDeleted    bool
	States            []int // nil: any
	IncludeOwn        bool
	ExcludeOthers     bool
	FillGaps          bool // add the own range for what of the end is not covered
}

// ShardRanges lists shard ranges by upper bound, state, lower bound and name.
func (c *Container) ShardRanges(ctx context.Context, f ShardFilter) ([]ShardRange, error) {
	var out []ShardRange
	err := c.View(ctx, func(x *ContainerTx) (err error) { out, err = x.ShardRanges(f); return err })
	return out, err
}

// AllShardRanges lists the own range and deleted ones too, for replication.
func (c *Container) AllShardRanges(ctx context.Context) ([]ShardRange, error) {
	return c.ShardRanges(ctx, ShardFilter{IncludeDeleted: true, IncludeOwn: true})
}

// MergeShardRanges merges ranges: bounds by their timestamp, usage by the meta
// timestamp, state and epoch by the state timestamp, then by the state. For
// those of other replicas there is MergeRemoteShardRanges.
func (c *Container) MergeShardRanges(ctx context.Context, ranges []ShardRange) error {
	return c.Update(ctx, func(x *ContainerTx) error { return x.MergeShardRanges(ranges) })
}

// MergeRemoteShardRanges is MergeShardRanges for ranges that another replica
// sent: its own range must not take the epoch away from this one's.
func (c *Container) MergeRemoteShardRanges(ctx context.Context, ranges []ShardRange, source string) error {
	return c.Update(ctx, func(x *ContainerTx) error { return x.mergeRemoteShardRanges(ranges, source) })
}

// OwnShardRange is the range the container itself stands for. If none is
// stored it is nil with noDefault, else an active one without bounds.
func (c *Container) OwnShardRange(ctx context.Context, noDefault bool) (*ShardRange, error) {
	var own *ShardRange
	err := c.View(ctx, func(x *ContainerTx) (err error) { own, err = x.OwnShardRange(noDefault); return err })
	return own, err
}

// ShardingInitiated reports whether the container has begun to be split or
// shrunk.
func (c *Container) ShardingInitiated(ctx context.Context) (bool, error) {
	var yes bool
	err := c.View(ctx, func(x *ContainerTx) (err error) { yes, err = x.ShardingInitiated(); return err })
	return yes, err
}

// DBState tells it from the files present and the own shard range.
func (c *Container) DBState(ctx context.Context) (DBState, error) {
	state := DBNotFound
	err := c.View(ctx, func(x *ContainerTx) (err error) { state, err = x.DBState(); return err })
	if swift.Is(err, swift.NotFound) {
		return DBNotFound, nil
	}
	return state, err
}

// ShardRanges lists shard ranges by upper bound, state, lower bound and name.
func (x *ContainerTx) ShardRanges(f ShardFilter) ([]ShardRange, error) {
	if f.Reverse {
		f.Marker, f.EndMarker = f.EndMarker, f.Marker
	}
	if f.ExcludeOthers && !f.IncludeOwn || f.Marker != "" && f.EndMarker != "" && f.Marker >= f.EndMarker {
		return nil, nil
	}
	own, err := x.path()
	if err != nil {
		return nil, err
	}
	ranges, err := x.t.shards(f.conditions(own))
	if err != nil {
		return nil, err
	}
	sortShards(ranges)
	if f.Includes != "" {
		return ranges[:min(1, len(ranges))], nil
	}
	if f.FillGaps {
		own, err := x.OwnShardRange(false)
		if err != nil {
			return nil, err
		}
		if r := filler(ranges, *own, f.Marker, f.EndMarker); r != nil {
			ranges = append(ranges, *r)
		}
	}
	if f.Reverse {
		slices.Reverse(ranges)
	}
	return ranges, nil
}

func (f *ShardFilter) conditions(own string) (conditions []string, args []any) {
	add := func(c string, a ...any) { conditions, args = append(conditions, c), append(args, a...) }
	if f.None {
		add("0")
	}
	if !f.IncludeDeleted {
		add("deleted = 0")
	}
	if len(f.States) > 0 {
		add("state IN (?" + strings.Repeat(", ?", len(f.States)-1) + ")")
		for _, s := range f.States {
			args = append(args, s)
		}
	}
	if !f.IncludeOwn {
		add("name <> ?", own)
	}
	if f.ExcludeOthers {
		add("name = ?", own)
	}
	switch {
	case f.Includes != "":
		add("lower < ?", f.Includes)
		add("(upper = '' OR upper >= ?)", f.Includes)
	default:
		if f.EndMarker != "" {
			add("lower < ?", f.EndMarker)
		}
		if f.Marker != "" {
			add("(upper = '' OR upper > ?)", f.Marker)
		}
	}
	return conditions, args
}

// path is account/container, the name of the own shard range.
func (x *ContainerTx) path() (string, error) {
	var name string
	found, err := x.t.row("SELECT account, container FROM container_stat", nil,
		func(s *sqlite3.Stmt) { name = s.ColumnText(0) + "/" + s.ColumnText(1) })
	if err == nil && !found {
		err = errMissingRow
	}
	return name, err
}

// MergeShardRanges merges ranges, see [Container.MergeShardRanges].
func (x *ContainerTx) MergeShardRanges(ranges []ShardRange) error {
	if len(ranges) == 0 {
		return nil
	}
	if err := x.t.migrateShards(); err != nil {
		return err
	}
	old := map[string]*ShardRange{}
	for i := range ranges {
		name := ranges[i].Name
		if _, known := old[name]; known {
			continue
		}
		rows, err := x.t.shards([]string{"deleted IN (0, 1)", "name = ?"}, []any{name})
		if err != nil {
			return err
		}
		old[name] = nil
		if len(rows) > 0 {
			old[name] = &rows[len(rows)-1]
		}
	}
	return x.t.storeShards(siftShards(ranges, old))
}

func (x *ContainerTx) mergeRemoteShardRanges(ranges []ShardRange, source string) error {
	own, err := x.OwnShardRange(true)
	if err != nil {
		return err
	}
	ranges, ignored := refuseEpochless(ranges, own)
	for _, r := range ignored {
		x.t.d.pool.host.Log.Warn("Ignoring remote own shard range without epoch", "file", x.t.d.file,
			"source", source, "state", r.State, "timestamp", r.Timestamp)
	}
	return x.MergeShardRanges(ranges)
}

// OwnShardRange is the range the container itself stands for. If none is
// stored it is nil with noDefault, else an active one without bounds.
func (x *ContainerTx) OwnShardRange(noDefault bool) (*ShardRange, error) {
	name, err := x.path()
	if err != nil {
		return nil, err
	}
	rows, err := x.t.shards([]string{"name = ?"}, []any{name})
	switch {
	case err != nil:
		return nil, err
	case len(rows) > 0:
		return &rows[0], nil
	case noDefault:
		return nil, nil
	}
	return x.t.defaultOwn(name), nil
}

// hasOtherShards reports whether there is a range that is neither the own one
// nor deleted.
func (x *ContainerTx) hasOtherShards() (bool, error) {
	ranges, err := x.ShardRanges(ShardFilter{})
	return len(ranges) > 0, err
}

// ShardingInitiated reports whether the container has begun to be split or
// shrunk.
func (x *ContainerTx) ShardingInitiated() (bool, error) {
	own, err := x.OwnShardRange(true)
	if err != nil || own == nil || own.State < ShardShrinking {
		return false, err
	}
	return x.hasOtherShards()
}

// DBState tells it from the files present and the own shard range.
func (x *ContainerTx) DBState() (DBState, error) {
	if len(x.t.d.present) > 1 {
		return DBSharding, nil
	}
	_, epoch, _ := splitFile(x.t.d.current)
	if epoch == "" {
		return DBUnsharded, nil
	}
	own, err := x.OwnShardRange(true)
	if err != nil {
		return "", err
	}
	if own == nil || own.Epoch == nil || stamp(*own.Epoch) != stamp(epoch) {
		return DBUnsharded, nil
	}
	others, err := x.hasOtherShards()
	if err != nil || others {
		return DBSharded, err
	}
	return DBCollapsed, nil
}

// stats are the counts that stand for those of this file: of the file being
// retired while the container is being sharded, of the shards after that. Nil
// if the file's own count.
func (x *ContainerTx) stats() (DBState, *ObjectStat, error) {
	state, err := x.DBState()
	if err != nil {
		return "", nil, err
	}
	switch state {
	case DBSharding:
		stats, err := x.retiringStats()
		return state, stats, err
	case DBSharded:
		if root, err := x.IsRoot(); err != nil || !root {
			return state, nil, err
		}
		stats, err := x.ShardUsage()
		return state, stats, err
	}
	return state, nil, nil
}

// retiringStats reads the file before the newest.
func (x *ContainerTx) retiringStats() (*ObjectStat, error) {
	d := x.t.d
	old := d.aside(d.present[len(d.present)-2])
	defer old.drop()
	stat := &ObjectStat{}
	err := old.transact(context.Background(), false, func(t *tx) error {
		_, err := t.row("SELECT storage_policy_index, object_count, bytes_used FROM container_stat", nil,
			func(s *sqlite3.Stmt) { *stat = ObjectStat{s.ColumnInt(0), s.ColumnInt64(1), s.ColumnInt64(2)} })
		return err
	})
	return stat, err
}

// ShardUsage adds up the shards that count: active, sharding or shrinking.
func (x *ContainerTx) ShardUsage() (*ObjectStat, error) {
	ranges, err := x.ShardRanges(ShardFilter{States: []int{ShardActive, ShardSharding, ShardShrinking}})
	sum := &ObjectStat{}
	for _, r := range ranges {
		sum.ObjectCount += r.ObjectCount
		sum.BytesUsed += r.BytesUsed
	}
	return sum, err
}

// shardSysmeta begins the stored headers of the sharder.
const shardSysmeta = "X-Container-Sysmeta-Shard-"

// ShardingSysmeta reads what the sharder stored, by name without the prefix.
func (x *ContainerTx) ShardingSysmeta() (map[string]MetaValue, error) {
	m, err := x.t.metadata()
	out := map[string]MetaValue{}
	for k, v := range m {
		if name, ok := strings.CutPrefix(k, shardSysmeta); ok {
			out[name] = v
		}
	}
	return out, err
}

// RootPath is account/container of the container that this one is a shard
// of, "" if nothing is stored about that.
func (x *ContainerTx) RootPath() (string, error) {
	m, err := x.ShardingSysmeta()
	if err != nil {
		return "", err
	}
	if quoted := m["Quoted-Root"].Value; quoted != "" {
		root, err := url.PathUnescape(quoted)
		if err != nil {
			root = quoted
		}
		return root, nil
	}
	return m["Root"].Value, nil
}

// IsRoot reports whether the container is not a shard of another.
func (x *ContainerTx) IsRoot() (bool, error) {
	root, err := x.RootPath()
	if err != nil {
		return false, err
	}
	if root != "" {
		own, err := x.path()
		return own == root, err
	}
	// A shard that was deleted by an older Swift lost its headers, but its
	// own range is marked deleted.
	own, err := x.OwnShardRange(true)
	return own == nil || own.Deleted == 0, err
}
