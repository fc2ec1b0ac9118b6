package api

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/gavv/httpexpect/v2"
)

const sloFeature = "static large objects"

func sloMoreCases() []Case {
	return append(append(sloHeartbeatCases(), sloPartCases()...), sloEdgeCases()...)
}

// anyType reads JSON whatever its Content-Type says: the raw form of a manifest
// has the manifest's own.
var anyType = httpexpect.ContentOpts{MediaType: "application/octet-stream"}

// putManifest stores a manifest and returns its path.
func (e *Env) putManifest(container, name string, rows ...segment) string {
	p := container + "/" + name
	e.do("PUT", p, query("multipart-manifest=put"), body(manifest(rows...))).Status(201)
	return p
}

func sloHeartbeatCases() []Case {
	return []Case{
		{"slo-heartbeat", "PUT", "object", sloFeature, "heartbeat=on is 202 at once, and the body ends with the status", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "content")
			r := e.do("PUT", c+"/m", query("multipart-manifest=put&heartbeat=on"), hdr("Accept", "application/json"), body(manifest(segment{Path: "/" + seg})))
			o := r.Status(202).JSON().Object()
			o.Value("Response Status").IsEqual("201 Created")
			o.Value("Etag").IsEqual(`"` + etag(etag("content")) + `"`)
			o.Value("Errors").Array().IsEmpty()
			e.do("GET", c+"/m").Status(200).Body().IsEqual("content")
		}},
		{"slo-heartbeat-text", "PUT", "object", sloFeature, "the status of a heartbeat comes as text too", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "content")
			r := e.do("PUT", c+"/m", query("multipart-manifest=put&heartbeat=on"), hdr("Accept", "text/plain"), body(manifest(segment{Path: "/" + seg})))
			r.Status(202).Body().Contains("Response Status: 201 Created")
		}},
		{"slo-heartbeat-error", "PUT", "object", sloFeature, "a bad segment under a heartbeat is 202 with 400 in the body", func(e *Env) {
			e.Need("slo")
			c := e.container()
			r := e.do("PUT", c+"/m", query("multipart-manifest=put&heartbeat=on"), hdr("Accept", "application/json"), body(manifest(segment{Path: "/" + c + "/absent"})))
			o := r.Status(202).JSON().Object()
			o.Value("Response Status").IsEqual("400 Bad Request")
			o.Value("Errors").Array().Value(0).Array().Value(1).IsEqual("404 Not Found")
			e.do("HEAD", c+"/m").Status(404)
		}},
		{"slo-heartbeat-malformed", "PUT", "object", sloFeature, "a manifest that does not parse is 400 in spite of a heartbeat", func(e *Env) {
			e.Need("slo")
			e.do("PUT", e.container()+"/m", query("multipart-manifest=put&heartbeat=on"), body("nonsense")).Status(400)
		}},
		{"slo-put-errors-json", "PUT", "object", sloFeature, "errors of segments come as JSON where that is accepted", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "content")
			m := manifest(segment{Path: "/" + seg}, segment{Path: "/" + c + "/absent"}, segment{Path: "/" + seg, Etag: etag("other")})
			o := e.do("PUT", c+"/m", query("multipart-manifest=put"), hdr("Accept", "application/json"), body(m)).Status(400).JSON().Object()
			o.Value("Errors").Array().Length().IsEqual(2)
		}},
		{"slo-delete-async", "DELETE", "object", sloFeature, "async=yes answers 204 and removes the manifest at once", func(e *Env) {
			p, _, _, _ := e.slo()
			e.NeedTrue("slo", "allow_async_delete")
			e.do("DELETE", p, query("multipart-manifest=delete&async=yes")).Status(204)
			e.do("GET", p).Status(404)
		}},
		{"slo-delete-report-text", "DELETE", "object", sloFeature, "the report of a deletion is text by default", func(e *Env) {
			p, _, _, _ := e.slo()
			r := e.do("DELETE", p, query("multipart-manifest=delete")).Status(200)
			r.Body().Contains("Number Deleted: 4").Contains("Response Status: 200 OK")
		}},
		{"slo-delete-gone-segment", "DELETE", "object", sloFeature, "segments that are gone are counted as not found", func(e *Env) {
			p, c, _, _ := e.slo()
			e.do("DELETE", c+"/seg/1").Status(204)
			o := e.do("DELETE", p, query("multipart-manifest=delete"), hdr("Accept", "application/json")).Status(200).JSON().Object()
			o.Value("Number Deleted").IsEqual(3)
			o.Value("Number Not Found").IsEqual(1)
			o.Value("Response Status").IsEqual("200 OK")
		}},
		{"slo-delete-plain-object", "DELETE", "object", sloFeature, "multipart-manifest=delete of a plain object reports an error and keeps it", func(e *Env) {
			e.Need("slo")
			p := e.object("plain")
			o := e.do("DELETE", p, query("multipart-manifest=delete"), hdr("Accept", "application/json")).Status(200).JSON().Object()
			o.Value("Response Status").IsEqual("400 Bad Request")
			e.do("GET", p).Status(200)
		}},
		{"slo-delete-absent", "DELETE", "object", sloFeature, "multipart-manifest=delete of an absent object counts one not found", func(e *Env) {
			e.Need("slo")
			o := e.do("DELETE", e.container()+"/absent", query("multipart-manifest=delete"), hdr("Accept", "application/json")).Status(200).JSON().Object()
			o.Value("Number Not Found").IsEqual(1)
			o.Value("Response Status").IsEqual("200 OK")
		}},
		{"slo-delete-nested", "DELETE", "object", sloFeature, "a deletion follows manifests within manifests", func(e *Env) {
			inner, c, _, _ := e.slo()
			outer := e.putManifest(c, "outer", segment{Path: "/" + inner})
			o := e.do("DELETE", outer, query("multipart-manifest=delete"), hdr("Accept", "application/json")).Status(200).JSON().Object()
			o.Value("Number Deleted").IsEqual(5)
			e.do("GET", inner).Status(404)
			e.do("GET", c+"/seg/2").Status(404)
		}},
	}
}

