package sqlitevfs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/host/real"
)

// counted counts what reaches a file, and fails if told to.
type counted struct {
	host.File
	writes int
	early  []int64 // lengths of which the writing to the disk was begun
	fail   error
}

func (c *counted) StartWriteback(_, length int64) { c.early = append(c.early, length) }

func (c *counted) WriteAt(p []byte, off int64) (int, error) {
	if c.fail != nil {
		return 0, c.fail
	}
	c.writes++
	return c.File.WriteAt(p, off)
}

// gathering is a file that SQLite could have open, and what is below it.
func gathering(t *testing.T) (*file, *counted, string) {
	name := filepath.Join(t.TempDir(), "x")
	f, err := real.New("test", nil).FS.OpenFile(name, host.ReadWrite|host.Create, filePerm)
	require.NoError(t, err)
	c := &counted{File: f}
	return &file{f: c, pending: buffered{f: c}, name: name}, c, name
}

func write(t *testing.T, f *file, text string, off int64) {
	t.Helper()
	n, err := f.WriteAt([]byte(text), off)
	require.NoError(t, err)
	require.Equal(t, len(text), n)
}

func content(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

func TestWritesThatFollowAreOne(t *testing.T) {
	f, c, name := gathering(t)
	write(t, f, "abc", 0)
	write(t, f, "def", 3)
	require.Empty(t, content(t, name))
	write(t, f, "x", 10) // does not follow
	require.Equal(t, "abcdef", content(t, name))
	write(t, f, "A", 0) // neither does what comes again
	require.NoError(t, f.Sync(0))
	require.Equal(t, 3, c.writes)
	require.Equal(t, "Abcdef\x00\x00\x00\x00x", content(t, name))
	require.NoError(t, f.Sync(0))
	require.Equal(t, 3, c.writes)
	require.NoError(t, f.Close())
}

func TestWhatWaitsIsNoMoreThanTheBuffer(t *testing.T) {
	f, c, name := gathering(t)
	page := bytes.Repeat([]byte("p"), bufferSize/4)
	for i := range 9 {
		write(t, f, string(page), int64(i*len(page)))
	}
	require.Equal(t, 2, c.writes)
	write(t, f, string(bytes.Repeat(page, 5)), int64(9*len(page))) // larger than the buffer
	require.Equal(t, 4, c.writes)
	require.Equal(t, string(bytes.Repeat(page, 14)), content(t, name))
	require.NoError(t, f.Close())
	require.Equal(t, []int64{bufferSize, bufferSize}, c.early, "of what is large and was gathered")
}

func TestWhatWaitsIsWrittenFirst(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, f *file){
		"read": func(t *testing.T, f *file) {
			b := make([]byte, 3)
			_, err := f.ReadAt(b, 0)
			require.NoError(t, err)
			require.Equal(t, "abc", string(b))
		},
		"size": func(t *testing.T, f *file) {
			n, err := f.Size()
			require.NoError(t, err)
			require.EqualValues(t, 3, n)
		},
		"truncate": func(t *testing.T, f *file) { require.NoError(t, f.Truncate(3)) },
		"unlock": func(t *testing.T, f *file) {
			require.NoError(t, f.Lock(vfs.LOCK_SHARED))
			require.NoError(t, f.Unlock(vfs.LOCK_NONE))
		},
		"close": func(t *testing.T, f *file) { require.NoError(t, f.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			f, _, path := gathering(t)
			write(t, f, "abc", 0)
			use(t, f)
			require.Equal(t, "abc", content(t, path))
			if name != "close" {
				require.NoError(t, f.Close())
			}
		})
	}
}

// TestWhatFails: the call that needed the bytes says that they could not be
// written, even a read, whose own errors would condemn the database. They do
// not turn up later.
func TestWhatFails(t *testing.T) {
	broken := errors.New("broken")
	for name, use := range map[string]func(f *file) error{
		"write":    func(f *file) error { _, err := f.WriteAt([]byte("x"), 100); return err },
		"read":     func(f *file) error { _, err := f.ReadAt(make([]byte, 3), 0); return err },
		"size":     func(f *file) error { _, err := f.Size(); return err },
		"truncate": func(f *file) error { return f.Truncate(0) },
		"sync":     func(f *file) error { return f.Sync(0) },
		"unlock": func(f *file) error {
			f.level = vfs.LOCK_SHARED
			return f.Unlock(vfs.LOCK_NONE)
		},
		"close": func(f *file) error { return f.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range []struct {
				err, want error
			}{{host.ErrNoSpace, vfs.SystemError(host.ErrNoSpace, sqlite3.FULL)}, {broken, vfs.SystemError(broken, sqlite3.IOERR_WRITE)}} {
				f, c, path := gathering(t)
				write(t, f, "abc", 0)
				c.fail = e.err
				err := use(f)
				require.Equal(t, e.want, err)
				c.fail = nil
				if name != "close" {
					require.NoError(t, f.Sync(0))
					require.NoError(t, f.Close())
				}
				require.Empty(t, content(t, path))
			}
		})
	}
}
