package containerquotas_test

import (
	"testing"

	"apus/impl/middleware/containerquotas"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// world answers HEADs of account and container, and accepts everything else.
func world(header ...string) *webtest.Next {
	answer := func(req *web.Request) *web.Response {
		switch {
		case req.Method == "HEAD" && req.Path == "/v1/a/c":
			return webtest.Response(204, "", header...)
		case req.Method == "HEAD":
			return webtest.Response(204, "")
		}
		return webtest.Response(201, "stored")
	}
	return webtest.NewNext(answer, answer, answer, answer)
}

func build(t *testing.T, next web.Handler) web.Handler {
	t.Helper()
	f, env := webtest.Filter(t, containerquotas.New, nil, "", nil)
	if v, ok := env.Info.Public()["container_quotas"].(map[string]any); !ok || len(v) != 0 {
		t.Error("not in /info")
	}
	return f(next)
}

func TestUploads(t *testing.T) {
	webtest.TrackBodies(t)
	const bytes, count = "X-Container-Meta-Quota-Bytes", "X-Container-Meta-Quota-Count"
	for _, tt := range []struct {
		name, method, path string
		length             int64
		header             []string
		want               int
	}{
		{"no quota", "PUT", "/v1/a/c/o", 100, nil, 201},
		{"just fits", "PUT", "/v1/a/c/o", 50, []string{bytes, "100"}, 201},
		{"one too many", "PUT", "/v1/a/c/o", 51, []string{bytes, "100"}, 413},
		{"zero", "PUT", "/v1/a/c/o", 0, []string{bytes, "0"}, 413},
		{"already over, nothing added", "PUT", "/v1/a/c/o", 0, []string{bytes, "49"}, 413},
		{"unknown length at the limit", "PUT", "/v1/a/c/o", -1, []string{bytes, "50"}, 201},
		{"unknown length beyond it", "PUT", "/v1/a/c/o", -1, []string{bytes, "49"}, 413},
		{"quota of an old release", "PUT", "/v1/a/c/o", 100, []string{bytes, "abc"}, 201},
		{"longer than a number", "PUT", "/v1/a/c/o", 100, []string{bytes, "99999999999999999999999"}, 201},
		{"as many", "PUT", "/v1/a/c/o", 0, []string{count, "8"}, 201},
		{"one more", "PUT", "/v1/a/c/o", 0, []string{count, "7"}, 413},
		{"POST goes on", "POST", "/v1/a/c/o", 0, []string{count, "0"}, 201},
		{"DELETE goes on", "DELETE", "/v1/a/c/o", 0, []string{count, "0"}, 201},
		{"container goes on", "PUT", "/v1/a/c", 0, []string{count, "0"}, 201},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := append([]string{"X-Container-Bytes-Used", "50", "X-Container-Object-Count", "7"}, tt.header...)
			h := build(t, world(header...))
			req := webtest.Request(tt.method, tt.path)
			req.ContentLength = tt.length
			got := webtest.Do(h, req)
			if got.Status != tt.want || got.Status == 413 && got.Body != "Upload exceeds quota." {
				t.Errorf("%d %q", got.Status, got.Body)
			}
		})
	}
}

// The quota of a container is nobody's business who may not write to it.
func TestStrangersLearnNothing(t *testing.T) {
	webtest.TrackBodies(t)
	for acl, want := range map[string]int{"friend": 413, "other": 401} {
		req := webtest.Request("PUT", "/v1/a/c/o")
		req.Authorize = func(_ webtest.Context, r *web.Request) *web.Response {
			if r.ACL == acl {
				return nil
			}
			return web.NewResponse(401)
		}
		h := build(t, world("X-Container-Meta-Quota-Count", "0", "X-Container-Write", "friend"))
		if got := webtest.Do(h, req); got.Status != want {
			t.Errorf("%s: %d", acl, got.Status)
		}
	}
}

func TestMissingContainer(t *testing.T) {
	webtest.TrackBodies(t)
	h := build(t, webtest.NewNext(webtest.Answer(204, ""), webtest.Answer(404, ""), webtest.Answer(404, "none")))
	if got := webtest.Do(h, webtest.Request("PUT", "/v1/a/c/o")); got.Status != 404 || got.Body != "none" {
		t.Errorf("%+v", got)
	}
}

func TestSettingQuotas(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct{ method, path, name, value, want string }{
		{"PUT", "/v1/a/c", "X-Container-Meta-Quota-Bytes", "10", "stored"},
		{"POST", "/v1/a/c", "X-Container-Meta-Quota-Bytes", "", "stored"},
		{"POST", "/v1/a/c", "X-Container-Meta-Quota-Bytes", "abc", "Invalid bytes quota."},
		{"PUT", "/v1/a/c", "X-Container-Meta-Quota-Bytes", "-1", "Invalid bytes quota."},
		{"PUT", "/v1/a/c", "X-Container-Meta-Quota-Count", "1.5", "Invalid count quota."},
		{"HEAD", "/v1/a", "X-Container-Meta-Quota-Count", "x", ""},
		{"PUT", "/v1/a", "X-Container-Meta-Quota-Count", "x", "stored"},
		{"PUT", "/v1/a/c/o", "X-Container-Meta-Quota-Count", "x", "stored"},
	} {
		got := webtest.Do(build(t, world()), webtest.Request(tt.method, tt.path, tt.name, tt.value))
		if got.Body != tt.want || (got.Status == 400) != (len(tt.want) > 6) {
			t.Errorf("%+v: %d %q", tt, got.Status, got.Body)
		}
	}
}

func TestVersionsCount(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct {
		name   string
		length int64
		want   int
	}{{"just fits", 30, 201}, {"one too many", 31, 413}} {
		t.Run(tt.name, func(t *testing.T) {
			h := build(t, web.HandlerFunc(func(_ webtest.Context, req *web.Request) *web.Response {
				switch {
				case req.Method == "HEAD" && req.Path == "/v1/a/c":
					return webtest.Response(204, "", "X-Container-Bytes-Used", "10", "X-Container-Meta-Quota-Bytes", "100",
						"X-Container-Sysmeta-Versions-Container", "%00versions%00c")
				case req.Method == "HEAD" && req.Path == "/v1/a/\x00versions\x00c":
					return webtest.Response(204, "", "X-Container-Bytes-Used", "60")
				case req.Method == "HEAD":
					return webtest.Response(204, "")
				}
				return webtest.Response(201, "stored")
			}))
			req := webtest.Request("PUT", "/v1/a/c/o")
			req.ContentLength = tt.length
			if got := webtest.Do(h, req); got.Status != tt.want {
				t.Errorf("%d, want %d", got.Status, tt.want)
			}
		})
	}
}
