package broker

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

// deleted reports whether the database counts as absent.
func (t *tx) deleted() (bool, error) {
	if t.d.kind == containers {
		i, err := (&ContainerTx{t}).Info()
		return err == nil && i.Deleted(), err
	}
	i, err := (&AccountTx{t}).Info()
	return err == nil && i.Deleted(), err
}

// reclaimable reports whether the database is empty and was deleted before
// the time given.
func (t *tx) reclaimable(before swift.Timestamp) (bool, error) {
	var put, del swift.Timestamp
	found, err := t.row("SELECT put_timestamp, delete_timestamp FROM "+t.d.kind.stat, nil, func(s *sqlite3.Stmt) {
		put, del = stamp(s.ColumnText(0)), stamp(s.ColumnText(1))
	})
	if err == nil && !found {
		err = errMissingRow
	}
	if err != nil || !before.After(del) || !del.After(put) {
		return false, err
	}
	if t.d.kind == containers {
		return (&ContainerTx{t}).emptyForGood()
	}
	i, err := (&AccountTx{t}).Info()
	return err == nil && i.ContainerCount == 0, err
}

// emptyForGood reports whether neither this file nor one being retired nor a
// shard holds objects.
func (x *ContainerTx) emptyForGood() (bool, error) {
	root, err := x.IsRoot()
	if err != nil {
		return false, err
	}
	state, err := x.DBState()
	if err != nil {
		return false, err
	}
	if root {
		others, err := x.hasOtherShards()
		if err != nil || others || state == DBSharding {
			return false, err
		}
	}
	if state == DBSharding {
		old, err := x.retiringStats()
		if err != nil || old.ObjectCount > 0 {
			return false, err
		}
	}
	return x.Empty()
}

// reported reports whether the account was told of the last state.
func (t *tx) reported() (bool, error) {
	i, err := t.replicationInfo()
	if err != nil || i.ContainerReplication == nil {
		return err == nil, err
	}
	return i.ReportedPutTimestamp == i.PutTimestamp && i.ReportedDeleteTimestamp == i.DeleteTimestamp &&
		i.ReportedObjectCount == i.Count && i.ReportedBytesUsed == i.BytesUsed, nil
}

// reclaimBatch is how many tombstones one transaction looks at.
const reclaimBatch = 10000

func (d *db) reclaim(ctx context.Context, age, syncAge swift.Timestamp) (Reclaimed, error) {
	var r Reclaimed
	marker := ""
	for done := false; !done; {
		err := d.update(ctx, func(t *tx) error {
			next, n, err := t.reclaimRows(marker, age)
			marker, done = next, next == ""
			r.Rows += n
			return err
		})
		if err != nil {
			return r, err
		}
	}
	err := d.update(ctx, func(t *tx) error {
		if err := t.reclaimSyncs(syncAge); err != nil {
			return err
		}
		if err := t.reclaimMetadata(age); err != nil {
			return err
		}
		_, err := t.row("SELECT COUNT(*) FROM "+t.d.kind.rows+" WHERE deleted = 1", nil,
			func(s *sqlite3.Stmt) { r.Remaining = s.ColumnInt64(0) })
		return err
	})
	return r, err
}

// reclaimRows removes old tombstones among the next reclaimBatch from marker
// on. next is the marker after that, "" at the end.
func (t *tx) reclaimRows(marker string, age swift.Timestamp) (next string, n int64, err error) {
	k := t.d.kind
	if _, err = t.row("SELECT name FROM "+k.rows+" WHERE deleted = 1 AND name >= ? ORDER BY name LIMIT 1 OFFSET ?",
		[]any{marker, reclaimBatch}, func(s *sqlite3.Stmt) { next = s.ColumnText(0) }); err != nil {
		return "", 0, err
	}
	sql, args := "DELETE FROM "+k.rows+" WHERE deleted = 1 AND name >= ? AND "+k.reclaim+" < ?", []any{marker, age.Normal()}
	if next != "" {
		sql, args = sql+" AND name < ?", append(args, next)
	}
	err = t.exec(sql, args...)
	return next, t.d.conn.Changes(), err
}

func (t *tx) reclaimSyncs(age swift.Timestamp) error {
	for _, incoming := range []bool{false, true} {
		// An older Swift did not note when a point was set.
		if err := t.exec("DELETE FROM "+syncTable(incoming)+" WHERE updated_at < ?", age.Normal()); err != nil && !missing(err) {
			return err
		}
	}
	if t.d.kind != containers {
		return nil
	}
	own, err := (&ContainerTx{t}).path()
	if err != nil {
		return err
	}
	err = t.exec("DELETE FROM shard_range WHERE deleted = 1 AND timestamp < ? AND name <> ?", age.Normal(), own)
	if err != nil && missing(err) {
		return nil
	}
	return err
}

func (t *tx) reclaimMetadata(age swift.Timestamp) error {
	m, err := t.metadata()
	if err != nil {
		return err
	}
	before := len(m)
	for k, v := range m {
		if at, err := swift.ParseTimestamp(v.Timestamp); v.Value == "" && err == nil && at.Before(age) {
			delete(m, k)
		}
	}
	if len(m) == before {
		return nil
	}
	return t.writeMetadata(m)
}

func (d *db) removeIfReclaimed(ctx context.Context, before swift.Timestamp) (bool, error) {
	if err := d.claim(ctx); err != nil {
		return false, err
	}
	defer d.unclaim()
	removed := false
	err := d.locked(ctx, func() error {
		ok := false
		err := d.mergeLocked(ctx, nil, func(t *tx) (err error) {
			if ok, err = t.reclaimable(before); err == nil && ok {
				ok, err = t.reported()
			}
			return err
		})
		if err == nil && ok {
			removed, err = true, d.removeLocked(ctx)
		}
		return err
	})
	return removed && err == nil, err
}

func (d *db) removeLocking(ctx context.Context) error {
	if err := d.claim(ctx); err != nil {
		return err
	}
	defer d.unclaim()
	return d.locked(ctx, func() error {
		// An empty pending file that outlives the database by a power cut
		// does no harm to one that is created later.
		if err := d.mergeLocked(ctx, nil, nil); err != nil {
			return err
		}
		return d.removeLocked(ctx)
	})
}

// removeLocked removes the directory and what is empty above it, the database
// before what goes with it, and the newest file of a sharded container last:
// an older one that stayed alone would count. The caller holds the files slot
// and .lock and has merged the pending file.
func (d *db) removeLocked(ctx context.Context) error {
	if err := d.sql.lock(ctx); err != nil {
		return err
	}
	d.drop()
	d.sql.unlock()
	d.synced = false
	fsys := d.pool.host.FS
	files, err := d.dbFiles()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := fsys.Remove(f); err != nil {
			return err
		}
		if err := fsys.SyncDir(d.dir); err != nil {
			return err
		}
	}
	// With the names of the databases gone for good the rest is litter.
	entries, err := fsys.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := fsys.Remove(path.Join(d.dir, e.Name())); err != nil && !notExist(err) {
			return err
		}
	}
	suffix := path.Dir(d.dir)
	for _, dir := range []string{d.dir, suffix, path.Dir(suffix)} {
		if err := fsys.Remove(dir); err != nil {
			if dir == d.dir && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			break // others live there
		}
	}
	return nil
}
