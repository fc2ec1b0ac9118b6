package api

import (
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// policy is a storage policy as /info names it.
type policy struct {
	name    string
	aliases []string
}

// policies are those of /info.
func (e *Env) policies() []policy {
	rows, _ := e.setting("swift", "policies").([]any)
	var out []policy
	for _, row := range rows {
		p, _ := row.(map[string]any)
		name, _ := p["name"].(string)
		aliases, _ := p["aliases"].(string)
		if name == "" {
			e.Failf("/info has a policy without name: %v", row)
		}
		out = append(out, policy{name, strings.Split(aliases, ", ")})
	}
	if len(out) == 0 {
		e.Skip("/info has no storage policies")
	}
	return out
}

// eachPolicy runs a check in a container of each storage policy.
func (e *Env) eachPolicy(check func(container string)) {
	for _, p := range e.policies() {
		if s := e.guard(func() { check(e.container(hdr("X-Storage-Policy", p.name))) }); s != nil {
			s.message = "with policy " + p.name + ": " + s.message
			panic(*s)
		}
	}
}

func policyCases() []Case {
	return []Case{
		{"policy-each-name", "PUT", "container", "storage policies", "each policy of /info makes containers that name it", func(e *Env) {
			for _, p := range e.policies() {
				c := e.container(hdr("X-Storage-Policy", p.name))
				e.do("HEAD", c).Status(204).Header("X-Storage-Policy").IsEqual(p.name)
			}
		}},
		{"policy-aliases", "PUT", "container", "storage policies", "aliases and other cases of a policy's name work", func(e *Env) {
			for _, p := range e.policies() {
				for _, alias := range append(p.aliases, strings.ToUpper(p.name)) {
					c := e.container(hdr("X-Storage-Policy", alias))
					e.do("HEAD", c).Status(204).Header("X-Storage-Policy").IsEqual(p.name)
				}
			}
		}},
		{"policy-same-again", "PUT", "container", "storage policies", "PUT with the container's own policy is 202", func(e *Env) {
			for _, p := range e.policies() {
				e.do("PUT", e.container(hdr("X-Storage-Policy", p.name)), hdr("X-Storage-Policy", p.name)).Status(202)
			}
		}},
		{"policy-change", "PUT", "container", "storage policies", "PUT with another policy is 409", func(e *Env) {
			policies := e.policies()
			if len(policies) < 2 {
				e.Skip("/info has one storage policy")
			}
			c := e.container(hdr("X-Storage-Policy", policies[0].name))
			e.do("PUT", c, hdr("X-Storage-Policy", policies[1].name)).Status(409)
			e.do("HEAD", c).Header("X-Storage-Policy").IsEqual(policies[0].name)
		}},
		{"policy-change-post", "POST", "container", "storage policies", "POST does not change the policy", func(e *Env) {
			policies := e.policies()
			if len(policies) < 2 {
				e.Skip("/info has one storage policy")
			}
			c := e.container(hdr("X-Storage-Policy", policies[0].name))
			e.do("POST", c, hdr("X-Storage-Policy", policies[1].name)).Status(204)
			e.do("HEAD", c).Header("X-Storage-Policy").IsEqual(policies[0].name)
		}},
		{"policy-put-keeps", "PUT", "container", "storage policies", "PUT without a policy keeps the container's", func(e *Env) {
			for _, p := range e.policies() {
				c := e.container(hdr("X-Storage-Policy", p.name))
				e.do("PUT", c).Status(202)
				e.do("HEAD", c).Header("X-Storage-Policy").IsEqual(p.name)
			}
		}},
		{"policy-object", "PUT", "object", "storage policies", "objects of each policy are stored, read, changed and deleted", func(e *Env) {
			e.eachPolicy(func(c string) {
				content := strings.Repeat("policy ", 30_000)
				p := e.put(c, "o", content, hdr("X-Object-Meta-A", "1"))
				r := e.do("GET", p).Status(200)
				if r.Body().Raw() != content {
					e.Failf("the body differs from what was stored")
				}
				trimmedEtag(e, r.Raw().Header, content)
				e.do("POST", p, hdr("X-Object-Meta-A", "2")).Status(202)
				e.do("HEAD", p).Status(200).Header("X-Object-Meta-A").IsEqual("2")
				e.do("DELETE", p).Status(204)
				e.do("GET", p).Status(404)
			})
		}},
		{"policy-range", "GET", "object", "storage policies", "ranges of each policy's objects", func(e *Env) {
			e.eachPolicy(func(c string) {
				p := e.put(c, "o", rangeContent)
				e.do("GET", p, hdr("Range", "bytes=3-6")).Status(206).Body().IsEqual("3456")
				e.do("GET", p, hdr("Range", "bytes=-2")).Status(206).Body().IsEqual("ij")
				e.do("GET", p, hdr("Range", "bytes=20-")).Status(416)
				r := e.do("GET", p, hdr("Range", "bytes=0-1,4-5")).Status(206)
				e.multipart(r.Raw().Header.Get("Content-Type"), r.Body().Raw(), "",
					[2]string{"bytes 0-1/20", "01"}, [2]string{"bytes 4-5/20", "45"})
			})
		}},
		{"policy-range-large", "GET", "object", "storage policies", "a range in the middle of a large object of each policy", func(e *Env) {
			e.eachPolicy(func(c string) {
				content := strings.Repeat("0123456789abcdef", 3<<20/16)
				p := e.put(c, "o", content)
				r := e.do("GET", p, hdr("Range", "bytes=1048570-1048590")).Status(206)
				r.Body().IsEqual(content[1048570:1048591])
			})
		}},
		{"policy-conditions", "GET", "object", "storage policies", "conditions hold for each policy's objects", func(e *Env) {
			e.eachPolicy(func(c string) {
				p := e.put(c, "o", "x")
				e.do("GET", p, hdr("If-None-Match", etag("x"))).Status(304)
				e.do("GET", p, hdr("If-Match", etag("y"))).Status(412)
				e.do("PUT", p, hdr("If-None-Match", "*"), body("y")).Status(412)
			})
		}},
		{"policy-etag-mismatch", "PUT", "object", "storage policies", "a wrong Etag is 422 in each policy", func(e *Env) {
			e.eachPolicy(func(c string) {
				e.do("PUT", c+"/o", body("x"), hdr("Etag", etag("y"))).Status(422)
				e.do("GET", c+"/o").Status(404)
			})
		}},
		{"policy-empty-object", "PUT", "object", "storage policies", "an empty object in each policy", func(e *Env) {
			e.eachPolicy(func(c string) {
				e.do("GET", e.put(c, "o", "")).Status(200).Header("Content-Length").IsEqual("0")
			})
		}},
		{"policy-listing", "GET", "container", "storage policies", "objects of each policy are listed with size and hash", func(e *Env) {
			e.eachPolicy(func(c string) {
				e.put(c, "o", "content")
				e.eventually("the row", func() bool {
					rows := decodeListing(e.do("GET", c, query("format=json")).Raw())
					return len(rows) == 1 && rows[0].Bytes == 7 && rows[0].Hash == etag("content")
				})
			})
		}},
		{"policy-copy", "COPY", "object", "storage policies", "objects are copied from each policy to each other", func(e *Env) {
			source := map[string]string{}
			policies := e.policies()
			for _, p := range policies {
				source[p.name] = e.put(e.container(hdr("X-Storage-Policy", p.name)), "o", "content of "+p.name)
			}
			for _, to := range policies {
				c := e.container(hdr("X-Storage-Policy", to.name))
				for _, from := range policies {
					e.do("COPY", source[from.name], hdr("Destination", c+"/"+from.name)).Status(201)
					e.do("GET", c+"/"+from.name).Status(200).Body().IsEqual("content of " + from.name)
				}
			}
		}},
		{"policy-account-counts", "HEAD", "account", "storage policies", "an account counts containers, objects and bytes of each policy", func(e *Env) {
			a := e.account()
			for _, p := range e.policies() {
				c := a.container(hdr("X-Storage-Policy", p.name))
				a.put(c, "o", "12345")
				a.counted(c, 1, 5)
				a.report(c)
				name := "X-Account-Storage-Policy-" + p.name
				a.eventually("counts of policy "+p.name, func() bool {
					h := a.do("HEAD", "").Raw().Header
					return h.Get(name+"-Container-Count") == "1" && h.Get(name+"-Object-Count") == "1" && h.Get(name+"-Bytes-Used") == "5"
				})
			}
		}},
		{"policy-account-listing", "GET", "account", "storage policies", "an account's JSON listing names each container's policy, where it does at all", func(e *Env) {
			a := e.account()
			want := map[string]string{}
			for _, p := range e.policies() {
				want[a.container(hdr("X-Storage-Policy", p.name))] = p.name
			}
			for _, row := range a.do("GET", "", query("format=json")).Status(200).JSON().Array().Iter() {
				o := row.Object()
				if policy := o.Raw()["storage_policy"]; policy != nil {
					o.Value("storage_policy").IsEqual(want[o.Value("name").String().Raw()])
				}
			}
		}},
	}
}
