package tempauth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/memcache"
	"apus/impl/middleware"
	"apus/impl/middleware/tempauth"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

const users = `
user_admin_admin = admin .admin .reseller_admin
user_admin_auditor = ro .reseller_reader
user_test_tester = testing .admin
user_test_plain = plain
user_test2_tester2 = testing2 .admin
user_glance_glance = glancepw .service
user64_dW5kZXJfc2NvcmU_YV9i = secret .admin
user_far_away = far .admin https://elsewhere/v1/AUTH_far
`

const fernetOptions = `
fernet_key_old = Y3J5cHRvZ3JhcGh5X19fX2lzX19fX2Z1bl9fX19fX18=
fernet_key_new = cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=
active_fernet_key_id = new
`

type fixture struct {
	t     *testing.T
	clock *webtest.Clock
	cache web.Cache
	next  *webtest.Next
	h     web.Handler
	heard []string // counts
}

func build(t *testing.T, options string, cache bool, answers ...func(*web.Request) *web.Response) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: webtest.NewClock(1_800_000_000), next: webtest.NewNext(answers...)}
	if cache {
		f.cache = memcache.NewLocal(1<<20, f.clock)
	}
	ev := &event.Sink{Count: func(e event.Count) { f.heard = append(f.heard, e.Scope+" "+e.Name) }}
	filter, env := webtest.Filter(t, tempauth.New, &host.Host{Clock: f.clock}, users+options, ev)
	f.h = filter(f.next)
	if env.Info.Public()["tempauth"] == nil {
		t.Error("/info says nothing of tempauth")
	}
	return f
}

// do sends a request; the answer comes from tempauth or from next.
func (f *fixture) do(method, path string, header ...string) webtest.Result {
	f.t.Helper()
	req := webtest.Request(method, path, header...)
	req.Host, req.Meta.Cache = "swift.example:8080", f.cache
	return webtest.Do(f.h, req)
}

// token logs in.
func (f *fixture) token(user, key string) string {
	f.t.Helper()
	got := f.do("GET", "/auth/v1.0", "X-Auth-User", user, "X-Auth-Key", key)
	token := got.Header.Get("X-Auth-Token")
	if got.Status != 200 || token == "" || got.Header.Get("X-Storage-Token") != token {
		f.t.Fatalf("%s: %d %v", user, got.Status, got.Header)
	}
	return token
}

func TestGetToken(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		header     []string
		status     int
		storage    string
		realm      string
	}{
		{"v1.0", "/auth/v1.0", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "testing"}, 200, "http://swift.example:8080/v1/AUTH_test", ""},
		{"v1.0 with slash", "/auth/v1.0/", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "testing"}, 200, "http://swift.example:8080/v1/AUTH_test", ""},
		{"old names", "/auth/v1.0", []string{"X-Storage-User", "test:tester", "X-Storage-Pass", "testing"}, 200, "http://swift.example:8080/v1/AUTH_test", ""},
		{"auth", "/auth/auth", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "testing"}, 200, "http://swift.example:8080/v1/AUTH_test", ""},
		{"account in path", "/auth/v1/test/auth", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "testing"}, 200, "http://swift.example:8080/v1/AUTH_test", ""},
		{"account in path, bare user", "/auth/v1/test/auth", []string{"X-Storage-User", "tester", "X-Storage-Pass", "testing"}, 200, "http://swift.example:8080/v1/AUTH_test", ""},
		{"account in path, other account", "/auth/v1/test2/auth", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "testing"}, 401, "", "test2"},
		{"underscores", "/auth/v1.0", []string{"X-Auth-User", "under_score:a_b", "X-Auth-Key", "secret"}, 200, "http://swift.example:8080/v1/AUTH_under_score", ""},
		{"own storage URL", "/auth/v1.0", []string{"X-Auth-User", "far:away", "X-Auth-Key", "far"}, 200, "https://elsewhere/v1/AUTH_far", ""},
		{"wrong key", "/auth/v1.0", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "wrong"}, 401, "", "test"},
		{"unknown user", "/auth/v1.0", []string{"X-Auth-User", "test:nobody", "X-Auth-Key", "testing"}, 401, "", "test"},
		{"no key", "/auth/v1.0", []string{"X-Auth-User", "test:tester"}, 401, "", "test"},
		{"no user", "/auth/v1.0", []string{"X-Auth-Key", "testing"}, 401, "", "unknown"},
		{"no account", "/auth/v1.0", []string{"X-Auth-User", "tester", "X-Auth-Key", "testing"}, 401, "", "unknown"},
		{"empty account", "/auth/v1.0", []string{"X-Auth-User", ":tester", "X-Auth-Key", "testing"}, 401, "", "unknown"},
		{"unknown version", "/auth/v2", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "testing"}, 400, "", ""},
		{"v1 without account", "/auth/v1", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "testing"}, 400, "", ""},
		{"nothing", "/auth/", nil, 404, "", ""},
		{"empty account in path", "/auth/v1//auth", []string{"X-Storage-User", "tester", "X-Auth-Key", "testing"}, 404, "", ""},
		{"empty part", "/auth/v1.0//x", nil, 404, "", ""},
		{"more behind v1.0", "/auth/v1.0/x/y/z", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "testing"}, 200, "http://swift.example:8080/v1/AUTH_test", ""},
		{"more behind auth", "/auth/v1/test/auth/x", []string{"X-Auth-User", "test:tester", "X-Auth-Key", "testing"}, 400, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			got := build(t, "", true).do("GET", tt.path, tt.header...)
			if got.Status != tt.status || got.Header.Get("X-Storage-Url") != tt.storage {
				t.Errorf("%d, X-Storage-Url %q", got.Status, got.Header.Get("X-Storage-Url"))
			}
			want := ""
			if tt.status == 401 {
				want = `Swift realm="` + tt.realm + `"`
			}
			if got.Header.Get("Www-Authenticate") != want {
				t.Errorf("Www-Authenticate %q", got.Header.Get("Www-Authenticate"))
			}
			if token := got.Header.Get("X-Auth-Token"); (tt.status == 200) != strings.HasPrefix(token, "AUTH_tk") {
				t.Errorf("token %q", token)
			}
		})
	}
	webtest.TrackBodies(t)
	f := build(t, "storage_url_scheme = https\nauth_prefix = login", true)
	if got := f.do("POST", "/login/v1.0"); got.Status != 405 {
		t.Errorf("POST: %d", got.Status)
	}
	got := f.do("GET", "/login/v1.0", "X-Auth-User", "test:tester", "X-Auth-Key", "testing")
	if u := got.Header.Get("X-Storage-Url"); u != "https://swift.example:8080/v1/AUTH_test" {
		t.Errorf("X-Storage-Url %q", u)
	}
	if f := build(t, "", false); f.do("GET", "/auth/v1.0", "X-Auth-User", "test:tester", "X-Auth-Key", "testing").Status != 500 {
		t.Error("a token without cache and fernet key")
	}
}

