package api

import "strings"

// aclUserCases let other users in, and keep them out.
func aclUserCases() []Case {
	return []Case{
		{"acl-guest-none", "GET", "object", "access control", "a user of the account without rights is 403", func(e *Env) {
			p := e.object("x")
			g := e.guest()
			e.do("GET", p, as(g)).Status(403)
			e.do("PUT", p, as(g), body("y")).Status(403)
			e.do("POST", p, as(g), hdr("X-Object-Meta-A", "b")).Status(403)
			e.do("DELETE", p, as(g)).Status(403)
			e.do("HEAD", "", as(g)).Status(403)
		}},
		{"acl-guest-read", "GET", "object", "access control", "account:user in X-Container-Read lets that user read and list", func(e *Env) {
			g := e.guest()
			c := e.container(hdr("X-Container-Read", g.Name))
			p := e.put(c, "o", "x")
			e.do("GET", p, as(g)).Status(200).Body().IsEqual("x")
			e.do("HEAD", p, as(g)).Status(200)
			status(e.do("GET", c, as(g)), 200, 204)
			e.do("PUT", p, as(g), body("y")).Status(403)
			e.do("DELETE", p, as(g)).Status(403)
		}},
		{"acl-guest-write", "PUT", "object", "access control", "account:user in X-Container-Write lets that user write, not read", func(e *Env) {
			g := e.guest()
			c := e.container(hdr("X-Container-Write", g.Name))
			e.do("PUT", c+"/o", as(g), body("x")).Status(201)
			e.do("POST", c+"/o", as(g), hdr("X-Object-Meta-A", "b")).Status(202)
			e.do("GET", c+"/o", as(g)).Status(403)
			e.do("GET", c, as(g)).Status(403)
			e.do("DELETE", c+"/o", as(g)).Status(204)
		}},
		{"acl-guest-container-post", "POST", "container", "access control", "a writer may not change the container", func(e *Env) {
			g := e.guest()
			c := e.container(hdr("X-Container-Write", g.Name), hdr("X-Container-Read", g.Name))
			e.do("POST", c, as(g), hdr("X-Container-Meta-A", "b")).Status(403)
			e.do("DELETE", c, as(g)).Status(403)
			e.do("PUT", c, as(g)).Status(403)
		}},
		{"acl-guest-sees-no-acl", "HEAD", "container", "access control", "a reader does not see the ACLs", func(e *Env) {
			g := e.guest()
			c := e.container(hdr("X-Container-Read", g.Name), hdr("X-Container-Write", g.Name))
			r := e.do("HEAD", c, as(g)).Status(204)
			r.Header("X-Container-Read").IsEmpty()
			r.Header("X-Container-Write").IsEmpty()
		}},
		{"acl-guest-temp-key", "HEAD", "container", "access control", "a reader does not see the TempURL key", func(e *Env) {
			g := e.guest()
			c := e.container(hdr("X-Container-Read", g.Name), hdr("X-Container-Meta-Temp-Url-Key", "secret"))
			e.do("HEAD", c).Header("X-Container-Meta-Temp-Url-Key").IsEqual("secret")
			e.do("HEAD", c, as(g)).Status(204).Header("X-Container-Meta-Temp-Url-Key").IsEmpty()
		}},
		{"acl-guest-revoked", "POST", "container", "access control", "a removed ACL shuts the user out", func(e *Env) {
			g := e.guest()
			c := e.container(hdr("X-Container-Read", g.Name))
			p := e.put(c, "o", "x")
			e.do("GET", p, as(g)).Status(200)
			e.do("POST", c, hdr("X-Container-Read", "")).Status(204)
			e.do("GET", p, as(g)).Status(403)
		}},
		{"acl-stranger-none", "GET", "object", "access control", "the owner of another account is 403", func(e *Env) {
			p := e.object("x")
			s := e.stranger()
			e.do("GET", p, as(s)).Status(403)
			e.do("PUT", p, as(s), body("y")).Status(403)
			e.do("GET", "", as(s)).Status(403)
			e.do("PUT", e.prefix+"-new", as(s)).Status(403)
		}},
		{"acl-stranger-account", "GET", "object", "access control", "an account's name lets all its users read", func(e *Env) {
			s := e.stranger()
			account, _, _ := strings.Cut(s.Name, ":")
			p := e.put(e.container(hdr("X-Container-Read", account)), "o", "x")
			e.do("GET", p, as(s)).Status(200)
			e.do("DELETE", p, as(s)).Status(403)
		}},
		{"acl-stranger-user", "PUT", "object", "access control", "account:user of another account lets that user write", func(e *Env) {
			s := e.stranger()
			c := e.container(hdr("X-Container-Write", s.Name))
			e.do("PUT", c+"/o", as(s), body("theirs")).Status(201)
			e.do("GET", c+"/o").Status(200).Body().IsEqual("theirs")
		}},
		{"acl-list", "GET", "object", "access control", "an ACL of several names lets each of them in", func(e *Env) {
			g, s := e.guest(), e.stranger()
			p := e.put(e.container(hdr("X-Container-Read", g.Name+","+s.Name)), "o", "x")
			e.do("GET", p, as(g)).Status(200)
			e.do("GET", p, as(s)).Status(200)
			e.do("GET", p, anonymous()).Status(401)
		}},
		{"acl-normalised", "HEAD", "container", "access control", "an ACL is stored without its spaces, referrers in short form", func(e *Env) {
			c := e.container(hdr("X-Container-Read", " .referrer : * , .rlistings ,a : b"))
			e.do("HEAD", c).Header("X-Container-Read").IsEqual(".r:*,.rlistings,a : b")
		}},
		{"acl-referrer-exact", "GET", "object", "access control", ".r:host lets in that host alone", func(e *Env) {
			p := e.put(e.container(hdr("X-Container-Read", ".r:www.example.com")), "o", "x")
			e.do("GET", p, anonymous(), hdr("Referer", "https://www.example.com/a")).Status(200)
			e.do("GET", p, anonymous(), hdr("Referer", "https://other.www.example.com/a")).Status(401)
			e.do("GET", p, anonymous()).Status(401)
		}},
		{"acl-referrer-not", "GET", "object", "access control", ".r:-host keeps a host out", func(e *Env) {
			p := e.put(e.container(hdr("X-Container-Read", ".r:*,.r:-.evil.example")), "o", "x")
			e.do("GET", p, anonymous(), hdr("Referer", "http://good.example/")).Status(200)
			e.do("GET", p, anonymous(), hdr("Referer", "http://very.evil.example/")).Status(401)
		}},
		{"acl-referrer-last", "GET", "object", "access control", "of referrers that match, the last decides", func(e *Env) {
			p := e.put(e.container(hdr("X-Container-Read", ".r:-.evil.example,.r:*")), "o", "x")
			e.do("GET", p, anonymous(), hdr("Referer", "http://very.evil.example/")).Status(200)
		}},
		{"acl-referrer-listing", "GET", "container", "access control", "listings need .rlistings and a referrer that matches", func(e *Env) {
			c := e.container(hdr("X-Container-Read", ".r:.example.com,.rlistings"))
			status(e.do("GET", c, anonymous(), hdr("Referer", "http://www.example.com/")), 200, 204)
			e.do("GET", c, anonymous()).Status(401)
		}},
		{"acl-rlistings-alone", "GET", "container", "access control", ".rlistings without referrer opens nothing", func(e *Env) {
			c := e.container(hdr("X-Container-Read", ".rlistings"))
			e.do("GET", c, anonymous()).Status(401)
		}},
		{"acl-write-rlistings", "POST", "container", "access control", ".rlistings in X-Container-Write lets nobody write", func(e *Env) {
			c := e.container()
			status(e.do("POST", c, hdr("X-Container-Write", ".rlistings")), 204, 400)
			e.do("PUT", c+"/o", anonymous(), body("x")).Status(401)
		}},
		{"acl-referrer-empty", "POST", "container", "access control", "a referrer without host is 400", func(e *Env) {
			e.do("POST", e.container(), hdr("X-Container-Read", ".r:")).Status(400)
			e.do("POST", e.container(), hdr("X-Container-Read", ".r:-")).Status(400)
		}},
		{"acl-public-head", "HEAD", "object", "access control", ".r:* covers HEAD and OPTIONS, and no metadata writes", func(e *Env) {
			p := e.put(e.container(hdr("X-Container-Read", ".r:*")), "o", "x")
			e.do("HEAD", p, anonymous()).Status(200)
			e.do("POST", p, anonymous(), hdr("X-Object-Meta-A", "b")).Status(401)
			e.do("COPY", p, anonymous(), hdr("Destination", p+"2")).Status(401)
		}},
		{"acl-public-bad-token", "GET", "object", "access control", "a token that is none does not shut a reader of public objects out", func(e *Env) {
			p := e.put(e.container(hdr("X-Container-Read", ".r:*")), "o", "x")
			status(e.do("GET", p, hdr("X-Auth-Token", "AUTH_tknonsense")), 200, 401)
			e.do("GET", p, hdr("X-Auth-Token", "")).Status(200)
		}},
		{"acl-absent-hides", "GET", "container", "access control", "whether a container exists is not told to strangers", func(e *Env) {
			e.do("GET", e.prefix+"-absent", anonymous()).Status(401)
			e.do("GET", e.prefix+"-absent/o", anonymous()).Status(401)
			e.do("GET", e.prefix+"-absent", as(e.stranger())).Status(403)
		}},
		{"acl-admin", "GET", "object", "access control", "a reseller administrator may use any account", func(e *Env) {
			p := e.object("x")
			a := e.admin()
			e.do("GET", p, as(a)).Status(200)
			e.do("POST", p, as(a), hdr("X-Object-Meta-A", "b")).Status(202)
			e.do("HEAD", "", as(a)).Status(204)
		}},
	}
}

