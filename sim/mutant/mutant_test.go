package mutant_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"apus/faults/catalog"
	"apus/faults/nemesis"
	"apus/faults/plan"
	"apus/sim/mutant"
	"apus/sim/scenario"
)

// Every edit must still find its place: the ladder itself takes minutes.
func TestTable(t *testing.T) {
	var names []string
	for _, m := range mutant.Table() {
		t.Run(m.Name, func(t *testing.T) {
			if m.Bug == "" || m.Property == "" || len(m.Edits) == 0 {
				t.Error("what it is, which property finds it, or its edits are missing")
			}
			if slices.Contains(names, m.Name) {
				t.Error("the name is taken")
			}
			names = append(names, m.Name)
			if scenario.Registry()[m.Scenario] == nil {
				t.Errorf("no scenario %q", m.Scenario)
			}
			checkOptions(t, m.Options)
			files, err := m.Write(filepath.Join("..", ".."), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				if _, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestCompile builds the packages that each mutant changes: one that does not
// compile proves nothing, and text may be in its place in a function that has
// become another.
func TestCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles a package for each mutant, half a minute in all")
	}
	module, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutant.Table() {
		t.Run(m.Name, func(t *testing.T) {
			dir := t.TempDir()
			files, err := m.Write(module, dir)
			if err != nil {
				t.Fatal(err)
			}
			overlay, err := json.Marshal(map[string]any{"Replace": files})
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(dir, "overlay.json")
			if err := os.WriteFile(name, overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"build", "-tags", "apusexact", "-overlay", name}
			for original := range files {
				if pkg := filepath.Dir(original); !slices.Contains(args, pkg) {
					args = append(args, pkg)
				}
			}
			build := exec.CommandContext(t.Context(), "go", args...)
			build.Dir = module
			if out, err := build.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func checkOptions(t *testing.T, options map[string]string) {
	if text, ok := options["plan"]; ok {
		p, err := plan.Parse(text)
		if err == nil {
			err = p.Validate(catalog.Vocabulary{})
		}
		if err != nil {
			t.Error(err)
		}
	}
	if name, ok := options["profile"]; ok {
		if _, err := nemesis.ByName(name); err != nil {
			t.Error(err)
		}
	}
}

func TestWrite(t *testing.T) {
	edit := mutant.Edit{File: "sim/mutant/mutant.go", Old: "package mutant\n", New: "package other\n"}
	for _, c := range []struct {
		name string
		edit func(*mutant.Edit)
		ok   bool
	}{
		{"found once", func(*mutant.Edit) {}, true},
		{"not found", func(e *mutant.Edit) { e.Old = "no such text in the whole file" }, false},
		{"found twice", func(e *mutant.Edit) { e.Old = "e" }, false},
		{"no such file", func(e *mutant.Edit) { e.File += "x" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := edit
			c.edit(&e)
			files, err := mutant.Mutant{Name: c.name, Edits: []mutant.Edit{e}}.Write(filepath.Join("..", ".."), t.TempDir())
			if (err == nil) != c.ok {
				t.Fatalf("%v, %v", files, err)
			}
		})
	}
}
