package domainremap_test

import (
	"reflect"
	"testing"

	"apus/impl/middleware/domainremap"
	"apus/impl/web/webtest"
)

func TestTranslation(t *testing.T) {
	webtest.TrackBodies(t)
	const mangle = "mangle_client_paths = yes"
	for _, tt := range []struct{ options, host, path, want string }{
		{"", "example.com", "/v1/a", "/v1/a"},
		{"", "a.example.org", "/c/o", "/c/o"},
		{"", "AUTH_a.example.com", "/", "/v1/AUTH_a/"},
		{"", "AUTH_a.example.com", "/c/o", "/v1/AUTH_a/c/o"},
		{"", "AUTH-a.example.com:8080", "/c/o", "/v1/AUTH_a/c/o"},
		{"", "auth-a-b.example.com", "/c", "/v1/AUTH_a-b/c"},
		{"", "auth_a-b.example.com", "/c", "/v1/AUTH_a-b/c"},
		{"", "c.AUTH_a.example.com", "/o", "/v1/AUTH_a/c/o"},
		{"", "c.AUTH_a.example.com", "/", "/v1/AUTH_a/c/"},
		{"", "c.AUTH_a.example.com", "//v1", "/v1/AUTH_a/c//v1"},
		{"", "c.AUTH_a.example.com", "/v1/o", "/v1/AUTH_a/c/v1/o"},
		{"", "x.c.AUTH_a.example.com", "/o", ""},
		{"", "other_a.example.com", "/c", "/c"},
		{"", "c.a.example.com", "/o", "/o"},
		{mangle, "AUTH_a.example.com", "/v1/c/o", "/v1/AUTH_a/c/o"},
		{mangle, "AUTH_a.example.com", "/v1", "/v1/AUTH_a/"},
		{mangle, "c.AUTH_a.example.com", "/v1/o", "/v1/AUTH_a/c/o"},
		{mangle, "c.AUTH_a.example.com", "/v1o", "/v1/AUTH_a/c/v1o"},
		{"path_root = /v1.0/", "AUTH_a.example.com", "/c", "/v1.0/AUTH_a/c"},
		{"path_root = ", "AUTH_a.example.com", "/c", "//AUTH_a/c"},
		{"default_reseller_prefix = AUTH", "c.a.example.com", "/o", "/v1/AUTH_a/c/o"},
		{"default_reseller_prefix = AUTH", "c.a-b.example.com", "/o", "/v1/AUTH_a_b/c/o"},
		{"reseller_prefixes = ", "c.a-b.example.com", "/o", "/v1/a-b/c/o"},
		{"reseller_prefixes = X, Pre", "c.pRE-b.example.com", "/o", "/v1/Pre_b/c/o"},
		{"storage_domain = one.net, .two.org", "c.AUTH_a.two.org", "/o", "/v1/AUTH_a/c/o"},
		{"storage_domain = one.net, .two.org", "c.AUTH_a.one.net", "/o", "/v1/AUTH_a/c/o"},
		{"storage_domain = ", "c.AUTH_a.example.com", "/o", "/o"},
	} {
		f, _ := webtest.Filter(t, domainremap.New, nil, tt.options, nil)
		next := webtest.NewNext(webtest.Answer(299, ""))
		req := webtest.Request("GET", tt.path)
		req.Host = tt.host
		got := webtest.Do(f(next), req)
		switch {
		case tt.want == "":
			if got.Status != 400 || got.Body != "Bad domain in host header" || got.Header.Get("Content-Type") != "text/plain" {
				t.Errorf("%+v: %+v", tt, got)
			}
		case got.Status != 299 || next.Last().Path != tt.want || next.Last().Host != tt.host:
			t.Errorf("%+v: %s", tt, next.Last().Path)
		case req.Path != tt.path:
			t.Errorf("%+v: the filters in front see %s", tt, req.Path)
		}
	}
}

// A redirect names the path that the client knows.
func TestRedirects(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct{ host, path, location, want string }{
		{"c.AUTH_a.example.com", "/dir", "http://c.AUTH_a.example.com/v1/AUTH_a/c/dir/", "http://c.AUTH_a.example.com/dir/"},
		{"c.AUTH_a.example.com", "/dir", "/v1/AUTH_a/c/dir/", "/dir/"},
		{"c.AUTH_a.example.com", "/d r", "https://x/v1/AUTH_a/c/d%20r/?q", "https://x/d%20r/?q"},
		{"c.AUTH_a.example.com", "/d:r", "/v1/AUTH_a/c/d:r/", "/d%3Ar/"},
		{"c.AUTH_a.example.com", "/d:r", "/v1/AUTH_a/c/d%3Ar/", "/d%3Ar/"},
		{"AUTH_a.example.com", "/c/dir", "/elsewhere", "/elsewhere"},
		{"AUTH_a.example.com", "/c/dir", "http://other.org", "http://other.org"},
	} {
		for _, name := range []string{"Location", "Content-Location"} {
			f, _ := webtest.Filter(t, domainremap.New, nil, "", nil)
			req := webtest.Request("GET", tt.path)
			req.Host = tt.host
			got := webtest.Do(f(webtest.NewNext(webtest.Answer(301, "", name, tt.location))), req)
			if got.Header.Get(name) != tt.want {
				t.Errorf("%+v: %s", tt, got.Header.Get(name))
			}
		}
	}
}

func TestInfo(t *testing.T) {
	for options, want := range map[string]any{"": nil, "default_reseller_prefix = X": "X"} {
		_, env := webtest.Filter(t, domainremap.New, nil, options, nil)
		if got := env.Info.Public()["domain_remap"]; !reflect.DeepEqual(got, map[string]any{"default_reseller_prefix": want}) {
			t.Errorf("%q: %v", options, got)
		}
	}
}
