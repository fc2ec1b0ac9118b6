package broker

import (
	"io/fs"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/swift"
)

// failFS fails the n-th operation that changes something on disk; with dead
// set every operation from then on, as for a process that was killed.
type failFS struct {
	host.FS
	mu   sync.Mutex
	left int // operations that still succeed
	err  error
	dead bool
	hit  bool
	open int
}

func (f *failFS) step(changes bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hit && f.dead {
		return f.err
	}
	if !changes || f.hit {
		return nil
	}
	if f.left--; f.left < 0 {
		f.hit = true
		return f.err
	}
	return nil
}

func (f *failFS) OpenFile(name string, flag int, perm fs.FileMode) (host.File, error) {
	if err := f.step(flag&(host.Create|host.Truncate) != 0); err != nil {
		return nil, err
	}
	inner, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.open++
	f.mu.Unlock()
	return &failFile{inner, f}, nil
}

func (f *failFS) Mkdir(name string, perm fs.FileMode) error {
	if err := f.step(true); err != nil {
		return err
	}
	return f.FS.Mkdir(name, perm)
}

func (f *failFS) MkdirAll(name string, perm fs.FileMode) error {
	if err := f.step(true); err != nil {
		return err
	}
	return f.FS.MkdirAll(name, perm)
}

func (f *failFS) Remove(name string) error {
	if err := f.step(true); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *failFS) Rename(a, b string) error {
	if err := f.step(true); err != nil {
		return err
	}
	return f.FS.Rename(a, b)
}

func (f *failFS) SyncDir(name string) error {
	if err := f.step(true); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

func (f *failFS) Stat(name string) (fs.FileInfo, error) {
	if err := f.step(false); err != nil {
		return nil, err
	}
	return f.FS.Stat(name)
}

type failFile struct {
	host.File
	f *failFS
}

func (x *failFile) Close() error {
	x.f.mu.Lock()
	x.f.open--
	x.f.mu.Unlock()
	return x.File.Close()
}

func (x *failFile) ReadAt(p []byte, off int64) (int, error) {
	if err := x.f.step(false); err != nil {
		return 0, err
	}
	return x.File.ReadAt(p, off)
}

func (x *failFile) WriteAt(p []byte, off int64) (int, error) {
	if err := x.f.step(true); err != nil {
		n, _ := x.File.WriteAt(p[:len(p)/2], off) // torn
		return n, err
	}
	return x.File.WriteAt(p, off)
}

func (x *failFile) Write(p []byte) (int, error) {
	if err := x.f.step(true); err != nil {
		n, _ := x.File.Write(p[:len(p)/2])
		return n, err
	}
	return x.File.Write(p)
}

func (x *failFile) Sync() error {
	if err := x.f.step(true); err != nil {
		return err
	}
	return x.File.Sync()
}

func (x *failFile) Truncate(size int64) error {
	if err := x.f.step(true); err != nil {
		return err
	}
	return x.File.Truncate(size)
}

// script does a little of everything and remembers what was acknowledged.
type script struct {
	rows map[string]int64 // name → time of the newest acknowledged update, negative for a removal
	meta string           // value that was acknowledged last
	made bool
}

func (s *script) run(p *Pool) {
	c := p.Container("sda", "7", "AUTH_test", "c")
	s.made = c.Create(bg, ContainerInit{PutTimestamp: at(0), Limits: swift.DefaultLimits()}) == nil
	put := func(name string, when int64) {
		if c.PutObject(bg, object(name, when)) == nil {
			s.rows[name] = when
		}
	}
	read := func() {
		_ = c.View(bg, func(x *ContainerTx) error { _, err := x.Info(); return err })
	}
	set := func(value string, when int64) {
		m := Metadata{}
		m.Set("X-Container-Meta-K", value, at(when))
		if c.Update(bg, func(x *ContainerTx) error { return x.UpdateMetadata(m, swift.DefaultLimits()) }) == nil {
			s.meta = value
		}
	}
	put("a", 1)
	put("b", 2)
	read()
	set("one", 3)
	put("c", 4)
	put("a", 5)
	set("two", 6)
	if c.PutObject(bg, DeletedObject("b", at(7), 0)) == nil {
		s.rows["b"] = -7
	}
	put("d", 8)
	read()
}

// check looks at what a later process finds. Updates that failed may be
// there or not.
func (s *script) check(t *testing.T, p *Pool) {
	c := p.Container("sda", "7", "AUTH_test", "c")
	err := c.View(bg, func(x *ContainerTx) error {
		var result string
		_, err := x.t.row("PRAGMA integrity_check", nil, func(s *stmt) { result = s.ColumnText(0) })
		require.NoError(t, err)
		require.Equal(t, "ok", result)
		for name, when := range s.rows {
			row, err := x.t.object(objectKey{name, 0})
			require.NoError(t, err)
			require.NotNil(t, row, "acknowledged row %q is lost", name)
			newest := max(when, -when)
			data, _, _, err := decodeTimes(row.CreatedAt)
			require.NoError(t, err)
			require.False(t, data.Before(at(newest)), "row %q is of %v, acknowledged was %v", name, data, at(newest))
			if when < 0 {
				require.True(t, row.Deleted, name)
			}
		}
		meta, err := x.Metadata()
		require.NoError(t, err)
		if got := meta["X-Container-Meta-K"].Value; s.meta != "" && got != "two" {
			require.Equal(t, s.meta, got)
		}
		return nil
	})
	if s.made || len(s.rows) > 0 {
		require.NoError(t, err)
	} else if err != nil {
		require.True(t, swift.Is(err, swift.NotFound), "%v", err)
	}
	require.NoError(t, c.PutObjectOrCreate(bg), "the database must be usable again")
}

// Every operation fails in turn on the simulated disk; every eleventh on the
// real one, where fsync takes its time.
func TestEveryFailingOperation(t *testing.T) {
	for _, mode := range []struct {
		name string
		err  error
		dead bool
	}{
		{"input/output error", host.ErrIO, false},
		{"no space", host.ErrNoSpace, false},
		{"killed", fs.ErrClosed, true},
	} {
		fail := func(inner host.FS, i int) *failFS {
			return &failFS{FS: inner, left: i, err: mode.err, dead: mode.dead}
		}
		t.Run(mode.name, func(t *testing.T) {
			failed := 0
			for ; ; failed++ {
				m, _ := simDisk(t, 1)
				f := fail(m.Process("p"), failed)
				if !failAndCheck(t, f, func() *Pool { return simPool(t, f) }, func() *Pool { return simPool(t, m.Process("q")) }) {
					break
				}
			}
			require.Greater(t, failed, 60, "the script changes more than that")
		})
		t.Run(mode.name+", real", func(t *testing.T) {
			for i := 0; ; i += 11 {
				var f *failFS
				p := newPool(t, func(inner host.FS) host.FS { f = fail(inner, i); return f })
				if !failAndCheck(t, f, func() *Pool { return p }, func() *Pool { return poolAt(t, p.cfg.Devices, nil) }) {
					break
				}
			}
		})
	}
}

// failAndCheck reports whether an operation failed at all.
func failAndCheck(t *testing.T, f *failFS, before, after func() *Pool) bool {
	p := before()
	s := &script{rows: map[string]int64{}}
	s.run(p)
	require.NoError(t, p.Close())
	require.Zero(t, f.open, "files left open")
	if !f.hit {
		return false
	}
	p = after()
	s.check(t, p)
	require.NoError(t, p.Close())
	return true
}
