package api

import "strings"

func quotaCases() []Case { return append(containerQuotaCases(), accountQuotaCases()...) }

// quotaContainer makes a container with a quota.
func (e *Env) quotaContainer(kind, limit string) string {
	e.Need("container_quotas")
	return e.container(hdr("X-Container-Meta-Quota-"+kind, limit))
}

func containerQuotaCases() []Case {
	return []Case{
		{"container-quota-bytes", "PUT", "object", "container quotas", "an object over the bytes that are left is 413", func(e *Env) {
			c := e.quotaContainer("Bytes", "10")
			e.do("PUT", c+"/o", body("0123456789a")).Status(413)
			e.do("PUT", c+"/o", body("0123456789")).Status(201)
		}},
		{"container-quota-bytes-sum", "PUT", "object", "container quotas", "what the container holds counts", func(e *Env) {
			c := e.quotaContainer("Bytes", "10")
			e.put(c, "one", "123456")
			e.counted(c, 1, 6)
			e.eventually("a second object is 413", func() bool {
				return e.do("PUT", c+"/two", body("12345")).Raw().StatusCode == 413
			})
			e.do("PUT", c+"/two", body("1234")).Status(201)
		}},
		{"container-quota-count", "PUT", "object", "container quotas", "an object over the count is 413", func(e *Env) {
			c := e.quotaContainer("Count", "1")
			e.put(c, "one", "x")
			e.counted(c, 1, 1)
			e.eventually("a second object is 413", func() bool {
				return e.do("PUT", c+"/two", body("x")).Raw().StatusCode == 413
			})
		}},
		{"container-quota-text", "PUT", "object", "container quotas", "the answer says that the quota is exceeded", func(e *Env) {
			c := e.quotaContainer("Bytes", "1")
			e.do("PUT", c+"/o", body("xx")).Status(413).Body().IsEqual("Upload exceeds quota.")
		}},
		{"container-quota-invalid", "POST", "container", "container quotas", "a quota that is no number is 400", func(e *Env) {
			e.Need("container_quotas")
			c := e.container()
			e.do("POST", c, hdr("X-Container-Meta-Quota-Bytes", "many")).Status(400)
			e.do("POST", c, hdr("X-Container-Meta-Quota-Count", "-1")).Status(400)
		}},
		{"container-quota-removed", "POST", "container", "container quotas", "a removed quota no longer limits", func(e *Env) {
			c := e.quotaContainer("Bytes", "1")
			e.do("PUT", c+"/o", body("xx")).Status(413)
			e.do("POST", c, hdr("X-Remove-Container-Meta-Quota-Bytes", "x")).Status(204)
			e.do("PUT", c+"/o", body("xx")).Status(201)
		}},
		{"container-quota-copy", "COPY", "object", "container quotas", "the size of a copy's source counts", func(e *Env) {
			c := e.quotaContainer("Bytes", "3")
			e.do("COPY", e.object("12345"), hdr("Destination", c+"/o")).Status(413)
			e.do("PUT", c+"/o", hdr("X-Copy-From", "/"+e.object("12345")), body("")).Status(413)
			e.do("COPY", e.object("123"), hdr("Destination", c+"/o")).Status(201)
		}},
		{"container-quota-post", "POST", "object", "container quotas", "a full container takes POST and DELETE", func(e *Env) {
			c := e.quotaContainer("Count", "1")
			p := e.put(c, "one", "x")
			e.do("POST", p, hdr("X-Object-Meta-A", "b")).Status(202)
			e.do("DELETE", p).Status(204)
		}},
		{"container-quota-zero", "PUT", "object", "container quotas", "a quota of no bytes takes an empty object alone", func(e *Env) {
			c := e.quotaContainer("Bytes", "0")
			e.do("PUT", c+"/o", body("x")).Status(413)
			e.do("PUT", c+"/o", body("")).Status(201)
		}},
		{"container-quota-order", "PUT", "object", "container quotas", "a refusal comes before the body is asked for", func(e *Env) {
			c := e.quotaContainer("Bytes", "10")
			w := e.dial()
			w.send(w.request("PUT", c+"/o", "Content-Length: 1000", "Expect: 100-continue") + "\n")
			w.want("PUT", 413)
			e.alive()
		}},
	}
}

// counted waits until a container's counts are known.
func (e *Env) counted(container string, objects, bytes int) {
	want := quoteAll([]string{itoa(objects), itoa(bytes)})
	e.eventually("the container counts objects and bytes "+want, func() bool {
		h := e.do("HEAD", container).Raw().Header
		return quoteAll([]string{h.Get("X-Container-Object-Count"), h.Get("X-Container-Bytes-Used")}) == want
	})
}

// needAccountQuotas skips where account quotas are none, or of the old kind.
func (e *Env) needAccountQuotas() {
	e.Need("account_quotas")
	e.since(34)
}

// quotaAccount is a new account with a quota.
func (e *Env) quotaAccount(kind, limit string) *Env {
	e.needAccountQuotas()
	a := e.account()
	a.do("POST", "", hdr("X-Account-Quota-"+kind, limit)).Status(204)
	return a
}

