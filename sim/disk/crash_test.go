package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"sort"
	"strings"
	"testing"

	"apus/impl/host"
	"apus/sim/disk"
)

// world is one disk with a process, and words to write a crash scenario in.
// Steps panic on errors: a scenario has none but those that it asks for.
type world struct {
	host.FS
	d *disk.Disk
}

func newWorld(seed uint64, cfg disk.Config) *world {
	m := disk.NewMachine(clock{})
	d := disk.New("d", rng(seed), cfg)
	m.Mount("/", d)
	return &world{m.Process("p"), d}
}

func ok(err error) {
	if err != nil {
		panic(err)
	}
}

func (w *world) file(name string) host.File {
	f, err := w.OpenFile(name, host.ReadWrite|host.Create, 0o644)
	ok(err)
	return f
}

// put writes a file without making anything durable.
func (w *world) put(name, text string) host.File {
	f := w.file(name)
	ok(f.Truncate(0))
	_, err := io.WriteString(f, text)
	ok(err)
	return f
}

// durable writes a file and makes content and name durable.
func (w *world) durable(name, text string) {
	f := w.put(name, text)
	ok(f.Sync())
	ok(f.Close())
	ok(w.SyncDir(path.Dir(name)))
}

// show prints a disk: names in order, contents, attributes. Content that is
// none of the known words is shown by what it is made of.
func show(d *disk.Disk, known ...string) string {
	m := disk.NewMachine(clock{})
	m.Mount("/", d)
	p := m.Inspector("judge")
	defer p.Fence()
	var out []string
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := p.ReadDir(dir)
		ok(err)
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			if e.IsDir() {
				out = append(out, name+"/")
				walk(name)
				continue
			}
			out = append(out, name+"="+content(p, name, known))
		}
	}
	walk("/")
	return strings.Join(out, " ")
}

func content(p host.FS, name string, known []string) string {
	f, err := p.OpenFile(name, host.ReadOnly, 0)
	ok(err)
	defer f.Close() // only read
	b, err := io.ReadAll(f)
	ok(err)
	text := fmt.Sprintf("?%d", len(b))
	switch {
	case len(b) == 0:
		text = ""
	case bytes.Count(b, []byte{0}) == len(b):
		text = fmt.Sprintf("0*%d", len(b))
	case bytes.HasPrefix(b, []byte("old")):
		text = "old" + strings.Repeat("?", len(b)-3)
		if bytes.Count(b, []byte{0}) == len(b)-3 {
			text = "old" + strings.Repeat("0", len(b)-3)
		}
	}
	for _, word := range known {
		if string(b) == word {
			text = word
		}
	}
	names, err := f.ListXattr()
	ok(err)
	for _, n := range names {
		v, err := f.GetXattr(n)
		ok(err)
		text += fmt.Sprintf("{%s=%s}", n, v)
	}
	return text
}

