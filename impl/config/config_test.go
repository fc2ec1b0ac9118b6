package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
)

// testdata/configparser.json is what Python 3.11's ConfigParser makes of some
// texts with the settings of OpenStack Swift: case of keys kept, and
// interpolation only in values that hold "%(".
func TestAgainstPython(t *testing.T) {
	b, err := os.ReadFile("testdata/configparser.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Text, Error string
		Sections          map[string]map[string]string
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			got, err := readAll(tt.Text)
			if (err != nil) != (tt.Error != "") {
				t.Fatalf("error %v, Python's %q", err, tt.Error)
			}
			if err == nil && !reflect.DeepEqual(got, tt.Sections) {
				t.Errorf("got %q\nPython's %q", got, tt.Sections)
			}
		})
	}
}

// readAll is every section with its keys and those of DEFAULT. For it, "set"
// is part of a key, as it is for Python.
func readAll(text string) (map[string]map[string]string, error) {
	f, err := Parse(text, "test.conf")
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for _, name := range f.Sections() {
		s, m := f.Section(name), map[string]string{}
		for _, src := range []*Section{f.Section(defaultSection), s} {
			for _, key := range src.Keys() {
				if key != "here" && key != "__file__" {
					m[key], _ = s.Lookup(key)
				}
			}
		}
		out[name] = m
	}
	return out, f.Err()
}

func TestPasteSections(t *testing.T) {
	const text = `
[DEFAULT]
log_level = INFO
workers = 1
[app:x]
use = egg:swift#x
log_level = DEBUG
set workers = 2
own = 3
[daemon]
log_level = DEBUG
`
	f, err := Parse(text, "/etc/swift/x.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ section, key, want string }{
		{"app:x", "log_level", "INFO"}, // paste.deploy: a default wins, unless "set"
		{"app:x", "workers", "2"},
		{"app:x", "own", "3"},
		{"app:x", "here", "/etc/swift"},
		{"app:x", "__file__", "/etc/swift/x.conf"},
		{"daemon", "log_level", "DEBUG"},
		{"daemon", "workers", "1"},
		{"absent", "workers", "1"},
		{"absent", "own", "-"},
	} {
		if got := f.Section(tt.section).String(tt.key, "-"); got != tt.want {
			t.Errorf("[%s] %s = %q, want %q", tt.section, tt.key, got, tt.want)
		}
	}
}

