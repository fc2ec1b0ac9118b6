package catalog

import (
	"strings"
	"testing"
	"time"

	"apus/faults/plan"
)

func TestEveryKindIsDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if seen[k.Name] {
			t.Errorf("%s is listed twice", k.Name)
		}
		seen[k.Name] = true
		if len(k.Doc) < 20 || !strings.HasSuffix(k.Doc, ".") || k.Target == 0 {
			t.Errorf("%s is not fully described", k.Name)
		}
		for _, a := range k.Args {
			if a.Doc == "" || a.Required && a.Default != "" {
				t.Errorf("%s: argument %s is not fully described", k.Name, a.Name)
			}
			if a.Default != "" && a.check(a.Default) != nil {
				t.Errorf("%s: the default of %s is wrong: %v", k.Name, a.Name, a.check(a.Default))
			}
		}
	}
	for _, name := range strings.Fields("kill restart power-cut pause partition net-latency net-bandwidth net-refuse net-blackhole " +
		"net-reset disk-eio disk-full disk-slow disk-stall disk-unmount disk-readonly clock-skew clock-step") {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestPrint(t *testing.T) {
	var b strings.Builder
	if err := Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds() {
		if !strings.Contains(b.String(), k.Name+"\n    "+k.Doc) {
			t.Errorf("%s is not printed", k.Name)
		}
		for _, a := range k.Args {
			if !strings.Contains(b.String(), a.Name+"=  "+a.Doc) {
				t.Errorf("argument %s of %s is not printed", a.Name, k.Name)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct{ name, line, complaint string }{
		{"good kill", "at 1s for 2s kill node1/object", ""},
		{"good partition", "at 1s partition node1 -> node2", ""},
		{"good eio", "at 1s disk-eio node1/d1 op=fsync p=0.5 path=objects/*", ""},
		{"good skew", "at 1s clock-skew node1 by=-30s", ""},
		{"good latency without peer", "at 1s net-latency node1 delay=1s", ""},
		{"unknown kind", "at 1s meteor node1", "the kinds are kill, restart"},
		{"device for process", "at 1s kill node1/d1", "aimed at node or node/process"},
		{"process for device", "at 1s disk-full node1/object", "aimed at node/device"},
		{"machine for device", "at 1s disk-full node1", "aimed at node/device"},
		{"no peer", "at 1s partition node1", "<-> node2"},
		{"needless peer", "at 1s kill node1 -> node2", "leave the arrow out"},
		{"own peer", "at 1s partition node1 -> node1", "name another machine"},
		{"endless pause", "at 1s pause node1", `add "for 5s"`},
		{"lasting step", "at 1s for 1s clock-step node1 by=1s", `leave "for" out`},
		{"missing argument", "at 1s clock-step node1", "needs the argument by"},
		{"unknown argument", "at 1s disk-eio node1/d1 prob=1", "it has op, p, path"},
		{"out of range", "at 1s disk-eio node1/d1 p=1.5", "p=1.5 is not a probability from 0 to 1"},
		{"not a number", "at 1s disk-eio node1/d1 p=NaN", "p=NaN is not a probability"},
		{"not a choice", "at 1s power-cut node1 mode=soft", "one of drop, keep, random"},
		{"not a duration", "at 1s net-latency node1 delay=5", "delay=5 is not a duration from 0s to 10s"},
		{"not bytes", "at 1s net-reset node1 after=1k", "after=1k is not a number of bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := plan.Parse(tc.line)
			if err != nil {
				t.Fatal(err)
			}
			err = p.Validate(Vocabulary{})
			if tc.complaint == "" && err != nil {
				t.Error(err)
			}
			if tc.complaint != "" && (err == nil || !strings.Contains(err.Error(), tc.complaint)) {
				t.Errorf("error is %v, not %q", err, tc.complaint)
			}
		})
	}
}

func TestArgs(t *testing.T) {
	a := ArgsOf(plan.Event{Kind: "net-latency", Args: map[string]string{"delay": "3s"}})
	if a.Duration("delay") != 3*time.Second || a.Duration("jitter") != 10*time.Millisecond {
		t.Error("durations are wrong")
	}
	e := ArgsOf(plan.Event{Kind: "disk-eio", Args: map[string]string{"p": "0.25"}})
	if e.Float("p") != 0.25 || e.Text("op") != "any" || e.Text("path") != "" {
		t.Error("arguments of disk-eio are wrong")
	}
	if ArgsOf(plan.Event{Kind: "net-reset"}).Int("after") != 32768 {
		t.Error("default of after is wrong")
	}
	defer func() {
		if recover() == nil {
			t.Error("a wrong name did not panic")
		}
	}()
	e.Int("nope")
}
