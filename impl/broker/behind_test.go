package broker

import (
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/swift"
	"apus/sim/disk"
)

// syncHook calls do before every fsync of a database or its journal, unless
// it is called from there.
type syncHook struct {
	host.FS
	do   func()
	busy bool
}

func (h *syncHook) OpenFile(name string, flag int, perm fs.FileMode) (host.File, error) {
	f, err := h.FS.OpenFile(name, flag, perm)
	if err != nil || !strings.HasSuffix(name, ".db") && !strings.HasSuffix(name, ".db-journal") {
		return f, err
	}
	return &hookedFile{f, h}, nil
}

type hookedFile struct {
	host.File
	h *syncHook
}

func (f *hookedFile) Sync() error {
	if f.h.do != nil && !f.h.busy {
		f.h.busy = true
		f.h.do()
		f.h.busy = false
	}
	return f.File.Sync()
}

// duringMerge puts rows into an account and merges them while more rows
// arrive before each fsync of the merge. It returns the last count that was
// acknowledged, and how many rows came in between.
func duringMerge(p *Pool, h *syncHook) (acked int64, between int) {
	a := p.Account("sda", "7", "AUTH_test")
	_ = a.Create(bg, at(0), nil, swift.DefaultLimits())
	n := int64(0)
	put := func() {
		n++
		if a.PutContainer(bg, ContainerRow{Name: "c", PutTimestamp: at(1), ObjectCount: n}) == nil {
			acked = n
		}
	}
	merge := func() {
		_ = a.with("merge", func(d *db) error {
			p.caps.merge = 20 // less than two rows
			d.due = true      // nobody else begins one
			err := d.mergeBehind(bg)
			p.caps.merge = usualCaps().merge
			return err
		})
	}
	for range 2 {
		put()
		put()
		left := 5
		h.do = func() {
			if left--; left >= 0 {
				before := acked
				put()
				between += int(acked - before)
			}
		}
		merge()
		h.do = nil
	}
	put()
	return acked, between
}

// Rows are appended in the midst of a merge. The power goes at every
// operation in turn, and every operation fails in turn.
func TestAppendsDuringMerge(t *testing.T) {
	t.Run("undisturbed", func(t *testing.T) {
		m, _ := simDisk(t, 1)
		h := &syncHook{FS: m.Process("p")}
		p := simPool(t, h)
		acked, between := duringMerge(p, h)
		require.Equal(t, int64(15), acked)
		require.Equal(t, 10, between, "appends must not wait for the merge")
		requireCount(t, p, acked)
		require.NoError(t, p.Close())
	})
	for _, cut := range []disk.CutMode{disk.DropUnsynced, disk.KeepAll, disk.RandomSubset} {
		t.Run(fmt.Sprint("power cut ", cut), func(t *testing.T) { cutDuringMerge(t, cut) })
	}
	for _, mode := range []struct {
		err  error
		dead bool
	}{{host.ErrIO, false}, {host.ErrNoSpace, false}, {disk.ErrDead, true}} {
		t.Run(fmt.Sprint(mode.err), func(t *testing.T) { failDuringMerge(t, mode.err, mode.dead) })
	}
}

func cutDuringMerge(t *testing.T, cut disk.CutMode) {
	for i := int64(1); ; i++ {
		m, d := simDisk(t, uint64(i))
		d.SetCrashAt(d.Ops() + i)
		proc := m.Process("before")
		h := &syncHook{FS: proc}
		p := simPool(t, h)
		acked, _ := duringMerge(p, h)
		require.NoError(t, p.Close())
		crashed := d.Crashed()
		proc.Fence()
		after := disk.NewMachine(real.Clock{})
		after.Mount("/", d.PowerCut(cut))
		p = simPool(t, after.Process("after"))
		requireCount(t, p, acked)
		require.NoError(t, p.Close())
		if t.Failed() {
			t.Fatalf("power cut at operation %d", i)
		}
		if !crashed {
			require.Greater(t, i, int64(80))
			return
		}
	}
}

