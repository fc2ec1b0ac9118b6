package api

import (
	"net/http"
	"strings"
)

func containerCases() []Case {
	return []Case{
		{"container-put-new", "PUT", "container", "container", "a new container is 201", func(e *Env) { e.container() }},
		{"container-put-again", "PUT", "container", "container", "an existing container is 202", func(e *Env) {
			e.do("PUT", e.container()).Status(http.StatusAccepted)
		}},
		{"container-head", "HEAD", "container", "container", "HEAD is 204 with counts and storage policy", func(e *Env) {
			r := e.do("HEAD", e.container()).Status(http.StatusNoContent)
			r.Header("X-Container-Object-Count").IsEqual("0")
			r.Header("X-Container-Bytes-Used").IsEqual("0")
			r.Header("X-Storage-Policy").NotEmpty()
			r.Header("X-Timestamp").NotEmpty()
		}},
		{"container-head-counts", "HEAD", "container", "container", "objects and bytes are counted in time", func(e *Env) {
			c := e.container()
			e.put(c, "a", "12345")
			e.put(c, "b", "678")
			e.eventually("2 objects of 8 bytes", func() bool {
				h := e.do("HEAD", c).Raw().Header
				return h.Get("X-Container-Object-Count") == "2" && h.Get("X-Container-Bytes-Used") == "8"
			})
		}},
		{"container-head-absent", "HEAD", "container", "container", "an absent container is 404", func(e *Env) {
			e.do("HEAD", e.prefix+"-absent").Status(http.StatusNotFound)
		}},
		{"container-get-absent", "GET", "container", "container", "listing an absent container is 404", func(e *Env) {
			e.do("GET", e.prefix+"-absent").Status(http.StatusNotFound)
		}},
		{"container-post-absent", "POST", "container", "container", "POST to an absent container is 404", func(e *Env) {
			e.do("POST", e.prefix+"-absent", hdr("X-Container-Meta-A", "b")).Status(http.StatusNotFound)
		}},
		{"container-delete", "DELETE", "container", "container", "DELETE is 204 and the container is gone", func(e *Env) {
			c := e.container()
			e.do("DELETE", c).Status(http.StatusNoContent)
			e.do("HEAD", c).Status(http.StatusNotFound)
		}},
		{"container-delete-absent", "DELETE", "container", "container", "DELETE of an absent container is 404", func(e *Env) {
			e.do("DELETE", e.prefix+"-absent").Status(http.StatusNotFound)
		}},
		{"container-delete-full", "DELETE", "container", "container", "DELETE of a container with objects is 409", func(e *Env) {
			c := e.container()
			e.put(c, "o", "x")
			e.listed(c, "", "o")
			e.do("DELETE", c).Status(http.StatusConflict)
			e.do("HEAD", c).Status(http.StatusNoContent)
		}},
		{"container-recreate", "PUT", "container", "container", "a deleted container can be made again, empty and without its metadata", func(e *Env) {
			c := e.container(hdr("X-Container-Meta-Old", "yes"))
			e.do("DELETE", c).Status(http.StatusNoContent)
			e.do("PUT", c).Status(http.StatusCreated)
			r := e.do("HEAD", c).Status(http.StatusNoContent)
			r.Header("X-Container-Meta-Old").IsEmpty()
			r.Header("X-Container-Object-Count").IsEqual("0")
		}},
		{"container-put-meta", "PUT", "container", "container metadata", "metadata of PUT is stored", func(e *Env) {
			c := e.container(hdr("X-Container-Meta-Colour", "red"))
			e.do("HEAD", c).Header("X-Container-Meta-Colour").IsEqual("red")
		}},
		{"container-put-again-meta", "PUT", "container", "container metadata", "PUT of an existing container adds metadata", func(e *Env) {
			c := e.container(hdr("X-Container-Meta-One", "1"))
			e.do("PUT", c, hdr("X-Container-Meta-Two", "2")).Status(http.StatusAccepted)
			r := e.do("HEAD", c)
			r.Header("X-Container-Meta-One").IsEqual("1")
			r.Header("X-Container-Meta-Two").IsEqual("2")
		}},
		{"container-post-meta", "POST", "container", "container metadata", "POST is 204 and merges metadata", func(e *Env) {
			c := e.container(hdr("X-Container-Meta-One", "1"))
			e.do("POST", c, hdr("X-Container-Meta-Two", "2")).Status(http.StatusNoContent)
			r := e.do("HEAD", c)
			r.Header("X-Container-Meta-One").IsEqual("1")
			r.Header("X-Container-Meta-Two").IsEqual("2")
		}},
		{"container-meta-remove", "POST", "container", "container metadata", "X-Remove-Container-Meta-… and empty values remove", func(e *Env) {
			c := e.container(hdr("X-Container-Meta-One", "1"), hdr("X-Container-Meta-Two", "2"))
			e.do("POST", c, hdr("X-Remove-Container-Meta-One", "x"), hdr("X-Container-Meta-Two", "")).Status(http.StatusNoContent)
			r := e.do("HEAD", c)
			r.Header("X-Container-Meta-One").IsEmpty()
			r.Header("X-Container-Meta-Two").IsEmpty()
		}},
		{"container-meta-unicode", "POST", "container", "container metadata", "metadata values beyond ASCII come back as bytes", func(e *Env) {
			c := e.container(hdr("X-Container-Meta-Name", "馬"))
			e.do("HEAD", c).Header("X-Container-Meta-Name").IsEqual("馬")
		}},
		{"container-meta-name-too-long", "PUT", "container", "container metadata", "a metadata name over the limit is 400", func(e *Env) {
			name := strings.Repeat("k", e.limit("max_meta_name_length", 128)+1)
			e.do("POST", e.container(), hdr("X-Container-Meta-"+name, "v")).Status(http.StatusBadRequest)
		}},
		{"container-meta-value-too-long", "PUT", "container", "container metadata", "a metadata value over the limit is 400", func(e *Env) {
			v := strings.Repeat("v", e.limit("max_meta_value_length", 256)+1)
			e.do("POST", e.container(), hdr("X-Container-Meta-Long", v)).Status(http.StatusBadRequest)
		}},
		{"container-policy-unknown", "PUT", "container", "storage policies", "an unknown storage policy is 400", func(e *Env) {
			e.do("PUT", e.prefix+"-x", hdr("X-Storage-Policy", "no-such-policy")).Status(http.StatusBadRequest)
		}},
		{"container-policy-default", "PUT", "container", "storage policies", "the default policy of /info is used", func(e *Env) {
			swift, _ := e.info["swift"].(map[string]any)
			policies, _ := swift["policies"].([]any)
			for _, p := range policies {
				if p, _ := p.(map[string]any); p["default"] == true {
					e.do("HEAD", e.container()).Header("X-Storage-Policy").IsEqual(p["name"].(string))
					return
				}
			}
			e.Failf("/info names no default policy: %v", policies)
		}},
	}
}

