package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// segment is one row of a manifest that is PUT.
type segment struct {
	Path  string `json:"path,omitempty"`
	Etag  string `json:"etag,omitempty"`
	Size  int    `json:"size_bytes,omitempty"`
	Range string `json:"range,omitempty"`
	Data  string `json:"data,omitempty"`
}

func manifest(segments ...segment) string {
	text, _ := json.Marshal(segments)
	return string(text)
}

var sloParts = []string{"aaaaa", "bbbbbbb", "ccc"}

// slo stores three segments and a manifest, and returns the manifest's path,
// the container, the whole content and the SLO's etag.
func (e *Env) slo() (path, container, content, tag string) {
	e.Need("slo")
	container = e.container()
	var rows []segment
	for i, part := range sloParts {
		p := e.put(container, "seg/"+string(rune('0'+i)), part)
		rows = append(rows, segment{Path: "/" + p, Etag: etag(part), Size: len(part)})
		tag += etag(part)
		content += part
	}
	path = container + "/manifest"
	e.do("PUT", path, query("multipart-manifest=put"), body(manifest(rows...)), hdr("Content-Type", "text/x-slo")).
		Status(http.StatusCreated)
	return path, container, content, etag(tag)
}

// sloPut is a case that stores a manifest over one segment "a0"… of ten bytes.
func sloPut(id, want string, status int, rows func(segPath string) string) Case {
	return Case{"slo-put-" + id, "PUT", "object", "static large objects", want, func(e *Env) {
		e.Need("slo")
		c := e.container()
		seg := e.put(c, "segment", "0123456789")
		e.do("PUT", c+"/manifest", query("multipart-manifest=put"), body(rows("/"+seg))).Status(status)
	}}
}

func sloCases() []Case {
	good := etag("0123456789")
	return []Case{
		sloPut("path-only", "a segment needs its path alone", 201, func(p string) string { return manifest(segment{Path: p}) }),
		sloPut("etag-mismatch", "a wrong segment etag is 400", 400, func(p string) string { return manifest(segment{Path: p, Etag: etag("x")}) }),
		sloPut("size-mismatch", "a wrong segment size is 400", 400, func(p string) string { return manifest(segment{Path: p, Size: 9}) }),
		sloPut("absent", "an absent segment is 400", 400, func(p string) string { return manifest(segment{Path: p + "-absent"}) }),
		sloPut("empty", "a manifest without segments is an empty object", 201, func(string) string { return "[]" }),
		sloPut("not-json", "a manifest that is not JSON is 400", 400, func(string) string { return "segments, please" }),
		sloPut("not-list", "a manifest that is no list is 400", 400, func(p string) string { return `{"path":"` + p + `"}` }),
		sloPut("unknown-key", "an unknown key is 400", 400, func(p string) string { return `[{"path":"` + p + `","colour":"blue"}]` }),
		sloPut("range", "a range of a segment is accepted", 201, func(p string) string { return manifest(segment{Path: p, Etag: good, Range: "2-5"}) }),
		sloPut("range-bad", "a range beyond the segment is 400", 400, func(p string) string { return manifest(segment{Path: p, Range: "20-30"}) }),
		sloPut("data-only", "inline data without any stored segment is 400", 400, func(string) string {
			return manifest(segment{Data: base64.StdEncoding.EncodeToString([]byte("inline"))})
		}),
		{"slo-put-etag", "PUT", "object", "static large objects", "the Etag of the answer is of the segment etags, and a wrong Etag header is 422", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "0123456789")
			m := manifest(segment{Path: "/" + seg})
			e.do("PUT", c+"/bad", query("multipart-manifest=put"), body(m), hdr("Etag", etag("x"))).Status(http.StatusUnprocessableEntity)
			r := e.do("PUT", c+"/good", query("multipart-manifest=put"), body(m), hdr("Etag", etag(good))).Status(http.StatusCreated)
			if got := strings.Trim(r.Raw().Header.Get("Etag"), `"`); got != etag(good) {
				e.Failf("Etag is %q, want md5 of the segment etags %q", got, etag(good))
			}
		}},
		{"slo-listing", "GET", "container", "static large objects", "a listing shows the size of the whole object", func(e *Env) {
			_, c, content, _ := e.slo()
			e.eventually("manifest is listed with its size", func() bool {
				for _, r := range decodeListing(e.do("GET", c, query("format=json")).Raw()) {
					if r.Name == "manifest" {
						return r.Bytes == int64(len(content))
					}
				}
				return false
			})
		}},
		{"slo-delete", "DELETE", "object", "static large objects", "a plain DELETE removes the manifest and keeps the segments", func(e *Env) {
			p, c, _, _ := e.slo()
			e.do("DELETE", p).Status(http.StatusNoContent)
			e.do("GET", p).Status(http.StatusNotFound)
			e.do("GET", c+"/seg/0").Status(http.StatusOK)
		}},
		{"slo-delete-all", "DELETE", "object", "static large objects", "multipart-manifest=delete removes manifest and segments", func(e *Env) {
			p, c, _, _ := e.slo()
			r := e.do("DELETE", p, query("multipart-manifest=delete"), hdr("Accept", "application/json")).Status(http.StatusOK)
			r.JSON().Object().Value("Number Deleted").IsEqual(len(sloParts) + 1)
			e.do("GET", p).Status(http.StatusNotFound)
			e.do("GET", c+"/seg/0").Status(http.StatusNotFound)
		}},
		{"slo-overwrite-plain", "PUT", "object", "static large objects", "a plain PUT over a manifest makes a plain object", func(e *Env) {
			p, _, _, _ := e.slo()
			e.do("PUT", p, body("plain")).Status(http.StatusCreated)
			r := e.do("GET", p).Status(http.StatusOK)
			r.Body().IsEqual("plain")
			r.Header("X-Static-Large-Object").IsEmpty()
		}},
		{"slo-post", "POST", "object", "static large objects", "POST changes metadata and the object stays large", func(e *Env) {
			p, _, content, _ := e.slo()
			e.do("POST", p, hdr("X-Object-Meta-A", "b")).Status(http.StatusAccepted)
			r := e.do("GET", p).Status(http.StatusOK)
			r.Body().IsEqual(content)
			r.Header("X-Object-Meta-A").IsEqual("b")
		}},
	}
}

