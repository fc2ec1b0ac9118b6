package broker

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

// ReplicationInfo is what replicas tell each other about a database, as
// upstream's JSON object. Timestamps are the texts of the columns: replicas
// compare texts.
type ReplicationInfo struct {
	Account         string `json:"account"`
	CreatedAt       string `json:"created_at"`
	PutTimestamp    string `json:"put_timestamp"`
	DeleteTimestamp string `json:"delete_timestamp"`
	StatusChangedAt string `json:"status_changed_at"`
	Count           int64  `json:"count"` // of containers or objects
	BytesUsed       int64  `json:"bytes_used"`
	Hash            string `json:"hash"`
	ID              string `json:"id"`
	Metadata        string `json:"metadata"` // JSON text
	MaxRow          int64  `json:"max_row"`  // the largest ROWID ever used, -1 if none
	// Point is added by whoever answers a sync request.
	Point *int64 `json:"point,omitempty"`
	*AccountReplication
	*ContainerReplication
}

// AccountReplication is the part that only accounts have.
type AccountReplication struct {
	ObjectCount int64 `json:"object_count"`
}

// ContainerReplication is the part that only containers have.
type ContainerReplication struct {
	Container               string  `json:"container"`
	Status                  string  `json:"status"`
	ReportedPutTimestamp    string  `json:"reported_put_timestamp"`
	ReportedDeleteTimestamp string  `json:"reported_delete_timestamp"`
	ReportedObjectCount     int64   `json:"reported_object_count"`
	ReportedBytesUsed       int64   `json:"reported_bytes_used"`
	SyncPoint1              int64   `json:"x_container_sync_point1"`
	SyncPoint2              int64   `json:"x_container_sync_point2"`
	Policy                  int     `json:"storage_policy_index"`
	DBState                 DBState `json:"db_state"`
	ShardMaxRow             int64   `json:"shard_max_row"`
}

// ReplicationInfo reads it, everything acknowledged included.
func (b *Database) ReplicationInfo(ctx context.Context) (*ReplicationInfo, error) {
	var i *ReplicationInfo
	err := b.view(ctx, "ReplicationInfo", func(t *tx) (err error) { i, err = t.replicationInfo(); return err })
	return i, err
}

func (t *tx) replicationInfo() (*ReplicationInfo, error) {
	i := &ReplicationInfo{}
	columns, found, err := t.statRow(i)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, errMissingRow
	}
	i.MaxRow, err = t.maxRow(t.d.kind.rows)
	if err != nil || columns == nil {
		return i, err
	}
	x := &ContainerTx{t}
	state, stats, err := x.stats()
	if err != nil {
		return nil, err
	}
	if stats != nil {
		i.Count, i.BytesUsed = stats.ObjectCount, stats.BytesUsed
	}
	columns.DBState = state
	columns.ShardMaxRow, err = t.maxRow("shard_range")
	return i, err
}

// statRow reads the row about the database into i.
func (t *tx) statRow(i *ReplicationInfo) (c *ContainerReplication, found bool, err error) {
	sql := `SELECT account, created_at, put_timestamp, delete_timestamp, status_changed_at, bytes_used, hash, id, metadata,
		container_count, object_count FROM account_stat`
	if t.d.kind == containers {
		c = &ContainerReplication{}
		i.ContainerReplication = c
		sql = `SELECT account, created_at, put_timestamp, delete_timestamp, status_changed_at, bytes_used, hash, id, metadata,
			object_count, container, status, reported_put_timestamp, reported_delete_timestamp, reported_object_count,
			reported_bytes_used, x_container_sync_point1, x_container_sync_point2, storage_policy_index FROM container_stat`
	}
	found, err = t.row(sql, nil, func(s *sqlite3.Stmt) {
		i.Account, i.CreatedAt, i.PutTimestamp, i.DeleteTimestamp = s.ColumnText(0), s.ColumnText(1), s.ColumnText(2), s.ColumnText(3)
		i.StatusChangedAt, i.BytesUsed, i.Hash, i.ID = s.ColumnText(4), s.ColumnInt64(5), s.ColumnText(6), s.ColumnText(7)
		i.Metadata, i.Count = s.ColumnText(8), s.ColumnInt64(9)
		if c == nil {
			i.AccountReplication = &AccountReplication{s.ColumnInt64(10)}
			return
		}
		c.Container, c.Status = s.ColumnText(10), s.ColumnText(11)
		c.ReportedPutTimestamp, c.ReportedDeleteTimestamp = s.ColumnText(12), s.ColumnText(13)
		c.ReportedObjectCount, c.ReportedBytesUsed = s.ColumnInt64(14), s.ColumnInt64(15)
		c.SyncPoint1, c.SyncPoint2, c.Policy = s.ColumnInt64(16), s.ColumnInt64(17), s.ColumnInt(18)
	})
	return c, found, err
}

