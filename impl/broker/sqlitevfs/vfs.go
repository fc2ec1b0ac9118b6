// Package sqlitevfs puts SQLite on a host.FS: a virtual file system for
// github.com/ncruces/go-sqlite3.
//
// Locks are taken on the byte offsets that SQLite's own Unix file system
// uses, so that any other SQLite in another process may have the same file
// open. A rollback journal that is new in its directory makes the directory
// durable the first time it is synced, and its removal is durable where
// SQLite asks for that (PRAGMA synchronous = EXTRA), so that a committed
// transaction survives a power cut. There is no shared memory, hence no WAL.
// Scratch files without a name live in memory.
//
// Writes that follow one another are gathered and reach the host.FS as one, at
// the latest when the file is synced: a page of a journal comes in three pieces.
// A connection must not set PRAGMA synchronous = OFF with a journal in a file,
// since the order of writes to both is kept by syncing alone.
package sqlitevfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"apus/impl/host"
)

// FS is a host.FS registered with SQLite. Close it after the last Conn.
type FS struct {
	fs   host.FS
	name string
	mu   struct {
		sync.Mutex
		next int
		main map[string]*file // main database files by connection token
	}
}

// Conn is one connection to a database file.
type Conn struct {
	*sqlite3.Conn
	fs   host.FS
	name string
	main *file
}

const tokenParameter = "apus_conn"

// Register makes fs known to SQLite under a name of its own.
func Register(fs host.FS) *FS {
	v := &FS{fs: fs}
	v.name = fmt.Sprintf("apus-%p", v) // unique while v lives, and it lives as long as it is registered
	v.mu.main = map[string]*file{}
	vfs.Register(v.name, v)
	return v
}

// Close takes the file system away from SQLite.
func (v *FS) Close() { vfs.Unregister(v.name) }

// OpenConn opens the database file name. With create it is made if absent.
func (v *FS) OpenConn(name string, create bool) (*Conn, error) {
	flags := sqlite3.OPEN_READWRITE | sqlite3.OPEN_URI
	if create {
		flags |= sqlite3.OPEN_CREATE
	}
	token := v.newToken()
	u := url.URL{Scheme: "file", Path: name, RawQuery: url.Values{"vfs": {v.name}, tokenParameter: {token}}.Encode()}
	c, err := sqlite3.OpenFlags(u.String(), flags)
	main := v.takeMain(token)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, fs: v.fs, name: name, main: main}, nil
}

func (v *FS) newToken() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mu.next++
	return strconv.Itoa(v.mu.next)
}

func (v *FS) takeMain(token string) *file {
	v.mu.Lock()
	defer v.mu.Unlock()
	f := v.mu.main[token]
	delete(v.mu.main, token)
	return f
}

// Moved reports whether the name of the database is no longer the file that
// this connection has open: it was renamed, removed or replaced. A write by
// somebody else at the same instant may be taken for that.
func (c *Conn) Moved() (bool, error) {
	there, err := c.fs.Stat(c.name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	here, err := c.main.f.Stat()
	if err != nil {
		return false, err
	}
	return !SameFile(here, there), nil
}

// SameFile reports whether two descriptions taken at about the same time can
// be of one file. host.FS tells no inode numbers; size and modification time
// tell two databases apart.
func SameFile(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

var (
	_ vfs.VFS         = (*FS)(nil)
	_ vfs.VFSFilename = (*FS)(nil)
)

// Open opens a file that has no URI parameters.
func (v *FS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, err := v.open(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return f, flags, nil
}

// OpenFilename opens a file; a main database file is remembered for OpenConn.
func (v *FS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name == nil || name.String() == "" {
		return &scratch{}, flags | vfs.OPEN_READWRITE, nil
	}
	f, err := v.open(name.String(), flags)
	if err != nil {
		return nil, flags, err
	}
	if flags&vfs.OPEN_MAIN_DB != 0 {
		v.mu.Lock()
		v.mu.main[name.URIParameter(tokenParameter)] = f
		v.mu.Unlock()
	}
	return f, flags, nil
}

// filePerm is that of databases and journals, as upstream makes them: they hold
// what users named things, so only the servers' own user may read them.
const filePerm = 0o600

func (v *FS) open(name string, flags vfs.OpenFlag) (*file, error) {
	mode := host.ReadOnly
	if flags&vfs.OPEN_READWRITE != 0 {
		mode = host.ReadWrite
	}
	if flags&vfs.OPEN_CREATE != 0 {
		mode |= host.Create
	}
	if flags&vfs.OPEN_EXCLUSIVE != 0 {
		mode |= host.Exclusive
	}
	f, err := v.fs.OpenFile(name, mode, filePerm)
	if err != nil {
		return nil, mapError(err)
	}
	journal := flags&(vfs.OPEN_MAIN_JOURNAL|vfs.OPEN_SUPER_JOURNAL) != 0
	return &file{
		f: f, pending: buffered{f: f}, fs: v.fs, name: name, flags: flags,
		syncDir: journal && flags&vfs.OPEN_CREATE != 0,
	}, nil
}

// Delete removes a file, durably if asked.
func (v *FS) Delete(name string, syncDir bool) error {
	err := v.fs.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return vfs.SystemError(err, sqlite3.IOERR_DELETE_NOENT)
	}
	if err == nil && syncDir {
		if err := v.fs.SyncDir(path.Dir(name)); err != nil {
			return vfs.SystemError(err, sqlite3.IOERR_DIR_FSYNC)
		}
	}
	return mapError(err)
}

// Access reports whether a file exists. As on SQLite's Unix file system an
// empty file does not count: an empty journal has nothing to roll back.
func (v *FS) Access(name string, _ vfs.AccessFlag) (bool, error) {
	info, err := v.fs.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, mapError(err)
	}
	return info.IsDir() || info.Size() > 0, nil
}

// FullPathname is the identity: names are absolute already.
func (v *FS) FullPathname(name string) (string, error) { return name, nil }

// mapError names the errors that SQLite must tell from others. The rest get
// the code of the operation.
func mapError(err error) error {
	switch {
	case err == nil, err == io.EOF:
		return err
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, host.ErrNoSpace):
		return vfs.SystemError(err, sqlite3.FULL)
	case errors.Is(err, host.ErrReadOnly):
		return vfs.SystemError(err, sqlite3.READONLY)
	}
	return err
}
