package api

import (
	"net/http"
	"strings"

	"apus/conformance/target"
)

// filterCases judge filters that an endpoint has or lacks.
func filterCases() []Case {
	return append(append(etagQuoterCases(), domainRemapCases()...), smallFilterCases()...)
}

func etagQuoterCases() []Case {
	const feature = "etag quoter"
	tagged := func(e *Env, p, want string) {
		for _, verb := range []string{"GET", "HEAD"} {
			e.do(verb, p).Status(200).Header("Etag").IsEqual(want)
		}
	}
	plain, quoted := etag("x"), `"`+etag("x")+`"`
	return []Case{
		{"etag-quoter-default", "GET", "object", feature, "etags of plain objects are quoted as /info says", func(e *Env) {
			e.Need("etag_quoter")
			want := plain
			if e.setting("etag_quoter", "enable_by_default") == true {
				want = quoted
			}
			tagged(e, e.object("x"), want)
		}},
		{"etag-quoter-container", "PUT", "container", feature, "X-Container-Rfc-Compliant-Etags decides for the container, and comes back", func(e *Env) {
			e.Need("etag_quoter")
			c := e.container(hdr("X-Container-Rfc-Compliant-Etags", "true"))
			e.do("HEAD", c).Header("X-Container-Rfc-Compliant-Etags").IsEqual("True")
			p := e.put(c, "o", "x")
			tagged(e, p, quoted)
			e.do("POST", c, hdr("X-Container-Rfc-Compliant-Etags", "false")).Status(204)
			tagged(e, p, plain)
		}},
		{"etag-quoter-put", "PUT", "object", feature, "the Etag of a PUT is quoted too, and a 304's", func(e *Env) {
			e.Need("etag_quoter")
			c := e.container(hdr("X-Container-Rfc-Compliant-Etags", "true"))
			e.do("PUT", c+"/o", body("x")).Status(201).Header("Etag").IsEqual(quoted)
			e.do("GET", c+"/o", hdr("If-None-Match", quoted)).Status(304).Header("Etag").IsEqual(quoted)
		}},
		{"etag-quoter-removed", "POST", "container", feature, "X-Remove-Container-Rfc-Compliant-Etags removes the setting", func(e *Env) {
			e.Need("etag_quoter")
			c := e.container(hdr("X-Container-Rfc-Compliant-Etags", "true"))
			e.do("POST", c, hdr("X-Remove-Container-Rfc-Compliant-Etags", "x")).Status(204)
			e.do("HEAD", c).Header("X-Container-Rfc-Compliant-Etags").IsEmpty()
		}},
		{"etag-quoter-account", "POST", "account", feature, "an account's setting holds for its containers, unless theirs differs", func(e *Env) {
			e.Need("etag_quoter")
			a := e.account()
			a.do("POST", "", hdr("X-Account-Rfc-Compliant-Etags", "true")).Status(204)
			a.do("HEAD", "").Header("X-Account-Rfc-Compliant-Etags").IsEqual("True")
			tagged(a, a.put(a.container(), "o", "x"), quoted)
			tagged(a, a.put(a.container(hdr("X-Container-Rfc-Compliant-Etags", "false")), "o", "x"), plain)
		}},
		{"etag-quoter-slo", "GET", "object", feature, "an etag that has quotes gets no more", func(e *Env) {
			e.Need("etag_quoter")
			p, c, _, tag := e.slo()
			e.do("POST", c, hdr("X-Container-Rfc-Compliant-Etags", "true")).Status(204)
			tagged(e, p, `"`+tag+`"`)
		}},
	}
}

// at sends a request for a path to a name of a host.
func (e *Env) at(host, method, path string, opts ...option) *response {
	return e.raw(method, path, append([]option{func(r *httpRequest) {
		r.WithTransformer(func(h *http.Request) { h.Host = host })
	}}, opts...)...)
}

// domain is the name of a host that stands for the account.
func (e *Env) domain() string {
	e.Need("domain_remap")
	if e.t.StorageDomain == "" {
		e.Skip("the storage domain is not known (--storage-domain)")
	}
	return strings.ReplaceAll(e.accountName(), "_", "-") + "." + e.t.StorageDomain
}

