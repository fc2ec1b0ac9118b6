package diff

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"apus/conformance/target"
)

// toy is a little of Swift: it keeps objects, and has a fault to find.
type toy struct {
	mu      sync.Mutex
	objects map[string]http.Header
	// fault is applied to the answer to a request.
	fault func(r *http.Request, stored, answer http.Header) (status int)
}

func (s *toy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/auth/v1.0" {
		w.Header().Set("X-Auth-Token", "AUTH_tk0123456789abcdef0123456789abcdef")
		w.Header().Set("X-Storage-Url", "http://"+r.Host+"/v1/AUTH_test")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status, stored := 200, s.objects[r.URL.Path]
	switch {
	case r.Method == "PUT":
		status = 201
		s.objects[r.URL.Path] = r.Header
	case stored == nil:
		status = 404
	case r.Method == "DELETE":
		status = 204
		delete(s.objects, r.URL.Path)
	default:
		w.Header().Set("X-Object-Meta-Color", stored.Get("X-Object-Meta-Color"))
	}
	if s.fault != nil {
		if changed := s.fault(r, stored, w.Header()); changed != 0 {
			status = changed
		}
	}
	w.WriteHeader(status)
}

func endpoint(t *testing.T, fault func(r *http.Request, stored, answer http.Header) int) *target.Target {
	t.Helper()
	s := httptest.NewServer(&toy{objects: map[string]http.Header{}, fault: fault})
	t.Cleanup(s.Close)
	return &target.Target{AuthURL: s.URL + "/auth/v1.0", Owner: target.User{Name: "test:tester", Key: "testing"},
		Client: target.NewClient(), Dial: target.Dial}
}

// toys is how many sequences it takes to meet rare states.
const toys = 500

func compareToys(t *testing.T, fault func(r *http.Request, stored, answer http.Header) int, table []Explained) (Stats, []*Finding) {
	t.Helper()
	o := Options{Sequences: toys, Seed: 1, Match: []string{"object"}, Jobs: 4, MaxFindings: 5, Table: table}
	stats, findings, err := Run(context.Background(), endpoint(t, nil), endpoint(t, fault), o)
	if err != nil {
		t.Fatal(err)
	}
	return stats, findings
}

func TestEqualEndpointsHaveNoFindings(t *testing.T) {
	stats, findings := compareToys(t, nil, []Explained{})
	if len(findings) != 0 || stats.Clean != toys || stats.Sequences != toys || stats.Requests < 200 {
		t.Errorf("%d findings, %+v", len(findings), stats)
	}
}

// forgetful loses the color of objects that are blue when they are asked for
// again: two requests and one header show it.
func forgetful(r *http.Request, stored, answer http.Header) int {
	if (r.Method == "HEAD" || r.Method == "GET") && stored != nil && stored.Get("X-Object-Meta-Color") == "blue" {
		answer.Del("X-Object-Meta-Color")
	}
	return 0
}

