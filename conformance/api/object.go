package api

import (
	"net/http"
	"strings"
)

func objectCases() []Case {
	return []Case{
		{"object-put-get", "PUT", "object", "object", "PUT is 201 with Etag; GET returns the bytes with length, type, etag and date", func(e *Env) {
			c := e.container()
			r := e.do("PUT", c+"/o", body("hello"), hdr("Content-Type", "text/x-conform")).Status(http.StatusCreated)
			trimmedEtag(e, r.Raw().Header, "hello")
			r.Header("Last-Modified").AsDateTime(http.TimeFormat)
			g := e.do("GET", c+"/o").Status(http.StatusOK)
			g.Body().IsEqual("hello")
			g.Header("Content-Length").IsEqual("5")
			g.Header("Content-Type").HasPrefix("text/x-conform")
			g.Header("Accept-Ranges").IsEqual("bytes")
			g.Header("X-Timestamp").NotEmpty()
			g.Header("Last-Modified").IsEqual(r.Header("Last-Modified").Raw())
			trimmedEtag(e, g.Raw().Header, "hello")
		}},
		{"object-put-empty", "PUT", "object", "object", "an empty object is stored and read back", func(e *Env) {
			p := e.object("")
			r := e.do("GET", p).Status(http.StatusOK)
			r.Header("Content-Length").IsEqual("0")
			r.Body().IsEmpty()
		}},
		{"object-put-chunked", "PUT", "object", "object", "a body without Content-Length is stored whole", func(e *Env) {
			c := e.container()
			content := strings.Repeat("chunk ", 30_000)
			e.do("PUT", c+"/o", chunked(content)).Status(http.StatusCreated)
			e.do("GET", c+"/o").Status(http.StatusOK).Body().IsEqual(content)
		}},
		{"object-put-large", "PUT", "object", "object", "four MiB are stored and read back", func(e *Env) {
			content := strings.Repeat("0123456789abcdef", 4<<20/16)
			p := e.object(content)
			r := e.do("GET", p).Status(http.StatusOK)
			trimmedEtag(e, r.Raw().Header, content)
			if r.Body().Raw() != content {
				e.Failf("the body differs from what was stored")
			}
		}},
		{"object-put-overwrite", "PUT", "object", "object", "a second PUT replaces the first", func(e *Env) {
			p := e.object("first")
			e.do("PUT", p, body("second")).Status(http.StatusCreated)
			e.do("GET", p).Status(http.StatusOK).Body().IsEqual("second")
		}},
		{"object-put-no-container", "PUT", "object", "object", "PUT into an absent container is 404", func(e *Env) {
			e.do("PUT", e.prefix+"-absent/o", body("x")).Status(http.StatusNotFound)
		}},
		{"object-put-etag", "PUT", "object", "object", "a matching Etag is accepted", func(e *Env) {
			e.object("hello", hdr("Etag", etag("hello")))
		}},
		{"object-put-etag-quoted", "PUT", "object", "object", "a matching Etag in quotes is accepted", func(e *Env) {
			e.object("hello", hdr("Etag", `"`+etag("hello")+`"`))
		}},
		{"object-put-etag-mismatch", "PUT", "object", "object", "a wrong Etag is 422 and nothing is stored", func(e *Env) {
			c := e.container()
			e.do("PUT", c+"/o", body("hello"), hdr("Etag", etag("other"))).Status(http.StatusUnprocessableEntity)
			e.do("GET", c+"/o").Status(http.StatusNotFound)
		}},
		{"object-put-etag-mismatch-empty", "PUT", "object", "object", "a wrong Etag of an empty body is 422 too", func(e *Env) {
			c := e.container()
			e.do("PUT", c+"/o", body(""), hdr("Etag", etag("other"))).Status(http.StatusUnprocessableEntity)
		}},
		{"object-put-etag-mismatch-keeps", "PUT", "object", "object", "a refused PUT leaves the object as it was", func(e *Env) {
			p := e.object("first")
			e.do("PUT", p, body("second"), hdr("Etag", etag("other"))).Status(http.StatusUnprocessableEntity)
			e.do("GET", p).Status(http.StatusOK).Body().IsEqual("first")
		}},
		{"object-head", "HEAD", "object", "object", "HEAD is 200 with the headers of GET and no body", func(e *Env) {
			r := e.do("HEAD", e.object("hello")).Status(http.StatusOK)
			r.Header("Content-Length").IsEqual("5")
			r.Body().IsEmpty()
			trimmedEtag(e, r.Raw().Header, "hello")
		}},
		{"object-head-absent", "HEAD", "object", "object", "HEAD of an absent object is 404", func(e *Env) {
			e.do("HEAD", e.container()+"/o").Status(http.StatusNotFound)
		}},
		{"object-get-absent", "GET", "object", "object", "GET of an absent object is 404", func(e *Env) {
			e.do("GET", e.container()+"/o").Status(http.StatusNotFound)
		}},
		{"object-get-no-container", "GET", "object", "object", "GET in an absent container is 404", func(e *Env) {
			e.do("GET", e.prefix+"-absent/o").Status(http.StatusNotFound)
		}},
		{"object-delete", "DELETE", "object", "object", "DELETE is 204 and the object is gone", func(e *Env) {
			p := e.object("x")
			e.do("DELETE", p).Status(http.StatusNoContent)
			e.do("GET", p).Status(http.StatusNotFound)
		}},
		{"object-delete-absent", "DELETE", "object", "object", "DELETE of an absent object is 404", func(e *Env) {
			e.do("DELETE", e.container()+"/o").Status(http.StatusNotFound)
		}},
		{"object-delete-twice", "DELETE", "object", "object", "a second DELETE is 404", func(e *Env) {
			p := e.object("x")
			e.do("DELETE", p).Status(http.StatusNoContent)
			e.do("DELETE", p).Status(http.StatusNotFound)
		}},
		{"object-recreate", "PUT", "object", "object", "a deleted object can be made again", func(e *Env) {
			p := e.object("old", hdr("X-Object-Meta-Old", "1"))
			e.do("DELETE", p).Status(http.StatusNoContent)
			e.do("PUT", p, body("new")).Status(http.StatusCreated)
			r := e.do("GET", p).Status(http.StatusOK)
			r.Body().IsEqual("new")
			r.Header("X-Object-Meta-Old").IsEmpty()
		}},
		{"object-get-newest", "GET", "object", "object", "X-Newest: true reads the newest copy", func(e *Env) {
			p := e.object("first")
			e.do("PUT", p, body("second")).Status(http.StatusCreated)
			e.do("GET", p, hdr("X-Newest", "true")).Status(http.StatusOK).Body().IsEqual("second")
		}},
		{"object-if-none-match-star", "PUT", "object", "object", "If-None-Match: * stores a new object and is 412 for an existing one", func(e *Env) {
			c := e.container()
			e.do("PUT", c+"/o", body("first"), hdr("If-None-Match", "*")).Status(http.StatusCreated)
			e.do("PUT", c+"/o", body("second"), hdr("If-None-Match", "*")).Status(http.StatusPreconditionFailed)
			e.do("GET", c+"/o").Status(http.StatusOK).Body().IsEqual("first")
		}},
		{"object-if-none-match-value", "PUT", "object", "object", "If-None-Match with a value is 400 for PUT", func(e *Env) {
			e.do("PUT", e.container()+"/o", body("x"), hdr("If-None-Match", etag("x"))).Status(http.StatusBadRequest)
		}},
	}
}