// maxRow is the largest ROWID that was ever used in a table, -1 if none.
func (t *tx) maxRow(table string) (int64, error) {
	most := int64(-1)
	_, err := t.row("SELECT seq FROM sqlite_sequence WHERE name = ?", []any{table},
		func(s *sqlite3.Stmt) { most = s.ColumnInt64(0) })
	return most, err
}

// ItemsSince reads up to count rows, removed ones too, after the ROWID start,
// in order of ROWID.
func (b *Database) ItemsSince(ctx context.Context, start int64, count int) ([]Item, error) {
	var items []Item
	err := b.view(ctx, "ItemsSince", func(t *tx) (err error) { items, err = t.itemsSince(start, count); return err })
	return items, err
}

// MergeItems merges rows of another replica in one transaction. With a source
// the sync point for it moves on to the largest ROWID of items.
func (b *Database) MergeItems(ctx context.Context, items []Item, source string) error {
	return b.update(ctx, "MergeItems", func(t *tx) error { return t.mergeItems(items, source) })
}

// Reclaimed is what Reclaim did.
type Reclaimed struct {
	Rows      int64 // tombstones removed
	Remaining int64 // tombstones that are too young
}

// Reclaim removes the rows of what was deleted before age, the removed
// headers from before age, and the sync points not moved since syncAge. It
// works in transactions of 10,000 tombstones.
func (b *Database) Reclaim(ctx context.Context, age, syncAge swift.Timestamp) (Reclaimed, error) {
	var r Reclaimed
	err := b.with("Reclaim", func(d *db) (err error) { r, err = d.reclaim(ctx, age, syncAge); return err })
	return r, err
}

// RemoveIfReclaimed removes the database, with its directory and what of the
// directories above is empty then, if it is Reclaimable and, for a container,
// the account was told of its last state.
func (b *Database) RemoveIfReclaimed(ctx context.Context, now time.Time, reclaimAge time.Duration) (bool, error) {
	removed := false
	err := b.with("RemoveIfReclaimed", func(d *db) (err error) {
		removed, err = d.removeIfReclaimed(ctx, swift.TimestampOf(now.Add(-reclaimAge)))
		return err
	})
	return removed, err
}

// Remove removes the database whatever is in it, for a replica that was moved
// elsewhere.
func (b *Database) Remove(ctx context.Context) error {
	return b.with("Remove", func(d *db) error { return d.removeLocking(ctx) })
}

// Replace makes the file tmp, a database received whole from the replica
// remoteID, this database; kind Conflict if it exists, NotFound if tmp does
// not. name is the base name of the file if it is not that of File: a sharded
// container has an epoch in it. tmp lies on the same device.
func (b *Database) Replace(ctx context.Context, tmp, remoteID, name string) error {
	return b.with("Replace", func(d *db) error { return d.replace(ctx, tmp, remoteID, name) })
}

// MergeFrom merges this database into the file tmp, one received whole from
// the replica remoteID, and puts that in its place. Rows, sync points, shard
// ranges and metadata are those of both, the newer ones winning. Kind NotFound
// if either is absent, Conflict if the container has begun to shard.
func (b *Database) MergeFrom(ctx context.Context, tmp, remoteID string) error {
	return b.with("MergeFrom", func(d *db) error { return d.mergeFrom(ctx, tmp, remoteID) })
}
