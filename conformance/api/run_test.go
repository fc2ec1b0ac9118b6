package api

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"apus/conformance/target"
)

// endpoint is what little of Swift the runner itself needs: authentication,
// /info, and containers that can be made and deleted.
type endpoint struct {
	info    string
	mu      sync.Mutex
	made    map[string]bool
	deleted []string
}

func (s *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/auth/v1.0":
		if r.Header.Get("X-Auth-Key") != "key" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		account, _, _ := strings.Cut(r.Header.Get("X-Auth-User"), ":")
		w.Header().Set("X-Auth-Token", "token-"+account)
		w.Header().Set("X-Storage-Url", "http://"+r.Host+"/v1/AUTH_"+account)
	case r.URL.Path == "/info":
		_, _ = w.Write([]byte(s.info))
	case r.Method == http.MethodPut:
		s.made[r.URL.Path] = true
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodDelete:
		s.deleted = append(s.deleted, r.URL.Path)
		delete(s.made, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Date", "Mon, 01 Jan 2029 00:00:00 GMT")
		w.Header().Set("X-Got-Token", r.Header.Get("X-Auth-Token"))
		_, _ = w.Write([]byte("[]"))
	}
}

func serve(t *testing.T, info string) (*target.Target, *endpoint) {
	t.Helper()
	s := &endpoint{info: info, made: map[string]bool{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	to := &target.Target{AuthURL: h.URL + "/auth/v1.0", Owner: target.User{Name: "own:er", Key: "key"}, Client: target.NewClient(), Dial: target.Dial}
	t.Cleanup(to.Client.CloseIdleConnections)
	return to, s
}

// one runs a single case made of fn.
func one(t *testing.T, to *target.Target, info map[string]any, fn func(*Env)) Result {
	t.Helper()
	if to.Owner.Token == "" {
		if err := to.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return Case{"the-case", "GET", "object", "feature", "wants", fn}.Run(t.Context(), to, info, "run")
}

func TestCasesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.ID] {
			t.Errorf("%s stands twice", c.ID)
		}
		seen[c.ID] = true
		if c.ID == "" || c.Verb == "" || c.Feature == "" || c.Want == "" || c.run == nil || strings.ContainsAny(c.ID, " ,*?[") {
			t.Errorf("%q is incomplete, or its name is a glob: %+v", c.ID, c)
		}
		if !slices.Contains([]string{"endpoint", "account", "container", "object"}, c.Resource) {
			t.Errorf("%s is of the resource %q", c.ID, c.Resource)
		}
	}
}

func TestVerdicts(t *testing.T) {
	to, _ := serve(t, "{}")
	tests := []struct {
		name string
		fn   func(*Env)
		want Verdict
		says string
	}{
		{"passes", func(e *Env) { e.do("GET", "").Status(200) }, Passed, ""},
		{"expectation", func(e *Env) { e.do("GET", "").Status(404) }, Failed, "200 OK"},
		{"failf", func(e *Env) { e.Failf("no %d", 5) }, Failed, "no 5"},
		{"panics", func(*Env) { panic("oops") }, Failed, "the case itself broke: oops"},
		{"feature", func(e *Env) { e.Need("absent") }, Skipped, "/info has no absent"},
		{"setting", func(e *Env) { e.NeedTrue("swift", "x") }, Skipped, "/info does not say that swift.x is true"},
		{"older", func(e *Env) { e.info["swift"] = map[string]any{"version": "2.30.1"}; e.since(34) }, Skipped, "2.34"},
		{"as old", func(e *Env) { e.info["swift"] = map[string]any{"version": "2.34.0"}; e.since(34) }, Passed, ""},
		{"other version", func(e *Env) { e.info["swift"] = map[string]any{"version": "rolling"}; e.since(34) }, Passed, ""},
		{"forbidden name", func(e *Env) {
			e.info["name_check"] = map[string]any{"forbidden_chars": "<>"}
			e.put("c", "a<b", "x")
		}, Skipped, "/info forbids"},
		{"user", func(e *Env) { e.admin() }, Skipped, "--admin-user"},
		{"domain", func(e *Env) { e.info["domain_remap"] = map[string]any{}; e.domain() }, Skipped, "--storage-domain"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := one(t, to, map[string]any{}, test.fn)
			if r.Verdict != test.want || !strings.Contains(r.Message, test.says) {
				t.Errorf("%s %q, want %s %q", r.Verdict, r.Message, test.want, test.says)
			}
		})
	}
}

func TestCleanup(t *testing.T) {
	to, s := serve(t, "{}")
	r := one(t, to, nil, func(e *Env) {
		e.container()
		e.container()
		e.Failf("in the middle")
	})
	if r.Verdict != Failed || len(s.made) != 0 {
		t.Errorf("after a case that failed (%s) stay %v", r.Message, s.made)
	}
	want := []string{"/v1/AUTH_own/conform-run-the-case-2", "/v1/AUTH_own/conform-run-the-case-1"}
	if !slices.Equal(s.deleted, want) {
		t.Errorf("deleted %v, want the last first: %v", s.deleted, want)
	}
}

