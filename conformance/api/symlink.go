package api

import (
	"apus/conformance/target"
)

// symlink stores a target and a link to it, in one container.
func (e *Env) symlink(content string, opts ...option) (link, to string) {
	e.Need("symlink")
	c := e.container()
	to = e.put(c, "target", content, hdr("Content-Type", "text/x-target"), hdr("X-Object-Meta-Where", "target"))
	return e.link(c+"/link", to, opts...), to
}

// link stores a symlink.
func (e *Env) link(path, to string, opts ...option) string {
	e.do("PUT", path, append([]option{body(""), hdr("X-Symlink-Target", target.Escape(to))}, opts...)...).Status(201)
	return path
}

func symlinkCases() []Case { return append(symlinkDynamicCases(), symlinkStaticCases()...) }

func symlinkDynamicCases() []Case {
	link := func(id, verb, want string, check func(e *Env, link, to string)) Case {
		return Case{"symlink-" + id, verb, "object", "symlinks", want, func(e *Env) {
			l, to := e.symlink("content")
			check(e, l, to)
		}}
	}
	return []Case{
		link("get", "GET", "GET follows to the target, its bytes, type, etag and metadata", func(e *Env, l, to string) {
			r := e.do("GET", l).Status(200)
			r.Body().IsEqual("content")
			r.Header("Content-Type").HasPrefix("text/x-target")
			r.Header("X-Object-Meta-Where").IsEqual("target")
			r.Header("Content-Location").IsEqual(e.path(to))
			trimmedEtag(e, r.Raw().Header, "content")
		}),
		link("head", "HEAD", "HEAD follows", func(e *Env, l, to string) {
			r := e.do("HEAD", l).Status(200)
			r.Header("Content-Length").IsEqual("7")
			r.Header("Content-Location").IsEqual(e.path(to))
		}),
		link("get-link", "GET", "symlink=get is the link itself", func(e *Env, l, to string) {
			r := e.do("GET", l, query("symlink=get")).Status(200)
			r.Body().IsEmpty()
			r.Header("X-Symlink-Target").IsEqual(target.Escape(to))
			r.Header("X-Symlink-Target-Account").IsEmpty()
		}),
		link("head-link", "HEAD", "HEAD with symlink=get is of the link", func(e *Env, l, to string) {
			r := e.do("HEAD", l, query("symlink=get")).Status(200)
			r.Header("X-Symlink-Target").IsEqual(target.Escape(to))
			r.Header("Content-Length").IsEqual("0")
		}),
		link("range", "GET", "Range is of the target", func(e *Env, l, _ string) {
			r := e.do("GET", l, hdr("Range", "bytes=1-3")).Status(206)
			r.Body().IsEqual("ont")
			r.Header("Content-Range").IsEqual("bytes 1-3/7")
		}),
		link("conditions", "GET", "conditions are of the target", func(e *Env, l, _ string) {
			e.do("GET", l, hdr("If-None-Match", etag("content"))).Status(304)
			e.do("GET", l, hdr("If-Match", etag("content"))).Status(200)
			e.do("GET", l, hdr("If-Match", etag(""))).Status(412)
		}),
		link("target-changed", "GET", "a link follows what the target becomes", func(e *Env, l, to string) {
			e.do("PUT", to, body("changed")).Status(201)
			e.do("GET", l).Status(200).Body().IsEqual("changed")
		}),
		link("target-gone", "GET", "a link whose target is gone is 404, and names it", func(e *Env, l, to string) {
			e.do("DELETE", to).Status(204)
			e.do("GET", l).Status(404).Header("Content-Location").IsEqual(e.path(to))
			e.do("HEAD", l, query("symlink=get")).Status(200)
		}),
		link("delete", "DELETE", "DELETE removes the link and keeps the target", func(e *Env, l, to string) {
			e.do("DELETE", l).Status(204)
			e.do("GET", l).Status(404)
			e.do("GET", to).Status(200).Body().IsEqual("content")
		}),
		link("overwrite", "PUT", "PUT without X-Symlink-Target makes a plain object of the link", func(e *Env, l, to string) {
			e.do("PUT", l, body("plain")).Status(201)
			r := e.do("GET", l).Status(200)
			r.Body().IsEqual("plain")
			r.Header("Content-Location").IsEmpty()
			e.do("GET", to).Status(200).Body().IsEqual("content")
		}),
		link("post", "POST", "POST is 307 to the target, and keeps the metadata on the link", func(e *Env, l, to string) {
			r := e.do("POST", l, hdr("X-Object-Meta-New", "link")).Status(307)
			r.Header("Location").HasSuffix(e.path(to))
			e.do("HEAD", to).Header("X-Object-Meta-New").IsEmpty()
			e.do("HEAD", l, query("symlink=get")).Header("X-Object-Meta-New").IsEqual("link")
		}),
		link("post-target", "POST", "POST with X-Symlink-Target is 400", func(e *Env, l, to string) {
			e.do("POST", l, hdr("X-Symlink-Target", target.Escape(to))).Status(400)
			e.do("POST", to, hdr("X-Symlink-Target", target.Escape(to)+"2")).Status(400)
		}),
		link("copy", "COPY", "COPY of a link copies the target's bytes", func(e *Env, l, to string) {
			e.do("COPY", l, hdr("Destination", l+"-copy")).Status(201)
			e.do("DELETE", to).Status(204)
			e.do("GET", l+"-copy").Status(200).Body().IsEqual("content")
		}),
		link("copy-link", "COPY", "COPY with symlink=get copies the link", func(e *Env, l, to string) {
			e.do("COPY", l, query("symlink=get"), hdr("Destination", l+"-copy")).Status(201)
			e.do("HEAD", l+"-copy", query("symlink=get")).Status(200).Header("X-Symlink-Target").IsEqual(target.Escape(to))
			e.do("GET", l+"-copy").Status(200).Body().IsEqual("content")
		}),
		link("listing", "GET", "a JSON listing has symlink_path, no bytes and the type of a link", func(e *Env, l, to string) {
			c := l[:len(l)-len("/link")]
			e.eventually("symlink_path in the row", func() bool {
				for _, row := range e.do("GET", c, query("format=json&prefix=link")).Status(200).JSON().Array().Iter() {
					o := row.Object().Raw()
					return o["symlink_path"] == e.path(to) && o["bytes"] == 0.0 && o["content_type"] == "application/symlink"
				}
				return false
			})
		}),
		{"symlink-absent-target", "PUT", "object", "symlinks", "a link may be made before its target", func(e *Env) {
			e.Need("symlink")
			c := e.container()
			l := e.link(c+"/link", c+"/later")
			e.do("GET", l).Status(404)
			e.put(c, "later", "here")
			e.do("GET", l).Status(200).Body().IsEqual("here")
		}},
		{"symlink-other-container", "PUT", "object", "symlinks", "a link reaches into another container", func(e *Env) {
			e.Need("symlink")
			to := e.object("elsewhere")
			e.do("GET", e.link(e.container()+"/link", to)).Status(200).Body().IsEqual("elsewhere")
		}},
		{"symlink-names", "PUT", "object", "symlinks", "names beyond ASCII are followed", func(e *Env) {
			e.Need("symlink")
			c := e.container()
			to := e.put(c, "馬 %/?", "content")
			e.do("GET", e.link(c+"/link", to)).Status(200).Body().IsEqual("content")
		}},
		{"symlink-chain", "GET", "object", "symlinks", "links to links are followed up to the limit of /info, then 409", func(e *Env) {
			e.Need("symlink")
			c := e.container()
			p := e.put(c, "target", "content")
			for i := range e.number("symlink", "symloop_max", 2) {
				p = e.link(c+"/link-"+itoa(i), p)
				e.do("GET", p).Status(200).Body().IsEqual("content")
			}
			e.do("GET", e.link(c+"/one-too-many", p)).Status(409)
		}},
		{"symlink-loop", "GET", "object", "symlinks", "a loop of links is 409", func(e *Env) {
			e.Need("symlink")
			c := e.container()
			a, b := e.link(c+"/a", c+"/b"), e.link(c+"/b", c+"/a")
			e.do("GET", a).Status(409)
			e.do("HEAD", b).Status(409)
			e.do("HEAD", a, query("symlink=get")).Status(200)
		}},
		{"symlink-self", "PUT", "object", "symlinks", "a link to itself is 400", func(e *Env) {
			e.Need("symlink")
			p := e.container() + "/link"
			e.do("PUT", p, body(""), hdr("X-Symlink-Target", target.Escape(p))).Status(400)
		}},
		{"symlink-bad-target", "PUT", "object", "symlinks", "a target without object is 412, one with a query too", func(e *Env) {
			e.Need("symlink")
			c := e.container()
			e.do("PUT", c+"/link", body(""), hdr("X-Symlink-Target", c)).Status(412)
			e.do("PUT", c+"/link", body(""), hdr("X-Symlink-Target", "")).Status(412)
		}},
		{"symlink-body", "PUT", "object", "symlinks", "a link with a body is 400", func(e *Env) {
			e.Need("symlink")
			c := e.container()
			e.do("PUT", c+"/link", body("bytes"), hdr("X-Symlink-Target", c+"/target")).Status(400)
		}},
		{"symlink-account", "PUT", "object", "symlinks", "X-Symlink-Target-Account reaches into another account that lets the user read", func(e *Env) {
			e.Need("symlink")
			their := e.theirs(e.stranger())
			to := their.put(their.container(hdr("X-Container-Read", e.t.Owner.Name)), "o", "theirs")
			l := e.link(e.container()+"/link", to, hdr("X-Symlink-Target-Account", their.accountName()))
			r := e.do("GET", l).Status(200)
			r.Body().IsEqual("theirs")
			r.Header("Content-Location").IsEqual(their.path(to))
			e.do("HEAD", l, query("symlink=get")).Header("X-Symlink-Target-Account").IsEqual(their.accountName())
		}},
		{"symlink-account-forbidden", "GET", "object", "symlinks", "a link opens nothing that the user may not read", func(e *Env) {
			e.Need("symlink")
			their := e.theirs(e.stranger())
			to := their.put(their.container(), "o", "theirs")
			l := e.link(e.container()+"/link", to, hdr("X-Symlink-Target-Account", their.accountName()))
			e.do("GET", l).Status(403)
		}},
		{"symlink-reader", "GET", "object", "symlinks", "who may read the link needs the target's container too", func(e *Env) {
			e.Need("symlink")
			l := e.link(e.container(hdr("X-Container-Read", ".r:*"))+"/link", e.object("secret"))
			e.do("GET", l, anonymous()).Status(401)
		}},
		{"symlink-to-slo", "GET", "object", "symlinks", "a link to a large object gives all its bytes", func(e *Env) {
			e.Need("symlink")
			p, c, content, _ := e.slo()
			l := e.link(c+"/link", p)
			e.do("GET", l).Status(200).Body().IsEqual(content)
			e.do("GET", l, hdr("Range", "bytes=4-5")).Status(206).Body().IsEqual("ab")
		}},
		{"symlink-to-dlo", "GET", "object", "symlinks", "a link to a dynamic large object gives all its bytes", func(e *Env) {
			e.Need("symlink")
			p, c := e.dlo()
			e.do("GET", e.link(c+"/link", p)).Status(200).Body().IsEqual("aaaaabbbbbbbccc")
		}},
		{"symlink-as-segment", "GET", "object", "symlinks", "a segment of a large object may be a link", func(e *Env) {
			e.Need("slo")
			l, _ := e.symlink("content")
			c := e.container()
			e.do("GET", e.putManifest(c, "m", segment{Path: "/" + l})).Status(200).Body().IsEqual("content")
		}},
	}
}

