package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// unix is a time from its seconds in text.
func unix(seconds string) time.Time {
	n, _ := strconv.ParseInt(seconds, 10, 64)
	return time.Unix(n, 0).UTC()
}

func expiryCases() []Case {
	const feature = "expiry"
	// dead stores an object that lives a second and waits for its end.
	dead := func(e *Env) string {
		p := e.object("x", hdr("X-Delete-After", "1"))
		e.eventually("the object is gone", func() bool { return e.do("HEAD", p).Raw().StatusCode == 404 })
		return p
	}
	return []Case{
		{"expiry-after", "GET", "object", feature, "after its time an object is 404", func(e *Env) {
			p := dead(e)
			e.do("GET", p).Status(404)
			e.do("POST", p, hdr("X-Object-Meta-A", "b")).Status(404)
		}},
		{"expiry-at", "PUT", "object", feature, "X-Delete-At comes back as it was", func(e *Env) {
			at := itoa(int(e.now().Unix()) + 5000)
			p := e.object("x", hdr("X-Delete-At", at))
			e.do("HEAD", p).Status(200).Header("X-Delete-At").IsEqual(at)
			e.do("GET", p).Status(200).Header("X-Delete-At").IsEqual(at)
		}},
		{"expiry-after-wins", "PUT", "object", feature, "X-Delete-After beats X-Delete-At", func(e *Env) {
			now := int(e.now().Unix())
			p := e.object("x", hdr("X-Delete-At", itoa(now+100_000)), hdr("X-Delete-After", "100"))
			e.do("HEAD", p).Header("X-Delete-At").AsNumber().Lt(now + 50_000)
		}},
		{"expiry-post", "POST", "object", feature, "POST sets an expiry", func(e *Env) {
			at := itoa(int(e.now().Unix()) + 5000)
			p := e.object("x")
			e.do("POST", p, hdr("X-Delete-At", at)).Status(202)
			e.do("HEAD", p).Status(200).Header("X-Delete-At").IsEqual(at)
		}},
		{"expiry-post-clears", "POST", "object", feature, "POST without an expiry takes it away", func(e *Env) {
			p := e.object("x", hdr("X-Delete-After", "5000"))
			e.do("POST", p, hdr("X-Object-Meta-A", "b")).Status(202)
			e.do("HEAD", p).Status(200).Header("X-Delete-At").IsEmpty()
		}},
		{"expiry-put-clears", "PUT", "object", feature, "overwriting takes an expiry away", func(e *Env) {
			p := e.object("x", hdr("X-Delete-After", "5000"))
			e.do("PUT", p, body("y")).Status(201)
			e.do("HEAD", p).Status(200).Header("X-Delete-At").IsEmpty()
		}},
		{"expiry-post-past", "POST", "object", feature, "POST of a time in the past is 400", func(e *Env) {
			p := e.object("x")
			e.do("POST", p, hdr("X-Delete-At", "1000000000")).Status(400)
			e.do("POST", p, hdr("X-Delete-After", "-1")).Status(400)
			e.do("POST", p, hdr("X-Delete-After", "soon")).Status(400)
			e.do("HEAD", p).Status(200)
		}},
		{"expiry-after-zero", "PUT", "object", feature, "X-Delete-After: 0 is 400", func(e *Env) {
			e.do("PUT", e.container()+"/o", body("x"), hdr("X-Delete-After", "0")).Status(400)
		}},
		{"expiry-open", "GET", "object", feature, "X-Open-Expired reads what is expired and not yet removed", func(e *Env) {
			e.NeedTrue("swift", "allow_open_expired")
			p := dead(e)
			e.do("GET", p, hdr("X-Open-Expired", "true")).Status(200).Body().IsEqual("x")
			e.do("HEAD", p, hdr("X-Open-Expired", "true")).Status(200)
			e.do("GET", p, hdr("X-Open-Expired", "false")).Status(404)
		}},
		{"expiry-open-post", "POST", "object", feature, "POST with X-Open-Expired brings an expired object back", func(e *Env) {
			e.NeedTrue("swift", "allow_open_expired")
			p := dead(e)
			e.do("POST", p, hdr("X-Open-Expired", "true"), hdr("X-Object-Meta-A", "b")).Status(202)
			e.do("GET", p).Status(200).Body().IsEqual("x")
		}},
		{"expiry-recreate", "PUT", "object", feature, "an expired object can be made again", func(e *Env) {
			p := dead(e)
			e.do("PUT", p, body("again")).Status(201)
			e.do("GET", p).Status(200).Body().IsEqual("again")
		}},
		{"expiry-if-none-match", "PUT", "object", feature, "an expired object is none for If-None-Match: *", func(e *Env) {
			e.do("PUT", dead(e), body("again"), hdr("If-None-Match", "*")).Status(201)
		}},
	}
}

