// Package report writes the results of a conformance run: a table for people,
// JSON lines for programs and JUnit XML for CI.
package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"apus/conformance/api"
)

// Counts of a run.
type Counts struct{ Passed, Failed, Skipped int }

// Count counts verdicts.
func Count(results []api.Result) Counts {
	var c Counts
	for _, r := range results {
		switch r.Verdict {
		case api.Passed:
			c.Passed++
		case api.Skipped:
			c.Skipped++
		default:
			c.Failed++
		}
	}
	return c
}

func (c Counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
}

// List prints the cases, one a line.
func List(w io.Writer, cases []api.Case) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range cases {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", c.ID, c.Verb, c.Resource, c.Feature, c.Want)
	}
	return t.Flush()
}

// Table prints failures in full, then a row for each feature, then the
// counts.
func Table(w io.Writer, results []api.Result) error {
	for _, r := range results {
		if r.Verdict == api.Failed {
			fmt.Fprintf(w, "FAILED %s: %s\n    %s\n", r.ID, r.Case.Want, strings.ReplaceAll(r.Message, "\n", "\n    "))
		}
	}
	byFeature := map[string][]api.Result{}
	var features []string
	for _, r := range results {
		if byFeature[r.Case.Feature] == nil {
			features = append(features, r.Case.Feature)
		}
		byFeature[r.Case.Feature] = append(byFeature[r.Case.Feature], r)
	}
	sort.Strings(features)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "feature\tpassed\tfailed\tskipped\t")
	for _, f := range features {
		c := Count(byFeature[f])
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t\n", f, c.Passed, c.Failed, c.Skipped)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, Count(results))
	return err
}

// JSON prints one object a line for each result.
func JSON(w io.Writer, results []api.Result) error {
	enc := json.NewEncoder(w)
	for _, r := range results {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the XML that CI systems read.
func JUnit(w io.Writer, results []api.Result) error {
	c := Count(results)
	suite := junitSuite{Name: "apus-conform", Tests: len(results), Failures: c.Failed, Skipped: c.Skipped}
	var total time.Duration
	for _, r := range results {
		total += r.Took
		jc := junitCase{Name: r.ID, Class: r.Case.Resource + "." + strings.ReplaceAll(r.Case.Feature, " ", "_"), Time: seconds(r.Took)}
		switch r.Verdict {
		case api.Failed:
			jc.Failure = &junitMessage{Message: r.Case.Want, Text: r.Message}
		case api.Skipped:
			jc.Skipped = &junitMessage{Message: r.Message}
		}
		suite.Cases = append(suite.Cases, jc)
	}
	suite.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	return enc.Encode(suite)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
