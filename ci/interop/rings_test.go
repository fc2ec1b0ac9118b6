package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"apus/ci/interop/peer"
	"apus/impl/ring"
)

// ringShape is a ring as the commands that build it, and what happens to its
// builder afterwards.
type ringShape struct {
	name         string
	build, after []string
}

// devices are arguments of "add": count devices spread over regions, zones
// and hosts, with weights that rise.
func devices(count, regions, zones int) string {
	var out []string
	for i := range count {
		r, z := i%regions+1, i/regions%zones+1
		out = append(out, fmt.Sprintf("r%dz%d-127.%d.%d.%d:6200/d%d %d", r, z, r, z, i/(regions*zones)%3+1, i, 100+i%4*50))
	}
	return "add " + strings.Join(out, " ")
}

func ringShapes() []ringShape {
	const pass = "pretend_min_part_hours_passed"
	return []ringShape{
		{"plain", []string{"create 8 3 1", devices(6, 1, 3), "rebalance --seed 1"}, []string{"add r2z1-127.2.1.1:6200/x1 150 r2z2-127.2.2.1:6200/x2 75.5", pass, "rebalance --seed 2"}},
		{"fractional", []string{"create 10 2.5 0", devices(9, 1, 3), "rebalance --seed one"}, []string{"set_replicas 3.25", pass, "rebalance --seed 3"}},
		{"regions", []string{"create 9 3 1", devices(17, 3, 2), "rebalance --seed 4"}, []string{"set_overload 10%", pass, "rebalance --seed 5"}},
		{"holes", []string{
			"create 8 3 1", devices(8, 1, 4), "rebalance --seed 6", "remove d2", "remove d5", pass, "rebalance --seed 7",
		}, []string{"remove d7", pass, "rebalance --seed 8"}},
		{"weights", []string{
			"create 10 3 1", devices(10, 2, 2), "set_weight d1 0", "set_weight d4 1000", "rebalance --seed 9",
		}, []string{"set_weight d1 500", pass, "rebalance --seed 10"}},
		{"large", []string{"create 12 3 1", devices(48, 3, 4), "rebalance --seed 11"}, []string{"set_weight d3 0", pass, "rebalance --seed 12"}},
		{"few devices", []string{"create 6 2 1", devices(2, 1, 1), "rebalance --seed 13"}, []string{"add r2z1-127.2.1.1:6200/d2 100", pass, "rebalance --seed 14"}},
	}
}

// TestRings builds each ring with both makes' ring-builder and reads every
// ring with both: primaries and all handoffs of all partitions must agree.
// Then each make goes on with a copy of the other's builder file.
func TestRings(t *testing.T) {
	b, dir := need(t)
	var sum ringSum
	for _, s := range ringShapes() {
		sum.rings++
		t.Run(s.name, func(t *testing.T) {
			r := &ringBench{t: t, bin: b, dir: filepath.Join(dir, strings.ReplaceAll(s.name, " ", "-")), sum: &sum}
			r.writeSwiftConf()
			for _, m := range makes {
				r.run(m, string(m), s.build)
			}
			r.check("apus", "swift")
			for i, m := range makes {
				other := string(makes[1-i])
				r.copyBuilder(other, other+"-continued")
				r.run(m, other+"-continued", append([]string{"validate"}, s.after...))
			}
			r.check("apus-continued", "swift-continued")
			for i, m := range makes { // what the other went on with is still good
				r.run(m, string(makes[i])+"-continued", []string{"validate"})
			}
			if !t.Failed() {
				sum.same++
			}
		})
	}
	t.Logf("rings: %d of %d, placement equal on %d of %d partitions", sum.same, sum.rings, sum.equal, sum.parts)
}

type ringSum struct{ rings, same, parts, equal int }

// ringBench is a directory with builder files and rings of one shape.
type ringBench struct {
	t   *testing.T
	bin *peer.Binaries
	dir string
	sum *ringSum
}

// writeSwiftConf writes what upstream's libraries do not start without.
func (r *ringBench) writeSwiftConf() {
	r.t.Helper()
	err := os.MkdirAll(r.dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(r.dir, "swift.conf"), []byte("[swift-hash]\nswift_hash_path_suffix = interop\n"), 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *ringBench) file(name, suffix string) string {
	return filepath.Join(r.dir, name, "object"+suffix)
}

// run runs ring-builder's commands. Its exit code 1 is a warning.
func (r *ringBench) run(m peer.Make, name string, commands []string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Join(r.dir, name), 0o755); err != nil {
		r.t.Fatal(err)
	}
	for _, c := range commands {
		args := append(r.bin.Command(m, r.dir, "ring-builder"), r.file(name, ".builder"))
		cmd := exec.Command(args[0], append(args[1:], strings.Fields(c)...)...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 1 {
			err = nil
		}
		if err != nil {
			r.t.Fatalf("%s ring-builder %s %.80s: %v\n%s", m, name, c, err, out)
		}
	}
}

func (r *ringBench) copyBuilder(from, to string) {
	r.t.Helper()
	text, err := os.ReadFile(r.file(from, ".builder"))
	if err == nil {
		err = os.MkdirAll(filepath.Join(r.dir, to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(r.file(to, ".builder"), text, 0o644)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// check reads two rings with both makes; all four placements must be one.
func (r *ringBench) check(names ...string) {
	r.t.Helper()
	var all [][]string
	var whats []string
	for _, name := range names {
		file := r.file(name, ".ring.gz")
		theirs := command(r.t, append(r.bin.Python(r.dir), "ringdump.py", file)...)
		all = append(all, r.ours(file), strings.Split(strings.TrimSpace(theirs), "\n"))
		whats = append(whats, "built as "+name+", read by apus", "built as "+name+", read by swift")
	}
	for i := range all {
		if len(all[i]) != len(all[0]) {
			r.t.Fatalf("%d partitions %s, %d %s", len(all[0]), whats[0], len(all[i]), whats[i])
		}
	}
	wrong := 0
	for part := range all[0] {
		same := true
		for i := range all {
			if all[i][part] != all[0][part] && same {
				same = false
				if wrong++; wrong == 1 {
					r.t.Errorf("partition %d: %s %s, %s %s", part, all[0][part], whats[0], all[i][part], whats[i])
				}
			}
		}
		r.sum.parts++
		if same {
			r.sum.equal++
		}
	}
	if wrong > 0 {
		r.t.Errorf("%d of %d partitions differ", wrong, len(all[0]))
	}
}

// ours is what ringdump.py prints, by our own code.
func (r *ringBench) ours(file string) (out []string) {
	r.t.Helper()
	loaded, err := ring.Load(peer.FS(), file)
	if err != nil {
		r.t.Fatal(err)
	}
	for part := range loaded.Partitions() {
		var primaries, handoffs []string
		for _, d := range loaded.Primaries(uint32(part)) {
			primaries = append(primaries, fmt.Sprint(d.ID))
		}
		for d := range loaded.Handoffs(uint32(part)) {
			handoffs = append(handoffs, fmt.Sprint(d.ID))
		}
		out = append(out, strings.Join(primaries, ",")+"|"+strings.Join(handoffs, ","))
	}
	return out
}