func sloPartCases() []Case {
	part := func(id, want string, check func(e *Env, p string)) Case {
		return Case{"slo-part-" + id, "GET", "object", sloFeature, want, func(e *Env) {
			e.since(34)
			p, _, _, _ := e.slo()
			check(e, p)
		}}
	}
	return []Case{
		part("first", "part-number=1 is 206 with the first segment and the count of parts", func(e *Env, p string) {
			r := e.do("GET", p, query("part-number=1")).Status(206)
			r.Body().IsEqual("aaaaa")
			r.Header("Content-Range").IsEqual("bytes 0-4/15")
			r.Header("X-Parts-Count").IsEqual("3")
		}),
		part("last", "part-number reaches the last segment", func(e *Env, p string) {
			r := e.do("GET", p, query("part-number=3")).Status(206)
			r.Body().IsEqual("ccc")
			r.Header("Content-Range").IsEqual("bytes 12-14/15")
		}),
		part("head", "HEAD with part-number states that part's length", func(e *Env, p string) {
			r := e.do("HEAD", p, query("part-number=2")).Status(206)
			r.Header("Content-Length").IsEqual("7")
			r.Header("X-Parts-Count").IsEqual("3")
		}),
		part("beyond", "a part-number beyond the segments is 416", func(e *Env, p string) {
			e.do("GET", p, query("part-number=4")).Status(416)
		}),
		part("conditions", "conditions go before the part", func(e *Env, p string) {
			for _, n := range []string{"1", "4"} {
				for _, method := range []string{"GET", "HEAD"} {
					e.do(method, p, query("part-number="+n), hdr("If-Match", "other")).Status(412)
					e.do(method, p, query("part-number="+n), hdr("If-None-Match", "*")).Status(304)
				}
			}
		}),
		part("nonsense", "a part-number that is no positive number is 400", func(e *Env, p string) {
			for _, bad := range []string{"0", "-1", "x"} {
				e.do("GET", p, query("part-number="+bad)).Status(400)
			}
		}),
		part("range", "part-number with Range is 400", func(e *Env, p string) {
			e.do("GET", p, query("part-number=1"), hdr("Range", "bytes=0-1")).Status(400)
		}),
		part("plain", "part-number of a plain object is ignored", func(e *Env, _ string) {
			e.do("GET", e.object("plain"), query("part-number=1")).Status(200).Body().IsEqual("plain")
		}),
		part("manifest-etag", "GET and HEAD name the manifest's own etag", func(e *Env, p string) {
			a, b := e.do("GET", p).Header("X-Manifest-Etag").NotEmpty().Raw(), e.do("HEAD", p).Header("X-Manifest-Etag").Raw()
			raw := e.do("GET", p, query("multipart-manifest=get")).Status(200)
			if stored := strings.Trim(raw.Header("Etag").Raw(), `"`); a != b || a != stored {
				e.Failf("X-Manifest-Etag is %q for GET and %q for HEAD, and the manifest's Etag %q", a, b, stored)
			}
		}),
	}
}

