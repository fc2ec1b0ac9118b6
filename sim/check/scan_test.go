package check

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/model"
)

// mapFS is a read-only host.FS over a map. Metadata are JSON after a NUL at
// the end of the content; after another NUL comes the note of where metadata
// is behind the body, if it is.
type mapFS struct {
	host.FS
	m fstest.MapFS
}

func (f mapFS) ReadDir(name string) ([]fs.DirEntry, error) { return f.m.ReadDir(name[1:]) }

func (f mapFS) OpenFile(name string, _ int, _ fs.FileMode) (host.File, error) {
	b, err := f.m.ReadFile(name[1:])
	if err != nil {
		return nil, err
	}
	body, meta, _ := strings.Cut(string(b), "\x00")
	meta, note, _ := strings.Cut(meta, "\x00")
	return &mapFile{Reader: strings.NewReader(body), meta: meta, note: note}, nil
}

type mapFile struct {
	host.File
	*strings.Reader
	meta, note string
}

func (f *mapFile) GetXattr(name string) ([]byte, error) {
	if name != behindBody {
		return nil, errors.New(name + " is not for the judge to look at")
	}
	if f.note == "" {
		return nil, host.ErrNoXattr
	}
	return []byte(f.note), nil
}

func (f *mapFile) Read(p []byte) (int, error)                { return f.Reader.Read(p) }
func (f *mapFile) Write([]byte) (int, error)                 { return 0, errors.New("read only") }
func (f *mapFile) ReadAt(p []byte, off int64) (int, error)   { return f.Reader.ReadAt(p, off) }
func (f *mapFile) Seek(off int64, whence int) (int64, error) { return f.Reader.Seek(off, whence) }
func (f *mapFile) WriteTo(w io.Writer) (int64, error)        { return f.Reader.WriteTo(w) }
func (f *mapFile) Close() error                              { return nil }

func readMeta(f host.File) (map[string]string, error) {
	var m map[string]string
	err := json.Unmarshal([]byte(f.(*mapFile).meta), &m)
	return m, err
}

const (
	part = "srv/node/d1/objects/7/abc/00000000000000000000000000000abc/"
	one  = "1700000000.00001"
	two  = "1700000000.00002"
	tri  = "1700000000.00003"
)

func file(body string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(body)} }

func good(n int) *fstest.MapFile {
	v := model.NewValue(id(n), 3)
	b, _ := io.ReadAll(v.Reader(0))
	return file(string(b) + "\x00" + `{"name":"/a/c/o","Content-Length":"3","ETag":"` + v.ETag + `","Content-Type":"` + id(n).ContentType() + `","X-Object-Meta-Put":"p"}`)
}

// expiring is good with an end.
func expiring(n int) *fstest.MapFile {
	return file(strings.Replace(string(good(n).Data), `{`, `{"X-Delete-At":"9",`, 1))
}

// behind is good with more bytes behind the body, and a note of them.
func behind(n int, more, note string) *fstest.MapFile {
	body, meta, _ := strings.Cut(string(good(n).Data), "\x00")
	return file(body + more + "\x00" + meta + "\x00" + note)
}

