package ring

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/sim/disk"
)

// wall is a clock of the simulated machine.
type wall struct{}

func (wall) Now() time.Time { return time.Unix(1_800_000_000, 0) }

// machine is a simulated machine with a disk at /etc/swift.
func machine() (*disk.Machine, *disk.Disk) {
	m, d := disk.NewMachine(wall{}), disk.New("sda", rand.New(rand.NewPCG(1, 2)), disk.Config{})
	m.Mount("/etc/swift", d)
	return m, d
}

func TestSaveAndLoad(t *testing.T) {
	m, _ := machine()
	for name, w := range map[string]struct {
		fs  host.FS
		dir string
	}{
		"real":      {real.New("here", slog.New(slog.DiscardHandler)).FS, t.TempDir()},
		"simulated": {m.Process("p"), "/etc/swift"},
	} {
		t.Run(name, func(t *testing.T) {
			store := NewStore(w.fs, w.dir)
			for _, golden := range []string{"fractional", "removed"} { // the second replaces the first
				if err := readGolden(t, golden).Save(w.fs, w.dir+"/object.ring.gz"); err != nil {
					t.Fatal(err)
				}
			}
			r, err := store.Ring("object")
			if err != nil || !r.Equal(readGolden(t, "removed")) {
				t.Fatalf("loaded another ring, %v", err)
			}
			entries, err := w.fs.ReadDir(w.dir)
			if err != nil || len(entries) != 1 {
				t.Errorf("the directory holds %v, %v", entries, err)
			}
		})
	}
}

// TestSavePowerCut cuts the power before every operation of Save: the old
// ring or the new one is there, whole, and the new one once Save returned.
func TestSavePowerCut(t *testing.T) {
	old, next := readGolden(t, "one-zone"), readGolden(t, "fractional")
	for _, mode := range []disk.CutMode{disk.DropUnsynced, disk.KeepAll, disk.RandomSubset} {
		for n := int64(1); ; n++ {
			m, d := machine()
			fs := m.Process("p")
			const name = "/etc/swift/object.ring.gz"
			if err := old.Save(fs, name); err != nil {
				t.Fatal(err)
			}
			d.SetCrashAt(d.Ops() + n)
			saved := next.Save(fs, name) == nil
			r, err := Load(m.PowerCut(mode).Process("q"), name)
			switch {
			case err != nil:
				t.Fatalf("%v, operation %d: %v", mode, n, err)
			case r.ReplicaCount() == next.ReplicaCount():
			case saved || r.ReplicaCount() != old.ReplicaCount():
				t.Fatalf("%v, operation %d: saved is %v, found %g replicas", mode, n, saved, r.ReplicaCount())
			}
			if saved {
				if n < 4 {
					t.Errorf("only %d operations", n)
				}
				break
			}
		}
	}
}
