// Command cluster measures a cluster of ours beside one of the distribution's
// Swift: both with a proxy, four storage nodes and three replicas, on the same
// disk, with the same clients, in one run.
//
//	make bench-peer
//
// Rounds alternate between the clusters, and the table shows the medians of
// the rounds with the ratio of the rates and of the 99th percentiles. It fails
// when a ratio is below its target. A PUT is durable (fsync) on a quorum of
// three nodes before it is answered, in both.
//
// After that 200 clients each read an object of 1 GiB slowly from our proxy, for
// a while, and its memory must stay below 200 MiB.
//
// The storage nodes of ours are one process ("apus node"), which also runs the
// updaters, and share the syncs of the disk; the proxy is another. Theirs have a
// process for every server, with as many workers as there are processors, since
// that is what they can do. Rows of the container that is listed are put into
// the container servers directly.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"apus/ci/bench/load"
	"apus/ci/interop/peer"
)

type options struct {
	dir     string
	rounds  int
	length  time.Duration
	clients int
	rows    []string
	check   bool
	alone   bool
	readers int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-peer:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "cluster", Short: "Measure a cluster of ours beside one of the distribution's Swift",
		Example: "  go run ./ci/bench/cluster\n  go run ./ci/bench/cluster --rows put-4k,get-4k --rounds 3 --check=false",
		Args:    cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "out", "directory on the disk to measure; a new directory in it is used and removed")
	f.IntVar(&o.rounds, "rounds", 5, "rounds of each row")
	f.DurationVar(&o.length, "length", 4*time.Second, "how long a round takes")
	f.IntVar(&o.clients, "clients", 32, "connections at once")
	f.StringSliceVar(&o.rows, "rows", nil, "rows to measure: "+strings.Join(rowNames(), ", ")+"; default all")
	f.BoolVar(&o.check, "check", true, "fail below the targets")
	f.BoolVar(&o.alone, "alone", false, "measure ours alone, without ratios; for a profiler")
	f.IntVar(&o.readers, "readers", 200, "clients that read 1 GiB slowly while the proxy's memory is watched; 0 leaves that out")
	return cmd
}

// target is a row and how many times as fast ours must be.
type target struct {
	name  string
	op    load.Operation
	size  int
	ratio float64
}

func targets() []target {
	return []target{
		{"put-4k", load.Put, 4 << 10, 12},
		{"get-4k", load.Get, 4 << 10, 15},
		{"put-1m", load.Put, 1 << 20, 2},
		{"get-1m", load.Get, 1 << 20, 5},
		{"list-10k", load.List, 10000, 10},
	}
}

// p99Ratio is how many times as long theirs must take at the 99th percentile.
const p99Ratio = 5

func rowNames() (names []string) {
	for _, t := range targets() {
		names = append(names, t.name)
	}
	return names
}

// chosen are the rows that o names.
func chosen(o options) ([]target, error) {
	if len(o.rows) == 0 {
		return targets(), nil
	}
	var out []target
	for _, name := range o.rows {
		at := -1
		for i, t := range targets() {
			if t.name == name {
				at = i
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("--rows %s: there are %s", name, strings.Join(rowNames(), ", "))
		}
		out = append(out, targets()[at])
	}
	return out, nil
}

func run(ctx context.Context, o options) (err error) {
	if o.rounds < 1 || o.length <= 0 || o.clients < 1 || o.readers < 0 {
		return fmt.Errorf("--rounds %d --length %v --clients %d --readers %d: all must be positive", o.rounds, o.length, o.clients, o.readers)
	}
	rows, err := chosen(o)
	if err != nil {
		return err
	}
	if !o.alone {
		if err := peer.Upstream(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "bench-peer")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1) // enough for the clients; idle threads would take time from the servers
	p, err := startBoth(ctx, dir, o, rows)
	defer p.stop()
	if err != nil {
		return err
	}
	slow, err := p.compare(ctx)
	if err != nil {
		return err
	}
	if o.readers > 0 {
		err = p.ours().watchMemory(ctx, o.readers)
	}
	if len(slow) > 0 && o.check {
		err = errors.Join(err, fmt.Errorf("below the target: %s", strings.Join(slow, ", ")))
	}
	return err
}
