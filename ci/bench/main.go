// Command bench measures PUT and GET of small and large objects through
// "apus aio": a whole cluster in one process on loopback, with three durable
// copies of every object.
//
//	make bench                   builds bin/apus and runs
//	go run ./ci/bench
//	go run ./ci/bench --json     one object a line for each row
//
// Each row of the table is measured in several rounds, which alternate with
// those of the other rows, and shows the median of the rounds. The client
// holds one raw keep-alive connection a worker, so that it takes as little of
// a shared machine as it can. Throughput depends on the disk below --dir:
// every PUT waits until its copies are durable.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"apus/ci/bench/load"
)

type options struct {
	binary, dir     string
	auth, user, key string
	rounds          int
	length          time.Duration
	asJSON          bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure PUT and GET through a cluster on loopback",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.binary, "binary", "bin/apus", "the command to start as \"aio\"")
	f.StringVar(&o.dir, "dir", "out", "directory on the disk to measure; a new directory in it is used and removed")
	f.StringVar(&o.auth, "auth", "", "measure the cluster with this auth URL instead of starting one")
	f.StringVar(&o.user, "user", "test:tester", "user, with --auth")
	f.StringVar(&o.key, "key", "testing", "the user's key, with --auth")
	f.IntVar(&o.rounds, "rounds", 5, "rounds of each row")
	f.DurationVar(&o.length, "length", 2*time.Second, "how long a round of a row takes")
	f.BoolVar(&o.asJSON, "json", false, "print rows as JSON lines")
	return cmd
}

func run(ctx context.Context, o options) (err error) {
	if o.rounds < 1 || o.length <= 0 {
		return fmt.Errorf("--rounds %d --length %v: both must be positive", o.rounds, o.length)
	}
	if o.auth == "" {
		c, err := start(o.binary, o.dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.stop()) }()
		o.auth, o.user, o.key = c.Auth, c.User, c.Key
	}
	b, err := load.Login(o.auth, o.user, o.key)
	if err != nil {
		return err
	}
	rows, progress := rows(), onTerminal(os.Stderr)
	if err := b.Prepare(ctx, rows); err != nil {
		return err
	}
	for round := range o.rounds {
		for i := range rows {
			if progress {
				fmt.Fprintf(os.Stderr, "\r\x1b[Kround %d of %d: %s", round+1, o.rounds, rows[i].Name())
			}
			s, err := b.Measure(ctx, rows[i], o.length)
			if err != nil {
				return err
			}
			rows[i].Rounds = append(rows[i].Rounds, s)
		}
	}
	if progress {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	if o.asJSON {
		return printJSON(os.Stdout, rows)
	}
	return printTable(os.Stdout, rows, o)
}

func onTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// cluster is an all-in-one cluster that was started.
type cluster struct {
	Auth string `json:"auth"`
	User string `json:"user"`
	Key  string `json:"key"`
	dir  string
	cmd  *exec.Cmd
}

const startLimit = time.Minute

func start(binary, parent string) (*cluster, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "bench")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir}
	if err := c.start(binary); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

func (c *cluster) start(binary string) error {
	c.cmd = exec.Command(binary, "aio", filepath.Join(c.dir, "aio"), "--port", "0", "--json")
	c.cmd.Stderr = os.Stderr
	// An interrupt of the terminal reaches this process alone, which then
	// ends the cluster.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("%w; \"make build\" makes it", err)
	}
	silent := time.AfterFunc(startLimit, func() { _ = c.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	silent.Stop()
	if err == nil {
		err = json.Unmarshal(line, c)
	}
	if err != nil {
		_ = c.cmd.Process.Kill()
		return errors.Join(fmt.Errorf("%s aio did not say where it listens: %w", binary, err), c.cmd.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return nil
}

// stop drains the cluster and removes its directory.
func (c *cluster) stop() error {
	err := c.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(startLimit, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	return errors.Join(err, c.cmd.Wait(), os.RemoveAll(c.dir))
}
