package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"apus/faults/budget"
	"apus/faults/catalog"
	"apus/faults/nemesis"
	"apus/faults/plan"
	"apus/impl/tools/layout"
	"apus/impl/web"
	"apus/sim/check"
	"apus/sim/cluster"
	"apus/sim/disk"
	"apus/sim/engine"
	"apus/sim/model"
	"apus/sim/trace"
	"apus/sim/workload"
)

// Random is the main scenario: clients work on a few hot names while a random
// plan of faults runs, then everything heals and must come to rest.
//
// Options: plan (the text of a fault plan instead of a random one), profile
// (see faults/nemesis; default swarm), script (the JSON of a workload), draw
// (only: leave plan and script and run nothing).
func Random(ctx context.Context, w *engine.World) (*engine.Report, error) {
	cfg := workload.FullConfig()
	cfg.Policies = policyNames(policies(w))
	return simulate(ctx, w, cfg, w.Options[ProfileOption])
}

// Register runs without faults; every read asks all replicas, and the history
// of each object must be linearizable.
func Register(ctx context.Context, w *engine.World) (*engine.Report, error) {
	cfg := workload.RegisterConfig()
	cfg.Policies = policyNames(policies(w))
	return simulate(ctx, w, cfg, "calm")
}

const defaultProfile = "swarm"

// Times of a run, all virtual.
const (
	faultLength = 40 * time.Second // faults begin and end within
	// restLimit is how long a healed cluster may take until every answer is
	// right, updates are delivered and listings agree.
	restLimit = 3 * time.Minute
	// idleTime is how long after the last client everything must be closed.
	idleTime        = 10 * time.Second
	updaterInterval = 10 * time.Second
)

// simulation is one run in progress.
type simulation struct {
	world   *engine.World
	cluster *cluster.Cluster
	bodies  *web.BodyTracker
	plan    plan.Plan
	rules   budget.Rules
	start   time.Time
	healed  time.Duration
	floor   level // of the idle cluster
	history *model.History
	report  *engine.Report

	// For the timeline.
	began  time.Duration // of the world, when the history began
	steps  []plan.Step
	events []trace.Event
	found  []check.Violation
	fired  map[string]int
}

func simulate(ctx context.Context, w *engine.World, cfg workload.Config, profile string) (*engine.Report, error) {
	bodies, untrack := web.TrackBodies()
	defer untrack()
	s := &simulation{world: w, bodies: bodies, report: &engine.Report{Artifacts: map[string][]byte{}}}
	var err error
	if s.cluster, err = cluster.New(w, clusterConfig(w)); err != nil {
		return nil, err
	}
	script, err := s.draw(cfg, profile)
	if err != nil {
		return nil, err
	}
	if err := s.keepInputs(script); err != nil || w.Options[DrawOption] == DrawOnly {
		return s.report, err
	}
	s.watch()
	if err := s.cluster.Start(ctx); err != nil {
		return nil, errors.Join(err, s.cluster.Stop())
	}
	time.Sleep(idleTime)
	synctest.Wait()
	s.floor = goroutines()
	if err := s.play(ctx, script); err != nil {
		return nil, errors.Join(err, s.cluster.Stop())
	}
	if err := s.calm(ctx, script); err != nil {
		return nil, errors.Join(err, s.cluster.Stop())
	}
	if err := s.judge(ctx); err != nil {
		return nil, errors.Join(err, s.cluster.Stop())
	}
	return s.finish()
}

// clusterConfig varies what must not matter.
func clusterConfig(w *engine.World) cluster.Config {
	rng := w.Stream("cluster")
	cfg := cluster.Config{
		Nodes: 4 + rng.IntN(2), Devices: 1 + rng.IntN(2), Proxies: 1 + rng.IntN(2), Clients: 6,
		PartPower: 3 + rng.IntN(4), UpdaterInterval: updaterInterval, Tune: tune,
		Disk: disk.Config{NoUnnamed: rng.IntN(4) == 0},
	}
	p := policies(w)
	cfg.Tune = func(l *layout.Cluster) {
		tune(l)
		// Each proxy remembers what containers are, or asks again every time.
		l.Policies, l.Cache = p, w.Stream("cache").IntN(2) == 0
		if w.Stream("inline").IntN(2) == 0 {
			askFirst(l)
		}
	}
	if rng.IntN(2) == 0 {
		cfg.Disk.Latency = disk.Latency{
			Read: 100 * time.Microsecond, Write: 50 * time.Microsecond, Sync: time.Millisecond,
			Meta: 20 * time.Microsecond, Tail: 200 * time.Microsecond,
		}
	}
	if rng.IntN(4) == 0 {
		// Little room for attributes, as on ext4, but so little that it matters
		// to metadata of the usual size.
		cfg.Disk.XattrLimit = 150 + rng.IntN(300)
	}
	return cfg
}

// policies are the storage policies of the cluster: in some runs two, of which
// the containers have one or the other.
func policies(w *engine.World) []layout.Policy {
	list := []layout.Policy{{Name: "gold", Replicas: 3}, {Name: "silver", Replicas: 3}}
	return list[:1+w.Stream("policies").IntN(2)]
}

func policyNames(list []layout.Policy) (names []string) {
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}

