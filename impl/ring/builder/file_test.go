package builder

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/pickle"
	"apus/impl/swift"
	"apus/sim/disk"
)

type wall struct{}

func (wall) Now() time.Time { return clock() }

// clock is an hour after testdata was made.
func clock() time.Time { return time.Unix(1795527920+4000, 0) }

func golden(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".builder"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func load(t testing.TB, name string) *Builder {
	t.Helper()
	b, err := decode(clock, golden(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// values is the content of a builder file, keys sorted.
func values(t testing.TB, raw []byte) any {
	t.Helper()
	v, err := pickle.DecodeWith(raw, limits())
	if err != nil {
		t.Fatal(err)
	}
	return sorted(v)
}

func sorted(v any) any {
	switch v := v.(type) {
	case pickle.Dict:
		v = slices.Clone(v)
		for i := range v {
			v[i].Value = sorted(v[i].Value)
		}
		if len(v) > 0 {
			if _, ok := v[0].Key.(string); ok {
				slices.SortFunc(v, func(a, b pickle.Item) int { return strings.Compare(a.Key.(string), b.Key.(string)) })
			}
		}
		return v
	case pickle.List:
		v = slices.Clone(v)
		for i := range v {
			v[i] = sorted(v[i])
		}
		return v
	}
	return v
}

// What upstream wrote and this package wrote again holds the same values, to
// the type.
func TestFilesOfUpstreamAreKept(t *testing.T) {
	for _, name := range []string{"fresh", "small", "leaving", "dropped", "doubled"} {
		raw, err := pickle.Encode(load(t, name).dict(), pickle.Protocol2)
		if err != nil {
			t.Fatal(err)
		}
		want := values(t, golden(t, name)).(pickle.Dict)
		want = append(want, pickle.Item{Key: "dev_id_bytes", Value: int64(2)}) // newer than the recording
		switch name {
		case "doubled":
			moves, _ := want.Get("_last_part_moves")
			want.Set("_last_part_moves", pickle.Array{Code: 'B', Values: moves.(pickle.Ints)})
		case "leaving": // weight 0 of a removed device is an int there
			for _, key := range []string{"devs", "_remove_devs"} {
				devs, _ := want.Get(key)
				for _, d := range devs.(pickle.List) {
					d := d.(pickle.Dict)
					if w, _ := d.Get("weight"); w == any(int64(0)) {
						d.Set("weight", 0.0)
						d.Set("parts_wanted", 0.0)
					}
				}
			}
		}
		if diff := cmp.Diff(sorted(want), values(t, raw)); diff != "" {
			t.Errorf("%s (-upstream +here):\n%s", name, diff)
		}
	}
}

func TestOldFilesLoad(t *testing.T) {
	want := load(t, "small")
	py2 := load(t, "python2")
	if diff := cmp.Diff(want.dict(), py2.dict()); diff != "" {
		t.Errorf("python2 (-small +python2):\n%s", diff)
	}
	old := load(t, "old-lists")
	if old.ID() != "" || old.Overload() != 0 || old.epoch != 0 {
		t.Errorf("id %q, overload %g, epoch %d", old.ID(), old.Overload(), old.epoch)
	}
	if _, known := old.Dispersion(); known {
		t.Error("knows a dispersion that nobody recorded")
	}
	if diff := cmp.Diff(want.rows, old.rows); diff != "" {
		t.Error(diff)
	}
	d, _ := old.Device(1)
	if d.Region != 1 || d.ReplicationIP != "10.0.0.2" || d.ReplicationPort != 6200 || d.Meta != "" {
		t.Errorf("defaults of an old device: %+v", d)
	}
}

// A loaded builder goes on as upstream's does.
func TestRebalanceOfALoadedFile(t *testing.T) {
	b := load(t, "leaving")
	b.PretendMinPartHoursPassed()
	if _, err := b.Rebalance(SeedText("drop")); err != nil {
		t.Fatal(err)
	}
	want := load(t, "dropped")
	if diff := cmp.Diff(want.rows, b.rows); diff != "" {
		t.Errorf("-upstream +here:\n%s", diff)
	}
	if b.Version() != want.Version() || b.gatherStart != want.gatherStart || len(b.devs) != len(want.devs) {
		t.Errorf("version %d, start %d; upstream %d, %d", b.Version(), b.gatherStart, want.Version(), want.gatherStart)
	}
}

func TestIncreaseIsUpstreams(t *testing.T) {
	b := load(t, "small")
	if b.Increase() || b.CancelIncrease() || b.FinishIncrease() {
		t.Error("went on with an increase that was never prepared")
	}
	if !b.PrepareIncrease() || b.PrepareIncrease() || !b.Increase() || b.Increase() {
		t.Error("the steps of an increase are not taken once each")
	}
	if diff := cmp.Diff(load(t, "doubled").dict(), b.dict()); diff != "" {
		t.Errorf("-upstream +here:\n%s", diff)
	}
	if !b.FinishIncrease() || b.NextPartPower() != 0 || !b.PrepareIncrease() || !b.CancelIncrease() || b.NextPartPower() != 4 || !b.FinishIncrease() {
		t.Error("an increase cannot be finished, or cancelled")
	}
	if err := b.Validate(); err != nil {
		t.Error(err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	m := disk.NewMachine(wall{})
	m.Mount("/etc/swift", disk.New("sda", rand.New(rand.NewPCG(1, 2)), disk.Config{}))
	for dir, fs := range map[string]host.FS{
		t.TempDir():  real.New("here", slog.New(slog.DiscardHandler)).FS,
		"/etc/swift": m.Process("p"),
	} {
		name := path.Join(dir, "object.builder")
		if _, err := Load(fs, clock, name); !swift.Is(err, swift.NotFound) {
			t.Errorf("no file: %v", err)
		}
		b := load(t, "old-lists")
		if err := b.Save(fs, name); err != nil {
			t.Fatal(err)
		}
		id := b.ID()
		if len(id) != 32 || id[12] != '4' {
			t.Errorf("id %q is no random UUID", id)
		}
		got, err := Load(fs, clock, name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.dict(), got.dict()); diff != "" {
			t.Error(diff)
		}
		if err := got.Save(fs, name); err != nil || got.ID() != id {
			t.Errorf("a second Save: id %q, %v", got.ID(), err)
		}
	}
}

// TestSaveFailAnywhere fails every operation of Save in turn: the old file
// stays, and a builder that was not saved has got no id.
func TestSaveFailAnywhere(t *testing.T) {
	for n := int64(1); ; n++ {
		fs, d := savedFresh(t)
		b := load(t, "old-lists")
		d.FailAt(d.Ops()+n, os.ErrPermission)
		if err := b.Save(fs, saved); err == nil {
			if n < 4 {
				t.Errorf("only %d operations", n)
			}
			return
		}
		if b.ID() != "" {
			t.Errorf("operation %d: has an id that is in no file for sure", n)
		}
		if _, err := Load(fs, clock, saved); err != nil {
			t.Errorf("operation %d: %v", n, err)
		}
	}
}

const saved = "/etc/swift/object.builder"

func savedFresh(t *testing.T) (host.FS, *disk.Disk) {
	t.Helper()
	m, d := disk.NewMachine(wall{}), disk.New("sda", rand.New(rand.NewPCG(1, 2)), disk.Config{})
	m.Mount("/etc/swift", d)
	fs := m.Process("p")
	if err := load(t, "fresh").Save(fs, saved); err != nil {
		t.Fatal(err)
	}
	return fs, d
}

// TestSavePowerCut cuts the power before every operation of Save: the old
// builder or the new one is there, and the new one once Save returned.
func TestSavePowerCut(t *testing.T) {
	for _, mode := range []disk.CutMode{disk.DropUnsynced, disk.KeepAll, disk.RandomSubset} {
		for n := int64(1); ; n++ {
			m, d := disk.NewMachine(wall{}), disk.New("sda", rand.New(rand.NewPCG(1, 2)), disk.Config{})
			m.Mount("/etc/swift", d)
			fs := m.Process("p")
			old, next := load(t, "fresh"), load(t, "small")
			if err := old.Save(fs, saved); err != nil {
				t.Fatal(err)
			}
			d.SetCrashAt(d.Ops() + n)
			ok := next.Save(fs, saved) == nil
			b, err := Load(m.PowerCut(mode).Process("q"), clock, saved)
			if err != nil {
				t.Fatalf("%v, operation %d: %v", mode, n, err)
			}
			if v := b.Version(); v != next.Version() && (ok || v != old.Version()) {
				t.Fatalf("%v, operation %d: saved is %v, found version %d", mode, n, ok, v)
			}
			if ok {
				break
			}
		}
	}
}

func TestWrongFilesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(d *pickle.Dict)
		want   string
	}{
		"part power":    {func(d *pickle.Dict) { d.Set("part_power", int64(33)) }, "part_power is 33"},
		"parts":         {func(d *pickle.Dict) { d.Set("parts", int64(16)) }, "parts is 16"},
		"replicas":      {func(d *pickle.Dict) { d.Set("replicas", 0.5) }, "replicas is 0.5"},
		"no version":    {func(d *pickle.Dict) { d.Delete("version") }, "version is"},
		"no devs":       {func(d *pickle.Dict) { d.Delete("devs") }, "devs is missing"},
		"misplaced":     {func(d *pickle.Dict) { v, _ := d.Get("devs"); l := v.(pickle.List); l[0], l[1] = l[1], l[0] }, "device 1 stands at place 0"},
		"hole in use":   {func(d *pickle.Dict) { v, _ := d.Get("devs"); v.(pickle.List)[0] = nil }, "which does not exist"},
		"too few moves": {func(d *pickle.Dict) { d.Set("_last_part_moves", pickle.Ints{1}) }, "_last_part_moves has 1 of 8"},
		"short row": {func(d *pickle.Dict) {
			d.Set("_replica2part2dev", pickle.List{pickle.Ints{0}, pickle.Ints{0}})
		}, "replica 0 has 1 of 8"},
		"unknown leaves": {func(d *pickle.Dict) {
			d.Set("_remove_devs", pickle.List{pickle.Dict{{Key: "id", Value: int64(9)}}})
		}, "no device 9"},
	} {
		d := values(t, golden(t, "small")).(pickle.Dict)
		c.change(&d)
		raw, err := pickle.Encode(d, pickle.Protocol2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(clock, raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := decode(clock, []byte("cos\nsystem\n(S'true'\ntR.")); err == nil || !strings.Contains(err.Error(), "os.system") {
		t.Errorf("a pickle that calls a program: %v", err)
	}
}

// FuzzLoadBuilder: whatever loads can be worked on and saved, and is the same
// after it.
func FuzzLoadBuilder(f *testing.F) {
	for _, name := range []string{"fresh", "small", "leaving", "dropped", "doubled", "old-lists", "python2"} {
		f.Add(golden(f, name))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := decode(clock, raw)
		if err != nil || b.PartPower() > 12 || len(b.devs) > 1000 {
			return
		}
		out, err := pickle.Encode(b.dict(), pickle.Protocol2)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(clock, out)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.dict(), again.dict()); diff != "" {
			t.Fatal(diff)
		}
		_ = b.Validate()
		_, _ = b.Balance()
		_, _ = b.RequiredOverload()
		_, _ = b.Ring()
		if b.EverRebalanced() {
			_, _ = b.Dispersal(nil, false)
		}
		if len(b.devs) < 20 && b.replicas < 20 {
			_, _ = b.Rebalance(SeedNumber(1))
		}
	})
}