// accountACL writes an account's ACL.
func (e *Env) accountACL(text string) *response {
	return e.do("POST", "", hdr("X-Account-Access-Control", text))
}

func (e *Env) needAccountACLs() {
	e.NeedTrue("tempauth", "account_acls")
}

func accountACLCases() []Case {
	return []Case{
		{"account-acl-read-only", "GET", "account", "account access control", "read-only lets a user read, list and no more", func(e *Env) {
			e.needAccountACLs()
			a, s := e.account(), e.stranger()
			p := a.put(a.container(), "o", "x")
			a.accountACL(`{"read-only":["` + s.Name + `"]}`).Status(204)
			a.do("GET", p, as(s)).Status(200)
			a.do("GET", "", as(s)).Status(200)
			a.do("PUT", p, as(s), body("y")).Status(403)
			a.do("POST", "", as(s), hdr("X-Account-Meta-A", "b")).Status(403)
			a.do("HEAD", "", as(s)).Status(204).Header("X-Account-Access-Control").IsEmpty()
		}},
		{"account-acl-read-write", "PUT", "account", "account access control", "read-write lets a user write objects and containers, not the account", func(e *Env) {
			e.needAccountACLs()
			a, s := e.account(), e.stranger()
			c := a.container()
			a.accountACL(`{"read-write":["` + s.Name + `"]}`).Status(204)
			a.do("PUT", c+"/o", as(s), body("y")).Status(201)
			a.do("GET", c+"/o", as(s)).Status(200)
			a.do("POST", c, as(s), hdr("X-Container-Meta-A", "b")).Status(204)
			a.do("POST", "", as(s), hdr("X-Account-Meta-A", "b")).Status(403)
			a.do("DELETE", c+"/o", as(s)).Status(204)
		}},
		{"account-acl-admin", "POST", "account", "account access control", "admin lets a user do what an owner does", func(e *Env) {
			e.needAccountACLs()
			a, s := e.account(), e.stranger()
			a.accountACL(`{"admin":["` + s.Name + `"]}`).Status(204)
			a.do("POST", "", as(s), hdr("X-Account-Meta-A", "b")).Status(204)
			a.do("HEAD", "", as(s)).Status(204).Header("X-Account-Access-Control").Contains(s.Name)
		}},
		{"account-acl-account", "GET", "account", "account access control", "an account's name lets its owners in, and nobody without a token", func(e *Env) {
			e.needAccountACLs()
			a, s := e.account(), e.stranger()
			p := a.put(a.container(), "o", "x")
			account, _, _ := strings.Cut(s.Name, ":")
			a.accountACL(`{"read-only":["` + account + `"]}`).Status(204)
			a.do("GET", p, as(s)).Status(200)
			a.do("GET", p, anonymous()).Status(401)
		}},
		{"account-acl-removed", "POST", "account", "account access control", "an empty ACL shuts the account again", func(e *Env) {
			e.needAccountACLs()
			a, s := e.account(), e.stranger()
			a.accountACL(`{"read-only":["` + s.Name + `"]}`).Status(204)
			a.do("HEAD", "", as(s)).Status(204)
			a.accountACL("").Status(204)
			a.do("HEAD", "", as(s)).Status(403)
			a.do("HEAD", "").Status(204).Header("X-Account-Access-Control").IsEmpty()
		}},
		{"account-acl-syntax", "POST", "account", "account access control", "an ACL that is no JSON object of lists is 400", func(e *Env) {
			e.needAccountACLs()
			a := e.account()
			for _, bad := range []string{"nonsense", `["a"]`, `{"read-only":"a"}`, `{"owner":["a"]}`, `{"admin":[1]}`} {
				a.accountACL(bad).Status(400)
			}
			a.do("HEAD", "").Header("X-Account-Access-Control").IsEmpty()
		}},
		{"account-acl-normalised", "POST", "account", "account access control", "the ACL comes back as ASCII JSON with sorted keys", func(e *Env) {
			e.needAccountACLs()
			a := e.account()
			a.accountACL(`{ "read-only" : ["b:c"], "admin": ["a:b"] }`).Status(204)
			a.do("HEAD", "").Header("X-Account-Access-Control").IsEqual(`{"admin":["a:b"],"read-only":["b:c"]}`)
		}},
	}
}
