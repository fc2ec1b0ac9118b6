// Command apus is every daemon and tool of apus in one binary.
//
// Called as "apus object-server CONF", or through a link named
// swift-object-server as "swift-object-server CONF", it runs that daemon until
// SIGTERM or SIGINT, drains and exits 0. "apus aio" runs a whole cluster on
// loopback.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"apus/impl/daemon"
	"apus/impl/host/real"
	"apus/impl/md5sum"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// ballastSize is the size of memory that nobody touches, so that it takes only
// addresses. The collector runs when the heap has doubled, which for a server
// whose own heap is a few megabytes would be dozens of times a second.
const ballastSize = 32 << 20

func main() {
	root := rootCommand()
	if tool, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "swift-"); ok {
		root.SetArgs(append([]string{tool}, os.Args[1:]...))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	md5sum.YieldBy(real.Yield)
	ballast := make([]byte, ballastSize)
	err := root.ExecuteContext(ctx)
	runtime.KeepAlive(ballast)
	if err != nil {
		if code, ok := err.(toolExit); ok {
			os.Exit(int(code))
		}
		fmt.Fprintln(os.Stderr, "apus:", err)
		os.Exit(exitCode(err))
	}
	os.Exit(exitOK)
}

// usageError marks what a different command line would mend.
type usageError struct{ error }

func exitCode(err error) int {
	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		return exitUsage
	}
	return exitError
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "apus",
		Short: "OpenStack Swift in Go: every daemon and tool in one binary",
		Example: "  apus aio                        a whole cluster on loopback\n" +
			"  apus object-server CONF         one daemon, as swift-object-server",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	for _, k := range daemon.Kinds() {
		root.AddCommand(daemonCommand(k))
	}
	for _, t := range operatorTools {
		root.AddCommand(toolCommand(t))
	}
	root.AddCommand(aioCommand(), nodeCommand())
	return root
}

func daemonCommand(kind daemon.Kind) *cobra.Command {
	var verbose, once bool
	cmd := &cobra.Command{
		Use:     string(kind) + " CONF [once] [verbose]",
		Short:   "Run the " + strings.ReplaceAll(string(kind), "-", " ") + " until SIGTERM",
		Example: fmt.Sprintf("  apus %s /etc/swift/%s.conf", kind, confName(kind)),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("%s needs the path of its configuration file, for example /etc/swift/%s.conf", kind, confName(kind))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, word := range args[1:] {
				switch word {
				case "once":
					once = true
				case "verbose":
					verbose = true
				default:
					return usageError{fmt.Errorf("%q is neither once nor verbose", word)}
				}
			}
			return runDaemon(cmd.Context(), kind, args[0], once, verbose)
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log debug messages")
	cmd.Flags().BoolVarP(&once, "once", "o", false, "do one pass and exit (background daemons)")
	return cmd
}

// confName is the file that Swift keeps the options of a daemon in.
func confName(kind daemon.Kind) string {
	server, _, _ := strings.Cut(string(kind), "-")
	return server + "-server"
}

func runDaemon(ctx context.Context, kind daemon.Kind, conf string, once, verbose bool) error {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	if conf, err = filepath.Abs(conf); err != nil {
		return err
	}
	d, err := daemon.New(real.New(name, newLog(os.Stderr, verbose)), kind, conf, nil)
	if err != nil {
		return err
	}
	if once {
		return d.Once(ctx)
	}
	if kind == daemon.ObjectServer {
		spareProcs()
	}
	return d.Run(ctx)
}

// spareProcs lets more goroutines run than the machine has processors. One in
// a call of the file system counts as running until the scheduler looks, 20 µs
// or more, and an object server does little else: with as many as processors
// it answers a tenth fewer requests, and its slowest take twice as long. Who
// sets GOMAXPROCS himself is obeyed.
func spareProcs() {
	if n := runtime.GOMAXPROCS(0); os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(n + max(n, 6))
	}
}

func newLog(f *os.File, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level}))
}
