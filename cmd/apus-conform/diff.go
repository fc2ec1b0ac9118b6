package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"apus/conformance/diff"
	"apus/conformance/target"
)

// diffOptions are those of apus-conform diff.
type diffOptions struct {
	a, b                          string
	owner, stranger, guest, admin target.User
	run                           diff.Options
	match                         string
	explain, asJSON, quiet        bool
}

func diffCommand(code *int) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff --a URL --b URL",
		Short: "Find requests that two Swift endpoints answer differently",
		Long: "Draw short sequences of requests, send each to two endpoints, and report what they answer differently, made as\n" +
			"small as it still shows. Both endpoints need the same users; without the reseller administrator sequences about\n" +
			"accounts say little. What a run makes is left behind: use clusters that may be thrown away.\n\n" +
			"Differences that are known and right are in a table (--explain) and only counted.\n\n" +
			"Exit codes: 0 no difference but explained ones, 1 a difference, 2 the run could not be made.",
		Example: "  apus-conform diff --a http://127.0.0.1:8080/auth/v1.0 --b http://127.0.0.1:9080/auth/v1.0\n" +
			"  apus-conform diff --a … --b … --sequences 10000 --seed 7 --jobs 8\n" +
			"  apus-conform diff --a … --b … --match 'slo,dlo' --json | jq .key\n" +
			"  apus-conform diff --a … --b … --seed 7 --first 732 --sequences 1\n" +
			"  apus-conform diff --explain",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			*code, err = runDiff(cmd.Context(), o)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.a, "a", "", "auth URL of the first endpoint, ending in /auth/v1.0")
	f.StringVar(&o.b, "b", "", "auth URL of the second endpoint, which is taken to be right")
	for _, u := range []struct {
		user           *target.User
		name, key      string
		account, value string
		what           string
	}{
		{&o.owner, "user", "key", "test:tester", "testing", "owner of the account to work in, as account:name"},
		{&o.stranger, "user2", "key2", "test2:tester2", "testing2", "owner of another account"},
		{&o.guest, "user3", "key3", "test:tester3", "testing3", "user of the first account without rights in it"},
		{&o.admin, "admin-user", "admin-key", "admin:admin", "admin", "reseller administrator, who may use every account"},
	} {
		f.StringVar(&u.user.Name, u.name, u.account, u.what)
		f.StringVar(&u.user.Key, u.key, u.value, "that user's key")
	}
	f.IntVar(&o.run.Sequences, "sequences", 1000, "how many sequences to compare")
	f.IntVar(&o.run.Seed, "seed", 1, "what sequences are drawn from")
	f.IntVar(&o.run.First, "first", 1, "number of the first sequence, to go on, or to repeat what a finding names")
	f.IntVar(&o.run.Jobs, "jobs", 8, "sequences to run at once")
	f.IntVar(&o.run.MaxFindings, "max-findings", 20, "end the run after so many different differences")
	f.StringVar(&o.match, "match", "", "only features whose names match one of these globs, with commas between them: "+strings.Join(diff.Themes(), ", "))
	f.BoolVar(&o.explain, "explain", false, "list the explained differences, and what is made equal, and exit")
	f.BoolVar(&o.asJSON, "json", false, "print findings and the summary as JSON lines")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress")
	return cmd
}

func runDiff(ctx context.Context, o diffOptions) (int, error) {
	if o.explain {
		return 0, explainDiff()
	}
	if o.a == "" || o.b == "" {
		return exitBroken, fmt.Errorf("--a and --b are both needed, for example --a http://127.0.0.1:8080/auth/v1.0")
	}
	if o.match != "" {
		o.run.Match = strings.Split(o.match, ",")
	}
	if len(diff.Draw(1, 1, o.run.Match).Requests) == 0 {
		return exitBroken, fmt.Errorf("--match %q matches none of: %s", o.match, strings.Join(diff.Themes(), ", "))
	}
	make := func(auth string) *target.Target {
		return &target.Target{AuthURL: auth, Owner: o.owner, Stranger: o.stranger, Guest: o.guest, Admin: o.admin,
			Client: target.NewClient(), Dial: target.Dial}
	}
	begin := time.Now()
	if !o.quiet {
		o.run.Progress = func(s diff.Stats) {
			if s.Sequences%20 == 0 || s.Sequences == o.run.Sequences {
				fmt.Fprintf(os.Stderr, "\r%6d of %d sequences, %d requests, %d findings, %.0f s ", s.Sequences, o.run.Sequences, s.Requests,
					s.Findings, time.Since(begin).Seconds())
			}
		}
	}
	o.run.Found = func(f *diff.Finding) {
		print := f.Print
		if o.asJSON {
			print = f.JSON
		}
		_ = print(os.Stdout)
	}
	stats, findings, err := diff.Run(ctx, make(o.a), make(o.b), o.run)
	if !o.quiet {
		fmt.Fprintln(os.Stderr)
	}
	if err != nil {
		return exitBroken, err
	}
	if err := printDiff(o, stats, findings, time.Since(begin)); err != nil {
		return exitBroken, err
	}
	if len(findings) > 0 {
		return exitFailed, nil
	}
	return 0, ctx.Err()
}

func printDiff(o diffOptions, stats diff.Stats, findings []*diff.Finding, took time.Duration) error {
	if o.asJSON {
		return json.NewEncoder(os.Stdout).Encode(stats)
	}
	for _, f := range findings {
		fmt.Printf("%6d sequences: %s\n", f.Count, f.Key)
	}
	fmt.Printf("explained: %s\n", counts(stats.Explained))
	fmt.Printf("features:  %s\n", counts(stats.Features))
	statuses := map[string]int{}
	for status, n := range stats.Statuses {
		statuses[strconv.Itoa(status)] += n
	}
	fmt.Printf("statuses:  %s\n", counts(statuses))
	fmt.Printf("%d sequences, %d requests, %d clean (%d of them only when repeated slowly), %d different findings; seed %d, %.0f s\n",
		stats.Sequences, stats.Requests, stats.Clean, stats.Unsteady, stats.Findings, o.run.Seed, took.Seconds())
	return nil
}

// counts is a table in one line, largest first.
func counts(m map[string]int) string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		if m[names[i]] != m[names[j]] {
			return m[names[i]] > m[names[j]]
		}
		return names[i] < names[j]
	})
	for i, n := range names {
		names[i] = fmt.Sprintf("%s %d", n, m[n])
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func explainDiff() error {
	fmt.Println("Made equal before answers are compared:")
	for _, n := range diff.Norms() {
		fmt.Printf("  %-20s %s\n", n.Name, n.Reason)
	}
	fmt.Println("\nExplained differences (A is this project's Swift, B OpenStack's):")
	for _, e := range diff.Table() {
		fmt.Printf("  %-20s %s\n", e.Name, e.Reason)
	}
	return nil
}