func TestTokens(t *testing.T) {
	to, _ := serve(t, "{}")
	to.Stranger = target.User{Name: "other:one", Key: "key"}
	r := one(t, to, nil, func(e *Env) {
		e.do("GET", "").Header("X-Got-Token").IsEqual("token-own")
		e.do("GET", "", as(e.stranger())).Header("X-Got-Token").IsEqual("token-other")
		e.do("GET", "", anonymous()).Header("X-Got-Token").IsEmpty()
		e.theirs(e.stranger()).do("GET", "").Header("X-Got-Token").IsEqual("token-other")
	})
	if r.Verdict != Passed {
		t.Error(r.Message)
	}
	if p := to.Stranger.Prefix(); p != "AUTH_" {
		t.Errorf("the reseller's prefix is %q", p)
	}
}

func TestWrongKey(t *testing.T) {
	to, _ := serve(t, "{}")
	to.Guest = target.User{Name: "own:guest", Key: "wrong"}
	if _, err := Run(t.Context(), to, Options{}); err == nil || !strings.Contains(err.Error(), `"own:guest"`) {
		t.Errorf("a wrong key of one user gives %v, want an error that names the user", err)
	}
}

func TestBrokenInfo(t *testing.T) {
	to, _ := serve(t, "no JSON")
	if _, err := Run(t.Context(), to, Options{}); err == nil || !strings.Contains(err.Error(), "not JSON") {
		t.Errorf("an /info that is no JSON gives %v", err)
	}
}

func TestPick(t *testing.T) {
	cases := []Case{{ID: "a-1"}, {ID: "a-2"}, {ID: "b-1"}}
	for globs, want := range map[string]string{"": "a-1 a-2 b-1", "a-*": "a-1 a-2", "a-1,b-*": "a-1 b-1", "*-1,a-*": "a-1 a-2 b-1", "c": ""} {
		got, err := pick(cases, globs)
		var ids []string
		for _, c := range got {
			ids = append(ids, c.ID)
		}
		if err != nil || strings.Join(ids, " ") != want {
			t.Errorf("%q picks %v (%v), want %s", globs, ids, err, want)
		}
	}
	if _, err := pick(cases, "[a"); err == nil {
		t.Error("a glob that is none is accepted")
	}
}

// TestJobs: cases run side by side, as many as Jobs says, and results keep
// the order of the cases.
func TestJobs(t *testing.T) {
	to, _ := serve(t, "{}")
	if err := to.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var running, most atomic.Int32
	both, once := make(chan struct{}), sync.Once{}
	var cases []Case
	for i := range 6 {
		cases = append(cases, Case{itoa(i), "GET", "object", "f", "w", func(*Env) {
			if n := running.Add(1); n == 2 {
				most.Store(n)
				once.Do(func() { close(both) })
			}
			<-both // the first waits for the second; later ones pass
			running.Add(-1)
		}})
	}
	done := 0
	results := runAll(t.Context(), to, nil, cases, Options{Jobs: 2, Done: func(Result) { done++ }})
	for i, r := range results {
		if r.ID != itoa(i) || r.Verdict != Passed {
			t.Errorf("result %d is %s %s %s", i, r.ID, r.Verdict, r.Message)
		}
	}
	if most.Load() != 2 || done != len(cases) {
		t.Errorf("%d ran at once, Done was told %d times", most.Load(), done)
	}
}

func TestCleanupOfEndedRun(t *testing.T) {
	to, s := serve(t, "{}")
	ctx, cancel := context.WithCancel(t.Context())
	if err := to.Authenticate(ctx); err != nil {
		t.Fatal(err)
	}
	r := Case{"ended", "GET", "object", "f", "w", func(e *Env) {
		e.container()
		cancel()
		e.do("GET", "")
	}}.Run(ctx, to, nil, "run")
	if r.Verdict != Failed || len(s.made) != 0 {
		t.Errorf("after a case that was ended (%s) stay %v", r.Verdict, s.made)
	}
}

func TestEndedRun(t *testing.T) {
	to, _ := serve(t, "{}")
	ctx, cancel := context.WithCancel(t.Context())
	if err := to.Authenticate(ctx); err != nil {
		t.Fatal(err)
	}
	cases := []Case{{"first", "GET", "object", "f", "w", func(*Env) { cancel() }}, {"second", "GET", "object", "f", "w", func(e *Env) { e.Failf("ran") }}}
	results := runAll(ctx, to, nil, cases, Options{})
	if results[1].Verdict != Skipped || !strings.Contains(results[1].Message, "the run was ended") {
		t.Errorf("what an ended run does not come to is %s: %s", results[1].Verdict, results[1].Message)
	}
}

func TestWire(t *testing.T) {
	to, _ := serve(t, "{}")
	var opened []net.Conn
	to.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := target.Dial(ctx, addr)
		opened = append(opened, c)
		return c, err
	}
	r := one(t, to, nil, func(e *Env) {
		w := e.dial()
		w.send(w.request("GET", "c/o", "X-A: b") + "\n" + w.request("PUT", "c/o", "Content-Length: 1", "Connection: close") + "\nx")
		resp, text := w.want("GET", 200)
		if text != "[]" || resp.Header.Get("X-Got-Token") != "token-own" {
			e.Failf("the answer is %q with %v", text, resp.Header)
		}
		w.want("PUT", 201)
		w.ended()
	})
	if r.Verdict != Passed {
		t.Error(r.Message)
	}
	if len(opened) != 1 || opened[0].SetDeadline(time.Time{}) == nil {
		t.Errorf("%d connections were opened, and the last is still open", len(opened))
	}
	to.Dial = nil
	if r := one(t, to, nil, func(e *Env) { e.dial() }); r.Verdict != Skipped {
		t.Errorf("without a dialer: %s %s", r.Verdict, r.Message)
	}
}
