package check_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/host"
	"apus/sim/check"
	"apus/sim/model"
	"apus/sim/workload"
	"apus/sim/workload/toyswift"
)

// play runs a drawn workload against a toy with a bug and returns the history.
func play(t *testing.T, seed uint64, cfg workload.Config, toy *toyswift.Swift) *model.History {
	t.Helper()
	script, err := workload.Draw(seed, rand.New(rand.NewPCG(seed, 0)), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var h *model.History
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(26 * 365 * 24 * time.Hour)
		toy.Ahead = 26 * 365 * 24 * time.Hour // ten digits of seconds
		network := &toyswift.Net{}
		l, err := network.Listen("10.0.0.1:8080")
		if err != nil {
			t.Fatal(err)
		}
		n := atomic.Int64{}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Duration(n.Add(1)%11) * time.Millisecond)
			toy.ServeHTTP(w, r)
		})}
		done := make(chan error)
		go func() { done <- srv.Serve(l) }()
		h, err = workload.Run(t.Context(), script, workload.World{
			Net: func(int) host.Net { return network }, Proxies: []string{"10.0.0.1:8080"},
			User: "test:tester", Key: "testing", Start: time.Now(),
		})
		if err != nil {
			t.Error(err)
		}
		h.Facts = model.Facts{Epoch: start, FaultFree: true, Copies: 2, Settle: time.Second}
		if err := srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-done
	})
	return h
}

func judge(t *testing.T, h *model.History) []check.Violation {
	t.Helper()
	report, _, err := check.Judge(t.Context(), h, check.Options{
		Within: 30 * time.Second, Strict: true, Fresh: 2 * time.Second, Limits: check.DefaultLimits(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Undecided() > 0 {
		t.Errorf("undecided:\n%s", report)
	}
	return report.Violations()
}

func TestRightClusterIsAcquitted(t *testing.T) {
	for seed := range uint64(12) {
		for name, cfg := range map[string]workload.Config{"mix": workload.DefaultConfig(), "register": workload.RegisterConfig()} {
			h := play(t, seed, cfg, toyswift.New("", 0))
			for _, v := range judge(t, h) {
				t.Errorf("%s, seed %d: %s", name, seed, v)
			}
		}
	}
}

func TestEveryBugIsFound(t *testing.T) {
	for bug, want := range map[toyswift.Bug]string{
		toyswift.TornBody:     "integrity/torn",
		toyswift.ShortBody:    "integrity/short",
		toyswift.WrongOffset:  "integrity/torn",
		toyswift.LosePut:      "linearizable/order no-lie/absent newest/stale",
		toyswift.StaleRead:    "linearizable/order newest/stale",
		toyswift.KeepShort:    "integrity/rejected",
		toyswift.IgnoreEtag:   "no-lie/accepted-etag",
		toyswift.Ignore304:    "no-lie/condition",
		toyswift.Always412:    "no-lie/condition",
		toyswift.Always416:    "no-lie/range",
		toyswift.SwapEtag:     "integrity/etag",
		toyswift.GhostRow:     "listing/ghost",
		toyswift.UnsortedRows: "listing/order",
		toyswift.DropRow:      "listing/stale",
		toyswift.Error503:     "liveness/error",
		toyswift.KeepDeleted:  "linearizable/order newest/stale",
		toyswift.OldMeta:      "integrity/metadata",
	} {
		t.Run(string(bug), func(t *testing.T) {
			missing := strings.Fields(want)
			for seed := uint64(0); len(missing) > 0 && seed < 30; seed++ {
				for _, v := range judge(t, play(t, seed, workload.DefaultConfig(), toyswift.New(bug, 2))) {
					missing = remove(missing, v.Property+"/"+v.Kind)
				}
			}
			if len(missing) > 0 {
				t.Errorf("not found: %v", missing)
			}
		})
	}
}

func remove(list []string, s string) []string {
	var out []string
	for _, x := range list {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}
