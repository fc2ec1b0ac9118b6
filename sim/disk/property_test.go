package disk_test

import (
	"fmt"
	"maps"
	"path"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"apus/impl/host"
	"apus/sim/disk"
)

// names and directories that the property tests play with.
var (
	propDirs  = []string{"/", "/p", "/q", "/p/r"}
	propNames = []string{"a", "b", "c"}
)

// model is the simplest file system: names to contents.
type model struct {
	files map[string]*strings.Builder // hard links share
	dirs  map[string]bool
}

func (m *model) String() string {
	var out []string
	for d := range m.dirs {
		if d != "/" {
			out = append(out, d+"/")
		}
	}
	for name, b := range m.files {
		out = append(out, name+"="+b.String())
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

func (m *model) empty(dir string) bool {
	for name := range m.files {
		if path.Dir(name) == dir {
			return false
		}
	}
	for d := range m.dirs {
		if d != "/" && path.Dir(d) == dir {
			return false
		}
	}
	return true
}

// tree lists a disk the way model does.
func tree(p host.FS) string {
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
			out = append(out, name+"="+readFile(p, name))
		}
	}
	walk("/")
	sort.Strings(out)
	return strings.Join(out, " ")
}

func readFile(p host.FS, name string) string {
	f, err := p.OpenFile(name, host.ReadOnly, 0)
	ok(err)
	defer f.Close() // only read
	info, err := f.Stat()
	ok(err)
	b := make([]byte, info.Size())
	_, _ = f.ReadAt(b, 0) // what is missing shows in the comparison
	return string(b)
}

// player applies the same operation to a disk and to its model.
type player struct {
	*rapid.T
	w      *world
	m      *model
	serial int
}

func (pl *player) name(label string) string {
	return path.Join(rapid.SampledFrom(propDirs).Draw(pl.T, label+" dir"), rapid.SampledFrom(propNames).Draw(pl.T, label))
}

// agree compares whether an operation succeeded with whether it should have.
func (pl *player) agree(op string, err error, should bool) {
	if (err == nil) != should {
		pl.Fatalf("%s: error %v, the model says it works: %v", op, err, should)
	}
}

func (pl *player) write() {
	name := pl.name("file")
	pl.serial++
	text := fmt.Sprintf("<%d>", pl.serial)
	f, err := pl.w.OpenFile(name, host.ReadWrite|host.Create|host.Append, 0o644)
	pl.agree("write "+name, err, pl.m.dirs[path.Dir(name)])
	if err != nil {
		return
	}
	_, err = f.Write([]byte(text))
	ok(err)
	ok(f.Sync())
	ok(f.Close())
	if pl.m.files[name] == nil {
		pl.m.files[name] = &strings.Builder{}
	}
	pl.m.files[name].WriteString(text)
}

func (pl *player) remove() {
	name := pl.name("file")
	pl.agree("remove "+name, pl.w.Remove(name), pl.m.files[name] != nil)
	delete(pl.m.files, name)
}

func (pl *player) rename() {
	from, to := pl.name("from"), pl.name("to")
	should := pl.m.files[from] != nil && pl.m.dirs[path.Dir(to)]
	pl.agree("rename "+from+" "+to, pl.w.Rename(from, to), should)
	if should && pl.m.files[from] != pl.m.files[to] {
		pl.m.files[to] = pl.m.files[from]
		delete(pl.m.files, from)
	}
}

func (pl *player) link() {
	from, to := pl.name("from"), pl.name("to")
	should := pl.m.files[from] != nil && pl.m.files[to] == nil && pl.m.dirs[path.Dir(to)]
	pl.agree("link "+from+" "+to, pl.w.Link(from, to), should)
	if should {
		pl.m.files[to] = pl.m.files[from]
	}
}

func (pl *player) mkdir() {
	dir := rapid.SampledFrom(propDirs).Draw(pl.T, "dir")
	should := !pl.m.dirs[dir] && pl.m.dirs[path.Dir(dir)]
	pl.agree("mkdir "+dir, pl.w.Mkdir(dir, 0o755), should)
	if should {
		pl.m.dirs[dir] = true
	}
}

func (pl *player) rmdir() {
	dir := rapid.SampledFrom(propDirs[1:]).Draw(pl.T, "dir")
	should := pl.m.dirs[dir] && pl.m.empty(dir)
	pl.agree("rmdir "+dir, pl.w.Remove(dir), should)
	if should {
		delete(pl.m.dirs, dir)
	}
}

func (pl *player) syncDir() {
	dir := rapid.SampledFrom(propDirs).Draw(pl.T, "dir")
	pl.agree("syncdir "+dir, pl.w.SyncDir(dir), pl.m.dirs[dir])
}

func (pl *player) actions() map[string]func(*rapid.T) {
	bind := func(f func()) func(*rapid.T) { return func(t *rapid.T) { pl.T = t; f() } }
	return map[string]func(*rapid.T){
		"write": bind(pl.write), "remove": bind(pl.remove), "rename": bind(pl.rename), "link": bind(pl.link),
		"mkdir": bind(pl.mkdir), "rmdir": bind(pl.rmdir), "syncdir": bind(pl.syncDir),
	}
}

func newPlayer(t *rapid.T) *player {
	seed := rapid.Uint64().Draw(t, "seed")
	return &player{T: t, w: newWorld(seed, disk.Config{Sector: 512}), m: &model{
		files: map[string]*strings.Builder{}, dirs: map[string]bool{"/": true},
	}}
}

