package scenario

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"path"
	"sort"
	"strings"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/cluster"
	"apus/sim/disk"
	"apus/sim/engine"
	"apus/sim/model"
	"apus/sim/workload"
)

// BoundarySlices is how many seeds visit every boundary once.
const BoundarySlices = 16

// boundaryInterval is the pause between passes of the updaters: so short that
// the whole run is over before tombstones are old.
const boundaryInterval = time.Second

// boundaryRun is one slice of the boundaries.
type boundaryRun struct {
	c      *cluster.Cluster
	start  time.Time
	slice  uint64
	report *engine.Report
	tests  []boundaryTest
	all    []string // labels of all boundaries, in order
	seen   map[string]int
	mine   int
}

// boundaryTest is what a power cut at a boundary leaves, and after that what
// was found on it.
type boundaryTest struct {
	label   string
	disk    *disk.Disk
	at      time.Duration
	asked   int
	busy    bool
	play    *boundaryPlay
	crashes []model.Crash
}

var boundaryModes = []struct {
	name string
	mode disk.CutMode
}{{"drop", disk.DropUnsynced}, {"random", disk.RandomSubset}, {"keep", disk.KeepAll}}

// Boundary proves by enumeration what Node samples. One storage node performs
// a fixed script. Right before each operation that changes its disk or makes a
// change durable, it is looked up what a power cut would leave, in every mode;
// the node boots on each of these disks and is asked for everything. What it
// acknowledged must be there, what it did not wholly or not at all. Then the
// script is performed again for every operation, which fails.
//
// A cut right after an operation is a cut before the next one, by which at most
// more has been acknowledged. Seeds that differ modulo BoundarySlices visit
// different boundaries, and so many seeds in a row all of them.
func Boundary(ctx context.Context, w *engine.World) (*engine.Report, error) {
	c, err := cluster.New(w, cluster.Config{Nodes: 1, Replicas: 1, Clients: 1, Tune: tune, UpdaterInterval: boundaryInterval})
	if err != nil {
		return nil, err
	}
	device := c.Nodes()[0].Devices[0]
	pristine := c.Device(0, device).Glimpse(disk.KeepAll)
	r := &boundaryRun{
		c: c, start: time.Now(), slice: w.Seed % BoundarySlices, seen: map[string]int{},
		report: &engine.Report{Artifacts: map[string][]byte{}, Marks: map[string]int{}},
	}
	err = c.Start(ctx)
	if err == nil {
		err = r.cuts(ctx, pristine)
	}
	if err == nil {
		err = r.failures(ctx, pristine)
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	if err := c.Stop(); err != nil {
		r.violate("drain", "the end", err.Error())
	}
	if r.slice == 0 {
		r.report.Marks["boundaries: of"] = len(r.all)
	}
	r.report.Marks["boundaries: cut at"] = r.mine
	r.report.Artifacts["boundaries.txt"] = []byte(strings.Join(r.all, "\n") + "\n")
	r.report.Judge = r.judge
	return r.report, nil
}

// boot boots the node on a disk.
func (r *boundaryRun) boot(ctx context.Context, d *disk.Disk) error {
	r.c.Reboot(0, r.c.Nodes()[0].Devices[0], d)
	return r.c.AwaitReady(ctx, bootLimit)
}

// cuts performs the script once and judges what power cuts would have left.
func (r *boundaryRun) cuts(ctx context.Context, pristine *disk.Disk) error {
	d := pristine.Glimpse(disk.KeepAll)
	if err := r.boot(ctx, d); err != nil {
		return err
	}
	play := newBoundaryPlay(r.c, r.start)
	d.OnOp(func(op disk.Op, cut func(disk.CutMode) *disk.Disk) { r.visit(play, op, cut) })
	play.perform(ctx, boundaryScript())
	time.Sleep(2 * boundaryInterval)
	d.OnOp(nil)
	r.report.Requests += int64(len(play.ops))
	for i := range r.tests {
		t := &r.tests[i]
		t.play = play.before(t.asked, t.busy, t.at)
		if err := r.boot(ctx, t.disk); err != nil {
			return fmt.Errorf("%s: %w", t.label, err)
		}
		t.crashes = []model.Crash{{At: t.at, Back: time.Since(r.start), PowerCut: true}}
		if err := r.look(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", t.label, err)
		}
		t.disk = nil
	}
	return nil
}

// visit takes the disks that power cuts before an operation leave, if the
// boundary is in the slice. It is known by what is done how often in which
// request: seeds may order what is done at once differently.
func (r *boundaryRun) visit(play *boundaryPlay, op disk.Op, cut func(disk.CutMode) *disk.Disk) {
	asked, busy := play.at()
	place, _, _ := strings.Cut(strings.TrimPrefix(op.Path, "/"), "/")
	label := fmt.Sprintf("request %d %s %s %s", asked, op.Kind, place, kindOfFile(op.Path))
	r.seen[label]++
	label = fmt.Sprintf("%s %d", label, r.seen[label])
	r.all = append(r.all, label)
	sum := fnv.New64a()
	sum.Write([]byte(label)) // never fails
	if sum.Sum64()>>7%BoundarySlices != r.slice {
		return
	}
	r.mine++
	for _, m := range boundaryModes {
		r.tests = append(r.tests, boundaryTest{
			label: label + ", " + m.name, disk: cut(m.mode), at: time.Since(r.start), asked: asked, busy: busy,
		})
	}
}

// kindOfFile is the end of a name, if it is one that tells what a file is.
func kindOfFile(name string) string {
	for _, end := range []string{".data", ".ts", ".meta", ".pkl", ".invalid", ".db", ".db-journal", ".db.pending", ".db-wal"} {
		if strings.HasSuffix(name, end) {
			return end
		}
	}
	return "-"
}

// failures performs the script once for every operation that is in the slice,
// and lets it fail.
func (r *boundaryRun) failures(ctx context.Context, pristine *disk.Disk) error {
	for n := int64(r.slice) + 1; ; n += BoundarySlices {
		d := pristine.Glimpse(disk.KeepAll)
		if err := r.boot(ctx, d); err != nil {
			return err
		}
		fails := d.Ops() + n
		d.FailAt(fails, host.ErrIO)
		t := boundaryTest{label: fmt.Sprintf("operation %d fails", n), play: newBoundaryPlay(r.c, r.start)}
		what := ""
		d.OnOp(func(op disk.Op, _ func(disk.CutMode) *disk.Disk) {
			if op.N == fails {
				what = fmt.Sprintf(": %s %s", op.Kind, op.Path)
			}
		})
		t.play.perform(ctx, boundaryScript())
		time.Sleep(2 * boundaryInterval)
		if d.Ops() < fails {
			return nil
		}
		d.OnOp(nil)
		t.label += what
		r.report.Requests += int64(len(t.play.ops))
		r.report.Marks["boundaries: failed at"]++
		if err := r.look(ctx, &t); err != nil {
			return fmt.Errorf("%s: %w", t.label, err)
		}
		r.tests = append(r.tests, t)
	}
}

// look asks for everything and compares the hashes of the suffixes.
func (r *boundaryRun) look(ctx context.Context, t *boundaryTest) error {
	from := len(t.play.ops)
	t.play.perform(ctx, boundaryReads())
	r.report.Requests += int64(len(t.play.ops) - from)
	for _, found := range []string{t.play.metadata(), t.play.mute(from)} {
		if found != "" {
			r.violate("boundary/answer", t.label, found)
		}
	}
	rep := &engine.Report{}
	for _, part := range r.partitions() {
		if err := compareHashes(ctx, r.c, part, false, rep); err != nil {
			return err
		}
	}
	r.report.Checks += rep.Checks
	for _, v := range rep.Violations {
		r.violate(v.Check, t.label, v.Message+"\n"+v.Detail)
	}
	if err := r.updated(ctx, t); err != nil {
		return err
	}
	return walkFiles(r.c.Inspect(0), path.Join("/srv/node", r.c.Nodes()[0].Devices[0], "quarantined"), func(name string) error {
		r.violate("boundary/quarantined", t.label, name)
		return nil
	})
}

// updated lets the updater deliver what is pending and looks at the listing.
func (r *boundaryRun) updated(ctx context.Context, t *boundaryTest) error {
	const passes = 3
	for range passes {
		pending, err := asyncs(r.c)
		if err != nil {
			return err
		}
		if pending == "" {
			break
		}
		time.Sleep(boundaryInterval)
	}
	t.play.perform(ctx, []boundaryStep{{subject: workload.NodeRows, op: model.NodeOp{Kind: model.RowList}}})
	r.report.Requests++
	r.report.Checks++
	if found := t.play.untold(); found != "" {
		r.violate("boundary/update", t.label, found)
	}
	return nil
}

// partitions are those of the script's objects.
func (r *boundaryRun) partitions() []uint32 {
	seen := map[uint32]bool{}
	for _, s := range boundaryScript() {
		if s.subject == workload.NodeObjects {
			p := swift.Path{Account: workload.NodeAccount, Container: workload.NodeContainer, Object: string(s.op.Name)}
			seen[r.c.Ring("object").Partition(r.c.Hasher().Hash(p))] = true
		}
	}
	var parts []uint32
	for p := range seen {
		parts = append(parts, p)
	}
	sort.Slice(parts, func(i, j int) bool { return parts[i] < parts[j] })
	return parts
}

// judge asks porcupine about every test.
func (r *boundaryRun) judge(report *engine.Report) {
	for _, t := range r.tests {
		found, checks, undecided := t.play.judge(t.crashes)
		report.Checks += int64(checks)
		for _, v := range found {
			out := asViolation(v)
			out.Message = t.label + ": " + out.Message
			report.Violations = append(report.Violations, out)
		}
		if undecided > 0 {
			report.Marks["linearizability undecided"] += undecided
		}
	}
}

func (r *boundaryRun) violate(property, label, text string) {
	r.report.Violations = append(r.report.Violations, engine.Violation{
		Check: property, Message: fmt.Sprintf("%s: %.*s", label, maxMessage, text), Detail: text,
	})
}