func sloGetCases() []Case {
	ranged := func(id, header, want, contentRange string) Case {
		return Case{"slo-range-" + id, "GET", "object", "static large objects", "Range: " + header + " over segment borders", func(e *Env) {
			p, _, _, _ := e.slo()
			r := e.do("GET", p, hdr("Range", header)).Status(http.StatusPartialContent)
			r.Body().IsEqual(want)
			r.Header("Content-Range").IsEqual(contentRange)
		}}
	}
	return []Case{
		ranged("first-segment", "bytes=0-4", "aaaaa", "bytes 0-4/15"),
		ranged("border", "bytes=4-5", "ab", "bytes 4-5/15"),
		ranged("all-borders", "bytes=4-12", "abbbbbbbc", "bytes 4-12/15"),
		ranged("suffix", "bytes=-4", "bccc", "bytes 11-14/15"),
		ranged("open", "bytes=12-", "ccc", "bytes 12-14/15"),
		{"slo-get", "GET", "object", "static large objects", "GET returns the segments in order with the SLO's length and etag", func(e *Env) {
			p, _, content, tag := e.slo()
			r := e.do("GET", p).Status(http.StatusOK)
			r.Body().IsEqual(content)
			r.Header("Content-Length").AsNumber().IsEqual(len(content))
			r.Header("X-Static-Large-Object").IsEqual("True")
			r.Header("Content-Type").HasPrefix("text/x-slo")
			sameTag(e, r.Raw().Header, tag)
		}},
		{"slo-head", "HEAD", "object", "static large objects", "HEAD states the SLO's length and etag", func(e *Env) {
			p, _, content, tag := e.slo()
			r := e.do("HEAD", p).Status(http.StatusOK)
			r.Header("Content-Length").AsNumber().IsEqual(len(content))
			r.Body().IsEmpty()
			sameTag(e, r.Raw().Header, tag)
		}},
		{"slo-range-refused", "GET", "object", "static large objects", "a range beyond the whole object is 416", func(e *Env) {
			p, _, _, _ := e.slo()
			e.do("GET", p, hdr("Range", "bytes=15-20")).Status(http.StatusRequestedRangeNotSatisfiable)
		}},
		{"slo-range-multi", "GET", "object", "static large objects", "several ranges are multipart/byteranges", func(e *Env) {
			p, _, _, _ := e.slo()
			r := e.do("GET", p, hdr("Range", "bytes=4-5,-2")).Status(http.StatusPartialContent)
			e.multipart(r.Raw().Header.Get("Content-Type"), r.Body().Raw(), "text/x-slo",
				[2]string{"bytes 4-5/15", "ab"}, [2]string{"bytes 13-14/15", "cc"})
		}},
		{"slo-if-none-match", "GET", "object", "static large objects", "If-None-Match with the SLO's etag is 304", func(e *Env) {
			p, _, _, tag := e.slo()
			e.do("GET", p, hdr("If-None-Match", tag)).Status(http.StatusNotModified).Body().IsEmpty()
			e.do("GET", p, hdr("If-None-Match", "other")).Status(http.StatusOK)
		}},
		{"slo-if-match", "GET", "object", "static large objects", "If-Match with the SLO's etag passes, another is 412", func(e *Env) {
			p, _, content, tag := e.slo()
			e.do("GET", p, hdr("If-Match", tag)).Status(http.StatusOK).Body().IsEqual(content)
			e.do("GET", p, hdr("If-Match", "other")).Status(http.StatusPreconditionFailed)
		}},
		{"slo-if-modified-since", "GET", "object", "static large objects", "not modified since the future is 304", func(e *Env) {
			p, _, _, _ := e.slo()
			e.do("GET", p, hdr("If-Modified-Since", e.farFuture())).Status(http.StatusNotModified)
		}},
		{"slo-manifest-get", "GET", "object", "static large objects", "multipart-manifest=get returns the manifest as JSON", func(e *Env) {
			p, _, _, _ := e.slo()
			r := e.do("GET", p, query("multipart-manifest=get")).Status(http.StatusOK)
			r.Header("Content-Type").HasPrefix("application/json")
			rows := r.JSON().Array()
			rows.Length().IsEqual(len(sloParts))
			first := rows.Value(0).Object()
			first.Value("hash").IsEqual(etag(sloParts[0]))
			first.Value("bytes").IsEqual(len(sloParts[0]))
		}},
		{"slo-manifest-raw", "GET", "object", "static large objects", "format=raw returns what can be PUT again", func(e *Env) {
			p, c, content, _ := e.slo()
			raw := e.do("GET", p, query("multipart-manifest=get&format=raw")).Status(http.StatusOK).Body().Raw()
			e.do("PUT", c+"/again", query("multipart-manifest=put"), body(raw)).Status(http.StatusCreated)
			e.do("GET", c+"/again").Status(http.StatusOK).Body().IsEqual(content)
		}},
		{"slo-inline", "GET", "object", "static large objects", "inline data stands between segments", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "stored")
			m := manifest(segment{Data: base64.StdEncoding.EncodeToString([]byte("<"))}, segment{Path: "/" + seg},
				segment{Data: base64.StdEncoding.EncodeToString([]byte(">"))})
			e.do("PUT", c+"/m", query("multipart-manifest=put"), body(m)).Status(http.StatusCreated)
			e.do("GET", c+"/m").Status(http.StatusOK).Body().IsEqual("<stored>")
			e.do("GET", c+"/m", hdr("Range", "bytes=0-2")).Status(http.StatusPartialContent).Body().IsEqual("<st")
		}},
		{"slo-ranged-segment", "GET", "object", "static large objects", "ranges of segments are cut out", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "0123456789")
			m := manifest(segment{Path: "/" + seg, Range: "2-4"}, segment{Path: "/" + seg, Range: "-2"}, segment{Path: "/" + seg, Range: "8-"})
			e.do("PUT", c+"/m", query("multipart-manifest=put"), body(m)).Status(http.StatusCreated)
			e.do("GET", c+"/m").Status(http.StatusOK).Body().IsEqual("2348989")
			e.do("GET", c+"/m", hdr("Range", "bytes=1-3")).Status(http.StatusPartialContent).Body().IsEqual("348")
		}},
		{"slo-nested", "GET", "object", "static large objects", "a manifest may hold manifests", func(e *Env) {
			inner, c, content, _ := e.slo()
			seg := e.put(c, "tail", "!")
			m := manifest(segment{Path: "/" + inner}, segment{Path: "/" + seg}, segment{Path: "/" + inner, Range: "0-1"})
			e.do("PUT", c+"/outer", query("multipart-manifest=put"), body(m)).Status(http.StatusCreated)
			e.do("GET", c+"/outer").Status(http.StatusOK).Body().IsEqual(content + "!" + content[:2])
		}},
		{"slo-segment-gone", "GET", "object", "static large objects", "a first segment that is gone is 409", func(e *Env) {
			p, c, _, _ := e.slo()
			e.do("DELETE", c+"/seg/0").Status(http.StatusNoContent)
			e.do("GET", p).Status(http.StatusConflict)
		}},
		{"slo-segment-changed", "GET", "object", "static large objects", "a first segment that was changed is 409", func(e *Env) {
			p, c, _, _ := e.slo()
			e.put(c, "seg/0", "other")
			e.do("GET", p).Status(http.StatusConflict)
		}},
	}
}

func sameTag(e *Env, h http.Header, tag string) {
	if got := strings.Trim(h.Get("Etag"), `"`); got != tag {
		e.Failf("Etag is %q, want %q", h.Get("Etag"), tag)
	}
}
