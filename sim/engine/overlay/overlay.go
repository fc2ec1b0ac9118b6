// Package overlay derives a deterministic Go runtime from the installed one.
//
// It writes changed copies of a few files of the local GOROOT and the JSON file
// that `go build -overlay` reads, so that nothing of Go is committed and no
// patched toolchain is needed. Each change replaces an anchor that must be
// found exactly once; otherwise there is one error that names the Go version,
// the file and the anchor, and no overlay.
//
// A binary built with the overlay must carry the build tag apusexact, which
// makes sim/engine call the seeding hook that only the changed runtime has.
package overlay

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Tag is the build tag of a binary built with the overlay.
const Tag = "apusexact"

// change replaces one anchor of one file of package runtime.
type change struct {
	file   string
	anchor string
	with   string
	why    string
}

// changes is the whole difference, apart from the added file.
var changes = []change{
	{
		file:   "proc.go",
		anchor: `const haveSysmon = GOARCH != "wasm"`,
		with:   `const haveSysmon = false`,
		why:    "the monitor thread takes processors away after wall-clock intervals",
	}, {
		file:   "proc.go",
		anchor: `const forcePreemptNS = 10 * 1000 * 1000 // 10ms`,
		with:   `const forcePreemptNS = 1 << 62`,
		why:    "a time slice ends after a wall-clock interval",
	}, {
		file:   "proc.go",
		anchor: "	mainStarted = true\n",
		with:   "	mainStarted = true\n	systemstack(apusSpareThreads)\n",
		why:    "whether a thread is created depends on how fast another one parks, and its memory moves the heap",
	}, {
		file:   "proc.go",
		anchor: `if pp.schedtick%61 == 0 && !sched.runq.empty() {`,
		with:   `if gomaxprocs > 1 && pp.schedtick%61 == 0 && !sched.runq.empty() {`,
		why:    "the tick counts goroutines outside the bubble too",
	}, {
		file:   "proc.go",
		anchor: "		gp := pp.runq[h%uint32(len(pp.runq))].ptr()\n		if atomic.CasRel(&pp.runqhead, h, h+1) { // cas-release, commits consume\n			return gp, false",
		with:   "		apusShuffle(pp, h, t)\n		gp := pp.runq[h%uint32(len(pp.runq))].ptr()\n		if atomic.CasRel(&pp.runqhead, h, h+1) { // cas-release, commits consume\n			return gp, false",
		why:    "the seed chooses among runnable goroutines",
	}, {
		file:   "rand.go",
		anchor: `	globalRand.state.Init(*seed)`,
		with:   "	apusBootSeed(seed)\n	globalRand.state.Init(*seed)",
		why:    "the kernel seeds the process: heap base, hash keys",
	}, {
		file:   "rand.go",
		anchor: "	mp := getg().m\n	c := &mp.chacha8\n",
		with:   "	if gp := getg(); gp == gp.m.curg {\n		return apusRand(gp.bubble)\n	}\n	mp := getg().m\n	c := &mp.chacha8\n",
		why:    "map order, map hash and math/rand/v2 draw from the state of a thread",
	}, {
		file:   "iface.go",
		anchor: "	if !abi.UseInterfaceSwitchCache(goarch.ArchFamily) {\n		return tab\n",
		with:   "	if apusNoCache || !abi.UseInterfaceSwitchCache(goarch.ArchFamily) {\n		return tab\n",
		why:    "caches of type assertions are filled by a draw from the state of a thread, and move the heap",
	}, {
		file:   "iface.go",
		anchor: "	if !abi.UseInterfaceSwitchCache(goarch.ArchFamily) {\n		return case_, tab\n",
		with:   "	if apusNoCache || !abi.UseInterfaceSwitchCache(goarch.ArchFamily) {\n		return case_, tab\n",
		why:    "the same for type switches",
	}, {
		file:   "mprof.go",
		anchor: "var MemProfileRate int = 512 * 1024\n",
		with:   "var MemProfileRate int = 0\n",
		why:    "sampling of allocations counts those of all goroutines",
	}, {
		file:   "select.go",
		anchor: `		j := cheaprandn(uint32(norder + 1))`,
		with:   `		j := apusDrawN(uint32(norder + 1))`,
		why:    "select order draws from the state of a thread",
	}, {
		file:   "time.go",
		anchor: `			t.rand = cheaprand()`,
		with:   `			t.rand = uint32(getg().bubble.apusDraw() >> 32)`,
		why:    "timers of one instant are shuffled by the state of a thread",
	}, {
		file:   "synctest.go",
		anchor: "	root    *g     // caller of synctest.Run\n",
		with:   "	root    *g     // caller of synctest.Run\n\n	apusState uint64\n	apusMix   bool\n",
		why:    "the bubble owns the random state",
	}, {
		file:   "sema.go",
		anchor: "func internal_sync_nanotime() int64 {\n",
		with:   "func internal_sync_nanotime() int64 {\n	if b := getg().bubble; b != nil {\n		return b.now\n	}\n",
		why:    "a mutex turns to starvation mode after a wall-clock interval",
	}, {
		file:   "runtime2.go",
		anchor: "	waitReasonSynctestRun:           true,\n",
		with: "	waitReasonSynctestRun:           true,\n" +
			"	waitReasonSyncMutexLock:         true,\n" +
			"	waitReasonSyncRWMutexRLock:      true,\n" +
			"	waitReasonSyncRWMutexLock:       true,\n",
		why: "a goroutine that waits for a mutex would stop virtual time",
	},
}

