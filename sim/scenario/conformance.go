package scenario

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing/synctest"
	"time"

	"apus/conformance/api"
	"apus/conformance/target"
	"apus/impl/tools/layout"
	"apus/impl/web"
	"apus/sim/cluster"
	"apus/sim/engine"
)

// caseLimit is how long one request of a case may take, in virtual time.
const caseLimit = time.Minute

// Conformance runs the black-box cases that judge any Swift against the
// simulated one, without faults. What no case holds on to must be given back
// afterwards.
//
// Options: match (a glob over case IDs; default all).
func Conformance(ctx context.Context, w *engine.World) (*engine.Report, error) {
	bodies, untrack := web.TrackBodies()
	defer untrack()
	// Updaters work on their own account; what they hold is no leak.
	c, err := cluster.New(w, cluster.Config{Tune: managed, UpdaterInterval: 24 * time.Hour})
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	time.Sleep(2 * leakLimit)
	synctest.Wait()
	floor := goroutines()
	r := &engine.Report{}
	t := conformanceTarget(c)
	results, err := api.Run(ctx, t, api.Options{Match: w.Options["match"], Name: "sim", Done: func(res api.Result) {
		r.Requests++
		w.Trace("conformance", res.ID, string(res.Verdict), res.Took)
	}})
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	t.Client.CloseIdleConnections()
	judgeCases(r, results)
	time.Sleep(leakLimit)
	synctest.Wait()
	r.Checks += 4
	r.Violations = append(r.Violations, leaks(c, bodies, floor, "the last case")...)
	r.Artifacts = c.Logs()
	if err := c.Stop(); err != nil {
		r.Violations = append(r.Violations, engine.Violation{Check: "drain", Message: err.Error()})
	}
	return r, nil
}

// managed is tune for a cluster in which administrators make accounts.
func managed(l *layout.Cluster) {
	tune(l)
	l.Proxy = append(l.Proxy, "allow_account_management = true")
}

// conformanceTarget is the first proxy as the first client machine sees it.
func conformanceTarget(c *cluster.Cluster) *target.Target {
	n := c.Client(0)
	return &target.Target{
		AuthURL:  "http://" + c.ProxyAddrs()[0] + "/auth/v1.0",
		Owner:    target.User{Name: cluster.AuthUser, Key: cluster.AuthKey},
		Stranger: testUser("test2", "tester2"), Guest: testUser("test", "tester3"), Admin: testUser("admin", "admin"),
		StorageDomain: layout.StorageDomain,
		Dial:          n.Dial,
		Client: &http.Client{
			Timeout:       caseLimit,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext:        func(ctx context.Context, _, addr string) (net.Conn, error) { return n.Dial(ctx, addr) },
				DisableCompression: true, MaxIdleConnsPerHost: 16,
			},
		},
	}
}

// testUser is one of the users that every cluster has.
func testUser(account, name string) target.User {
	for _, u := range layout.TestUsers() {
		if u.Account == account && u.Name == name {
			return target.User{Name: u.Account + ":" + u.Name, Key: u.Key}
		}
	}
	panic("the layout has no user " + account + ":" + name)
}

// lacking is what the simulated cluster does without, by the words with which
// cases are skipped: filters that are there and told to leave requests alone.
func lacking(message string) bool {
	switch message {
	case "/info has no read_only", "/info forbids no characters", "/info has another expression than the usual one",
		"/info says account_ratelimit is 0", "/info has one storage policy":
		return true
	}
	return false
}

// judgeCases makes each case that failed a violation. A case that is skipped
// says that the simulated cluster lacks what it judges, which is one too,
// unless that is meant so.
func judgeCases(r *engine.Report, results []api.Result) {
	for _, res := range results {
		r.Checks++
		if res.Verdict != api.Passed && !(res.Verdict == api.Skipped && lacking(res.Message)) {
			r.Violations = append(r.Violations, engine.Violation{
				Check: "conformance", Message: fmt.Sprintf("%s (%s): %s", res.ID, res.Verdict, firstLine(res.Message)),
				Detail: "wanted: " + res.Case.Want + "\n" + res.Message,
			})
		}
	}
}

// firstLine is what of a message fits a list.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