func failDuringMerge(t *testing.T, err error, dead bool) {
	for i := 0; ; i++ {
		m, d := simDisk(t, uint64(i))
		f := &failFS{FS: m.Process("before"), left: i, err: err, dead: dead}
		h := &syncHook{FS: f}
		p := simPool(t, h)
		acked, _ := duringMerge(p, h)
		require.NoError(t, p.Close())
		require.Zero(t, f.open, "files left open")
		p = simPool(t, m.Process("next"))
		requireCount(t, p, acked)
		require.NoError(t, p.Close())
		after := disk.NewMachine(real.Clock{})
		after.Mount("/", d.PowerCut(disk.DropUnsynced))
		p = simPool(t, after.Process("after"))
		requireCount(t, p, acked)
		require.NoError(t, p.Close())
		if t.Failed() {
			t.Fatalf("%v at operation %d", err, i)
		}
		if !f.hit {
			return
		}
	}
}

// requireCount wants a count that is not older than the last acknowledged one.
func requireCount(t *testing.T, p *Pool, acked int64) {
	t.Helper()
	if acked == 0 {
		return
	}
	require.NoError(t, p.Account("sda", "7", "AUTH_test").View(bg, func(x *AccountTx) error {
		info, err := x.Info()
		require.GreaterOrEqual(t, info.ObjectCount, acked)
		require.Equal(t, int64(1), info.ContainerCount)
		return err
	}))
}

// Many put rows while merges run behind them and others read: nothing
// acknowledged is missing from what is read later, and Close waits for the
// merges.
func TestMergesBehindManyWriters(t *testing.T) {
	m, _ := simDisk(t, 3)
	p := simPool(t, m.Process("p"))
	p.caps = pendingCaps{merge: 1000, behind: 20000, stop: 40000, most: 1 << 20, rounds: 3}
	c := newContainer(t, p, "c")
	var acked atomic.Int64
	failed := make(chan error, 8)
	for w := range 8 {
		go func() {
			for i := range 200 {
				if err := c.PutObject(bg, object(fmt.Sprintf("%d-%d", w, i), 1)); err != nil {
					failed <- err
					return
				}
				acked.Add(1)
				if i%50 != w {
					continue
				}
				before := acked.Load()
				err := c.View(bg, func(x *ContainerTx) error {
					info, err := x.Info()
					if err == nil && info.ObjectCount < before {
						err = fmt.Errorf("%d objects after %d were acknowledged", info.ObjectCount, before)
					}
					return err
				})
				if err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range 8 {
		require.NoError(t, <-failed)
	}
	require.Equal(t, int64(1600), info(t, c).ObjectCount)
	require.NoError(t, p.Close())
	p = simPool(t, m.Process("later"))
	require.Equal(t, int64(1600), info(t, p.Container("sda", "7", "AUTH_test", "c")).ObjectCount)
	require.NoError(t, p.Close())
}

// A merge that cannot be done leaves the rows pending, and past the last cap
// appends say so.
func TestMergeBehindFails(t *testing.T) {
	m, _ := simDisk(t, 3)
	p := simPool(t, &journalless{m.Process("p")})
	p.caps = pendingCaps{merge: 300, behind: 20000, stop: 1000, most: 2000, rounds: 3}
	c := p.Container("sda", "7", "AUTH_test", "c")
	require.NoError(t, c.Create(bg, ContainerInit{PutTimestamp: at(0), Limits: swift.DefaultLimits()}))
	acked := 0
	for i := range 100 {
		if c.PutObject(bg, object(fmt.Sprint(i), 1)) != nil {
			break
		}
		acked++
	}
	require.Less(t, acked, 100, "the pending file must not grow for ever")
	require.Greater(t, acked, 2)
	require.NoError(t, p.Close())
	p = simPool(t, m.Process("later"))
	require.Equal(t, int64(acked), info(t, p.Container("sda", "7", "AUTH_test", "c")).ObjectCount)
	require.NoError(t, p.Close())
}

// journalless has no room for journals.
type journalless struct{ host.FS }

func (j *journalless) OpenFile(name string, flag int, perm fs.FileMode) (host.File, error) {
	if strings.HasSuffix(name, "-journal") {
		return nil, host.ErrNoSpace
	}
	return j.FS.OpenFile(name, flag, perm)
}
