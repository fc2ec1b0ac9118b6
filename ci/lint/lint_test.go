// Package lint holds the rules of the house as tests. A rule that breaks
// prints what it found, where, and why the rule is there.
package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// source is one parsed Go file of the module.
type source struct {
	name string // relative to the module, with slashes
	dir  string
	file *ast.File
	text string
	test bool
}

var fset = token.NewFileSet()

// module parses every Go file below the module's root, without nested modules.
func module(t *testing.T) []source {
	t.Helper()
	root := "../.."
	var out []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || rel == "out" || rel == "bin") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && rel != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, rel, text, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, source{rel, path.Dir(rel), f, string(text), strings.HasSuffix(rel, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("found only %d Go files; the walk is broken", len(out))
	}
	return out
}

// below reports whether dir is tree or a directory in it.
func below(dir, tree string) bool { return dir == tree || strings.HasPrefix(dir, tree+"/") }

// layers: packages in from must not import packages in to.
var layers = []struct{ from, to, why string }{
	{"impl", "apus/sim", "production code must not know that it can be simulated"},
	{"impl", "apus/faults", "production code must not know about faults"},
	{"impl", "apus/conformance", "the judge is outside what it judges"},
	{"conformance", "apus/impl", "conformance judges any Swift, so it must not share a line with ours"},
	{"conformance", "apus/sim", "conformance judges any Swift over plain HTTP"},
	{"faults", "apus/sim", "one fault plan drives the simulator and containers alike; drivers import faults, not the reverse"},
	{"faults", "apus/impl/daemon", "a fault plan is a value; it needs nouns and seams only"},
	{"sim", "apus/impl/host/real", "a simulation that reaches the operating system cannot be replayed"},
	{"impl", "apus/impl/host/real", "only commands and tests choose the real world"},
	{"impl/swift", "apus/", "the nouns depend on nothing"},
	{"impl/host", "apus/", "the seams depend on nothing"},
	{"impl/web", "apus/impl/proxy", "imports point down"},
	{"impl/diskfile", "apus/impl/object", "imports point down"},
	{"impl/broker", "apus/impl/container", "imports point down"},
	{"impl/broker", "apus/impl/account", "imports point down"},
	{"impl/ring", "apus/impl/proxy", "imports point down"},
	{"impl/proxy", "apus/impl/middleware/", "the app does not know the filters in front of it"},
	{"impl/backend", "apus/impl/proxy", "imports point down"},
	{"impl/object", "apus/impl/proxy", "storage servers do not know proxies"},
	{"impl/container", "apus/impl/proxy", "storage servers do not know proxies"},
	{"impl/account", "apus/impl/proxy", "storage servers do not know proxies"},
}

func layerExempt(s source, to string) bool {
	if s.test && (to == "apus/impl/host/real" || to == "apus/sim") {
		return true // tests run engines on both worlds
	}
	return below(s.dir, "impl/host") && to == "apus/" // hosttest and real implement the seams
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range module(t) {
		for _, imp := range s.file.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			for _, l := range layers {
				if !below(s.dir, l.from) || !(p == l.to || strings.HasPrefix(p, strings.TrimSuffix(l.to, "/")+"/")) {
					continue
				}
				if l.from == "impl/swift" && s.test || layerExempt(s, l.to) {
					continue
				}
				t.Errorf("%s imports %s: %s", s.name, p, l.why)
			}
		}
	}
}

// seams: what only impl/host/real may touch, by import path and selector.
var seams = []struct {
	pkg, sel, why string
}{
	{"os", "*", "files, environment and exits belong behind host.FS and in cmd, else the simulator misses them"},
	{"os/signal", "*", "signals are the command's business"},
	{"os/exec", "*", "starting programs is the command's business"},
	{"syscall", "*", "system calls belong in impl/host/real"},
	{"golang.org/x/sys/unix", "*", "system calls belong in impl/host/real"},
	{"net", "Dial*", "connections go through host.Net"},
	{"net", "Listen*", "listeners come from host.Net"},
	{"net", "Lookup*", "names are resolved behind host.Net"},
	{"time", "Now", "the wall clock is host.Clock, which may be wrong; measure durations with host.StartStopwatch"},
	{"net/http", "DefaultClient", "it dials by itself"},
	{"net/http", "DefaultTransport", "it dials by itself"},
	{"net/http", "Get", "it dials by itself"},
	{"net/http", "ListenAndServe*", "it listens by itself"},
	{"log", "*", "logs go through the injected slog.Logger"},
	{"io/ioutil", "*", "it hides package os"},
}

