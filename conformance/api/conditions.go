package api

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
)

const longAgo = "Mon, 01 Jan 2001 00:00:00 GMT"

// farFuture is tomorrow by the endpoint's clock, which need not be ours.
func (e *Env) farFuture() string {
	return e.now().Add(24 * time.Hour).UTC().Format(http.TimeFormat)
}

func conditionCases() []Case {
	type conditions map[string]func(*Env) string
	fixed := func(s string) func(*Env) string { return func(*Env) string { return s } }
	tag := fixed(etag("hello"))
	table := []struct {
		id, want string
		headers  conditions
		status   int
	}{
		{"if-match", "a matching If-Match passes", conditions{"If-Match": tag}, 200},
		{"if-match-quoted", "a matching If-Match in quotes passes", conditions{"If-Match": fixed(`"` + etag("hello") + `"`)}, 200},
		{"if-match-star", "If-Match: * passes for an object that exists", conditions{"If-Match": fixed("*")}, 200},
		{"if-match-list", "one match in a list of If-Match passes", conditions{"If-Match": fixed(`"x", "` + etag("hello") + `"`)}, 200},
		{"if-match-fails", "an If-Match without match is 412", conditions{"If-Match": fixed("other")}, 412},
		{"if-none-match", "a matching If-None-Match is 304", conditions{"If-None-Match": tag}, 304},
		{"if-none-match-star", "If-None-Match: * is 304 for an object that exists", conditions{"If-None-Match": fixed("*")}, 304},
		{"if-none-match-other", "an If-None-Match without match passes", conditions{"If-None-Match": fixed("other")}, 200},
		{"if-modified-since-old", "modified since long ago passes", conditions{"If-Modified-Since": fixed(longAgo)}, 200},
		{"if-modified-since-future", "not modified since the future is 304", conditions{"If-Modified-Since": (*Env).farFuture}, 304},
		{"if-modified-since-nonsense", "an If-Modified-Since that is no date is ignored", conditions{"If-Modified-Since": fixed("yesterday")}, 200},
		{"if-unmodified-since-old", "unmodified since long ago is 412", conditions{"If-Unmodified-Since": fixed(longAgo)}, 412},
		{"if-unmodified-since-future", "unmodified since the future passes", conditions{"If-Unmodified-Since": (*Env).farFuture}, 200},
		{"if-unmodified-since-nonsense", "an If-Unmodified-Since that is no date is ignored", conditions{"If-Unmodified-Since": fixed("tomorrow")}, 200},
		{"both-match", "If-None-Match decides before If-Match", conditions{"If-None-Match": tag, "If-Match": fixed("other")}, 304},
		{"match-and-unmodified", "If-Match passes and If-Unmodified-Since fails: 412", conditions{"If-Match": tag, "If-Unmodified-Since": fixed(longAgo)}, 412},
	}
	var cases []Case
	for _, c := range table {
		for _, verb := range []string{"GET", "HEAD"} {
			cases = append(cases, Case{
				"condition-" + strings.ToLower(verb) + "-" + c.id, verb, "object", "conditional requests", c.want,
				func(e *Env) {
					p := e.object("hello")
					var opts []option
					for k, v := range c.headers {
						opts = append(opts, hdr(k, v(e)))
					}
					r := e.do(verb, p, opts...).Status(c.status)
					switch {
					case c.status == 200 && verb == "GET":
						r.Body().IsEqual("hello")
					case c.status != 200:
						if c.status == 304 {
							r.Body().IsEmpty()
						}
						trimmedEtag(e, r.Raw().Header, "hello")
					}
				},
			})
		}
	}
	return append(cases,
		Case{"condition-last-modified", "GET", "object", "conditional requests", "the object's own Last-Modified is not modified since, and unmodified since", func(e *Env) {
			p := e.object("hello")
			date := e.do("HEAD", p).Header("Last-Modified").Raw()
			e.do("GET", p, hdr("If-Modified-Since", date)).Status(http.StatusNotModified)
			e.do("GET", p, hdr("If-Unmodified-Since", date)).Status(http.StatusOK)
		}},
		Case{"condition-range-304", "GET", "object", "conditional requests", "a condition that fails wins over a Range", func(e *Env) {
			e.do("GET", e.object("hello"), hdr("Range", "bytes=0-1"), hdr("If-None-Match", etag("hello"))).Status(http.StatusNotModified)
		}},
		Case{"condition-absent", "GET", "object", "conditional requests", "If-Match on an absent object is 404 or 412", func(e *Env) {
			e.do("GET", e.container()+"/o", hdr("If-Match", "*")).StatusList(http.StatusNotFound, http.StatusPreconditionFailed)
		}},
	)
}

const rangeContent = "0123456789abcdefghij"