func TestPlantedDifferenceIsFoundAndShrunk(t *testing.T) {
	_, findings := compareToys(t, forgetful, []Explained{})
	if len(findings) != 1 {
		t.Fatalf("%d findings", len(findings))
	}
	f := findings[0]
	if f.Key != "header x-object-meta-color only in A, 200" {
		t.Error(f.Key)
	}
	var got []string
	for _, r := range f.Sequence.Requests {
		got = append(got, fmt.Sprint(r.Method, r.Header, r.Body))
	}
	if len(got) != 2 || got[0] != "PUT[{X-Object-Meta-Color blue}]" || got[1] != "GET[]" && got[1] != "HEAD[]" {
		t.Errorf("%q", got)
	}
	if want := []Difference{{"header x-object-meta-color", "blue", ""}}; !reflect.DeepEqual(f.Differences, want) {
		t.Errorf("%+v", f.Differences)
	}
	var b strings.Builder
	if err := f.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"curl -i -X PUT -H 'X-Auth-Token: $OWNER' -H 'X-Object-Meta-Color: blue'", "  2. curl -i -X", "both: 201 Created", "X-Object-Meta-Color: blue"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func TestExplainedDifferencesAreCounted(t *testing.T) {
	table := []Explained{{"color", "blue is no color", func(_ *Request, d Difference, _, _ *Answer) bool {
		return d.Field == "header x-object-meta-color" && d.B == ""
	}}}
	stats, findings := compareToys(t, forgetful, table)
	if len(findings) != 0 || stats.Clean != toys || stats.Explained["color"] == 0 {
		t.Errorf("%d findings, %+v", len(findings), stats)
	}
}

// A head that one endpoint's server refused has changed nothing there, whatever
// status the other gave.
func TestPartedEndpointsAreNotCompared(t *testing.T) {
	byServer := answer(400, "x")
	byPipeline := func(status int) *Answer {
		return answer(status, "x", "X-Trans-Id", "tx0123456789abcdef01234-0123456789")
	}
	s := Sequence{Requests: []Request{
		{Method: "PUT", Target: "/v1/a/c", Header: []Header{{"X-(A)", "x"}}}, {Method: "DELETE", Target: "/v1/a/c"},
	}}
	for _, tt := range []struct {
		name string
		b    *Answer
		want int // answers compared
	}{
		{"both servers", answer(400, ""), 2}, {"one server", byPipeline(400), 1}, {"another status", byPipeline(201), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &runner{o: Options{Table: Table()}}
			gone := byPipeline(404)
			res := r.judge(s, []*Answer{byServer, gone}, []*Answer{tt.b, gone})
			if len(res.a) != tt.want || len(res.differences) > 0 || len(res.explained) == 0 {
				t.Errorf("%+v", res)
			}
		})
	}
}

// A refusal after which a version stays that no link names.
func TestPartedByAVersionThatStays(t *testing.T) {
	s := Sequence{Requests: []Request{
		{Method: "PUT", Target: "/v1/a/c/l", Body: "body", Header: []Header{{"X-Symlink-Target", "c/o"}, {"X-Delete-At", "-5"}}}, {Method: "GET", Target: "/v1/a/c"},
	}}
	r := &runner{o: Options{Table: Table()}}
	res := r.judge(s, []*Answer{answer(400, "Symlink requests require a zero byte body"), answer(200, "", "X-Container-Bytes-Used", "0")},
		[]*Answer{answer(400, "X-Delete-At in past"), answer(200, "", "X-Container-Bytes-Used", "4")})
	if len(res.a) != 1 || len(res.differences) > 0 || len(res.explained) == 0 {
		t.Errorf("%+v", res)
	}
}

