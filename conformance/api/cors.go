package api

import "strings"

const origin = "http://shop.example.com"

// preflight asks whether a page may do something.
func (e *Env) preflight(path, from, method string, opts ...option) *response {
	return e.do("OPTIONS", path, append([]option{anonymous(), hdr("Origin", from), hdr("Access-Control-Request-Method", method)}, opts...)...)
}

func (e *Env) corsContainer(allow string, opts ...option) string {
	return e.container(append(opts, hdr("X-Container-Meta-Access-Control-Allow-Origin", allow), hdr("X-Container-Read", ".r:*"))...)
}

// strict skips the case unless answers are CORS answers only for allowed
// origins.
func (e *Env) strict() { e.NeedTrue("swift", "strict_cors_mode") }

func corsCases() []Case { return append(preflightCases(), corsAnswerCases()...) }

func preflightCases() []Case {
	return []Case{
		{"cors-preflight", "OPTIONS", "container", "cors", "a preflight from an allowed origin is 200 with origin and methods", func(e *Env) {
			c := e.corsContainer(origin)
			r := e.preflight(c, origin, "GET").Status(200)
			r.Header("Access-Control-Allow-Origin").IsEqual(origin)
			r.Header("Access-Control-Allow-Methods").Contains("GET").Contains("PUT")
			r.Header("Vary").Contains("Origin")
		}},
		{"cors-preflight-object", "OPTIONS", "object", "cors", "a preflight for an object follows its container", func(e *Env) {
			p := e.put(e.corsContainer(origin), "o", "x")
			r := e.preflight(p, origin, "PUT").Status(200)
			r.Header("Access-Control-Allow-Origin").IsEqual(origin)
			r.Header("Access-Control-Allow-Methods").Contains("COPY")
		}},
		{"cors-preflight-star", "OPTIONS", "container", "cors", "an allowed origin of * is answered as *", func(e *Env) {
			e.preflight(e.corsContainer("*"), origin, "GET").Status(200).Header("Access-Control-Allow-Origin").IsEqual("*")
		}},
		{"cors-preflight-list", "OPTIONS", "container", "cors", "any of several allowed origins passes", func(e *Env) {
			c := e.corsContainer("http://a.example " + origin + " http://b.example")
			e.preflight(c, origin, "GET").Status(200).Header("Access-Control-Allow-Origin").IsEqual(origin)
		}},
		{"cors-preflight-other-origin", "OPTIONS", "container", "cors", "another origin is 401", func(e *Env) {
			e.preflight(e.corsContainer(origin), "http://evil.example", "GET").Status(401)
		}},
		{"cors-preflight-off", "OPTIONS", "container", "cors", "a container without allowed origins is 401", func(e *Env) {
			e.preflight(e.container(), origin, "GET").Status(401)
		}},
		{"cors-preflight-scheme", "OPTIONS", "container", "cors", "an origin with another scheme is another origin", func(e *Env) {
			e.preflight(e.corsContainer(origin), strings.Replace(origin, "http:", "https:", 1), "GET").Status(401)
		}},
		{"cors-preflight-no-method", "OPTIONS", "container", "cors", "a preflight without Access-Control-Request-Method is 401", func(e *Env) {
			e.do("OPTIONS", e.corsContainer(origin), anonymous(), hdr("Origin", origin)).Status(401)
		}},
		{"cors-preflight-bad-method", "OPTIONS", "container", "cors", "a preflight for an unknown method is 401", func(e *Env) {
			e.preflight(e.corsContainer(origin), origin, "FROB").Status(401)
		}},
		{"cors-preflight-max-age", "OPTIONS", "container", "cors", "Max-Age of the container is answered", func(e *Env) {
			c := e.corsContainer(origin, hdr("X-Container-Meta-Access-Control-Max-Age", "1234"))
			e.preflight(c, origin, "GET").Status(200).Header("Access-Control-Max-Age").IsEqual("1234")
		}},
		{"cors-preflight-headers", "OPTIONS", "container", "cors", "requested headers are allowed", func(e *Env) {
			r := e.preflight(e.corsContainer(origin), origin, "PUT", hdr("Access-Control-Request-Headers", "x-auth-token, x-object-meta-a")).Status(200)
			r.Header("Access-Control-Allow-Headers").Contains("x-auth-token").Contains("x-object-meta-a")
			r.Header("Vary").Contains("Access-Control-Request-Headers")
		}},
		{"cors-preflight-absent-container", "OPTIONS", "container", "cors", "a preflight for an absent container is 401", func(e *Env) {
			e.preflight(e.prefix+"-absent", origin, "GET").Status(401)
		}},
		{"cors-options-plain", "OPTIONS", "container", "cors", "OPTIONS without Origin is 200 with Allow", func(e *Env) {
			r := e.do("OPTIONS", e.container()).Status(200)
			r.Header("Allow").Contains("GET").Contains("OPTIONS")
			r.Body().IsEmpty()
		}},
		{"cors-options-account", "OPTIONS", "account", "cors", "OPTIONS of an account is 200 with Allow", func(e *Env) {
			e.do("OPTIONS", "").Status(200).Header("Allow").Contains("HEAD")
		}},
		{"cors-options-object", "OPTIONS", "object", "cors", "OPTIONS of an object is 200 with the verbs of objects", func(e *Env) {
			e.do("OPTIONS", e.object("x")).Status(200).Header("Allow").Contains("PUT").Contains("DELETE")
		}},
	}
}