// trimmedEtag checks an Etag that may be quoted.
func trimmedEtag(e *Env, h http.Header, content string) {
	if got := strings.Trim(h.Get("Etag"), `"`); got != etag(content) {
		e.Failf("Etag is %q, want %q", h.Get("Etag"), etag(content))
	}
}

func objectMetaCases() []Case {
	guess := func(id, name, want string) Case {
		return Case{"object-type-" + id, "PUT", "object", "content type", "without Content-Type, a name ending as " + name + " is " + want, func(e *Env) {
			c := e.container()
			e.do("PUT", c+"/"+name, body("x"), hdr("X-Detect-Content-Type", "true")).Status(http.StatusCreated)
			e.do("HEAD", c+"/"+name).Header("Content-Type").HasPrefix(want)
		}}
	}
	kept := func(header, value string) Case {
		return Case{"object-header-" + strings.ToLower(header), "PUT", "object", "object headers", header + " is stored and returned", func(e *Env) {
			p := e.object("x", hdr(header, value))
			e.do("GET", p).Status(http.StatusOK).Header(header).IsEqual(value)
		}}
	}
	return []Case{
		guess("html", "page.html", "text/html"),
		guess("png", "picture.png", "image/png"),
		guess("unknown", "thing.conformunknown", "application/octet-stream"),
		kept("Content-Encoding", "gzip"),
		kept("Content-Disposition", `attachment; filename="x"`),
		{"object-meta-put", "PUT", "object", "object metadata", "metadata of PUT is returned by GET and HEAD", func(e *Env) {
			p := e.object("x", hdr("X-Object-Meta-Colour", "blue"))
			e.do("GET", p).Header("X-Object-Meta-Colour").IsEqual("blue")
			e.do("HEAD", p).Header("X-Object-Meta-Colour").IsEqual("blue")
		}},
		{"object-meta-post", "POST", "object", "object metadata", "POST is 202 and replaces all metadata", func(e *Env) {
			p := e.object("x", hdr("X-Object-Meta-One", "1"))
			e.do("POST", p, hdr("X-Object-Meta-Two", "2")).Status(http.StatusAccepted)
			r := e.do("GET", p).Status(http.StatusOK)
			r.Header("X-Object-Meta-One").IsEmpty()
			r.Header("X-Object-Meta-Two").IsEqual("2")
			r.Body().IsEqual("x")
			trimmedEtag(e, r.Raw().Header, "x")
		}},
		{"object-meta-post-absent", "POST", "object", "object metadata", "POST to an absent object is 404", func(e *Env) {
			e.do("POST", e.container()+"/o", hdr("X-Object-Meta-A", "b")).Status(http.StatusNotFound)
		}},
		{"object-meta-post-type", "POST", "object", "object metadata", "POST may change Content-Type, also in listings", func(e *Env) {
			c := e.container()
			p := e.put(c, "o", "x", hdr("Content-Type", "text/plain"))
			e.do("POST", p, hdr("Content-Type", "text/x-changed")).Status(http.StatusAccepted)
			e.do("HEAD", p).Header("Content-Type").HasPrefix("text/x-changed")
			e.eventually("the listing has the new type", func() bool {
				rows := decodeListing(e.do("GET", c, query("format=json")).Raw())
				return len(rows) == 1 && rows[0].ContentType == "text/x-changed"
			})
		}},
		{"object-meta-post-keeps-type", "POST", "object", "object metadata", "POST without Content-Type keeps it", func(e *Env) {
			p := e.object("x", hdr("Content-Type", "text/x-kept"))
			e.do("POST", p, hdr("X-Object-Meta-A", "b")).Status(http.StatusAccepted)
			e.do("HEAD", p).Header("Content-Type").HasPrefix("text/x-kept")
		}},
		{"object-meta-overwrite", "PUT", "object", "object metadata", "overwriting drops the old metadata", func(e *Env) {
			p := e.object("x", hdr("X-Object-Meta-Old", "1"))
			e.do("PUT", p, body("y")).Status(http.StatusCreated)
			e.do("HEAD", p).Header("X-Object-Meta-Old").IsEmpty()
		}},
		{"object-meta-unicode", "PUT", "object", "object metadata", "values beyond ASCII come back as bytes", func(e *Env) {
			p := e.object("x", hdr("X-Object-Meta-Name", "馬 ž"))
			e.do("HEAD", p).Header("X-Object-Meta-Name").IsEqual("馬 ž")
		}},
		{"object-meta-name-too-long", "PUT", "object", "object metadata", "a metadata name over the limit is 400", func(e *Env) {
			name := strings.Repeat("k", e.limit("max_meta_name_length", 128)+1)
			e.do("PUT", e.container()+"/o", body("x"), hdr("X-Object-Meta-"+name, "v")).Status(http.StatusBadRequest)
		}},
		{"object-meta-value-too-long", "PUT", "object", "object metadata", "a metadata value over the limit is 400", func(e *Env) {
			v := strings.Repeat("v", e.limit("max_meta_value_length", 256)+1)
			e.do("PUT", e.container()+"/o", body("x"), hdr("X-Object-Meta-Long", v)).Status(http.StatusBadRequest)
		}},
		{"object-meta-longest", "PUT", "object", "object metadata", "name and value at their limits are stored", func(e *Env) {
			name := strings.Repeat("k", e.limit("max_meta_name_length", 128))
			v := strings.Repeat("v", e.limit("max_meta_value_length", 256))
			p := e.object("x", hdr("X-Object-Meta-"+name, v))
			e.do("HEAD", p).Header("X-Object-Meta-" + name).IsEqual(v)
		}},
		{"object-meta-too-many", "PUT", "object", "object metadata", "more headers than the limit are 400", func(e *Env) {
			var opts []option
			for i := range e.limit("max_meta_count", 90) + 1 {
				opts = append(opts, hdr("X-Object-Meta-N"+strings.Repeat("n", i), "v"))
			}
			e.do("PUT", e.container()+"/o", append(opts, body("x"))...).Status(http.StatusBadRequest)
		}},
		{"object-meta-too-much", "PUT", "object", "object metadata", "metadata over the overall size is 400", func(e *Env) {
			size := e.limit("max_meta_value_length", 256)
			opts := []option{body("x")}
			for i := range e.limit("max_meta_overall_size", 4096)/size + 1 {
				opts = append(opts, hdr("X-Object-Meta-"+strings.Repeat("n", i+1), strings.Repeat("v", size)))
			}
			e.do("PUT", e.container()+"/o", opts...).Status(http.StatusBadRequest)
		}},
		{"object-delete-at-past", "PUT", "object", "expiry", "X-Delete-At in the past is 400", func(e *Env) {
			e.do("PUT", e.container()+"/o", body("x"), hdr("X-Delete-At", "1000000000")).Status(http.StatusBadRequest)
		}},
		{"object-delete-at-nonsense", "PUT", "object", "expiry", "X-Delete-At that is no number is 400", func(e *Env) {
			e.do("PUT", e.container()+"/o", body("x"), hdr("X-Delete-At", "tomorrow")).Status(http.StatusBadRequest)
		}},
		{"object-delete-after", "PUT", "object", "expiry", "X-Delete-After comes back as X-Delete-At", func(e *Env) {
			p := e.object("x", hdr("X-Delete-After", "3600"))
			e.do("HEAD", p).Status(http.StatusOK).Header("X-Delete-At").AsNumber().Gt(1_000_000_000)
		}},
		{"object-delete-after-negative", "PUT", "object", "expiry", "a negative X-Delete-After is 400", func(e *Env) {
			e.do("PUT", e.container()+"/o", body("x"), hdr("X-Delete-After", "-1")).Status(http.StatusBadRequest)
		}},
	}
}
