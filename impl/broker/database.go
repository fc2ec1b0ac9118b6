package broker

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

// Database is what account and container databases have in common, most of
// it for replication. Its methods fail with kind NotFound if the database
// does not exist, and with kind Corrupt if it was found to be damaged and was
// quarantined.
type Database struct {
	pool *Pool
	kind *kind
	file string
}

// File is the name of the database file. A container that is or was sharded
// has others beside it, whose names carry an epoch.
func (b *Database) File() string { return b.file }

// Kind is the datadir: AccountsDir or ContainersDir.
func (b *Database) Kind() string { return b.kind.datadir }

func (b *Database) with(op string, fn func(d *db) error) error {
	d, err := b.pool.acquire(b.kind, b.file)
	if err != nil {
		return err
	}
	defer b.pool.release(d)
	return wrap(op, b.file, fn(d))
}

func (b *Database) view(ctx context.Context, op string, fn func(*tx) error) error {
	return b.with(op, func(d *db) error { return d.view(ctx, fn) })
}

func (b *Database) update(ctx context.Context, op string, fn func(*tx) error) error {
	return b.with(op, func(d *db) error { return d.update(ctx, fn) })
}

// Exists reports whether there is a file. It opens nothing.
func (b *Database) Exists(context.Context) (bool, error) {
	there := false
	err := b.with("Exists", func(d *db) error {
		files, err := d.dbFiles()
		there = len(files) > 0
		return err
	})
	return there, err
}

// SyncPoint says up to which row of it the rows of another replica are known
// to be in this one (incoming), or of this one to be there (outgoing).
type SyncPoint struct {
	RemoteID  string `json:"remote_id"`
	SyncPoint int64  `json:"sync_point"`
}

func syncTable(incoming bool) string {
	if incoming {
		return "incoming_sync"
	}
	return "outgoing_sync"
}

// Sync is the sync point of a replica, -1 if there is none.
func (b *Database) Sync(ctx context.Context, remoteID string, incoming bool) (int64, error) {
	point := int64(-1)
	err := b.view(ctx, "Sync", func(t *tx) error {
		_, err := t.row("SELECT sync_point FROM "+syncTable(incoming)+" WHERE remote_id = ?", []any{remoteID},
			func(s *sqlite3.Stmt) { point = s.ColumnInt64(0) })
		return err
	})
	return point, err
}

// Syncs lists the sync points in the order they were first noted.
func (b *Database) Syncs(ctx context.Context, incoming bool) ([]SyncPoint, error) {
	var points []SyncPoint
	err := b.view(ctx, "Syncs", func(t *tx) (err error) { points, err = t.syncs(incoming); return err })
	return points, err
}

func (t *tx) syncs(incoming bool) ([]SyncPoint, error) {
	var points []SyncPoint
	err := t.query("SELECT remote_id, sync_point FROM "+syncTable(incoming)+" ORDER BY ROWID", nil,
		func(s *sqlite3.Stmt) (bool, error) {
			points = append(points, SyncPoint{s.ColumnText(0), s.ColumnInt64(1)})
			return true, nil
		})
	return points, err
}

// MergeSyncs moves sync points on, never back.
func (b *Database) MergeSyncs(ctx context.Context, points []SyncPoint, incoming bool) error {
	return b.update(ctx, "MergeSyncs", func(t *tx) error { return t.mergeSyncs(points, incoming) })
}

