package all_test

import (
	"strings"
	"testing"

	"apus/impl/host"
	"apus/impl/middleware/all"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// The filters of a proxy stacked as in a pipeline.
func TestPipeline(t *testing.T) {
	webtest.TrackBodies(t)
	h := &host.Host{Clock: webtest.NewClock(1_800_000_000)}
	options := map[string]string{"memcache": "memcache_backend = local", "tempauth": "user_test_tester = testing .admin"}
	app := webtest.NewNext(webtest.Answer(200, "listing", "X-Account-Sysmeta-X", "secret"))
	var pipe web.Handler = app
	order := strings.Fields("catch_errors gatekeeper healthcheck proxy_logging memcache tempauth")
	for i := len(order) - 1; i >= 0; i-- {
		f, _ := webtest.Filter(t, all.Registry()[order[i]], h, options[order[i]], nil)
		pipe = f(pipe)
	}
	login := webtest.Do(pipe, webtest.Request("GET", "/auth/v1.0", "X-Auth-User", "test:tester", "X-Auth-Key", "testing"))
	got := webtest.Do(pipe, webtest.Request("GET", "/v1/AUTH_test", "X-Auth-Token", login.Header.Get("X-Auth-Token")))
	if got.Status != 200 || got.Body != "listing" || got.Header.Get("X-Trans-Id") == "" || got.Header.Get("X-Account-Sysmeta-X") != "" {
		t.Errorf("%+v", got)
	}
	if m := app.Last().Meta; m.UserID != "test:tester" || m.TxnID != got.Header.Get("X-Trans-Id") || m.Cache == nil {
		t.Errorf("%+v", m)
	}
	if got := webtest.Do(pipe, webtest.Request("GET", "/healthcheck")); got.Body != "OK" || got.Header.Get("X-Trans-Id") == "" {
		t.Errorf("%+v", got)
	}
}

// What a filter in front of the auth filter asks for itself needs no token.
func TestFilterInFrontOfAuth(t *testing.T) {
	webtest.TrackBodies(t)
	h := &host.Host{Clock: webtest.NewClock(1_800_000_000)}
	app := func(ctx webtest.Context, req *web.Request) *web.Response {
		if req.Authorize != nil {
			if denial := req.Authorize(ctx, req); denial != nil {
				return denial
			}
		}
		return webtest.Response(204, "", "X-Account-Sysmeta-Read-Only", "true")
	}
	auth, _ := webtest.Filter(t, all.Registry()["tempauth"], h, "user_test_tester = testing .admin", nil)
	readOnly, _ := webtest.Filter(t, all.Registry()["read_only"], h, "", nil)
	if got := webtest.Do(readOnly(auth(web.HandlerFunc(app))), webtest.Request("PUT", "/v1/AUTH_test/c")); got.Status != 405 {
		t.Error(got.Status)
	}
}

func TestNames(t *testing.T) {
	registry := all.Registry()
	for _, name := range strings.Fields("backend_ratelimit catch_errors gatekeeper healthcheck memcache proxy_logging recon slo tempauth") {
		if registry[name] == nil {
			t.Errorf("%s has no constructor", name)
		}
	}
}

// Filters outside of an auth filter look at accounts and containers all the
// same, also when nobody did before and nothing is cached.
func TestKeysBehindAuth(t *testing.T) {
	webtest.TrackBodies(t)
	h := &host.Host{Clock: webtest.NewClock(1_800_000_000)}
	app := web.HandlerFunc(func(ctx webtest.Context, req *web.Request) *web.Response {
		if req.Authorize != nil {
			if denial := req.Authorize(ctx, req); denial != nil {
				return denial
			}
		}
		return webtest.Response(200, "data", "X-Container-Meta-Temp-Url-Key", "key")
	})
	auth, _ := webtest.Filter(t, all.Registry()["tempauth"], h, "user_test_tester = testing .admin", nil)
	signed, _ := webtest.Filter(t, all.Registry()["tempurl"], h, "", nil)
	const sig = "25ce5460f7d82145e6b4776c59685577bd671fd47c4e4a53a1597ba23116b11a"
	got := webtest.Do(signed(auth(app)), webtest.Request("GET", "/v1/AUTH_test/c/o?temp_url_expires=1800000060&temp_url_sig="+sig))
	if got.Status != 200 || got.Body != "data" {
		t.Errorf("%+v", got)
	}
}