// crashMatrix says what a power cut may leave: after dropping everything that
// was not synced, after keeping everything, and all that a random cut shows.
var crashMatrix = []struct {
	name       string
	run        func(w *world)
	drop, keep string
	random     []string // besides drop and keep
}{
	{"created, nothing synced",
		func(w *world) { w.put("/a", "new") },
		"", "/a=new", []string{"/a=", "/a=0*3", "/a=?3"}},
	{"created, file synced",
		func(w *world) { ok(w.put("/a", "new").Sync()) },
		"", "/a=new", nil},
	{"created, directory synced: the file may be empty",
		func(w *world) { w.put("/a", "new"); ok(w.SyncDir("/")) },
		"/a=", "/a=new", []string{"/a=0*3", "/a=?3"}},
	{"created, both synced",
		func(w *world) { w.durable("/a", "new") },
		"/a=new", "/a=new", nil},
	{"created, SyncAll",
		func(w *world) { w.put("/a", "new"); ok(w.SyncAll("/")) },
		"/a=new", "/a=new", nil},
	{"overwritten, not synced",
		func(w *world) { w.durable("/a", "old"); _, err := w.file("/a").WriteAt([]byte("new"), 0); ok(err) },
		"/a=old", "/a=new", []string{"/a=?3"}},
	{"overwritten, synced",
		func(w *world) { w.durable("/a", "old"); ok(w.put("/a", "new").Sync()) },
		"/a=new", "/a=new", nil},
	{"appended: what was synced is never touched",
		func(w *world) { w.durable("/a", "old"); _, err := w.file("/a").WriteAt([]byte("new"), 3); ok(err) },
		"/a=old", "/a=oldnew", []string{"/a=old???", "/a=old000"}},
	{"truncated, not synced",
		func(w *world) { w.durable("/a", "old"); ok(w.file("/a").Truncate(0)) },
		"/a=old", "/a=", []string{"/a=0*3"}},
	{"removed, not synced",
		func(w *world) { w.durable("/a", "old"); ok(w.Remove("/a")) },
		"/a=old", "", nil},
	{"removed, directory synced",
		func(w *world) { w.durable("/a", "old"); ok(w.Remove("/a")); ok(w.SyncDir("/")) },
		"", "", nil},
	{"renamed over another: old or new, never neither",
		func(w *world) { w.durable("/a", "old"); w.durable("/t", "new"); ok(w.Rename("/t", "/a")) },
		"/a=old /t=new", "/a=new", nil},
	{"renamed over another, directory synced",
		func(w *world) {
			w.durable("/a", "old")
			w.durable("/t", "new")
			ok(w.Rename("/t", "/a"))
			ok(w.SyncDir("/"))
		},
		"/a=new", "/a=new", nil},
	{"renamed before the data was written: an empty file",
		func(w *world) {
			w.durable("/a", "old")
			w.put("/t", "new")
			ok(w.Rename("/t", "/a"))
			ok(w.SyncDir("/"))
		},
		"/a=", "/a=new", []string{"/a=0*3", "/a=?3"}},
	{"created, synced and renamed in one go: a rename needs its source",
		func(w *world) {
			w.durable("/a", "old")
			ok(w.put("/t", "new").Sync())
			ok(w.Rename("/t", "/a"))
		},
		"/a=old", "/a=new", []string{"/a=old /t=new"}},
	{"unnamed file linked, content synced",
		func(w *world) { link(w, "/a", true) },
		"", "/a=new", nil},
	{"unnamed file linked, content and directory synced",
		func(w *world) { link(w, "/a", true); ok(w.SyncDir("/")) },
		"/a=new", "/a=new", nil},
	{"unnamed file linked, only the directory synced",
		func(w *world) { link(w, "/a", false); ok(w.SyncDir("/")) },
		"/a=", "/a=new", []string{"/a=0*3", "/a=?3"}},
	{"directories need their parents",
		func(w *world) {
			ok(w.MkdirAll("/d/e", 0o755))
			w.durable("/d/e/f", "new")
			ok(w.SyncDir("/d"))
		},
		"", "/d/ /d/e/ /d/e/f=new", nil},
	{"a chain of directories, synced from the bottom",
		func(w *world) {
			ok(w.MkdirAll("/d/e", 0o755))
			w.durable("/d/e/f", "new")
			ok(w.SyncDir("/d"))
			ok(w.SyncDir("/"))
		},
		"/d/ /d/e/ /d/e/f=new", "/d/ /d/e/ /d/e/f=new", nil},
	{"a gap in a chain of directories",
		func(w *world) {
			ok(w.MkdirAll("/d/e", 0o755))
			w.durable("/d/e/f", "new")
			ok(w.SyncDir("/"))
		},
		"/d/", "/d/ /d/e/ /d/e/f=new", nil},
	{"moved to another directory, that one synced",
		func(w *world) { move(w); ok(w.SyncDir("/e")) },
		"/d/ /e/ /e/a=old", "/d/ /e/ /e/a=old", nil},
	{"moved to another directory, the old one synced",
		func(w *world) { move(w); ok(w.SyncDir("/d")) },
		"/d/ /d/a=old /e/", "/d/ /e/ /e/a=old", nil},
	{"moved into a new directory",
		func(w *world) { w.durable("/a", "old"); ok(w.Mkdir("/n", 0o755)); ok(w.Rename("/a", "/n/a")) },
		"/a=old", "/n/ /n/a=old", []string{"/a=old /n/"}},
	{"moved out of a directory that is then removed",
		func(w *world) { move(w); ok(w.Remove("/d")) },
		"/d/ /d/a=old /e/", "/e/ /e/a=old", []string{"/d/ /e/ /e/a=old"}},
	{"linked and unlinked: two changes, each may be missing",
		func(w *world) { w.durable("/a", "old"); ok(w.Link("/a", "/b")); ok(w.Remove("/a")) },
		"/a=old", "/b=old", []string{"", "/a=old /b=old"}},
	{"attributes are one history",
		func(w *world) {
			w.durable("/a", "old")
			f := w.file("/a")
			ok(f.SetXattr("k", []byte("1")))
			ok(f.SetXattr("l", []byte("2")))
		},
		"/a=old", "/a=old{k=1}{l=2}", []string{"/a=old{k=1}"}},
	{"attributes, synced",
		func(w *world) {
			w.durable("/a", "old")
			f := w.file("/a")
			ok(f.SetXattr("k", []byte("1")))
			ok(f.Sync())
		},
		"/a=old{k=1}", "/a=old{k=1}", nil},
	{"failed sync, then one that succeeds: the data is lost all the same",
		func(w *world) { syncFails(w, w.put("/a", "new")) },
		"/a=0*3", "/a=0*3", []string{"/a=?3", "/a=new"}},
	{"failed sync of an overwrite",
		func(w *world) { w.durable("/a", "old"); syncFails(w, w.put("/a", "new")) },
		"/a=old", "/a=old", []string{"/a=?3", "/a=new"}},
	{"written again after a failed sync",
		func(w *world) {
			f := w.put("/a", "bad")
			syncFails(w, f)
			_, err := f.WriteAt([]byte("new"), 0)
			ok(err)
			ok(f.Sync())
		},
		"/a=new", "/a=new", nil},
	{"a sync that lies",
		func(w *world) {
			w.d.SetRule("lie", disk.Rule{Ops: disk.OpSync | disk.OpSyncDir | disk.OpSyncAll, Lie: true})
			w.durable("/a", "new")
			ok(w.SyncAll("/"))
		},
		"", "/a=new", []string{"/a=", "/a=0*3", "/a=?3"}},
}

