// Command functional runs the functional tests of OpenStack Swift, from a
// checkout of it, against a running cluster: a judge that was written by others
// for another implementation.
//
//	make functional UPSTREAM=~/src/swift
//
// The checkout is read and never changed. What the tests are told about the
// cluster is in a test.conf of a temporary directory: the auth URL and the six
// users of "apus aio". They are run by pytest, whose results a plugin writes
// down, one line a test.
//
// The last line counts: "849 passed, 0 failed, 17 skipped". The exit code is 1
// when a test failed or none ran, 2 when the tests cannot be run.
package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

//go:embed plugin.py
var plugin string

type options struct {
	upstream, auth, suite, python, junit string
	limit                                time.Duration
	verbose                              bool
	tests                                []string
}

// suites are the arguments that select tests.
func suites() map[string][]string {
	return map[string][]string{
		"core":       {"test/functional", "--ignore=test/functional/s3api"},
		"functional": {"test/functional"},
		"s3":         {"test/functional/s3api"},
	}
}

// failed says that tests ran and not all passed.
var errFailed = errors.New("tests failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := command().ExecuteContext(ctx)
	switch {
	case err == nil:
	case errors.Is(err, errFailed):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "functional:", err)
		os.Exit(2)
	}
}

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "functional --upstream DIR --auth URL [TEST…]", Short: "Run OpenStack Swift's functional tests against a cluster",
		Example: "  functional --upstream ~/src/swift --auth http://127.0.0.1:8080/auth/v1.0\n" +
			"  functional --upstream ~/src/swift --auth URL test/functional/test_slo.py::TestSlo",
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.tests = args
			return run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.upstream, "upstream", "", "checkout of openstack/swift; its test/ is run and its swift/ imported by the tests")
	f.StringVar(&o.auth, "auth", "", "auth URL of the cluster, as apus aio prints it")
	f.StringVar(&o.suite, "suite", "core", "tests to run: core (all but the S3 API), functional, s3")
	f.StringVar(&o.python, "python", "/usr/bin/python3", "the Python that has pytest and the tests' libraries")
	f.StringVar(&o.junit, "junit", "", "write a JUnit report to this file")
	f.DurationVar(&o.limit, "limit", 5*time.Minute, "how long one test may take")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show pytest's own output")
	return cmd
}

func run(ctx context.Context, o options) error {
	if o.upstream == "" {
		return errors.New("--upstream is missing: name a checkout of openstack/swift, as in make functional UPSTREAM=~/src/swift")
	}
	if _, err := os.Stat(filepath.Join(o.upstream, "test", "functional", "tests.py")); err != nil {
		return fmt.Errorf("--upstream %s is no checkout of openstack/swift: %w", o.upstream, err)
	}
	selected, ok := suites()[o.suite]
	if !ok {
		return fmt.Errorf("--suite %s: must be core, functional or s3", o.suite)
	}
	if len(o.tests) > 0 {
		selected = o.tests
	}
	dir, err := os.MkdirTemp("", "functional-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := prepare(ctx, dir, o); err != nil {
		return err
	}
	results, err := pytest(ctx, dir, o, selected)
	if err != nil {
		return err
	}
	return report(results)
}

// prepare writes what the tests read and creates the accounts: one test minds
// that an account which nobody has written to is shown but does not exist.
func prepare(ctx context.Context, dir string, o options) error {
	text, err := testConf(o.auth)
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"test.conf":                      text,
		"site/apus_functional_plugin.py": plugin,
		// The tests' library asks for its own version.
		"site/swift.egg-info/PKG-INFO": "Metadata-Version: 1.1\nName: swift\nVersion: 99.0.0\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	for _, u := range users()[:2] {
		if err := createAccount(ctx, o.auth, u); err != nil {
			return err
		}
	}
	return nil
}

// result is how one test ended.
type result struct{ outcome, id, reason string }

// pytest runs the tests and shows each as it ends.
func pytest(ctx context.Context, dir string, o options, selected []string) ([]result, error) {
	args := append([]string{
		"-m", "pytest", "-p", "apus_functional_plugin", "-p", "no:cacheprovider", "-o", "addopts=",
		"-o", "python_files=test*.py", "-q", "--tb=short",
	}, selected...)
	if o.junit != "" {
		path, err := filepath.Abs(o.junit)
		if err != nil {
			return nil, err
		}
		args = append(args, "--junitxml="+path)
	}
	upstream, err := filepath.Abs(o.upstream)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.CommandContext(ctx, o.python, args...)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = upstream, environment(dir, upstream, o.limit), []*os.File{w}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var trouble strings.Builder
	cmd.Stderr = &trouble
	if o.verbose {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s cannot be run: %w", o.python, err)
	}
	_ = w.Close() // the child has its own
	results := follow(r)
	err = cmd.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 {
		return nil, fmt.Errorf("pytest: %w\n%s(--verbose shows its output; ci/functional/install brings the libraries)", err, trouble.String())
	}
	return results, nil
}

// environment is ours without what would change the tests.
func environment(dir, upstream string, limit time.Duration) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "SWIFT_TEST") || strings.HasPrefix(v, "PYTHON")
	})
	return append(env,
		"PYTHONPATH="+upstream+string(os.PathListSeparator)+filepath.Join(dir, "site"), "PYTHONDONTWRITEBYTECODE=1",
		"SWIFT_TEST_CONFIG_FILE="+filepath.Join(dir, "test.conf"), "SWIFT_TEST_IN_PROCESS=0",
		"NO_PROXY=*", "no_proxy=*",
		"APUS_RESULTS_FD=3", fmt.Sprintf("APUS_TEST_LIMIT=%g", limit.Seconds()),
	)
}

// progressEvery is how many tests pass between two lines of progress.
const progressEvery = 100

// follow reads the plugin's lines: outcome, id and reason with tabs between.
func follow(r *os.File) []result {
	var results []result
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		parts := strings.SplitN(lines.Text(), "\t", 3)
		if len(parts) != 3 {
			continue
		}
		results = append(results, result{parts[0], parts[1], parts[2]})
		if parts[0] == "failed" {
			fmt.Printf("FAILED %s: %s\n", parts[1], parts[2])
		}
		if len(results)%progressEvery == 0 {
			fmt.Fprintf(os.Stderr, "functional: %d tests\n", len(results))
		}
	}
	return results
}

// report prints the failed tests by name and the counts.
func report(results []result) error {
	count := map[string]int{}
	var bad []string
	for _, r := range results {
		count[r.outcome]++
		if r.outcome == "failed" {
			bad = append(bad, r.id)
		}
	}
	slices.Sort(bad)
	for _, id := range bad {
		fmt.Println("failed:", id)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", count["passed"], count["failed"], count["skipped"])
	if len(bad) > 0 || count["passed"] == 0 {
		return errFailed
	}
	return nil
}
