package diskfile_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/disk"
)

// ext4 is how much ext4 takes.
var ext4 = disk.Config{XattrLimit: 4000}

// Metadata that the file system refuses as an attribute is kept all the same,
// of every kind of file, and bodies are what they were.
func TestOverflow(t *testing.T) {
	t.Run("simulated", func(t *testing.T) { overflows(t, simWorld(t, ext4, 1)) })
	t.Run("whatever is here", func(t *testing.T) { overflows(t, realWorld(t)) })
}

func overflows(t *testing.T, w *world) {
	o := w.object(t)
	big := strings.Repeat("v", 5000)
	for _, body := range []string{"", "body", strings.Repeat("large", 40_000)} {
		at := stamp(int64(len(body)) + 1)
		must(t, put(o, at, body, "X-Object-Meta-Big", big))
		wantBody(t, o, body)
		f, err := o.Open(diskfile.OpenOptions{Now: at})
		must(t, err)
		if f.Size != int64(len(body)) || f.Metadata["X-Object-Meta-Big"] != big {
			t.Errorf("size %d, %d bytes of metadata", f.Size, len(f.Metadata["X-Object-Meta-Big"]))
		}
		b, err := f.Body(diskfile.BodyOptions{})
		must(t, err)
		part, err := b.OpenRange(0, int64(len(body)))
		must(t, err)
		got, err := io.ReadAll(part)
		must(t, err)
		if string(got) != body {
			t.Errorf("a range of all has %d bytes, the body %d", len(got), len(body))
		}
		must(t, b.Close())
	}
	must(t, o.WriteMetadata(stamp(300_000), diskfile.Metadata{"X-Object-Meta-Big": big + "2"}))
	if _, md, err := get(o); err != nil || md["X-Object-Meta-Big"] != big+"2" {
		t.Errorf("after a POST: %d bytes, %v", len(md["X-Object-Meta-Big"]), err)
	}
	if len(w.quar) > 0 {
		t.Errorf("quarantined %v", w.quar)
	}
}

// What fits stays where Swift puts it, on every file system.
func TestOverflowOnlyWhenRefused(t *testing.T) {
	for name, cfg := range map[string]disk.Config{"limited": ext4, "unlimited": {}} {
		t.Run(name, func(t *testing.T) {
			f := xattrFile(t, cfg)
			must(t, diskfile.WriteXattrs(f, metadata(stamp(1), "", "name", "/a/c/o", "X-Object-Meta-A", strings.Repeat("v", 2000)), 0))
			list, err := f.ListXattr()
			must(t, err)
			if got := strings.Join(list, " "); got != "user.swift.metadata user.swift.metadata_checksum" {
				t.Errorf("attributes %q", got)
			}
			if info, err := f.Stat(); err != nil || info.Size() != 0 {
				t.Errorf("size %v, %v", info.Size(), err)
			}
		})
	}
}

// The first pieces of long metadata may fit; none of them stays.
func TestOverflowOfPieces(t *testing.T) {
	f := xattrFile(t, disk.Config{XattrLimit: 70_000})
	md := metadata(stamp(1), "", "name", "/a/c/o", "X-Object-Meta-Big", strings.Repeat("v", 100_000))
	must(t, diskfile.WriteXattrs(f, md, 7))
	list, err := f.ListXattr()
	must(t, err)
	if got := strings.Join(list, " "); got != "user.swift.metadata_at user.swift.metadata_checksum" {
		t.Errorf("attributes %q", got)
	}
	back, err := diskfile.ReadMetadata(f)
	must(t, err)
	if len(back["X-Object-Meta-Big"]) != 100_000 {
		t.Errorf("%d bytes came back", len(back["X-Object-Meta-Big"]))
	}
}

// Metadata behind the body that is damaged in any way is corrupt, never
// silently less.
func TestOverflowDamaged(t *testing.T) {
	for name, damage := range map[string]func(f host.File) error{
		"cut off":         func(f host.File) error { return f.Truncate(1000) },
		"gone":            func(f host.File) error { return f.Truncate(4) },
		"a bit":           func(f host.File) error { _, err := f.WriteAt([]byte("w"), 3000); return err },
		"no note":         func(f host.File) error { return f.RemoveXattr("user.swift.metadata_at") },
		"no checksum":     func(f host.File) error { return f.RemoveXattr("user.swift.metadata_checksum") },
		"note is garbage": func(f host.File) error { return f.SetXattr("user.swift.metadata_at", []byte("4 -1")) },
		"note is huge":    func(f host.File) error { return f.SetXattr("user.swift.metadata_at", []byte("4 99999999999")) },
		"note is beside":  func(f host.File) error { return f.SetXattr("user.swift.metadata_at", []byte("5 4000")) },
		"longer":          func(f host.File) error { _, err := f.WriteAt([]byte("more"), 9000); return err },
	} {
		t.Run(name, func(t *testing.T) {
			w := simWorld(t, ext4, 1)
			o := w.object(t)
			must(t, put(o, stamp(1), "body", "X-Object-Meta-Big", strings.Repeat("v", 5000)))
			overwrite(t, w, o, func(f host.File) { must(t, damage(f)) })
			_, md, err := get(o)
			var m *diskfile.Missing
			if !swift.Is(err, swift.NotFound) || !errors.As(err, &m) || !m.Quarantined {
				t.Errorf("reads %d keys, %v", len(md), err)
			}
			if len(w.quar) != 1 {
				t.Errorf("quarantined %v", w.quar)
			}
		})
	}
}

// A file system without room for the note says so.
func TestOverflowRefused(t *testing.T) {
	w := simWorld(t, disk.Config{XattrLimit: 30}, 1)
	err := put(w.object(t), stamp(1), "body")
	if !swift.Is(err, swift.NoDevice) || !errors.Is(err, host.ErrXattrSize) {
		t.Errorf("no attributes at all: %v", err)
	}
	if got := objectFiles(t, w, w.object(t)); got != "" {
		t.Errorf("files %q", got)
	}
}
