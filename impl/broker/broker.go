// Package broker keeps Swift's account and container databases: SQLite files
// with upstream's schema, at
//
//	<devices>/<device>/{accounts,containers}/<partition>/<suffix>/<hash>/<hash>.db
//
// # Files beside a database
//
// <hash>.db.pending holds row updates that are not merged yet, each a colon
// and the base64 of a pickled tuple (protocol 2); a colon more after each
// append keeps what a crash leaves of the next one apart. It is merged in one
// transaction before anything is read, and when it has grown past 128 KiB. Of
// the latter merge appends do not wait: they go behind the rows being merged, and
// the file is emptied when all of it is merged, with .lock held all the while.
// .lock is locked (flock) while the pending file is written or merged and
// while the directory is created or quarantined, so that several processes,
// upstream's daemons among them, can share a database. <hash>.db-journal is
// SQLite's rollback journal. A container that is or was sharded has its
// database in <hash>_<epoch>.db; the file of the newest epoch counts, and
// while it is being sharded the one before is there too.
//
// # Older Swifts
//
// The schema of a database that an older Swift made is that of today for who
// reads it, and becomes it with the first write.
//
// # What is durable
//
// A method that returns nil has made its change durable: a power cut right
// after it takes nothing back. Row updates that arrive together are appended
// with one write and one fsync (upstream does not fsync the pending file and
// can lose acknowledged rows). A transaction commits with PRAGMA synchronous
// = EXTRA, so that the removal of its journal is durable too. A database
// appears under its name only when complete, and its name and the directories
// above it are durable before Create returns. A method that returns an error
// may have taken effect, as a write that failed in fsync may be found later.
//
// # Handles
//
// A [Pool] keeps databases open for a short while after use. An open database
// is used by one goroutine at a time; reading does not hold up appends. Close
// waits for all of it.
package broker

import (
	"errors"
	"io/fs"
	"path"
	"time"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/swift"
)

// Config is the tunables of a Pool.
type Config struct {
	Devices     string        // directory of the device directories
	MaxIdle     int           // databases kept open without being in use
	IdleTimeout time.Duration // how long they are
	LockTimeout time.Duration // how long to wait for another process that holds .lock
	BusyTimeout time.Duration // how long to wait for another process that holds SQLite's locks
	// KeepDamaged leaves a damaged database where it is instead of moving it
	// to quarantine: for tools, whose user may have named any file. Errors are
	// of kind Corrupt all the same.
	KeepDamaged bool
}

// DefaultConfig keeps at most 128 databases open, for two seconds.
func DefaultConfig() Config {
	return Config{
		Devices: "/srv/node", MaxIdle: 128, IdleTimeout: 2 * time.Second,
		LockTimeout: 10 * time.Second, BusyTimeout: 25 * time.Second,
	}
}

// ReadConfig takes the tunables that upstream names too from opts.
func ReadConfig(opts *config.Section) Config {
	c := DefaultConfig()
	c.Devices = opts.String("devices", c.Devices)
	return c
}

// kind is what differs between account and container databases.
type kind struct {
	name    string // "container"
	datadir string // "containers"
	stat    string // the table of the one row about the database itself
	rows    string // the table of what it lists
	reclaim string // the column of rows that says how old a tombstone is
	parse   func(fields []any) (record, error)
	merge   func(t *tx, items []record) error
}

// record is one row update, as it travels through the pending file.
type record interface {
	fields() []any // string, int64 or nil
}

// datadirs of the two kinds, also the names below quarantined.
const (
	AccountsDir   = "accounts"
	ContainersDir = "containers"
)

func dbPath(devices, device, datadir, partition string, h swift.Hash) string {
	hash := h.String()
	return path.Join(devices, device, datadir, partition, h.Suffix(), hash, hash+".db")
}

// devicePath is the directory of the device that holds a database file.
func devicePath(file string) string {
	return path.Dir(path.Dir(path.Dir(path.Dir(path.Dir(file)))))
}

// wrap names the operation and decides what the caller may do about err.
func wrap(op, file string, err error) error {
	if err == nil {
		return nil
	}
	var e *swift.Error
	if errors.As(err, &e) {
		return err
	}
	kind := swift.Other
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = swift.NotFound
	case isCorrupt(err):
		kind = swift.Corrupt
	case isBusy(err):
		kind = swift.Unavailable
	case errors.Is(err, host.ErrNoSpace), errors.Is(err, host.ErrIO), errors.Is(err, host.ErrReadOnly), errors.Is(err, host.ErrCorrupt):
		kind = swift.NoDevice
	}
	return swift.E("broker."+op, file, kind, err)
}