// added is the file that joins package runtime.
//
//go:embed runtime.go.txt
var added string

const addedName = "apus_bubble.go"

// Generate returns the changed runtime files by name. goVersion is only for
// messages.
func Generate(runtimeDir, goVersion string) (map[string]string, error) {
	files := map[string]string{addedName: added}
	for _, c := range changes {
		text, ok := files[c.file]
		if !ok {
			raw, err := os.ReadFile(filepath.Join(runtimeDir, c.file))
			if err != nil {
				return nil, fmt.Errorf("overlay: %s: %w", goVersion, err)
			}
			text = string(raw)
		}
		if n := strings.Count(text, c.anchor); n != 1 {
			return nil, fmt.Errorf("overlay: %s: runtime/%s: anchor %q found %d times, want once (%s)",
				goVersion, c.file, c.anchor, n, c.why)
		}
		files[c.file] = strings.Replace(text, c.anchor, c.with, 1)
	}
	return files, nil
}

// Write derives the overlay from the Go installation at goroot into dir and
// returns the path of the JSON file. Replacements map further source files to
// what shall be compiled in their place; they need not exist in the original.
func Write(goroot, goVersion, dir string, replacements map[string]string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	runtimeDir := filepath.Join(goroot, "src", "runtime")
	files, err := Generate(runtimeDir, goVersion)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := writeChanged(path, text); err != nil {
			return "", err
		}
		replace[filepath.Join(runtimeDir, name)] = path
	}
	if err := addReplacements(replace, replacements); err != nil {
		return "", err
	}
	encoded, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, writeChanged(path, string(encoded)+"\n")
}

func addReplacements(replace, replacements map[string]string) error {
	for original, by := range replacements {
		if _, err := os.Stat(by); err != nil {
			return fmt.Errorf("overlay: replacement of %s: %w", original, err)
		}
		from, err := filepath.Abs(original)
		if err != nil {
			return err
		}
		to, err := filepath.Abs(by)
		if err != nil {
			return err
		}
		if _, taken := replace[from]; taken {
			return fmt.Errorf("overlay: %s is replaced already", original)
		}
		replace[from] = to
	}
	return nil
}

// writeChanged leaves a file with the right content alone, so that make sees
// an old date.
func writeChanged(path, text string) error {
	old, err := os.ReadFile(path)
	if err == nil && string(old) == text {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
