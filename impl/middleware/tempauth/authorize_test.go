package tempauth_test

import (
	"context"
	"strings"
	"testing"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

const accountACL = `{"admin":["test2:tester2"],"read-write":["test:plain"],"read-only":["glance:glance"]}`

func TestAuthorize(t *testing.T) {
	const (
		admin, auditor, tester = "admin:admin admin", "admin:auditor ro", "test:tester testing"
		plain, tester2, glance = "test:plain plain", "test2:tester2 testing2", "glance:glance glancepw"
		anonymous              = ""
	)
	for _, tt := range []struct {
		name, user, method, path string
		acl, referer, account    string // container ACL, Referer, account ACL
		status                   int    // 0 allowed
		owner                    bool
	}{
		{"admin in his account", tester, "PUT", "/v1/AUTH_test/c/o", "", "", "", 0, true},
		{"admin reads his account", tester, "GET", "/v1/AUTH_test", "", "", "", 0, true},
		{"admin must not create his account", tester, "PUT", "/v1/AUTH_test", "", "", "", 403, false},
		{"admin must not delete his account", tester, "DELETE", "/v1/AUTH_test", "", "", "", 403, false},
		{"admin in another account", tester, "GET", "/v1/AUTH_test2/c/o", "", "", "", 403, false},
		{"account of no prefix of ours", tester, "GET", "/v1/OTHER_test/c/o", "", "", "", 403, false},
		{"no account", tester, "GET", "/v1", "", "", "", 403, false},
		{"plain user without ACL", plain, "GET", "/v1/AUTH_test/c/o", "", "", "", 403, false},
		{"plain user in ACL", plain, "GET", "/v1/AUTH_test/c/o", "test:plain", "", "", 0, false},
		{"his account in ACL", plain, "GET", "/v1/AUTH_x/c/o", "test", "", "", 0, false},
		{"other user in ACL", plain, "GET", "/v1/AUTH_test/c/o", "test:other", "", "", 403, false},
		{"anonymous", anonymous, "GET", "/v1/AUTH_test/c/o", "", "", "", 401, false},
		{"anonymous, public object", anonymous, "GET", "/v1/AUTH_test/c/o", ".r:*", "", "", 0, false},
		{"anonymous, public container not listable", anonymous, "GET", "/v1/AUTH_test/c", ".r:*", "", "", 401, false},
		{"anonymous, listable container", anonymous, "GET", "/v1/AUTH_test/c", ".r:*,.rlistings", "", "", 0, false},
		{"referer", anonymous, "GET", "/v1/AUTH_test/c/o", ".r:.example.com", "http://www.example.com/x", "", 0, false},
		{"other referer", anonymous, "GET", "/v1/AUTH_test/c/o", ".r:.example.com", "http://www.example.org/x", "", 401, false},
		{"anonymous OPTIONS", anonymous, "OPTIONS", "/v1/AUTH_test/c/o", "", "", "", 0, false},
		{"reseller admin anywhere", admin, "DELETE", "/v1/AUTH_other", "", "", "", 0, true},
		{"reseller admin not in dot accounts", admin, "GET", "/v1/AUTH_.auth/c", "", "", "", 403, false},
		{"reseller admin not in the bare prefix", admin, "GET", "/v1/AUTH_/c", "", "", "", 403, false},
		{"reseller reader reads", auditor, "GET", "/v1/AUTH_other/c/o", "", "", "", 0, false},
		{"reseller reader does not write", auditor, "PUT", "/v1/AUTH_other/c/o", "", "", "", 403, false},
		{"account ACL admin", tester2, "POST", "/v1/AUTH_test", "", "", accountACL, 0, true},
		{"account ACL writer writes", plain, "PUT", "/v1/AUTH_test/c/o", "", "", accountACL, 0, false},
		{"account ACL writer lists", plain, "GET", "/v1/AUTH_test", "", "", accountACL, 0, false},
		{"account ACL writer does not post to the account", plain, "POST", "/v1/AUTH_test", "", "", accountACL, 403, false},
		{"account ACL reader reads", glance, "HEAD", "/v1/AUTH_test/c/o", "", "", accountACL, 0, false},
		{"account ACL reader does not write", glance, "PUT", "/v1/AUTH_test/c/o", "", "", accountACL, 403, false},
		{"account ACL broken", tester2, "GET", "/v1/AUTH_test", "", "", "{broken", 403, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			f := build(t, "", true)
			var header []string
			if name, key, ok := strings.Cut(tt.user, " "); ok {
				header = []string{"X-Auth-Token", f.token(name, key)}
			}
			if tt.referer != "" {
				header = append(header, "Referer", tt.referer)
			}
			resp, req := f.authorize(tt.method, tt.path, tt.acl, tt.account, header...)
			status := 0
			if resp != nil {
				status = resp.Status
				resp.Abandon()
			}
			if status != tt.status || req.Owner != tt.owner {
				t.Errorf("status %d owner %v, want %d %v", status, req.Owner, tt.status, tt.owner)
			}
			if req.CleanACL == nil && strings.HasPrefix(tt.path, "/v1/AUTH_") {
				t.Error("nobody checks ACLs")
			}
			if req.Reseller != (tt.user == admin) {
				t.Errorf("reseller %v", req.Reseller)
			}
		})
	}
}

