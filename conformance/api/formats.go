package api

import (
	"encoding/xml"
	"strings"
)

// xmlList is a listing in XML.
type xmlList struct {
	XMLName xml.Name
	Name    string    `xml:"name,attr"`
	Rows    []xmlItem `xml:",any"`
}

type xmlItem struct {
	XMLName      xml.Name
	Attr         string `xml:"name,attr"`
	Name         string `xml:"name"`
	Hash         string `xml:"hash"`
	Bytes        string `xml:"bytes"`
	Count        string `xml:"count"`
	ContentType  string `xml:"content_type"`
	LastModified string `xml:"last_modified"`
}

// listXML reads a listing as XML.
func (e *Env) listXML(path, q string, opts ...option) xmlList {
	r := e.do("GET", path, append([]option{query(q)}, opts...)...).Status(200)
	text := r.Body().Raw()
	if !strings.HasPrefix(text, "<?xml version=") {
		e.Failf("the XML listing begins with %.40q", text)
	}
	var l xmlList
	if err := xml.Unmarshal([]byte(text), &l); err != nil {
		e.Failf("the XML listing does not parse: %v in %s", err, text)
	}
	return l
}

func formatCases() []Case { return append(negotiationCases(), formatRowCases()...) }

// negotiationCases ask for forms of a listing with one object "a".
func negotiationCases() []Case {
	const feature = "listing formats"
	accept := func(id, header, q, want string) Case {
		return Case{"format-" + id, "GET", "container", feature, "Accept: " + header + " with " + `"` + q + `"` + " gives " + want, func(e *Env) {
			c := e.fill("a")
			e.listed(c, "", "a")
			e.do("GET", c, query(q), hdr("Accept", header)).Status(200).Header("Content-Type").HasPrefix(want)
		}}
	}
	refused := func(id, header string, code int) Case {
		return Case{"format-" + id, "GET", "container", feature, "Accept: " + header + " is " + itoa(code), func(e *Env) {
			e.do("GET", e.container(), hdr("Accept", header)).Status(code)
		}}
	}
	return []Case{
		accept("any", "*/*", "", "text/plain"),
		accept("text", "text/plain", "", "text/plain"),
		accept("text-any", "text/*", "", "text/plain"),
		accept("json", "application/json", "", "application/json"),
		accept("application-any", "application/*", "", "application/json"),
		accept("xml", "application/xml", "", "application/xml"),
		accept("text-xml", "text/xml", "", "text/xml"),
		accept("quality", "text/plain;q=0.1, application/json;q=0.9", "", "application/json"),
		accept("quality-xml", "application/json;q=0.2, application/xml", "", "application/xml"),
		accept("unknown-and-any", "image/png, */*;q=0.5", "", "text/plain"),
		accept("parameter-wins", "application/xml", "format=json", "application/json"),
		accept("parameter-plain", "application/json", "format=plain", "text/plain"),
		accept("parameter-xml", "application/json", "format=xml", "application/xml"),
		accept("parameter-unknown", "application/json", "format=nonsense", "text/plain"),
		refused("nothing-acceptable", "image/png", 406),
		refused("malformed", "nonsense", 400),
		refused("malformed-quality", "text/plain;q=x", 400),
		{"format-vary", "GET", "container", feature, "listings vary by Accept", func(e *Env) {
			c := e.fill("a")
			e.listed(c, "", "a")
			e.do("GET", c).Status(200).Header("Vary").Contains("Accept")
		}},
		{"format-head", "HEAD", "container", feature, "HEAD with a format is 204 with its type", func(e *Env) {
			r := status(e.do("HEAD", e.container(), query("format=json")), 200, 204)
			r.Header("Content-Type").HasPrefix("application/json")
			r.Body().IsEmpty()
		}},
		{"format-length", "GET", "container", feature, "each form states its length", func(e *Env) {
			c := e.fill("a", "b")
			e.listed(c, "", "a", "b")
			for _, f := range []string{"plain", "json", "xml"} {
				r := e.do("GET", c, query("format="+f)).Status(200)
				r.Header("Content-Length").IsEqual(itoa(len(r.Body().Raw())))
			}
		}},
		{"format-charset", "GET", "container", feature, "each form states that it is UTF-8", func(e *Env) {
			c := e.fill("a")
			e.listed(c, "", "a")
			for _, f := range []string{"plain", "json", "xml"} {
				e.do("GET", c, query("format="+f)).Status(200).Header("Content-Type").HasSuffix("; charset=utf-8")
			}
		}},
	}
}

