// Command object measures our object server beside the distribution's Swift:
// PUT and GET of 4 KiB with 32 clients, straight to one object server over one
// device. It fails when ours is not at least --factor times as fast.
//
//	make bench-object
//
// Both servers run at the same time over the same file system below --dir, on
// devices of their own, with as many processes as Swift's documentation
// recommends (theirs: a worker for each core; ours needs one). Rounds
// alternate between them, and the table shows medians of the rounds. A PUT is
// durable (fsync) before it is answered, in both. Nothing is deleted before the
// end: after deletions in bulk ext4 makes creations slow for minutes, so that
// one round would pay for another.
//
// The client shares the machine with the servers, and what it takes it takes
// from both alike: the less a server takes, the more the client hides. So it
// has requests ready before it sends them, uses one system call to send one,
// and parses no more of an answer than its status and length; it does compare
// the body. The table has its CPU for each request as well as the server's:
// user and system time of the server with its children, which a busy machine
// blurs less than the rate.
package main

import (
	"context"
	"fmt"
	"net/http"
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
	dir     string
	rounds  int
	length  time.Duration
	clients int
	factor  float64
	methods []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-object:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "object", Short: "Measure our object server beside the distribution's",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "out", "directory on the disk to measure; a new directory in it is used and removed")
	f.IntVar(&o.rounds, "rounds", 5, "rounds of each row")
	f.DurationVar(&o.length, "length", 3*time.Second, "how long a round takes")
	f.IntVar(&o.clients, "clients", 32, "connections at once")
	f.StringSliceVar(&o.methods, "methods", []string{http.MethodPut, http.MethodGet}, "rows: PUT, GET")
	f.Float64Var(&o.factor, "factor", 5, "how many times as fast ours must be")
	return cmd
}

func run(ctx context.Context, o options) error {
	if o.rounds < 1 || o.length <= 0 || o.clients < 1 {
		return fmt.Errorf("--rounds %d --length %v --clients %d: all must be positive", o.rounds, o.length, o.clients)
	}
	for _, m := range o.methods {
		if m != http.MethodPut && m != http.MethodGet {
			return fmt.Errorf("--methods %s: only PUT and GET are measured", m)
		}
	}
	if err := peer.Upstream(); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "bench-object")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	// One thread is enough for what the client does, and idle ones that look
	// for work would take time from the servers.
	runtime.GOMAXPROCS(1)
	both, err := startBoth(ctx, dir)
	if err != nil {
		return err
	}
	defer both.stop()
	return both.compare(ctx, o)
}

// server is one object server under measurement.
type server struct {
	make   peer.Make
	addr   string
	daemon *peer.Daemon
	gets   []get               // ready to be sent
	rounds map[string][]sample // by method
}

type pair []*server

func startBoth(ctx context.Context, dir string) (both pair, err error) {
	defer func() {
		if err != nil {
			both.stop()
		}
	}()
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return nil, err
	}
	b, err := peer.Build(".", bin)
	if err != nil {
		return nil, err
	}
	ports := peer.NewPorts()
	for _, m := range []peer.Make{peer.Ours, peer.Theirs} {
		s, err := start(ctx, b, ports, m, filepath.Join(dir, string(m)))
		if err != nil {
			return both, err
		}
		both = append(both, s)
	}
	return both, nil
}

// start lays a node out and starts its object server.
func start(ctx context.Context, b *peer.Binaries, ports *peer.Ports, m peer.Make, dir string) (*server, error) {
	n, err := peer.NewNode(ports, dir, 1)
	if err != nil {
		return nil, err
	}
	lay := layout.Cluster{
		Nodes: []layout.Node{n}, Replicas: 1, PartPower: partPower, RingSeed: 1, HashSuffix: "bench",
		Default: append([]string{"log_level = ERROR"}, workers()...),
	}
	rings, err := lay.Rings()
	if err != nil {
		return nil, err
	}
	if err := lay.WriteNode(peer.FS(), n, rings); err != nil {
		return nil, err
	}
	addr := n.IP + ":" + strconv.Itoa(n.Ports.Object)
	conf := filepath.Join(n.ConfDir, "object-server.conf")
	d, err := b.Quiet().Serve(ctx, m, "object-server", n.SwiftDir, conf, filepath.Join(dir, "log"), addr)
	if err != nil {
		return nil, err
	}
	return &server{make: m, addr: addr, daemon: d, rounds: map[string][]sample{}}, nil
}

func workers() []string {
	out := []string{"workers = " + strconv.Itoa(runtime.NumCPU())}
	for _, line := range peer.Common() {
		if !strings.HasPrefix(line, "workers") && !strings.HasPrefix(line, "log_level") {
			out = append(out, line)
		}
	}
	return out
}

func (p pair) stop() {
	for _, s := range p {
		s.daemon.Stop()
	}
}

// compare measures and prints; it fails when a row is below the factor.
func (p pair) compare(ctx context.Context, o options) error {
	for _, s := range p {
		if err := s.prepare(ctx); err != nil {
			return err
		}
	}
	for round := range o.rounds {
		for _, method := range o.methods {
			for i := range p {
				s := p[(i+round)%len(p)]
				got, err := s.measure(ctx, method, o)
				if err != nil {
					return fmt.Errorf("%s of %s: %w", method, s.make, err)
				}
				s.rounds[method] = append(s.rounds[method], got)
			}
		}
	}
	slow, err := p.print(o)
	if err == nil && len(slow) > 0 {
		err = fmt.Errorf("less than %.1f times: %s", o.factor, strings.Join(slow, ", "))
	}
	return err
}

// print prints the table and returns which rows are below the factor.
func (p pair) print(o options) (slow []string, err error) {
	t := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tserver\tops/s\tp50 ms\tp99 ms\tserver µs\tclient µs\tratio\t")
	row := func(operation, name string, m sample, ratio string) {
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.2f\t%.2f\t%.0f\t%.0f\t%s\t\n", operation, name, m.perSec, ms(m.p50), ms(m.p99), us(m.server), us(m.client), ratio)
	}
	for _, method := range o.methods {
		ours, theirs := median(p[0].rounds[method]), median(p[1].rounds[method])
		ratio := ours.perSec / theirs.perSec
		row(method+" 4 KiB", "apus", ours, fmt.Sprintf("%.1f", ratio))
		row("", "swift "+peer.Version, theirs, "")
		if ratio < o.factor {
			slow = append(slow, fmt.Sprintf("%s is %.1f times as fast", method, ratio))
		}
	}
	if err := t.Flush(); err != nil {
		return nil, err
	}
	fmt.Printf("medians of %d alternating rounds of %v, %d clients, %d workers of swift; µs are CPU for a request\n",
		o.rounds, o.length, o.clients, runtime.NumCPU())
	return slow, nil
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
