package broker

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

var containers = &kind{name: "container", datadir: ContainersDir, stat: "container_stat", rows: "object", reclaim: "created_at", parse: parseObject, merge: mergeObjects}

// Container names a container database, which may or may not exist. Its
// methods fail with kind NotFound if it does not.
type Container struct {
	Database
	account, container string
}

// Container is the database of a container on a device.
func (p *Pool) Container(device, partition, account, container string) *Container {
	h := p.hasher.Hash(swift.Path{Account: account, Container: container})
	return &Container{Database{p, containers, dbPath(p.cfg.Devices, device, ContainersDir, partition, h)}, account, container}
}

// ContainerFile is the container database that a file which a daemon or a
// tool found belongs to. It is never created.
func (p *Pool) ContainerFile(file string) *Container {
	return &Container{Database: Database{p, containers, baseFile(file)}}
}

// ContainerInit is what a new container starts with.
type ContainerInit struct {
	PutTimestamp swift.Timestamp
	Policy       int
	Metadata     Metadata
	Limits       swift.Limits
}

// Create makes the database; kind Conflict if it exists.
func (c *Container) Create(ctx context.Context, init ContainerInit) error {
	return c.with("Create", func(d *db) error {
		return d.create(ctx, containerSchema, func(t *tx) error {
			now := swift.TimestampOf(d.pool.host.Clock.Now())
			if err := t.exec("INSERT INTO policy_stat (storage_policy_index) VALUES (?)", init.Policy); err != nil {
				return err
			}
			if err := t.exec(`INSERT INTO container_info
				(account, container, created_at, id, put_timestamp, status_changed_at, storage_policy_index)
				VALUES (?, ?, ?, ?, ?, ?, ?)`, c.account, c.container, now, d.newID(),
				init.PutTimestamp, init.PutTimestamp, init.Policy); err != nil {
				return err
			}
			return t.updateMetadata(init.Metadata, init.Limits)
		})
	})
}

// PutObject makes one row update durable. It shows in what is read next.
func (c *Container) PutObject(ctx context.Context, o Object) error {
	return c.with("PutObject", func(d *db) error { return d.put(ctx, &o) })
}

// View shows fn one state of the database, with every row update merged that
// was acknowledged before.
func (c *Container) View(ctx context.Context, fn func(*ContainerTx) error) error {
	return c.with("View", func(d *db) error {
		return d.view(ctx, func(t *tx) error { return fn(&ContainerTx{t}) })
	})
}

// Update is View for changing: if fn returns nil, all that it did is durable,
// else nothing was done.
func (c *Container) Update(ctx context.Context, fn func(*ContainerTx) error) error {
	return c.with("Update", func(d *db) error {
		return d.update(ctx, func(t *tx) error { return fn(&ContainerTx{t}) })
	})
}

// ContainerInfo is what a container knows about itself. Counts are those of
// its policy.
type ContainerInfo struct {
	Account, Container                         string
	CreatedAt                                  swift.Timestamp
	PutTimestamp, DeleteTimestamp              swift.Timestamp
	Status                                     string
	StatusChangedAt                            swift.Timestamp
	ObjectCount, BytesUsed                     int64
	ReportedPutTimestamp, ReportedDelTimestamp swift.Timestamp
	ReportedObjectCount, ReportedBytesUsed     int64
	Hash, ID                                   string
	Policy                                     int
	SyncPoint1, SyncPoint2                     int64 // of container sync, -1 at first
	DBState                                    DBState
}

// Deleted reports whether the container counts as absent: removed later than
// put, and empty.
func (i *ContainerInfo) Deleted() bool {
	return i.ObjectCount == 0 && i.DeleteTimestamp.After(i.PutTimestamp)
}

// Stale reports whether the account has not been told of this state yet.
func (i *ContainerInfo) Stale() bool {
	return i.PutTimestamp.After(i.ReportedPutTimestamp) || i.DeleteTimestamp.After(i.ReportedDelTimestamp) ||
		i.ObjectCount != i.ReportedObjectCount || i.BytesUsed != i.ReportedBytesUsed
}

// ContainerTx is an open transaction. Do not keep it.
type ContainerTx struct{ t *tx }

