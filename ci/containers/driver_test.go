package containers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"apus/faults/budget"
	"apus/faults/catalog"
	"apus/faults/plan"
)

// topology is the machines as a fault budget sees them.
func (d *deployment) topology() budget.Topology {
	t := budget.Topology{{Name: "proxy1", Processes: []string{"proxy"}}}
	for _, n := range d.layout.Nodes {
		t = append(t, budget.Node{Name: n.Name, Zone: n.Zone, Devices: n.Devices,
			Processes: []string{"account", "container", "object", "container-updater", "object-updater"}})
	}
	return t
}

var _ plan.Driver = (*deployment)(nil)

// drainLimit is how long a machine may drain.
const drainLimit = 30 * time.Second

// fault is one kind of fault as an engine makes it.
type fault struct {
	begin, end func() error
	// holds tells from the state of the container that the fault is there.
	holds func(*docker.Container) bool
}

// Apply implements plan.Driver: kill, restart, pause, and partition, which
// cuts the target off from everybody, as a container's network goes on or off
// as a whole. A fault counts as fired when the engine shows the container
// dead, paused or without the network.
func (d *deployment) Apply(ctx context.Context, e plan.Event) (func(context.Context) error, error) {
	if err := (catalog.Vocabulary{}).Check(e); err != nil {
		return nil, err
	}
	r := d.resource(e.Target)
	if r == nil {
		return nil, fmt.Errorf("target %q: the machines are %s", e.Target, strings.Join(d.names(), ", "))
	}
	f, ok := d.faults(r)[e.Kind]
	if !ok {
		return nil, fmt.Errorf("containers cannot have a fault of kind %q; they can have kill, restart, pause and partition", e.Kind)
	}
	if err := f.begin(); err != nil {
		return nil, err
	}
	undo := func(context.Context) error { return f.end() }
	if err := d.awaitState(ctx, r, f.holds); err != nil {
		return undo, err
	}
	d.counter.Hit(e)
	return undo, nil
}

func (d *deployment) faults(r *dockertest.Resource) map[string]fault {
	id, engine := r.Container.ID, d.pool.Client
	start := func() error { return engine.StartContainer(id, nil) }
	isDown := func(c *docker.Container) bool { return !c.State.Running }
	return map[string]fault{
		"kill": {
			begin: func() error {
				return engine.KillContainer(docker.KillContainerOptions{ID: id, Signal: docker.SIGKILL})
			},
			end: start, holds: isDown,
		},
		"restart": {
			begin: func() error { return d.terminate(r) },
			end:   start, holds: isDown,
		},
		"pause": {
			begin: func() error { return engine.PauseContainer(id) },
			end:   func() error { return engine.UnpauseContainer(id) },
			holds: func(c *docker.Container) bool { return c.State.Paused },
		},
		"partition": {
			begin: func() error {
				return engine.DisconnectNetwork(d.network.Network.ID, docker.NetworkConnectionOptions{Container: id, Force: true})
			},
			end: func() error {
				return engine.ConnectNetwork(d.network.Network.ID, docker.NetworkConnectionOptions{Container: id})
			},
			holds: func(c *docker.Container) bool {
				_, on := c.NetworkSettings.Networks[d.network.Network.Name]
				return !on
			},
		},
	}
}

// terminate sends SIGTERM and waits for a clean exit. (The engine's own stop
// sends SIGWINCH here, which the client sets to give containers a lifetime.)
func (d *deployment) terminate(r *dockertest.Resource) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	id := r.Container.ID
	if err := d.pool.Client.KillContainer(docker.KillContainerOptions{ID: id, Signal: docker.SIGTERM}); err != nil {
		return err
	}
	code, err := d.pool.Client.WaitContainerWithContext(id, ctx)
	if err != nil {
		return fmt.Errorf("it has not drained %v after SIGTERM: %w", drainLimit, err)
	}
	if code != 0 {
		return fmt.Errorf("it exits with %d after SIGTERM", code)
	}
	return nil
}

// awaitState waits a little until a container is as it should be.
func (d *deployment) awaitState(ctx context.Context, r *dockertest.Resource, is func(*docker.Container) bool) error {
	const limit, every = 5 * time.Second, 50 * time.Millisecond
	for begun := time.Now(); ; time.Sleep(every) {
		c, err := d.pool.Client.InspectContainerWithContext(r.Container.ID, ctx)
		switch {
		case err != nil:
			return err
		case is(c):
			return nil
		case time.Since(begun) > limit:
			return fmt.Errorf("%s is %s after %v", r.Container.Name, c.State.String(), limit)
		}
	}
}

// Fired implements plan.Driver.
func (d *deployment) Fired() map[string]int { return d.counter.Fired() }