// A daemon of another cluster writes where it knows the container's key.
func TestSyncKey(t *testing.T) {
	webtest.TrackBodies(t)
	f := build(t, "", true)
	for _, tt := range []struct {
		stored, given string
		status        int
	}{{"secret", "secret", 0}, {"secret", "other", 401}, {"secret", "", 401}, {"", "", 401}, {"", "secret", 401}} {
		app := func(req *web.Request) *web.Response {
			req.SyncKey = tt.stored
			if denial := req.Authorize(context.Background(), req); denial != nil {
				return denial
			}
			return webtest.Response(201, "")
		}
		f.next.Script(app)
		header := []string{}
		if tt.given != "" {
			header = append(header, "X-Container-Sync-Key", tt.given)
		}
		got := webtest.Do(f.h, webtest.Request("PUT", "/v1/AUTH_test/c/o", header...))
		if got.Status != max(tt.status, 201) {
			t.Errorf("%+v: %d", tt, got.Status)
		}
	}
}

// authorize sends a request to a proxy that finds these ACLs and calls
// Authorize. What it is asked for besides is the account's HEAD.
func (f *fixture) authorize(method, path, acl, account string, header ...string) (*web.Response, *web.Request) {
	f.t.Helper()
	var verdict *web.Response
	var seen *web.Request
	app := func(req *web.Request) *web.Response {
		req.ACL = acl
		verdict = req.Authorize(context.Background(), req)
		seen = req
		return webtest.Response(200, "")
	}
	accountHead := func(req *web.Request) *web.Response {
		if req.Method != "HEAD" || req.Source == "" || req.Authorize != nil || !req.Owner || strings.Count(req.Path, "/") != 2 {
			f.t.Errorf("sub-request %s %s of %q", req.Method, req.Path, req.Source)
		}
		return webtest.Response(204, "", "X-Account-Sysmeta-Core-Access-Control", account)
	}
	f.next.Script(app, accountHead)
	if got := f.do(method, path, header...); got.Status != 200 {
		f.t.Fatalf("status %d before the proxy", got.Status)
	}
	return verdict, seen
}

func TestServiceToken(t *testing.T) {
	const options = "reseller_prefix = AUTH, SERVICE\nSERVICE_require_group = .service"
	for _, tt := range []struct {
		name, path, service string
		status              int
	}{
		{"own account", "/v1/AUTH_test/c", "", 0},
		{"service account alone", "/v1/SERVICE_test/c", "", 403},
		{"service account with the service", "/v1/SERVICE_test/c", "glance:glance glancepw", 0},
		{"service account with no service", "/v1/SERVICE_test/c", "test:plain plain", 403},
		{"another's service account", "/v1/SERVICE_test2/c", "glance:glance glancepw", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			f := build(t, options, true)
			header := []string{"X-Auth-Token", f.token("test:tester", "testing")}
			if name, key, ok := strings.Cut(tt.service, " "); ok {
				header = append(header, "X-Service-Token", f.token(name, key))
			}
			resp, _ := f.authorize("GET", tt.path, "", "", header...)
			status := 0
			if resp != nil {
				status = resp.Status
				resp.Abandon()
			}
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
		})
	}
}

func TestSetAccountACL(t *testing.T) {
	webtest.TrackBodies(t)
	f := build(t, "", true)
	token := f.token("test:tester", "testing")
	resp, req := f.authorize("POST", "/v1/AUTH_test", "", "", "X-Auth-Token", token, "X-Account-Access-Control", accountACL)
	if resp != nil || req.Header.Get("X-Account-Sysmeta-Core-Access-Control") != accountACL || req.Header.Get("X-Account-Access-Control") != "" {
		t.Errorf("verdict %v, header %v", resp, req.Header)
	}
	resp, _ = f.authorize("POST", "/v1/AUTH_test", "", "", "X-Auth-Token", token, "X-Account-Access-Control", `{"x":[]}`)
	if resp == nil || resp.Status != 400 {
		t.Fatalf("a bad list passed: %v", resp)
	}
	text, _ := resp.ReadAll(1000)
	if want := "X-Account-Access-Control invalid: Key \"x\" not recognized\n\nInput: {\"x\":[]}\n"; string(text) != want {
		t.Errorf("explained %q", text)
	}
}

func TestEmptyPrefix(t *testing.T) {
	webtest.TrackBodies(t)
	f := build(t, "reseller_prefix = ''", true)
	got := f.do("GET", "/auth/v1.0", "X-Auth-User", "test:tester", "X-Auth-Key", "testing")
	token := got.Header.Get("X-Auth-Token")
	if !strings.HasPrefix(token, "tk") || got.Header.Get("X-Storage-Url") != "http://swift.example:8080/v1/test" {
		t.Fatalf("%v", got.Header)
	}
	if resp, req := f.authorize("PUT", "/v1/test/c", "", "", "X-Auth-Token", token); resp != nil || !req.Owner {
		t.Errorf("own account refused: %v", resp)
	}
	resp, _ := f.authorize("PUT", "/v1/test/c", "", "", "X-Auth-Token", "unknown")
	if resp == nil || resp.Status != 401 {
		t.Fatalf("an unknown token passed: %v", resp)
	}
	resp.Abandon()
}
