package diskfile_test

import (
	"path"
	"strings"
	"testing"

	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/disk"
)

// power is the part power of the tests of doubled partitions.
const power = 6

// doubled are the object's places under power and power+1.
func (w *world) doubled(t testing.TB, next int) (now, later *diskfile.Object) {
	t.Helper()
	hash := w.hasher.Hash(object)
	d := w.device(t)
	now = d.Object(pol, uint32(hash[0])>>2, object)
	later = d.Object(pol, uint32(hash[0])>>1, object)
	now.NextPartPower, later.NextPartPower = next, next
	return now, later
}

// What is written before the switch appears in the future partition as well,
// and what it replaces goes from both.
func TestNextPartPower(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		now, later := w.doubled(t, power+1)
		for _, s := range history() {
			must(t, s.do(now))
			here, there := objectFiles(t, w, now), objectFiles(t, w, later)
			if here != there || here == "" {
				t.Errorf("after %q: %q in the partition, %q in the next", s.name, here, there)
			}
			if state(t, now) != state(t, later) {
				t.Errorf("after %q: %.20q and %.20q", s.name, state(t, now), state(t, later))
			}
		}
		if part := path.Dir(path.Dir(later.Dir)); w.read(t, path.Join(part, "hashes.invalid")) == "" {
			t.Error("the next partition's suffix is not marked")
		}
	})
}

// After the switch what is replaced goes from the former partition.
func TestNextPartPowerAfterSwitch(t *testing.T) {
	w := simWorld(t, disk.Config{}, 1)
	former, now := w.doubled(t, power+1)
	must(t, put(former, stamp(1), "old"))
	for _, name := range []string{"written once", "written twice"} {
		must(t, put(now, stamp(int64(len(name))), "new"))
		if here := objectFiles(t, w, now); len(strings.Fields(here)) != 1 {
			t.Errorf("%s: %q", name, here)
		}
	}
	if got := objectFiles(t, w, former); got != stamp(1).Internal()+".data" {
		t.Errorf("the former partition has %q", got)
	}
	// A relinker that is not done yet left a newer file there too.
	must(t, w.host.FS.Link(path.Join(now.Dir, stamp(13).Internal()+".data"), path.Join(former.Dir, stamp(13).Internal()+".data")))
	must(t, put(now, stamp(20), "newer"))
	if got := objectFiles(t, w, former); got != stamp(13).Internal()+".data" {
		t.Errorf("the former partition has %q", got)
	}
}

// The link may be there already; another file of that name is left alone.
func TestNextPartPowerTaken(t *testing.T) {
	for name, same := range map[string]bool{"by a relinker": true, "by something else": false} {
		t.Run(name, func(t *testing.T) {
			w := simWorld(t, disk.Config{}, 1)
			now, later := w.doubled(t, power+1)
			must(t, w.host.FS.MkdirAll(later.Dir, 0o755))
			touch(t, w.host.FS, path.Join(later.Dir, stamp(1).Internal()+".data"))
			if same {
				must(t, w.host.FS.Remove(path.Join(later.Dir, stamp(1).Internal()+".data")))
			}
			must(t, put(now, stamp(1), "body"))
			wantBody(t, now, "body")
			if same {
				wantBody(t, later, "body")
			}
		})
	}
	w := simWorld(t, disk.Config{}, 1)
	for _, next := range []int{-1, 33, 1000} {
		now, _ := w.doubled(t, next)
		must(t, put(now, stamp(int64(next+10)), "body"))
	}
}

// Failures of what is done for the next partition are no failures of the
// write, and neither they nor a power cut harm the object.
func TestNextPartPowerFailAndCutAnywhere(t *testing.T) {
	for mode := range cutModes {
		t.Run(mode, func(t *testing.T) {
			for _, cut := range []bool{false, true} {
				for n := int64(1); ; n++ {
					w := simWorld(t, disk.Config{}, uint64(n))
					now, _ := w.doubled(t, power+1)
					at := w.disk().Ops() + n
					if cut {
						w.disk().SetCrashAt(at)
					} else {
						w.disk().FailAt(at, host.ErrIO)
					}
					acked, pending, failed, _ := run(now, history())
					over := w.disk().Ops() < at
					w.boot(t, w.machine.PowerCut(cutModes[mode]))
					now, later := w.doubled(t, power+1)
					if got := state(t, now); got != acked && got != pending {
						t.Errorf("operation %d, in %q: found %.20q, acknowledged was %.20q", n, failed, got, acked)
					}
					if _, _, err := get(later); err != nil && !swift.Is(err, swift.NotFound) {
						t.Errorf("operation %d, in %q: in the next partition: %v", n, failed, err)
					}
					if over {
						break
					}
				}
			}
		})
	}
}
