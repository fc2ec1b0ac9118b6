package proxy

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

const shop, other = "http://shop.example", "http://other.example"

func corsContainer(c *cluster, origins string) {
	meta := []string{
		"X-Container-Meta-Access-Control-Allow-Origin", origins,
		"X-Container-Meta-Access-Control-Expose-Headers", "x-foo X-Bar",
		"X-Container-Meta-Access-Control-Max-Age", "55",
	}
	c.exists(meta...)
	c.on("container GET", 200, append(meta, "Vary", "Accept")...)
	c.on("object GET", 200, "X-Object-Meta-Color", "red", "Etag", "e")
	c.on("object PUT", 201)
	c.on("object POST", 404)
}

func TestPreflight(t *testing.T) {
	for _, x := range []struct {
		name, conf, origins, origin, method, path string
		want                                      int
		allow                                     string
	}{
		{"allowed", "", "http://a.example " + shop, shop, "GET", "/v1/a/c/o", 200, shop},
		{"of a container", "", shop, shop, "DELETE", "/v1/a/c", 200, shop},
		{"star", "", "*", shop, "PUT", "/v1/a/c/o", 200, "*"},
		{"star among others", "", "* http://a.example", shop, "PUT", "/v1/a/c/o", 200, shop},
		{"wrong origin", "", shop, other, "GET", "/v1/a/c/o", 401, ""},
		{"part of an origin", "", shop, "http://shop", "GET", "/v1/a/c/o", 401, ""},
		{"no such method", "", shop, shop, "FETCH", "/v1/a/c/o", 401, ""},
		{"no method", "", shop, shop, "", "/v1/a/c/o", 401, ""},
		{"the operator's origin", "cors_allow_origin = http://a.example, " + other, shop, other, "GET", "/v1/a/c", 200, other},
		{"not of an account", "", shop, shop, "GET", "/v1/a", 200, ""},
		{"no script", "", shop, "", "", "/v1/a/c/o", 200, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			run(t, x.conf, func(t *testing.T, c *cluster) {
				corsContainer(c, x.origins)
				h := []string{"Access-Control-Request-Headers", "X-B, X-A,X-B"}
				if x.origin != "" {
					h = append(h, "Origin", x.origin)
				}
				if x.method != "" {
					h = append(h, "Access-Control-Request-Method", x.method)
				}
				a := c.do(t, "OPTIONS", x.path, "", h...)
				require.Equal(t, x.want, a.status)
				require.NotEmpty(t, a.header.Get("Allow"))
				require.Equal(t, x.allow, a.header.Get("Access-Control-Allow-Origin"))
				require.Empty(t, a.header.Get("Www-Authenticate"))
				if x.allow == "" {
					require.Empty(t, a.header.Get("Access-Control-Allow-Methods"))
					return
				}
				require.Equal(t, a.header.Get("Allow"), a.header.Get("Access-Control-Allow-Methods"))
				require.Equal(t, "X-A, X-B", a.header.Get("Access-Control-Allow-Headers"))
				require.Equal(t, "55", a.header.Get("Access-Control-Max-Age"))
				vary := "Access-Control-Request-Headers"
				if x.allow != "*" {
					vary = "Origin, " + vary
				}
				require.Equal(t, vary, a.header.Get("Vary"))
			})
		})
	}
}

func TestActualCORSRequests(t *testing.T) {
	const exposed = "cache-control, content-language, content-type, etag, expires, last-modified, pragma, " +
		"x-bar, x-foo%s, x-openstack-request-id, x-timestamp, x-trans-id"
	for _, x := range []struct {
		name, conf, origins, origin, method, path, body string
		allow, expose, vary                             string
	}{
		{"allowed", "", shop, shop, "GET", "/v1/a/c/o", "", shop, ", x-object-meta-color", "Origin"},
		{"star", "", "*", shop, "GET", "/v1/a/c/o", "", "*", ", x-object-meta-color", ""},
		{"a write", "", shop, shop, "PUT", "/v1/a/c/o", "x", shop, "", "Origin"},
		{"an error", "", shop, shop, "POST", "/v1/a/c/o", "", shop, "", "Origin"},
		{"wrong origin", "", shop, other, "GET", "/v1/a/c/o", "", "", "", ""},
		{"lax", "strict_cors_mode = no", shop, other, "GET", "/v1/a/c/o", "", other, ", x-object-meta-color", "Origin"},
		{"the operator exposes", "cors_expose_headers = x-foo, x-ops", shop, shop, "PUT", "/v1/a/c/o", "x", shop, "", "Origin"},
		{"no script", "", shop, "", "GET", "/v1/a/c/o", "", "", "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			run(t, x.conf, func(t *testing.T, c *cluster) {
				corsContainer(c, x.origins)
				var h []string
				if x.origin != "" {
					h = []string{"Origin", x.origin}
				}
				a := c.do(t, x.method, x.path, x.body, h...)
				require.Equal(t, x.allow, a.header.Get("Access-Control-Allow-Origin"))
				require.Equal(t, x.vary, a.header.Get("Vary"))
				want := ""
				if x.allow != "" {
					want = fmt.Sprintf(exposed, x.expose)
				}
				if x.name == "the operator exposes" {
					want = "cache-control, content-language, content-type, etag, expires, last-modified, pragma, " +
						"x-bar, x-foo, x-openstack-request-id, x-ops, x-timestamp, x-trans-id"
				}
				require.Equal(t, want, a.header.Get("Access-Control-Expose-Headers"))
			})
		})
	}
	run(t, "", func(t *testing.T, c *cluster) {
		corsContainer(c, shop)
		a := c.do(t, "GET", "/v1/a/c", "", "Origin", shop)
		require.Equal(t, "Accept, Origin", a.header.Get("Vary"))
		require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "x-container-meta-access-control-max-age")
	})
}