// label makes a container whose name may be part of a host's.
func (e *Env) label() string {
	name := "c" + etag(e.name())[:20]
	e.do("PUT", name).Status(201)
	e.removeLater(name)
	return name
}

func domainRemapCases() []Case {
	const feature = "domain remap"
	return []Case{
		{"domain-remap-account", "GET", "account", feature, "account.domain is the account", func(e *Env) {
			d, c := e.domain(), e.label()
			e.at(d, "HEAD", "/"+c).Status(204)
			status(e.at(d, "GET", "/"), 200)
		}},
		{"domain-remap-container", "GET", "container", feature, "container.account.domain is the container, its paths are objects", func(e *Env) {
			d, c := e.domain(), e.label()
			e.put(c, "a/b", "content")
			e.at(c+"."+d, "GET", "/a/b").Status(200).Body().IsEqual("content")
			e.at(c+"."+d, "PUT", "/new", body("x")).Status(201)
			e.do("GET", c+"/new").Status(200).Body().IsEqual("x")
		}},
		{"domain-remap-object", "GET", "object", feature, "account.domain/container/object is the object", func(e *Env) {
			d, c := e.domain(), e.label()
			e.put(c, "o", "content")
			e.at(d, "GET", "/"+c+"/o").Status(200).Body().IsEqual("content")
		}},
		{"domain-remap-port", "GET", "object", feature, "a port behind the domain is no part of it", func(e *Env) {
			d, c := e.domain(), e.label()
			e.put(c, "o", "content")
			e.at(c+"."+d+":8080", "GET", "/o").Status(200)
		}},
		{"domain-remap-case", "GET", "account", feature, "the reseller's prefix may be in lower case", func(e *Env) {
			d, c := e.domain(), e.label()
			prefix, rest, _ := strings.Cut(d, "-")
			e.at(strings.ToLower(prefix)+"-"+rest, "HEAD", "/"+c).Status(204)
		}},
		{"domain-remap-too-deep", "GET", "endpoint", feature, "more names than container and account are 400", func(e *Env) {
			d := e.domain()
			e.at("a.b."+d, "GET", "/o").Status(400).Body().IsEqual("Bad domain in host header")
		}},
		{"domain-remap-acl", "GET", "object", feature, "access is judged by what the name stands for", func(e *Env) {
			d, c := e.domain(), e.label()
			e.put(c, "o", "content")
			e.at(c+"."+d, "GET", "/o", anonymous()).Status(401)
		}},
		{"domain-remap-other", "GET", "endpoint", feature, "names of hosts in other domains change nothing", func(e *Env) {
			e.domain()
			p := e.object("content")
			e.at("www.example.org", "GET", e.path(p)).Status(200).Body().IsEqual("content")
		}},
	}
}

