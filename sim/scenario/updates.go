package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"apus/faults/plan"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/check"
	"apus/sim/cluster"
	"apus/sim/engine"
	"apus/sim/model"
	"apus/sim/workload"
)

// Updates drives the object server of one storage node with all that makes
// updates of listings, its container and the expirer's queue, while the
// container server is killed again and again, and creates the container only
// when objects are there already. Once the updater has delivered everything,
// listings and queue must be what the objects are.
func Updates(ctx context.Context, w *engine.World) (*engine.Report, error) {
	c, err := cluster.New(w, cluster.Config{Nodes: 1, Replicas: 1, Tune: tune, Disk: clusterConfig(w).Disk, UpdaterInterval: updaterInterval})
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	r, err := runUpdates(ctx, w, c)
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	if err := c.Stop(); err != nil {
		r.Violations = append(r.Violations, engine.Violation{Check: "drain", Message: err.Error()})
	}
	return r, nil
}

func runUpdates(ctx context.Context, w *engine.World, c *cluster.Cluster) (*engine.Report, error) {
	if err := makeAccount(ctx, c); err != nil {
		return nil, err
	}
	start, wall := time.Now(), engine.Epoch.Add(w.Elapsed())
	crashing, stop := context.WithCancel(ctx)
	crashed := make(chan error, 1)
	var p plan.Plan
	go func() {
		crashed <- crashLoop(crashing, w, c, start, killContainer, func(e plan.Event, _ model.Crash) { p = append(p, e) })
	}()
	node := c.Nodes()[0]
	world := workload.NodeWorld{
		Net: c.Client, Addr: node.IP + ":6200", Device: node.Devices[0], Start: start, Epoch: wall,
		Partition: func(p swift.Path) uint32 { return c.Ring("object").Partition(c.Hasher().Hash(p)) },
		Header:    func(h http.Header, o *model.NodeOp) { updateHeaders(c, h, o) },
	}
	h, err := workload.RunNode(ctx, workload.NodeConfig{
		Seed: w.Seed, Clients: 3, Steps: 60, Names: 4, Think: 150 * time.Millisecond, Timeout: 10 * time.Second,
		MaxSize: 16 << 10, Extras: true, Apart: true,
	}, world)
	stop()
	if err = errors.Join(err, <-crashed); err != nil {
		return nil, err
	}
	if err := errors.Join(c.AwaitReady(ctx, bootLimit), makeContainer(ctx, c)); err != nil {
		return nil, err
	}
	r := &engine.Report{Requests: int64(len(h.Ops)), Faults: c.FiredByKind(p), Artifacts: map[string][]byte{
		"plan.txt": []byte(p.String()), node.Name + ".log": c.Logs()[node.Name],
	}}
	var history bytes.Buffer
	if err := h.Save(&history); err != nil {
		return nil, err
	}
	r.Artifacts["node-history.json"] = history.Bytes()
	return r, delivered(ctx, w, c, h, r)
}

// updateHeaders are what a proxy adds to a write: where the row of the object
// goes, and that of its expiry.
func updateHeaders(c *cluster.Cluster, h http.Header, o *model.NodeOp) {
	node := c.Nodes()[0]
	partition := func(account, container string) string {
		p := swift.Path{Account: account, Container: container}
		return fmt.Sprint(c.Ring("container").Partition(c.Hasher().Hash(p)))
	}
	h.Set("X-Container-Host", node.IP+":6201")
	h.Set("X-Container-Device", node.Devices[0])
	h.Set("X-Container-Partition", partition(workload.NodeAccount, workload.NodeContainer))
	if o.DeleteAt == 0 {
		return
	}
	queue := queueContainer(c, string(o.Name), o.DeleteAt)
	h.Set("X-Delete-At-Container", queue)
	h.Set("X-Delete-At-Host", node.IP+":6201")
	h.Set("X-Delete-At-Device", node.Devices[0])
	h.Set("X-Delete-At-Partition", partition(check.QueueAccount, queue))
}

// queueContainer spreads the rows of one day over a hundred containers: the
// day, less the hash of the object modulo 100.
func queueContainer(c *cluster.Cluster, object string, at int64) string {
	const day, spread = 86400, 100
	hash := c.Hasher().Hash(swift.Path{Account: workload.NodeAccount, Container: workload.NodeContainer, Object: object})
	shard := int64(0)
	for _, b := range hash {
		shard = (shard<<8 + int64(b)) % spread
	}
	return fmt.Sprintf("%010d", max(at/day*day-shard, 0))
}

// killContainer is the one crash that loses nothing of what an object server
// has acknowledged to whom it tells.
func killContainer(*rand.Rand) plan.Event {
	return plan.Event{Kind: "kill", Target: "node1/container"}
}

// delivered waits for the updater and compares.
func delivered(ctx context.Context, w *engine.World, c *cluster.Cluster, h *model.NodeHistory, r *engine.Report) error {
	const passes = 20
	var queued string
	for range passes {
		time.Sleep(updaterInterval)
		var err error
		if queued, err = asyncs(c); err != nil {
			return err
		}
		if queued == "" {
			break
		}
	}
	r.Checks++
	if queued != "" {
		r.Violations = append(r.Violations, engine.Violation{
			Check: "updates/undelivered", Message: fmt.Sprintf("after %d passes of the updater there are still queued: %.200s", passes, queued), Detail: queued,
		})
		return ctx.Err()
	}
	node := c.Nodes()[0]
	judge := &host.Host{Name: "judge", FS: c.Inspect(0), Clock: w.Clock(0), Log: slog.New(slog.DiscardHandler)}
	rows, err := Rows(ctx, judge, c.Hasher(), model.Device{Node: node.Name, Disk: node.Devices[0]}, "/srv/node/"+node.Devices[0])
	if err != nil {
		return err
	}
	r.Checks += int64(len(rows) + len(h.Ops))
	for _, v := range check.Updates(h, rows, workload.NodeAccount, workload.NodeContainer) {
		r.Violations = append(r.Violations, asViolation(v))
	}
	return nil
}
