package trace

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"apus/faults/plan"
	"apus/sim/check"
	"apus/sim/model"
)

// sample is a run in which an acknowledged object was not found.
func sample(t *testing.T) Input {
	t.Helper()
	p, err := plan.Parse("at 2s for 3s partition node1 <-> proxy1\nat 4s disk-rot node2/d1")
	if err != nil {
		t.Fatal(err)
	}
	v := model.NewValue(7, 100)
	h := &model.History{Values: map[model.ValueID]model.Value{7: v}, Facts: model.Facts{FaultFree: true}}
	add := func(client int, kind model.Kind, from, to time.Duration, status int) *model.Op {
		o := &model.Op{Client: client, Kind: kind, Account: "a", Container: "c", Object: "<script>alert(1)</script>", Start: from, End: to}
		o.Resp.Status, o.Resp.Header = status, http.Header{}
		o.Req.Newest = true
		o.Outcome = model.OutcomeOf(o, 1)
		h.Ops = append(h.Ops, o)
		return o
	}
	put := add(0, model.ObjectPut, time.Second, 2*time.Second, 201)
	put.Req.Value = 7
	put.Resp.Header.Set("Etag", v.ETag)
	add(1, model.ObjectGet, 3*time.Second, 4*time.Second, 404)
	add(0, model.ObjectPut, 3*time.Second, 6*time.Second, 0).Req.Value = 8
	h.Sort()
	verdict, pictures := check.Linearizable(h, check.DefaultLimits())
	if len(pictures) != 1 {
		t.Fatalf("%+v", verdict)
	}
	return Input{
		Title: "scenario mix, seed 42", Replay: "apus-sim replay 42", Lanes: []string{"proxy1", "node1"}, Plan: p,
		Fired: map[string]int{p[0].String(): 3}, History: h, Violations: append(verdict.Violations, check.NoLie(h)...), Pictures: pictures,
		Events: []Event{{At: time.Second, For: time.Second, Lane: "node1", Kind: "boot", Text: "incarnation 1"}},
	}
}

func TestHTML(t *testing.T) {
	in := sample(t)
	var b bytes.Buffer
	if err := HTML(&b, in); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"apus-sim replay 42", "partition node1", "fired 3 times", "fired 0 times", "client 1", "node2", "incarnation 1",
		"linearizable/order", "no-lie/absent", "srcdoc",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "http://") && strings.Contains(page, "<script src") {
		t.Error("the page is not safe or not self-contained")
	}
	if name := os.Getenv("TRACE_OUT"); name != "" {
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHTMLOfNothing(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, Input{Title: "empty"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "no violations") {
		t.Error("an empty run is not shown")
	}
}

func TestChrome(t *testing.T) {
	var b bytes.Buffer
	if err := Chrome(&b, sample(t)); err != nil {
		t.Fatal(err)
	}
	var got struct{ TraceEvents []chromeEvent }
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	lanes := map[string]bool{}
	for _, e := range got.TraceEvents {
		count[e.Ph+" "+e.Cat]++
		if e.Name == "thread_name" {
			lanes[e.Args["name"].(string)] = true
		}
	}
	if count["X fault"] != 2 || count["i fault"] != 1 || count["X event"] != 1 || count["X ok"] != 2 || count["X unknown"] != 1 || count["i violation"] != 2 {
		t.Errorf("events: %v", count)
	}
	for _, name := range []string{"proxy1", "node1", "node2", "client 0", "client 1", "violations"} {
		if !lanes[name] {
			t.Errorf("no lane %q", name)
		}
	}
}