func TestInfoAccess(t *testing.T) {
	const now = 1000
	get, head := string(infoSignature("key", "GET", 2000)), string(infoSignature("key", "HEAD", 2000))
	for _, x := range []struct {
		name, key, method, sig, expires string
		want                            int
	}{
		{"good", "key", "GET", get, "2000", 0},
		{"HEAD", "key", "HEAD", head, "2000", 0},
		{"HEAD by GET", "key", "HEAD", get, "2000", 0},
		{"GET by HEAD", "key", "GET", head, "2000", 401},
		{"no key", "", "GET", get, "2000", 403},
		{"another key", "yek", "GET", get, "2000", 401},
		{"another expiry", "key", "GET", get, "2001", 401},
		{"expired", "key", "GET", string(infoSignature("key", "GET", 999)), "999", 401},
		{"last second", "key", "GET", string(infoSignature("key", "GET", 1000)), "1000", 0},
		{"no expiry", "key", "GET", get, "", 401},
		{"nonsense", "key", "GET", get, "2e3", 401},
		{"no signature", "key", "GET", "", "2000", 401},
	} {
		require.Equal(t, x.want, infoAccess(x.key, x.method, x.sig, x.expires, now), x.name)
	}
	require.Equal(t, "a552013e01b7235ccd31d08c33b5d279dd066370", get, "as openssl computes it")
}

func TestInfoAdmin(t *testing.T) {
	run(t, "admin_key = key\ndisallowed_sections = swift.policies, tempurl.methods\n", func(t *testing.T, c *cluster) {
		c.srv.info.RegisterAdmin("encryption", map[string]any{"enabled": true})
		c.srv.info.Register("tempurl", map[string]any{"methods": 1, "digests": 2})
		until := clock{}.Now().Unix() + 100
		req := c.request("GET", "/info", "", "Origin", shop)
		req.RawQuery = fmt.Sprintf("swiftinfo_sig=%s&swiftinfo_expires=%d", infoSignature("key", "GET", until), until)
		a := c.serve(t, req)
		require.Equal(t, 200, a.status)
		require.Equal(t, shop, a.header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "x-trans-id", a.header.Get("Access-Control-Expose-Headers"))
		var v map[string]map[string]any
		require.NoError(t, json.Unmarshal([]byte(a.body), &v))
		require.NotContains(t, v["swift"], "policies")
		require.Equal(t, map[string]any{"digests": 2.0}, v["tempurl"])
		require.Equal(t, map[string]any{"encryption": map[string]any{"enabled": true}, "disallowed_sections": []any{"swift.policies", "tempurl.methods"}}, v["admin"])
		a = c.do(t, "GET", "/info", "")
		require.NotContains(t, a.body, "encryption")
		require.NotContains(t, a.header, "Access-Control-Allow-Origin")
		a = c.do(t, "GET", "/info", "", "Origin", "")
		require.Equal(t, []string{""}, a.header["Access-Control-Allow-Origin"], "an empty origin is one")
		req = c.request("GET", "/info", "")
		req.RawQuery = "swiftinfo_sig=x&swiftinfo_expires=9999999999"
		require.Equal(t, 401, c.serve(t, req).status)
	})
	run(t, "expose_info = no\n", func(t *testing.T, c *cluster) {
		require.Equal(t, 403, c.do(t, "GET", "/info", "").status)
		require.Equal(t, 200, c.do(t, "OPTIONS", "/info", "").status)
	})
}
