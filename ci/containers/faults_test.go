package containers

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"apus/faults/budget"
	"apus/faults/catalog"
	"apus/faults/plan"
	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/swift"
	"apus/sim/check"
	"apus/sim/model"
	"apus/sim/scenario"
	"apus/sim/workload"
)

// defaultPlan impairs one machine at a time and lets the cluster settle
// between two of them.
const defaultPlan = `
at 3s  for 7s pause node1
at 22s for 6s kill node2
at 40s for 7s partition node3 <-> proxy1
at 59s for 2s restart node1
`

var (
	planFile = flag.String("plan", "", "file with a fault plan to use instead of the built-in one")
	seed     = flag.Uint64("seed", 1, "seed of the workload")
)

const (
	faultsLimit = 5 * time.Minute // of the whole test
	answerLimit = 30 * time.Second
	restLimit   = time.Minute // until the updaters have delivered everything
	// clockError covers that the machines' one clock is set while we measure
	// with a steady one.
	clockError = 100 * time.Millisecond
	// kept is where the history of a run that fails is left.
	kept = "../../out/containers"
)

// testFaults lets clients work while a fault plan runs, and judges what they
// saw and what is on the disks as a simulation does.
func testFaults(t *testing.T, d *deployment) {
	p := readPlan(t)
	ctx, cancel := context.WithTimeout(t.Context(), faultsLimit)
	defer cancel()
	run := &faultRun{deployment: d, plan: p, rules: budget.DefaultRules()}
	outside := budget.Check(p, d.topology(), run.rules)
	for _, line := range outside {
		t.Log("outside the budget:", line)
	}
	if err := run.play(ctx); err != nil {
		t.Fatal(err)
	}
	for _, e := range plan.Unfired(p, d.Fired()) {
		t.Errorf("planned and never fired: %s", e)
	}
	if err := run.rest(ctx); err != nil {
		t.Error(err)
	}
	d.stop(t)
	report, err := run.judge(ctx, len(outside) == 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operations, %d records and %d rows on disk\n%s", len(run.history.Ops), len(run.seen.RecordList), len(run.seen.RowList), report)
	for _, v := range report.Violations() {
		t.Error(v)
	}
	if t.Failed() {
		run.keep(t)
	}
}

func readPlan(t *testing.T) plan.Plan {
	t.Helper()
	text := defaultPlan
	if *planFile != "" {
		raw, err := os.ReadFile(*planFile)
		if err != nil {
			t.Fatal(err)
		}
		text = string(raw)
	}
	p, err := plan.Parse(text)
	if err == nil {
		err = p.Validate(catalog.Vocabulary{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// faultRun is one run in progress.
type faultRun struct {
	*deployment
	plan    plan.Plan
	rules   budget.Rules
	start   time.Time
	healed  time.Duration
	steps   []plan.Step
	history *model.History
	seen    *check.Seen
}

// play lets clients and faults loose; then, when the cluster has healed and
// settled, clients do a little of everything again.
func (r *faultRun) play(ctx context.Context) error {
	r.start = time.Now()
	r.history = &model.History{Seed: *seed, Values: map[model.ValueID]model.Value{}}
	var faults sync.WaitGroup
	var planErr error
	faults.Go(func() {
		planErr = plan.Run(ctx, r.plan, r.deployment, func(s plan.Step) { r.steps = append(r.steps, s) })
	})
	cfg := workload.DefaultConfig()
	cfg.Clients = 4
	cfg.Steps = int(r.plan.End()/cfg.Think) * 3 / 4
	err := r.work(ctx, cfg, *seed, 0)
	faults.Wait()
	r.healed = time.Since(r.start)
	if err = errors.Join(err, planErr); err != nil {
		return err
	}
	select {
	case <-time.After(r.rules.Settle + time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	cfg.Steps, cfg.Leave, cfg.Impatient = 15, 0, 0
	return r.work(ctx, cfg, *seed+calmSeed, calmClients)
}

// Seeds and clients of the calm part are others than those before it.
const (
	calmSeed    = 1 << 40
	calmClients = 100
)

// work plays a workload and adds what the clients saw to the history.
func (r *faultRun) work(ctx context.Context, cfg workload.Config, seed uint64, firstClient int) error {
	script, err := workload.Draw(seed, rand.New(rand.NewPCG(seed, 0)), cfg)
	if err != nil {
		return err
	}
	net := real.New("client", slog.New(slog.DiscardHandler)).Net
	h, err := workload.Run(ctx, script, workload.World{
		Net: func(int) host.Net { return net }, Proxies: []string{r.addr}, User: "test:tester", Key: "testing", Start: r.start,
	})
	if h != nil {
		for _, op := range h.Ops {
			op.Client += firstClient
		}
		r.history.Ops = append(r.history.Ops, h.Ops...)
		maps.Copy(r.history.Values, h.Values)
		r.history.Sort()
	}
	return err
}

// rest waits until no update of a listing is queued on any disk.
func (r *faultRun) rest(ctx context.Context) error {
	for begun := time.Now(); ; {
		queued, err := r.queued()
		if err != nil || queued == nil {
			return err
		}
		if time.Since(begun) > restLimit {
			return fmt.Errorf("%v after everything was healed these updates are still queued:\n%s", restLimit, strings.Join(queued, "\n"))
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *faultRun) queued() ([]string, error) {
	var out []string
	for _, n := range r.layout.Nodes {
		err := filepath.WalkDir(r.devices(n.Name), func(name string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // delivered meanwhile
			}
			if err == nil && !e.IsDir() && strings.Contains(name, "/async_pending") {
				out = append(out, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// devices is where the devices of a node are on this machine.
func (d *deployment) devices(node string) string { return filepath.Join(d.dir, node, "srv/node") }

// judge runs every check of a simulation that can be made from outside.
func (r *faultRun) judge(ctx context.Context, strict bool) (check.Report, error) {
	r.history.Facts = r.facts()
	hasher, err := swift.NewHasher("", r.layout.HashSuffix)
	if err != nil {
		return nil, err
	}
	r.seen = &check.Seen{}
	h := real.New("judge", slog.New(slog.DiscardHandler))
	for _, n := range r.layout.Nodes {
		root := r.devices(n.Name)
		records, err := check.Scan(h.FS, root, n.Name, n.Zone, n.Devices, diskfile.ReadMetadata)
		if err != nil {
			return nil, err
		}
		r.seen.RecordList = append(r.seen.RecordList, records...)
		for _, disk := range n.Devices {
			rows, err := scenario.Rows(ctx, h, hasher, model.Device{Node: n.Name, Disk: disk}, filepath.Join(root, disk))
			if err != nil {
				return nil, err
			}
			r.seen.RowList = append(r.seen.RowList, rows...)
		}
	}
	report, _, err := check.Judge(ctx, r.history, check.Options{
		Within: answerLimit, Strict: strict, Limits: check.DefaultLimits(), Disks: r.seen, Hasher: hasher,
	})
	return report, err
}

// facts are the circumstances of the run. A fault lasted from when it was
// planned until the engine had undone it.
func (r *faultRun) facts() model.Facts {
	f := model.Facts{
		Epoch: r.start, Skew: clockError, FaultFree: len(r.plan) == 0, Copies: 2, Settle: r.rules.Settle, Healed: r.healed,
	}
	over := map[string]time.Duration{}
	for _, s := range r.steps {
		if s.Undo {
			over[s.Event.String()] = s.Time
		}
	}
	for _, i := range r.topology().Impairments(r.plan) {
		f.Impaired = append(f.Impaired, model.Impairment{
			Node: i.Node, Zone: i.Zone, From: i.From, To: max(i.To, over[i.Why]), Why: i.Why,
		})
	}
	return f
}

// keep leaves what a run that fails can be understood from.
func (r *faultRun) keep(t *testing.T) {
	t.Helper()
	var history bytes.Buffer
	steps := ""
	for _, s := range r.steps {
		steps += s.String() + "\n"
	}
	err := errors.Join(r.history.Save(&history), os.MkdirAll(kept, 0o755),
		os.WriteFile(filepath.Join(kept, "history.json"), history.Bytes(), 0o644),
		os.WriteFile(filepath.Join(kept, "steps.txt"), []byte(steps), 0o644))
	if err != nil {
		t.Error(err)
	}
	t.Logf("seed %d; history and steps are in %s", *seed, kept)
}
