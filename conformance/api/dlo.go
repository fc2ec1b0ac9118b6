package api

import "strings"

// dlo stores three segments under a prefix and a manifest of them.
func (e *Env) dlo(opts ...option) (path, container string) {
	c := e.container()
	for i, part := range sloParts {
		e.put(c, "seg/"+itoa(i), part)
	}
	e.listed(c, "prefix=seg/", "seg/0", "seg/1", "seg/2")
	opts = append([]option{body(""), hdr("X-Object-Manifest", c+"/seg/"), hdr("Content-Type", "text/x-dlo")}, opts...)
	e.do("PUT", c+"/manifest", opts...).Status(201)
	return c + "/manifest", c
}

func dloCases() []Case {
	whole := strings.Join(sloParts, "")
	tag := etag(etag(sloParts[0]) + etag(sloParts[1]) + etag(sloParts[2]))
	get := func(id, verb, want string, check func(e *Env, p, c string)) Case {
		return Case{"dlo-" + id, verb, "object", "dynamic large objects", want, func(e *Env) {
			p, c := e.dlo()
			check(e, p, c)
		}}
	}
	ranged := func(id, header, want, contentRange string) Case {
		return get("range-"+id, "GET", "Range: "+header+" over segment borders", func(e *Env, p, _ string) {
			r := e.do("GET", p, hdr("Range", header)).Status(206)
			r.Body().IsEqual(want)
			r.Header("Content-Range").IsEqual(contentRange)
		})
	}
	return []Case{
		ranged("first", "bytes=0-4", "aaaaa", "bytes 0-4/15"),
		ranged("border", "bytes=4-5", "ab", "bytes 4-5/15"),
		ranged("middle", "bytes=6-10", "bbbbb", "bytes 6-10/15"),
		ranged("suffix", "bytes=-4", "bccc", "bytes 11-14/15"),
		ranged("open", "bytes=11-", "bccc", "bytes 11-14/15"),
		get("get", "GET", "GET joins the segments in the order of their names, with length and etag", func(e *Env, p, c string) {
			r := e.do("GET", p).Status(200)
			r.Body().IsEqual(whole)
			r.Header("X-Object-Manifest").IsEqual(c + "/seg/")
			r.Header("Content-Length").IsEqual("15")
			r.Header("Content-Type").HasPrefix("text/x-dlo")
			r.Header("Etag").IsEqual(`"` + tag + `"`)
		}),
		get("head", "HEAD", "HEAD states length and etag of the whole", func(e *Env, p, _ string) {
			r := e.do("HEAD", p).Status(200)
			r.Header("Content-Length").IsEqual("15")
			r.Header("Etag").IsEqual(`"` + tag + `"`)
			r.Body().IsEmpty()
		}),
		get("range-refused", "GET", "a range beyond the whole is 416", func(e *Env, p, _ string) {
			e.do("GET", p, hdr("Range", "bytes=15-20")).Status(416)
		}),
		get("range-multi", "GET", "several ranges get the whole or parts, never the manifest", func(e *Env, p, _ string) {
			r := status(e.do("GET", p, hdr("Range", "bytes=0-1,13-14")), 200, 206)
			if r.Raw().StatusCode == 200 {
				r.Body().IsEqual(whole)
			}
		}),
		get("if-none-match", "GET", "If-None-Match with the etag of the whole is 304", func(e *Env, p, _ string) {
			e.do("GET", p, hdr("If-None-Match", tag)).Status(304).Body().IsEmpty()
			e.do("GET", p, hdr("If-None-Match", "other")).Status(200).Body().IsEqual(whole)
		}),
		get("if-match", "GET", "If-Match with the etag of the whole passes, another is 412", func(e *Env, p, _ string) {
			e.do("GET", p, hdr("If-Match", tag)).Status(200).Body().IsEqual(whole)
			e.do("GET", p, hdr("If-Match", "other")).Status(412)
		}),
		get("new-segment", "GET", "a segment that is added later belongs to it", func(e *Env, p, c string) {
			e.put(c, "seg/3", "ddd")
			e.listed(c, "prefix=seg/", "seg/0", "seg/1", "seg/2", "seg/3")
			e.do("GET", p).Status(200).Body().IsEqual(whole + "ddd")
		}),
		get("segment-deleted", "GET", "a segment that is deleted no longer belongs to it", func(e *Env, p, c string) {
			e.do("DELETE", c+"/seg/1").Status(204)
			e.listed(c, "prefix=seg/", "seg/0", "seg/2")
			e.do("GET", p).Status(200).Body().IsEqual("aaaaaccc")
		}),
		get("manifest", "GET", "multipart-manifest=get is the manifest object itself", func(e *Env, p, c string) {
			r := e.do("GET", p, query("multipart-manifest=get")).Status(200)
			r.Body().IsEmpty()
			r.Header("X-Object-Manifest").IsEqual(c + "/seg/")
		}),
		get("copy", "COPY", "a copy is a plain object of all bytes", func(e *Env, p, c string) {
			e.do("COPY", p, hdr("Destination", c+"/copy")).Status(201)
			r := e.do("GET", c+"/copy").Status(200)
			r.Body().IsEqual(whole)
			r.Header("X-Object-Manifest").IsEmpty()
		}),
		get("copy-manifest", "COPY", "COPY with multipart-manifest=get copies the manifest", func(e *Env, p, c string) {
			e.do("COPY", p, query("multipart-manifest=get"), hdr("Destination", c+"/copy")).Status(201)
			r := e.do("GET", c+"/copy").Status(200)
			r.Body().IsEqual(whole)
			r.Header("X-Object-Manifest").IsEqual(c + "/seg/")
		}),
		get("post-keeps", "POST", "POST that names the manifest again keeps it", func(e *Env, p, c string) {
			e.do("POST", p, hdr("X-Object-Meta-A", "b"), hdr("X-Object-Manifest", c+"/seg/")).Status(202)
			r := e.do("GET", p).Status(200)
			r.Body().IsEqual(whole)
			r.Header("X-Object-Meta-A").IsEqual("b")
		}),
		get("post-drops", "POST", "POST without X-Object-Manifest makes a plain object of it", func(e *Env, p, _ string) {
			e.do("POST", p, hdr("X-Object-Meta-A", "b")).Status(202)
			r := e.do("GET", p).Status(200)
			r.Body().IsEmpty()
			r.Header("X-Object-Manifest").IsEmpty()
		}),
		get("delete", "DELETE", "DELETE removes the manifest and keeps the segments", func(e *Env, p, c string) {
			e.do("DELETE", p).Status(204)
			e.do("GET", c+"/seg/0").Status(200)
		}),
		{"dlo-encoded", "PUT", "object", "dynamic large objects", "X-Object-Manifest is percent-decoded", func(e *Env) {
			c := e.fill("馬 %/1", "馬 %/2")
			e.listed(c, "", "馬 %/1", "馬 %/2")
			e.put(c, "manifest", "", hdr("X-Object-Manifest", c+"/%E9%A6%AC%20%25/"))
			e.do("GET", c+"/manifest").Status(200).Body().IsEqual("xx")
		}},
		{"dlo-empty", "GET", "object", "dynamic large objects", "a manifest without segments is an empty object", func(e *Env) {
			c := e.container()
			e.put(c, "manifest", "", hdr("X-Object-Manifest", c+"/none/"))
			r := e.do("GET", c+"/manifest").Status(200)
			r.Body().IsEmpty()
			r.Header("Content-Length").IsEqual("0")
		}},
		{"dlo-absent-container", "GET", "object", "dynamic large objects", "a manifest over an absent container gives no segments", func(e *Env) {
			c := e.container()
			e.put(c, "manifest", "", hdr("X-Object-Manifest", e.prefix+"-absent/seg/"))
			status(e.do("GET", c+"/manifest"), 200, 404).Body().NotContains("seg")
		}},
		{"dlo-bad-value", "PUT", "object", "dynamic large objects", "an X-Object-Manifest without container/prefix is 400", func(e *Env) {
			c := e.container()
			for _, bad := range []string{"container", "/", "container/prefix?query", "container/a&b=c"} {
				e.do("PUT", c+"/m", body(""), hdr("X-Object-Manifest", bad)).Status(400)
			}
		}},
		{"dlo-own-body", "GET", "object", "dynamic large objects", "bytes of the manifest object itself are not part of it", func(e *Env) {
			c := e.fill("seg/0", "seg/1")
			e.listed(c, "", "seg/0", "seg/1")
			e.put(c, "manifest", "own body", hdr("X-Object-Manifest", c+"/seg/"))
			e.do("GET", c+"/manifest").Status(200).Body().IsEqual("xx")
			e.do("GET", c+"/manifest", query("multipart-manifest=get")).Status(200).Body().IsEqual("own body")
		}},
		{"dlo-reader", "GET", "object", "dynamic large objects", "who may read the manifest needs the segments' container too", func(e *Env) {
			segments := e.fill("seg/0")
			e.listed(segments, "", "seg/0")
			p := e.put(e.container(hdr("X-Container-Read", ".r:*")), "m", "", hdr("X-Object-Manifest", segments+"/seg/"))
			e.do("GET", p, anonymous()).Status(401)
			e.do("POST", segments, hdr("X-Container-Read", ".r:*,.rlistings")).Status(204)
			e.do("GET", p, anonymous()).Status(200).Body().IsEqual("x")
		}},
		{"dlo-early-end", "GET", "object", "dynamic large objects", "a client that leaves in the middle does no harm", func(e *Env) {
			c := e.container()
			for i := range 3 {
				e.put(c, "seg/"+itoa(i), strings.Repeat("x", 1<<20))
			}
			e.listed(c, "", "seg/0", "seg/1", "seg/2")
			p := e.put(c, "manifest", "", hdr("X-Object-Manifest", c+"/seg/"))
			for range 3 {
				e.leave("GET", p)
			}
			e.do("GET", p, hdr("Range", "bytes=0-3")).Status(206).Body().IsEqual("xxxx")
		}},
	}
}