// What is left of an account that is gone would look alike everywhere.
func TestRunNeedsAnAccountThatTakesContainers(t *testing.T) {
	gone := func(r *http.Request, _, _ http.Header) int {
		if r.Method == "PUT" && strings.Count(r.URL.Path, "/") == 3 {
			return 404
		}
		return 0
	}
	o := Options{Sequences: 100, Seed: 1, Match: []string{"object"}, Jobs: 2, Table: []Explained{}}
	stats, _, err := Run(context.Background(), endpoint(t, gone), endpoint(t, gone), o)
	if err == nil || !strings.Contains(err.Error(), "makes no container") || stats.Clean > 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestNothingDeletesTheAccountOfOthers(t *testing.T) {
	for _, tt := range []struct {
		private bool
		target  string
		want    string // whose request it becomes
	}{
		{false, "/v1/{acct}", Owner}, {false, "/v1/{acct}/?x", Owner}, {true, "/v1/{acct}", Admin}, {false, "/v1/{acct}/c", Admin}, {false, "/v1/{acct}?bulk-delete", Admin},
	} {
		r := Request{Method: "DELETE", Target: tt.target, User: Admin}
		th := theme{name: "x", private: tt.private, shared: true, ops: []op{func(*gen) Request { return r }}}
		s := rapid.Custom(func(t *rapid.T) Sequence { return (&gen{t}).sequence(1, th, nil) }).Example(1)
		if got := s.Requests[0].User; got != tt.want {
			t.Errorf("%+v: DELETE %s is %s's", th.private, tt.target, got)
		}
	}
	// Taking parameters away does not make such a request, either.
	deleted := func(r *http.Request, _, _ http.Header) int {
		if r.Method == "DELETE" && r.URL.RawQuery == "" {
			t.Errorf("DELETE %s", r.URL)
		}
		return 503
	}
	r := &runner{a: endpoint(t, nil), b: endpoint(t, deleted), o: Options{Table: []Explained{}}}
	for _, e := range []*target.Target{r.a, r.b} {
		if err := e.Authenticate(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	w := r.worker()
	defer w.close()
	s := Sequence{Requests: []Request{{Method: "DELETE", Target: "/v1/{acct}?bulk-delete&x=y", User: Admin}}}
	small := w.shrink(context.Background(), s, w.both(context.Background(), s, 0))
	if got := small.sequence.Requests[0].Target; got != "/v1/{acct}?bulk-delete" {
		t.Errorf("became %s", got)
	}
}

func TestDifferencesOfDelayAreUnsteady(t *testing.T) {
	// The first GET after each PUT is too early.
	early := map[string]bool{}
	fault := func(r *http.Request, stored, _ http.Header) int {
		if r.Method != "GET" || stored == nil || len(early) > 0 {
			return 0
		}
		early[r.URL.Path] = true
		return 404
	}
	stats, findings := compareToys(t, fault, []Explained{})
	if len(findings) != 0 || stats.Unsteady != 1 {
		t.Errorf("%d findings, %+v", len(findings), stats)
	}
}

func TestRunEndsWithTooManyFindings(t *testing.T) {
	o := Options{Sequences: 1000, Seed: 1, Match: []string{"object"}, Jobs: 1, MaxFindings: 1, Table: []Explained{}}
	stats, findings, err := Run(context.Background(), endpoint(t, nil), endpoint(t, func(r *http.Request, _, _ http.Header) int {
		if strings.Count(r.URL.Path, "/") == 3 {
			return 0 // containers are there
		}
		return 503
	}), o)
	if err != nil || len(findings) != 1 || stats.Sequences > 2 {
		t.Error(stats, len(findings), err)
	}
}

func TestRunBeginsWithTheFirst(t *testing.T) {
	var numbers []int
	o := Options{Sequences: 1000, First: 732, Seed: 1, Match: []string{"object"}, MaxFindings: 1, Table: []Explained{},
		Found: func(f *Finding) { numbers = append(numbers, f.Sequence.Number) }}
	all := func(r *http.Request, _, answer http.Header) int {
		if strings.Count(r.URL.Path, "/") > 3 {
			answer.Set("X-Odd", "x")
		}
		return 0
	}
	if _, _, err := Run(context.Background(), endpoint(t, nil), endpoint(t, all), o); err != nil || len(numbers) != 1 || numbers[0] != 732 {
		t.Error(numbers, err)
	}
}

func TestDrawDependsOnSeedAndNumberAlone(t *testing.T) {
	seen := map[string]bool{}
	for n := range 200 {
		a, b := Draw(7, n, nil), Draw(7, n, nil)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("sequence %d is drawn in two ways", n)
		}
		seen[fmt.Sprint(a)] = true
		if len(a.Requests) == 0 || len(a.Requests) > 16 {
			t.Errorf("sequence %d has %d requests", n, len(a.Requests))
		}
	}
	if len(seen) < 195 {
		t.Errorf("only %d of 200 sequences are different", len(seen))
	}
	if reflect.DeepEqual(Draw(7, 1, nil), Draw(8, 1, nil)) {
		t.Error("seeds do not matter")
	}
	if s := Draw(1, 1, []string{"none"}); len(s.Requests) != 0 {
		t.Error("a match of nothing draws something")
	}
	if s := Draw(1, 1, []string{"slo"}); s.Theme != "slo" {
		t.Error(s.Theme)
	}
}

func TestEveryThemeDraws(t *testing.T) {
	for _, name := range Themes() {
		methods := map[string]bool{}
		for n := range 60 {
			for _, r := range Draw(3, n, []string{name}).Requests {
				methods[r.Method] = true
				if r.Feature == "" || r.Target == "" {
					t.Fatalf("%s: %+v", name, r)
				}
			}
		}
		if len(methods) < 2 {
			t.Errorf("%s draws only %v", name, methods)
		}
	}
}