// draw makes the fault plan and the workload, or takes them from the options.
func (s *simulation) draw(cfg workload.Config, profile string) (*workload.Script, error) {
	s.rules = budget.DefaultRules()
	if profile == "" {
		profile = defaultProfile
	}
	p, err := nemesis.ByName(profile)
	if err != nil {
		return nil, err
	}
	length := faultLength
	if s.world.For > 0 {
		length = s.world.For
	}
	s.plan = p.Draw(s.world.Stream("faults"), s.cluster.Topology(), s.rules, length)
	if text, given := s.world.Options[PlanOption]; given {
		if s.plan, err = plan.Parse(text); err == nil {
			err = s.plan.Validate(catalog.Vocabulary{})
		}
		if err != nil {
			return nil, err
		}
	}
	if text, given := s.world.Options[ScriptOption]; given {
		return workload.Load(strings.NewReader(text))
	}
	cfg.Steps = int(length/cfg.Think) * 3 / 4
	return workload.Draw(s.world.Seed, s.world.Stream("workload"), cfg)
}

// play lets clients and faults loose and waits until the cluster is whole
// and at rest again.
func (s *simulation) play(ctx context.Context, script *workload.Script) error {
	s.start, s.began = time.Now(), s.world.Elapsed()
	var faults sync.WaitGroup
	var planErr error
	faults.Go(func() {
		planErr = plan.Run(ctx, s.plan, s.cluster, func(step plan.Step) {
			s.world.Trace("fault", step.String())
			s.steps = append(s.steps, step)
		})
	})
	var err error
	s.history, err = workload.Run(ctx, script, workload.World{
		Net: s.cluster.Client, Proxies: s.cluster.ProxyAddrs(),
		User: cluster.AuthUser, Key: cluster.AuthKey, Start: s.start, Epoch: engine.Epoch.Add(s.began),
	})
	faults.Wait()
	s.healed = time.Since(s.start)
	if err = errors.Join(err, planErr); err != nil {
		return err
	}
	return s.cluster.AwaitReady(ctx, restLimit)
}

// calm lets the healed cluster show that it works: after the settling time
// clients do a little of everything again, and every answer must be good.
func (s *simulation) calm(ctx context.Context, before *workload.Script) error {
	time.Sleep(s.rules.Settle + time.Second)
	cfg := workload.FullConfig()
	if slices.ContainsFunc(before.Setup, func(st workload.Step) bool { return st.Policy != "" }) {
		cfg.Policies = policyNames(policies(s.world)) // of containers that both make
	}
	cfg.Clients, cfg.Steps, cfg.Leave, cfg.Impatient = 3, 12, 0, 0
	script, err := workload.Draw(before.Seed+calmSeed, s.world.Stream("calm"), cfg)
	if err != nil {
		return err
	}
	more, err := workload.Run(ctx, script, workload.World{
		Net: s.cluster.Client, Proxies: s.cluster.ProxyAddrs(),
		User: cluster.AuthUser, Key: cluster.AuthKey, Start: s.start, Epoch: engine.Epoch.Add(s.began), Known: s.history.Values,
	})
	if more != nil {
		for _, op := range more.Ops {
			op.Client += calmClients
		}
		s.history.Ops = append(s.history.Ops, more.Ops...)
		maps.Copy(s.history.Values, more.Values)
		s.history.Sort()
	}
	return err
}

// Seeds and clients of the calm part are others than those before it.
const (
	calmSeed    = 1 << 40
	calmClients = 100
)

// finish stops the cluster, which must drain, and completes the report.
func (s *simulation) finish() (*engine.Report, error) {
	r := s.report
	if err := s.cluster.Stop(); err != nil {
		s.violate("drain", "the daemons do not end", err.Error())
	}
	synctest.Wait()
	for _, conn := range s.cluster.Conns() {
		s.violate("no leak", fmt.Sprintf("connection %s → %s outlives its processes", conn.DialerProc, conn.Addr), conn.Stack)
	}
	r.Checks += 2
	r.Faults = s.cluster.FiredByKind(s.plan)
	s.fired = s.cluster.Fired()
	for _, e := range plan.Unfired(s.plan, s.fired) {
		s.world.Mark("promised and not fired: " + e.Kind)
	}
	r.Requests += int64(len(s.history.Ops))
	r.VirtualTime = s.world.Elapsed()
	for name, text := range s.cluster.Logs() {
		r.Artifacts[name+".log"] = text
	}
	r.Judge = s.conclude
	return r, nil
}

// maxDetail is how much of the stacks of a violation the timeline shows; the
// report has all.
const maxDetail = 4000

func (s *simulation) violate(property, message, detail string) {
	s.found = append(s.found, check.Violation{Property: property, At: s.world.Elapsed() - s.began, Text: fmt.Sprintf("%s\n%.*s", message, maxDetail, detail)})
	s.report.Violations = append(s.report.Violations, engine.Violation{Check: property, Message: message, Detail: detail})
}

// facts are the circumstances that decide what the judge may expect.
func (s *simulation) facts() model.Facts {
	f := model.Facts{Epoch: engine.Epoch.Add(s.began), Copies: 2, Settle: s.rules.Settle, Healed: s.healed}
	f.Suffer(s.plan, s.cluster.Topology(), 0)
	return f
}
