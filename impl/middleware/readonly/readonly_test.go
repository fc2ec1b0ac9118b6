package readonly_test

import (
	"strings"
	"testing"

	"apus/impl/middleware/readonly"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// world is accounts whose name is the value of their read-only flag.
func world(req *web.Request) *web.Response {
	if req.Method == "HEAD" && strings.Count(req.Path, "/") == 2 {
		return webtest.Response(204, "", "X-Account-Sysmeta-Read-Only", strings.TrimPrefix(req.Path, "/v1/"))
	}
	return webtest.Response(299, "went on")
}

func TestReadOnly(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct {
		options, method, path, to string
		want                      int
	}{
		{"", "PUT", "/v1/none/c/o", "", 299},
		{"", "PUT", "/v1/true/c/o", "", 405},
		{"", "POST", "/v1/true/c", "", 405},
		{"", "DELETE", "/v1/true/c", "", 405},
		{"", "POST", "/v1/true", "", 405},
		{"", "GET", "/v1/true/c/o", "", 299},
		{"", "HEAD", "/v1/true/c/o", "", 299},
		{"", "OPTIONS", "/v1/true/c/o", "", 299},
		{"", "PUT", "/v2/true/c/o", "", 299},
		{"", "POST", "/auth", "", 299},
		{"read_only = true", "PUT", "/v1/none/c/o", "", 299}, // "none" is an opinion, and not true
		{"read_only = true", "PUT", "/v1/false/c/o", "", 299},
		{"read_only = true", "PUT", "/v1/true/c/o", "", 405},
		{"allow_deletes = true", "DELETE", "/v1/true/c/o", "", 299},
		{"allow_deletes = true", "PUT", "/v1/true/c/o", "", 405},
		{"", "COPY", "/v1/true/c/o", "", 405},
		{"", "COPY", "/v1/true/c/o", "none", 299},
		{"", "COPY", "/v1/none/c/o", "true", 405},
		{"", "COPY", "/v1/none/c/o", "a/b", 412},
		{"", "PUT", "/v1/none/c/o", "true", 299},
	} {
		f, env := webtest.Filter(t, readonly.New, nil, tt.options, nil)
		req := webtest.Request(tt.method, tt.path)
		if tt.to != "" {
			req.Header.Set("Destination-Account", tt.to)
		}
		got := webtest.Do(f(web.HandlerFunc(func(_ webtest.Context, r *web.Request) *web.Response { return world(r) })), req)
		if got.Status != tt.want || got.Status == 405 && got.Body != "Writes are disabled for this account." {
			t.Errorf("%+v: %d %q", tt, got.Status, got.Body)
		}
		if _, listed := env.Info.Public()["read_only"]; listed != strings.HasPrefix(tt.options, "read_only") {
			t.Errorf("%s: in /info: %v", tt.options, listed)
		}
	}
}

func TestClusterWithoutOpinionOfTheAccount(t *testing.T) {
	webtest.TrackBodies(t)
	f, _ := webtest.Filter(t, readonly.New, nil, "read_only = yes", nil)
	if got := webtest.Do(f(webtest.NewNext(webtest.Answer(204, ""))), webtest.Request("PUT", "/v1/a/c")); got.Status != 405 {
		t.Error(got.Status)
	}
	// An account that does not exist is not created either.
	if got := webtest.Do(f(webtest.NewNext(webtest.Answer(404, ""))), webtest.Request("PUT", "/v1/a/c")); got.Status != 405 {
		t.Error(got.Status)
	}
}
