package budget

import (
	"strings"
	"testing"
	"time"

	"apus/faults/plan"

	"github.com/google/go-cmp/cmp"
)

func topology() Topology {
	procs := []string{"account", "container", "object"}
	return Topology{
		{Name: "node1", Zone: 1, Devices: []string{"d1", "d2"}, Processes: procs},
		{Name: "node2", Zone: 2, Devices: []string{"d1"}, Processes: procs},
		{Name: "node3", Zone: 3, Devices: []string{"d1"}, Processes: procs},
		{Name: "node1b", Zone: 1, Devices: []string{"d1"}, Processes: procs},
		{Name: "proxy1", Processes: []string{"proxy"}},
		{Name: "proxy2", Processes: []string{"proxy"}},
		{Name: "client1", Client: true},
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct{ name, text, complaint string }{
		{"one after the other", "at 1s for 2s kill node1/object\nat 20s for 2s kill node2/object", ""},
		{"same zone at once", "at 1s for 9s disk-full node1/d1\nat 2s for 9s kill node1b", ""},
		{"slow clients", "at 1s net-bandwidth client1\nat 1s for 2s kill node1", ""},
		{"cut client from proxy", "at 1s partition client1 <-> proxy1\nat 2s for 1s kill proxy2", ""},
		{"two zones", "at 1s for 2s kill node1\nat 2s for 2s kill node2", "rules 1 to 3"},
		{"too soon", "at 1s for 2s kill node1\nat 12s for 2s kill node2", "less than 10s from zone 1"},
		{"endless", "at 1s disk-full node1/d1\nat 1h for 2s kill node2", "rules 1 to 3"},
		{"rot and another zone", "at 1s disk-rot node1/d1\nat 1h for 1s pause node2", "rules 1 to 3"},
		{"rot in two zones", "at 1s disk-rot node1/d1\nat 1h disk-rot node2/d1", "rules 1 to 3"},
		{"rot twice in one", "at 1s disk-rot node1/d1\nat 1h disk-rot node1/d2", ""},
		{"instant restarts", "at 1s restart node1\nat 12s restart node2", ""},
		{"path to storage", "at 1s for 5s partition proxy1 <-> node1\nat 3s for 5s partition proxy1 <-> node2", "rules 1 to 3"},
		{"path between storage nodes", "at 1s for 5s partition node2 <-> node3\nat 3s for 1s disk-slow node2/d1", ""},
		{"two proxies", "at 1s for 5s kill proxy1\nat 3s for 5s net-refuse proxy2", "rule 4"},
		{"skew", "at 1s for 1s clock-skew proxy1 by=40s\nat 3s clock-step proxy1 by=-30s", "rule 5"},
		{"skew of storage", "at 1s for 1s clock-skew node1 by=1h", ""},
		{"killed and slow", "at 1s for 5s kill node1\nat 3s for 5s disk-slow node1/d1", "rule 6"},
		{"cut from the dead", "at 1s for 5s pause node1\nat 3s for 5s partition proxy1 -> node1", "rule 6"},
		{"twice", "at 1s for 5s disk-slow node1/d1\nat 3s for 5s disk-slow node1/d1", "rule 6"},
		{"unknown node", "at 1s kill node9", `no "node9"`},
		{"unknown device", "at 1s disk-full node1/d9", `no "node1/d9"`},
		{"unknown peer", "at 1s partition node1 -> node9", `no "node9"`},
		{"unknown kind", "at 1s meteor node1", "no fault of kind"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := plan.Parse(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(Check(p, topology(), DefaultRules()), "\n")
			if tc.complaint == "" && got != "" {
				t.Errorf("refused: %s", got)
			}
			if !strings.Contains(got, tc.complaint) {
				t.Errorf("complaint is %q, not %q", got, tc.complaint)
			}
		})
	}
}

func TestLoneProxy(t *testing.T) {
	p, err := plan.Parse("at 1s for 5s kill proxy1")
	if err != nil {
		t.Fatal(err)
	}
	top := append(topology()[:3:3], Node{Name: "proxy1", Processes: []string{"proxy"}})
	r := DefaultRules()
	if got := Check(p, top, r); len(got) != 1 || !strings.Contains(got[0], "rule 4") {
		t.Errorf("the only proxy may be killed: %v", got)
	}
	r.LoneProxy = true
	if got := Check(p, top, r); got != nil {
		t.Errorf("the only proxy may not be killed: %v", got)
	}
}

func TestFacts(t *testing.T) {
	p, err := plan.Parse("at 9s kill proxy2\nat 1s for 5s partition proxy1 <-> node2\nat 2s disk-rot node1/d1\n" +
		"at 3s disk-rot node1/d1\nat 3s clock-step proxy1 by=-2s\nat 4s clock-step proxy1 by=1s\nat 4s clock-step node1 by=1m")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range topology().Impairments(p) {
		got = append(got, i.Node+" "+i.From.String()+" "+i.To.String())
	}
	if d := cmp.Diff([]string{"node2 1s 6s", "node1 2s 9s", "node1 3s 9s", "proxy2 9s 9s"}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"node1/d1"}, Destroyed(p)); d != "" {
		t.Error(d)
	}
	if s := topology().Skew(p); s != 3*time.Second {
		t.Errorf("skew is %v", s)
	}
}
