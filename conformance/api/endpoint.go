package api

import (
	"net/http"
	"strings"

	"apus/conformance/target"
)

func endpointCases() []Case {
	return []Case{
		{"auth-token", "GET", "endpoint", "authentication", "valid credentials give X-Auth-Token and X-Storage-Url", func(e *Env) {
			r := e.raw("GET", authPath(e), anonymous(), hdr("X-Auth-User", e.t.Owner.Name), hdr("X-Auth-Key", e.t.Owner.Key))
			r.StatusRange(http.StatusOK)
			r.Header("X-Auth-Token").NotEmpty()
			r.Header("X-Storage-Url").Contains("/v1/")
		}},
		{"auth-storage-headers", "GET", "endpoint", "authentication", "X-Storage-User and X-Storage-Pass work too, and X-Storage-Token comes back", func(e *Env) {
			r := e.raw("GET", authPath(e), anonymous(), hdr("X-Storage-User", e.t.Owner.Name), hdr("X-Storage-Pass", e.t.Owner.Key))
			r.StatusRange(http.StatusOK)
			r.Header("X-Storage-Token").NotEmpty()
		}},
		{"auth-wrong-key", "GET", "endpoint", "authentication", "a wrong key is 401 and gives no token", func(e *Env) {
			r := e.raw("GET", authPath(e), anonymous(), hdr("X-Auth-User", e.t.Owner.Name), hdr("X-Auth-Key", e.t.Owner.Key+"x"))
			r.Status(http.StatusUnauthorized)
			r.Header("X-Auth-Token").IsEmpty()
		}},
		{"auth-unknown-user", "GET", "endpoint", "authentication", "an unknown user is 401", func(e *Env) {
			e.raw("GET", authPath(e), anonymous(), hdr("X-Auth-User", "nobody:nothing"), hdr("X-Auth-Key", "x")).Status(http.StatusUnauthorized)
		}},
		{"auth-no-credentials", "GET", "endpoint", "authentication", "no credentials are 401", func(e *Env) {
			e.raw("GET", authPath(e), anonymous()).Status(http.StatusUnauthorized)
		}},
		{"token-missing", "GET", "account", "authentication", "a request without a token is 401 with WWW-Authenticate", func(e *Env) {
			r := e.do("GET", "", anonymous())
			r.Status(http.StatusUnauthorized)
			r.Header("Www-Authenticate").HasPrefix("Swift realm=")
		}},
		{"token-invalid", "GET", "account", "authentication", "an invented token is 401", func(e *Env) {
			e.do("GET", "", hdr("X-Auth-Token", "AUTH_tkinvented")).Status(http.StatusUnauthorized)
		}},
		{"token-storage-alias", "HEAD", "account", "authentication", "X-Storage-Token opens the account like X-Auth-Token", func(e *Env) {
			e.do("HEAD", "", anonymous(), hdr("X-Storage-Token", e.token)).StatusRange(http.StatusOK)
		}},
		{"token-other-account", "GET", "account", "authentication", "another account is 403", func(e *Env) {
			e.raw("GET", e.base+"other").Status(http.StatusForbidden)
		}},
		{"info", "GET", "endpoint", "info", "GET /info is JSON with the swift section and its limits", func(e *Env) {
			o := e.raw("GET", "/info", anonymous()).Status(http.StatusOK).JSON().Object()
			swift := o.Value("swift").Object()
			for _, k := range []string{"version", "max_file_size", "max_object_name_length", "max_meta_count",
				"container_listing_limit", "account_listing_limit", "policies"} {
				swift.ContainsKey(k)
			}
		}},
		{"info-head", "HEAD", "endpoint", "info", "HEAD /info is 200 without a body", func(e *Env) {
			e.raw("HEAD", "/info", anonymous()).Status(http.StatusOK).Body().IsEmpty()
		}},
		{"info-no-token", "GET", "endpoint", "info", "/info needs no token and ignores a bad one", func(e *Env) {
			e.raw("GET", "/info", hdr("X-Auth-Token", "nonsense")).Status(http.StatusOK)
		}},
		{"healthcheck", "GET", "endpoint", "healthcheck", "GET /healthcheck is 200 OK in text", func(e *Env) {
			r := e.raw("GET", "/healthcheck", anonymous()).Status(http.StatusOK)
			r.Body().IsEqual("OK")
			r.Header("Content-Type").HasPrefix("text/plain")
		}},
		{"path-unknown-version", "GET", "endpoint", "path grammar", "an unknown API version is an error of the client", func(e *Env) {
			r := e.raw("GET", strings.Replace(e.base, "/v1/", "/v9/", 1))
			r.StatusList(http.StatusBadRequest, http.StatusPreconditionFailed, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound)
		}},
		{"path-no-account", "GET", "endpoint", "path grammar", "a path without account does not work", func(e *Env) {
			e.raw("GET", "/v1/").StatusList(http.StatusPreconditionFailed, http.StatusUnauthorized, http.StatusNotFound)
		}},
		{"path-invalid-utf8", "GET", "container", "path grammar", "a name that is not UTF-8 is 412", func(e *Env) {
			e.raw("GET", e.base+"/%ff%fe").Status(http.StatusPreconditionFailed)
		}},
		{"method-unknown", "FROB", "object", "verbs", "an unknown verb is 405", func(e *Env) {
			e.do("FROB", e.object("x")).Status(http.StatusMethodNotAllowed)
		}},
		{"trans-id", "GET", "account", "response headers", "every answer has X-Trans-Id and X-Openstack-Request-Id, the same", func(e *Env) {
			r := e.do("GET", "")
			id := r.Header("X-Trans-Id").NotEmpty().HasPrefix("tx").Raw()
			r.Header("X-Openstack-Request-Id").IsEqual(id)
		}},
		{"trans-id-on-error", "GET", "container", "response headers", "errors have X-Trans-Id too", func(e *Env) {
			e.do("GET", e.prefix+"-absent").Status(http.StatusNotFound).Header("X-Trans-Id").NotEmpty()
		}},
		{"private-headers-out", "GET", "object", "response headers", "X-Backend and sysmeta headers never reach a client", func(e *Env) {
			for name := range e.do("GET", e.object("x")).Status(http.StatusOK).Raw().Header {
				lower := strings.ToLower(name)
				if strings.HasPrefix(lower, "x-backend-") || strings.Contains(lower, "-sysmeta-") {
					e.Failf("the answer has the private header %s", name)
				}
			}
		}},
		{"private-headers-in", "PUT", "object", "response headers", "a client's sysmeta headers are not stored", func(e *Env) {
			p := e.object("x", hdr("X-Object-Sysmeta-Forged", "yes"), hdr("X-Backend-Forged", "yes"))
			e.do("HEAD", p).Status(http.StatusOK).Header("X-Object-Sysmeta-Forged").IsEmpty()
		}},
	}
}

