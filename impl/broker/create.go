package broker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/swift"
)

// create makes the database in a temporary file and gives it its name when it
// is complete. An error of kind Conflict means that it exists.
func (d *db) create(ctx context.Context, schema string, fill func(*tx) error) error {
	if err := d.makeDir(); err != nil {
		return err
	}
	if err := d.claim(ctx); err != nil {
		return err
	}
	defer d.unclaim()
	var random [8]byte
	_, _ = rand.Read(random[:]) // does not fail
	tmp := path.Join(d.dir, hex.EncodeToString(random[:])+".tmp")
	err := d.build(tmp, schema, fill)
	if err == nil {
		err = d.locked(ctx, func() error { return d.publish(tmp) })
	}
	if err != nil {
		_ = d.pool.host.FS.Remove(tmp) // the first error matters
	}
	return err
}

func (d *db) build(tmp, schema string, fill func(*tx) error) error {
	// One fsync at the end does for all: nobody knows the file yet.
	conn, err := d.pool.connect(tmp, true, "PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA journal_mode = MEMORY")
	if err != nil {
		return err
	}
	err = conn.Exec("BEGIN; " + schema)
	if err == nil {
		scratch := d.aside(tmp)
		scratch.conn, scratch.stmts = conn, map[string]*sqlite3.Stmt{}
		err = fill(&tx{scratch})
		for _, s := range scratch.stmts {
			_ = s.Close()
		}
	}
	if err == nil {
		err = conn.Exec("COMMIT")
	}
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return d.syncFile(tmp)
}

func (d *db) syncFile(name string) error {
	f, err := d.pool.host.FS.OpenFile(name, host.ReadWrite, 0)
	if err != nil {
		return err
	}
	defer f.Close() // what matters is synced
	return f.Sync()
}

func (d *db) publish(tmp string) error {
	files, err := d.dbFiles()
	if err != nil {
		return err
	}
	if len(files) > 0 {
		return swift.E("broker.create", d.file, swift.Conflict, fs.ErrExist)
	}
	if err := d.install(tmp, d.file); err != nil {
		return err
	}
	d.synced = true
	return nil
}

// install gives a complete and durable file its name, durably. A journal that
// an earlier database of that name left must not be rolled back into it.
func (d *db) install(tmp, name string) error {
	fsys := d.pool.host.FS
	if _, err := fsys.Stat(name + "-journal"); err == nil {
		if err := fsys.Remove(name + "-journal"); err != nil {
			return err
		}
		if err := fsys.SyncDir(d.dir); err != nil {
			return err
		}
	} else if !notExist(err) {
		return err
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return err
	}
	return fsys.SyncDir(d.dir)
}

// makeDir makes the directories between the device and the file, durably. A
// directory that exists may be the work of a process that died before it
// could make it durable, so all are synced. The device itself must exist: an
// unmounted one must not be written to.
func (d *db) makeDir() error {
	fsys, device := d.pool.host.FS, devicePath(d.file)
	if _, err := fsys.Stat(device); err != nil {
		return swift.E("broker.create", device, swift.NoDevice, err)
	}
	var chain []string
	for dir := d.dir; dir != device; dir = path.Dir(dir) {
		chain = append(chain, dir)
	}
	for i := len(chain) - 1; i >= 0; i-- {
		if err := fsys.Mkdir(chain[i], 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := fsys.SyncDir(path.Dir(chain[i])); err != nil {
			return err
		}
	}
	return nil
}

func (d *db) newID() string { return uuid.NewString() + "-" + path.Base(devicePath(d.file)) }

// quarantineLocking is quarantine for callers that hold no slot.
func (d *db) quarantineLocking(ctx context.Context, reason error) error {
	if err := d.claim(ctx); err != nil {
		return err
	}
	defer d.unclaim()
	var result error
	if err := d.locked(ctx, func() error { result = d.quarantine(reason); return nil }); err != nil {
		return err
	}
	return result
}

// quarantine moves the directory of the database away and returns an error of
// kind Corrupt. The caller holds the files slot and .lock.
func (d *db) quarantine(reason error) error {
	if d.pool.cfg.KeepDamaged {
		return swift.E("broker", d.file, swift.Corrupt, reason)
	}
	fsys, device := d.pool.host.FS, devicePath(d.file)
	target := path.Join(device, "quarantined", d.kind.datadir, path.Base(d.dir))
	if err := fsys.MkdirAll(path.Dir(target), 0o755); err != nil {
		return err
	}
	if _, err := fsys.Stat(target); err == nil {
		target += "-" + uuid.NewString()
	}
	err := fsys.Rename(d.dir, target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.synced = false
	if err == nil {
		d.pool.host.Log.Error("Quarantined database", "from", d.dir, "to", target, "reason", reason.Error())
		d.pool.events.EmitQuarantine(event.Quarantine{Path: d.dir, Reason: reason.Error()})
	}
	return swift.E("broker.quarantine", d.file, swift.Corrupt, fmt.Errorf("quarantined to %s: %w", target, reason))
}

func unavailable(file string, err error) error {
	return swift.E("broker", file, swift.Unavailable, err)
}
