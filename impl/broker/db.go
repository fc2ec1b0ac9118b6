package broker

import (
	"container/list"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"apus/impl/broker/sqlitevfs"
	"apus/impl/swift"
)

// db is one database file in a Pool.
type db struct {
	pool *Pool
	kind *kind
	file string // …/<hash>/<hash>.db, without an epoch
	dir  string
	// fixed says that current is the only file to look at, and that neither
	// a pending file nor a lock goes with it.
	fixed bool

	// Who needs several slots takes them in this order: merging, files, sql.
	// Merging is for all that merges or replaces files, which is all but
	// appends. Files guards the pending file and .lock of this process.
	merging slot
	wanted  atomic.Int32 // who waits for merging
	files   slot
	synced  bool // the names in dir are durable
	held    bool // a merge that lets appends go on has .lock for them too
	due     bool // such a merge was started and is not done
	queue   struct {
		sync.Mutex
		waiting []*appender
	}

	// sql guards the connection and what is known about the files.
	sql     slot
	conn    *sqlitevfs.Conn
	stmts   map[string]*sqlite3.Stmt
	current string   // the file of conn
	present []string // the files that exist, the newest epoch last
	modern  bool     // the schema of conn lacks nothing

	// Guarded by the Pool.
	refs int
	age  int
	idle *list.Element
}

func newDB(p *Pool, k *kind, file string) *db {
	return &db{pool: p, kind: k, file: file, dir: path.Dir(file), current: file, merging: newSlot(), files: newSlot(), sql: newSlot()}
}

// aside is another file of d's, for reading or before it gets its name.
func (d *db) aside(file string) *db {
	x := newDB(d.pool, d.kind, d.file)
	x.current, x.fixed = file, true
	return x
}

// bare reports whether d, which nobody uses, knows nothing that would spare
// the next user work. Of a database that does not exist that is so: who keeps
// asking for such must not keep the pool at work.
func (d *db) bare() bool { return d.conn == nil && !d.synced }

// drop closes the connection. The caller holds the sql slot or is the only
// one who knows d.
func (d *db) drop() {
	for _, s := range d.stmts {
		_ = s.Close()
	}
	d.stmts, d.modern = nil, false
	if d.conn != nil {
		_ = d.conn.Close() // nothing is uncommitted that anybody was told of
		d.conn = nil
	}
}

// ensure has the connection open on the file that bears the name now.
func (d *db) ensure() error {
	if err := d.find(); err != nil {
		return err
	}
	if d.conn != nil {
		if moved, err := d.conn.Moved(); err == nil && !moved {
			return nil
		}
		d.drop()
	}
	conn, err := d.pool.connect(d.current, false, "PRAGMA synchronous = EXTRA; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; PRAGMA cache_spill = 16384")
	if err != nil {
		return err
	}
	d.conn, d.stmts = conn, map[string]*sqlite3.Stmt{}
	return nil
}

func (p *Pool) connect(file string, create bool, pragmas string) (*sqlitevfs.Conn, error) {
	conn, err := p.vfs.OpenConn(file, create)
	if err != nil {
		return nil, err
	}
	err = conn.BusyHandler(p.busy)
	if err == nil {
		err = conn.Exec(pragmas)
	}
	if err == nil {
		err = conn.CreateFunction("chexor", 3, sqlite3.DETERMINISTIC|sqlite3.INNOCUOUS, chexor)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// Waits of busy: doubling from the first to the longest.
const (
	busyFirst   = time.Millisecond
	busyLongest = 50 * time.Millisecond
)

// busy waits for another process that has the database locked.
func (p *Pool) busy(ctx context.Context, count int) bool {
	var waited time.Duration
	wait := busyFirst
	for range count {
		waited += wait
		wait = min(2*wait, busyLongest)
	}
	if waited >= p.cfg.BusyTimeout || ctx.Err() != nil {
		return false
	}
	time.Sleep(wait)
	return true
}

// chexor is the SQL function behind the hash column of both kinds of
// database: the exclusive or of md5("name-timestamp") over all rows.
func chexor(ctx sqlite3.Context, arg ...sqlite3.Value) {
	if arg[1].Type() == sqlite3.NULL {
		ctx.ResultError(errors.New("chexor: name is NULL"))
		return
	}
	var sum [md5.Size]byte
	if n, err := hex.Decode(sum[:], arg[0].RawText()); err != nil || n != len(sum) {
		ctx.ResultError(errors.New("chexor: the old hash is not 32 hexadecimal digits"))
		return
	}
	text := make([]byte, 0, 128)
	text = append(text, arg[1].RawText()...)
	text = append(text, '-')
	text = append(text, arg[2].RawText()...)
	for i, b := range md5.Sum(text) {
		sum[i] ^= b
	}
	ctx.ResultText(hex.EncodeToString(sum[:]))
}

// transact runs fn in one transaction, which is committed if fn returns nil
// and write is true. After an error of SQLite the connection is closed: the
// next one rolls back what a journal says.
func (d *db) transact(ctx context.Context, write bool, fn func(*tx) error) (err error) {
	if err := d.sql.lock(ctx); err != nil {
		return err
	}
	defer d.sql.unlock()
	if err := d.ensure(); err != nil {
		return err
	}
	if write {
		ctx = context.WithoutCancel(ctx)
	}
	d.conn.SetInterrupt(ctx)
	defer func() {
		if err != nil && isSQLite(err) {
			d.drop()
		}
	}()
	if write {
		return d.change(ctx, fn)
	}
	return d.look(ctx, fn)
}

// change runs fn in a transaction that is committed. The first one to change
// a database of an older Swift brings its schema up to date.
func (d *db) change(ctx context.Context, fn func(*tx) error) error {
	if err := d.conn.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	t := &tx{d}
	err := t.migrate()
	if err == nil {
		err = fn(t)
	}
	if err != nil {
		d.rollback(ctx, &err)
		return err
	}
	return d.conn.Exec("COMMIT")
}

// look runs fn in a transaction that changes nothing. The schema of an older
// Swift is migrated for it in memory.
func (d *db) look(ctx context.Context, fn func(*tx) error) error {
	if err := d.conn.Exec("BEGIN"); err != nil {
		return err
	}
	t := &tx{d}
	old, err := t.old()
	if err == nil && old {
		return d.lookOld(ctx, fn)
	}
	if err == nil {
		err = fn(t)
	}
	d.rollback(ctx, &err)
	return err
}

// lookOld changes the schema in the cache only: with the journal in memory
// and without spilling nothing reaches the file before the rollback. The
// connection is of no use after that.
func (d *db) lookOld(ctx context.Context, fn func(*tx) error) error {
	defer d.drop()
	err := d.conn.Exec("ROLLBACK; PRAGMA journal_mode = MEMORY; PRAGMA cache_spill = OFF; BEGIN IMMEDIATE")
	if err != nil {
		return err
	}
	t := &tx{d}
	if err = t.migrate(); err == nil {
		err = fn(t)
	}
	d.rollback(ctx, &err)
	return err
}

// rollback adds its own error to err if that is worse.
func (d *db) rollback(ctx context.Context, err *error) {
	d.conn.SetInterrupt(context.WithoutCancel(ctx))
	if rerr := d.conn.Exec("ROLLBACK"); *err == nil || rerr != nil && !isSQLite(*err) {
		*err = rerr
	}
}

func isSQLite(err error) bool {
	var e *sqlite3.Error
	var code sqlite3.ErrorCode
	return errors.As(err, &e) || errors.As(err, &code)
}

func isBusy(err error) bool {
	return errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.LOCKED) || errors.Is(err, sqlite3.INTERRUPT)
}

// isCorrupt reports whether the file cannot be a database of ours.
func isCorrupt(err error) bool {
	if errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB) || errors.Is(err, errMissingRow) {
		return true
	}
	var e *sqlite3.Error
	return errors.As(err, &e) && strings.Contains(e.Error(), "no such table: ")
}

