package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"apus/sim/engine/overlay"

	"github.com/stretchr/testify/require"
)

// The proof of exactness must be able to fail: in a copy of the demo, one draw
// comes from the process id. Everything else is the exact build.
func TestPlantedDrawIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the exact simulator")
	}
	root := filepath.Join("..", "..")
	said, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	require.NoError(t, err)
	goroot, version, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	for name, replace := range map[string]map[string]string{
		"unseeded": {
			filepath.Join(root, "sim/engine/demo/draw.go"): filepath.Join(root, "sim/engine/demo/testdata/draw_unseeded.go.txt"),
		},
		"seeded": nil,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, err := overlay.Write(goroot, version, dir, replace)
			require.NoError(t, err)
			binary := filepath.Join(dir, "apus-sim")
			build := exec.Command("go", "build", "-tags", overlay.Tag, "-overlay", path,
				"-ldflags", "-X testing.testBinary=1", "-o", binary, ".")
			build.Stdout, build.Stderr = os.Stderr, os.Stderr
			require.NoError(t, build.Run())

			args := []string{"exact", "--scenario", "demo", "--seeds", "2", "--runs", "3", "--busy", "1"}
			if replace != nil {
				args = append(args, "--planted")
			}
			out, err := exec.Command(binary, args...).Output()
			require.NoError(t, err, "%s", out)
			if replace == nil {
				require.True(t, strings.HasSuffix(string(out), "engine: exact\nexact: 6 of 6 runs identical\n"), "%s", out)
			} else {
				require.Contains(t, string(out), "a difference was noticed")
			}
		})
	}
}