func accountManagementCases() []Case {
	const feature = "account management"
	managed := func(id, verb, want string, check func(e *Env, a *Env)) Case {
		return Case{"account-" + id, verb, "account", feature, want, func(e *Env) {
			e.NeedTrue("swift", "allow_account_management")
			a := e.account()
			check(e, a)
		}}
	}
	return []Case{
		managed("manage-put", "PUT", "an administrator's PUT of an account that exists is 202", func(_, a *Env) {
			a.do("PUT", "").Status(202)
		}),
		managed("manage-put-new", "PUT", "an administrator's PUT of a new account is 201", func(_, a *Env) {
			b := *a
			b.base += "_second"
			b.do("PUT", "").Status(201)
			b.do("DELETE", "").Status(204)
		}),
		managed("manage-put-meta", "PUT", "PUT of an account stores metadata", func(_, a *Env) {
			a.do("PUT", "", hdr("X-Account-Meta-A", "b")).Status(202)
			a.do("HEAD", "").Header("X-Account-Meta-A").IsEqual("b")
		}),
		managed("manage-delete", "DELETE", "a deleted account is 410 or 404, and cannot be used at once", func(_, a *Env) {
			a.do("DELETE", "").Status(204)
			status(a.do("GET", ""), 404, 410)
			status(a.do("PUT", ""), 403)
		}),
		managed("manage-delete-query", "DELETE", "DELETE of an account with a query is 400 even for an administrator", func(_, a *Env) {
			a.do("DELETE", "", query("x=y")).Status(400)
			a.do("HEAD", "").Status(204)
		}),
		managed("manage-owner", "PUT", "an owner neither makes nor deletes accounts", func(e, _ *Env) {
			status(e.do("PUT", ""), 403)
			status(e.do("DELETE", ""), 403)
		}),
		{"account-name-too-long", "PUT", "account", feature, "a name over the limit is 400", func(e *Env) {
			a := e.admin()
			e.NeedTrue("swift", "allow_account_management")
			long := "/v1/" + a.Prefix() + strings.Repeat("x", e.limit("max_account_name_length", 256))
			e.raw("PUT", long, as(a)).Status(400)
		}},
		{"account-fresh", "GET", "account", feature, "a new account is empty in each form", func(e *Env) {
			a := e.account()
			a.do("GET", "").Status(204).Body().IsEmpty()
			a.do("GET", "", query("format=json")).Status(200).JSON().Array().IsEmpty()
			r := a.do("HEAD", "").Status(204)
			for _, h := range []string{"X-Account-Container-Count", "X-Account-Object-Count", "X-Account-Bytes-Used"} {
				r.Header(h).IsEqual("0")
			}
		}},
		{"account-autocreate", "PUT", "container", feature, "a container makes its account where /info says so", func(e *Env) {
			e.NeedTrue("swift", "account_autocreate")
			admin := e.admin()
			a := e.with(admin)
			a.base = "/v1/" + admin.Prefix() + strings.ReplaceAll(e.name(), "-", "_")
			a.do("GET", "", query("format=json")).Status(200).JSON().Array().IsEmpty()
			a.later(func() { a.do("DELETE", "") })
			a.container()
			a.do("HEAD", "").Status(204)
		}},
		{"account-counts", "HEAD", "account", feature, "containers, objects and bytes of an account are counted in time", func(e *Env) {
			a := e.account()
			c, d := a.container(), a.container()
			a.put(c, "o", "12345")
			a.put(d, "o", "678")
			a.counted(c, 1, 5)
			a.counted(d, 1, 3)
			a.report(c, d)
			a.eventually("2 containers, 2 objects, 8 bytes", func() bool {
				h := a.do("HEAD", "").Raw().Header
				return h.Get("X-Account-Container-Count") == "2" && h.Get("X-Account-Object-Count") == "2" && h.Get("X-Account-Bytes-Used") == "8"
			})
		}},
		{"account-listing-counts", "GET", "account", feature, "rows of containers count objects and bytes in time", func(e *Env) {
			a := e.account()
			c := a.container()
			a.put(c, "o", "12345")
			a.counted(c, 1, 5)
			a.report(c)
			a.eventually("1 object of 5 bytes in the row", func() bool {
				rows := decodeListing(a.do("GET", "", query("format=json")).Raw())
				return len(rows) == 1 && rows[0].Name == c && rows[0].Count == 1 && rows[0].Bytes == 5
			})
		}},
		{"account-meta-overall", "POST", "account", feature, "metadata that sums up to more than the limit is 400", func(e *Env) {
			a := e.account()
			size := e.limit("max_meta_value_length", 256)
			n := e.limit("max_meta_overall_size", 4096)/size + 2
			for i := range n {
				code := a.do("POST", "", hdr("X-Account-Meta-K"+itoa(i), strings.Repeat("v", size))).Raw().StatusCode
				if code == 400 {
					return
				}
			}
			e.Failf("%d values of %d bytes were all accepted", n, size)
		}},
		{"account-meta-unicode", "POST", "account", feature, "metadata beyond ASCII comes back as bytes", func(e *Env) {
			a := e.account()
			a.do("POST", "", hdr("X-Account-Meta-Name", "馬 ž")).Status(204)
			a.do("HEAD", "").Header("X-Account-Meta-Name").IsEqual("馬 ž")
		}},
	}
}

