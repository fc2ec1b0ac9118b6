// Command apus-conform judges a Swift endpoint: it runs the conformance cases
// against it and says what does not hold.
//
// It exits 0 when every case passed or was skipped, 1 when one failed, and 2
// when the run could not be made.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"apus/conformance/api"
	"apus/conformance/report"
	"apus/conformance/target"
)

// Exit codes.
const (
	exitFailed = 1
	exitBroken = 2
)

type options struct {
	auth, user, key, match, junit string
	jobs                          int
	list, asJSON, quiet           bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	code := 0
	if err := command(&code).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "apus-conform:", err)
		code = exitBroken
	}
	os.Exit(code)
}

func command(code *int) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "apus-conform --auth URL --user USER --key KEY",
		Short: "Judge a Swift endpoint by the conformance cases",
		Example: "  apus-conform --auth http://127.0.0.1:8080/auth/v1.0 --user test:tester --key testing\n" +
			"  apus-conform --auth … --match 'slo-*' --junit report.xml\n  apus-conform --list",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			*code, err = run(cmd.Context(), o)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.auth, "auth", "", "auth URL of the endpoint, ending in /auth/v1.0")
	f.StringVar(&o.user, "user", "test:tester", "user, as account:name")
	f.StringVar(&o.key, "key", "testing", "the user's key")
	f.StringVar(&o.match, "match", "", "run only the cases whose id matches this glob")
	f.StringVar(&o.junit, "junit", "", "write a JUnit report to this file")
	f.IntVar(&o.jobs, "jobs", 4, "cases to run at once")
	f.BoolVar(&o.list, "list", false, "list the cases (id, verb, resource, feature, expectation) and exit")
	f.BoolVar(&o.asJSON, "json", false, "print results as JSON lines")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress")
	return cmd
}

func run(ctx context.Context, o options) (int, error) {
	if o.list {
		return 0, report.List(os.Stdout, api.Cases())
	}
	if o.auth == "" {
		return exitBroken, fmt.Errorf("--auth is missing; give the endpoint's auth URL, for example http://127.0.0.1:8080/auth/v1.0")
	}
	t := &target.Target{AuthURL: o.auth, User: o.user, Key: o.key, Client: target.NewClient()}
	done := 0
	results, err := api.Run(ctx, t, api.Options{Match: o.match, Jobs: o.jobs, Done: func(r api.Result) {
		done++
		if !o.quiet {
			fmt.Fprintf(os.Stderr, "\r%4d  %-60.60s", done, r.ID)
		}
	}})
	if !o.quiet {
		fmt.Fprintf(os.Stderr, "\r%70s\r", "")
	}
	if err != nil {
		return exitBroken, err
	}
	if len(results) == 0 {
		return exitBroken, fmt.Errorf("--match %q matches no case; see --list", o.match)
	}
	if o.junit != "" {
		if err := writeFile(o.junit, func(w io.Writer) error { return report.JUnit(w, results) }); err != nil {
			return exitBroken, err
		}
	}
	print := report.Table
	if o.asJSON {
		print = report.JSON
	}
	if err := print(os.Stdout, results); err != nil {
		return exitBroken, err
	}
	if report.Count(results).Failed > 0 {
		return exitFailed, nil
	}
	return 0, nil
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
