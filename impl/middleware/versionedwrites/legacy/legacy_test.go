package legacy_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"apus/impl/host"
	"apus/impl/middleware/versionedwrites"
	"apus/impl/middleware/versionedwrites/archive"
	"apus/impl/middleware/versionedwrites/archivetest"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// world is a container c with its archive.
type world struct {
	*archivetest.Store
	t *testing.T
	h web.Handler
}

// newWorld also tracks bodies.
func newWorld(t *testing.T, mode string) *world {
	t.Helper()
	webtest.TrackBodies(t)
	return anotherWorld(t, mode)
}

func anotherWorld(t *testing.T, mode string) *world {
	t.Helper()
	clock := webtest.NewClock(1_000_000_000)
	s := archivetest.New(clock, "c", "arch")
	if mode != "" {
		s.Set("c", "X-Container-Sysmeta-Versions-Location", "arch", "X-Container-Sysmeta-Versions-Mode", mode)
	}
	f, _ := webtest.Filter(t, versionedwrites.New, &host.Host{Clock: clock}, "allow_versioned_writes = true", nil)
	return &world{s, t, f(s)}
}

// do sends a request with a body and expects the status.
func (w *world) do(status int, method, path, body string, header ...string) webtest.Result {
	w.t.Helper()
	req := webtest.Request(method, "/v1/a/"+path, header...)
	if method == http.MethodPut {
		req.Body, req.ContentLength = strings.NewReader(body), int64(len(body))
	}
	got := webtest.Do(w.h, req)
	if got.Status != status {
		w.t.Errorf("%s %s: %d %q, want %d", method, path, got.Status, got.Body, status)
	}
	return got
}

func (w *world) want(container string, data ...string) {
	w.t.Helper()
	if got := w.Data(container); !slices.Equal(got, data) {
		w.t.Errorf("%s has %q, want %q", container, got, data)
	}
}

func TestStackRestoresEveryVersion(t *testing.T) {
	w := newWorld(t, "stack")
	w.do(201, "PUT", "c/o", "one", "Content-Type", "t/1", "X-Object-Meta-Color", "red")
	w.want("arch")
	w.do(201, "PUT", "c/o", "two", "Content-Type", "t/2")
	w.do(201, "PUT", "c/o", "three", "Content-Type", "t/3")
	w.want("arch", "one", "two")
	w.want("c", "three")
	for _, name := range w.Names("arch") {
		if !strings.HasPrefix(name, "001o/10000000") || len(name) != len("001o/")+16 {
			t.Errorf("archived as %q", name)
		}
	}
	w.do(204, "DELETE", "c/o", "")
	w.want("c", "two")
	w.do(204, "DELETE", "c/o", "")
	w.want("c", "one")
	w.want("arch")
	if o, _ := w.Object("c/o"); o.Header.Get("Content-Type") != "t/1" || o.Header.Get("X-Object-Meta-Color") != "red" {
		t.Errorf("restored with %v", o.Header)
	}
	w.do(204, "DELETE", "c/o", "")
	w.do(404, "DELETE", "c/o", "")
	w.want("c")
}

func TestLengthIsOfBytes(t *testing.T) {
	w := newWorld(t, "stack")
	name := strings.Repeat("é", 20)
	w.do(201, "PUT", "c/"+name, "one")
	w.do(201, "PUT", "c/"+name, "two")
	if got := w.Names("arch"); len(got) != 1 || !strings.HasPrefix(got[0], "028"+name+"/") {
		t.Errorf("archived as %q", got)
	}
}

func TestOneObjectsVersionsAreNotAnothers(t *testing.T) {
	w := newWorld(t, "stack")
	for _, name := range []string{"o", "o/1", "o/1", "oo", "oo"} {
		w.do(201, "PUT", "c/"+name, name)
	}
	w.do(204, "DELETE", "c/o", "")
	w.want("c", "o/1", "oo")
	w.want("arch", "oo", "o/1") // 002oo before 003o/1
}

