package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"apus/sim/engine"
)

// printFinding says what is wrong with a seed and how to see it again.
func printFinding(w io.Writer, s *settings, r *engine.Result, dir string) {
	fmt.Fprintf(w, "seed %d, commit %s, %s engine\n", r.Seed, commit(), r.Engine)
	switch {
	case r.Error != "":
		fmt.Fprintf(w, "  not carried out: %s\n", r.Error)
	case r.Crash != nil:
		fmt.Fprintf(w, "  %s: %s: %s\n", r.Crash.Kind, r.Crash.Status, headline(r.Crash.Output))
	case r.Report != nil:
		for i, v := range r.Report.Violations {
			if i == maxListed {
				fmt.Fprintf(w, "  and %d more\n", len(r.Report.Violations)-i)
				break
			}
			fmt.Fprintf(w, "  %s: %s\n", v.Check, v.Message)
		}
	}
	fmt.Fprintf(w, "  kept in %s\n  replay: %s\n", dir, s.replayLine(r.Job))
}

// maxListed is how many violations of one seed are printed.
const maxListed = 5

// headline picks the line of a crashed worker that says most.
func headline(output string) string {
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "SIGQUIT") {
			return line
		}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(output), "\n")
	return first
}

// keepBundle leaves everything that is known about a run in a directory.
func keepBundle(dir string, r *engine.Result) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	encoded, err := json.MarshalIndent(withoutBulk(*r), "", "  ")
	if err != nil {
		return err
	}
	files := map[string][]byte{"result.json": append(encoded, '\n')}
	if r.Crash != nil {
		files["output.txt"] = []byte(r.Crash.Output)
	}
	if r.Report != nil {
		for name, data := range r.Report.Artifacts {
			files[name] = data
		}
		var text strings.Builder
		for _, v := range r.Report.Violations {
			fmt.Fprintf(&text, "%s: %s\n%s\n\n", v.Check, v.Message, v.Detail)
		}
		files["violations.txt"] = []byte(text.String())
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if !filepath.IsLocal(name) {
			return fmt.Errorf("artifact %q: not a local name", name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// linkedCommit is set by the linker where the go command is told not to ask
// the version control system.
var linkedCommit string

// commit is the revision that the binary was built from.
func commit() string {
	if linkedCommit != "" {
		return linkedCommit
	}
	revision, modified := "unknown", ""
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return revision
	}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value[:min(12, len(setting.Value))]
		case setting.Key == "vcs.modified" && setting.Value == "true":
			modified = "+changes"
		}
	}
	return revision + modified
}
