package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"apus/ci/interop/peer"
)

// enabled names the variable that turns these tests on. Its value is the
// directory to work in, on a file system with room for user attributes;
// ci/interop/run finds one.
const enabled = "APUS_INTEROP"

// binaries builds our commands once.
var binaries = sync.OnceValues(func() (*peer.Binaries, error) {
	dir := filepath.Join(os.Getenv(enabled), "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return peer.Build("../..", dir)
})

// ports are shared by all tests of the process.
var ports = sync.OnceValue(peer.NewPorts)

// need skips a test unless these tests are on, and returns our commands and
// an empty directory that is removed when the test has passed.
func need(t *testing.T) (*peer.Binaries, string) {
	t.Helper()
	parent := os.Getenv(enabled)
	if parent == "" {
		t.Skip("needs the distribution's Swift; make interop runs it")
	}
	if err := peer.Upstream(); err != nil {
		t.Fatal(err)
	}
	b, err := binaries()
	if err != nil {
		t.Fatalf("building the commands: %v", err)
	}
	dir, err := os.MkdirTemp(parent, strings.ReplaceAll(t.Name(), "/", "_")+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return b, dir
}

// command runs a program and fails the test, with its output, if that fails.
func command(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// roomy reports whether a file below dir can hold the metadata that Swift's
// limits allow, which ext4 cannot.
func roomy(dir string) bool {
	name := filepath.Join(dir, "room")
	defer os.Remove(name)
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return false
	}
	value := strings.Repeat("x", 1<<10)
	for i := range 16 {
		if setxattr(name, fmt.Sprintf("user.room%d", i), value) != nil {
			return false
		}
	}
	return true
}
