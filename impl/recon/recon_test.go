package recon_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/recon"
	"apus/sim/disk"
)

func newDisk(seed uint64) (*disk.Disk, *disk.Process) {
	m := disk.NewMachine(real.Clock{})
	d := disk.New("d", rand.New(rand.NewPCG(seed, 1)), disk.Config{})
	m.Mount("/", d)
	return d, m.Process("daemon")
}

func text(t *testing.T, c *recon.Cache) string {
	t.Helper()
	b, err := c.ReadText(recon.ObjectFile)
	require.NoError(t, err)
	return string(b)
}

func put(t *testing.T, fs host.FS, name, content string) {
	t.Helper()
	f, err := fs.OpenFile(name, host.ReadWrite|host.Create|host.Truncate, 0o600)
	require.NoError(t, err)
	_, err = io.WriteString(f, content)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// What upstream's dump_recon_cache of swift 2.30.1 wrote for the same updates.
func TestUpdate(t *testing.T) {
	type object = map[string]any
	for _, tt := range []struct {
		name, before string
		update       object
		want         string
	}{
		{"first", "", object{"object_updater_sweep": 1.5}, `{"object_updater_sweep": 1.5}`},
		{"other keys stay", `{"b": 1, "a": null}`, object{"c": "x"}, `{"a": null, "b": 1, "c": "x"}`},
		{"replaced", `{"a": 1}`, object{"a": 2}, `{"a": 2}`},
		{"nil is a value", `{"a": 1}`, object{"a": nil}, `{"a": null}`},
		{"empty map removes", `{"a": 1, "b": 2}`, object{"a": object{}}, `{"b": 2}`},
		{"empty map of nothing", `{"b": 2}`, object{"a": object{}}, `{"b": 2}`},
		{"merged one level deep", `{"a": {"x": 1, "y": {"p": 1}}}`, object{"a": object{"y": object{"q": 2}}}, `{"a": {"x": 1, "y": {"q": 2}}}`},
		{"nested empty map removes", `{"a": {"x": 1, "y": 2}}`, object{"a": object{"y": object{}}}, `{"a": {"x": 1}}`},
		{"the last nested one", `{"a": {"y": 2}}`, object{"a": object{"y": object{}}}, `{"a": {}}`},
		{"a map where none was", `{"a": 3}`, object{"a": object{"y": 1}}, `{"a": {"y": 1}}`},
		{"a list is no map", `{"a": {"y": 1}}`, object{"a": []any{}}, `{"a": []}`},
		{"garbage is begun anew", "{nonsense", object{"a": true}, `{"a": true}`},
		{"only the first line counts", "{\"a\": 1}\n{\"b\": 2}\n", object{"c": false}, `{"a": 1, "c": false}`},
		{"numbers pass unchanged", `{"a": 1.0, "b": 1700000000.1234567, "c": 12345678901234567890}`, object{"d": 2.0}, `{"a": 1.0, "b": 1700000000.1234567, "c": 12345678901234567890, "d": 2.0}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, fs := newDisk(1)
			c := recon.New(fs, "/")
			if tt.before != "" {
				put(t, fs, "/object.recon", tt.before)
			}
			require.NoError(t, c.Update(context.Background(), recon.ObjectFile, tt.update))
			require.Equal(t, tt.want+"\n", text(t, c))
			require.Empty(t, fs.OpenFiles())
			_, err := fs.Stat("/object.recon.tmp")
			require.Error(t, err)
		})
	}
}

// Every way of failing leaves the old figures or the new ones, whole, and
// nothing open; the next update works.
func TestFailAnywhere(t *testing.T) {
	failed := 0
	for n := int64(1); ; n++ {
		d, fs := newDisk(uint64(n))
		c := recon.New(fs, "/")
		require.NoError(t, c.Update(context.Background(), recon.ObjectFile, map[string]any{"a": 1}))
		d.FailAt(d.Ops()+n, host.ErrNoSpace)
		err := c.Update(context.Background(), recon.ObjectFile, map[string]any{"a": 2})
		if err == nil {
			break
		}
		failed++
		require.ErrorIs(t, err, host.ErrNoSpace)
		require.Equal(t, "{\"a\": 1}\n", text(t, c))
		require.Empty(t, fs.OpenFiles())
		require.NoError(t, c.Update(context.Background(), recon.ObjectFile, map[string]any{"b": 3}))
		require.Equal(t, "{\"a\": 1, \"b\": 3}\n", text(t, c))
	}
	require.GreaterOrEqual(t, failed, 3, "create, write, rename")
}

// The power goes at every operation. Figures may be lost, but the next update
// works and leaves a whole file.
func TestPowerCutAnywhere(t *testing.T) {
	for _, mode := range []disk.CutMode{disk.DropUnsynced, disk.KeepAll, disk.RandomSubset} {
		for n := int64(1); ; n++ {
			d, fs := newDisk(uint64(n))
			c := recon.New(fs, "/")
			d.SetCrashAt(d.Ops() + n)
			for i := range 3 {
				if c.Update(context.Background(), recon.ObjectFile, map[string]any{fmt.Sprint(i): i}) != nil {
					break
				}
			}
			crashed := d.Crashed()
			m := disk.NewMachine(real.Clock{})
			m.Mount("/", d.PowerCut(mode))
			c = recon.New(m.Process("after"), "/")
			require.NoError(t, c.Update(context.Background(), recon.ObjectFile, map[string]any{"z": 1}))
			got, err := c.Read(recon.ObjectFile)
			require.NoError(t, err)
			require.Contains(t, got, "z")
			if !crashed {
				break
			}
		}
	}
}

func TestLockHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := disk.NewMachine(real.Clock{})
		m.Mount("/", disk.New("d", rand.New(rand.NewPCG(1, 1)), disk.Config{}))
		other, err := m.Process("other").OpenFile("/object.recon", host.ReadWrite|host.Create, 0o600)
		require.NoError(t, err)
		require.NoError(t, other.TryLock(host.Exclusively))
		c := recon.New(m.Process("daemon"), "/")
		err = c.Update(context.Background(), recon.ObjectFile, map[string]any{"a": 1})
		require.ErrorContains(t, err, "2s")
		go func() {
			time.Sleep(time.Second)
			_ = other.Close()
		}()
		require.NoError(t, c.Update(context.Background(), recon.ObjectFile, map[string]any{"a": 1}))
	})
}

// Updates made at the same time all count.
func TestConcurrent(t *testing.T) {
	fs, dir := real.FS{}, t.TempDir()
	errs := make(chan error)
	const writers = 8
	for i := range writers {
		go func() {
			errs <- recon.New(fs, dir).Update(context.Background(), recon.ObjectFile, map[string]any{fmt.Sprint(i): i})
		}()
	}
	for range writers {
		require.NoError(t, <-errs)
	}
	got, err := recon.New(fs, dir).Read(recon.ObjectFile)
	require.NoError(t, err)
	require.Len(t, got, writers)
}

func TestEncode(t *testing.T) {
	for _, tt := range []struct {
		in   any
		want string
	}{
		{1.0, "1.0"}, {0.0, "0.0"}, {1e16, "1e+16"}, {123456789012345.0, "123456789012345.0"}, {0.0001, "0.0001"},
		{0.00001, "1e-05"}, {1700000000.25, "1700000000.25"}, {-2.5, "-2.5"}, {uint64(1 << 63), "9223372036854775808"},
		{"a\"\\\n\t\x7f\x01é€😀\xff/", `"a\"\\\n\t\u007f\u0001\u00e9\u20ac\ud83d\ude00\udcff/"`},
		{[]any{1, nil, true, "x"}, `[1, null, true, "x"]`},
		{map[string]any{"b": map[string]any{}, "a": []any{}}, `{"a": [], "b": {}}`},
		{struct {
			N int `json:"n"`
		}{3}, `{"n": 3}`},
	} {
		got, err := recon.Encode(tt.in)
		require.NoError(t, err)
		require.Equal(t, tt.want, string(got))
	}
}

// What can be read is written so that it reads the same again.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a": 1.0, "b": {"x": []}}`, `{"a": "\ud83d\ude00"}`, `null`, `[]`, `{"a": 1} x`, `{"": {}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := recon.Decode(in)
		if err != nil {
			return
		}
		text, err := recon.Encode(v)
		require.NoError(t, err)
		again, err := recon.Decode(text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, v, again)
	})
}
