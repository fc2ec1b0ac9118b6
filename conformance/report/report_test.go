package report_test

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"apus/conformance/api"
	"apus/conformance/report"
)

// sample has a case of each verdict, in two features.
func sample() []api.Result {
	result := func(id, resource, feature string, v api.Verdict, message string) api.Result {
		return api.Result{Case: api.Case{ID: id, Verb: "GET", Resource: resource, Feature: feature, Want: "wants <" + id + ">"},
			ID: id, Verdict: v, Message: message, Took: 1500 * time.Millisecond}
	}
	return []api.Result{
		result("a-pass", "object", "first feature", api.Passed, ""),
		result("b-fail", "object", "first feature", api.Failed, "got <404> & \"more\"\nsecond line"),
		result("c-skip", "account", "second", api.Skipped, "/info has no c"),
	}
}

func written(t *testing.T, write func(*strings.Builder) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("lacks %q:\n%s", p, text)
		}
	}
}

func TestCount(t *testing.T) {
	if got, want := report.Count(sample()), (report.Counts{Passed: 1, Failed: 1, Skipped: 1}); got != want {
		t.Errorf("counts %v, want %v", got, want)
	}
	// A verdict that is none of the three must not look like success.
	if got := report.Count([]api.Result{{}}); got.Failed != 1 {
		t.Errorf("no verdict counts as %v", got)
	}
}

func TestTable(t *testing.T) {
	text := written(t, func(b *strings.Builder) error { return report.Table(b, sample()) })
	holds(t, text, "FAILED b-fail: wants <b-fail>", "    got <404> & \"more\"\n    second line", "1 passed, 1 failed, 1 skipped")
	if strings.Index(text, "first feature") > strings.Index(text, "second  ") {
		t.Errorf("features are not sorted:\n%s", text)
	}
}

func TestList(t *testing.T) {
	text := written(t, func(b *strings.Builder) error { return report.List(b, api.Cases()) })
	if lines := strings.Count(text, "\n"); lines != len(api.Cases()) {
		t.Errorf("%d lines for %d cases", lines, len(api.Cases()))
	}
	holds(t, text, "object-put-get", "conditional requests")
}

func TestCoverage(t *testing.T) {
	var cases []api.Case
	for _, r := range sample() {
		cases = append(cases, r.Case)
	}
	text := written(t, func(b *strings.Builder) error { return report.Coverage(b, cases) })
	var rows [][]string
	for line := range strings.Lines(text) {
		rows = append(rows, strings.Fields(line))
	}
	want := [][]string{
		{"feature", "endpoint", "account", "container", "object", "cases"},
		{"first", "feature", "-", "-", "-", "2", "2"},
		{"second", "-", "1", "-", "-", "1"},
		{"2", "features", "-", "1", "-", "2", "3"},
	}
	for i, w := range want {
		if i >= len(rows) || strings.Join(rows[i], " ") != strings.Join(w, " ") {
			t.Fatalf("row %d is not %v:\n%s", i, w, text)
		}
	}
}

func TestJSON(t *testing.T) {
	text := written(t, func(b *strings.Builder) error { return report.JSON(b, sample()) })
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3", len(lines))
	}
	var row struct {
		ID, Verdict, Message string
		Took                 int64 `json:"took_ns"`
	}
	if err := json.Unmarshal([]byte(lines[1]), &row); err != nil {
		t.Fatal(err)
	}
	if row.ID != "b-fail" || row.Verdict != "failed" || row.Message != sample()[1].Message || row.Took != 1_500_000_000 {
		t.Errorf("row is %+v", row)
	}
}

func TestJUnit(t *testing.T) {
	text := written(t, func(b *strings.Builder) error { return report.JUnit(b, sample()) })
	var suite struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Class   string `xml:"classname,attr"`
			Failure string `xml:"failure"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal([]byte(text), &suite); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	if suite.Tests != 3 || suite.Failures != 1 || suite.Skipped != 1 || suite.Time != "4.500" || len(suite.Cases) != 3 {
		t.Errorf("suite is %+v", suite)
	}
	if c := suite.Cases[1]; c.Name != "b-fail" || c.Class != "object.first_feature" || c.Failure != sample()[1].Message {
		t.Errorf("case is %+v", c)
	}
}

func TestHTML(t *testing.T) {
	text := written(t, func(b *strings.Builder) error { return report.HTML(b, "http://a.example/<auth>", sample()) })
	holds(t, text, "Conformance of http://a.example/&lt;auth&gt;", "1 passed", "wants &lt;b-fail&gt;", "got &lt;404&gt; &amp; &#34;more&#34;", "/info has no c", "4.5s")
	if strings.Count(text, "<details open>") != 1 {
		t.Errorf("features with failures should stand open, and no others:\n%s", text)
	}
	for _, outside := range []string{"<script", "<link", "src=", "url("} {
		if strings.Contains(text, outside) {
			t.Errorf("the page needs more than itself: %s", outside)
		}
	}
}
