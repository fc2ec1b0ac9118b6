package shrink

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"apus/faults/plan"
	"apus/sim/model"
	"apus/sim/workload"

	"pgregory.net/rapid"
)

func sample(t *testing.T) Case {
	t.Helper()
	script, err := workload.Draw(1, rand.New(rand.NewPCG(1, 1)), workload.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Parse("at 1s for 8s kill node1\nat 2s for 5s disk-full node2/d1\nat 3s for 4s pause node3\nat 4s partition node1 <-> node2")
	if err != nil {
		t.Fatal(err)
	}
	return Case{1, p, script}
}

// needs fails when the disk is full for a second while client 2 does a DELETE
// and client 4 puts something of 100 bytes.
func needs(_ context.Context, c Case) (bool, error) {
	full := slices.ContainsFunc(c.Plan, func(e plan.Event) bool { return e.Kind == "disk-full" && e.For >= time.Second })
	has := func(client int, ok func(workload.Step) bool) bool {
		return slices.ContainsFunc(c.Script.Clients[client], ok)
	}
	return full && has(2, func(s workload.Step) bool { return s.Kind == model.ObjectDelete }) &&
		has(4, func(s workload.Step) bool { return s.Kind == model.ObjectPut && s.Size >= 100 }), nil
}

func TestMinimise(t *testing.T) {
	got, err := Minimise(t.Context(), sample(t), needs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Size(); s != "1 faults, 2 clients, 2 steps" || !got.Complete {
		t.Errorf("%s, complete %t after %d runs", s, got.Complete, got.Runs)
	}
	if f := got.Plan[0]; f.At != 0 || f.For >= 2*time.Second {
		t.Errorf("the fault begins at %v and lasts %v", f.At, f.For)
	}
	if st := got.Script.Clients[4][0]; st.Size >= 200 || st.Chunked || st.Expect || st.Cond != "" {
		t.Errorf("the PUT is not plain: %+v", st)
	}
	if st := got.Script.Clients[2][0]; st.N == 0 {
		t.Error("the step was renumbered")
	}
	if ok, _ := needs(t.Context(), got.Case); !ok {
		t.Error("the result does not fail")
	}
	if len(got.Script.Setup) == 0 {
		t.Error("the setup is gone")
	}
}

func TestMinimiseStops(t *testing.T) {
	passes := func(context.Context, Case) (bool, error) { return false, nil }
	if _, err := Minimise(t.Context(), sample(t), passes, Options{}); !errors.Is(err, ErrPasses) {
		t.Errorf("a case that passes: %v", err)
	}
	got, err := Minimise(t.Context(), sample(t), needs, Options{Runs: 7})
	if err != nil || got.Runs != 7 || got.Complete {
		t.Errorf("7 runs: %d, complete %t, %v", got.Runs, got.Complete, err)
	}
	broken := errors.New("worker died")
	n := 0
	got, err = Minimise(t.Context(), sample(t), func(ctx context.Context, c Case) (bool, error) {
		if n++; n == 5 {
			return false, broken
		}
		return needs(ctx, c)
	}, Options{})
	if !errors.Is(err, broken) || got.Script == nil {
		t.Errorf("error is %v", err)
	}
	if ok, _ := needs(t.Context(), got.Case); !ok {
		t.Error("the best so far does not fail")
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	_, err = Minimise(ctx, sample(t), func(ctx context.Context, c Case) (bool, error) {
		if n++; n == 5 {
			cancel()
		}
		return needs(ctx, c)
	}, Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestDdminFindsTheNeedles(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(0, 60).Draw(rt, "size")
		needles := rapid.SliceOfNDistinct(rapid.IntRange(0, 59), 0, 5, rapid.ID[int]).Draw(rt, "needles")
		needles = slices.DeleteFunc(needles, func(n int) bool { return n >= size })
		var items []int
		for i := range size {
			items = append(items, i)
		}
		got := ddmin(items, func(xs []int) bool {
			for _, n := range needles {
				if !slices.Contains(xs, n) {
					return false
				}
			}
			return true
		})
		slices.Sort(needles)
		if !slices.Equal(got, needles) {
			rt.Fatalf("%v instead of %v", got, needles)
		}
	})
}