func TestHistoryKeepsEverything(t *testing.T) {
	w := newWorld(t, "history")
	w.do(201, "PUT", "c/o", "one")
	w.do(204, "DELETE", "c/o", "")
	w.do(404, "DELETE", "c/o", "")
	w.do(201, "PUT", "c/o", "two")
	w.want("arch", "one", "", "")
	marker, _ := w.Object("arch/" + w.Names("arch")[1])
	if got := marker.Header.Get("Content-Type"); got != archive.DeleteMarker {
		t.Errorf("a marker is %q", got)
	}

	w.Set("c", "X-Container-Sysmeta-Versions-Mode", "stack")
	w.do(204, "DELETE", "c/o", "") // restores the deletion: the marker stays
	w.want("c")
	w.want("arch", "one", "", "")
	w.do(204, "DELETE", "c/o", "") // two deletions in a row: one of them is undone
	w.want("c")
	w.want("arch", "one", "")
	w.do(204, "DELETE", "c/o", "")
	w.want("c", "one")
	w.want("arch")
}

func TestMissingVersionsAreWalkedOver(t *testing.T) {
	w := newWorld(t, "stack")
	for _, data := range []string{"one", "two", "three", "four"} {
		w.do(201, "PUT", "c/o", data)
	}
	w.PageSize(1)
	gone := w.Names("arch")[1:]
	w.Fail = func(req *web.Request) int {
		for _, name := range gone { // listed still, but not there
			if req.Path == "/v1/a/arch/"+name {
				return 404
			}
		}
		return 0
	}
	w.do(204, "DELETE", "c/o", "")
	w.want("c", "one")
}

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name, mode, method string
		fail               string // "METHOD container" of the sub-request
		status, want       int
	}{
		{"no archive", "stack", "PUT", "PUT arch", 404, 412},
		{"archive refuses", "stack", "PUT", "PUT arch", 403, 412},
		{"archive is not reached", "stack", "PUT", "PUT arch", 503, 503},
		{"current is not reached", "stack", "PUT", "GET c", 503, 503},
		{"current cannot be read", "stack", "PUT", "GET c", 403, 412},
		{"listing is not reached", "stack", "DELETE", "GET arch/", 503, 500},
		{"listing is refused", "stack", "DELETE", "GET arch/", 400, 412},
		{"version is not reached", "stack", "DELETE", "GET arch", 503, 503},
		{"restore is not possible", "stack", "DELETE", "PUT c", 507, 503},
		{"archived version stays", "stack", "DELETE", "DELETE arch", 503, 503},
		{"marker is not written", "history", "DELETE", "PUT arch", 503, 503},
		{"no archive for the marker", "history", "DELETE", "PUT arch", 404, 412},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.mode)
			w.do(201, "PUT", "c/o", "one")
			w.do(201, "PUT", "c/o", "two")
			w.Fail = func(req *web.Request) int {
				_, p, _ := req.Swift()
				where := p.Container
				if p.Object == "" {
					where += "/"
				}
				if req.Method+" "+where == tt.fail && req.Source != "" {
					return tt.status
				}
				return 0
			}
			w.do(tt.want, tt.method, "c/o", "three")
			if !slices.Contains(append(w.Data("arch"), w.Data("c")...), "one") {
				t.Error("the old version is lost")
			}
			if tt.name != "archived version stays" {
				w.want("c", "two")
			}
		})
	}
}

