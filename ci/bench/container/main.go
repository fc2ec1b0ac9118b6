// Command container measures our container and account servers with a million
// rows, and fails when a figure misses its target.
//
//	make bench-container
//
// The servers are processes of their own on a new directory below --dir, on
// loopback. Rows come one by one (PUT of an object row, answered when durable,
// from --clients connections that are kept) and in bulk (REPLICATE merge_items,
// UPDATE, and broker.MergeItems in this process), until the database has --rows
// of them. One by one they come in no order of names; in bulk first in order and
// then in none. Listings are measured on the container that grew row by row, from
// a server that has one core.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"apus/ci/interop/peer"
	"apus/impl/tools/layout"
)

type options struct {
	dir                  string
	rows, batch, clients int
}

// Targets: rows a second, and how long a page may take.
const (
	singlyTarget = 5_000
	bulkTarget   = 50_000
	pageTarget   = 150 * time.Millisecond
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-container:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "container", Short: "Measure container and account servers with a million rows",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "out", "directory on the disk to measure; a new directory in it is used and removed")
	f.IntVar(&o.rows, "rows", 1_000_000, "rows in each database; a multiple of --batch and not of 7919")
	f.IntVar(&o.batch, "batch", 10_000, "rows in a bulk request")
	f.IntVar(&o.clients, "clients", 32, "connections at once")
	return cmd
}

func run(ctx context.Context, o options) error {
	if o.batch < 1 || o.clients < 1 || o.rows < 2*listed || o.rows%o.batch != 0 || o.rows%stride == 0 {
		return fmt.Errorf("--rows %d --batch %d --clients %d: rows must be %d at least, a multiple of batch, and none of %d",
			o.rows, o.batch, o.clients, 2*listed, stride)
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "bench-container")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	n, err := lay(dir)
	if err != nil {
		return err
	}
	defer n.stop()
	results, err := n.measure(ctx, o)
	if err != nil {
		return err
	}
	return report(results, o)
}

// node is our two servers over one device.
type node struct {
	layout.Node
	bin     *peer.Binaries
	dir     string
	daemons map[string]*peer.Daemon
}

const hashSuffix = "bench"

func lay(dir string) (*node, error) {
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return nil, err
	}
	b, err := peer.Build(".", bin)
	if err != nil {
		return nil, err
	}
	n, err := peer.NewNode(peer.NewPorts(), dir, 1)
	if err != nil {
		return nil, err
	}
	lay := layout.Cluster{
		Nodes: []layout.Node{n}, Replicas: 1, PartPower: 4, RingSeed: 1, HashSuffix: hashSuffix,
		Default: []string{"log_level = ERROR", "workers = 0", "disable_fallocate = true"},
	}
	rings, err := lay.Rings()
	if err != nil {
		return nil, err
	}
	return &node{n, b, dir, map[string]*peer.Daemon{}}, lay.WriteNode(peer.FS(), n, rings)
}

// serve starts a server ("container") on so many cores, anew if it runs.
func (n *node) serve(ctx context.Context, kind string, cores int) error {
	if d := n.daemons[kind]; d != nil {
		d.Stop()
		delete(n.daemons, kind)
	}
	if err := os.Setenv("GOMAXPROCS", strconv.Itoa(cores)); err != nil {
		return err
	}
	conf := filepath.Join(n.ConfDir, kind+"-server.conf")
	d, err := n.bin.Serve(ctx, peer.Ours, kind+"-server", n.SwiftDir, conf, filepath.Join(n.dir, "log"), n.addr(kind))
	if err != nil {
		return err
	}
	n.daemons[kind] = d
	return nil
}

func (n *node) addr(kind string) string {
	port := n.Ports.Container
	if kind == "account" {
		port = n.Ports.Account
	}
	return n.IP + ":" + strconv.Itoa(port)
}

func (n *node) stop() {
	for _, d := range n.daemons {
		d.Stop()
	}
}

// result is a figure and its target.
type result struct {
	what, got, want string
	ok              bool
}

func rate(what string, rows int, took time.Duration, target float64) result {
	got := float64(rows) / took.Seconds()
	return result{what, fmt.Sprintf("%.0f rows/s", got), fmt.Sprintf("> %.0f", target), got > target}
}

func page(what string, took time.Duration) result {
	return result{what, fmt.Sprintf("%.1f ms", float64(took)/float64(time.Millisecond)), "< " + pageTarget.String(), took < pageTarget}
}

func (n *node) measure(ctx context.Context, o options) ([]result, error) {
	var results []result
	add := func(r result) {
		results = append(results, r)
		fmt.Fprintln(os.Stderr, r.what+":", r.got)
	}
	cores := runtime.NumCPU()
	for _, kind := range []string{"container", "account"} {
		if err := n.serve(ctx, kind, cores); err != nil {
			return nil, err
		}
	}
	all, last, err := n.grow(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("rows one by one: %w", err)
	}
	add(rate("rows one by one over HTTP", o.rows, all, singlyTarget))
	add(rate("the last tenth of them", o.rows/10, last, singlyTarget))
	for _, order := range orders {
		for _, b := range bulks() {
			what := b.name + ", " + order.name
			took, err := b.run(ctx, n, o, order.by, strings.ReplaceAll(order.name, " ", "-"))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", what, err)
			}
			add(rate(what, o.rows, took, bulkTarget))
		}
	}
	if err := n.serve(ctx, "container", 1); err != nil {
		return nil, err
	}
	for _, l := range listings(o) {
		took, err := n.list(l)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		add(page(l.name, took))
	}
	return results, ctx.Err()
}

func report(results []result, o options) error {
	t := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "measured\tgot\ttarget\t")
	var missed []string
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", r.what, r.got, r.want)
		if !r.ok {
			missed = append(missed, r.what)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Printf("%d rows, %d clients, %d in a bulk request; listings: medians of %d, one core\n", o.rows, o.clients, o.batch, pages)
	if len(missed) > 0 {
		return errors.New("target missed: " + strings.Join(missed, ", "))
	}
	return nil
}
