package broker

import (
	"context"
	"errors"

	"apus/impl/swift"
)

var errUnfinished = errors.New("not written")

func isDamage(err error) bool                                            { return isCorrupt(err) }
func baseFile(file string) string                                        { return file }
func (b *Database) dbFiles() ([]string, error)                           { return nil, errUnfinished }
func (t *tx) deleted() (bool, error)                                     { return false, errUnfinished }
func (t *tx) mergeMetadata(updates Metadata, limits *swift.Limits) error { return errUnfinished }
func (t *tx) reclaimable(before swift.Timestamp) (bool, error)           { return false, errUnfinished }
func (t *tx) replicationInfo() (*ReplicationInfo, error)                 { return nil, errUnfinished }
func (t *tx) itemsSince(start int64, count int) ([]Item, error)          { return nil, errUnfinished }
func (t *tx) mergeItems(items []Item, source string) error               { return errUnfinished }
func (d *db) reclaim(ctx context.Context, age, sync swift.Timestamp) (Reclaimed, error) {
	return Reclaimed{}, errUnfinished
}
func (d *db) removeIfReclaimed(ctx context.Context, before swift.Timestamp) (bool, error) {
	return false, errUnfinished
}
func (d *db) removeLocking(ctx context.Context) error                     { return errUnfinished }
func (d *db) replace(ctx context.Context, tmp, remote, name string) error { return errUnfinished }
func (d *db) mergeFrom(ctx context.Context, tmp, remote string) error     { return errUnfinished }

// MarshalJSON writes the row.
func (i Item) MarshalJSON() ([]byte, error) { return nil, errUnfinished }

// UnmarshalJSON reads a row.
func (i *Item) UnmarshalJSON([]byte) error { return errUnfinished }

// ShardRanges lists shard ranges.
func (x *ContainerTx) ShardRanges(f ShardFilter) ([]ShardRange, error) { return nil, errUnfinished }

// MergeShardRanges merges shard ranges.
func (x *ContainerTx) MergeShardRanges(r []ShardRange) error { return errUnfinished }
func (x *ContainerTx) mergeRemoteShardRanges(r []ShardRange, source string) error {
	return errUnfinished
}

// OwnShardRange is the own range.
func (x *ContainerTx) OwnShardRange(noDefault bool) (*ShardRange, error) { return nil, errUnfinished }

// ShardingInitiated reports it.
func (x *ContainerTx) ShardingInitiated() (bool, error) { return false, errUnfinished }

// DBState tells it.
func (x *ContainerTx) DBState() (DBState, error) { return "", errUnfinished }

// PolicyStats lists them.
func (x *ContainerTx) PolicyStats() ([]ObjectStat, error) { return nil, errUnfinished }
func (x *ContainerTx) misplacedSince(start int64, count int) ([]MisplacedObject, error) {
	return nil, errUnfinished
}
func (x *ContainerTx) reconcilerSync() (int64, error) { return 0, errUnfinished }

// ShardingSysmeta reads what the sharder stored, without the prefix.
func (x *ContainerTx) ShardingSysmeta() (map[string]string, error) { return nil, errUnfinished }
