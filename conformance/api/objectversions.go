package api

import "encoding/json"

const objectVersioning = "object versioning"

// versioned makes a container with object versioning. All versions are
// removed when the case ends.
func (e *Env) versioned(opts ...option) string {
	e.Need("object_versioning")
	c := e.container(append(opts, hdr("X-Versions-Enabled", "true"))...)
	e.later(func() { e.purge(c) })
	return c
}

// purge removes all versions in a container.
func (e *Env) purge(c string) {
	for _, v := range e.versions(c, "") {
		e.do("DELETE", c+"/"+v.Name, query("version-id="+v.Version))
	}
}

// version is a row of a listing of versions.
type version struct {
	Name        string `json:"name"`
	Version     string `json:"version_id"`
	Latest      bool   `json:"is_latest"`
	ContentType string `json:"content_type"`
	Bytes       int    `json:"bytes"`
	Hash        string `json:"hash"`
	Subdir      string `json:"subdir"`
}

// versions lists the versions in a container.
func (e *Env) versions(c, q string) []version {
	var rows []version
	resp := e.do("GET", c, query("versions=true&format=json"+q)).Raw()
	if resp.StatusCode == 200 {
		if err := json.NewDecoder(resp.Body).Decode(&rows); err != nil {
			e.Failf("a listing of versions is not JSON: %v", err)
		}
	}
	return rows
}

// awaitVersions waits until a container has n versions.
func (e *Env) awaitVersions(c, q string, n int) []version {
	var rows []version
	e.eventuallyDetail(func() bool {
		rows = e.versions(c, q)
		return len(rows) == n
	}, func() string {
		return "GET " + c + "?versions" + q + " has " + itoa(len(rows)) + " versions, want " + itoa(n)
	})
	return rows
}

// putVersion stores an object and returns its version.
func (e *Env) putVersion(c, name, content string, opts ...option) string {
	r := e.do("PUT", c+"/"+name, append(opts, body(content))...).Status(201)
	return r.Header("X-Object-Version-Id").NotEmpty().Raw()
}

const deleteMarker = "application/x-deleted;swift_versions_deleted=1"

func objectVersionCases() []Case {
	return append(append(versionContainerCases(), versionIDCases()...), versionListCases()...)
}

