package listendpoints_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/middleware/listendpoints"
	"apus/impl/policy"
	"apus/impl/ring"
	"apus/impl/ring/builder"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// rings have three nodes each, on a port of their own.
type rings map[string]*ring.Ring

func (r rings) Ring(name string) (*ring.Ring, error) {
	if r[name] == nil {
		return nil, fmt.Errorf("no ring %s", name)
	}
	return r[name], nil
}

func newRing(t *testing.T, port int) *ring.Ring {
	t.Helper()
	b, err := builder.New(func() time.Time { return time.Unix(1_700_000_000, 0) }, 4, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		d := ring.Device{Region: 1, Zone: i, IP: fmt.Sprintf("10.0.0.%d", i+1), Port: port, Device: "sda1", Weight: 1}
		if _, err := b.AddDevice(d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Rebalance(builder.SeedNumber(1)); err != nil {
		t.Fatal(err)
	}
	r, err := b.Ring()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type world struct {
	rings rings
	swift *config.Swift
	h     web.Handler
	next  *webtest.Next
}

func build(t *testing.T, options string) *world {
	t.Helper()
	hasher, err := swift.NewHasher("", "endcap")
	if err != nil {
		t.Fatal(err)
	}
	set, err := policy.NewSet([]policy.Policy{
		{Index: 0, Name: "zero", Default: true, Type: policy.Replication}, {Index: 1, Name: "one", Type: policy.Replication},
		{Index: 2, Name: "two", Type: policy.Replication},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		rings: rings{"account": newRing(t, 2), "container": newRing(t, 1), "object": newRing(t, 600), "object-1": newRing(t, 601)},
		swift: &config.Swift{Hasher: hasher, Policies: set},
		next:  webtest.NewNext(),
	}
	file, err := config.Parse("[filter:x]\n"+options, "x")
	if err != nil {
		t.Fatal(err)
	}
	env := &middleware.Env{Swift: w.swift, Info: middleware.NewCapabilities(), Rings: w.rings}
	f, err := listendpoints.New(env, file.Section("filter:x"))
	if err != nil {
		t.Fatal(err)
	}
	w.h = f(w.next)
	return w
}

// want is the nodes of a path, on a port.
func (w *world) want(port int, p swift.Path, tail string) []string {
	r := w.rings["account"] // all have the same partitions
	part := r.Partition(w.swift.Hasher.Hash(p))
	var out []string
	for _, d := range r.Primaries(part) {
		out = append(out, fmt.Sprintf("http://%s:%d/sda1/%d%s", d.IP, port, part, tail))
	}
	return out
}

func TestEndpoints(t *testing.T) {
	webtest.TrackBodies(t)
	a, c, o := swift.Path{Account: "a"}, swift.Path{Account: "a", Container: "c"}, swift.Path{Account: "a", Container: "c", Object: "o/1"}
	odd := swift.Path{Account: "a", Container: "c:ü"}
	for _, tt := range []struct {
		path string
		port int
		p    swift.Path
		tail string
		v2   bool
	}{
		{"a", 2, a, "/a", false}, {"a/", 2, a, "/a", false}, {"v1/a", 2, a, "/a", false}, {"v1.0/a", 2, a, "/a", false}, {"1/a", 2, a, "/a", false},
		{"v2/a", 2, a, "/a", true}, {"2.0/a", 2, a, "/a", true},
		{"a/c", 1, c, "/a/c", false}, {"v2/a/c", 1, c, "/a/c", true}, {"a/c:ü", 1, odd, "/a/c%3A%C3%BC", false},
		{"a/c/o/1", 601, o, "/a/c/o/1", false}, {"v2/a/c/o/1", 601, o, "/a/c/o/1", true},
		{"v_x", 2, swift.Path{Account: "v_x"}, "/v_x", false},
	} {
		w := build(t, "")
		w.next.Script(webtest.Answer(204, ""), webtest.Answer(204, "", "X-Backend-Storage-Policy-Index", "1"))
		got := webtest.Do(w.h, webtest.Request("GET", "/endpoints/"+tt.path))
		var list []string
		var err error
		if tt.v2 {
			var v struct {
				Endpoints []string
				Headers   map[string]string
			}
			err = json.Unmarshal([]byte(got.Body), &v)
			list = v.Endpoints
			headers := map[string]string{}
			if tt.p.IsObject() {
				headers["X-Backend-Storage-Policy-Index"] = "1"
			}
			if !reflect.DeepEqual(v.Headers, headers) {
				t.Errorf("%s: headers %v", tt.path, v.Headers)
			}
		} else {
			err = json.Unmarshal([]byte(got.Body), &list)
		}
		if want := w.want(tt.port, tt.p, tt.tail); err != nil || !reflect.DeepEqual(list, want) || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s, %v\nwant %v", tt.path, got.Body, err, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/endpoints/", 400, "No account specified"},
		{"GET", "/endpoints/v1", 400, "No account specified"},
		{"GET", "/endpoints/v1/", 400, "No account specified"},
		{"GET", "/endpoints//c", 400, "No account specified"},
		{"GET", "/endpoints/v3/a", 400, "Unsupported version 'v3'"},
		{"GET", "/endpoints/vaccount/c", 400, "Unsupported version 'vaccount'"},
		{"PUT", "/endpoints/a", 405, ""},
		{"GET", "/endpoints", 299, "next"},
		{"GET", "/v1/a/endpoints/a", 299, "next"},
	} {
		w := build(t, "")
		w.next.Script(webtest.Answer(299, "next"))
		got := webtest.Do(w.h, webtest.Request(tt.method, tt.path))
		if got.Status != tt.status || tt.body != "" && got.Body != tt.body || got.Status == 405 && got.Header.Get("Allow") != "GET" {
			t.Errorf("%+v: %d %q", tt, got.Status, got.Body)
		}
	}
}

func TestPathAndMissingRing(t *testing.T) {
	webtest.TrackBodies(t)
	w := build(t, "list_endpoints_path = /where")
	if got := webtest.Do(w.h, webtest.Request("GET", "/where/a")); got.Status != 200 || strings.Count(got.Body, "http://") != 3 {
		t.Errorf("%+v", got)
	}
	for _, index := range []string{"2", "3"} { // a policy without a ring, and none
		w.next.Script(webtest.Answer(204, ""), webtest.Answer(204, "", "X-Backend-Storage-Policy-Index", index))
		if got := webtest.Do(w.h, webtest.Request("GET", "/where/a/c/o")); got.Status != 503 {
			t.Errorf("policy %s: %d", index, got.Status)
		}
	}
}