func symlinkStaticCases() []Case {
	static := func(id, verb, want string, check func(e *Env, link, to string)) Case {
		return Case{"symlink-static-" + id, verb, "object", "symlinks", want, func(e *Env) {
			e.NeedTrue("symlink", "static_links")
			l, to := e.symlink("content", hdr("X-Symlink-Target-Etag", etag("content")))
			check(e, l, to)
		}}
	}
	return []Case{
		static("get", "GET", "a static link is followed", func(e *Env, l, _ string) {
			e.do("GET", l).Status(200).Body().IsEqual("content")
		}),
		static("head-link", "HEAD", "symlink=get names target, etag and size", func(e *Env, l, to string) {
			r := e.do("HEAD", l, query("symlink=get")).Status(200)
			r.Header("X-Symlink-Target").IsEqual(target.Escape(to))
			r.Header("X-Symlink-Target-Etag").IsEqual(etag("content"))
			r.Header("X-Symlink-Target-Bytes").IsEqual("7")
		}),
		static("changed", "GET", "a static link whose target has changed is 409", func(e *Env, l, to string) {
			e.do("PUT", to, body("changed")).Status(201)
			e.do("GET", l).Status(409)
			e.do("HEAD", l).Status(409)
			e.do("PUT", to, body("content")).Status(201)
			e.do("GET", l).Status(200).Body().IsEqual("content")
		}),
		static("gone", "GET", "a static link whose target is gone is 404", func(e *Env, l, to string) {
			e.do("DELETE", to).Status(204)
			e.do("GET", l).Status(404)
		}),
		static("listing", "GET", "a JSON listing has the target's etag and bytes", func(e *Env, l, to string) {
			c := l[:len(l)-len("/link")]
			e.eventually("symlink_etag in the row", func() bool {
				for _, row := range e.do("GET", c, query("format=json&prefix=link")).Status(200).JSON().Array().Iter() {
					o := row.Object().Raw()
					return o["symlink_path"] == e.path(to) && o["symlink_etag"] == etag("content") && o["symlink_bytes"] == 7.0
				}
				return false
			})
		}),
		{"symlink-static-mismatch", "PUT", "object", "symlinks", "a static link with another etag than its target's is 409", func(e *Env) {
			e.NeedTrue("symlink", "static_links")
			to := e.object("content")
			e.do("PUT", e.container()+"/link", body(""), hdr("X-Symlink-Target", to), hdr("X-Symlink-Target-Etag", etag("other"))).Status(409)
		}},
		{"symlink-static-absent", "PUT", "object", "symlinks", "a static link to nothing is 409", func(e *Env) {
			e.NeedTrue("symlink", "static_links")
			c := e.container()
			e.do("PUT", c+"/link", body(""), hdr("X-Symlink-Target", c+"/absent"), hdr("X-Symlink-Target-Etag", etag("x"))).Status(409)
		}},
		{"symlink-static-quoted", "PUT", "object", "symlinks", "the etag may stand in quotes", func(e *Env) {
			e.NeedTrue("symlink", "static_links")
			to := e.object("content")
			e.link(e.container()+"/link", to, hdr("X-Symlink-Target-Etag", `"`+etag("content")+`"`))
		}},
		{"symlink-static-slo", "PUT", "object", "symlinks", "a static link to a large object, by its manifest's etag", func(e *Env) {
			e.NeedTrue("symlink", "static_links")
			p, c, content, _ := e.slo()
			tag := e.do("HEAD", p).Header("X-Manifest-Etag").NotEmpty().Raw()
			l := e.link(c+"/link", p, hdr("X-Symlink-Target-Etag", tag))
			e.do("GET", l).Status(200).Body().IsEqual(content)
			e.do("HEAD", l, query("symlink=get")).Header("X-Symlink-Target-Bytes").IsEqual(itoa(len(content)))
		}},
	}
}