// report writes to containers, which makes them report their counts to the
// account; daemons that do it otherwise may take their time.
func (e *Env) report(containers ...string) {
	for _, c := range containers {
		e.do("PUT", c).Status(202)
	}
}

func limitCases() []Case {
	const feature = "metadata limits"
	kinds := []struct {
		name, verb, meta string
		make             func(e *Env) string
		done             int
	}{
		{"container", "POST", "X-Container-Meta-", func(e *Env) string { return e.container() }, 204},
		{"object", "POST", "X-Object-Meta-", func(e *Env) string { return e.object("x") }, 202},
	}
	var cases []Case
	for _, k := range kinds {
		post := func(id, want string, code int, headers func(e *Env) map[string]string) Case {
			return Case{"limit-" + k.name + "-" + id, k.verb, k.name, feature, k.name + " metadata: " + want, func(e *Env) {
				var opts []option
				for name, value := range headers(e) {
					opts = append(opts, hdr(k.meta+name, value))
				}
				p := k.make(e)
				e.do(k.verb, p, opts...).Status(code)
				if code/100 == 2 {
					r := e.do("HEAD", p)
					for name, value := range headers(e) {
						r.Header(k.meta + name).IsEqual(strings.TrimSpace(value))
					}
				}
			}}
		}
		one := func(name, value string) func(*Env) map[string]string {
			return func(*Env) map[string]string { return map[string]string{name: value} }
		}
		many := func(e *Env, n, size int) map[string]string {
			out := map[string]string{}
			for i := range n {
				out["K"+itoa(1000+i)] = strings.Repeat("v", size)
			}
			return out
		}
		cases = append(cases,
			post("name-longest", "the longest name is stored", k.done, func(e *Env) map[string]string {
				return map[string]string{strings.Repeat("k", e.limit("max_meta_name_length", 128)): "v"}
			}),
			post("name-over", "a longer name is 400", 400, func(e *Env) map[string]string {
				return map[string]string{strings.Repeat("k", e.limit("max_meta_name_length", 128)+1): "v"}
			}),
			post("value-longest", "the longest value is stored", k.done, func(e *Env) map[string]string {
				return map[string]string{"K": strings.Repeat("v", e.limit("max_meta_value_length", 256))}
			}),
			post("value-over", "a longer value is 400", 400, func(e *Env) map[string]string {
				return map[string]string{"K": strings.Repeat("v", e.limit("max_meta_value_length", 256)+1)}
			}),
			post("count-most", "as many as the limit are stored", k.done, func(e *Env) map[string]string {
				return many(e, e.limit("max_meta_count", 90), 1)
			}),
			post("count-over", "one more is 400", 400, func(e *Env) map[string]string {
				return many(e, e.limit("max_meta_count", 90)+1, 1)
			}),
			post("size-over", "more than the overall size is 400", 400, func(e *Env) map[string]string {
				size := e.limit("max_meta_value_length", 256)
				return many(e, e.limit("max_meta_overall_size", 4096)/size+1, size)
			}),
			post("name-empty", "an empty name is 400", 400, one("", "v")),
			post("value-unicode", "values beyond ASCII are kept", k.done, one("K", "žluťoučký 馬")),
			post("value-odd", "quotes, commas and percent signs are kept", k.done, one("K", `a "b", c=d; 100%25 <e>`)),
			post("value-space", "spaces around a value are not part of it", k.done, one("K", "  a b  ")),
		)
	}
	return append(cases, metaFormCases()...)
}