func TestTokenLife(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct {
		name, options, prefix string
		cache                 bool
	}{
		{"cached", "token_life = 100", "AUTH_tk", true},
		{"fernet", "token_life = 100" + fernetOptions, "AUTH_ftk", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := build(t, tt.options, tt.cache)
			token := f.token("test:tester", "testing")
			if !strings.HasPrefix(token, tt.prefix) {
				t.Fatalf("token %q", token)
			}
			f.clock.Advance(40 * time.Second)
			again := f.do("GET", "/auth/v1.0", "X-Auth-User", "test:tester", "X-Auth-Key", "testing").Header
			if tt.cache && (again.Get("X-Auth-Token") != token || again.Get("X-Auth-Token-Expires") != "60") {
				t.Errorf("second login: %v", again)
			}
			if f.do("GET", "/v1/AUTH_test", "X-Auth-Token", token).Status != 404 { // next answered
				t.Error("refused while valid")
			}
			if m := f.next.Last().Meta; m.UserID != "test:tester" || m.User != "test,test:tester,AUTH_test" {
				t.Errorf("user %q groups %q", m.UserID, m.User)
			}
			f.clock.Advance(61 * time.Second)
			if got := f.do("GET", "/v1/AUTH_test", "X-Auth-Token", token); got.Status != 401 || got.Header.Get("Www-Authenticate") != `Swift realm="AUTH_test"` {
				t.Errorf("expired: %d %v", got.Status, got.Header)
			}
		})
	}
}

// Tokens that Python's cryptography and zlib made from the same keys.
func TestForeignFernetTokens(t *testing.T) {
	webtest.TrackBodies(t)
	for name, token := range foreignTokens {
		t.Run(name, func(t *testing.T) {
			f := build(t, fernetOptions, false)
			if got := f.do("GET", "/v1/AUTH_test", "X-Auth-Token", token); got.Status != 404 {
				t.Fatalf("status %d", got.Status)
			}
			if got := f.next.Last().Meta.User; got != foreignGroups[name] {
				t.Errorf("groups %q", got)
			}
			bad := token[:len(token)-10] + "AAAAAAAAA="
			if got := f.do("GET", "/v1/AUTH_test", "X-Auth-Token", bad); got.Status != 401 {
				t.Errorf("a forged token: %d", got.Status)
			}
			f.clock.Advance(-time.Hour)
			if got := f.do("GET", "/v1/AUTH_test", "X-Auth-Token", token); got.Status != 401 {
				t.Errorf("a token from the future: %d", got.Status)
			}
		})
	}
}