// Info reads the row about the container. Counts are those of its policy, or
// those of its shards if it has any.
func (x *ContainerTx) Info() (*ContainerInfo, error) {
	i := &ContainerInfo{}
	found, err := x.t.row(`SELECT account, container, created_at, put_timestamp, delete_timestamp, status,
		status_changed_at, object_count, bytes_used, reported_put_timestamp, reported_delete_timestamp,
		reported_object_count, reported_bytes_used, hash, id, storage_policy_index,
		x_container_sync_point1, x_container_sync_point2 FROM container_stat`, nil, func(s *sqlite3.Stmt) {
		i.Account, i.Container, i.CreatedAt = s.ColumnText(0), s.ColumnText(1), stamp(s.ColumnText(2))
		i.PutTimestamp, i.DeleteTimestamp = stamp(s.ColumnText(3)), stamp(s.ColumnText(4))
		i.Status, i.StatusChangedAt = s.ColumnText(5), stamp(s.ColumnText(6))
		i.ObjectCount, i.BytesUsed = s.ColumnInt64(7), s.ColumnInt64(8)
		i.ReportedPutTimestamp, i.ReportedDelTimestamp = stamp(s.ColumnText(9)), stamp(s.ColumnText(10))
		i.ReportedObjectCount, i.ReportedBytesUsed = s.ColumnInt64(11), s.ColumnInt64(12)
		i.Hash, i.ID, i.Policy = s.ColumnText(13), s.ColumnText(14), s.ColumnInt(15)
		i.SyncPoint1, i.SyncPoint2 = s.ColumnInt64(16), s.ColumnInt64(17)
	})
	if err == nil && !found {
		err = errMissingRow
	}
	if err != nil {
		return nil, err
	}
	var stats *ObjectStat
	if i.DBState, stats, err = x.stats(); stats != nil {
		i.ObjectCount, i.BytesUsed = stats.ObjectCount, stats.BytesUsed
	}
	return i, err
}

// Metadata reads the stored headers.
func (x *ContainerTx) Metadata() (Metadata, error) { return x.t.metadata() }

// Empty reports whether no policy has objects.
func (x *ContainerTx) Empty() (bool, error) {
	most := int64(0)
	_, err := x.t.row("SELECT max(object_count) FROM policy_stat", nil, func(s *sqlite3.Stmt) { most = s.ColumnInt64(0) })
	return most == 0, err
}

// SetPutTimestamp moves the put timestamp on, never back.
func (x *ContainerTx) SetPutTimestamp(at swift.Timestamp) error { return x.t.setPutTimestamp(at) }

// SetStatusChangedAt moves status_changed_at on, never back.
func (x *ContainerTx) SetStatusChangedAt(at swift.Timestamp) error {
	return x.t.setStatusChangedAt(at)
}

// SetPolicy gives the container another policy.
func (x *ContainerTx) SetPolicy(policy int, at swift.Timestamp) error {
	if err := x.t.exec("INSERT OR IGNORE INTO policy_stat (storage_policy_index) VALUES (?)", policy); err != nil {
		return err
	}
	return x.t.exec(`UPDATE container_stat
		SET storage_policy_index = ?1, status_changed_at = MAX(?2, status_changed_at)
		WHERE storage_policy_index <> ?1`, policy, at)
}

// UpdateMetadata merges stored headers by their timestamps; kind Invalid when
// the result is over the limits.
func (x *ContainerTx) UpdateMetadata(updates Metadata, limits swift.Limits) error {
	return x.t.updateMetadata(updates, limits)
}

// shardMetadata outlives the removal of a container.
var shardMetadata = map[string]bool{
	"x-container-sysmeta-shard-quoted-root": true,
	"x-container-sysmeta-shard-root":        true,
	"x-container-sysmeta-sharding":          true,
}

// MarkDeleted removes the stored headers and moves the delete timestamp on.
func (x *ContainerTx) MarkDeleted(at swift.Timestamp) error {
	return x.t.markDeleted(at, shardMetadata)
}

// SetReported remembers what the account was told.
func (x *ContainerTx) SetReported(i *ContainerInfo) error {
	return x.t.exec(`UPDATE container_stat SET reported_put_timestamp = ?, reported_delete_timestamp = ?,
		reported_object_count = ?, reported_bytes_used = ?`, i.PutTimestamp, i.DeleteTimestamp, i.ObjectCount, i.BytesUsed)
}

// MergeObjects merges row updates.
func (x *ContainerTx) MergeObjects(objects []Object) error {
	items := make([]record, len(objects))
	for i := range objects {
		items[i] = &objects[i]
	}
	return mergeObjects(x.t, items)
}