func metaFormCases() []Case {
	const feature = "metadata limits"
	return []Case{
		{"meta-case", "POST", "object", feature, "names of metadata have no case", func(e *Env) {
			w := e.dial()
			p := e.object("x")
			w.send(w.request("POST", p, "x-object-meta-MiXeD: value", "Content-Length: 0") + "\n")
			w.want("POST", 202)
			e.do("HEAD", p).Header("X-Object-Meta-Mixed").IsEqual("value")
		}},
		{"meta-not-utf8", "POST", "object", feature, "values that are not UTF-8 are 400, or come back as they are", func(e *Env) {
			p := e.object("x")
			w := e.dial()
			w.send(w.request("POST", p, "X-Object-Meta-Bad: a\xffb", "Content-Length: 0") + "\n")
			if resp, _ := w.want("POST", 202, 400); resp.StatusCode == 202 {
				e.do("HEAD", p).Status(200).Header("X-Object-Meta-Bad").IsEqual("a\xffb")
			}
		}},
		{"meta-container-accumulates", "POST", "container", feature, "a container's metadata sums up over POSTs: 400 in the end", func(e *Env) {
			c := e.container()
			half := func(from int) (opts []option) {
				for i := range e.limit("max_meta_count", 90)/2 + 1 {
					opts = append(opts, hdr("X-Container-Meta-K"+itoa(from+i), "v"))
				}
				return opts
			}
			e.do("POST", c, half(0)...).Status(204)
			e.do("POST", c, half(1000)...).Status(400)
		}},
		{"meta-set-and-remove", "POST", "container", feature, "a value beats its removal in the same request", func(e *Env) {
			c := e.container(hdr("X-Container-Meta-K", "old"))
			e.do("POST", c, hdr("X-Container-Meta-K", "new"), hdr("X-Remove-Container-Meta-K", "x")).Status(204)
			e.do("HEAD", c).Header("X-Container-Meta-K").IsEqual("new")
		}},
		{"meta-remove-absent", "POST", "container", feature, "removing what is not there is no error", func(e *Env) {
			e.do("POST", e.container(), hdr("X-Remove-Container-Meta-Nothing", "x")).Status(204)
		}},
		{"meta-put-remove", "PUT", "container", feature, "PUT of an existing container removes metadata too", func(e *Env) {
			c := e.container(hdr("X-Container-Meta-K", "old"))
			e.do("PUT", c, hdr("X-Remove-Container-Meta-K", "x")).Status(202)
			e.do("HEAD", c).Header("X-Container-Meta-K").IsEmpty()
		}},
		{"meta-last-modified", "POST", "container", feature, "POST moves a container's Last-Modified on", func(e *Env) {
			c := e.container()
			before := e.do("HEAD", c).Header("Last-Modified").AsDateTime(http.TimeFormat).Raw()
			e.eventually("Last-Modified moves on", func() bool {
				e.do("POST", c, hdr("X-Container-Meta-K", itoa(int(time.Now().UnixNano())))).Status(204)
				return e.do("HEAD", c).Header("Last-Modified").AsDateTime(http.TimeFormat).Raw().After(before)
			})
		}},
		{"meta-object-remove", "POST", "object", feature, "X-Remove-Object-Meta leaves nothing of that name", func(e *Env) {
			p := e.object("x", hdr("X-Object-Meta-K", "v"))
			e.do("POST", p, hdr("X-Remove-Object-Meta-K", "x")).Status(202)
			e.do("HEAD", p).Header("X-Object-Meta-K").IsEmpty()
		}},
	}
}
