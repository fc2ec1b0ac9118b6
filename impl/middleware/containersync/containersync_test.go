package containersync_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/middleware"
	"apus/impl/middleware/containersync"
	"apus/impl/realms"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

const conf = "[US]\nkey = first\nkey2 = second\ncluster_dfw1 = http://dfw1.host/v1/\n[empty]\nkey = x\n"

func build(t *testing.T, options string) (web.Filter, *middleware.Env, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "container-sync-realms.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return buildIn(t, dir, options)
}

// world is a container with a key, and one without; everything else answers 299.
func world(seen *[]*web.Request) web.Handler {
	return web.HandlerFunc(func(_ webtest.Context, req *web.Request) *web.Response {
		if req.Source == "GET_CONTAINER_INFO" || req.Source == "GET_ACCOUNT_INFO" {
			switch req.Path {
			case "/v1/a/c":
				return webtest.Response(204, "", "X-Container-Sync-Key", "userkey")
			case "/v1/a/versions":
				return webtest.Response(204, "", "X-Container-Sysmeta-Versions-Container", "v")
			}
			return webtest.Response(204, "")
		}
		if seen != nil {
			*seen = append(*seen, req)
		}
		return webtest.Response(299, "went on")
	})
}

func TestSignatures(t *testing.T) {
	webtest.TrackBodies(t)
	sign := func(method, path, stamp, key, user string) string {
		return realms.Sign(method, path, stamp, "nonce", key, user)
	}
	for _, tt := range []struct{ name, method, path, stamp, auth, log string }{
		{"valid", "PUT", "/v1/a/c/o", "", "US nonce " + sign("PUT", "/v1/a/c/o", "0", "first", "userkey"), "cs:valid"},
		{"realm in small letters", "PUT", "/v1/a/c/o", "", "us nonce " + sign("PUT", "/v1/a/c/o", "0", "first", "userkey"), "cs:valid"},
		{"second key", "PUT", "/v1/a/c/o", "", "US nonce " + sign("PUT", "/v1/a/c/o", "0", "second", "userkey"), "cs:valid"},
		{"with a timestamp", "DELETE", "/v1/a/c/o", "1455221706.726999", "US nonce " + sign("DELETE", "/v1/a/c/o", "1455221706.726999", "first", "userkey"), "cs:valid"},
		{"encoded", "PUT", "/v1/a/c/ü:1", "", "US nonce " + sign("PUT", "/v1/a/c/%C3%BC%3A1", "0", "first", "userkey"), "cs:valid"},
		{"other timestamp", "PUT", "/v1/a/c/o", "2", "US nonce " + sign("PUT", "/v1/a/c/o", "1", "first", "userkey"), "cs:invalid-sig"},
		{"other method", "PUT", "/v1/a/c/o", "", "US nonce " + sign("GET", "/v1/a/c/o", "0", "first", "userkey"), "cs:invalid-sig"},
		{"other path", "PUT", "/v1/a/c/o2", "", "US nonce " + sign("PUT", "/v1/a/c/o", "0", "first", "userkey"), "cs:invalid-sig"},
		{"other key", "PUT", "/v1/a/c/o", "", "US nonce " + sign("PUT", "/v1/a/c/o", "0", "third", "userkey"), "cs:invalid-sig"},
		{"no key at all", "PUT", "/v1/a/c/o", "", "US nonce " + sign("PUT", "/v1/a/c/o", "0", "", "userkey"), "cs:invalid-sig"},
		{"no second key", "PUT", "/v1/a/c/o", "", "empty nonce " + sign("PUT", "/v1/a/c/o", "0", "", "userkey"), "cs:invalid-sig"},
		{"two words", "PUT", "/v1/a/c/o", "", "US nonce", "cs:not-3-args"},
		{"four words", "PUT", "/v1/a/c/o", "", "US nonce sig x", "cs:not-3-args"},
		{"unknown realm", "PUT", "/v1/a/c/o", "", "EU nonce sig", "cs:no-local-realm-key"},
		{"no container key", "PUT", "/v1/a/nokey/o", "", "US nonce " + sign("PUT", "/v1/a/nokey/o", "0", "first", ""), "cs:no-local-user-key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen []*web.Request
			f, _, _ := build(t, "")
			req := webtest.Request(tt.method, tt.path, "X-Container-Sync-Auth", tt.auth)
			if tt.stamp != "" {
				req.Header.Set("X-Backend-Inbound-X-Timestamp", tt.stamp)
			}
			got := webtest.Do(f(world(&seen)), req)
			if strings.Join(req.Meta.LogInfo, " ") != tt.log {
				t.Errorf("log %v", req.Meta.LogInfo)
			}
			if tt.log != "cs:valid" {
				if got.Status != 401 || len(seen) != 0 || got.Header.Get("Www-Authenticate") != `SwiftContainerSync realm="a"` ||
					got.Header.Get("Content-Type") != "text/plain" ||
					got.Body != "X-Container-Sync-Auth header not valid; contact cluster operator for support." {
					t.Errorf("%+v", got)
				}
				return
			}
			if got.Status != 299 || !seen[0].AuthorizeOverride || !seen[0].Verbatim || seen[0].Header.Get("X-Timestamp") != tt.stamp ||
				seen[0].Header.Get("X-Backend-Inbound-X-Timestamp") != "" {
				t.Errorf("%+v %+v", got, seen[0])
			}
		})
	}
}