func (t *tx) mergeSyncs(points []SyncPoint, incoming bool) error {
	table := syncTable(incoming)
	for _, p := range points {
		known, err := t.row("SELECT 1 FROM "+table+" WHERE remote_id = ?", []any{p.RemoteID}, func(*sqlite3.Stmt) {})
		if err != nil {
			return err
		}
		if known {
			err = t.exec("UPDATE "+table+" SET sync_point = max(?, sync_point) WHERE remote_id = ?", p.SyncPoint, p.RemoteID)
		} else {
			err = t.exec("INSERT INTO "+table+" (sync_point, remote_id) VALUES (?, ?)", p.SyncPoint, p.RemoteID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// NewID gives a database that was copied from another replica an identity of
// its own and notes that all rows of the other are in it.
func (b *Database) NewID(ctx context.Context, remoteID string) error {
	return b.update(ctx, "NewID", func(t *tx) error { return t.renew(remoteID) })
}

func (t *tx) renew(remoteID string) error {
	if err := t.exec("UPDATE "+t.d.kind.stat+" SET id = ?", t.d.newID()); err != nil {
		return err
	}
	last := int64(-1)
	if _, err := t.row("SELECT max(ROWID) FROM "+t.d.kind.rows, nil, func(s *sqlite3.Stmt) {
		if s.ColumnType(0) != sqlite3.NULL {
			last = s.ColumnInt64(0)
		}
	}); err != nil {
		return err
	}
	if err := t.exec("INSERT OR REPLACE INTO incoming_sync (sync_point, remote_id) VALUES (?, ?)", last, remoteID); err != nil {
		return err
	}
	if t.d.kind != containers {
		return nil
	}
	return t.exec(`UPDATE container_stat SET reported_put_timestamp = 0, reported_delete_timestamp = 0,
		reported_object_count = 0, reported_bytes_used = 0`)
}

// MergeTimestamps takes the earliest time of creation and the latest of the
// others. status_changed_at becomes now if that changes whether the database
// counts as deleted.
func (b *Database) MergeTimestamps(ctx context.Context, created, put, del swift.Timestamp) error {
	return b.update(ctx, "MergeTimestamps", func(t *tx) error {
		return t.mergeTimestamps(created.Internal(), stampText(put), stampText(del))
	})
}

func (t *tx) mergeTimestamps(created, put, del string) error {
	before, err := t.deleted()
	if err != nil {
		return err
	}
	if err := t.exec("UPDATE "+t.d.kind.stat+` SET created_at = MIN(?, created_at),
		put_timestamp = MAX(?, put_timestamp), delete_timestamp = MAX(?, delete_timestamp)`, created, put, del); err != nil {
		return err
	}
	after, err := t.deleted()
	if err != nil || before == after {
		return err
	}
	return t.setStatusChangedAt(swift.TimestampOf(t.d.pool.host.Clock.Now()))
}

// UpdateMetadata merges stored headers by their timestamps. With limits the
// result must be within them, else kind Invalid; replication passes nil.
func (b *Database) UpdateMetadata(ctx context.Context, updates Metadata, limits *swift.Limits) error {
	return b.update(ctx, "UpdateMetadata", func(t *tx) error { return t.mergeMetadata(updates, limits) })
}

// UpdateStatusChangedAt moves status_changed_at on, never back.
func (b *Database) UpdateStatusChangedAt(ctx context.Context, at swift.Timestamp) error {
	return b.update(ctx, "UpdateStatusChangedAt", func(t *tx) error { return t.setStatusChangedAt(at) })
}

func (t *tx) setStatusChangedAt(at swift.Timestamp) error {
	return t.exec("UPDATE "+t.d.kind.stat+" SET status_changed_at = ?1 WHERE status_changed_at < ?1", at)
}

// IsDeleted reports whether the database counts as absent. One that does not
// exist does.
func (b *Database) IsDeleted(ctx context.Context) (bool, error) {
	deleted := true
	err := b.view(ctx, "IsDeleted", func(t *tx) (err error) { deleted, err = t.deleted(); return err })
	if swift.Is(err, swift.NotFound) {
		return true, nil
	}
	return deleted, err
}

// Quarantine moves the directory of the database to quarantined/<datadir> on
// its device, for reason. It returns an error of kind Corrupt if that worked.
func (b *Database) Quarantine(ctx context.Context, reason error) error {
	return b.with("Quarantine", func(d *db) error { return d.quarantineLocking(ctx, reason) })
}

// PossiblyQuarantine quarantines the database if err says that it is damaged,
// and returns err otherwise.
func (b *Database) PossiblyQuarantine(ctx context.Context, err error) error {
	if err == nil || !isDamage(err) {
		return err
	}
	return b.Quarantine(ctx, err)
}

// Reclaimable reports whether nothing needs the database any more: it is
// empty and was deleted, later than put, more than reclaimAge before now.
func (b *Database) Reclaimable(ctx context.Context, now time.Time, reclaimAge time.Duration) (bool, error) {
	ok := false
	err := b.view(ctx, "Reclaimable", func(t *tx) (err error) {
		ok, err = t.reclaimable(swift.TimestampOf(now.Add(-reclaimAge)))
		return err
	})
	return ok, err
}

func notExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
