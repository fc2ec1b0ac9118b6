package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"apus/impl/daemon"
	"apus/impl/host"
	"apus/impl/host/real"
)

func nodeCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:   "node [DIR…]",
		Short: "Run every daemon that DIR has a configuration for, in one process",
		Long: "Run every daemon whose configuration file is in DIR (default /etc/swift):\n" +
			"account-server.conf, container-server.conf and object-server.conf with their\n" +
			"updaters, and proxy-server.conf. Each further DIR is one more node, with\n" +
			"addresses of its own, in the same process. SIGTERM drains and stops all of\n" +
			"them; when one fails the others stop too.",
		Example: "  apus node\n  apus node /etc/swift/node1 /etc/swift/node2",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"/etc/swift"}
			}
			name, err := os.Hostname()
			if err != nil {
				name = "localhost"
			}
			log := newLog(os.Stderr, verbose)
			g := newGroup(cmd.Context())
			for _, dir := range args {
				log := log
				if len(args) > 1 {
					log = log.With("dir", dir) // all nodes have the machine's name
				}
				if err := g.startNode(name, dir, log); err != nil {
					return err
				}
			}
			return g.wait()
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log debug messages")
	return cmd
}

// group is daemons that run and end together.
type group struct {
	ctx     context.Context
	errs    *errgroup.Group
	ready   []<-chan struct{}
	machine real.Machine
}

func newGroup(ctx context.Context) *group {
	errs, ctx := errgroup.WithContext(ctx)
	return &group{ctx: ctx, errs: errs}
}

// start builds a daemon and runs it until the group ends.
func (g *group) start(h *host.Host, kind daemon.Kind, conf string) error {
	d, err := daemon.New(h, kind, conf, nil)
	if err != nil {
		return fmt.Errorf("%s on %s: %w", kind, h.Name, err)
	}
	g.ready = append(g.ready, d.Ready())
	g.errs.Go(func() error {
		if err := d.Run(g.ctx); err != nil {
			return fmt.Errorf("%s on %s: %w", kind, h.Name, err)
		}
		return nil
	})
	return nil
}

// nodeDaemons are the daemons of each configuration file, storage first.
var nodeDaemons = []struct {
	conf  string
	kinds []daemon.Kind
}{
	{"account-server.conf", []daemon.Kind{daemon.AccountServer}},
	{"container-server.conf", []daemon.Kind{daemon.ContainerServer, daemon.ContainerUpdater}},
	{"object-server.conf", []daemon.Kind{daemon.ObjectServer, daemon.ObjectUpdater}},
	{"proxy-server.conf", []daemon.Kind{daemon.ProxyServer}},
}

// startNode starts what dir has configuration for. After an error everything
// that was started before has ended.
func (g *group) startNode(name, dir string, log *slog.Logger) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	h := g.machine.Host(name, log.With("node", name))
	started := 0
	for _, d := range nodeDaemons {
		conf := filepath.Join(dir, d.conf)
		if _, err := os.Stat(conf); os.IsNotExist(err) {
			continue
		}
		for _, kind := range d.kinds {
			if err := g.start(h, kind, conf); err != nil {
				g.abort(err)
				return g.wait()
			}
			started++
		}
	}
	if started == 0 {
		g.abort(usageError{fmt.Errorf("%s has none of account-server.conf, container-server.conf, object-server.conf and proxy-server.conf", dir)})
		return g.wait()
	}
	return nil
}

// abort ends the group with an error.
func (g *group) abort(err error) { g.errs.Go(func() error { return err }) }

// wait returns when every daemon has ended.
func (g *group) wait() error { return g.errs.Wait() }

// readyLimit is how long daemons may take to answer.
const readyLimit = 30 * time.Second

// awaitReady reports whether every daemon answers before the limit.
func (g *group) awaitReady() bool {
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	for _, r := range g.ready {
		select {
		case <-r:
		case <-g.ctx.Done():
			return false
		case <-limit.C:
			return false
		}
	}
	return true
}
