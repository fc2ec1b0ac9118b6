// Command tally reads the output of "go test -json", prints a line for each
// package and the full output of what failed, and ends with a count of tests:
// "N passed, N failed, N skipped". It exits 1 when anything failed and when
// nothing ran.
//
//	go test -json ./... | go run ./ci/tally
//
// Other programs may take part by printing events of the same form. After
// each "go test" the line {"Action":"exit","Package":"any name","Status":N}
// with its exit status counts one more failure when it failed without saying
// which package did.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// event is one line of test2json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
	Status                                    int // of Action "exit"
}

// tally counts tests. Output of a test is kept until its fate is known.
type tally struct {
	out                     io.Writer
	passed, failed, skipped int
	broken                  int // packages that failed without a failing test
	explained               int // failures up to the last "exit"
	output                  map[string][]string
	failedIn                map[string]int
	reasons                 []string // of skips
}

func main() {
	t := newTally(os.Stdout)
	if err := t.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	os.Exit(t.close())
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, output: map[string][]string{}, failedIn: map[string]int{}}
}

func (t *tally) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(t.out, lines.Text()) // the go command's own words
			continue
		}
		t.add(e)
	}
	return lines.Err()
}

func (t *tally) add(e event) {
	key := e.Package + "\x00" + e.Test
	switch e.Action {
	case "output":
		t.output[key] = append(t.output[key], e.Output)
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "exit":
		if e.Status != 0 && t.failed+t.broken == t.explained {
			t.broken++
			fmt.Fprintf(t.out, "FAIL  %s: exit status %d\n", e.Package, e.Status)
		}
		t.explained = t.failed + t.broken
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(e)
		} else {
			t.endTest(e, key)
		}
		delete(t.output, key)
	}
}

func (t *tally) endTest(e event, key string) {
	switch e.Action {
	case "pass":
		t.passed++
	case "skip":
		t.skipped++
		t.reasons = append(t.reasons, e.Package+" "+e.Test+": "+skipReason(t.output[key]))
	case "fail":
		t.failed++
		t.failedIn[e.Package]++
		fmt.Fprint(t.out, strings.Join(t.output[key], ""))
	}
}

// skipReason is the line that t.Skip printed.
func skipReason(lines []string) string {
	for _, l := range lines {
		if s := strings.TrimSpace(l); s != "" && !strings.HasPrefix(s, "===") && !strings.HasPrefix(s, "---") {
			return s
		}
	}
	return "no reason given"
}

func (t *tally) endPackage(e event) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(t.out, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		if t.failedIn[e.Package] == 0 {
			t.broken++
		}
		fmt.Fprint(t.out, strings.Join(t.output[e.Package+"\x00"], ""))
		fmt.Fprintf(t.out, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	}
}

func (t *tally) close() int {
	sort.Strings(t.reasons)
	for _, r := range t.reasons {
		fmt.Fprintln(t.out, "skipped", r)
	}
	fmt.Fprintf(t.out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed+t.broken, t.skipped)
	if t.failed+t.broken > 0 || t.passed == 0 {
		return 1
	}
	return 0
}
