package diskfile_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/sim/disk"
)

// golden reads what was recorded of Swift's own code; see testdata/README.md.
func golden(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	must(t, err)
	must(t, json.Unmarshal(b, into))
}

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return string(b)
}

// chosen is one hash directory as Swift sees it.
type chosen struct {
	Files      []string `json:"files"`
	Data       string   `json:"data"`
	Meta       string   `json:"meta"`
	TS         string   `json:"ts"`
	CType      string   `json:"ctype"`
	Obsolete   []string `json:"obsolete"`
	Reclaim    []string `json:"reclaim"`
	Unexpected []string `json:"unexpected"`
	Left       []string `json:"left"`
	Error      string   `json:"error"`
}

func fileOf(n *diskfile.Name) string {
	if n == nil {
		return ""
	}
	return n.File
}

func filesOf(names []diskfile.Name) []string {
	var out []string
	for _, n := range names {
		out = append(out, n.File)
	}
	slices.Sort(out)
	return out
}

// goldenNow is the second at which the reclaiming was recorded.
const goldenNow = 1_790_000_000

// Each list of files: the choice among them, and the hash of their suffix with
// what is left after hashing it, are Swift's.
func TestGoldenOnDisk(t *testing.T) {
	var cases []struct {
		Dirs []chosen `json:"dirs"`
		Hash *string  `json:"hash"`
	}
	golden(t, "ondisk.json", &cases)
	for i, c := range cases {
		usable := true
		for _, d := range c.Dirs {
			if d.Error != "" {
				usable = false
				continue
			}
			have := diskfile.Select(d.Files)
			slices.Sort(have.Unexpected)
			got := chosen{
				Files: d.Files, Data: fileOf(have.Data), Meta: fileOf(have.Meta), TS: fileOf(have.Tombstone), CType: fileOf(have.ContentType),
				Obsolete: filesOf(have.Obsolete), Reclaim: filesOf(have.Reclaimable), Unexpected: have.Unexpected, Left: d.Left,
			}
			if diff := cmp.Diff(d, got); diff != "" {
				t.Errorf("case %d, -Swift +apus:\n%s", i, diff)
			}
		}
		if usable && (c.Hash == nil || !strings.HasPrefix(*c.Hash, "error")) {
			checkSuffix(t, i, c.Dirs, c.Hash)
		}
	}
}

// checkSuffix lays the directories out and hashes them.
func checkSuffix(t *testing.T, i int, dirs []chosen, want *string) {
	t.Helper()
	w := simWorld(t, disk.Config{}, 1)
	w.clock.now = time.Unix(goldenNow, 0)
	suffix := "/srv/node/d1/objects/7/abc"
	must(t, w.host.FS.MkdirAll(suffix, 0o755))
	hashDir := func(n int) string { return fmt.Sprintf("%s/%029dabc", suffix, n) }
	for n, d := range dirs {
		must(t, w.host.FS.Mkdir(hashDir(n), 0o755))
		for _, f := range d.Files {
			touch(t, w.host.FS, path.Join(hashDir(n), f))
		}
	}
	got, err := w.device(t).Hashes(t.Context(), pol, 7, nil)
	must(t, err)
	if hash, ok := got["abc"]; ok != (want != nil) || ok && hash != *want {
		t.Errorf("case %d: %q: hash %q, %v", i, dirs, hash, ok)
	}
	for n, d := range dirs {
		entries, _ := w.host.FS.ReadDir(hashDir(n))
		if left := strings.Fields(names(entries)); !slices.Equal(left, d.Left) && len(left)+len(d.Left) > 0 {
			t.Errorf("case %d: of %q are left %q, want %q", i, d.Files, left, d.Left)
		}
	}
}

func touch(t testing.TB, fsys host.FS, name string) {
	t.Helper()
	f, err := fsys.OpenFile(name, host.ReadWrite|host.Create, 0o600)
	must(t, err)
	must(t, f.Close())
}

