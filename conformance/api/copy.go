package api

import (
	"strings"

	"apus/conformance/target"
)

func copyCases() []Case {
	return append(copyVerbCases(), copyHeaderCases()...)
}

func copyVerbCases() []Case {
	return []Case{
		{"copy-verb", "COPY", "object", "copy", "COPY with Destination is 201, copies bytes, metadata and type, and names its source", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content", hdr("X-Object-Meta-Colour", "blue"), hdr("Content-Type", "text/x-copied"))
			r := e.do("COPY", p, hdr("Destination", c+"/target")).Status(201)
			r.Header("X-Copied-From").IsEqual(target.Escape(p))
			r.Header("X-Copied-From-Last-Modified").NotEmpty()
			r.Header("X-Copied-From-Account").IsEqual(e.accountName())
			trimmedEtag(e, r.Raw().Header, "content")
			g := e.do("GET", c+"/target").Status(200)
			g.Body().IsEqual("content")
			g.Header("X-Object-Meta-Colour").IsEqual("blue")
			g.Header("Content-Type").HasPrefix("text/x-copied")
		}},
		{"copy-put", "PUT", "object", "copy", "PUT with X-Copy-From and no body copies", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content")
			r := e.do("PUT", c+"/target", hdr("X-Copy-From", "/"+p), body("")).Status(201)
			r.Header("X-Copied-From").IsEqual(target.Escape(p))
			e.do("GET", c+"/target").Status(200).Body().IsEqual("content")
		}},
		{"copy-put-no-slash", "PUT", "object", "copy", "X-Copy-From needs no slash in front", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content")
			e.do("PUT", c+"/target", hdr("X-Copy-From", p), body("")).Status(201)
			e.do("GET", c+"/target").Status(200).Body().IsEqual("content")
		}},
		{"copy-destination-slash", "COPY", "object", "copy", "Destination may begin with a slash", func(e *Env) {
			c := e.container()
			e.do("COPY", e.put(c, "source", "content"), hdr("Destination", "/"+c+"/target")).Status(201)
			e.do("GET", c+"/target").Status(200).Body().IsEqual("content")
		}},
		{"copy-other-container", "COPY", "object", "copy", "an object is copied to another container", func(e *Env) {
			p, c := e.object("content"), e.container()
			e.do("COPY", p, hdr("Destination", c+"/deep/er")).Status(201)
			e.do("GET", c+"/deep/er").Status(200).Body().IsEqual("content")
		}},
		{"copy-encoded-destination", "COPY", "object", "copy", "Destination is percent-decoded", func(e *Env) {
			c := e.container()
			e.do("COPY", e.put(c, "source", "content"), hdr("Destination", c+"/%E9%A6%AC%20%25%3F")).Status(201)
			e.do("GET", c+"/馬 %?").Status(200).Body().IsEqual("content")
		}},
		{"copy-encoded-source", "PUT", "object", "copy", "X-Copy-From is percent-decoded", func(e *Env) {
			c := e.container()
			e.put(c, "馬 %?", "content")
			e.do("PUT", c+"/target", hdr("X-Copy-From", c+"/%E9%A6%AC%20%25%3F"), body("")).Status(201)
			e.do("GET", c+"/target").Status(200).Body().IsEqual("content")
		}},
		{"copy-no-destination", "COPY", "object", "copy", "COPY without Destination is 412", func(e *Env) {
			e.do("COPY", e.object("x")).Status(412)
		}},
		{"copy-destination-container-only", "COPY", "object", "copy", "a Destination without object is 412", func(e *Env) {
			c := e.container()
			e.do("COPY", e.put(c, "o", "x"), hdr("Destination", c)).Status(412)
		}},
		{"copy-source-container-only", "PUT", "object", "copy", "an X-Copy-From without object is 412", func(e *Env) {
			c := e.container()
			e.do("PUT", c+"/o", hdr("X-Copy-From", c), body("")).Status(412)
		}},
		{"copy-source-absent", "COPY", "object", "copy", "an absent source is 404", func(e *Env) {
			c := e.container()
			e.do("COPY", c+"/absent", hdr("Destination", c+"/target")).Status(404)
			e.do("PUT", c+"/target", hdr("X-Copy-From", c+"/absent"), body("")).Status(404)
			e.do("HEAD", c+"/target").Status(404)
		}},
		{"copy-source-container-absent", "PUT", "object", "copy", "a source in an absent container is 404", func(e *Env) {
			e.do("PUT", e.container()+"/o", hdr("X-Copy-From", e.prefix+"-absent/o"), body("")).Status(404)
		}},
		{"copy-destination-container-absent", "COPY", "object", "copy", "a destination in an absent container is 404", func(e *Env) {
			e.do("COPY", e.object("x"), hdr("Destination", e.prefix+"-absent/o")).Status(404)
		}},
		{"copy-put-with-body", "PUT", "object", "copy", "PUT with X-Copy-From and a body is 400", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content")
			e.do("PUT", c+"/target", hdr("X-Copy-From", p), body("body")).Status(400)
		}},
		{"copy-verb-with-body", "COPY", "object", "copy", "a body of COPY is refused, or not what is stored", func(e *Env) {
			c := e.container()
			r := status(e.do("COPY", e.put(c, "source", "content"), hdr("Destination", c+"/target"), body("body")), 201, 400)
			if r.Raw().StatusCode == 201 {
				e.do("GET", c+"/target").Status(200).Body().IsEqual("content")
			}
		}},
		{"copy-container", "COPY", "container", "copy", "a container cannot be copied", func(e *Env) {
			c := e.container()
			status(e.do("COPY", c, hdr("Destination", c+"/target")), 405, 412)
		}},
		{"copy-self", "COPY", "object", "copy", "an object is copied onto itself with new metadata", func(e *Env) {
			p := e.object("content", hdr("X-Object-Meta-One", "1"))
			e.do("COPY", p, hdr("Destination", p), hdr("X-Object-Meta-Two", "2")).Status(201)
			r := e.do("GET", p).Status(200)
			r.Body().IsEqual("content")
			r.Header("X-Object-Meta-One").IsEqual("1")
			r.Header("X-Object-Meta-Two").IsEqual("2")
		}},
	}
}

