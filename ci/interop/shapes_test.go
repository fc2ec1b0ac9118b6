package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"apus/impl/ring/builder"
	"apus/impl/ring/builder/shapes"
)

// worse is by how much a figure of ours may exceed upstream's: what the order
// of additions does to a float, no more.
const worse = 1e-9

// TestShapes runs every shape of cluster through both builders, side by side
// and with the same seeds. After each rebalance the placement must be the same
// and neither balance nor dispersion worse.
func TestShapes(t *testing.T) {
	b, dir := need(t)
	all, err := shapes.All()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "swift.conf"), []byte("[swift-hash]\nswift_hash_path_suffix = interop\n"), 0o600)
	}
	table := filepath.Join(dir, "shapes.json")
	if err == nil {
		err = os.WriteFile(table, shapes.JSON(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	script := "../../impl/ring/builder/shapes/golden.py"
	text := command(t, append(b.Python(dir), script, table)...)
	var theirs map[string][]shapes.Outcome
	if err := json.Unmarshal([]byte(text), &theirs); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%-28s %9s %9s %10s %10s %8s %8s %s\n", "shape, last rebalance", "balance", "swift's", "dispersion", "swift's", "seconds", "swift's", "placement")
	for _, s := range all {
		out.WriteString(compareShape(t, s, theirs[s.Name]))
	}
	t.Logf("the builders:\n%s", out.String())
}

// compareShape returns a line of the table.
func compareShape(t *testing.T, s shapes.Shape, theirs []shapes.Outcome) string {
	t.Helper()
	var last shapes.Outcome
	n, equal := 0, 0
	var took, theirTook float64
	began := time.Now()
	err := s.Run(func(_ *builder.Builder, got shapes.Outcome) error {
		took += time.Since(began).Seconds()
		if n >= len(theirs) {
			return fmt.Errorf("swift made only %d rebalances", len(theirs))
		}
		want := theirs[n]
		n++
		last, theirTook = got, theirTook+want.Seconds
		switch {
		case got.Placement != want.Placement || got.Changed != want.Changed || got.Removed != want.Removed:
			t.Errorf("%s, rebalance %d: placement differs: apus changes %d and removes %d, swift %d and %d",
				s.Name, n, got.Changed, got.Removed, want.Changed, want.Removed)
		case got.Balance > want.Balance+worse || got.Dispersion > want.Dispersion+worse:
			t.Errorf("%s, rebalance %d: worse: balance %v and dispersion %v, swift's %v and %v",
				s.Name, n, got.Balance, got.Dispersion, want.Balance, want.Dispersion)
		default:
			equal++
		}
		began = time.Now()
		return nil
	})
	if err != nil {
		t.Errorf("%s: %v", s.Name, err)
	}
	if n == 0 || n != len(theirs) {
		t.Errorf("%s: %d rebalances, swift made %d", s.Name, n, len(theirs))
		return ""
	}
	want := theirs[n-1]
	return fmt.Sprintf("%-28s %9.4f %9.4f %10.4f %10.4f %8.3f %8.3f %d of %d equal\n",
		s.Name, last.Balance, want.Balance, last.Dispersion, want.Dispersion, took, theirTook, equal, n)
}
