package accountquotas_test

import (
	"net/http"
	"testing"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/middleware"
	"apus/impl/middleware/accountquotas"
	"apus/impl/policy"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

func policies(t *testing.T) *policy.Set {
	t.Helper()
	set, err := policy.NewSet([]policy.Policy{
		{Index: 0, Name: "gold", Default: true, Type: policy.Replication}, {Index: 7, Name: "unu", Type: policy.Replication},
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func build(t *testing.T, next web.Handler) web.Handler {
	t.Helper()
	env := &middleware.Env{Swift: &config.Swift{Policies: policies(t)}, Info: middleware.NewCapabilities()}
	f, err := accountquotas.New(env, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := env.Info.Public()["account_quotas"].(map[string]any); !ok || len(v) != 0 {
		t.Error("not in /info")
	}
	return f(next)
}

// world is an account of 100 bytes and 5 objects, of which 60 and 3 in policy 7,
// the policy of its container.
func world(t *testing.T, header ...string) web.Handler {
	set := policies(t)
	serve := func(req *web.Request) *web.Response {
		switch req.Method + " " + req.Path {
		case "HEAD /v1/a":
			resp := webtest.Response(204, "", append([]string{
				"X-Account-Bytes-Used", "100", "X-Account-Object-Count", "5",
				"X-Account-Storage-Policy-Unu-Bytes-Used", "60", "X-Account-Storage-Policy-Unu-Object-Count", "3",
			}, header...)...)
			info.SetAccount(t.Context(), req, "a", resp.Status, resp.Header, set)
			return resp
		case "HEAD /v1/a/c":
			return webtest.Response(204, "", "X-Backend-Storage-Policy-Index", "7")
		}
		if req.Authorize != nil {
			if denial := req.Authorize(t.Context(), req); denial != nil {
				return denial
			}
		}
		return webtest.Response(201, "stored")
	}
	return webtest.NewNext(serve, serve, serve)
}

func TestUploads(t *testing.T) {
	webtest.TrackBodies(t)
	const sys = "X-Account-Sysmeta-"
	for _, tt := range []struct {
		name   string
		length int64
		header []string
		want   string
	}{
		{"no quota", 10, nil, "stored"},
		{"just fits", 10, []string{sys + "Quota-Bytes", "110"}, "stored"},
		{"one too many", 11, []string{sys + "Quota-Bytes", "110"}, "Upload exceeds quota."},
		{"unknown length", -1, []string{sys + "Quota-Bytes", "100"}, "stored"},
		{"unknown length, over already", -1, []string{sys + "Quota-Bytes", "99"}, "Upload exceeds quota."},
		{"old form", 11, []string{"X-Account-Meta-Quota-Bytes", "110"}, "Upload exceeds quota."},
		{"new form before old", 11, []string{"X-Account-Meta-Quota-Bytes", "110", sys + "Quota-Bytes", "111"}, "stored"},
		{"no number", 11, []string{sys + "Quota-Bytes", "abc"}, "stored"},
		{"longer than a number", 11, []string{sys + "Quota-Bytes", "123456789012345678901234567890"}, "stored"},
		{"as many", 10, []string{sys + "Quota-Count", "6"}, "stored"},
		{"one more", 10, []string{sys + "Quota-Count", "5"}, "Upload exceeds quota."},
		{"policy just fits", 10, []string{sys + "Quota-Bytes-Policy-7", "70"}, "stored"},
		{"policy one too many", 11, []string{sys + "Quota-Bytes-Policy-7", "70"}, "Upload exceeds policy quota."},
		{"policy as many", 10, []string{sys + "Quota-Count-Policy-7", "4"}, "stored"},
		{"policy one more", 10, []string{sys + "Quota-Count-Policy-7", "3"}, "Upload exceeds policy quota."},
		{"another policy", 11, []string{sys + "Quota-Bytes-Policy-0", "0"}, "stored"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := webtest.Request("PUT", "/v1/a/c/o")
			req.ContentLength = tt.length
			got := webtest.Do(build(t, world(t, tt.header...)), req)
			if got.Body != tt.want || (got.Status == 201) != (tt.want == "stored") || got.Status != 201 && got.Status != 413 {
				t.Errorf("%d %q", got.Status, got.Body)
			}
		})
	}
}

func TestWhoIsBound(t *testing.T) {
	webtest.TrackBodies(t)
	quota := []string{"X-Account-Sysmeta-Quota-Bytes", "0"}
	for _, tt := range []struct {
		name, method, path string
		reseller           bool
		denial, want       int
	}{
		{"user", "PUT", "/v1/a/c/o", false, 0, 413},
		{"stranger", "PUT", "/v1/a/c/o", false, 401, 401},
		{"reseller", "PUT", "/v1/a/c/o", true, 0, 201},
		{"POST", "POST", "/v1/a/c/o", false, 0, 201},
		{"DELETE", "DELETE", "/v1/a/c/o", false, 0, 201},
		{"container", "PUT", "/v1/a/c", false, 0, 201},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := webtest.Request(tt.method, tt.path)
			req.ContentLength, req.Reseller = 1, tt.reseller
			req.Authorize = func(webtest.Context, *web.Request) *web.Response {
				if tt.denial != 0 {
					return web.NewResponse(tt.denial)
				}
				return nil
			}
			if got := webtest.Do(build(t, world(t, quota...)), req); got.Status != tt.want {
				t.Errorf("%d %q", got.Status, got.Body)
			}
		})
	}
}

func TestSettingQuotas(t *testing.T) {
	webtest.TrackBodies(t)
	const sys = "X-Account-Sysmeta-"
	for _, tt := range []struct {
		name   string
		header []string
		want   http.Header // sysmeta seen behind the filter
	}{
		{"bytes", []string{"X-Account-Quota-Bytes", "10"}, http.Header{sys + "Quota-Bytes": {"10"}}},
		{"count", []string{"X-Account-Quota-Count", "10"}, http.Header{sys + "Quota-Count": {"10"}}},
		{"by policy", []string{"X-Account-Quota-Count-Policy-Unu", "10"}, http.Header{sys + "Quota-Count-Policy-7": {"10"}}},
		{"old form", []string{"X-Account-Meta-Quota-Bytes", "10"}, http.Header{sys + "Quota-Bytes": {"10"}}},
		{"new form before old", []string{"X-Account-Meta-Quota-Bytes", "10", "X-Account-Quota-Bytes", "11"}, http.Header{sys + "Quota-Bytes": {"11"}}},
		{"empty", []string{"X-Account-Quota-Bytes", ""}, http.Header{sys + "Quota-Bytes": {""}}},
		{"removed", []string{"X-Remove-Account-Quota-Bytes", "x"}, http.Header{sys + "Quota-Bytes": {""}}},
		{"removal wins", []string{"X-Remove-Account-Quota-Bytes", "x", "X-Account-Quota-Bytes", "7"}, http.Header{sys + "Quota-Bytes": {""}}},
		{"old form removed", []string{"X-Remove-Account-Meta-Quota-Bytes", "x"}, http.Header{sys + "Quota-Bytes": {""}}},
		{"policy removed", []string{"X-Remove-Account-Quota-Bytes-Policy-gold", "x"}, http.Header{sys + "Quota-Bytes-Policy-0": {""}}},
		{"no policy of ours", []string{"X-Account-Quota-Bytes-Policy-other", "10"}, http.Header{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, reseller := range []bool{true, false} {
				next := webtest.NewNext(webtest.Answer(204, ""))
				req := webtest.Request("POST", "/v1/a", tt.header...)
				req.Reseller = reseller
				got := webtest.Do(build(t, next), req)
				if !reseller && len(tt.want) > 0 {
					if got.Status != 403 || next.Last() != nil {
						t.Errorf("a user's is %d", got.Status)
					}
					continue
				}
				if got.Status != 204 {
					t.Fatal(got.Status)
				}
				for name, values := range next.Last().Header {
					if len(name) > len(sys) && name[:len(sys)] == sys && (tt.want[name] == nil || tt.want[name][0] != values[0]) {
						t.Errorf("%s is %q", name, values)
					}
				}
				for name := range tt.want {
					if _, ok := next.Last().Header[name]; !ok {
						t.Errorf("%s is not set", name)
					}
				}
			}
		})
	}
}

func TestInvalidQuota(t *testing.T) {
	webtest.TrackBodies(t)
	for _, name := range []string{"X-Account-Quota-Bytes", "X-Account-Quota-Count", "X-Account-Quota-Bytes-Policy-gold", "X-Account-Meta-Quota-Bytes"} {
		for _, value := range []string{"abc", "-1", "1.0"} {
			req := webtest.Request("PUT", "/v1/a", name, value)
			req.Reseller = true
			if got := webtest.Do(build(t, webtest.NewNext()), req); got.Status != 400 {
				t.Errorf("%s %s: %d", name, value, got.Status)
			}
		}
	}
}

func TestQuotasAreShown(t *testing.T) {
	webtest.TrackBodies(t)
	h := build(t, webtest.NewNext(webtest.Answer(204, "", "X-Account-Sysmeta-Quota-Bytes", "1", "X-Account-Sysmeta-Quota-Count-Policy-7", "2")))
	got := webtest.Do(h, webtest.Request("HEAD", "/v1/a"))
	if got.Header.Get("X-Account-Quota-Bytes") != "1" || got.Header.Get("X-Account-Quota-Count-Policy-Unu") != "2" || got.Header.Get("X-Account-Quota-Count") != "" {
		t.Errorf("%v", got.Header)
	}
}
