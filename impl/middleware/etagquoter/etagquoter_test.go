package etagquoter_test

import (
	"testing"

	"apus/impl/middleware/etagquoter"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

const bare = "d41d8cd98f00b204e9800998ecf8427e"

func TestObjects(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct {
		name, options, account, container, etag string
		want                                    string
	}{
		{"off", "", "", "", bare, bare},
		{"cluster", "enable_by_default = yes", "", "", bare, `"` + bare + `"`},
		{"account", "", "True", "", bare, `"` + bare + `"`},
		{"container", "", "", "True", bare, `"` + bare + `"`},
		{"container off", "", "True", "False", bare, bare},
		{"account off", "enable_by_default = yes", "False", "", bare, bare},
		{"account off, container on", "", "False", "True", bare, `"` + bare + `"`},
		{"quoted", "", "", "True", `"` + bare + `"`, `"` + bare + `"`},
		{"weak", "", "", "True", `W/"x"`, `W/"x"`},
		{"half", "", "", "True", `x"`, `"x""`},
		{"none", "", "", "True", "", ""},
	} {
		f, env := webtest.Filter(t, etagquoter.New, nil, tt.options, nil)
		next := func(_ webtest.Context, req *web.Request) *web.Response {
			resp := webtest.Response(200, "x")
			set := func(name, v string) {
				if v != "" {
					resp.Header.Set(name, v)
				}
			}
			switch req.Path {
			case "/v1/a":
				set("X-Account-Sysmeta-Rfc-Compliant-Etags", tt.account)
			case "/v1/a/c":
				set("X-Container-Sysmeta-Rfc-Compliant-Etags", tt.container)
			default:
				set("Etag", tt.etag)
			}
			return resp
		}
		got := webtest.Do(f(web.HandlerFunc(next)), webtest.Request("GET", "/v1/a/c/o"))
		if got.Header.Get("Etag") != tt.want {
			t.Errorf("%s: %q", tt.name, got.Header.Get("Etag"))
		}
		if v, _ := env.Info.Public()["etag_quoter"].(map[string]any); v["enable_by_default"] != (tt.options != "") {
			t.Errorf("in /info: %v", v)
		}
	}
}

func TestMissing(t *testing.T) {
	webtest.TrackBodies(t)
	for _, status := range []int{404, 503} {
		f, _ := webtest.Filter(t, etagquoter.New, nil, "enable_by_default = yes", nil)
		next := webtest.NewNext(webtest.Answer(204, ""), webtest.Answer(status, ""), webtest.Answer(404, "", "Etag", bare))
		if got := webtest.Do(f(next), webtest.Request("GET", "/v1/a/c/o")); got.Status != 404 || got.Header.Get("Etag") != bare {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

func TestFlags(t *testing.T) {
	webtest.TrackBodies(t)
	f, _ := webtest.Filter(t, etagquoter.New, nil, "", nil)
	for _, tt := range []struct{ path, name, value, stored, want string }{
		{"/v1/a", "X-Account-Rfc-Compliant-Etags", "yes", "X-Account-Sysmeta-Rfc-Compliant-Etags", "True"},
		{"/v1/a/c", "X-Container-Rfc-Compliant-Etags", "no", "X-Container-Sysmeta-Rfc-Compliant-Etags", "False"},
		{"/v1/a/c", "X-Container-Rfc-Compliant-Etags", "", "X-Container-Sysmeta-Rfc-Compliant-Etags", ""},
		{"/v1/a/c", "X-Remove-Container-Rfc-Compliant-Etags", "x", "X-Container-Sysmeta-Rfc-Compliant-Etags", ""},
		{"/v1/a/c", "X-Account-Rfc-Compliant-Etags", "yes", "X-Container-Sysmeta-Rfc-Compliant-Etags", "absent"},
		{"/v2/a/c", "X-Container-Rfc-Compliant-Etags", "yes", "X-Container-Sysmeta-Rfc-Compliant-Etags", "absent"},
	} {
		next := webtest.NewNext(webtest.Answer(204, "", tt.stored, "True"))
		got := webtest.Do(f(next), webtest.Request("POST", tt.path, tt.name, tt.value))
		v, ok := next.Last().Header[tt.stored]
		if ok != (tt.want != "absent") || ok && v[0] != tt.want {
			t.Errorf("%+v: %q", tt, v)
		}
		if tt.path == "/v1/a/c" && (got.Header.Get("X-Container-Rfc-Compliant-Etags") != "True" || got.Header.Get(tt.stored) != "") {
			t.Errorf("%+v: %v", tt, got.Header)
		}
	}
}
