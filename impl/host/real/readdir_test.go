//go:build linux

package real

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A listing is what os.ReadDir makes of the directory, also one that needs
// several system calls.
func TestReadDirIsComplete(t *testing.T) {
	dir := t.TempDir()
	for i := range 700 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%d-%0100d", i*7%700, i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dir", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := FS{}.ReadDir(dir)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d entries, want %d, error %v", len(got), len(want), err)
	}
	for i, e := range got {
		if e.Name() != want[i].Name() || e.Type() != want[i].Type() || e.IsDir() != want[i].IsDir() {
			t.Fatalf("entry %d is %v, want %v", i, e, want[i])
		}
		if info, err := e.Info(); err != nil || info.Name() != e.Name() || info.Mode().Type() != e.Type() {
			t.Fatalf("%v: %v, error %v", e, info, err)
		}
	}
}

// A file system need not tell types.
func TestEntryOfUnknownType(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := &entry{dir: dir, name: "d"}
	if ok, err := e.setType(unix.DT_UNKNOWN); !ok || err != nil || !e.IsDir() {
		t.Errorf("directory: %v %v %v", ok, err, e)
	}
	e = &entry{dir: dir, name: "gone"}
	if ok, err := e.setType(unix.DT_UNKNOWN); ok || err != nil {
		t.Errorf("gone: %v %v", ok, err)
	}
}