func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// harmless names touch nothing: conditions and interfaces.
var harmless = map[string]bool{
	"os.ErrDeadlineExceeded": true, "os.ErrNotExist": true, "os.ErrExist": true, "os.ErrClosed": true,
	"net.Listener": true, "log.Logger": true,
}

func TestSeams(t *testing.T) {
	for _, s := range module(t) {
		if s.test || !below(s.dir, "impl") || below(s.dir, "impl/host/real") || s.dir == "impl/host/hosttest" {
			continue
		}
		names := map[string]string{} // local name → import path
		for _, imp := range s.file.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			local := path.Base(p)
			if imp.Name != nil {
				local = imp.Name.Name
			}
			names[local] = p
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			id, ok := sel.X.(*ast.Ident)
			if !ok || id.Obj != nil {
				return true
			}
			for _, r := range seams {
				if names[id.Name] == r.pkg && matches(r.sel, sel.Sel.Name) && !harmless[r.pkg+"."+sel.Sel.Name] {
					if s.name == "impl/host/stopwatch.go" { // differences only
						continue
					}
					t.Errorf("%s: %s.%s: %s", fset.Position(sel.Pos()), id.Name, sel.Sel.Name, r.why)
				}
			}
			return true
		})
	}
}

func TestPackageDocs(t *testing.T) {
	docs := map[string]int{}
	for _, s := range module(t) {
		if s.test && s.dir != "ci/lint" {
			continue
		}
		if _, ok := docs[s.dir]; !ok {
			docs[s.dir] = 0
		}
		if s.file.Doc != nil && !strings.HasPrefix(s.file.Doc.Text(), "go:build") {
			docs[s.dir]++
		}
	}
	for dir, n := range docs {
		if n != 1 {
			t.Errorf("%s has %d package comments; a reader needs exactly one that says what the package is for", dir, n)
		}
	}
}

const (
	maxFuncLines = 70
	maxFileLines = 600
)

func TestSizes(t *testing.T) {
	for _, s := range module(t) {
		lines := strings.Count(s.text, "\n")
		if lines > maxFileLines && !strings.Contains(s.text[:min(len(s.text), 200)], "Code generated") {
			t.Errorf("%s has %d lines; a reader holds about %d", s.name, lines, maxFileLines)
		}
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil || isTable(fn) {
				continue
			}
			from, to := fset.Position(fn.Pos()).Line, fset.Position(fn.End()).Line
			if to-from+1 > maxFuncLines {
				t.Errorf("%s:%d: %s has %d lines; split what is longer than a screen (%d)", s.name, from, fn.Name.Name, to-from+1, maxFuncLines)
			}
		}
	}
}

// isTable reports whether a function does nothing but return a literal: a
// table, which is long because it has many rows.
func isTable(fn *ast.FuncDecl) bool {
	if len(fn.Body.List) == 0 {
		return false
	}
	ret, ok := fn.Body.List[len(fn.Body.List)-1].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return false
	}
	_, ok = ret.Results[0].(*ast.CompositeLit)
	from, to := fset.Position(ret.Pos()).Line, fset.Position(ret.End()).Line
	whole := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line
	return ok && whole-(to-from) < 25
}

var unfinished = regexp.MustCompile(`(?i)\b(TODO|FIXME|XXX|HACK|not yet implemented|for now)\b`)

func TestNothingUnfinished(t *testing.T) {
	for _, s := range module(t) {
		if s.dir == "ci/lint" {
			continue
		}
		for _, g := range s.file.Comments {
			if w := unfinished.FindString(g.Text()); w != "" {
				t.Errorf("%s: comment says %q; finish it or write down why it is right as it is", fset.Position(g.Pos()), w)
			}
		}
	}
}

// TestNoPackageState forbids variables that production code changes: two
// nodes of a simulated cluster share the process.
func TestNoPackageState(t *testing.T) {
	mutable := regexp.MustCompile(`^(sync\.|atomic\.|map\[|chan )`)
	allowed := map[string]string{
		"impl/web/track.go":     "the body tracker of tests",
		"impl/broker/sqlitevfs": "SQLite's own registry is one a process",
	}
	var found []string
	for _, s := range module(t) {
		if s.test || !below(s.dir, "impl") || allowed[s.name] != "" || allowed[s.dir] != "" {
			continue
		}
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if v.Type == nil {
					continue
				}
				from, to := fset.Position(v.Type.Pos()).Offset, fset.Position(v.Type.End()).Offset
				if typ := s.text[from:to]; mutable.MatchString(typ) && typ != "sync.Pool" {
					found = append(found, fset.Position(v.Pos()).String()+": "+typ)
				}
			}
		}
	}
	sort.Strings(found)
	for _, f := range found {
		t.Errorf("%s: package-level state; nodes of a simulated cluster share the process and would share it", f)
	}
}