func versionContainerCases() []Case {
	return []Case{
		{"object-versions-enable", "PUT", "container", objectVersioning, "X-Versions-Enabled: true comes back as True", func(e *Env) {
			e.do("HEAD", e.versioned()).Status(204).Header("X-Versions-Enabled").IsEqual("True")
		}},
		{"object-versions-post", "POST", "container", objectVersioning, "POST switches it on and off", func(e *Env) {
			e.Need("object_versioning")
			c := e.container()
			e.do("HEAD", c).Header("X-Versions-Enabled").IsEmpty()
			e.do("POST", c, hdr("X-Versions-Enabled", "true")).Status(204)
			e.do("HEAD", c).Header("X-Versions-Enabled").IsEqual("True")
			e.do("POST", c, hdr("X-Versions-Enabled", "false")).Status(204)
			e.do("HEAD", c).Header("X-Versions-Enabled").IsEqual("False")
		}},
		{"object-versions-over-stack", "POST", "container", objectVersioning, "a container with an archive cannot switch it on: 400", func(e *Env) {
			e.Need("object_versioning")
			c, _ := e.archived(stack)
			e.do("POST", c, hdr("X-Versions-Enabled", "true")).Status(400)
		}},
		{"object-versions-hidden-names", "GET", "container", objectVersioning, "a client cannot reach where versions are kept", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "one")
			e.do("GET", "\x00versions\x00"+c).Status(412)
			e.do("DELETE", "\x00versions\x00"+c).Status(412)
		}},
		{"object-versions-hidden", "GET", "account", objectVersioning, "where versions are kept is not listed", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "one")
			e.putVersion(c, "o", "two")
			e.listed("", "prefix="+c, c)
			for _, row := range decodeListing(e.do("GET", "", query("format=json&limit=100")).Raw()) {
				if row.Name == "" || row.Name[0] == 0 {
					e.Failf("the account lists %q", row.Name)
				}
			}
		}},
		{"object-versions-bytes", "HEAD", "container", objectVersioning, "bytes of all versions count, objects are the current ones", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "12345")
			e.putVersion(c, "o", "123")
			e.eventually("1 object and 8 bytes", func() bool {
				h := e.do("HEAD", c).Raw().Header
				return h.Get("X-Container-Object-Count") == "1" && h.Get("X-Container-Bytes-Used") == "8"
			})
		}},
		{"object-versions-delete-container", "DELETE", "container", objectVersioning, "a container with versions is not deleted: 409, and without them it is", func(e *Env) {
			c := e.versioned()
			id := e.putVersion(c, "o", "one")
			e.do("DELETE", c+"/o").Status(204)
			marker := e.awaitVersions(c, "", 2)[0]
			e.listed(c, "")
			e.do("DELETE", c).Status(409)
			e.do("DELETE", c+"/o", query("version-id="+id)).Status(204)
			e.do("DELETE", c+"/o", query("version-id="+marker.Version)).Status(204)
			e.awaitVersions(c, "", 0)
			e.eventually("the container is deleted", func() bool { return e.do("DELETE", c).Raw().StatusCode == 204 })
		}},
		{"object-versions-suspended", "PUT", "object", objectVersioning, "switched off, a PUT makes the null version and old ones stay", func(e *Env) {
			c := e.versioned()
			id := e.putVersion(c, "o", "one")
			e.do("POST", c, hdr("X-Versions-Enabled", "false")).Status(204)
			e.do("PUT", c+"/o", body("null one")).Status(201)
			e.do("PUT", c+"/o", body("null two")).Status(201)
			e.do("GET", c+"/o").Status(200).Body().IsEqual("null two")
			e.do("GET", c+"/o", query("version-id=null")).Status(200).Body().IsEqual("null two")
			e.do("GET", c+"/o", query("version-id="+id)).Status(200).Body().IsEqual("one")
			e.awaitVersions(c, "", 2)
		}},
		{"object-versions-existing", "PUT", "object", objectVersioning, "an object from before is kept as the null version", func(e *Env) {
			e.Need("object_versioning")
			c := e.container()
			e.put(c, "o", "before")
			e.do("POST", c, hdr("X-Versions-Enabled", "true")).Status(204)
			e.later(func() { e.purge(c) })
			e.do("GET", c+"/o", query("version-id=null")).Status(200).Body().IsEqual("before")
			e.putVersion(c, "o", "after")
			rows := e.awaitVersions(c, "", 2)
			e.do("GET", c+"/o", query("version-id="+rows[1].Version)).Status(200).Body().IsEqual("before")
		}},
	}
}