// Metadata is stored in the attributes that Swift makes, byte for byte, and
// Python 2's is read as Swift reads it.
func TestGoldenMetadata(t *testing.T) {
	var g struct {
		Written []struct {
			Metadata map[string]string
			Xattrs   map[string]string
			Sizes    map[string]int
		}
		Python2 []struct {
			Raw      string
			Metadata map[string]string
		}
	}
	golden(t, "metadata.json", &g)
	plain := func(m map[string]string) diskfile.Metadata {
		out := diskfile.Metadata{}
		for k, v := range m {
			out[unhex(t, k)] = unhex(t, v)
		}
		return out
	}
	for i, c := range g.Written {
		md := plain(c.Metadata)
		if c.Metadata == nil {
			md = metadata(stamp(0), "foo", "X-Object-Meta-Big", strings.Repeat("v", 140000), "name", "/a/c/o")
			md["X-Timestamp"] = "1789999001.00000"
		}
		f := xattrFile(t, disk.Config{})
		must(t, diskfile.WriteXattrs(f, md, 0))
		list, err := f.ListXattr()
		must(t, err)
		got, sizes := map[string]string{}, map[string]int{}
		for _, name := range list {
			v, err := f.GetXattr(name)
			must(t, err)
			sizes[name] = len(v)
			if len(v) > 4096 {
				v = []byte(etag(string(v)))
			}
			got[name] = hex.EncodeToString(v)
		}
		if diff := cmp.Diff(c.Xattrs, got); diff != "" {
			t.Errorf("metadata %d, -Swift +apus:\n%s", i, diff)
		}
		if diff := cmp.Diff(c.Sizes, sizes); diff != "" {
			t.Errorf("metadata %d, -Swift +apus:\n%s", i, diff)
		}
		back, err := diskfile.ReadMetadata(f)
		must(t, err)
		if !maps.Equal(back, md) {
			t.Errorf("metadata %d: read back %q", i, back)
		}
	}
	for i, c := range g.Python2 {
		f := xattrFile(t, disk.Config{})
		must(t, f.SetXattr("user.swift.metadata", []byte(unhex(t, c.Raw))))
		got, err := diskfile.ReadMetadata(f)
		must(t, err)
		if diff := cmp.Diff(map[string]string(plain(c.Metadata)), got); diff != "" {
			t.Errorf("pickle %d of Python 2, -Swift +apus:\n%s", i, diff)
		}
	}
}

// xattrFile is an open file on a new disk.
func xattrFile(t testing.TB, cfg disk.Config) host.File {
	t.Helper()
	w := simWorld(t, cfg, 1)
	f, err := w.host.FS.OpenFile("/srv/node/d1/file", host.ReadWrite|host.Create, 0o600)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Pending updates are read, and written again byte for byte.
func TestGoldenUpdates(t *testing.T) {
	var g []struct{ Path, Raw string }
	golden(t, "updates.json", &g)
	for i, c := range g {
		raw := unhex(t, c.Raw)
		u, err := diskfile.DecodeUpdate([]byte(raw))
		must(t, err)
		again, err := u.Encode()
		must(t, err)
		if string(again) != raw {
			t.Errorf("update %d:\nSwift %q\napus  %q", i, raw, again)
		}
		w := simWorld(t, disk.Config{}, 1)
		must(t, w.device(t).SaveUpdate(pol, u, stamp(-999)))
		if files := tree(t, w.host.FS, w.root); len(files) != 1 || files[0] != path.Join(w.root, c.Path) {
			t.Errorf("update %d is at %q, Swift's at %s", i, files, c.Path)
		}
	}
}

// Python 2's pending updates: text is bytes, headers are a plain dict.
func TestUpdateOfPython2(t *testing.T) {
	u, err := diskfile.DecodeUpdate([]byte("(dp0\nS'op'\np1\nS'PUT'\np2\nsS'account'\np3\nS'a'\np4\nsS'container'\np5\nS'c'\np6\n" +
		"sS'obj'\np7\nS'\\xe6\\x97\\xa5'\np8\nsS'successes'\np9\n(lp10\nI1\nasS'headers'\np11\n(dp12\nS'x-size'\np13\nI3\n" +
		"sS'X-Content-Type'\np14\nS'text/pl\\xc3\\xa4in'\np15\nss."))
	must(t, err)
	want := &diskfile.Update{
		Op: "PUT", Account: "a", Container: "c", Object: "日", Successes: []int{1},
		Headers: map[string]string{"X-Size": "3", "X-Content-Type": "text/pl\xc3\xa4in"},
	}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
}