// TestAgainstModel: the volatile image behaves like the model; KeepAll shows
// it, and DropUnsynced shows what it was at the last SyncAll.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pl := newPlayer(t)
		synced := pl.m.String()
		acts := pl.actions()
		delete(acts, "syncdir")
		acts["syncall"] = func(*rapid.T) { ok(pl.w.SyncAll("/")); synced = pl.m.String() }
		acts[""] = func(t *rapid.T) {
			if got, want := tree(pl.w), pl.m.String(); got != want {
				t.Fatalf("disk %q\nmodel %q", got, want)
			}
		}
		t.Repeat(acts)
		if got := tree(after(pl.w.d, disk.KeepAll)); got != pl.m.String() {
			t.Fatalf("KeepAll: %q\nmodel %q", got, pl.m)
		}
		// Contents are synced as they are written, so only their names and
		// the files that had them at the last SyncAll can be compared.
		if got, want := namesOf(tree(after(pl.w.d, disk.DropUnsynced))), namesOf(synced); got != want {
			t.Fatalf("DropUnsynced: %q\nmodel %q", got, want)
		}
	})
}

func namesOf(tree string) string {
	var out []string
	for _, item := range strings.Fields(tree) {
		name, _, _ := strings.Cut(item, "=")
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func after(d *disk.Disk, mode disk.CutMode) host.FS {
	m := disk.NewMachine(clock{})
	m.Mount("/", d.PowerCut(mode))
	return m.Process("after")
}

// TestRandomCuts: whatever is drawn, a name leads to a file that it led to at
// some time since the start, and a file that was durable and never removed or
// replaced is still there, under a name that it had.
func TestRandomCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pl := newPlayer(t)
		safe := map[string]bool{} // contents that must survive
		prepare(pl, safe)
		past := map[string]map[string]bool{} // name → contents it led to
		note := func() {
			for _, dir := range propDirs {
				for _, base := range propNames {
					name := path.Join(dir, base)
					id := ""
					if b := pl.m.files[name]; b != nil {
						id = b.String()
					}
					if past[name] == nil {
						past[name] = map[string]bool{}
					}
					past[name][id] = true
				}
			}
		}
		note()
		acts := map[string]func(*rapid.T){}
		maps.Copy(acts, pl.actions())
		delete(acts, "write")
		acts["create"] = func(t *rapid.T) {
			pl.T = t
			if name := pl.name("new"); pl.m.files[name] == nil {
				pl.serial++
				createOnce(pl, name)
			}
		}
		acts[""] = func(*rapid.T) {
			note()
			there := map[string]bool{}
			for _, b := range pl.m.files {
				there[b.String()] = true
			}
			for id := range safe {
				if !there[id] {
					delete(safe, id)
				}
			}
		}
		acts["remove"] = func(t *rapid.T) {
			pl.T = t
			name := pl.name("file")
			if b := pl.m.files[name]; b != nil {
				delete(safe, b.String()) // another link may not be durable
			}
			pl.agree("remove "+name, pl.w.Remove(name), pl.m.files[name] != nil)
			delete(pl.m.files, name)
		}
		inner := acts["rename"]
		acts["rename"] = func(t *rapid.T) {
			was := pl.snapshot()
			inner(t)
			for name, id := range was { // replaced under one of its names
				if b := pl.m.files[name]; b != nil && b.String() != id {
					delete(safe, id)
				}
			}
		}
		t.Repeat(acts)
		for range 20 {
			judge(t, after(pl.w.d, disk.RandomSubset), past, safe)
		}
	})
}

func (pl *player) snapshot() map[string]string {
	out := map[string]string{}
	for name, b := range pl.m.files {
		out[name] = b.String()
	}
	return out
}

// prepare makes a durable start.
func prepare(pl *player, safe map[string]bool) {
	ok(pl.w.MkdirAll("/p/r", 0o755))
	pl.m.dirs["/p"], pl.m.dirs["/p/r"] = true, true
	for _, name := range []string{"/a", "/b", "/p/a", "/p/r/c"} {
		pl.serial++
		createOnce(pl, name)
		safe[pl.m.files[name].String()] = true
	}
	ok(pl.w.SyncAll("/"))
}

// createOnce makes a file whose content tells which one it is.
func createOnce(pl *player, name string) {
	f, err := pl.w.OpenFile(name, host.ReadWrite|host.Create|host.Exclusive, 0o644)
	pl.agree("create "+name, err, pl.m.dirs[path.Dir(name)])
	if err != nil {
		return
	}
	text := fmt.Sprintf("<%d>", pl.serial)
	_, err = f.Write([]byte(text))
	ok(err)
	ok(f.Sync())
	ok(f.Close())
	pl.m.files[name] = &strings.Builder{}
	pl.m.files[name].WriteString(text)
}

func judge(t *rapid.T, p host.FS, past map[string]map[string]bool, safe map[string]bool) {
	found := map[string]bool{}
	for _, dir := range propDirs {
		for _, base := range propNames {
			name := path.Join(dir, base)
			id := ""
			if _, err := p.Stat(name); err == nil {
				id = readFile(p, name)
			}
			found[id] = true
			if !past[name][id] {
				// A directory that is not there takes its names along.
				if _, err := p.Stat(dir); err == nil || id != "" {
					t.Fatalf("%s leads to %q, which it never did", name, id)
				}
			}
		}
	}
	for id := range safe {
		if !found[id] {
			t.Fatalf("%s was durable, never removed, and is lost", id)
		}
	}
}