func versionIDCases() []Case {
	return []Case{
		{"object-versions-put", "PUT", "object", objectVersioning, "PUT answers with its version, GET and HEAD too", func(e *Env) {
			c := e.versioned()
			id := e.putVersion(c, "o", "one")
			e.do("GET", c+"/o").Status(200).Header("X-Object-Version-Id").IsEqual(id)
			e.do("HEAD", c+"/o").Status(200).Header("X-Object-Version-Id").IsEqual(id)
		}},
		{"object-versions-get", "GET", "object", objectVersioning, "version-id reads that version, with its metadata and type", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "one", hdr("X-Object-Meta-A", "1"), hdr("Content-Type", "text/x-one"))
			two := e.putVersion(c, "o", "two", hdr("X-Object-Meta-A", "2"))
			r := e.do("GET", c+"/o", query("version-id="+one)).Status(200)
			r.Body().IsEqual("one")
			r.Header("X-Object-Meta-A").IsEqual("1")
			r.Header("Content-Type").HasPrefix("text/x-one")
			r.Header("X-Object-Version-Id").IsEqual(one)
			e.do("GET", c+"/o", query("version-id="+two)).Status(200).Body().IsEqual("two")
			e.do("GET", c+"/o").Status(200).Body().IsEqual("two")
		}},
		{"object-versions-head", "HEAD", "object", objectVersioning, "HEAD with version-id is of that version", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "one!")
			e.putVersion(c, "o", "two")
			r := e.do("HEAD", c+"/o", query("version-id="+one)).Status(200)
			r.Header("Content-Length").IsEqual("4")
			r.Header("X-Object-Version-Id").IsEqual(one)
		}},
		{"object-versions-range", "GET", "object", objectVersioning, "ranges and conditions hold for a version", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "0123456789")
			e.putVersion(c, "o", "two")
			e.do("GET", c+"/o", query("version-id="+one), hdr("Range", "bytes=2-4")).Status(206).Body().IsEqual("234")
			e.do("GET", c+"/o", query("version-id="+one), hdr("If-None-Match", etag("0123456789"))).Status(304)
		}},
		{"object-versions-delete", "DELETE", "object", objectVersioning, "DELETE leaves a marker: 404, and the versions stay", func(e *Env) {
			c := e.versioned()
			id := e.putVersion(c, "o", "one")
			marker := e.do("DELETE", c+"/o").Status(204).Header("X-Object-Version-Id").NotEmpty().Raw()
			e.do("GET", c+"/o").Status(404)
			e.do("GET", c+"/o", query("version-id="+id)).Status(200).Body().IsEqual("one")
			r := e.do("GET", c+"/o", query("version-id="+marker)).Status(404)
			r.Header("X-Object-Version-Id").IsEqual(marker)
			r.Header("Content-Type").IsEqual(deleteMarker)
		}},
		{"object-versions-delete-version", "DELETE", "object", objectVersioning, "DELETE with version-id removes that version alone", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "one")
			two := e.putVersion(c, "o", "two")
			r := e.do("DELETE", c+"/o", query("version-id="+one)).Status(204)
			r.Header("X-Object-Version-Id").IsEqual(one)
			r.Header("X-Object-Current-Version-Id").IsEqual(two)
			e.do("GET", c+"/o", query("version-id="+one)).Status(404)
			e.do("GET", c+"/o").Status(200).Body().IsEqual("two")
		}},
		{"object-versions-delete-current", "DELETE", "object", objectVersioning, "DELETE of the current version leaves none current", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "one")
			two := e.putVersion(c, "o", "two")
			e.do("DELETE", c+"/o", query("version-id="+two)).Status(204)
			e.do("GET", c+"/o").Status(404)
			e.do("GET", c+"/o", query("version-id="+one)).Status(200)
		}},
		{"object-versions-delete-marker", "DELETE", "object", objectVersioning, "a marker is deleted by its version", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "one")
			marker := e.do("DELETE", c+"/o").Status(204).Header("X-Object-Version-Id").Raw()
			e.do("DELETE", c+"/o", query("version-id="+marker)).Status(204)
			e.awaitVersions(c, "", 1)
		}},
		{"object-versions-restore", "PUT", "object", objectVersioning, "PUT with version-id makes that version the current one", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "one", hdr("X-Object-Meta-A", "1"))
			e.putVersion(c, "o", "two")
			e.do("PUT", c+"/o", query("version-id="+one), body("")).Status(201).Header("X-Object-Version-Id").IsEqual(one)
			r := e.do("GET", c+"/o").Status(200)
			r.Body().IsEqual("one")
			r.Header("X-Object-Version-Id").IsEqual(one)
			r.Header("X-Object-Meta-A").IsEqual("1")
			e.awaitVersions(c, "", 2)
		}},
		{"object-versions-restore-deleted", "PUT", "object", objectVersioning, "a deleted object comes back by its version", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "one")
			e.do("DELETE", c+"/o").Status(204)
			e.do("PUT", c+"/o", query("version-id="+one), body("")).Status(201)
			e.do("GET", c+"/o").Status(200).Body().IsEqual("one")
		}},
		{"object-versions-restore-body", "PUT", "object", objectVersioning, "PUT with version-id and a body is 400", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "one")
			e.do("PUT", c+"/o", query("version-id="+one), body("x")).Status(400)
		}},
		{"object-versions-restore-absent", "PUT", "object", objectVersioning, "PUT with a version that is not there is 404", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "one")
			e.do("PUT", c+"/o", query("version-id=0000000001.00000"), body("")).Status(404)
		}},
		{"object-versions-restore-null", "PUT", "object", objectVersioning, "PUT with version-id=null is an error", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "one")
			e.do("PUT", c+"/o", query("version-id=null"), body("")).StatusList(400, 500)
		}},
		{"object-versions-id-nonsense", "GET", "object", objectVersioning, "a version-id that is none is 400", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "one")
			e.do("GET", c+"/o", query("version-id=nonsense")).Status(400)
			e.do("DELETE", c+"/o", query("version-id=nonsense")).Status(400)
		}},
		{"object-versions-id-absent", "GET", "object", objectVersioning, "a version that is not there is 404", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "one")
			e.do("GET", c+"/o", query("version-id=0000000001.00000")).Status(404)
			e.do("GET", c+"/o", query("version-id=null")).Status(404)
		}},
		{"object-versions-id-unversioned", "GET", "object", objectVersioning, "version-id in a container without versions is 400, null is the object", func(e *Env) {
			e.Need("object_versioning")
			p := e.object("plain")
			e.do("GET", p, query("version-id=0000000001.00000")).Status(400)
			e.do("GET", p, query("version-id=null")).Status(200).Body().IsEqual("plain")
		}},
		{"object-versions-post-version", "POST", "object", objectVersioning, "POST to a version is 400", func(e *Env) {
			c := e.versioned()
			id := e.putVersion(c, "o", "one")
			e.do("POST", c+"/o", query("version-id="+id), hdr("X-Object-Meta-A", "b")).Status(400)
		}},
		{"object-versions-post-current", "POST", "object", objectVersioning, "POST changes the current version and makes no new one", func(e *Env) {
			c := e.versioned()
			id := e.putVersion(c, "o", "one")
			e.do("POST", c+"/o", hdr("X-Object-Meta-A", "b")).Status(202)
			r := e.do("GET", c+"/o").Status(200)
			r.Header("X-Object-Meta-A").IsEqual("b")
			r.Header("X-Object-Version-Id").IsEqual(id)
			e.awaitVersions(c, "", 1)
		}},
		{"object-versions-copy-from", "COPY", "object", objectVersioning, "COPY with version-id copies that version", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "one")
			e.putVersion(c, "o", "two")
			to := e.container()
			e.do("COPY", c+"/o", query("version-id="+one), hdr("Destination", to+"/copy")).Status(201)
			e.do("GET", to+"/copy").Status(200).Body().IsEqual("one")
		}},
		{"object-versions-slo", "PUT", "object", objectVersioning, "a large object keeps its versions", func(e *Env) {
			e.Need("slo")
			c := e.versioned()
			seg := e.put(e.container(), "segment", "segment")
			r := e.do("PUT", c+"/o", query("multipart-manifest=put"), body(manifest(segment{Path: "/" + seg}))).Status(201)
			id := r.Header("X-Object-Version-Id").NotEmpty().Raw()
			e.putVersion(c, "o", "plain")
			e.do("GET", c+"/o", query("version-id="+id)).Status(200).Body().IsEqual("segment")
		}},
		{"object-versions-null-deleted", "DELETE", "object", objectVersioning, "DELETE with version-id=null removes the null version", func(e *Env) {
			e.Need("object_versioning")
			c := e.container()
			p := e.put(c, "o", "plain")
			e.do("DELETE", p, query("version-id=null")).Status(204)
			e.do("GET", p).Status(404)
		}},
	}
}

