package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"apus/faults/catalog"
	"apus/faults/plan"
	"apus/impl/swift"
	"apus/sim/check"
	"apus/sim/cluster"
	"apus/sim/engine"
	"apus/sim/model"
	"apus/sim/workload"
)

// Node drives the servers of one storage node directly, with timestamps of the
// clients' choice, while the node is killed and loses its power again and
// again. Whatever it acknowledged must be there afterwards, and every object,
// every row of a container and every container must behave as one register in
// which the newest timestamp wins. At the end the suffix hashes must be those of
// what the disk holds, and old tombstones must go.
func Node(ctx context.Context, w *engine.World) (*engine.Report, error) {
	subject := workload.NodeSubject(w.Seed % workload.Subjects)
	c, err := cluster.New(w, cluster.Config{Nodes: 1, Replicas: 1, Tune: tune, Disk: clusterConfig(w).Disk})
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	if err := makeAccount(ctx, c); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	start := time.Now()
	wall := engine.Epoch.Add(w.Elapsed())
	crashing, stop := context.WithCancel(ctx)
	crashed := make(chan error, 1)
	var crashes []model.Crash
	var p plan.Plan
	go func() {
		crashed <- crashLoop(crashing, w, c, start, nodeCrash(subject), func(e plan.Event, crash model.Crash) {
			p, crashes = append(p, e), append(crashes, crash)
		})
	}()
	node, port := c.Nodes()[0], ":6200"
	if subject != workload.NodeObjects {
		port = ":6201"
	}
	h, err := workload.RunNode(ctx, workload.NodeConfig{
		Seed: w.Seed, Clients: 4, Steps: 100, Names: 5, Think: 150 * time.Millisecond, Timeout: 2 * time.Second,
		MaxSize: 128 << 10, Subject: subject, Extras: true,
	}, workload.NodeWorld{
		Net: c.Client, Addr: node.IP + port, Device: node.Devices[0], Start: start, Epoch: wall,
		Partition: func(p swift.Path) uint32 { return c.Ring("object").Partition(c.Hasher().Hash(p)) },
	})
	stop()
	if err = errors.Join(err, <-crashed); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	h.Crashes = crashes
	r := &engine.Report{Requests: int64(len(h.Ops)), Faults: c.FiredByKind(p), Artifacts: map[string][]byte{
		"plan.txt": []byte(p.String()), node.Name + ".log": c.Logs()[node.Name],
	}}
	var history bytes.Buffer
	if err := h.Save(&history); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	r.Artifacts["node-history.json"] = history.Bytes()
	r.Judge = func(r *engine.Report) { judgeNode(r, h, subject) }
	if subject == workload.NodeObjects {
		if err := settled(ctx, c, h, r); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
	if err := c.Stop(); err != nil {
		r.Violations = append(r.Violations, engine.Violation{Check: "drain", Message: err.Error()})
	}
	return r, nil
}

// makeAccount creates the account of the node's container on the node itself:
// the container-updater takes a container whose account nobody knows for
// damaged.
func makeAccount(ctx context.Context, c *cluster.Cluster) error {
	return create(ctx, c, "account", ":6202", swift.Path{Account: workload.NodeAccount})
}

// makeContainer creates the node's container on the node itself.
func makeContainer(ctx context.Context, c *cluster.Cluster) error {
	return create(ctx, c, "container", ":6201", swift.Path{Account: workload.NodeAccount, Container: workload.NodeContainer})
}

// direct is a client of storage nodes that leaves no connection open.
func direct(c *cluster.Cluster) *http.Client {
	n := c.Client(0)
	return &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, addr string) (net.Conn, error) { return n.Dial(ctx, addr) },
		DisableKeepAlives: true,
	}}
}

func create(ctx context.Context, c *cluster.Cluster, ring, port string, path swift.Path) error {
	node := c.Nodes()[0]
	url := fmt.Sprintf("http://%s%s/%s/%d%s", node.IP, port, node.Devices[0], c.Ring(ring).Partition(c.Hasher().Hash(path)), path)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Timestamp", swift.TimestampOf(engine.Epoch).Normal())
	req.Header.Set("X-Backend-Storage-Policy-Index", "0")
	resp, err := direct(c).Do(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("PUT %s answers %s", url, resp.Status)
	}
	return nil
}

// judgeNode adds the verdict of porcupine.
func judgeNode(r *engine.Report, h *model.NodeHistory, subject workload.NodeSubject) {
	var v check.Verdict
	switch subject {
	case workload.NodeObjects:
		v, _ = check.ObjectNode(h, check.DefaultLimits())
	case workload.NodeRows:
		v, _ = check.ContainerNode(h, false, check.DefaultLimits())
	case workload.NodeContainers:
		v, _ = check.DatabaseNode(h, check.DefaultLimits())
	}
	r.Checks += int64(v.Checked)
	for _, found := range v.Violations {
		r.Violations = append(r.Violations, asViolation(found))
	}
	if v.Undecided > 0 {
		r.Marks["linearizability undecided"] += v.Undecided
	}
}

// nodeCrash draws a kill of the server that is asked, or a power cut.
func nodeCrash(subject workload.NodeSubject) func(*rand.Rand) plan.Event {
	return func(rng *rand.Rand) plan.Event {
		if rng.IntN(3) > 0 {
			mode := []string{"drop", "random", "random", "keep"}[rng.IntN(4)]
			return plan.Event{Kind: "power-cut", Target: "node1", Args: map[string]string{"mode": mode}}
		}
		if subject == workload.NodeObjects {
			return plan.Event{Kind: "kill", Target: "node1/object"}
		}
		return plan.Event{Kind: "kill", Target: "node1/container"}
	}
}

// crashLoop crashes the node as draw says, lets it be down for a moment, boots
// it and waits until it answers, until ctx ends.
func crashLoop(ctx context.Context, w *engine.World, c *cluster.Cluster, start time.Time, draw func(*rand.Rand) plan.Event, tell func(plan.Event, model.Crash)) error {
	rng := w.Stream("crashes")
	for {
		pause := time.NewTimer(time.Duration(rng.Int64N(int64(3 * time.Second))))
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
		e := draw(rng)
		e.At = time.Since(start)
		if err := (catalog.Vocabulary{}).Check(e); err != nil {
			return err
		}
		down := time.Since(start)
		undo, err := c.Apply(ctx, e)
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(rng.Int64N(int64(time.Second))))
		back := time.Since(start)
		if err := errors.Join(undo(ctx), c.AwaitReady(context.WithoutCancel(ctx), bootLimit)); err != nil {
			return err
		}
		tell(e, model.Crash{At: down, Back: back, PowerCut: e.Kind == "power-cut"})
	}
}

// bootLimit is how long a server may take to answer after a crash.
const bootLimit = time.Minute
