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
	auth, match, junit, html string
	domain                   string
	owner, stranger, guest   target.User
	admin                    target.User
	jobs                     int
	list, coverage           bool
	asJSON, quiet            bool
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
		Long: "Judge a Swift endpoint by the conformance cases. Each case stands alone, names what it makes after itself and\n" +
			"removes it. What the endpoint says in /info that it lacks is skipped, and so is what needs a user that is not given.\n\n" +
			"Exit codes: 0 every case passed or was skipped, 1 a case failed, 2 the run could not be made.",
		Example: "  apus-conform --auth http://127.0.0.1:8080/auth/v1.0 --user test:tester --key testing\n" +
			"  apus-conform --auth … --user2 test2:tester2 --key2 testing2 --user3 test:tester3 --key3 testing3 \\\n" +
			"      --admin-user admin:admin --admin-key admin --storage-domain example.net\n" +
			"  apus-conform --auth … --match 'slo-*,dlo-*' --html report.html --junit report.xml\n" +
			"  apus-conform --auth … --json --quiet | jq -r 'select(.verdict == \"failed\") | .id'\n" +
			"  apus-conform --list\n  apus-conform --list --coverage",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			*code, err = run(cmd.Context(), o)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.auth, "auth", "", "auth URL of the endpoint, ending in /auth/v1.0")
	f.StringVar(&o.owner.Name, "user", "test:tester", "owner of the account to work in, as account:name")
	f.StringVar(&o.owner.Key, "key", "testing", "that user's key")
	f.StringVar(&o.stranger.Name, "user2", "", "owner of another account")
	f.StringVar(&o.stranger.Key, "key2", "", "that user's key")
	f.StringVar(&o.guest.Name, "user3", "", "user of the first account without rights in it")
	f.StringVar(&o.guest.Key, "key3", "", "that user's key")
	f.StringVar(&o.admin.Name, "admin-user", "", "reseller administrator, who may use every account")
	f.StringVar(&o.admin.Key, "admin-key", "", "that user's key")
	f.StringVar(&o.domain, "storage-domain", "", "domain in which the endpoint finds accounts and containers in names of hosts")
	f.StringVar(&o.match, "match", "", "run only the cases whose id matches this glob, or one of several with commas between them")
	f.StringVar(&o.junit, "junit", "", "write a JUnit report to this file")
	f.StringVar(&o.html, "html", "", "write a report to read to this file, as one page of HTML")
	f.IntVar(&o.jobs, "jobs", 4, "cases to run at once")
	f.BoolVar(&o.list, "list", false, "list the cases (id, verb, resource, feature, expectation) and exit")
	f.BoolVar(&o.coverage, "coverage", false, "with --list: count the cases of each feature, by resource")
	f.BoolVar(&o.asJSON, "json", false, "print results as JSON lines")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress")
	return cmd
}

func run(ctx context.Context, o options) (int, error) {
	if o.list {
		print := report.List
		if o.coverage {
			print = report.Coverage
		}
		return 0, print(os.Stdout, api.Cases())
	}
	if o.auth == "" {
		return exitBroken, fmt.Errorf("--auth is missing; give the endpoint's auth URL, for example http://127.0.0.1:8080/auth/v1.0")
	}
	t := &target.Target{AuthURL: o.auth, Owner: o.owner, Stranger: o.stranger, Guest: o.guest, Admin: o.admin,
		Client: target.NewClient(), Dial: target.Dial, StorageDomain: o.domain}
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
	if err != nil && len(results) == 0 {
		return exitBroken, err
	}
	if len(results) == 0 {
		return exitBroken, fmt.Errorf("--match %q matches no case; see --list", o.match)
	}
	if err := writeReports(o, results); err != nil {
		return exitBroken, err
	}
	ended := err
	print := report.Table
	if o.asJSON {
		print = report.JSON
	}
	if err := print(os.Stdout, results); err != nil {
		return exitBroken, err
	}
	if ended != nil { // what was not run is no success
		return exitBroken, ended
	}
	if report.Count(results).Failed > 0 {
		return exitFailed, nil
	}
	return 0, nil
}

// writeReports writes the reports that were asked for into files.
func writeReports(o options, results []api.Result) error {
	if o.junit != "" {
		if err := writeFile(o.junit, func(w io.Writer) error { return report.JUnit(w, results) }); err != nil {
			return err
		}
	}
	if o.html == "" {
		return nil
	}
	return writeFile(o.html, func(w io.Writer) error { return report.HTML(w, o.auth, results) })
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