func TestScan(t *testing.T) {
	meta := file("\x00" + `{"X-Object-Meta-Post":"q"}`)
	for _, tc := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"nothing", fstest.MapFS{"srv/node/d1/tmp/x": file("")}, ""},
		{"data", fstest.MapFS{part + one + ".data": good(1)}, one + " value 1"},
		{"newer data", fstest.MapFS{part + one + ".data": good(1), part + two + ".data": good(2)}, two + " value 2"},
		{"tombstone", fstest.MapFS{part + one + ".data": good(1), part + two + ".ts": file("")}, two + " tombstone"},
		{"newer than the tombstone", fstest.MapFS{part + two + ".data": good(1), part + one + ".ts": file("")}, two + " value 1"},
		{"metadata", fstest.MapFS{part + one + ".data": good(1), part + two + ".meta": meta}, one + " value 1 post " + two + " q"},
		{"metadata without the end that the data had", fstest.MapFS{part + one + ".data": expiring(1), part + two + ".meta": meta}, one + " value 1 post " + two + " q"},
		{"data with an end", fstest.MapFS{part + one + ".data": expiring(1)}, one + " value 1 until 9"},
		{"metadata with a type", fstest.MapFS{part + one + ".data": good(1), part + two + "-1.meta": meta}, one + " value 1 post " + two + " q"},
		{"older metadata", fstest.MapFS{part + two + ".data": good(1), part + one + ".meta": meta}, two + " value 1"},
		{"metadata over a tombstone", fstest.MapFS{part + one + ".ts": file(""), part + two + ".meta": meta}, one + " tombstone"},
		{"offset", fstest.MapFS{part + one + "_0000000000000001.data": good(1), part + one + ".ts": file("")}, one + "_0000000000000001 value 1"},
		{"other files", fstest.MapFS{part + one + ".data": good(1), part + "rsync.tmp": file(""), part + ".lock": file("")}, one + " value 1"},
		{"policy 1", fstest.MapFS{"srv/node/d1/objects-1/7/abc/00000000000000000000000000000abc/" + one + ".data": good(1)}, one + " value 1"},
		{"metadata behind the body", fstest.MapFS{part + one + ".data": behind(1, "metadata", "3 8")}, one + " value 1"},
		{"more behind the body than metadata", fstest.MapFS{part + one + ".data": behind(1, "metadata", "3 7")}, "damage"},
		{"less behind the body than metadata", fstest.MapFS{part + one + ".data": behind(1, "metadata", "3 9")}, "damage"},
		{"metadata beyond the end", fstest.MapFS{part + one + ".data": behind(1, "", "4 1")}, "damage"},
		{"metadata within the body", fstest.MapFS{part + one + ".data": behind(1, "", "2 1")}, "damage"},
		{"a note of nonsense", fstest.MapFS{part + one + ".data": behind(1, "metadata", "here")}, "damage"},
		{"only metadata", fstest.MapFS{part + one + ".meta": meta}, "damage"},
		{"no metadata", fstest.MapFS{part + one + ".data": file("abc")}, "damage"},
		{"broken .meta", fstest.MapFS{part + one + ".data": good(1), part + two + ".meta": file("")}, "damage"},
		{"short", fstest.MapFS{part + one + ".data": file("ab\x00" + `{"name":"/a/c/o","Content-Length":"3","ETag":"x"}`)}, "damage"},
		{"rotten", fstest.MapFS{part + one + ".data": file("abc\x00" + `{"name":"/a/c/o","Content-Length":"3","ETag":"x"}`)}, "damage"},
		{"empty", fstest.MapFS{part + one + ".data": file("")}, "damage"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Scan(mapFS{m: tc.files}, "/srv/node", "node1", 1, []string{"d1"}, readMeta)
			if err != nil {
				t.Fatal(err)
			}
			if s := brief(got); s != tc.want {
				t.Errorf("got %q, want %q (%+v)", s, tc.want, got)
			}
		})
	}
	if _, err := Scan(mapFS{m: fstest.MapFS{}}, "/srv/node", "node1", 1, []string{"d1"}, readMeta); err == nil {
		t.Error("a device that is not there was scanned")
	}
}

func brief(rs []Record) string {
	if len(rs) == 0 {
		return ""
	}
	r := rs[0]
	s := r.Timestamp.Internal()
	switch {
	case len(rs) > 1 || r.Hash != (swift.Hash{14: 0xa, 15: 0xbc}) || r.Device != (model.Device{Node: "node1", Disk: "d1"}):
		return "wrong place"
	case r.Damage != "":
		return "damage"
	case r.Tombstone:
		return s + " tombstone"
	}
	for n := range 3 {
		if model.ValueOfType(r.Metadata["Content-Type"]) == id(n) {
			s += " value " + string(rune('0'+n))
		}
	}
	if at := r.Metadata["X-Delete-At"]; at != "" {
		s += " until " + at
	}
	if !r.MetaTimestamp.IsZero() {
		s += " post " + r.MetaTimestamp.Internal() + " " + r.Metadata["X-Object-Meta-Post"] + r.Metadata["X-Object-Meta-Put"]
	}
	return s
}
