package overlay

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func goroot(t *testing.T) string {
	t.Helper()
	return strings.TrimSuffix(sourceOf(t), "/src/runtime/proc.go")
}

// sourceOf finds the runtime's source through a frame of the runtime.
func sourceOf(t *testing.T) string {
	t.Helper()
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.File, "/src/runtime/extern.go") {
			return filepath.Join(filepath.Dir(f.File), "proc.go")
		}
		if !more {
			t.Fatal("no frame of the runtime")
		}
	}
}

func TestGenerateFromInstalledGo(t *testing.T) {
	dir := filepath.Join(goroot(t), "src", "runtime")
	files, err := Generate(dir, runtime.Version())
	require.NoError(t, err)
	for name, text := range files {
		_, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		require.NoError(t, err, name)
	}
	require.Len(t, files, 10)
}

func TestAnchorMustBeFoundExactlyOnce(t *testing.T) {
	source := filepath.Join(goroot(t), "src", "runtime")
	for name, edit := range map[string]func(string) string{
		"found 0 times": func(s string) string { return strings.Replace(s, "haveSysmon = GOARCH", "haveSysmon = GOOS", 1) },
		"found 2 times": func(s string) string { return s + "\nconst haveSysmon = GOARCH != \"wasm\"\n" },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text, err := os.ReadFile(filepath.Join(source, "proc.go"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "proc.go"), []byte(edit(string(text))), 0o644))
			_, err = Generate(dir, "go9.99")
			require.ErrorContains(t, err, name)
			require.ErrorContains(t, err, `go9.99: runtime/proc.go: anchor "const haveSysmon`)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestWriteMergesReplacements(t *testing.T) {
	dir := t.TempDir()
	mutant := filepath.Join(dir, "mutant.go")
	require.NoError(t, os.WriteFile(mutant, []byte("package x\n"), 0o644))
	path, err := Write(goroot(t), runtime.Version(), filepath.Join(dir, "out"), map[string]string{"/a/b.go": mutant})
	require.NoError(t, err)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var got struct{ Replace map[string]string }
	require.NoError(t, json.Unmarshal(raw, &got))
	require.Equal(t, mutant, got.Replace["/a/b.go"])
	require.Len(t, got.Replace, 11)
	for _, to := range got.Replace {
		require.FileExists(t, to)
	}

	_, err = Write(goroot(t), runtime.Version(), dir, map[string]string{"/a/b.go": "/nowhere.go"})
	require.ErrorContains(t, err, "replacement of /a/b.go")
}
