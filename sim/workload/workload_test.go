package workload_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/host"
	"apus/sim/model"
	"apus/sim/workload"
	"apus/sim/workload/toyswift"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func draw(t *testing.T, seed uint64, cfg workload.Config) *workload.Script {
	t.Helper()
	s, err := workload.Draw(seed, rand.New(rand.NewPCG(seed, 0)), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// play runs a script against a toy in the current bubble.
func play(t *testing.T, s *workload.Script, handler http.Handler) *model.History {
	t.Helper()
	network := &toyswift.Net{}
	l, err := network.Listen("10.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	n := atomic.Int64{}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(n.Add(1)%13) * 3 * time.Millisecond)
		handler.ServeHTTP(w, r)
	})}
	done := make(chan error)
	go func() { done <- srv.Serve(l) }()
	h, err := workload.Run(t.Context(), s, workload.World{
		Net: func(int) host.Net { return network }, Proxies: []string{"10.0.0.1:8080"},
		User: "test:tester", Key: "testing", Start: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-done
	return h
}

func TestRunCoversEverything(t *testing.T) {
	kinds, statuses, features := map[model.Kind]int{}, map[int]int{}, map[string]int{}
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			h := play(t, draw(t, seed, workload.DefaultConfig()), toyswift.New("", 0))
			for _, o := range h.Ops {
				if o.Outcome == "" || o.End < o.Start {
					t.Fatalf("not closed: %s", o)
				}
				kinds[o.Kind]++
				statuses[o.Resp.Status]++
				count(features, o)
			}
		})
	}
	for kind := range workload.DefaultConfig().Mix {
		if kinds[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
	for _, status := range []int{200, 201, 202, 204, 206, 304, 404, 412, 416, 422} {
		if statuses[status] == 0 {
			t.Errorf("no %d: %v", status, statuses)
		}
	}
	for _, f := range []string{"short upload", "left download", "two ranges", "large", "rows", "impatient", "newest"} {
		if features[f] == 0 {
			t.Errorf("no %s", f)
		}
	}
}

func count(features map[string]int, o *model.Op) {
	for name, is := range map[string]bool{
		"short upload":  o.Req.Short && o.Outcome == model.Failed && o.Resp.Status == 0,
		"left download": o.Resp.Body != nil && o.Resp.Body.Left,
		"two ranges":    o.Resp.Body != nil && len(o.Resp.Body.Spans) > 1,
		"large":         o.Kind == model.ObjectGet && o.Resp.Header.Get("X-Static-Large-Object") != "" && o.Resp.Success(),
		"rows":          len(o.Resp.Rows) > 0,
		"impatient":     o.Resp.Status == 0 && !o.Req.Short,
		"newest":        o.Req.Newest && o.Resp.Success(),
	} {
		if is {
			features[name]++
		}
	}
}

func TestGoodBodiesMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := play(t, draw(t, 3, workload.DefaultConfig()), toyswift.New("", 0))
		compared := 0
		for _, o := range h.Ops {
			if o.Resp.Body == nil {
				continue
			}
			for _, s := range o.Resp.Body.Spans {
				compared++
				if s.Bad >= 0 {
					t.Errorf("%s: %+v", o, s)
				}
			}
		}
		if compared == 0 {
			t.Error("nothing was compared")
		}
	})
}

func TestTornBodyIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := play(t, draw(t, 3, workload.DefaultConfig()), toyswift.New(toyswift.TornBody, 3))
		for _, o := range h.Ops {
			if o.Resp.Body != nil && len(o.Resp.Body.Spans) > 0 && o.Resp.Body.Spans[0].Bad > 0 {
				return
			}
		}
		t.Error("a torn body was not noticed")
	})
}

func TestSameSeedSameScript(t *testing.T) {
	a, b := draw(t, 7, workload.DefaultConfig()), draw(t, 7, workload.DefaultConfig())
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	var text bytes.Buffer
	if err := a.Save(&text); err != nil {
		t.Fatal(err)
	}
	back, err := workload.Load(&text)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, back); d != "" {
		t.Error(d)
	}
}

func TestHistoryReadsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := play(t, draw(t, 5, workload.DefaultConfig()), toyswift.New("", 0))
		var text, again bytes.Buffer
		if err := h.Save(&text); err != nil {
			t.Fatal(err)
		}
		saved := text.String()
		back, err := model.Load(&text)
		if err != nil {
			t.Fatal(err)
		}
		if err := back.Save(&again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(saved, again.String()); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(h.Values, back.Values); d != "" {
			t.Error(d)
		}
	})
}

func TestConfigIsValidated(t *testing.T) {
	if _, err := workload.Draw(1, rand.New(rand.NewPCG(1, 0)), workload.Config{}); err == nil {
		t.Error("an empty configuration is accepted")
	}
	c := workload.DefaultConfig()
	c.Leave = 2
	if _, err := workload.Draw(1, rand.New(rand.NewPCG(1, 0)), c); err == nil {
		t.Error("a share of 2 is accepted")
	}
}

func TestGeneratedScriptsArePlayable(t *testing.T) {
	gen := workload.GenScript()
	rapid.Check(t, func(rt *rapid.T) {
		s := gen.Draw(rt, "script")
		if s.Count() == 0 {
			rt.Fatal("no steps")
		}
	})
}

func TestFullConfigDrawsEverything(t *testing.T) {
	drawn := map[string]int{}
	for seed := range uint64(6) {
		for _, steps := range draw(t, seed, workload.FullConfig()).Clients {
			for _, st := range steps {
				archived := st.Container == workload.StackContainer || st.Container == workload.HistoryContainer
				for what, is := range map[string]bool{
					"an end after a time":          st.Lifetime > 0 && !st.Absolute,
					"an end at a time":             st.Lifetime > 0 && st.Absolute,
					"an end by POST":               st.Lifetime > 0 && st.Kind == model.ObjectPost,
					"an end of a large object":     st.Lifetime > 0 && st.Kind == model.ManifestPut,
					"a read of what has expired":   st.Opened && st.Kind == model.ObjectGet,
					"a POST to what has expired":   st.Opened && st.Kind == model.ObjectPost,
					"a POST where versions are":    st.Container == workload.VersionContainer && st.Kind == model.ObjectPost,
					"a PUT into a stack":           st.Container == workload.StackContainer && st.Kind == model.ObjectPut,
					"a DELETE in a history":        st.Container == workload.HistoryContainer && st.Kind == model.ObjectDelete,
					"the newest listing":           st.Newest && st.Kind == model.ContainerGet,
					"the newest copy of a version": st.Newest && st.Kind == model.VersionGet,
				} {
					if is {
						drawn[what]++
					} else {
						drawn[what] += 0
					}
				}
				if archived && st.Lifetime > 0 {
					t.Errorf("%+v: what is archived must not expire", st)
				}
				if archived && len(st.Object) > 1000 {
					t.Errorf("the name of %d bytes leaves no room for what the archive adds", len(st.Object))
				}
				if st.Opened && st.Signed {
					t.Errorf("%+v: a signature does not open what has expired", st)
				}
			}
		}
	}
	for what, n := range drawn {
		if n == 0 {
			t.Errorf("never %s", what)
		}
	}
}