func TestBadTokens(t *testing.T) {
	webtest.TrackBodies(t)
	f := build(t, fernetOptions, true)
	for _, token := range []string{"AUTH_", "AUTH_tk", "AUTH_tkffff", "AUTH_ftk", "AUTH_ftkgAAA", "AUTH_zftkx", "AUTH_other"} {
		if got := f.do("GET", "/v1/AUTH_test", "X-Auth-Token", token); got.Status != 401 {
			t.Errorf("%s: %d", token, got.Status)
		}
	}
	// Not our token and not our account: somebody else may decide, else no.
	f.do("GET", "/v1/OTHER_x", "X-Auth-Token", "OTHER_tk")
	req := f.next.Last()
	if resp := req.Authorize(context.Background(), req); resp == nil || resp.Status != 401 {
		t.Error("a foreign account was not refused")
	} else {
		resp.Abandon()
	}
}

func TestOverride(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct {
		options string
		kept    bool
	}{{"", true}, {"allow_overrides = false", false}} {
		f := build(t, tt.options, false)
		req := webtest.Request("GET", "/v1/AUTH_test/c/o")
		req.AuthorizeOverride = true
		req.Authorize = func(context.Context, *web.Request) *web.Response { return nil }
		webtest.Do(f.h, req)
		last := f.next.Last()
		resp := last.Authorize(context.Background(), last)
		if (resp == nil) != tt.kept {
			t.Errorf("%q: kept %v", tt.options, resp == nil)
		}
		if resp != nil {
			resp.Abandon()
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, options := range []string{
		"user_only = key", "user_a_b_c = key", "user_a_b =", "user64_a*_b = key", "token_life = long",
		"fernet_key_x = short", "fernet_keyx = Y3J5cHRvZ3JhcGh5X19fX2lzX19fX2Z1bl9fX19fX18=", "active_fernet_key_id = none",
	} {
		file, err := config.Parse("[filter:x]\n"+options, "test.conf")
		if err != nil {
			t.Fatal(err)
		}
		env := &middleware.Env{Host: &host.Host{Clock: webtest.NewClock(1)}, Info: middleware.NewCapabilities()}
		if _, err = tempauth.New(env, file.Section("filter:x")); err != nil || file.Err() == nil {
			t.Errorf("%s: accepted (%v)", options, err)
		}
	}
}

func TestCounts(t *testing.T) {
	login := func(path, key string) func(*fixture) {
		return func(f *fixture) { f.do("GET", path, "X-Auth-User", "test:tester", "X-Auth-Key", key) }
	}
	authorize := func(user, key, path string) func(*fixture) {
		return func(f *fixture) {
			var header []string
			if user != "" {
				header = []string{"X-Auth-Token", f.token(user, key)}
			}
			f.do("GET", path, header...)
			req := f.next.Last()
			if resp := req.Authorize(context.Background(), req); resp != nil {
				resp.Discard()
			}
		}
	}
	for _, tt := range []struct {
		name, options string
		cache         bool
		do            func(*fixture)
		want          string
	}{
		{"login", "", true, login("/auth/v1.0", "testing"), ""},
		{"wrong key", "", true, login("/auth/v1.0", "wrong"), "tempauth.AUTH_ token_denied"},
		{"no cache", "", false, login("/auth/v1.0", "testing"), "tempauth.AUTH_ errors"},
		{"no path", "", true, login("/auth/", "testing"), "tempauth.AUTH_ errors"},
		{"unknown version", "", true, login("/auth/v7", "testing"), "tempauth.AUTH_ errors"},
		{"bad token", "", true, func(f *fixture) { f.do("GET", "/v1/AUTH_test", "X-Auth-Token", "AUTH_tkx") }, "tempauth.AUTH_ unauthorized"},
		{"allowed", "", true, authorize("test:tester", "testing", "/v1/AUTH_test/c"), ""},
		{"nobody", "", true, authorize("", "", "/v1/AUTH_test/c"), "tempauth.AUTH_ unauthorized"},
		{"somebody else", "", true, authorize("test2:tester2", "testing2", "/v1/AUTH_test/c"), "tempauth.AUTH_ forbidden"},
		{"no prefix", "reseller_prefix =", true, login("/auth/v1.0", "wrong"), "tempauth.NONE token_denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			f := build(t, tt.options, tt.cache)
			tt.do(f)
			if got := strings.Join(f.heard, ","); got != tt.want {
				t.Errorf("counted %q", got)
			}
		})
	}
}

func TestRealm(t *testing.T) {
	webtest.TrackBodies(t)
	for path, want := range map[string]string{
		"/v1/AUTH_test": "AUTH_test", "/v1/AUTH_test/c/o": "AUTH_test", "//v1/AUTH_test": "unknown", "/v1/": "unknown",
	} {
		got := build(t, "", true).do("GET", path, "X-Auth-Token", "AUTH_tkbad")
		if v := got.Header.Get("Www-Authenticate"); got.Status != 401 || v != `Swift realm="`+want+`"` {
			t.Errorf("%s: %d %s", path, got.Status, v)
		}
	}
}
