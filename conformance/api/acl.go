package api

import "net/http"

func aclCases() []Case {
	return []Case{
		{"acl-private", "GET", "object", "access control", "without an ACL, anonymous requests are 401", func(e *Env) {
			e.do("GET", e.object("x"), anonymous()).Status(http.StatusUnauthorized)
		}},
		{"acl-public-read", "GET", "object", "access control", ".r:* lets everybody read objects, not list", func(e *Env) {
			c := e.container(hdr("X-Container-Read", ".r:*"))
			p := e.put(c, "o", "x")
			e.do("GET", p, anonymous()).Status(http.StatusOK).Body().IsEqual("x")
			e.do("GET", c, anonymous()).Status(http.StatusUnauthorized)
			e.do("PUT", p, anonymous(), body("y")).Status(http.StatusUnauthorized)
			e.do("DELETE", p, anonymous()).Status(http.StatusUnauthorized)
		}},
		{"acl-public-list", "GET", "container", "access control", ".r:*,.rlistings lets everybody list", func(e *Env) {
			c := e.container(hdr("X-Container-Read", ".r:*,.rlistings"))
			e.put(c, "o", "x")
			e.eventually("the anonymous listing has the object", func() bool {
				rows := decodeListing(e.do("GET", c, anonymous(), query("format=json")).Status(http.StatusOK).Raw())
				return len(rows) == 1
			})
		}},
		{"acl-removed", "POST", "container", "access control", "X-Remove-Container-Read closes the container again", func(e *Env) {
			c := e.container(hdr("X-Container-Read", ".r:*"))
			p := e.put(c, "o", "x")
			e.do("POST", c, hdr("X-Remove-Container-Read", "x")).Status(http.StatusNoContent)
			e.do("GET", p, anonymous()).Status(http.StatusUnauthorized)
		}},
		{"acl-owner-sees", "HEAD", "container", "access control", "the owner sees the ACL, others do not", func(e *Env) {
			c := e.container(hdr("X-Container-Read", ".r:*,.rlistings"))
			e.do("HEAD", c).Header("X-Container-Read").IsEqual(".r:*,.rlistings")
			e.do("HEAD", c, anonymous()).Status(http.StatusNoContent).Header("X-Container-Read").IsEmpty()
		}},
		{"acl-syntax", "POST", "container", "access control", "an ACL that does not parse is 400", func(e *Env) {
			e.do("POST", e.container(), hdr("X-Container-Read", ".unknown:x")).Status(http.StatusBadRequest)
		}},
		{"acl-write-referrer", "POST", "container", "access control", "a referrer is no writer: 400", func(e *Env) {
			e.do("POST", e.container(), hdr("X-Container-Write", ".r:*")).Status(http.StatusBadRequest)
		}},
		{"acl-referrer", "GET", "object", "access control", ".r:.example.com lets readers in by their Referer", func(e *Env) {
			p := e.put(e.container(hdr("X-Container-Read", ".r:.example.com")), "o", "x")
			e.do("GET", p, anonymous(), hdr("Referer", "http://www.example.com/page")).Status(http.StatusOK)
			e.do("GET", p, anonymous(), hdr("Referer", "http://www.example.org/page")).Status(http.StatusUnauthorized)
		}},
	}
}
