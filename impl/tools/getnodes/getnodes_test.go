package getnodes

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"apus/impl/host/real"
	"apus/impl/tools"
)

// call runs one command line in a directory with the recorded rings.
func call(t *testing.T, dir string, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	h := real.New("here", slog.New(slog.DiscardHandler))
	code = Run(t.Context(), h, args, tools.Std{Dir: dir, In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

// split is a shell's way with quotes, as far as the recorded lines need it.
func split(line string) []string {
	var words []string
	for _, w := range regexp.MustCompile(`(?:"[^"]*"|[^ "])+`).FindAllString(line, -1) {
		words = append(words, strings.ReplaceAll(w, `"`, ""))
	}
	return words
}

func testdata(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Line string `json:"line"`
		Exit int    `json:"exit"`
		Out  string `json:"out"`
		Err  string `json:"err"`
		Help bool   `json:"help"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	dir := testdata(t)
	for _, want := range all {
		code, out, errOut := call(t, dir, append([]string{"-d", dir}, split(want.Line)...)...)
		if code != want.Exit || errOut != want.Err {
			t.Errorf("%s: exit code %d, want %d; errors %q, want %q", want.Line, code, want.Exit, errOut, want.Err)
		}
		if want.Help {
			want.Out = help
		}
		if out != want.Out {
			t.Errorf("%s:\n%s\nwant\n%s", want.Line, out, want.Out)
		}
	}
}

func TestMisuse(t *testing.T) {
	dir := testdata(t)
	for _, c := range []struct {
		args []string
		code int
		out  string
		err  string
	}{
		{[]string{"--help"}, 0, help, ""},
		{[]string{"-x"}, 2, "", "error"},
		{[]string{"-d", dir, "object.ring.gz", "-p", "x"}, 1, "", `partition "x" is not a number`},
		{[]string{"-d", filepath.Join(dir, "nowhere"), "object.ring.gz", "-p", "1"}, 1, "", "swift.conf"},
		{[]string{"-d", dir, "README.md.ring.gz", "-p", "1"}, 1, help, "ERROR: Ring file does not exist"},
	} {
		code, out, errOut := call(t, dir, c.args...)
		if code != c.code || out != c.out || !strings.Contains(errOut, c.err) {
			t.Errorf("%q: exit code %d, output %q, errors %q", c.args, code, out, errOut)
		}
	}
}