func smallFilterCases() []Case {
	return []Case{
		{"crossdomain", "GET", "endpoint", "crossdomain", "/crossdomain.xml is a policy, without a token", func(e *Env) {
			e.Need("crossdomain")
			r := e.raw("GET", "/crossdomain.xml", anonymous()).Status(200)
			r.Header("Content-Type").HasPrefix("application/xml")
			r.Body().HasPrefix(`<?xml version="1.0"?>`).Contains("<cross-domain-policy>").HasSuffix("</cross-domain-policy>")
		}},
		{"crossdomain-post", "POST", "endpoint", "crossdomain", "other methods find no such policy", func(e *Env) {
			e.Need("crossdomain")
			if code := e.raw("POST", "/crossdomain.xml", anonymous()).Raw().StatusCode; code/100 != 4 {
				e.Failf("POST /crossdomain.xml is %d, want an error of the client", code)
			}
		}},
		{"healthcheck-head", "HEAD", "endpoint", "healthcheck", "HEAD /healthcheck is 200 without a body", func(e *Env) {
			e.raw("HEAD", "/healthcheck", anonymous()).Status(200).Body().IsEmpty()
		}},
		{"healthcheck-below", "GET", "endpoint", "healthcheck", "what is below /healthcheck is none", func(e *Env) {
			if code := e.raw("GET", "/healthcheck/x", anonymous()).Raw().StatusCode; code/100 != 4 {
				e.Failf("GET /healthcheck/x is %d, want an error of the client", code)
			}
		}},
		{"healthcheck-trans-id", "GET", "endpoint", "healthcheck", "health is answered with a transaction id", func(e *Env) {
			e.raw("GET", "/healthcheck", anonymous()).Status(200).Header("X-Trans-Id").HasPrefix("tx")
		}},
		{"name-check-chars", "PUT", "object", "name check", "names with forbidden characters are 400", func(e *Env) {
			e.Need("name_check")
			chars, _ := e.setting("name_check", "forbidden_chars").(string)
			if chars == "" {
				e.Skip("/info forbids no characters")
			}
			c := e.container()
			for _, r := range chars {
				e.do("PUT", c+"/a"+string(r)+"b", body("x")).Status(400)
			}
		}},
		{"name-check-length", "PUT", "object", "name check", "paths over the length of /info are 400", func(e *Env) {
			e.Need("name_check")
			n := e.number("name_check", "maximum_length", 255)
			if n > 6000 {
				e.Skip("/info allows paths of %d bytes", n)
			}
			e.raw("GET", e.path("c/"+strings.Repeat("x", n))).Status(400)
		}},
		{"name-check-regexp", "PUT", "object", "name check", "names like the forbidden expression are 400", func(e *Env) {
			e.Need("name_check")
			if e.setting("name_check", "forbidden_regexp") != `/\./|/\.\./|/\.$|/\.\.$` {
				e.Skip("/info has another expression than the usual one")
			}
			e.do("PUT", e.container()+"/a/../b", body("x")).Status(400)
		}},
		{"read-only", "PUT", "container", "read only", "an endpoint that is read only refuses writes: 405", func(e *Env) {
			e.Need("read_only")
			e.do("PUT", e.name()).Status(405).Body().IsEqual("Writes are disabled for this account.")
		}},
		{"list-endpoints-object", "GET", "endpoint", "list endpoints", "/endpoints names where an object is stored", func(e *Env) {
			p := e.put(e.endpoints(), "o", "x")
			urls := e.raw("GET", "/endpoints/"+e.accountName()+"/"+target.Escape(p), anonymous()).Status(200).JSON().Array()
			urls.NotEmpty()
			urls.Value(0).String().HasPrefix("http://").HasSuffix("/" + e.accountName() + "/" + target.Escape(p))
		}},
		{"list-endpoints-container", "GET", "endpoint", "list endpoints", "/endpoints names where a container and an account are stored", func(e *Env) {
			c := e.endpoints()
			for _, p := range []string{e.accountName(), e.accountName() + "/" + c} {
				e.raw("GET", "/endpoints/"+p, anonymous()).Status(200).JSON().Array().Value(0).String().HasSuffix("/" + p)
			}
		}},
		{"list-endpoints-v2", "GET", "endpoint", "list endpoints", "version 2 adds headers", func(e *Env) {
			c := e.endpoints()
			o := e.raw("GET", "/endpoints/v2/"+e.accountName()+"/"+c+"/o", anonymous()).Status(200).JSON().Object()
			o.Value("endpoints").Array().NotEmpty()
			o.Value("headers").Object().ContainsKey("X-Backend-Storage-Policy-Index")
		}},
		{"list-endpoints-bad", "GET", "endpoint", "list endpoints", "an unknown version and no account are 400, other methods 405", func(e *Env) {
			e.endpoints()
			e.raw("GET", "/endpoints/v3/"+e.accountName(), anonymous()).Status(400)
			e.raw("GET", "/endpoints/", anonymous()).Status(400)
			e.raw("POST", "/endpoints/"+e.accountName(), anonymous()).Status(405).Header("Allow").IsEqual("GET")
		}},
	}
}

// endpoints makes a container, or skips the case where /endpoints is none.
func (e *Env) endpoints() string {
	if code := e.raw("GET", "/endpoints/"+e.accountName(), anonymous()).Raw().StatusCode; code != 200 {
		e.Skip("GET /endpoints/… is %d: the endpoint does not list endpoints", code)
	}
	return e.container()
}