func corsAnswerCases() []Case {
	return []Case{
		{"cors-actual", "GET", "object", "cors", "an answer to an allowed origin names it and what it exposes", func(e *Env) {
			p := e.put(e.corsContainer(origin), "o", "x", hdr("X-Object-Meta-Colour", "blue"))
			r := e.do("GET", p, hdr("Origin", origin)).Status(200)
			r.Header("Access-Control-Allow-Origin").IsEqual(origin)
			exposed := r.Header("Access-Control-Expose-Headers")
			for _, h := range []string{"etag", "x-timestamp", "x-trans-id", "x-openstack-request-id", "x-object-meta-colour", "content-type", "last-modified"} {
				exposed.Contains(h)
			}
		}},
		{"cors-actual-star", "GET", "object", "cors", "an answer under * allows *", func(e *Env) {
			p := e.put(e.corsContainer("*"), "o", "x")
			e.do("GET", p, hdr("Origin", origin)).Status(200).Header("Access-Control-Allow-Origin").IsEqual("*")
		}},
		{"cors-actual-other-origin", "GET", "object", "cors", "another origin is served without CORS headers", func(e *Env) {
			e.strict()
			p := e.put(e.corsContainer(origin), "o", "x")
			r := e.do("GET", p, hdr("Origin", "http://evil.example")).Status(200)
			r.Header("Access-Control-Allow-Origin").IsEmpty()
			r.Header("Access-Control-Expose-Headers").IsEmpty()
		}},
		{"cors-actual-no-origin", "GET", "object", "cors", "an answer to a request without Origin has no CORS headers", func(e *Env) {
			p := e.put(e.corsContainer(origin), "o", "x")
			e.do("GET", p).Status(200).Header("Access-Control-Allow-Origin").IsEmpty()
		}},
		{"cors-expose-headers", "GET", "object", "cors", "headers that the container exposes are exposed", func(e *Env) {
			p := e.put(e.corsContainer(origin, hdr("X-Container-Meta-Access-Control-Expose-Headers", "x-special x-other")), "o", "x")
			e.do("GET", p, hdr("Origin", origin)).Status(200).Header("Access-Control-Expose-Headers").Contains("x-special").Contains("x-other")
		}},
		{"cors-vary", "GET", "object", "cors", "an answer that names one origin varies by Origin", func(e *Env) {
			p := e.put(e.corsContainer(origin), "o", "x")
			e.do("GET", p, hdr("Origin", origin)).Status(200).Header("Vary").Contains("Origin")
		}},
		{"cors-actual-404", "GET", "object", "cors", "an error is readable by an allowed origin", func(e *Env) {
			c := e.corsContainer(origin)
			e.do("GET", c+"/absent", hdr("Origin", origin)).Status(404).Header("Access-Control-Allow-Origin").IsEqual(origin)
		}},
		{"cors-actual-304", "GET", "object", "cors", "304 is readable by an allowed origin", func(e *Env) {
			p := e.put(e.corsContainer(origin), "o", "x")
			e.do("GET", p, hdr("Origin", origin), hdr("If-None-Match", etag("x"))).Status(304).Header("Access-Control-Allow-Origin").IsEqual(origin)
		}},
		{"cors-actual-put", "PUT", "object", "cors", "a write from an allowed origin is readable", func(e *Env) {
			c := e.corsContainer(origin)
			e.do("PUT", c+"/o", body("x"), hdr("Origin", origin)).Status(201).Header("Access-Control-Allow-Origin").IsEqual(origin)
		}},
		{"cors-actual-listing", "GET", "container", "cors", "a listing is readable by an allowed origin", func(e *Env) {
			c := e.corsContainer(origin)
			status(e.do("GET", c, hdr("Origin", origin)), 200, 204).Header("Access-Control-Allow-Origin").IsEqual(origin)
		}},
	}
}