// Whatever fails, and when, nothing is lost that was not to be deleted.
func TestEveryFailureKeepsTheVersions(t *testing.T) {
	webtest.TrackBodies(t)
	for _, mode := range []string{"stack", "history"} {
		for _, method := range []string{"PUT", "DELETE"} {
			for i := 0; ; i++ {
				w := anotherWorld(t, mode)
				w.do(201, "PUT", "c/o", "one")
				w.do(201, "PUT", "c/o", "two")
				n, failed := 0, false
				w.Fail = func(*web.Request) int {
					n++
					if n == i+1 {
						failed = true
						return 503
					}
					return 0
				}
				req := webtest.Request(method, "/v1/a/c/o")
				if method == "PUT" {
					req.Body, req.ContentLength = strings.NewReader("three"), 5
				}
				got := webtest.Do(w.h, req)
				all := append(w.Data("arch"), w.Data("c")...)
				if !slices.Contains(all, "one") {
					t.Fatalf("%s %s: failure %d loses a version: %q", mode, method, i, all)
				}
				if failed && got.Status/100 == 2 && (method == "PUT" || mode == "history") && !slices.Contains(all, "two") {
					t.Fatalf("%s %s: failure %d is called %d", mode, method, i, got.Status)
				}
				if !failed {
					break
				}
			}
		}
	}
}

func TestWritersNeedTheRight(t *testing.T) {
	for _, mode := range []string{"stack", "history"} {
		for _, method := range []string{"PUT", "DELETE"} {
			t.Run(mode+" "+method, func(t *testing.T) {
				w := newWorld(t, mode)
				w.do(201, "PUT", "c/o", "one")
				w.do(201, "PUT", "c/o", "two")
				for _, acl := range []string{"", "bob"} {
					w.Set("c", "X-Container-Write", acl)
					archived := w.Names("arch")
					req := webtest.Request(method, "/v1/a/c/o")
					if method == "PUT" {
						req.Body, req.ContentLength = strings.NewReader("three"), 5
					}
					req.Authorize = func(_ context.Context, r *web.Request) *web.Response {
						if r.ACL == "bob" {
							return nil
						}
						return web.NewResponse(http.StatusForbidden)
					}
					got := webtest.Do(w.h, req)
					changed := !reflect.DeepEqual(archived, w.Names("arch"))
					if allowed := acl == "bob"; allowed != (got.Status/100 == 2) || allowed != changed {
						t.Errorf("ACL %q: %d, archive changed: %v", acl, got.Status, changed)
					}
				}
			})
		}
	}
}

func TestBrokenSourceIsNoVersion(t *testing.T) {
	w := newWorld(t, "stack")
	w.do(201, "PUT", "c/o", "one")
	inner := w.Store
	broken := web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
		if req.Method == "GET" && req.Path == "/v1/a/c/o" {
			return &web.Response{Status: 200, Header: http.Header{"X-Timestamp": {"1000000001.00000"}},
				Body: webtest.Body("on", errors.New("connection lost")), ContentLength: 3}
		}
		return inner.Serve(ctx, req)
	})
	f, _ := webtest.Filter(t, versionedwrites.New, nil, "allow_versioned_writes = true", nil)
	w.h = f(broken)
	w.do(503, "PUT", "c/o", "two")
	w.want("c", "one")
	w.want("arch")
}

func TestTooLargeToBeStoredAgain(t *testing.T) {
	w := newWorld(t, "stack")
	huge := web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
		resp := w.Store.Serve(ctx, req)
		if req.Method == "GET" && req.Path == "/v1/a/c/o" && resp.OK() {
			resp.ContentLength = -1
		}
		return resp
	})
	f, _ := webtest.Filter(t, versionedwrites.New, nil, "allow_versioned_writes = true", nil)
	w.do(201, "PUT", "c/o", "one")
	w.h = f(huge)
	w.do(412, "PUT", "c/o", "two")
	w.want("c", "one")
}

func TestUnsortedListingRestoresNothing(t *testing.T) {
	w := newWorld(t, "stack")
	for _, data := range []string{"one", "two", "three"} {
		w.do(201, "PUT", "c/o", data)
	}
	forward := web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
		q := req.Query()
		q.Del("reverse")
		req.SetQuery(q)
		return w.Store.Serve(ctx, req)
	})
	f, _ := webtest.Filter(t, versionedwrites.New, nil, "allow_versioned_writes = true", nil)
	w.h = f(forward)
	w.do(500, "DELETE", "c/o", "")
	w.want("c", "three")
	w.want("arch", "one", "two")
}

