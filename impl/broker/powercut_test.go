package broker

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/swift"
	"apus/sim/disk"
)

// simDisk is a machine with one disk, holding the device "sda" durably.
func simDisk(t testing.TB, seed uint64) (*disk.Machine, *disk.Disk) {
	m := disk.NewMachine(real.Clock{})
	d := disk.New("d", rand.New(rand.NewPCG(seed, 1)), disk.Config{})
	m.Mount("/", d)
	p := m.Inspector("setup")
	require.NoError(t, p.Mkdir("/sda", 0o755))
	require.NoError(t, p.SyncDir("/"))
	p.Fence()
	return m, d
}

func simPool(t testing.TB, fs host.FS) *Pool {
	cfg := DefaultConfig()
	cfg.Devices = "/"
	h := &host.Host{Name: "sim", FS: fs, Clock: real.Clock{}, Log: slog.New(slog.DiscardHandler)}
	return NewPool(h, testHasher(t), cfg, nil)
}

// The power goes at every operation of the script in turn. What was
// acknowledged must be there afterwards.
func TestPowerCutAtEveryOperation(t *testing.T) {
	for _, mode := range []struct {
		name  string
		cut   disk.CutMode
		seeds uint64
	}{{"drop", disk.DropUnsynced, 1}, {"keep", disk.KeepAll, 1}, {"random", disk.RandomSubset, 3}} {
		t.Run(mode.name, func(t *testing.T) {
			for seed := range mode.seeds {
				cuts := powerCuts(t, seed, mode.cut)
				require.Greater(t, cuts, 60, "the script changes more than that")
			}
		})
	}
}

func powerCuts(t *testing.T, seed uint64, cut disk.CutMode) int {
	for i := int64(1); ; i++ {
		m, d := simDisk(t, seed)
		d.SetCrashAt(d.Ops() + i)
		proc := m.Process("before")
		p := simPool(t, proc)
		s := &script{rows: map[string]int64{}}
		s.run(p)
		require.NoError(t, p.Close())
		crashed := d.Crashed()
		proc.Fence()
		after := disk.NewMachine(real.Clock{})
		after.Mount("/", d.PowerCut(cut))
		proc = after.Process("after")
		p = simPool(t, proc)
		ok := t.Run(fmt.Sprintf("seed %d operation %d", seed, i), func(t *testing.T) { s.check(t, p) })
		require.NoError(t, p.Close())
		require.Empty(t, proc.OpenFiles())
		if !ok || !crashed {
			return int(i) - 1
		}
	}
}

// A process is killed at every operation, the next one works on what the
// kernel still has, and then the power goes.
func TestKillThenPowerCut(t *testing.T) {
	for i := int64(1); ; i++ {
		m, d := simDisk(t, 7)
		proc := m.Process("killed")
		f := &failFS{FS: proc, left: int(i), err: disk.ErrDead, dead: true}
		p := simPool(t, f)
		s := &script{rows: map[string]int64{}}
		s.run(p)
		require.NoError(t, p.Close())
		proc.Fence()
		proc = m.Process("next")
		p = simPool(t, proc)
		c := p.Container("sda", "7", "AUTH_test", "c")
		if err := c.PutObject(bg, object("e", 20)); err == nil {
			s.rows["e"] = 20
		} else {
			require.True(t, swift.Is(err, swift.NotFound), "%v", err)
		}
		proc.Fence()
		require.NoError(t, p.Close())
		after := disk.NewMachine(real.Clock{})
		after.Mount("/", d.PowerCut(disk.DropUnsynced))
		p = simPool(t, after.Process("after"))
		ok := t.Run(fmt.Sprintf("operation %d", i), func(t *testing.T) { s.check(t, p) })
		require.NoError(t, p.Close())
		if !ok || !f.hit {
			return
		}
	}
}

// The counts of an account have no timestamps: what was merged once must not
// be merged again after something newer.
func TestAccountCountsNeverGoBack(t *testing.T) {
	for i := int64(1); ; i++ {
		m, d := simDisk(t, uint64(i))
		d.SetCrashAt(d.Ops() + i)
		proc := m.Process("before")
		p := simPool(t, proc)
		a := p.Account("sda", "7", "AUTH_test")
		view := func(fn func(*AccountTx) error) error { return a.View(bg, fn) }
		_ = a.Create(bg, at(0), nil, swift.DefaultLimits())
		acked := int64(0)
		for n := int64(1); n <= 9; n++ {
			if a.PutContainer(bg, ContainerRow{Name: "c", PutTimestamp: at(1), ObjectCount: n}) == nil {
				acked = n
			}
			if n%3 == 0 {
				_ = view(func(x *AccountTx) error { _, err := x.Info(); return err })
			}
		}
		require.NoError(t, p.Close())
		crashed := d.Crashed()
		proc.Fence()
		after := disk.NewMachine(real.Clock{})
		after.Mount("/", d.PowerCut(disk.RandomSubset))
		p = simPool(t, after.Process("after"))
		a = p.Account("sda", "7", "AUTH_test")
		if acked > 0 {
			require.NoError(t, view(func(x *AccountTx) error {
				info, err := x.Info()
				require.GreaterOrEqual(t, info.ObjectCount, acked, "operation %d", i)
				require.Equal(t, int64(1), info.ContainerCount)
				return err
			}))
		}
		require.NoError(t, p.Close())
		if !crashed {
			require.Greater(t, i, int64(60))
			return
		}
	}
}