func formatRowCases() []Case {
	const feature = "listing formats"
	return []Case{
		{"format-xml-objects", "GET", "container", feature, "XML rows of objects have name, hash, bytes, content_type and last_modified", func(e *Env) {
			c := e.container()
			e.put(c, "a&<b>", "hello", hdr("Content-Type", "text/x-a"))
			e.listed(c, "", "a&<b>")
			l := e.listXML(c, "format=xml")
			if l.XMLName.Local != "container" || l.Name != c || len(l.Rows) != 1 {
				e.Failf("the listing is %+v, want one object in container %q", l, c)
			}
			if r := l.Rows[0]; r.XMLName.Local != "object" || r.Name != "a&<b>" || r.Bytes != "5" || r.Hash != etag("hello") || r.ContentType != "text/x-a" || r.LastModified == "" {
				e.Failf("the row is %+v", r)
			}
		}},
		{"format-xml-subdirs", "GET", "container", feature, "XML rows of subdirs have name as attribute and element", func(e *Env) {
			c := e.fill("a/1", "b")
			e.listed(c, "", "a/1", "b")
			l := e.listXML(c, "format=xml&delimiter=/")
			if len(l.Rows) != 2 || l.Rows[0].XMLName.Local != "subdir" || l.Rows[0].Attr != "a/" || l.Rows[0].Name != "a/" || l.Rows[1].Name != "b" {
				e.Failf("the rows are %+v, want subdir a/ and object b", l.Rows)
			}
		}},
		{"format-xml-empty", "GET", "container", feature, "an empty XML listing is 200 and an element without rows", func(e *Env) {
			c := e.container()
			if l := e.listXML(c, "format=xml"); l.Name != c || len(l.Rows) != 0 {
				e.Failf("the listing is %+v", l)
			}
		}},
		{"format-xml-containers", "GET", "account", feature, "XML rows of containers have name, count, bytes and last_modified", func(e *Env) {
			c := e.container()
			e.listed("", "prefix="+c, c)
			l := e.listXML("", "format=xml&prefix="+c)
			if l.XMLName.Local != "account" || l.Name != e.accountName() || len(l.Rows) != 1 {
				e.Failf("the listing is %+v, want one container in account %q", l, e.accountName())
			}
			if r := l.Rows[0]; r.XMLName.Local != "container" || r.Name != c || r.Count != "0" || r.Bytes != "0" || r.LastModified == "" {
				e.Failf("the row is %+v", r)
			}
		}},
		{"format-xml-account-empty", "GET", "account", feature, "an empty XML listing of an account is 200", func(e *Env) {
			e.container()
			if l := e.listXML("", "format=xml&prefix="+e.prefix+"-nothing"); len(l.Rows) != 0 {
				e.Failf("the rows are %+v, want none", l.Rows)
			}
		}},
		{"format-text-subdirs", "GET", "container", feature, "text listings show subdirs as lines", func(e *Env) {
			c := e.fill("a/1", "b")
			e.listed(c, "", "a/1", "b")
			e.do("GET", c, query("delimiter=/")).Status(200).Body().IsEqual("a/\nb\n")
		}},
		{"format-json-unicode", "GET", "container", feature, "names beyond ASCII are the same in each form", func(e *Env) {
			const name = "ž馬\U0001F40E"
			c := e.fill(name)
			e.listed(c, "", name)
			e.do("GET", c).Status(200).Body().IsEqual(name + "\n")
			if l := e.listXML(c, "format=xml"); l.Rows[0].Name != name {
				e.Failf("the XML row is %+v", l.Rows[0])
			}
		}},
		{"format-json-keys", "GET", "container", feature, "a JSON row of a plain object has no other keys", func(e *Env) {
			c := e.fill("a")
			e.listed(c, "", "a")
			row := e.do("GET", c, query("format=json")).Status(200).JSON().Array().Value(0).Object()
			row.Keys().ContainsOnly("name", "hash", "bytes", "content_type", "last_modified")
		}},
		{"format-json-subdir-keys", "GET", "container", feature, "a JSON row of a subdir has the key subdir alone", func(e *Env) {
			c := e.fill("a/1")
			e.listed(c, "", "a/1")
			e.do("GET", c, query("format=json&delimiter=/")).Status(200).JSON().Array().Value(0).Object().IsEqual(map[string]any{"subdir": "a/"})
		}},
	}
}