func versionListCases() []Case {
	return []Case{
		{"object-versions-list", "GET", "container", objectVersioning, "versions lists all, newest first, and says which is current", func(e *Env) {
			c := e.versioned()
			one := e.putVersion(c, "o", "one")
			two := e.putVersion(c, "o", "two!")
			rows := e.awaitVersions(c, "", 2)
			if rows[0].Version != two || !rows[0].Latest || rows[0].Bytes != 4 || rows[0].Hash != etag("two!") ||
				rows[1].Version != one || rows[1].Latest || rows[1].Bytes != 3 {
				e.Failf("the versions are %+v, want %s (current, 4 bytes) and %s", rows, two, one)
			}
		}},
		{"object-versions-list-marker", "GET", "container", objectVersioning, "a marker of a deletion is listed with its type, as the current version", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "one")
			e.do("DELETE", c+"/o").Status(204)
			rows := e.awaitVersions(c, "", 2)
			if rows[0].ContentType != deleteMarker || !rows[0].Latest || rows[1].Latest {
				e.Failf("the versions are %+v, want a marker first, and it current", rows)
			}
			e.listed(c, "")
		}},
		{"object-versions-list-plain", "GET", "container", objectVersioning, "a plain listing shows current objects with their own size and hash", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "o", "one")
			e.putVersion(c, "o", "two!", hdr("Content-Type", "text/x-two"))
			e.eventually("one row", func() bool {
				rows := decodeListing(e.do("GET", c, query("format=json")).Raw())
				return len(rows) == 1 && rows[0].Name == "o" && rows[0].Bytes == 4 && rows[0].Hash == etag("two!") && rows[0].ContentType == "text/x-two"
			})
		}},
		{"object-versions-list-names", "GET", "container", objectVersioning, "versions are sorted by name, then from new to old", func(e *Env) {
			c := e.versioned()
			for _, n := range []string{"a", "b", "a", "b"} {
				e.putVersion(c, n, n)
			}
			rows := e.awaitVersions(c, "", 4)
			if rows[0].Name != "a" || rows[1].Name != "a" || rows[2].Name != "b" || rows[0].Version < rows[1].Version {
				e.Failf("the versions are %+v", rows)
			}
		}},
		{"object-versions-list-limit", "GET", "container", objectVersioning, "limit, marker and version_marker page through versions", func(e *Env) {
			c := e.versioned()
			var want []string
			for i := range 4 {
				want = append([]string{e.putVersion(c, "o", itoa(i))}, want...)
			}
			e.awaitVersions(c, "", 4)
			var got []string
			q := ""
			for range 5 {
				rows := e.versions(c, "&limit=2"+q)
				if len(rows) == 0 {
					break
				}
				for _, r := range rows {
					got = append(got, r.Version)
				}
				q = "&marker=o&version_marker=" + got[len(got)-1]
			}
			if quoteAll(got) != quoteAll(want) {
				e.Failf("pages give %v, want %v", got, want)
			}
		}},
		{"object-versions-list-after", "GET", "container", objectVersioning, "marker without version_marker starts after the name", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "a", "1")
			e.putVersion(c, "a", "2")
			e.putVersion(c, "b", "3")
			e.awaitVersions(c, "", 3)
			if rows := e.versions(c, "&marker=a"); len(rows) != 1 || rows[0].Name != "b" {
				e.Failf("after a: %+v, want b alone", rows)
			}
		}},
		{"object-versions-list-prefix", "GET", "container", objectVersioning, "prefix keeps names that start with it", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "a/1", "1")
			e.putVersion(c, "b/1", "1")
			e.putVersion(c, "b/1", "2")
			e.awaitVersions(c, "&prefix=b/", 2)
		}},
		{"object-versions-list-delimiter", "GET", "container", objectVersioning, "delimiter groups into subdirs", func(e *Env) {
			c := e.versioned()
			e.putVersion(c, "a/1", "1")
			e.putVersion(c, "a/2", "1")
			e.putVersion(c, "b", "1")
			e.awaitVersions(c, "", 3)
			if rows := e.versions(c, "&delimiter=/"); len(rows) != 2 || rows[0].Subdir != "a/" || rows[1].Name != "b" {
				e.Failf("grouped: %+v, want a/ and b", rows)
			}
		}},
		{"object-versions-list-marker-alone", "GET", "container", objectVersioning, "version_marker without marker is 400", func(e *Env) {
			c := e.versioned()
			e.do("GET", c, query("versions&format=json&version_marker=0000000001.00000")).Status(400)
			e.do("GET", c, query("versions&format=json&marker=o&version_marker=nonsense")).Status(400)
		}},
		{"object-versions-list-text", "GET", "container", objectVersioning, "versions are listed as JSON or not at all: 406", func(e *Env) {
			c := e.versioned()
			e.do("GET", c, query("versions"), hdr("Accept", "text/plain")).Status(406)
		}},
		{"object-versions-list-unversioned", "GET", "container", objectVersioning, "versions of a container without them are its objects, as null", func(e *Env) {
			e.Need("object_versioning")
			c := e.fill("o")
			e.listed(c, "", "o")
			rows := e.versions(c, "")
			if len(rows) != 1 || rows[0].Version != "null" || !rows[0].Latest {
				e.Failf("the versions are %+v, want the object as the current null", rows)
			}
		}},
		{"object-versions-bulk-delete", "POST", "account", objectVersioning, "a bulk deletion leaves markers", func(e *Env) {
			e.Need("bulk_delete")
			c := e.versioned()
			e.putVersion(c, "o", "one")
			e.do("POST", "", query("bulk-delete"), hdr("Content-Type", "text/plain"), body(c+"/o\n")).Status(200)
			e.do("GET", c+"/o").Status(404)
			e.awaitVersions(c, "", 2)
		}},
	}
}
