package broker

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/sim/disk"
)

// cutEverywhere sets a disk up and does something on it while the power goes
// at each of its operations in turn, and again while each fails in turn and
// after each the process is gone. check looks at what a later process finds;
// done says that the operation was reported as done.
func cutEverywhere(t *testing.T, setup func(host.FS), do func(*Pool) error, check func(p *Pool, done bool)) {
	t.Helper()
	for _, cut := range []disk.CutMode{disk.DropUnsynced, disk.KeepAll, disk.RandomSubset} {
		for i := int64(1); ; i++ {
			m, d := simDisk(t, uint64(i))
			setup(m.Inspector("setup"))
			d.SetCrashAt(d.Ops() + i)
			proc := m.Process("before")
			p := simPool(t, proc)
			err := do(p)
			require.NoError(t, p.Close())
			crashed := d.Crashed()
			proc.Fence()
			after := disk.NewMachine(real.Clock{})
			after.Mount("/", d.PowerCut(cut))
			later(t, fmt.Sprintf("%v, power cut at operation %d", cut, i), after.Process("after"), err == nil, check)
			if !crashed {
				require.NoError(t, err)
				break
			}
		}
	}
	for _, mode := range []struct {
		err  error
		dead bool
	}{{host.ErrIO, false}, {host.ErrNoSpace, false}, {fs.ErrClosed, true}} {
		for i := 0; ; i++ {
			m, _ := simDisk(t, uint64(i))
			setup(m.Inspector("setup"))
			f := &failFS{FS: m.Process("before"), left: i, err: mode.err, dead: mode.dead}
			p := simPool(t, f)
			err := do(p)
			require.NoError(t, p.Close())
			require.Zero(t, f.open, "files left open")
			later(t, fmt.Sprintf("%v at operation %d", mode.err, i), m.Process("after"), err == nil, check)
			if !f.hit {
				require.NoError(t, err)
				break
			}
		}
	}
}

func later(t *testing.T, what string, fs host.FS, done bool, check func(*Pool, bool)) {
	t.Helper()
	p := simPool(t, fs)
	defer func() { require.NoError(t, p.Close()) }()
	defer func() {
		if t.Failed() {
			t.Log(what)
		}
	}()
	check(p, done)
}