func link(w *world, name string, sync bool) {
	f, err := w.CreateUnnamed("/", 0o644)
	ok(err)
	_, err = io.WriteString(f, "new")
	ok(err)
	if sync {
		ok(f.Sync())
	}
	ok(f.LinkTo(name))
}

func move(w *world) {
	ok(w.Mkdir("/d", 0o755))
	ok(w.Mkdir("/e", 0o755))
	ok(w.SyncDir("/"))
	w.durable("/d/a", "old")
	ok(w.Rename("/d/a", "/e/a"))
}

func syncFails(w *world, f host.File) {
	w.d.SetRule("eio", disk.Rule{Ops: disk.OpSync, Err: host.ErrIO, Count: 1})
	if err := f.Sync(); !errors.Is(err, host.ErrIO) {
		panic(err)
	}
	ok(f.Sync())
	ok(w.SyncDir("/"))
}

func TestCrashMatrix(t *testing.T) {
	for _, row := range crashMatrix {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(7, disk.Config{})
			row.run(w)
			known := []string{"old", "new", "oldnew"}
			if got := show(w.d.PowerCut(disk.DropUnsynced), known...); got != row.drop {
				t.Errorf("DropUnsynced: %q, want %q", got, row.drop)
			}
			if got := show(w.d.PowerCut(disk.KeepAll), known...); got != row.keep {
				t.Errorf("KeepAll: %q, want %q", got, row.keep)
			}
			seen := map[string]bool{}
			for range 600 {
				seen[show(w.d.PowerCut(disk.RandomSubset), known...)] = true
			}
			allowed := map[string]bool{row.drop: true, row.keep: true}
			for _, r := range row.random {
				allowed[r] = true
			}
			for _, s := range sortedKeys(seen) {
				if !allowed[s] {
					t.Errorf("RandomSubset left %q", s)
				}
			}
			for _, s := range sortedKeys(allowed) {
				if !seen[s] {
					t.Errorf("RandomSubset never left %q", s)
				}
			}
		})
	}
}

func sortedKeys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
