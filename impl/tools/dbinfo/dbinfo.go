// Package dbinfo prints what an account or container database says about
// itself: the body of swift-account-info and swift-container-info. Scripts read
// the text, so its words and indents are upstream's.
//
// Looking merges the pending rows beside the database into it, as it always
// did.
package dbinfo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"apus/impl/broker"
	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/tools"
	"apus/impl/tools/locations"
)

// Kind is a kind of database.
type Kind string

// Kinds of database.
const (
	Account   Kind = "account"
	Container Kind = "container"
)

func (k Kind) title() string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

// Run is the tool for one kind.
func Run(ctx context.Context, h *host.Host, kind Kind, args []string, std tools.Std) int {
	name := "swift-" + string(kind) + "-info"
	u, dir := locations.NewUsage(name, strings.ToUpper(string(kind))+"_DB_FILE")
	drop := u.Flags.Bool("drop-prefixes", false, "leave the common prefixes out of the names of metadata")
	sync := u.Flags.BoolP("sync", "s", false, "show the tables of sync points too")
	verbose := new(bool)
	if kind == Container {
		verbose = u.Flags.BoolP("verbose", "v", false, "show every shard range, not their number alone")
	}
	file, code, done := u.Parse(args, std)
	if done {
		return code
	}
	abs := std.Abs(file)
	if _, err := h.FS.Stat(abs); err != nil || !strings.HasSuffix(file, ".db") {
		fmt.Fprintln(std.Out, "DB file doesn't exist")
		return locations.ExitError
	}
	sw, err := locations.SwiftConf(h.FS, std.Abs(*dir))
	if err != nil {
		return locations.ExitCode(err, name, std)
	}
	cfg := broker.DefaultConfig()
	cfg.KeepDamaged = true // whoever looks at a file must find it there again
	pool := broker.NewPool(h, sw.Hasher, cfg, nil)
	t := &tool{kind: kind, swift: sw, out: std.Out, dropPrefixes: *drop, verbose: *verbose, sync: *sync}
	err = t.show(ctx, pool, file, abs)
	if err = errors.Join(err, pool.Close()); err == nil {
		err = t.locate(h.FS, std.Abs(*dir))
	}
	if err != nil && !errors.Is(err, locations.ErrTold) {
		fmt.Fprintf(std.Out, "%s info failed: %v\n", kind.title(), err)
		return locations.ExitError
	}
	return locations.ExitCode(err, name, std)
}

// tool is one call.
type tool struct {
	kind                        Kind
	swift                       *config.Swift
	out                         io.Writer
	dropPrefixes, verbose, sync bool
	info                        *broker.ReplicationInfo
}

func (t *tool) linef(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// database is what both kinds offer.
type database interface {
	ReplicationInfo(ctx context.Context) (*broker.ReplicationInfo, error)
	IsDeleted(ctx context.Context) (bool, error)
	SyncUpdates(ctx context.Context, incoming bool) ([]broker.SyncUpdate, error)
}

func (t *tool) show(ctx context.Context, pool *broker.Pool, file, abs string) (err error) {
	var db database
	var container *broker.Container
	if t.kind == Account {
		db = pool.AccountFile(abs)
	} else {
		container = pool.ContainerFile(abs)
		db = container
	}
	if t.info, err = db.ReplicationInfo(ctx); err != nil {
		if strings.Contains(err.Error(), "no such table") {
			t.linef("Does not appear to be a DB of type \"%s\": %s", t.kind, shown(file))
			return locations.ErrTold
		}
		return err
	}
	deleted, err := db.IsDeleted(ctx)
	if err != nil {
		return err
	}
	objects := t.info.Count
	if t.kind == Account {
		if objects, err = accountObjects(t.info); err != nil {
			return err
		}
	}
	t.head(deleted)
	t.stats(objects)
	if err := t.metadata(); err != nil {
		return err
	}
	if container != nil {
		if err := t.sharding(ctx, container); err != nil {
			return err
		}
	}
	if !t.sync {
		return nil
	}
	return errors.Join(t.syncs(ctx, db, true), t.syncs(ctx, db, false))
}

func accountObjects(i *broker.ReplicationInfo) (int64, error) {
	if i.AccountReplication == nil {
		return 0, swift.E("dbinfo", "", swift.Corrupt, errors.New("the database has no statistics of an account"))
	}
	return i.ObjectCount, nil
}

// shown is a file name as given, with its directory.
func shown(file string) string {
	if strings.HasPrefix(file, "/") || strings.HasPrefix(file, "./") {
		return file
	}
	return "./" + file
}

func (t *tool) path() swift.Path {
	p := swift.Path{Account: t.info.Account}
	if t.info.ContainerReplication != nil {
		p.Container = t.info.Container
	}
	return p
}

func (t *tool) head(deleted bool) {
	t.linef("Path: %s", t.path())
	t.linef("  Account: %s", t.info.Account)
	if t.kind == Container {
		t.linef("  Container: %s", t.info.Container)
	}
	t.linef("  Deleted: %s", pythonBool(deleted))
	t.linef("  %s Hash: %s", t.kind.title(), t.swift.Hasher.Hash(t.path()))
}

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func (t *tool) stats(objects int64) {
	i := t.info
	t.linef("Metadata:")
	t.time("  Created at", i.CreatedAt)
	t.time("  Put Timestamp", i.PutTimestamp)
	t.time("  Delete Timestamp", i.DeleteTimestamp)
	t.time("  Status Timestamp", i.StatusChangedAt)
	if t.kind == Account {
		t.linef("  Container Count: %d", i.Count)
	}
	t.linef("  Object Count: %d", objects)
	t.linef("  Bytes Used: %d", i.BytesUsed)
	if c := i.ContainerReplication; c != nil {
		policy := "Unknown"
		if p := t.swift.Policies.ByIndex(c.Policy); p != nil {
			policy = p.Name
		}
		t.linef("  Storage Policy: %s (%d)", policy, c.Policy)
		t.time("  Reported Put Timestamp", c.ReportedPutTimestamp)
		t.time("  Reported Delete Timestamp", c.ReportedDeleteTimestamp)
		t.linef("  Reported Object Count: %d", c.ReportedObjectCount)
		t.linef("  Reported Bytes Used: %d", c.ReportedBytesUsed)
	}
	t.linef("  Chexor: %s", i.Hash)
	t.linef("  UUID: %s", i.ID)
	if c := i.ContainerReplication; c != nil {
		t.linef("  X-Container-Sync-Point1: %d", c.SyncPoint1)
		t.linef("  X-Container-Sync-Point2: %d", c.SyncPoint2)
	}
}

// time shows a timestamp as a date and as it is stored.
func (t *tool) time(label, stored string) { t.linef("%s: %s (%s)", label, isoDate(stored), stored) }

func isoDate(stored string) string {
	ts, err := swift.ParseTimestamp(stored)
	if err != nil {
		return "?"
	}
	return ts.ISO()
}

// locate shows where the database lives if there is a ring.
func (t *tool) locate(fsys host.FS, dir string) error {
	r, err := ring.Load(fsys, path.Join(dir, string(t.kind)+".ring.gz"))
	if err != nil {
		return nil // without a usable ring there is nothing to show, as ever
	}
	return locations.Print(t.out, t.swift.Hasher, r, locations.Target{DataDir: string(t.kind) + "s", Path: t.path()})
}
