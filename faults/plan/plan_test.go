package plan

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       Plan
	}{
		{"nothing", "", nil},
		{"comments and blanks", "# all\n\n   # more\r\n", nil},
		{"partition", "at 12.5s for 3s partition node2 <-> node3", Plan{
			{At: 12500 * time.Millisecond, For: 3 * time.Second, Kind: "partition", Target: "node2", Peer: "node3", Way: Both}}},
		{"arguments", "at 20s for 10s disk-eio node1/d2 op=read p=0.3 # flaky", Plan{
			{At: 20 * time.Second, For: 10 * time.Second, Kind: "disk-eio", Target: "node1/d2", Args: map[string]string{"op": "read", "p": "0.3"}}}},
		{"for at the end", "at 30s kill node3/object for 5s", Plan{
			{At: 30 * time.Second, For: 5 * time.Second, Kind: "kill", Target: "node3/object"}}},
		{"one way", "at 1s partition a <- b", Plan{{At: time.Second, Kind: "partition", Target: "a", Peer: "b", Way: In}}},
		{"quoted", `at 1s disk-eio n/d path="a b # \"c\"" x=""`, Plan{
			{At: time.Second, Kind: "disk-eio", Target: "n/d", Args: map[string]string{"path": `a b # "c"`, "x": ""}}}},
		{"hash within a word", "at 1s kill n#1", Plan{{At: time.Second, Kind: "kill", Target: "n#1"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Parse(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct{ name, text, line, value, remedy string }{
		{"no at", "12s kill n", "line 1", `"12s"`, "at 12.5s kind target"},
		{"bad time", "\nat soon kill n", "line 2", `"soon"`, "12.5s"},
		{"negative time", "at -1s kill n", "line 1", `"-1s"`, "12.5s"},
		{"only a time", "at 1s", "line 1", "kind", "at 12.5s kind target"},
		{"no target", "at 1s kill", "line 1", "target", "at 12.5s kind target"},
		{"argument for target", "at 1s kill x=1", "line 1", "x=1", "arguments come last"},
		{"stray word", "at 1s kill n now", "line 1", `"now"`, "name=value"},
		{"no peer", "at 1s partition n ->", "line 1", "peer", "write"},
		{"two peers", "at 1s partition n -> m -> o", "line 1", `"->"`, "one event for each"},
		{"twice", "at 1s k n a=1 a=2", "line 1", `a="2"`, "give it once"},
		{"two fors", "at 1s for 1s k n for 2s", "line 1", `"for"`, "give it once"},
		{"for nothing", "at 1s k n for 0s", "line 1", "0s", "positive duration"},
		{"for at the very end", "at 1s k n for", "line 1", `"for"`, "12.5s"},
		{"open quote", `at 1s k n a="b`, "line 1", `"b`, "end the value"},
		{"glued quote", `at 1s k n a="b"c`, "line 1", `"c"`, "space"},
		{"bad kind", "at 1s k/x n", "line 1", `"k/x"`, "letters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse(tc.text)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range []string{tc.line, tc.value, tc.remedy} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
	if _, err := Parse("at x k n\nat 1s\nat 2s k n"); strings.Count(err.Error(), "line") < 2 {
		t.Errorf("not every wrong line is named: %v", err)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Gen(AnyEvent()).Draw(t, "plan")
		got, err := Parse(p.String())
		if err != nil {
			t.Fatalf("%v in\n%s", err, p)
		}
		if d := cmp.Diff(p, got); d != "" {
			t.Fatalf("%s\n%s", p, d)
		}
		if got.String() != p.String() {
			t.Fatalf("%s is not canonical: %s", p, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("at 12.5s for 3s partition node2 <-> node3")
	f.Add(`at 1s disk-eio n/d path="a b" x=`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		q, err := Parse(p.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", text, p, err)
		}
		if !cmp.Equal(p, q) {
			t.Fatalf("%q: %s", text, cmp.Diff(p, q))
		}
	})
}

// recorder is a Driver that notes when it was asked for what.
type recorder struct {
	Counter
	start time.Time
	log   []string
	fail  string // kind whose Apply fails
	lame  string // kind that never fires
}

func (r *recorder) note(what string, e Event) {
	r.log = append(r.log, time.Since(r.start).String()+" "+what+" "+e.Kind)
}

func (r *recorder) Apply(_ context.Context, e Event) (func(context.Context) error, error) {
	r.note("do", e)
	if e.Kind == r.fail {
		return nil, errors.New("cannot")
	}
	if e.Kind != r.lame {
		r.Hit(e)
	}
	if e.Kind == "once" {
		return nil, nil
	}
	return func(ctx context.Context) error {
		r.note("undo", e)
		return ctx.Err()
	}, nil
}

const runPlan = `
at 2s for 3s a n
at 1s b n
at 5s for 1s c n
at 3s once n
`

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := Parse(runPlan)
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{start: time.Now(), lame: "c"}
		steps := 0
		if err := Run(t.Context(), p, r, func(Step) { steps++ }); err != nil {
			t.Fatal(err)
		}
		want := []string{"1s do b", "2s do a", "3s do once", "5s undo a", "5s do c", "6s undo c", "6s undo b"}
		if d := cmp.Diff(want, r.log); d != "" {
			t.Error(d)
		}
		if steps != len(want) {
			t.Errorf("%d steps were logged, not %d", steps, len(want))
		}
		if un := Unfired(p, r.Fired()); len(un) != 1 || un[0].Kind != "c" {
			t.Errorf("unfired: %v", un)
		}
		if k := ByKind(p, r.Fired()); !maps.Equal(k, map[string]int{"a": 1, "b": 1, "once": 1}) {
			t.Errorf("by kind: %v", k)
		}
	})
}

func TestRunGoesOnAfterAnErrorAndUndoesWhenCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := Parse("at 1s bad n\nat 2s a n\nat 9s never n")
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{start: time.Now(), fail: "bad"}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		err = Run(ctx, p, r, nil)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "cannot") {
			t.Errorf("error %v tells not both", err)
		}
		if d := cmp.Diff([]string{"1s do bad", "2s do a", "4s undo a"}, r.log); d != "" {
			t.Error(d)
		}
	})
}

func TestUnfiredNeedsOneEffectForEachEvent(t *testing.T) {
	p, err := Parse("at 1s a n\nat 1s a n")
	if err != nil {
		t.Fatal(err)
	}
	if un := Unfired(p, map[string]int{"at 1s a n": 1}); len(un) != 1 {
		t.Errorf("unfired: %v", un)
	}
}