func TestPipeline(t *testing.T) {
	const sections = "[filter:a]\nuse = egg:swift#alpha\n[filter:b]\nuse = egg:swift#beta\n[app:x]\nuse = egg:swift#proxy\n"
	for _, tt := range []struct{ name, text, want, err string }{
		{"whole", "[pipeline:main]\npipeline = a b a x\n" + sections, "alpha beta alpha > proxy", ""},
		{"two lines", "[pipeline:main]\npipeline = a\n  b x\n" + sections, "alpha beta > proxy", ""},
		{"app alone", "[pipeline:main]\npipeline = x\n" + sections, " > proxy", ""},
		{"no pipeline", sections, "", "has no pipeline"},
		{"empty pipeline", "[pipeline:main]\npipeline =\n" + sections, "", "is empty"},
		{"unknown filter", "[pipeline:main]\npipeline = c x\n" + sections, "", "no section [filter:c]"},
		{"filter last", "[pipeline:main]\npipeline = a\n" + sections, "", "no section [app:a]"},
		{"foreign egg", "[pipeline:main]\npipeline = y\n[app:y]\nuse = egg:other#x\n", "", "only eggs of swift"},
		{"no use", "[pipeline:main]\npipeline = y\n[app:y]\nk = v\n", "", "must be egg:swift#name"},
		{"call", "[pipeline:main]\npipeline = y\n[app:y]\nuse = call:my.module\n", "", "must be egg:swift#name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse(tt.text, "test.conf")
			if err != nil {
				t.Fatal(err)
			}
			filters, app, err := f.Pipeline()
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			var uses []string
			for _, p := range filters {
				uses = append(uses, p.Use)
			}
			if got := strings.Join(uses, " ") + " > " + app.Use; err != nil || got != tt.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestValues(t *testing.T) {
	f, err := Parse(`[a]
int = 7
float = 2.5
seconds = 0.25
yes = Yes
no = maybe
list = a, b ,,c
word = x
nan = nan
`, "test.conf")
	if err != nil {
		t.Fatal(err)
	}
	s := f.Section("a")
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"Int", s.Int("int", 1, 0, 10), int64(7)},
		{"Int default", s.Int("absent", 1, 5, 10), int64(1)}, // a default need not be in range
		{"Float", s.Float("float", 1, 0, 10), 2.5},
		{"Float of a whole number", s.Float("int", 1, 0, 10), 7.0},
		{"Seconds", s.Seconds("seconds", time.Second), 250 * time.Millisecond},
		{"Seconds default", s.Seconds("absent", time.Second), time.Second},
		{"Bool", s.Bool("yes", false), true},
		{"Bool of other words", s.Bool("no", true), false},
		{"Bool default", s.Bool("absent", true), true},
		{"List", s.List("list"), []string{"a", "b", "c"}},
		{"List default", s.List("absent", "x"), []string{"x"}},
		{"String", s.String("word", "y"), "x"},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if err := f.Err(); err != nil {
		t.Errorf("errors before one was made: %v", err)
	}
	if got := f.Unknown(); !reflect.DeepEqual(got, []string{"a/nan"}) {
		t.Errorf("unknown keys %v", got)
	}
	s.Int("word", 1, 0, 10)
	s.Int("int", 1, 0, 5)
	s.Float("nan", 1, 0, 10)
	s.Seconds("word", 0)
	s.Fail("yes", "must be otherwise")
	var wrong *swift.Error
	if err := f.Err(); !errors.As(err, &wrong) || wrong.Kind != swift.Invalid || strings.Count(err.Error(), "[a]") != 5 {
		t.Errorf("not all wrong values are reported: %v", err)
	}
}

func TestReadSwift(t *testing.T) {
	const hash = "[swift-hash]\nswift_hash_path_suffix = end\n"
	for _, tt := range []struct{ name, text, err string }{
		{"least", hash, ""},
		{"policies", hash + "[storage-policy:0]\nname = gold\naliases = yellow, orange\ndefault = yes\n[storage-policy:1]\nname = silver\n", ""},
		{"constraints", hash + "[swift-constraints]\nmax_file_size = 5\nmax_meta_count = 2\n", ""},
		{"no hash", "", "both empty"},
		{"policy index", hash + "[storage-policy:x]\nname = gold\n", "not a policy index"},
		{"policy name", hash + "[storage-policy:0]\nname = g d\n", "letters, digits and dashes"},
		{"constraint", hash + "[swift-constraints]\nmax_meta_count = many\n", "max_meta_count"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse(tt.text, "swift.conf")
			if err != nil {
				t.Fatal(err)
			}
			sw, err := ReadSwift(f)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			switch tt.name {
			case "policies":
				if p := sw.Policies.ByName("ORANGE"); p == nil || p.Index != 0 || len(sw.Policies.All()) != 2 {
					t.Errorf("policies %v", sw.Policies.All())
				}
			case "constraints":
				if sw.Limits.MaxFileSize != 5 || sw.Limits.MaxMetaCount != 2 || sw.Limits.MaxHeaderSize != 8192 {
					t.Errorf("limits %+v", sw.Limits)
				}
			case "least":
				if got := sw.Hasher.Hash(swift.Path{Account: "a"}).String(); got != "adcd25c0c9dbd898cc3d7bd8332bf39c" { // md5("/aend")
					t.Error(got)
				}
			}
		})
	}
}

// directory is a host.FS of one directory.
type directory struct {
	host.FS
	dir   string
	files map[string]string
}

func (d directory) Stat(name string) (fs.FileInfo, error) {
	if name == d.dir {
		return fileInfo{dir: true}, nil
	}
	if _, ok := d.files[strings.TrimPrefix(name, d.dir+"/")]; ok {
		return fileInfo{}, nil
	}
	return nil, fs.ErrNotExist
}

type fileInfo struct {
	fs.FileInfo
	dir bool
}

func (f fileInfo) IsDir() bool { return f.dir }

func (d directory) ReadDir(string) ([]fs.DirEntry, error) {
	var out []fs.DirEntry
	for _, name := range []string{".hidden.conf", "10-b.conf", "20-a.conf", "README"} {
		out = append(out, dirEntry{name: name})
	}
	return out, nil
}

type dirEntry struct {
	fs.DirEntry
	name string
}

func (d dirEntry) Name() string { return d.name }

func (d directory) OpenFile(name string, _ int, _ fs.FileMode) (host.File, error) {
	text, ok := d.files[strings.TrimPrefix(name, d.dir+"/")]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return textFile{text: strings.NewReader(text)}, nil
}

type textFile struct {
	host.File
	text *strings.Reader
}

func (f textFile) Read(p []byte) (int, error) { return f.text.Read(p) }
func (textFile) Close() error                 { return nil }

func TestLoad(t *testing.T) {
	d := directory{dir: "/etc/swift/proxy.d", files: map[string]string{
		"10-b.conf": "[DEFAULT]\nk = 1\n[a]\nx = first\ny = first\n", "20-a.conf": "[a]\nx = second\n",
		".hidden.conf": "nonsense", "README": "nonsense",
	}}
	f, err := Load(d, "/etc/swift/proxy.d")
	if err != nil {
		t.Fatal(err)
	}
	s := f.Section("a")
	if got := s.String("x", "") + s.String("y", "") + s.String("k", "") + s.String("here", ""); got != "secondfirst1/etc/swift/proxy.d" {
		t.Error(got)
	}
	f, err = Load(d, "/etc/swift/proxy.d/20-a.conf")
	if err != nil || f.Section("a").String("here", "") != "/etc/swift/proxy.d" {
		t.Error(err, f)
	}
	if _, err := Load(d, "/absent.conf"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	d.files["20-a.conf"] = "[a]\nbroken"
	if _, err := Load(d, "/etc/swift/proxy.d"); err == nil || !strings.Contains(err.Error(), "20-a.conf") || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[DEFAULT]\nk = %(x)s\n[a]\nx: 1\n  2\n\n 3\n[pipeline:main]\npipeline = a\n")
	f.Add("[a]\nset k = %%(\n%(k)s = 1")
	f.Add("[a]b]\n= x\n  [c]")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text, "fuzz.conf")
		if err != nil {
			return
		}
		for _, name := range c.Sections() {
			s := c.Section(name)
			for _, key := range s.Keys() {
				if v, ok := s.Lookup(key); ok && strings.TrimSpace(v) != v && !strings.Contains(v, "\n") && !strings.Contains(text, "%(") {
					t.Errorf("[%s] %q = %q has spaces around", name, key, v)
				}
			}
		}
		_, _, _ = c.Pipeline()
		_, _ = ReadSwift(c)
	})
}