// listingMoreCases are parameters that the first table leaves out.
func listingMoreCases() []Case {
	const feature = "container listing"
	list := func(id, q, what string, names []string, want ...string) Case {
		return Case{"container-list-" + id, "GET", "container", feature, what, func(e *Env) {
			c := e.fill(names...)
			e.listed(c, "", names...)
			e.listed(c, q, want...)
		}}
	}
	dirs := []string{"a", "a/", "a/b", "a/b/c", "a/d", "b"}
	odd := []string{"a%", "a&", "a+", "a?", "aé"}
	return []Case{
		list("path-marker", "path=a", "path leaves the object out that marks the directory itself", dirs, "a/b", "a/d"),
		list("path-root", "path=", "an empty path lists what is in no directory, and what marks one", dirs, "a", "a/", "b"),
		list("path-slash", "path=a/", "path works with its slash", dirs, "a/b", "a/d"),
		list("path-deep", "path=a/b", "path reaches below", dirs, "a/b/c"),
		list("path-absent", "path=c", "path of nothing is empty", dirs),
		list("path-limit", "path=a&limit=1", "path with limit", dirs, "a/b"),
		list("delimiter-marker-object", "prefix=a/&delimiter=/", "an object that is named like the prefix is listed", dirs, "a/", "a/b", "a/b/", "a/d"),
		list("delimiter-letter", "delimiter=b", "any character delimits", []string{"abc", "abd", "b1", "xyz"}, "ab", "b", "xyz"),
		list("delimiter-end", "delimiter=/&end_marker=b", "end_marker bounds subdirs", dirs, "a", "a/"),
		list("delimiter-unicode", "delimiter=%E9%A6%AC", "a delimiter beyond ASCII", []string{"a馬1", "a馬2", "b"}, "a馬", "b"),
		list("delimiter-multi-prefix", "delimiter=--&prefix=a-", "a long delimiter that overlaps the prefix", []string{"a---1", "a--2", "a-3"}, "a---", "a--2", "a-3"),
		list("delimiter-multi-reverse", "delimiter=--&reverse=on", "a long delimiter in reverse", []string{"a--1", "a--2", "b", "c--3"}, "c--", "b", "a--"),
		list("delimiter-reverse-limit", "delimiter=/&reverse=on&limit=2", "reverse with delimiter and limit", []string{"a/1", "a/2", "b/1", "c"}, "c", "b/"),
		list("delimiter-reverse-marker", "delimiter=/&reverse=on&marker=b/", "a subdir as marker in reverse", []string{"a/1", "a/2", "b/1", "c"}, "a/"),
		list("prefix-all", "prefix=b/1", "a prefix may be a whole name", []string{"b/1", "b/10", "b/2"}, "b/1", "b/10"),
		list("prefix-marker", "prefix=b/&marker=a", "a marker before the prefix", []string{"a", "b/1", "b/2"}, "b/1", "b/2"),
		list("prefix-marker-after", "prefix=b/&marker=c", "a marker after the prefix leaves nothing", []string{"a", "b/1", "c"}),
		list("prefix-end-marker", "prefix=b/&end_marker=b/2", "end_marker within a prefix", []string{"b/1", "b/2", "b/3"}, "b/1"),
		list("prefix-reverse", "prefix=b/&reverse=true", "prefix in reverse", []string{"a", "b/1", "b/2", "c"}, "b/2", "b/1"),
		list("marker-beyond", "marker=zzz", "a marker beyond all names leaves nothing", []string{"a", "b"}),
		list("marker-reversed-bounds", "marker=c&end_marker=b", "bounds that cross leave nothing", []string{"a", "b", "c"}),
		list("end-marker-first", "end_marker=a", "an end_marker that is the first name leaves nothing", []string{"a", "b"}),
		list("odd-marker", "marker=a%2B", "markers are percent-decoded", odd, "a?", "aé"),
		list("odd-prefix", "prefix=a%C3%A9", "prefixes are percent-decoded", odd, "aé"),
		list("odd-plus", "prefix=a%26", "an ampersand in a prefix is encoded", odd, "a&"),
		list("order", "", "names are in byte order, capitals and digits first", []string{"0", "A", "Z", "_", "a", "é", "馬"}, "0", "A", "Z", "_", "a", "é", "馬"),
		list("reverse-words", "reverse=yes", "reverse is true as yes", []string{"a", "b"}, "b", "a"),
		list("reverse-false", "reverse=false", "reverse is false as false", []string{"a", "b"}, "a", "b"),
		list("reverse-bounds", "reverse=1&marker=d&end_marker=a", "both bounds in reverse", []string{"a", "b", "c", "d"}, "c", "b"),
		list("unknown-parameter", "colour=blue", "unknown parameters are ignored", []string{"a"}, "a"),
		list("limit-negative", "limit=-1", "a negative limit is ignored", []string{"a", "b"}, "a", "b"),
		list("limit-empty", "limit=", "an empty limit is ignored", []string{"a", "b"}, "a", "b"),
		{"container-list-limit-most", "GET", "container", feature, "the limit of /info is accepted, one more is 412", func(e *Env) {
			c := e.container()
			n := e.limit("container_listing_limit", 10000)
			e.do("GET", c, query("format=json&limit="+itoa(n))).Status(200)
			e.do("GET", c, query("format=json&limit="+itoa(n+1))).Status(412)
		}},
		{"container-list-bad-utf8", "GET", "container", feature, "a parameter that is not UTF-8 is 400 or 412", func(e *Env) {
			c := e.container()
			for _, p := range []string{"prefix", "marker", "delimiter", "end_marker"} {
				status(e.do("GET", c, query(p+"=%ff")), 400, 412)
			}
		}},
		{"container-list-headers", "GET", "container", feature, "a listing has the container's headers", func(e *Env) {
			c := e.container(hdr("X-Container-Meta-A", "b"))
			r := e.do("GET", c, query("format=json")).Status(200)
			r.Header("X-Container-Object-Count").IsEqual("0")
			r.Header("X-Container-Bytes-Used").IsEqual("0")
			r.Header("X-Container-Meta-A").IsEqual("b")
			r.Header("X-Storage-Policy").NotEmpty()
			r.Header("Last-Modified").AsDateTime()
		}},
		{"container-list-type-parameters", "GET", "container", feature, "parameters of a type are listed", func(e *Env) {
			c := e.container()
			e.put(c, "a", "x", hdr("Content-Type", "text/plain; charset=latin-1"))
			e.listed(c, "", "a")
			row := decodeListing(e.do("GET", c, query("format=json")).Raw())[0]
			if strings.ReplaceAll(row.ContentType, " ", "") != "text/plain;charset=latin-1" {
				e.Failf("the type is listed as %q", row.ContentType)
			}
		}},
		{"container-list-date", "GET", "container", feature, "last_modified is the object's time to the microsecond", func(e *Env) {
			c := e.container()
			p := e.put(c, "a", "x")
			e.listed(c, "", "a")
			row := decodeListing(e.do("GET", c, query("format=json")).Raw())[0]
			seconds, _, _ := strings.Cut(e.do("HEAD", p).Header("X-Timestamp").Raw(), ".")
			want := unix(seconds).Format("2006-01-02T15:04:05")
			if !strings.HasPrefix(row.LastModified, want) {
				e.Failf("last_modified is %q, and X-Timestamp says %q", row.LastModified, want)
			}
		}},
	}
}
