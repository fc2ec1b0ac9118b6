package ringbuilder

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/tools"
)

// step is one line of a dialogue; see testdata/README.md.
type step struct {
	Line    string   `json:"line"`
	Answer  string   `json:"answer"`
	Exit    int      `json:"exit"`
	Out     string   `json:"out"`
	Err     string   `json:"err"`
	Usage   bool     `json:"usage"`
	Files   []string `json:"files"`
	Advance int      `json:"advance"`
	Delete  string   `json:"delete"`
}

// wall is a clock that tests move.
type wall struct{ now time.Time }

func (w *wall) Now() time.Time { return w.now }

// desk is a directory in which the tool is called.
type desk struct {
	t     testing.TB
	dir   string
	clock *wall
	host  *host.Host
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), clock: &wall{time.Unix(1_700_000_000, 0)}}
	d.host = real.New("here", slog.New(slog.DiscardHandler))
	d.host.Clock = d.clock
	return d
}

// call runs one command line.
func (d *desk) call(line, answer string) (code int, out, err string) {
	d.t.Helper()
	var o, e bytes.Buffer
	if answer != "" {
		answer += "\n"
	}
	std := tools.Std{Dir: d.dir, In: strings.NewReader(answer), Out: &o, Err: &e}
	code = Run(d.t.Context(), d.host, split(line), std)
	return code, o.String(), e.String()
}

// split is a shell's way with quotes, as far as the dialogues need it.
func split(line string) []string {
	var words []string
	for _, w := range regexp.MustCompile(`(?:"[^"]*"|[^ "])+`).FindAllString(line, -1) {
		words = append(words, strings.ReplaceAll(strings.ReplaceAll(w, `"`, ""), `\\`, `\`))
	}
	return words
}

func (d *desk) files() []string {
	var names []string
	err := filepath.WalkDir(d.dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, strings.TrimPrefix(name, d.dir+"/"))
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

var identity = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// TestGolden replays recorded dialogues.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]step
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for name, steps := range all {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			for i, s := range steps {
				switch {
				case s.Advance != 0:
					d.clock.now = d.clock.now.Add(time.Duration(s.Advance) * time.Second)
				case s.Delete != "":
					if err := os.Remove(filepath.Join(d.dir, s.Delete)); err != nil {
						t.Fatal(err)
					}
				default:
					d.check(i, s)
				}
			}
		})
	}
}

func (d *desk) check(i int, s step) {
	d.t.Helper()
	code, out, errOut := d.call(s.Line, s.Answer)
	out = identity.ReplaceAllString(out, "<id>")
	if code != s.Exit {
		d.t.Errorf("step %d, %s: exit code %d, want %d; %s%s", i, s.Line, code, s.Exit, out, errOut)
	}
	if s.Usage {
		if !strings.HasPrefix(out, "swift-ring-builder <") {
			d.t.Errorf("step %d, %s: printed %q instead of how to use it", i, s.Line, out)
		}
	} else if out != s.Out {
		d.t.Errorf("step %d, %s:\n%s\nwant\n%s", i, s.Line, out, s.Out)
	}
	if s.Err != "" && errOut != s.Err {
		d.t.Errorf("step %d, %s: warned %q, want %q", i, s.Line, errOut, s.Err)
	}
	if files := d.files(); !slices.Equal(files, s.Files) {
		d.t.Errorf("step %d, %s: files %q, want %q", i, s.Line, files, s.Files)
	}
}