func sloEdgeCases() []Case {
	return []Case{
		sloPut("self-range-form", "ranges of other forms than bytes are 400", 400, func(p string) string { return `[{"path":"` + p + `","range":"all"}]` }),
		sloPut("range-two", "two ranges of one segment are 400", 400, func(p string) string { return `[{"path":"` + p + `","range":"0-1,3-4"}]` }),
		sloPut("size-nonsense", "a size that is no number is 400", 400, func(p string) string { return `[{"path":"` + p + `","size_bytes":"many"}]` }),
		sloPut("size-null", "null for etag and size leaves them unchecked", 201, func(p string) string { return `[{"path":"` + p + `","etag":null,"size_bytes":null}]` }),
		sloPut("path-short", "a path without object is 400", 400, func(string) string { return `[{"path":"/container"}]` }),
		{"slo-put-path-missing", "PUT", "object", sloFeature, "a segment with neither path nor data is an error, and nothing is stored", func(e *Env) {
			e.Need("slo")
			c := e.container()
			status(e.do("PUT", c+"/m", query("multipart-manifest=put"), body(`[{"etag":"x"}]`)), 400, 500)
			e.do("HEAD", c+"/m").Status(404)
		}},
		sloPut("path-and-data", "a segment with both path and data is 400", 400, func(p string) string { return `[{"path":"` + p + `","data":"eA=="}]` }),
		sloPut("data-empty", "empty inline data is 400", 400, func(p string) string { return `[{"path":"` + p + `"},{"data":""}]` }),
		sloPut("data-not-base64", "inline data that is not base64 is 400", 400, func(p string) string { return `[{"path":"` + p + `"},{"data":"***"}]` }),
		sloPut("row-not-object", "a row that is no JSON object is 400", 400, func(p string) string { return `["` + p + `"]` }),
		sloPut("no-slash", "a path needs no slash in front", 201, func(p string) string { return `[{"path":"` + strings.TrimPrefix(p, "/") + `"}]` }),
		{"slo-put-empty-segment", "PUT", "object", sloFeature, "a segment of no bytes before others is 400", func(e *Env) {
			e.Need("slo")
			c := e.container()
			empty, seg := e.put(c, "empty", ""), e.put(c, "segment", "x")
			e.do("PUT", c+"/m", query("multipart-manifest=put"), body(manifest(segment{Path: "/" + empty}, segment{Path: "/" + seg}))).Status(400)
		}},
		{"slo-put-self", "PUT", "object", sloFeature, "a manifest over itself is 400", func(e *Env) {
			e.Need("slo")
			p := e.object("x")
			e.do("PUT", p, query("multipart-manifest=put"), body(manifest(segment{Path: "/" + p}))).Status(400)
		}},
		{"slo-put-chunked", "PUT", "object", sloFeature, "a manifest without Content-Length is accepted", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "content")
			e.do("PUT", c+"/m", query("multipart-manifest=put"), chunked(manifest(segment{Path: "/" + seg}))).Status(201)
			e.do("GET", c+"/m").Status(200).Body().IsEqual("content")
		}},
		{"slo-put-too-many", "PUT", "object", sloFeature, "more segments than /info allows are 413", func(e *Env) {
			e.Need("slo")
			c := e.container()
			rows := make([]segment, e.number("slo", "max_manifest_segments", 1000)+1)
			for i := range rows {
				rows[i] = segment{Path: "/" + c + "/absent"}
			}
			status(e.do("PUT", c+"/m", query("multipart-manifest=put"), body(manifest(rows...))), 413)
		}},
		{"slo-put-meta", "PUT", "object", sloFeature, "metadata and type of the manifest are the object's", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "content", hdr("Content-Type", "text/x-segment"), hdr("X-Object-Meta-A", "segment"))
			e.do("PUT", c+"/m", query("multipart-manifest=put"), body(manifest(segment{Path: "/" + seg})),
				hdr("Content-Type", "text/x-whole"), hdr("X-Object-Meta-A", "whole")).Status(201)
			r := e.do("GET", c+"/m").Status(200)
			r.Header("Content-Type").HasPrefix("text/x-whole")
			r.Header("X-Object-Meta-A").IsEqual("whole")
		}},
		{"slo-put-other-container", "PUT", "object", sloFeature, "segments may stand in another container", func(e *Env) {
			e.Need("slo")
			seg := e.object("elsewhere")
			p := e.putManifest(e.container(), "m", segment{Path: "/" + seg})
			e.do("GET", p).Status(200).Body().IsEqual("elsewhere")
		}},
		{"slo-same-segment", "GET", "object", sloFeature, "a segment may be used again and again", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := segment{Path: "/" + e.put(c, "segment", "ab")}
			e.do("GET", e.putManifest(c, "m", seg, seg, seg, seg, seg)).Status(200).Body().IsEqual("ababababab")
		}},
		{"slo-names", "GET", "object", sloFeature, "names of segments beyond ASCII work", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "馬 %20 ?", "content")
			p := e.putManifest(c, "m 馬", segment{Path: "/" + seg})
			e.do("GET", p).Status(200).Body().IsEqual("content")
		}},
		{"slo-manifest-raw-rows", "GET", "object", sloFeature, "format=raw has path, etag, size_bytes and range", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "0123456789")
			p := e.putManifest(c, "m", segment{Path: "/" + seg, Range: "2-4"}, segment{Data: base64.StdEncoding.EncodeToString([]byte("in"))})
			rows := e.do("GET", p, query("multipart-manifest=get&format=raw")).Status(200).JSON(anyType).Array()
			rows.Value(0).Object().IsEqual(map[string]any{"path": "/" + seg, "etag": etag("0123456789"), "size_bytes": 10, "range": "2-4"})
			rows.Value(1).Object().IsEqual(map[string]any{"data": "aW4="})
		}},
		{"slo-head-manifest", "HEAD", "object", sloFeature, "HEAD with multipart-manifest=get is of the manifest", func(e *Env) {
			p, _, _, _ := e.slo()
			r := e.do("HEAD", p, query("multipart-manifest=get")).Status(200)
			r.Header("Content-Type").HasPrefix("application/json")
			r.Header("X-Static-Large-Object").IsEqual("True")
		}},
		{"slo-post-header", "POST", "object", sloFeature, "POST with X-Static-Large-Object is 400", func(e *Env) {
			e.Need("slo")
			e.do("POST", e.object("x"), hdr("X-Static-Large-Object", "true")).Status(400)
		}},
		{"slo-put-header", "PUT", "object", sloFeature, "PUT with X-Static-Large-Object makes no large object", func(e *Env) {
			e.Need("slo")
			c := e.container()
			if e.do("PUT", c+"/o", body("x"), hdr("X-Static-Large-Object", "true")).StatusList(201, 400).Raw().StatusCode == 201 {
				e.do("HEAD", c+"/o").Status(200).Header("X-Static-Large-Object").IsEmpty()
			}
		}},
		{"slo-copy", "COPY", "object", sloFeature, "a copy of a large object is a plain object", func(e *Env) {
			p, c, content, _ := e.slo()
			e.do("COPY", p, hdr("Destination", c+"/copy")).Status(201)
			r := e.do("GET", c+"/copy").Status(200)
			r.Body().IsEqual(content)
			r.Header("X-Static-Large-Object").IsEmpty()
			trimmedEtag(e, r.Raw().Header, content)
		}},
		{"slo-copy-manifest", "COPY", "object", sloFeature, "COPY with multipart-manifest=get copies the manifest", func(e *Env) {
			p, c, content, tag := e.slo()
			e.do("COPY", p, query("multipart-manifest=get"), hdr("Destination", c+"/copy")).Status(201)
			r := e.do("GET", c+"/copy").Status(200)
			r.Body().IsEqual(content)
			r.Header("X-Static-Large-Object").IsEqual("True")
			sameTag(e, r.Raw().Header, tag)
		}},
		{"slo-copy-range", "PUT", "object", sloFeature, "a range of a large object is copied over segment borders", func(e *Env) {
			p, c, _, _ := e.slo()
			e.do("PUT", c+"/copy", hdr("X-Copy-From", "/"+p), hdr("Range", "bytes=3-6"), body("")).Status(201)
			e.do("GET", c+"/copy").Status(200).Body().IsEqual("aabb")
		}},
		{"slo-listing-etag", "GET", "container", sloFeature, "a JSON listing has the SLO's etag beside the manifest's hash", func(e *Env) {
			_, c, content, tag := e.slo()
			e.eventually("slo_etag in the row", func() bool {
				for _, row := range e.do("GET", c, query("format=json&prefix=manifest")).Status(200).JSON().Array().Iter() {
					o := row.Object().Raw()
					return o["slo_etag"] == `"`+tag+`"` && o["bytes"] == float64(len(content))
				}
				return false
			})
		}},
		{"slo-reader", "GET", "object", sloFeature, "who may read the manifest and not the segments gets none", func(e *Env) {
			e.Need("slo")
			seg := e.object("secret")
			p := e.putManifest(e.container(hdr("X-Container-Read", ".r:*")), "m", segment{Path: "/" + seg})
			e.do("GET", p, anonymous()).Status(409)
		}},
		{"slo-many-ranges", "GET", "object", sloFeature, "ranges in any order over borders come back in the order asked", func(e *Env) {
			p, _, _, _ := e.slo()
			r := e.do("GET", p, hdr("Range", "bytes=12-14,0-0,4-6")).Status(206)
			e.multipart(r.Raw().Header.Get("Content-Type"), r.Body().Raw(), "text/x-slo",
				[2]string{"bytes 12-14/15", "ccc"}, [2]string{"bytes 0-0/15", "a"}, [2]string{"bytes 4-6/15", "abb"})
		}},
		{"slo-nested-deep", "GET", "object", sloFeature, "manifests within manifests, five levels", func(e *Env) {
			e.Need("slo")
			c := e.container()
			p := e.put(c, "segment", "deep")
			for i := range 5 {
				p = e.putManifest(c, fmt.Sprintf("level-%d", i), segment{Path: "/" + p})
			}
			e.do("GET", p).Status(200).Body().IsEqual("deep")
		}},
		{"slo-etag-ranged", "HEAD", "object", sloFeature, "the etag takes ranges in: md5 of etag:range;", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := e.put(c, "segment", "0123456789")
			p := e.putManifest(c, "m", segment{Path: "/" + seg, Range: "2-4"})
			sameTag(e, e.do("HEAD", p).Raw().Header, etag(etag("0123456789")+":2-4;"))
		}},
		{"slo-early-end", "GET", "object", sloFeature, "a client that leaves in the middle does no harm", func(e *Env) {
			e.Need("slo")
			c := e.container()
			seg := segment{Path: "/" + e.put(c, "segment", strings.Repeat("x", 1<<20))}
			p := e.putManifest(c, "m", seg, seg, seg, seg)
			for range 3 {
				e.leave("GET", p)
			}
			e.do("GET", p, hdr("Range", "bytes=0-3")).Status(206).Body().IsEqual("xxxx")
		}},
	}
}
