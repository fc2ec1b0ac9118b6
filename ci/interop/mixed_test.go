package interop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"apus/ci/interop/peer"
	"apus/conformance/api"
	"apus/conformance/report"
	"apus/conformance/target"
	"apus/impl/tools/layout"
)

// TestMixedClusters runs the conformance cases through each proxy of clusters
// whose servers are of both makes. The cluster that is all theirs is the
// control: what fails there is a wrong case, or one that must say since when
// Swift does what it wants. Nodes of both makes together are judged by every
// case; the other clusters by one case of each feature, resource and verb.
func TestMixedClusters(t *testing.T) {
	ours, theirs := peer.Ours, peer.Theirs
	for _, c := range []struct {
		name             string
		storage, proxies []peer.Make
		match            string
	}{
		{"control", []peer.Make{theirs, theirs, theirs, theirs}, []peer.Make{theirs}, sample()},
		{"their proxy, our storage", []peer.Make{ours, ours, ours, ours}, []peer.Make{theirs}, sample()},
		{"our proxy, their storage", []peer.Make{theirs, theirs, theirs, theirs}, []peer.Make{ours}, sample()},
		{"both storages, both proxies", []peer.Make{ours, theirs, ours, theirs}, []peer.Make{ours, theirs}, ""},
	} {
		t.Run(c.name, func(t *testing.T) { mixed(t, c.storage, c.proxies, c.match) })
	}
}

// sample are globs that pick the first case of each feature, resource and
// verb.
func sample() string {
	type kind struct{ feature, resource, verb string }
	seen := map[kind]bool{}
	var ids []string
	for _, c := range api.Cases() {
		if k := (kind{c.Feature, c.Resource, c.Verb}); !seen[k] {
			seen[k] = true
			ids = append(ids, c.ID)
		}
	}
	return strings.Join(ids, ",")
}

func mixed(t *testing.T, storage, proxies []peer.Make, match string) {
	b, dir := need(t)
	c, err := peer.Up(t.Context(), b, ports(), peer.Plan{Dir: dir, Storage: storage, Proxies: proxies, Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Down()
		if t.Failed() {
			t.Log(c.Logs())
		}
	})
	var wait sync.WaitGroup // each proxy is a process of one core
	for i, auth := range c.Auth {
		wait.Go(func() { conform(t, proxies[i], auth, match) })
	}
	wait.Wait()
}

const (
	caseJobs         = 6                // cases at once through one proxy
	conformanceLimit = 15 * time.Minute // of the cases through one proxy
)

// conform judges the proxy of a make by the cases that match, for every user
// that a case may ask for.
func conform(t *testing.T, m peer.Make, auth, match string) {
	ctx, cancel := context.WithTimeout(t.Context(), conformanceLimit)
	defer cancel()
	started := time.Now()
	results, err := api.Run(ctx, &target.Target{
		AuthURL: auth, Client: target.NewClient(), Dial: target.Dial, StorageDomain: layout.StorageDomain,
		Owner:    target.User{Name: "test:tester", Key: "testing"},
		Stranger: target.User{Name: "test2:tester2", Key: "testing2"},
		Guest:    target.User{Name: "test:tester3", Key: "testing3"},
		Admin:    target.User{Name: "admin:admin", Key: "admin"},
	}, api.Options{Match: match, Jobs: caseJobs})
	if err != nil {
		t.Errorf("conformance through the proxy of %s: %v", m, err)
		return
	}
	var table strings.Builder
	if err := report.Table(&table, results); err != nil {
		t.Error(err)
	}
	t.Logf("through the proxy of %s, %d of %d cases in %.0f s:\n%s%s",
		m, len(results), len(api.Cases()), time.Since(started).Seconds(), table.String(), skipped(results))
	for _, r := range results {
		if r.Verdict == api.Failed {
			t.Errorf("through the proxy of %s: %s failed", m, r.ID)
		}
		if r.Verdict == api.Skipped && !lacking(r.Message) {
			t.Errorf("through the proxy of %s: %s was skipped: %s", m, r.ID, r.Message)
		}
	}
}

// lacking is what these clusters do without, by the words with which cases are
// skipped: what came after the distribution's Swift, and what the configuration
// that both makes share leaves out.
func lacking(message string) bool {
	if strings.HasPrefix(message, "the endpoint says that it is Swift "+peer.Version+", ") {
		return true
	}
	return slices.Contains([]string{
		"/info does not say that swift.allow_account_management is true",
		"/info does not say that swift.allow_open_expired is true",
		"/info does not say that slo.allow_async_delete is true",
		"/info forbids no characters", "/info has another expression than the usual one",
		"/info has one storage policy", "/info has no read_only", "/info says account_ratelimit is 0",
	}, message)
}

// skipped counts why cases were skipped.
func skipped(results []api.Result) string {
	count := map[string]int{}
	for _, r := range results {
		if r.Verdict == api.Skipped {
			count[r.Message]++
		}
	}
	var lines []string
	for why, n := range count {
		lines = append(lines, fmt.Sprintf("%4d skipped: %s\n", n, why))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