func TestLargeObjectsKeepTheirSize(t *testing.T) {
	w := newWorld(t, "stack")
	w.do(201, "PUT", "c/o", "[manifest]", "Content-Type", "v/m", "X-Object-Sysmeta-Slo-Size", "99")
	w.do(201, "PUT", "c/o", "two")
	o, _ := w.Object("arch/" + w.Names("arch")[0])
	if got := o.Header.Get("Content-Type"); got != "v/m; swift_bytes=99" {
		t.Errorf("archived as %q", got)
	}
}

func TestOperatorsChoice(t *testing.T) {
	for _, tt := range []struct {
		options          string
		sysmeta, old     bool // container has the setting
		archived, posted int
	}{
		{"", true, false, 0, 201},
		{"", false, true, 1, 201},
		{"allow_versioned_writes = true", true, false, 1, 201},
		{"allow_versioned_writes = true", false, true, 1, 201},
		{"allow_versioned_writes = false", true, false, 0, 412},
		{"allow_versioned_writes = false", false, true, 0, 412},
	} {
		t.Run(tt.options, func(t *testing.T) {
			w := newWorld(t, "")
			f, env := webtest.Filter(t, versionedwrites.New, nil, tt.options, nil)
			w.h = f(w.Store)
			if tt.sysmeta {
				w.Set("c", "X-Container-Sysmeta-Versions-Location", "arch")
			}
			if tt.old {
				w.Set("c", "X-Versions-Location", "arch")
			}
			w.do(201, "PUT", "c/o", "one")
			w.do(201, "PUT", "c/o", "two")
			if got := len(w.Names("arch")); got != tt.archived {
				t.Errorf("%d are archived", got)
			}
			w.do(tt.posted, "POST", "c", "", "X-Versions-Location", "other")
			_, listed := env.Info.Public()["versioned_writes"]
			if listed != strings.Contains(tt.options, "true") {
				t.Error("/info is wrong")
			}
		})
	}
}

func TestSettings(t *testing.T) {
	const stack, history = "X-Versions-Location", "X-History-Location"
	for _, tt := range []struct {
		name           string
		header         []string
		status         int
		location, mode string // as they are stored; "old" is what was there
	}{
		{"stack", []string{stack, "x"}, 201, "x", "stack"},
		{"history", []string{history, "x"}, 201, "x", "history"},
		{"both", []string{stack, "x", history, "y"}, 400, "old", "old"},
		{"empty history gives way", []string{stack, "x", history, ""}, 201, "x", "stack"},
		{"empty stack gives way", []string{stack, "", history, "y"}, 201, "y", "history"},
		{"empty removes", []string{stack, ""}, 201, "", ""},
		{"remove", []string{"X-Remove-Versions-Location", "x"}, 201, "", ""},
		{"remove history", []string{"X-Remove-History-Location", "x"}, 201, "", ""},
		{"setting wins over removing", []string{"X-Remove-Versions-Location", "x", history, "y"}, 201, "y", "history"},
		{"slash", []string{stack, "x/y"}, 412, "old", "old"},
		{"nothing said", nil, 201, "old", "old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			w.Set("c", "X-Container-Sysmeta-Versions-Location", "old", "X-Container-Sysmeta-Versions-Mode", "old")
			w.do(tt.status, "POST", "c", "", tt.header...)
			h := w.Container("c")
			if l, m := h.Get("X-Container-Sysmeta-Versions-Location"), h.Get("X-Container-Sysmeta-Versions-Mode"); l != tt.location || m != tt.mode {
				t.Errorf("stored are %q, %q", l, m)
			}
			shown := w.do(204, "HEAD", "c", "").Header
			wantStack, wantHistory := tt.location, ""
			if tt.mode == "history" {
				wantStack, wantHistory = "", tt.location
			}
			if shown.Get(stack) != wantStack || shown.Get(history) != wantHistory {
				t.Errorf("shown are %q, %q", shown.Get(stack), shown.Get(history))
			}
		})
	}
}