func TestOthersGoOn(t *testing.T) {
	webtest.TrackBodies(t)
	f, _, _ := build(t, "")
	for _, path := range []string{"/v1/a", "/v2/a/c/o", "/auth/v1.0", "/v1/a/c/o"} {
		var seen []*web.Request
		req := webtest.Request("PUT", path)
		if path != "/v1/a/c/o" {
			req.Header.Set("X-Container-Sync-Auth", "nonsense")
		}
		if got := webtest.Do(f(world(&seen)), req); got.Status != 299 || seen[0].AuthorizeOverride || seen[0].Verbatim {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
}

func TestSyncTo(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct{ options, method, path, to, want string }{
		{"", "PUT", "/v1/a/c", "http://127.0.0.1/v1/a/c", "went on"},
		{"", "POST", "/v1/a/versions", "//us/dfw1/a/c", "Cannot configure container sync on a container with object versioning configured."},
		{"", "GET", "/v1/a/versions", "//us/dfw1/a/c", "went on"},
		{"", "POST", "/v1/a/versions", "", "went on"},
		{"allow_full_urls = no", "POST", "/v1/a/c", "//us/dfw1/a/c", "went on"},
		{"allow_full_urls = no", "POST", "/v1/a/c", "http://127.0.0.1/v1/a/c", "Full URLs are not allowed for X-Container-Sync-To values. " +
			"Only realm values of the format //realm/cluster/account/container are allowed.\n"},
	} {
		f, _, _ := build(t, tt.options)
		got := webtest.Do(f(world(nil)), webtest.Request(tt.method, tt.path, "X-Container-Sync-To", tt.to))
		if got.Body != tt.want || (got.Status == 400) != (tt.want != "went on") {
			t.Errorf("%+v: %d %q", tt, got.Status, got.Body)
		}
	}
}

func TestInfo(t *testing.T) {
	webtest.TrackBodies(t)
	for options, want := range map[string]string{
		"":                     `{"realms":{"US":{"clusters":{"DFW1":{}}}}}`,
		"current = //us/dfw1":  `{"realms":{"US":{"clusters":{"DFW1":{"current":true}}}}}`,
		"current = us":         `{"realms":{"US":{"clusters":{"DFW1":{}}}}}`,
		"current = //eu/dfw1/": `{"realms":{"US":{"clusters":{"DFW1":{}}}}}`,
	} {
		_, env, _ := build(t, options)
		if got, err := json.Marshal(env.Info.Public()["container_sync"]); err != nil || string(got) != want {
			t.Errorf("%s: %s %v", options, got, err)
		}
	}
}

// GET /info shows what the file says now.
func TestInfoIsFresh(t *testing.T) {
	webtest.TrackBodies(t)
	f, env, dir := build(t, "")
	name := filepath.Join(dir, "container-sync-realms.conf")
	text := "[DEFAULT]\nmtime_check_interval = 0\n[US]\nkey = k\ncluster_ord1 = http://ord1/\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	later := time.Unix(2_000_000_000, 0)
	if err := os.Chtimes(name, later, later); err != nil {
		t.Fatal(err)
	}
	show := func() string {
		if got := webtest.Do(f(world(nil)), webtest.Request("GET", "/info")); got.Status != 299 {
			t.Error(got.Status)
		}
		v, err := json.Marshal(env.Info.Public()["container_sync"])
		if err != nil {
			t.Fatal(err)
		}
		return string(v)
	}
	if got := show(); got != `{"realms":{"US":{"clusters":{"DFW1":{}}}}}` {
		t.Errorf("before the file is due: %s", got)
	}
	f, env, _ = buildIn(t, dir, "")
	if got := show(); got != `{"realms":{"US":{"clusters":{"ORD1":{}}}}}` {
		t.Error(got)
	}
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "ord1", "lon1")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := show(); got != `{"realms":{"US":{"clusters":{"LON1":{}}}}}` {
		t.Error(got)
	}
}

func buildIn(t *testing.T, dir, options string) (web.Filter, *middleware.Env, string) {
	t.Helper()
	h := &host.Host{FS: real.New("t", slog.New(slog.DiscardHandler)).FS, Log: slog.New(slog.DiscardHandler)}
	f, env := webtest.Filter(t, containersync.New, h, "swift_dir = "+dir+"\n"+options, nil)
	return f, env, dir
}
