package broker

import (
	"context"

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
// timestamp, state and epoch by the state timestamp, then by the state. Own
// ranges of other replicas go through CheckMergeOwnShardRange first.
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