func rangeCases() []Case {
	one := func(id, header, what, want, contentRange string) Case {
		return Case{"range-" + id, "GET", "object", "ranges", what, func(e *Env) {
			r := e.do("GET", e.object(rangeContent), hdr("Range", header)).Status(http.StatusPartialContent)
			r.Body().IsEqual(want)
			r.Header("Content-Range").IsEqual(contentRange)
			trimmedEtag(e, r.Raw().Header, rangeContent)
		}}
	}
	ignored := func(id, header string) Case {
		return Case{"range-ignored-" + id, "GET", "object", "ranges", "Range: " + header + " is ignored: 200 and everything", func(e *Env) {
			e.do("GET", e.object(rangeContent), hdr("Range", header)).Status(http.StatusOK).Body().IsEqual(rangeContent)
		}}
	}
	refused := func(id, header string) Case {
		return Case{"range-refused-" + id, "GET", "object", "ranges", "Range: " + header + " is 416", func(e *Env) {
			r := e.do("GET", e.object(rangeContent), hdr("Range", header)).Status(http.StatusRequestedRangeNotSatisfiable)
			r.Header("Content-Range").IsEqual("bytes */20")
		}}
	}
	return []Case{
		one("first", "bytes=0-3", "first bytes", "0123", "bytes 0-3/20"),
		one("middle", "bytes=5-9", "bytes from the middle", "56789", "bytes 5-9/20"),
		one("single", "bytes=7-7", "one byte", "7", "bytes 7-7/20"),
		one("open", "bytes=15-", "from a byte to the end", "fghij", "bytes 15-19/20"),
		one("suffix", "bytes=-4", "the last bytes", "ghij", "bytes 16-19/20"),
		one("beyond", "bytes=18-500", "an end beyond the object is cut", "ij", "bytes 18-19/20"),
		one("suffix-beyond", "bytes=-500", "a suffix longer than the object is all of it", rangeContent, "bytes 0-19/20"),
		one("mixed-unsatisfiable", "bytes=2-3,100-200", "one range that fits is enough", "23", "bytes 2-3/20"),
		ignored("unit", "lines=0-3"), ignored("syntax", "bytes=abc"), ignored("reversed", "bytes=9-5"), ignored("empty", "bytes="),
		refused("start", "bytes=20-30"), refused("open", "bytes=100-"), refused("suffix-zero", "bytes=-0"),
		{"range-head", "HEAD", "object", "ranges", "HEAD with a Range has no body", func(e *Env) {
			e.do("HEAD", e.object(rangeContent), hdr("Range", "bytes=0-3")).StatusList(http.StatusOK, http.StatusPartialContent).Body().IsEmpty()
		}},
		{"range-empty-object-suffix", "GET", "object", "ranges", "a suffix of an empty object is 200", func(e *Env) {
			e.do("GET", e.object(""), hdr("Range", "bytes=-5")).Status(http.StatusOK).Body().IsEmpty()
		}},
		{"range-multi", "GET", "object", "ranges", "several ranges are multipart/byteranges", func(e *Env) {
			p := e.object(rangeContent, hdr("Content-Type", "text/x-conform"))
			r := e.do("GET", p, hdr("Range", "bytes=0-1,5-6,-2")).Status(http.StatusPartialContent)
			e.multipart(r.Raw().Header.Get("Content-Type"), r.Body().Raw(), "text/x-conform",
				[2]string{"bytes 0-1/20", "01"}, [2]string{"bytes 5-6/20", "56"}, [2]string{"bytes 18-19/20", "ij"})
		}},
		{"range-multi-length", "GET", "object", "ranges", "a multipart answer states its length", func(e *Env) {
			r := e.do("GET", e.object(rangeContent), hdr("Range", "bytes=0-1,5-6")).Status(http.StatusPartialContent)
			r.Header("Content-Length").AsNumber().IsEqual(len(r.Body().Raw()))
		}},
		{"range-too-many", "GET", "object", "ranges", "more than 50 ranges are not served", func(e *Env) {
			header := "bytes=0-0" + strings.Repeat(",0-0", 60)
			e.do("GET", e.object(rangeContent), hdr("Range", header)).Status(http.StatusRequestedRangeNotSatisfiable)
		}},
		{"range-if-match", "GET", "object", "ranges", "a Range with a matching If-Match is 206", func(e *Env) {
			e.do("GET", e.object(rangeContent), hdr("Range", "bytes=0-3"), hdr("If-Match", etag(rangeContent))).
				Status(http.StatusPartialContent).Body().IsEqual("0123")
		}},
	}
}

// multipart checks a multipart/byteranges answer part by part.
func (e *Env) multipart(contentType, text, partType string, want ...[2]string) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/byteranges" {
		e.Failf("Content-Type is %q, want multipart/byteranges", contentType)
	}
	parts := multipart.NewReader(strings.NewReader(text), params["boundary"])
	for i, w := range want {
		part, err := parts.NextPart()
		if err != nil {
			e.Failf("part %d: %v in %q", i, err, text)
		}
		content, err := io.ReadAll(part)
		if err != nil || string(content) != w[1] || part.Header.Get("Content-Range") != w[0] ||
			!strings.HasPrefix(part.Header.Get("Content-Type"), partType) {
			e.Failf("part %d is %q with %v (%v), want %q with Content-Range %q", i, content, part.Header, err, w[1], w[0])
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		e.Failf("there are more than %d parts", len(want))
	}
}