func accountQuotaCases() []Case {
	return []Case{
		{"account-quota-bytes", "PUT", "object", "account quotas", "an object over the account's bytes is 413 for its users", func(e *Env) {
			s := e.stranger()
			a := e.quotaAccount("Bytes", "10")
			c := a.container(hdr("X-Container-Write", s.Name))
			a.do("PUT", c+"/o", as(s), body("0123456789a")).Status(413)
			a.do("PUT", c+"/o", as(s), body("0123456789")).Status(201)
		}},
		{"account-quota-admin", "PUT", "object", "account quotas", "the reseller's administrator is not bound", func(e *Env) {
			a := e.quotaAccount("Bytes", "10")
			a.do("PUT", a.container()+"/o", body("0123456789a")).Status(201)
		}},
		{"account-quota-head", "HEAD", "account", "account quotas", "a quota of bytes comes back", func(e *Env) {
			a := e.quotaAccount("Bytes", "12345")
			a.do("HEAD", "").Status(204).Header("X-Account-Quota-Bytes").IsEqual("12345")
			a.do("GET", "").Status(204).Header("X-Account-Quota-Bytes").IsEqual("12345")
		}},
		{"account-quota-count", "HEAD", "account", "account quotas", "a quota of objects comes back", func(e *Env) {
			a := e.quotaAccount("Count", "7")
			a.do("HEAD", "").Status(204).Header("X-Account-Quota-Count").IsEqual("7")
		}},
		{"account-quota-removed", "POST", "account", "account quotas", "X-Remove-Account-Quota-Bytes removes it", func(e *Env) {
			a := e.quotaAccount("Bytes", "5")
			a.do("POST", "", hdr("X-Remove-Account-Quota-Bytes", "x")).Status(204)
			a.do("HEAD", "").Status(204).Header("X-Account-Quota-Bytes").IsEmpty()
		}},
		{"account-quota-old-name", "POST", "account", "account quotas", "X-Account-Meta-Quota-Bytes sets it too", func(e *Env) {
			e.needAccountQuotas()
			a := e.account()
			a.do("POST", "", hdr("X-Account-Meta-Quota-Bytes", "99")).Status(204)
			a.do("HEAD", "").Status(204).Header("X-Account-Quota-Bytes").IsEqual("99")
		}},
		{"account-quota-owner", "POST", "account", "account quotas", "an account's owner may not set its quota: 403", func(e *Env) {
			e.needAccountQuotas()
			e.do("POST", "", hdr("X-Account-Quota-Bytes", "1000000000000")).Status(403)
			e.do("POST", "", hdr("X-Account-Meta-Quota-Bytes", "1000000000000")).Status(403)
			e.do("POST", "", hdr("X-Account-Quota-Count", "1000000000000")).Status(403)
		}},
		{"account-quota-invalid", "POST", "account", "account quotas", "a quota that is no number is 400", func(e *Env) {
			e.needAccountQuotas()
			a := e.account()
			a.do("POST", "", hdr("X-Account-Quota-Bytes", "many")).Status(400)
			a.do("POST", "", hdr("X-Account-Quota-Count", "-5")).Status(400)
		}},
		{"account-quota-policy", "HEAD", "account", "account quotas", "each storage policy may have a quota of its own", func(e *Env) {
			e.needAccountQuotas()
			a := e.account()
			for _, p := range e.policies() {
				a.do("POST", "", hdr("X-Account-Quota-Bytes-Policy-"+p.name, "50")).Status(204)
				a.do("HEAD", "").Header("X-Account-Quota-Bytes-Policy-" + p.name).IsEqual("50")
			}
		}},
		{"account-quota-policy-unknown", "POST", "account", "account quotas", "a quota of an unknown policy is 400 or ignored", func(e *Env) {
			e.needAccountQuotas()
			a := e.account()
			status(a.do("POST", "", hdr("X-Account-Quota-Bytes-Policy-nosuch", "50")), 204, 400)
			a.do("HEAD", "").Header("X-Account-Quota-Bytes-Policy-Nosuch").IsEmpty()
		}},
		{"account-quota-policy-full", "PUT", "object", "account quotas", "a policy's quota limits containers of that policy alone", func(e *Env) {
			e.needAccountQuotas()
			policies := e.policies()
			if len(policies) < 2 {
				e.Skip("/info has one storage policy")
			}
			s, a := e.stranger(), e.account()
			a.do("POST", "", hdr("X-Account-Quota-Bytes-Policy-"+policies[0].name, "3")).Status(204)
			full := a.container(hdr("X-Storage-Policy", policies[0].name), hdr("X-Container-Write", s.Name))
			free := a.container(hdr("X-Storage-Policy", policies[1].name), hdr("X-Container-Write", s.Name))
			a.do("PUT", full+"/o", as(s), body("1234")).Status(413)
			a.do("PUT", free+"/o", as(s), body("1234")).Status(201)
		}},
		{"account-quota-copy", "COPY", "object", "account quotas", "the size of a copy's source counts", func(e *Env) {
			s := e.stranger()
			a := e.quotaAccount("Bytes", "10")
			c := a.container(hdr("X-Container-Write", s.Name))
			their := e.theirs(s)
			p := their.put(their.container(), "o", strings.Repeat("x", 11))
			their.do("COPY", p, hdr("Destination", c+"/o"), hdr("Destination-Account", a.accountName())).Status(413)
		}},
	}
}
