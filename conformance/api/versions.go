package api

import "strings"

// archived makes a container whose old versions go to another.
func (e *Env) archived(header string) (container, archive string) {
	e.Need("versioned_writes")
	archive = e.container()
	return e.container(hdr(header, archive)), archive
}

// versionPrefix begins the names of an object's old versions.
func versionPrefix(object string) string {
	const digits = "0123456789abcdef"
	n := len(object)
	return string([]byte{digits[n>>8&15], digits[n>>4&15], digits[n&15]}) + object + "/"
}

// rows waits until a listing has n rows and returns them.
func (e *Env) rows(path, q string, n int) []entry {
	var rows []entry
	e.eventuallyDetail(func() bool {
		rows = decodeListing(e.do("GET", path, query(q+"&format=json")).Raw())
		return len(rows) == n
	}, func() string { return "GET " + path + "?" + q + " has " + itoa(len(rows)) + " rows, want " + itoa(n) })
	return rows
}

const stack, history = "X-Versions-Location", "X-History-Location"

func legacyVersionCases() []Case {
	return append(versionStackCases(), versionHistoryCases()...)
}

func versionStackCases() []Case {
	const feature = "versioned writes"
	return []Case{
		{"versions-stack-header", "HEAD", "container", feature, "X-Versions-Location comes back", func(e *Env) {
			c, a := e.archived(stack)
			e.do("HEAD", c).Status(204).Header(stack).IsEqual(a)
		}},
		{"versions-stack-overwrite", "PUT", "object", feature, "an overwritten object goes to the archive, under its name with length and time", func(e *Env) {
			c, a := e.archived(stack)
			e.put(c, "o", "first", hdr("X-Object-Meta-A", "1"), hdr("Content-Type", "text/x-first"))
			e.put(c, "o", "second")
			rows := e.rows(a, "", 1)
			if !strings.HasPrefix(rows[0].Name, versionPrefix("o")) {
				e.Failf("the archived object is named %q, want a name that begins with %q", rows[0].Name, versionPrefix("o"))
			}
			r := e.do("GET", a+"/"+rows[0].Name).Status(200)
			r.Body().IsEqual("first")
			r.Header("X-Object-Meta-A").IsEqual("1")
			r.Header("Content-Type").HasPrefix("text/x-first")
			e.do("GET", c+"/o").Status(200).Body().IsEqual("second")
		}},
		{"versions-stack-new", "PUT", "object", feature, "a new object archives nothing", func(e *Env) {
			c, a := e.archived(stack)
			e.put(c, "o", "first")
			e.do("GET", a, query("format=json")).Status(200).JSON().Array().IsEmpty()
		}},
		{"versions-stack-delete", "DELETE", "object", feature, "DELETE brings the version before back, and it leaves the archive", func(e *Env) {
			c, a := e.archived(stack)
			p := e.put(c, "o", "first", hdr("X-Object-Meta-A", "1"))
			e.put(c, "o", "second")
			e.rows(a, "", 1)
			e.do("DELETE", p).Status(204)
			r := e.do("GET", p).Status(200)
			r.Body().IsEqual("first")
			r.Header("X-Object-Meta-A").IsEqual("1")
			e.rows(a, "", 0)
			e.do("DELETE", p).Status(204)
			e.do("GET", p).Status(404)
		}},
		{"versions-stack-many", "DELETE", "object", feature, "versions come back in the reverse order", func(e *Env) {
			c, a := e.archived(stack)
			for i := range 4 {
				e.put(c, "o", "version "+itoa(i))
			}
			for i := 3; i > 0; i-- {
				e.rows(a, "", i)
				e.do("GET", c+"/o").Status(200).Body().IsEqual("version " + itoa(i))
				e.do("DELETE", c+"/o").Status(204)
			}
			e.do("GET", c+"/o").Status(200).Body().IsEqual("version 0")
		}},
		{"versions-stack-post", "POST", "object", feature, "POST makes no version", func(e *Env) {
			c, a := e.archived(stack)
			e.do("POST", e.put(c, "o", "first"), hdr("X-Object-Meta-A", "b")).Status(202)
			e.do("GET", a, query("format=json")).Status(200).JSON().Array().IsEmpty()
		}},
		{"versions-stack-copy", "COPY", "object", feature, "a copy over an object makes a version", func(e *Env) {
			c, a := e.archived(stack)
			e.put(c, "o", "first")
			e.do("COPY", e.object("copied"), hdr("Destination", c+"/o")).Status(201)
			rows := e.rows(a, "", 1)
			e.do("GET", a+"/"+rows[0].Name).Status(200).Body().IsEqual("first")
		}},
		{"versions-stack-names", "PUT", "object", feature, "versions of each name stand under a prefix of their own", func(e *Env) {
			c, a := e.archived(stack)
			for _, n := range []string{"a", "a/b", "馬"} {
				e.put(c, n, "old")
				e.put(c, n, "new")
			}
			for _, n := range []string{"a", "a/b", "馬"} {
				e.rows(a, "prefix="+versionPrefix(n), 1)
			}
		}},
		{"versions-stack-removed", "POST", "container", feature, "X-Remove-Versions-Location ends it", func(e *Env) {
			c, a := e.archived(stack)
			e.do("POST", c, hdr("X-Remove-Versions-Location", "x")).Status(204)
			e.do("HEAD", c).Header(stack).IsEmpty()
			e.put(c, "o", "first")
			e.put(c, "o", "second")
			e.do("GET", a, query("format=json")).Status(200).JSON().Array().IsEmpty()
		}},
		{"versions-stack-emptied", "POST", "container", feature, "an empty X-Versions-Location ends it too", func(e *Env) {
			c, _ := e.archived(stack)
			e.do("POST", c, hdr(stack, "")).Status(204)
			e.do("HEAD", c).Header(stack).IsEmpty()
		}},
		{"versions-stack-archive-absent", "PUT", "object", feature, "an overwrite without its archive is 412, and the object stays", func(e *Env) {
			e.Need("versioned_writes")
			c := e.container(hdr(stack, e.prefix+"-absent"))
			p := e.put(c, "o", "first")
			e.do("PUT", p, body("second")).Status(412)
			e.do("GET", p).Status(200).Body().IsEqual("first")
		}},
		{"versions-both", "PUT", "container", feature, "both kinds of archive at once are 400", func(e *Env) {
			e.Need("versioned_writes")
			e.do("PUT", e.name(), hdr(stack, "a"), hdr(history, "b")).Status(400)
		}},
		{"versions-bad-location", "POST", "container", feature, "a location with a slash is 412", func(e *Env) {
			e.Need("versioned_writes")
			e.do("POST", e.container(), hdr(stack, "a/b")).Status(412)
		}},
		{"versions-dlo", "PUT", "object", feature, "an overwritten DLO manifest stays a manifest in the archive", func(e *Env) {
			c, a := e.archived(stack)
			segments := e.fill("seg/0", "seg/1")
			e.listed(segments, "", "seg/0", "seg/1")
			e.put(c, "o", "", hdr("X-Object-Manifest", segments+"/seg/"))
			e.put(c, "o", "second")
			rows := e.rows(a, "", 1)
			e.do("GET", a+"/"+rows[0].Name).Status(200).Body().IsEqual("xx")
		}},
	}
}