func copyHeaderCases() []Case {
	return []Case{
		{"copy-metadata-overrides", "COPY", "object", "copy", "metadata of the request beats the source's", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content", hdr("X-Object-Meta-One", "old"), hdr("X-Object-Meta-Two", "kept"))
			e.do("COPY", p, hdr("Destination", c+"/target"), hdr("X-Object-Meta-One", "new")).Status(201)
			r := e.do("HEAD", c+"/target")
			r.Header("X-Object-Meta-One").IsEqual("new")
			r.Header("X-Object-Meta-Two").IsEqual("kept")
		}},
		{"copy-fresh-metadata", "COPY", "object", "copy", "X-Fresh-Metadata leaves the source's metadata behind", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content", hdr("X-Object-Meta-One", "old"))
			e.do("COPY", p, hdr("Destination", c+"/target"), hdr("X-Fresh-Metadata", "true"), hdr("X-Object-Meta-Two", "new")).Status(201)
			r := e.do("GET", c+"/target").Status(200)
			r.Body().IsEqual("content")
			r.Header("X-Object-Meta-One").IsEmpty()
			r.Header("X-Object-Meta-Two").IsEqual("new")
		}},
		{"copy-content-type", "COPY", "object", "copy", "a Content-Type of the request beats the source's", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content", hdr("Content-Type", "text/x-old"))
			e.do("COPY", p, hdr("Destination", c+"/target"), hdr("Content-Type", "text/x-new")).Status(201)
			e.do("HEAD", c+"/target").Header("Content-Type").HasPrefix("text/x-new")
		}},
		{"copy-content-encoding", "COPY", "object", "copy", "stored headers are copied too", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content", hdr("Content-Encoding", "x-odd"), hdr("Content-Disposition", "inline"))
			e.do("COPY", p, hdr("Destination", c+"/target")).Status(201)
			r := e.do("HEAD", c+"/target")
			r.Header("Content-Encoding").IsEqual("x-odd")
			r.Header("Content-Disposition").IsEqual("inline")
		}},
		{"copy-keeps-source", "COPY", "object", "copy", "the source stays, and changes no longer reach the copy", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content")
			e.do("COPY", p, hdr("Destination", c+"/target")).Status(201)
			e.do("PUT", p, body("changed")).Status(201)
			e.do("GET", c+"/target").Status(200).Body().IsEqual("content")
		}},
		{"copy-range", "PUT", "object", "copy", "a Range copies a part", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "0123456789")
			e.do("PUT", c+"/target", hdr("X-Copy-From", p), hdr("Range", "bytes=2-5"), body("")).Status(201)
			e.do("GET", c+"/target").Status(200).Body().IsEqual("2345")
		}},
		{"copy-range-verb", "COPY", "object", "copy", "a Range works for COPY", func(e *Env) {
			c := e.container()
			e.do("COPY", e.put(c, "source", "0123456789"), hdr("Destination", c+"/target"), hdr("Range", "bytes=-3")).Status(201)
			e.do("GET", c+"/target").Status(200).Body().IsEqual("789")
		}},
		{"copy-range-refused", "PUT", "object", "copy", "a Range beyond the source is 416", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "0123456789")
			e.do("PUT", c+"/target", hdr("X-Copy-From", p), hdr("Range", "bytes=10-20"), body("")).Status(416)
			e.do("HEAD", c+"/target").Status(404)
		}},
		{"copy-if-match", "PUT", "object", "copy", "conditions are the source's: a wrong If-Match is 412", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content")
			e.do("PUT", c+"/target", hdr("X-Copy-From", p), hdr("If-Match", etag("other")), body("")).Status(412)
			e.do("PUT", c+"/target", hdr("X-Copy-From", p), hdr("If-Match", etag("content")), body("")).Status(201)
		}},
		{"copy-etag", "PUT", "object", "copy", "an Etag of the request does not become the copy's", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content")
			if status(e.do("PUT", c+"/target", hdr("X-Copy-From", p), hdr("Etag", etag("other")), body("")), 201, 422).Raw().StatusCode == 201 {
				trimmedEtag(e, e.do("HEAD", c+"/target").Status(200).Raw().Header, "content")
			}
		}},
		{"copy-empty", "COPY", "object", "copy", "an empty object is copied", func(e *Env) {
			c := e.container()
			e.do("COPY", e.put(c, "source", ""), hdr("Destination", c+"/target")).Status(201)
			e.do("GET", c+"/target").Status(200).Header("Content-Length").IsEqual("0")
		}},
		{"copy-large", "COPY", "object", "copy", "two MiB are copied whole", func(e *Env) {
			c := e.container()
			content := strings.Repeat("copied bytes ", 2<<20/13)
			e.do("COPY", e.put(c, "source", content), hdr("Destination", c+"/target")).Status(201)
			if got := e.do("GET", c+"/target").Status(200).Body().Raw(); got != content {
				e.Failf("the copy of %d bytes has %d, or differs", len(content), len(got))
			}
		}},
		{"copy-expiry", "COPY", "object", "copy", "the source's expiry is copied, unless the request says otherwise", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "x", hdr("X-Delete-After", "7200"))
			at := e.do("HEAD", p).Header("X-Delete-At").Raw()
			e.do("COPY", p, hdr("Destination", c+"/same")).Status(201)
			e.do("HEAD", c+"/same").Header("X-Delete-At").IsEqual(at)
		}},
		{"copy-listed", "COPY", "container", "copy", "the copy is listed with size, hash and type", func(e *Env) {
			c := e.container()
			e.do("COPY", e.object("content", hdr("Content-Type", "text/x-copied")), hdr("Destination", c+"/target")).Status(201)
			e.eventually("the copy's row", func() bool {
				rows := decodeListing(e.do("GET", c, query("format=json")).Raw())
				return len(rows) == 1 && rows[0].Bytes == 7 && rows[0].Hash == etag("content") && rows[0].ContentType == "text/x-copied"
			})
		}},
		{"copy-account-same", "COPY", "object", "copy", "Destination-Account and X-Copy-From-Account may name the own account", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "content")
			e.do("COPY", p, hdr("Destination", c+"/one"), hdr("Destination-Account", e.accountName())).Status(201)
			e.do("PUT", c+"/two", hdr("X-Copy-From", p), hdr("X-Copy-From-Account", e.accountName()), body("")).Status(201)
			e.do("GET", c+"/two").Status(200).Body().IsEqual("content")
		}},
		{"copy-account-forbidden", "COPY", "object", "copy", "another's container is no destination without its consent: 403", func(e *Env) {
			other := e.t.Stranger
			e.stranger()
			e.do("COPY", e.object("x"), hdr("Destination", e.prefix+"/o"), hdr("Destination-Account", other.Account())).Status(403)
		}},
		{"copy-account-from", "PUT", "object", "copy", "X-Copy-From-Account copies from another account that lets the user read", func(e *Env) {
			their := e.theirs(e.stranger())
			c := their.container(hdr("X-Container-Read", e.accountName()+":*,"+e.t.Owner.Name))
			p := their.put(c, "source", "theirs")
			mine := e.container()
			e.do("PUT", mine+"/target", hdr("X-Copy-From", p), hdr("X-Copy-From-Account", their.accountName()), body("")).Status(201).
				Header("X-Copied-From-Account").IsEqual(their.accountName())
			e.do("GET", mine+"/target").Status(200).Body().IsEqual("theirs")
		}},
		{"copy-account-from-forbidden", "PUT", "object", "copy", "a source that the user may not read is 403", func(e *Env) {
			their := e.theirs(e.stranger())
			p := their.put(their.container(), "source", "theirs")
			e.do("PUT", e.container()+"/target", hdr("X-Copy-From", p), hdr("X-Copy-From-Account", their.accountName()), body("")).Status(403)
		}},
		{"copy-account-to", "COPY", "object", "copy", "Destination-Account copies into another account that lets the user write", func(e *Env) {
			their := e.theirs(e.stranger())
			c := their.container(hdr("X-Container-Write", e.t.Owner.Name))
			p := e.object("mine")
			e.do("COPY", p, hdr("Destination", c+"/target"), hdr("Destination-Account", their.accountName())).Status(201)
			their.do("GET", c+"/target").Status(200).Body().IsEqual("mine")
		}},
		{"copy-account-slash", "COPY", "object", "copy", "an account with a slash is 412", func(e *Env) {
			c := e.container()
			p := e.put(c, "source", "x")
			e.do("COPY", p, hdr("Destination", c+"/t"), hdr("Destination-Account", e.accountName()+"/x")).Status(412)
			e.do("PUT", c+"/t", hdr("X-Copy-From", p), hdr("X-Copy-From-Account", e.accountName()+"/x"), body("")).Status(412)
		}},
	}
}
