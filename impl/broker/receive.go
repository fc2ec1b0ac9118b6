package broker

import (
	"context"
	"fmt"
	"io/fs"
	"path"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/swift"
)

// mergeBatch is how many rows are merged into a received file at once.
const mergeBatch = 10000

// received opens a file that came whole from another replica. Until it has
// its name nobody minds if it is lost.
func (d *db) received(tmp string) (*db, error) {
	r := d.aside(tmp)
	conn, err := d.pool.connect(tmp, false,
		"PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA journal_mode = MEMORY; PRAGMA cache_size = -16384")
	if err != nil {
		return nil, err
	}
	r.conn, r.stmts = conn, map[string]*sqlite3.Stmt{}
	return r, nil
}

func (d *db) statReceived(tmp string) error {
	_, err := d.pool.host.FS.Stat(tmp)
	if notExist(err) {
		return swift.E("broker.receive", tmp, swift.NotFound, err)
	}
	return err
}

func (d *db) replace(ctx context.Context, tmp, remoteID, name string) error {
	target := d.file
	if name != "" {
		hash, _, ok := splitFile(name)
		want, _, _ := splitFile(d.file)
		if !ok || hash != want || path.Base(name) != name {
			return invalid(d.file, fmt.Errorf("%q is not a name for a file of this database", name))
		}
		target = path.Join(d.dir, name)
	}
	if err := d.statReceived(tmp); err != nil {
		return err
	}
	if err := d.makeDir(); err != nil {
		return err
	}
	if err := d.claim(ctx); err != nil {
		return err
	}
	defer d.unclaim()
	return d.locked(ctx, func() error {
		if _, err := d.pool.host.FS.Stat(target); !notExist(err) {
			if err == nil {
				err = swift.E("broker.replace", target, swift.Conflict, fs.ErrExist)
			}
			return err
		}
		r, err := d.received(tmp)
		if err != nil {
			return err
		}
		err = r.transact(ctx, true, func(t *tx) error { return t.renew(remoteID) })
		r.drop()
		if err != nil {
			return err
		}
		return d.installReceived(tmp, target)
	})
}

func (d *db) installReceived(tmp, target string) error {
	if err := d.syncFile(tmp); err != nil {
		return err
	}
	return d.install(tmp, target)
}

// mergeFrom brings most rows over while others go on writing, and what came
// since then under the lock.
func (d *db) mergeFrom(ctx context.Context, tmp, remoteID string) error {
	if err := d.statReceived(tmp); err != nil {
		return err
	}
	files, err := d.dbFiles()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return swift.E("broker.mergeFrom", d.file, swift.NotFound, fs.ErrNotExist)
	}
	r, err := d.received(tmp)
	if err != nil {
		return err
	}
	defer r.drop()
	point := int64(-1)
	for {
		var items []Item
		if err := d.view(ctx, func(t *tx) (err error) {
			items, err = t.itemsSince(point, mergeBatch)
			if err == nil {
				err = t.unsharded()
			}
			return err
		}); err != nil {
			return err
		}
		if err := r.transact(ctx, true, func(t *tx) error { return t.mergeItems(items, "") }); err != nil {
			return err
		}
		if len(items) > 0 {
			point = items[len(items)-1].RowID
		}
		if len(items) < mergeBatch {
			break
		}
	}
	if err := d.claim(ctx); err != nil {
		return err
	}
	defer d.unclaim()
	return d.locked(ctx, func() error { return d.finishMerge(ctx, r, point, tmp, remoteID) })
}

// unsharded fails if the container has begun to shard: whole files must not
// be exchanged any more.
func (t *tx) unsharded() error {
	if t.d.kind != containers {
		return nil
	}
	begun, err := (&ContainerTx{t}).ShardingInitiated()
	if err == nil && begun {
		err = swift.E("broker.mergeFrom", t.d.file, swift.Conflict, fmt.Errorf("the container has begun to shard"))
	}
	return err
}

// finishMerge holds off every other writer, by .lock and by a transaction that
// writes nothing: one that wrote would leave a journal beside the new file.
func (d *db) finishMerge(ctx context.Context, r *db, point int64, tmp, remoteID string) error {
	if err := d.mergeLocked(ctx, nil, nil); err != nil {
		return err
	}
	err := d.transact(ctx, true, func(t *tx) error {
		if err := t.unsharded(); err != nil {
			return err
		}
		if err := r.transact(ctx, true, func(rt *tx) error { return t.handOver(rt, point, remoteID) }); err != nil {
			return err
		}
		r.drop()
		if err := d.statReceived(tmp); err != nil {
			return err
		}
		if err := d.syncFile(tmp); err != nil {
			return err
		}
		// No journal can be in the way: it was rolled back when this
		// transaction began.
		fsys := d.pool.host.FS
		if err := fsys.Rename(tmp, t.d.current); err != nil {
			return err
		}
		return fsys.SyncDir(d.dir)
	})
	if lerr := d.sql.lock(context.WithoutCancel(ctx)); lerr == nil {
		d.drop() // of the file that was replaced
		d.sql.unlock()
	}
	return err
}

// handOver brings all but the rows up to point from t to r.
func (t *tx) handOver(r *tx, point int64, remoteID string) error {
	for {
		items, err := t.itemsSince(point, mergeBatch)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			break
		}
		if err := r.mergeItems(items, ""); err != nil {
			return err
		}
		point = items[len(items)-1].RowID
	}
	syncs, err := t.syncs(true)
	if err != nil {
		return err
	}
	if err := r.mergeSyncs(syncs, true); err != nil {
		return err
	}
	if t.d.kind == containers {
		ranges, err := (&ContainerTx{t}).ShardRanges(ShardFilter{IncludeDeleted: true, IncludeOwn: true})
		if err != nil {
			return err
		}
		if err := (&ContainerTx{r}).mergeRemoteShardRanges(ranges, "rsync"); err != nil {
			return err
		}
	}
	if err := r.renew(remoteID); err != nil {
		return err
	}
	meta, err := t.metadata()
	if err != nil {
		return err
	}
	if err := r.mergeMetadata(meta, nil); err != nil {
		return err
	}
	return t.handOverTimes(r)
}

// handOverTimes keeps the time of a removal that the other replica has not
// heard of.
func (t *tx) handOverTimes(r *tx) error {
	i := &ReplicationInfo{}
	if _, found, err := t.statRow(i); err != nil || !found {
		return err
	}
	return r.mergeTimestamps(i.CreatedAt, i.PutTimestamp, i.DeleteTimestamp)
}