// authPath is the path of the auth URL.
func authPath(e *Env) string {
	return strings.TrimPrefix(e.t.AuthURL, e.t.Root())
}

func nameCases() []Case {
	names := []struct{ id, name, what string }{
		{"unicode", "žluťoučký 馬 \U0001F40E", "letters beyond ASCII and beyond the basic plane"},
		{"slashes", "a/b//c/", "slashes, doubled and at the end"},
		{"percent", "100%25 %zz %2F", "percent signs"},
		{"space", " leading and trailing ", "spaces at both ends"},
		{"query-signs", "a?b=c&d#e;f", "characters that delimit URLs"},
		{"quotes", `"double" 'single' \back`, "quotes and backslashes"},
		{"dots", "../.././x/..", "dots that a careless server would resolve"},
		{"plus", "a+b c", "a plus sign, which is no space"},
		{"colon", "a:b@c!d$e*(f)", "reserved characters"},
		{"braces", "{a}[b]<c>|^`", "brackets and other unsafe characters"},
		{"newline", "a\nb\tc", "control characters"},
		{"longest", strings.Repeat("x", 1024), "1024 bytes"},
		{"longest-unicode", strings.Repeat("馬", 341), "1023 bytes in UTF-8"},
	}
	var cases []Case
	for _, n := range names {
		cases = append(cases, Case{
			"name-" + n.id, "PUT", "object", "object names", "an object name with " + n.what + " is stored, listed and read back as it is",
			func(e *Env) {
				c := e.container()
				content := "content of " + n.id
				p := e.put(c, n.name, content)
				e.do("GET", p).Status(http.StatusOK).Body().IsEqual(content)
				e.eventually("the name is listed exactly", func() bool {
					rows := decodeListing(e.do("GET", c, query("format=json")).Raw())
					return len(rows) == 1 && rows[0].Name == n.name
				})
				e.do("DELETE", p).Status(http.StatusNoContent)
				e.do("GET", p).Status(http.StatusNotFound)
			},
		})
	}
	return append(cases,
		Case{"name-too-long", "PUT", "object", "object names", "a name over the limit is 400", func(e *Env) {
			long := strings.Repeat("x", e.limit("max_object_name_length", 1024)+1)
			e.do("PUT", e.container()+"/"+long, body("x")).Status(http.StatusBadRequest)
		}},
		Case{"name-container-unicode", "PUT", "container", "container names", "a container name beyond ASCII works", func(e *Env) {
			name := e.prefix + "-馬 %"
			e.do("PUT", name).Status(http.StatusCreated)
			e.removeLater(name)
			e.do("HEAD", name).Status(http.StatusNoContent)
		}},
		Case{"name-container-too-long", "PUT", "container", "container names", "a container name over the limit is 400", func(e *Env) {
			e.do("PUT", strings.Repeat("x", e.limit("max_container_name_length", 256)+1)).Status(http.StatusBadRequest)
		}},
		Case{"name-encoded-slash", "GET", "object", "object names", "%2F in an object name is a slash", func(e *Env) {
			p := e.put(e.container(), "a/b", "slash")
			e.raw("GET", e.base+"/"+target.Escape(strings.TrimSuffix(p, "/a/b"))+"/a%2Fb").
				Status(http.StatusOK).Body().IsEqual("slash")
		}},
	)
}
