// Package recon keeps Swift's recon cache: files in which daemons leave their
// latest figures for the recon filter and for monitoring to read.
//
// # Format
//
// <recon_cache_path>/{account,container,object,drive,relinker}.recon, each one
// line: a JSON object as Python's json.dumps writes it with sorted keys, ASCII
// only. Values are null, booleans, numbers, strings, lists and objects; some
// are objects by disk or worker, which are merged one level deep.
//
// A writer locks the file itself (flock), and, having got the lock, looks
// whether the file still has its name, for it is replaced by a rename and not
// written in place. Nothing is synced: the figures are of the running system
// and a power cut may lose them.
package recon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
)

// Files of the cache.
const (
	AccountFile   = "account.recon"
	ContainerFile = "container.recon"
	ObjectFile    = "object.recon"
	DriveFile     = "drive.recon"
	RelinkerFile  = "relinker.recon"
)

// DefaultPath is the directory of the cache unless recon_cache_path says
// otherwise.
const DefaultPath = "/var/cache/swift"

const (
	lockLimit = 2 * time.Second // how long another writer may hold a file
	lockPoll  = 10 * time.Millisecond
	// maxFileBytes bounds what is read of a file; the largest honest ones, of
	// a relinker with many disks, are a few hundred KiB.
	maxFileBytes = 16 << 20
)

// Cache is the recon files of one directory. It is safe for concurrent use,
// also by several processes.
type Cache struct {
	fs  host.FS
	dir string
}

// New names the cache in dir.
func New(fs host.FS, dir string) *Cache { return &Cache{fs, dir} }

// Update merges values into a file. A value that is an empty map removes its
// key; a map is merged into the map that is there, and an empty map in it
// removes that key of it; everything else replaces. Values are nil, booleans,
// numbers, strings, []any and map[string]any, or what encoding/json can encode.
//
// An error leaves the file as it was. It is worth a line in the log, not the
// end of a pass.
func (c *Cache) Update(ctx context.Context, file string, values map[string]any) error {
	const op = "recon.Update"
	name := path.Join(c.dir, file)
	update, err := plain(values)
	if err != nil {
		return swift.E(op, name, swift.Invalid, err)
	}
	lock, err := c.lock(ctx, name)
	if err != nil {
		return swift.E(op, name, swift.Other, err)
	}
	defer lock.Close() // frees the lock
	entry, err := c.Read(file)
	switch {
	case swift.Is(err, swift.Corrupt):
		entry = map[string]any{} // worth nothing; begin anew
	case err != nil:
		return err
	}
	Merge(entry, update.(map[string]any))
	text, err := Encode(entry)
	if err == nil {
		err = c.replace(name, append(text, '\n'))
	}
	if err != nil {
		return swift.E(op, name, swift.Other, err)
	}
	return nil
}

// Read is the content of a file, empty if it is absent or was never filled.
// Numbers are json.Number. Kind Corrupt means that it is no JSON object.
func (c *Cache) Read(file string) (map[string]any, error) {
	text, err := c.ReadText(file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]any{}, nil
	}
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if len(line) == 0 {
		return map[string]any{}, nil
	}
	entry, err := Decode(line)
	if err != nil {
		return nil, swift.E("recon.Read", path.Join(c.dir, file), swift.Corrupt, err)
	}
	return entry, nil
}

// ReadText is the bytes of a file.
func (c *Cache) ReadText(file string) ([]byte, error) {
	const op = "recon.Read"
	name := path.Join(c.dir, file)
	f, err := c.fs.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return nil, swift.E(op, name, swift.Other, err)
	}
	defer f.Close() // read only
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("more than %d bytes; remove the file, daemons fill it again", maxFileBytes)
	}
	if err != nil {
		return nil, swift.E(op, name, swift.Other, err)
	}
	return text, nil
}

// lock opens the file, making it if need be, and locks it.
func (c *Cache) lock(ctx context.Context, name string) (host.File, error) {
	watch := host.StartStopwatch()
	for {
		f, err := c.fs.OpenFile(name, host.ReadWrite|host.Create, 0o600)
		if err != nil {
			return nil, err
		}
		if err = f.TryLock(host.Exclusively); err == nil {
			if c.current(f, name) {
				return f, nil
			}
			err = host.ErrWouldBlock // another writer has just replaced it
		}
		_ = f.Close()
		if !errors.Is(err, host.ErrWouldBlock) {
			return nil, err
		}
		if watch.Elapsed() >= lockLimit {
			return nil, fmt.Errorf("another process has held the lock for %v", lockLimit)
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// current reports whether f still is the file of that name. host.FS tells no
// inode numbers; two versions of a file that agree in size and time are taken
// for one, at the worst losing one of two updates made within a clock tick.
func (c *Cache) current(f host.File, name string) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := c.fs.Stat(name)
	return err == nil && here.Size() == there.Size() && here.ModTime().Equal(there.ModTime())
}

// replace puts text in the place of the file. The caller holds the lock, so
// nobody else uses the temporary name; what a crash leaves of it is overwritten
// the next time.
func (c *Cache) replace(name string, text []byte) error {
	tmp := name + ".tmp"
	f, err := c.fs.OpenFile(tmp, host.ReadWrite|host.Create|host.Truncate, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = c.fs.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, ignoreAbsent(c.fs.Remove(tmp)))
	}
	return nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Merge merges update into entry by the rule of Cache.Update. Values are those
// of Decode.
func Merge(entry, update map[string]any) {
	for key, value := range update {
		fields, ok := value.(map[string]any)
		switch {
		case !ok:
			entry[key] = value
		case len(fields) == 0:
			delete(entry, key)
		default:
			mergeFields(entry, key, fields)
		}
	}
}

func mergeFields(entry map[string]any, key string, fields map[string]any) {
	old, ok := entry[key].(map[string]any)
	if !ok {
		old = map[string]any{}
		entry[key] = old
	}
	for k, v := range fields {
		if m, ok := v.(map[string]any); ok && len(m) == 0 {
			delete(old, k)
		} else {
			old[k] = v
		}
	}
}

// Decode reads a JSON object; numbers become json.Number, so that none changes
// on its way through.
func Decode(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, errors.New("it is null, not an object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("text after the object")
	}
	return out, nil
}