// isDamage reports whether the file is of no use: it is corrupt, or cannot be
// read. Errors of writing say nothing about what is there.
func isDamage(err error) bool {
	return isCorrupt(err) || errors.Is(err, sqlite3.IOERR_READ)
}

var errMissingRow = errors.New("the row about the database itself is missing")

// view shows fn the database with everything merged that was acknowledged.
func (d *db) view(ctx context.Context, fn func(*tx) error) error {
	if d.fixed {
		return d.transact(ctx, false, fn)
	}
	info, err := d.pool.host.FS.Stat(d.pendingFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Size() > 0:
		if err := d.update(ctx, nil); err != nil {
			return err
		}
	}
	err = d.transact(ctx, false, fn)
	if err != nil && isDamage(err) {
		return d.quarantineLocking(ctx, err)
	}
	return err
}

// update merges what is pending and runs fn in the same transaction.
func (d *db) update(ctx context.Context, fn func(*tx) error) error {
	if d.fixed {
		return d.transact(ctx, true, fn)
	}
	if err := d.claim(ctx); err != nil {
		return err
	}
	defer d.unclaim()
	return d.locked(ctx, func() error { return d.mergeLocked(ctx, nil, fn) })
}

// tx is a transaction that is open on the connection of d.
type tx struct{ d *db }

// query steps through the rows of a statement until fn returns false.
func (t *tx) query(sql string, args []any, fn func(*sqlite3.Stmt) (bool, error)) error {
	s := t.d.stmts[sql]
	if s == nil {
		var err error
		if s, _, err = t.d.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT); err != nil {
			return err
		}
		t.d.stmts[sql] = s
	}
	if err := bind(s, args); err != nil {
		return err
	}
	for s.Step() {
		more, err := fn(s)
		if err != nil || !more {
			_ = s.Reset()
			return err
		}
	}
	err := s.Err()
	_ = s.Reset() // repeats Err
	return err
}

func (t *tx) exec(sql string, args ...any) error {
	return t.query(sql, args, func(*sqlite3.Stmt) (bool, error) { return true, nil })
}

// row runs fn on the first row, and reports whether there was one.
func (t *tx) row(sql string, args []any, fn func(*sqlite3.Stmt)) (found bool, err error) {
	err = t.query(sql, args, func(s *sqlite3.Stmt) (bool, error) {
		found = true
		fn(s)
		return false, nil
	})
	return found, err
}

func bind(s *sqlite3.Stmt, args []any) error {
	for i, a := range args {
		var err error
		switch v := a.(type) {
		case nil:
			err = s.BindNull(i + 1)
		case string:
			err = s.BindText(i+1, v)
		case int:
			err = s.BindInt64(i+1, int64(v))
		case int64:
			err = s.BindInt64(i+1, v)
		case bool:
			err = s.BindBool(i+1, v)
		case swift.Timestamp:
			err = s.BindText(i+1, v.Internal())
		default:
			panic("broker: a statement cannot take this type")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