// fill makes a container with the named objects, each of one byte.
func (e *Env) fill(names ...string) string {
	c := e.container()
	for _, n := range names {
		e.put(c, n, "x")
	}
	return c
}

func containerListCases() []Case {
	tree := []string{"a", "b/1", "b/2", "b/c/3", "d", "e/4"}
	list := func(id, q, what string, want ...string) Case {
		return Case{"container-list-" + id, "GET", "container", "container listing", what, func(e *Env) {
			c := e.fill(tree...)
			e.listed(c, "", tree...)
			e.listed(c, q, want...)
		}}
	}
	return []Case{
		list("all", "", "all names in byte order", tree...),
		list("limit", "limit=2", "limit bounds the rows", "a", "b/1"),
		list("limit-zero", "limit=0", "limit=0 gives no rows"),
		list("prefix", "prefix=b/", "prefix keeps names that start with it", "b/1", "b/2", "b/c/3"),
		list("marker", "marker=b/2", "marker is exclusive", "b/c/3", "d", "e/4"),
		list("marker-absent", "marker=c", "marker need not exist", "d", "e/4"),
		list("end-marker", "end_marker=b/2", "end_marker is exclusive", "a", "b/1"),
		list("marker-and-end", "marker=a&end_marker=d", "marker and end_marker enclose", "b/1", "b/2", "b/c/3"),
		list("delimiter", "delimiter=/", "delimiter groups into subdirs", "a", "b/", "d", "e/"),
		list("delimiter-prefix", "delimiter=/&prefix=b/", "delimiter works below a prefix", "b/1", "b/2", "b/c/"),
		list("delimiter-limit", "delimiter=/&limit=2", "subdirs count against limit", "a", "b/"),
		list("delimiter-marker", "delimiter=/&marker=b/", "a subdir works as a marker", "d", "e/"),
		list("path", "path=b", "path lists one pseudo-directory", "b/1", "b/2"),
		list("reverse", "reverse=true", "reverse turns the order", "e/4", "d", "b/c/3", "b/2", "b/1", "a"),
		list("reverse-marker", "reverse=true&marker=d", "with reverse, marker is the upper bound", "b/c/3", "b/2", "b/1", "a"),
		list("reverse-end-marker", "reverse=true&end_marker=b/2", "with reverse, end_marker is the lower bound", "e/4", "d", "b/c/3"),
		list("reverse-delimiter", "reverse=true&delimiter=/", "reverse groups as well", "e/", "d", "b/", "a"),
		list("reverse-limit", "reverse=true&limit=2", "reverse with limit gives the last", "e/4", "d"),
		{"container-list-delimiter-multi", "GET", "container", "container listing", "a delimiter of several characters", func(e *Env) {
			c := e.fill("a--1", "a--2", "b-3")
			e.listed(c, "", "a--1", "a--2", "b-3")
			e.listed(c, "delimiter=--", "a--", "b-3")
		}},
		{"container-list-text", "GET", "container", "container listing", "text listings have a name a line", func(e *Env) {
			c := e.fill("a", "b")
			e.listed(c, "", "a", "b")
			r := e.do("GET", c).Status(http.StatusOK)
			r.Body().IsEqual("a\nb\n")
			r.Header("Content-Type").HasPrefix("text/plain")
			r.Header("X-Container-Object-Count").IsEqual("2")
		}},
		{"container-list-json-row", "GET", "container", "container listing", "a JSON row has name, hash, bytes, content_type and last_modified", func(e *Env) {
			c := e.container()
			e.put(c, "o", "hello", hdr("Content-Type", "text/x-conform"))
			e.listed(c, "", "o")
			row := decodeListing(e.do("GET", c, query("format=json")).Raw())[0]
			if row.Bytes != 5 || row.Hash != etag("hello") || row.ContentType != "text/x-conform" ||
				len(row.LastModified) != len("2026-01-01T00:00:00.000000") {
				e.Failf("row is %+v", row)
			}
		}},
		{"container-list-accept-json", "GET", "container", "container listing", "Accept: application/json selects JSON", func(e *Env) {
			c := e.fill("a")
			e.listed(c, "", "a")
			e.do("GET", c, hdr("Accept", "application/json")).Status(http.StatusOK).JSON().Array().Length().IsEqual(1)
		}},
		{"container-list-empty-text", "GET", "container", "container listing", "an empty text listing is 204", func(e *Env) {
			e.do("GET", e.container()).Status(http.StatusNoContent).Body().IsEmpty()
		}},
		{"container-list-empty-json", "GET", "container", "container listing", "an empty JSON listing is 200 and []", func(e *Env) {
			e.do("GET", e.container(), query("format=json")).Status(http.StatusOK).JSON().Array().IsEmpty()
		}},
		{"container-list-limit-too-big", "GET", "container", "container listing", "a limit over the maximum is 412", func(e *Env) {
			e.do("GET", e.container(), query("limit=1000000")).Status(http.StatusPreconditionFailed)
		}},
		{"container-list-limit-nonsense", "GET", "container", "container listing", "a limit that is no number is ignored", func(e *Env) {
			c := e.fill("a", "b")
			e.listed(c, "limit=many", "a", "b")
		}},
		{"container-list-overwrite", "GET", "container", "container listing", "overwriting an object updates its one row", func(e *Env) {
			c := e.container()
			e.put(c, "o", "first")
			e.put(c, "o", "second!")
			e.eventually("one row of 7 bytes", func() bool {
				rows := decodeListing(e.do("GET", c, query("format=json")).Raw())
				return len(rows) == 1 && rows[0].Bytes == 7 && rows[0].Hash == etag("second!")
			})
		}},
		{"container-list-delete", "GET", "container", "container listing", "a deleted object is no longer listed", func(e *Env) {
			c := e.fill("a", "b")
			e.listed(c, "", "a", "b")
			e.do("DELETE", c+"/a").Status(http.StatusNoContent)
			e.listed(c, "", "b")
		}},
		{"container-list-marker-loop", "GET", "container", "container listing", "paging with marker visits every name once", func(e *Env) {
			c := e.fill(tree...)
			e.listed(c, "", tree...)
			var got []string
			marker := ""
			for range len(tree) + 1 {
				rows := decodeListing(e.do("GET", c, query("format=json&limit=2&marker="+marker)).Raw())
				if len(rows) == 0 {
					break
				}
				for _, r := range rows {
					got = append(got, r.Name)
				}
				marker = got[len(got)-1]
			}
			if strings.Join(got, " ") != strings.Join(tree, " ") {
				e.Failf("pages give %v, want %v", got, tree)
			}
		}},
	}
}