func versionHistoryCases() []Case {
	const feature = "versioned writes"
	return []Case{
		{"versions-history-header", "HEAD", "container", feature, "X-History-Location comes back", func(e *Env) {
			c, a := e.archived(history)
			r := e.do("HEAD", c).Status(204)
			r.Header(history).IsEqual(a)
			r.Header(stack).IsEmpty()
		}},
		{"versions-history-overwrite", "PUT", "object", feature, "an overwritten object goes to the archive", func(e *Env) {
			c, a := e.archived(history)
			e.put(c, "o", "first")
			e.put(c, "o", "second")
			rows := e.rows(a, "", 1)
			e.do("GET", a+"/"+rows[0].Name).Status(200).Body().IsEqual("first")
		}},
		{"versions-history-delete", "DELETE", "object", feature, "DELETE archives the object and a marker, and brings nothing back", func(e *Env) {
			c, a := e.archived(history)
			p := e.put(c, "o", "first")
			e.put(c, "o", "second")
			e.rows(a, "", 1)
			e.do("DELETE", p).Status(204)
			e.do("GET", p).Status(404)
			rows := e.rows(a, "", 3)
			if rows[2].ContentType != "application/x-deleted;swift_versions_deleted=1" || rows[2].Bytes != 0 {
				e.Failf("the marker is %+v, want the type application/x-deleted;swift_versions_deleted=1", rows[2])
			}
			e.do("GET", a+"/"+rows[1].Name).Status(200).Body().IsEqual("second")
		}},
		{"versions-history-delete-absent", "DELETE", "object", feature, "DELETE of an absent object is 404", func(e *Env) {
			c, _ := e.archived(history)
			e.do("DELETE", c+"/absent").Status(404)
		}},
		{"versions-switch", "POST", "container", feature, "a container may turn from one kind to the other", func(e *Env) {
			c, a := e.archived(stack)
			e.do("POST", c, hdr(history, a)).Status(204)
			r := e.do("HEAD", c)
			r.Header(history).IsEqual(a)
			r.Header(stack).IsEmpty()
		}},
		{"versions-guest-write", "PUT", "object", feature, "a writer of the container needs no rights in the archive", func(e *Env) {
			e.Need("versioned_writes")
			g := e.guest()
			a := e.container()
			c := e.container(hdr(stack, a), hdr("X-Container-Write", g.Name))
			e.put(c, "o", "first")
			status(e.do("PUT", c+"/o", as(g), body("second")), 201)
			e.rows(a, "", 1)
		}},
	}
}
