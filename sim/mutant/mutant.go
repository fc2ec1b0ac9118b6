// Package mutant is the ladder that the simulator must climb: deliberate
// bugs, each a small change of a source file that is compiled into the
// simulator with go build -overlay and never part of production code. A
// mutant that no seed finds is a defect of the simulator, not a success.
package mutant

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Mutant is one deliberate bug.
type Mutant struct {
	Name string
	// Bug says what is wrong, in the words of someone who would report it.
	Bug string
	// Scenario is the simulation that must find it, with these options.
	Scenario string
	Options  map[string]string
	// Property is the check that must find it, as a violation names it. A run
	// that fails for other reasons only does not count.
	Property string
	// Edits are applied to sources of the module.
	Edits []Edit
}

// Edit replaces text that must be in the file exactly once.
type Edit struct {
	File string // relative to the module
	Old  string
	New  string
}

// Write puts the changed files below dir and returns for each original the
// file to compile in its place.
func (m Mutant) Write(module, dir string) (map[string]string, error) {
	texts := map[string]string{}
	for _, e := range m.Edits {
		text, ok := texts[e.File]
		if !ok {
			raw, err := os.ReadFile(filepath.Join(module, e.File))
			if err != nil {
				return nil, fmt.Errorf("mutant %s: %w", m.Name, err)
			}
			text = string(raw)
		}
		if n := strings.Count(text, e.Old); n != 1 {
			return nil, fmt.Errorf("mutant %s: %s holds %q %d times, want once; the code has changed, so change the mutant",
				m.Name, e.File, e.Old, n)
		}
		texts[e.File] = strings.Replace(text, e.Old, e.New, 1)
	}
	out := map[string]string{}
	for file, text := range texts {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(to, []byte(text), 0o644)); err != nil {
			return nil, err
		}
		out[filepath.Join(module, file)] = to
	}
	return out, nil
}
