package diff

import (
	"fmt"
	"strings"
)

// startSegments makes what large objects are made of.
func startSegments(g *gen) []Request {
	out := []Request{put("/v1/{acct}/{c0}/{p}s/1", "hello"), put("/v1/{acct}/{c0}/{p}s/2", " world")}
	if g.one(3) {
		out = append(out, put("/v1/{acct}/{c0}/{p}s/3", ""))
	}
	return out
}

// segment is one row of a manifest.
func (g *gen) segment() string {
	name, etag, size := "{p}s/1", "5d41402abc4b2a76b9719d911017c592", "5"
	if g.one(2) {
		name, etag, size = "{p}s/2", "eb7a03c377c28da97ae97884582e6bd0", "6"
	}
	if g.one(10) {
		name, etag, size = pick(g, "{p}s/3", "{p}none", "{p}o", "", "{p}slo"), "null", "null"
	}
	if g.one(12) {
		etag, size = pick(g, "bad", etag, "0"), pick(g, "7", size, "0", "-1", `"x"`, "1.5")
	}
	fields := []string{fmt.Sprintf(`"path": "/{c0}/%s"`, name)}
	if g.one(12) {
		fields[0] = pick(g, `"path": "{c0}/`+name+`"`, `"path": "/{c1}/x"`, `"path": 5`, `"path": ""`, `"path": "/{c0}"`, `"name": "/{c0}/x"`, `"path": "/{c0}/`+name+`", "x": 1`, `"path": "/{c0}/\u00fc x"`)
	}
	if !g.one(4) {
		if etag != "null" {
			etag = `"` + etag + `"`
		}
		fields = append(fields, `"etag": `+etag)
	}
	if !g.one(4) {
		fields = append(fields, `"size_bytes": `+size)
	}
	if g.one(5) {
		fields = append(fields, `"range": `+pick(g, `"0-1"`, `"1-"`, `"-2"`, `"100-"`, `"x"`, `"0-0,2-2"`, "5", "null", `"0-100"`, `"3-1"`, `""`, `"0-"`))
	}
	if g.one(40) {
		fields = append(fields, `"hash": "x"`)
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func (g *gen) manifest() string {
	if g.one(12) {
		return pick(g, "", "[]", "{}", "null", "[", "[[]]", `["a"]`, `[null]`, `[{"data": "YWJj"}]`, `"x"`, "5", "[{}]", "\xff")
	}
	var rows []string
	for range 1 + g.index(3) {
		if g.one(8) {
			rows = append(rows, pick(g, `{"data": "YWJj"}`, `{"data": "YWJj"}`, `{"data": "!"}`, `{"data": ""}`, `{"data": 5}`, `{"data": "YWJj", "path": "/{c0}/x"}`, `{"data": "YWJj", "size_bytes": 3}`))
			continue
		}
		rows = append(rows, g.segment())
	}
	return "[" + strings.Join(rows, ", ") + "]"
}

func sloPut(g *gen) Request {
	r := put("/v1/{acct}/{c0}/{p}"+pick(g, "slo", "slo", "slo", "o"), g.manifest(), g.some(2, objectMetadata())...)
	r.Target += "?multipart-manifest=put"
	r.User = g.user()
	if g.one(6) {
		r.Target += pick(g, "&heartbeat=on", "&heartbeat=on", "&format=json", "&heartbeat=x", "&multipart-manifest=get")
	}
	if g.one(5) {
		r.Header = append(r.Header, g.some(1, []Header{{"Etag", "bad"}, {"Etag", "a1b2"}, {"Accept", "application/json"}, {"Accept", "application/xml"}, {"Accept", "text/plain"},
			{"Accept", "bad"}, {"If-None-Match", "*"}, {"Expect", "100-continue"}, {"X-Symlink-Target", "{c0}/{p}o"}, {"X-Object-Manifest", "{c0}/{p}s"}})...)
	}
	r.Chunked = g.one(5)
	r.Feature = "slo"
	return r
}

func sloGet(g *gen) Request {
	r := Request{Method: pick(g, "GET", "GET", "HEAD"), Target: "/v1/{acct}/{c0}/{p}" + pick(g, "slo", "slo", "slo", "o"), User: g.user(), Header: g.some(2, readConditions())}
	if g.one(2) {
		r.Target += g.query(2, []string{"multipart-manifest=get", "multipart-manifest=get", "format=raw", "part-number=1", "part-number=2", "part-number=0", "part-number=x", "part-number=9", "multipart-manifest=x", "format=json"})
	}
	r.Feature = "slo"
	return r
}

func sloDelete(g *gen) Request {
	r := Request{Method: "DELETE", Target: "/v1/{acct}/{c0}/{p}" + pick(g, "slo", "slo", "slo", "s/1", "o"), User: g.user()}
	if !g.one(4) {
		r.Target += "?multipart-manifest=delete" + pick(g, "", "", "", "&async=yes", "&async=off", "&format=json")
	}
	if g.one(3) {
		r.Header = []Header{pick(g, Header{"Accept", "application/json"}, Header{"Accept", "application/xml"}, Header{"Accept", "text/xml"}, Header{"Accept", "text/plain"}, Header{"Accept", "a;b"})}
	}
	r.Feature = "slo"
	return r
}

func dloPut(g *gen) Request {
	r := put("/v1/{acct}/{c0}/{p}"+pick(g, "dlo", "dlo", "dlo", "o"), pick(g, "", "", "body"), g.some(2, objectMetadata())...)
	r.User = g.user()
	r.Header = append(r.Header, Header{"X-Object-Manifest", pick(g, "{c0}/{p}s", "{c0}/{p}s/", "{c0}/{p}s/2", "{c1}/x", "{c0}/{p}none", "/{c0}/{p}s", "{c0}", "{c0}/", "", "x/y/z?", "{c0}/{p}s%2F", "{c0}/a&b")})
	if g.one(6) {
		r.Method = "POST"
	}
	return r
}

func dloGet(g *gen) Request {
	r := Request{Method: pick(g, "GET", "GET", "HEAD"), Target: "/v1/{acct}/{c0}/{p}dlo", User: g.user(), Header: g.some(2, readConditions())}
	if g.one(4) {
		r.Target += g.query(1, []string{"multipart-manifest=get", "format=raw", "multipart-manifest=x", "part-number=1"})
	}
	return r
}

func symlinkPut(g *gen) Request {
	r := put("/v1/{acct}/{c0}/{p}"+pick(g, "l", "l", "l", "m", "o"), pick(g, "", "", "", "", "body"), g.some(2, objectMetadata())...)
	r.User = g.user()
	r.Header = append(r.Header, Header{"X-Symlink-Target", pick(g, "{c0}/{p}o", "{c0}/{p}o", "{c0}/{p}o", "{c0}/{p}l", "{c0}/{p}m", "{c1}/x", "{c0}/{p}none",
		"/{c0}/{p}o", "{c0}", "", "{c0}/", "x", "{c0}/{p}d/a", "{c0}/%C3%BC", "{c0}/a?b")})
	if g.one(3) {
		r.Header = append(r.Header, Header{"X-Symlink-Target-Etag", pick(g, "5eb63bbbe01eeed093cb22bb8f5acdc3", "5eb63bbbe01eeed093cb22bb8f5acdc3", `"5eb63bbbe01eeed093cb22bb8f5acdc3"`, "bad", "", "{etag}")})
	}
	if g.one(8) {
		r.Header = append(r.Header, Header{"X-Symlink-Target-Account", pick(g, "{acct}", "AUTH_test2", "", "a/b", "AUTH_nobody")})
	}
	if g.one(10) {
		r.Header = append(r.Header, g.some(1, writeConditions())...)
	}
	if g.one(10) {
		r.Method = "POST"
	}
	r.Feature = "symlink"
	return r
}

func symlinkGet(g *gen) Request {
	r := Request{Method: pick(g, "GET", "GET", "HEAD", "DELETE"), Target: "/v1/{acct}/{c0}/{p}" + pick(g, "l", "l", "l", "m", "o"), User: g.user(), Header: g.some(2, readConditions())}
	if g.one(2) {
		r.Target += pick(g, "?symlink=get", "?symlink=get", "?symlink=x", "?multipart-manifest=get", "?symlink=get&format=raw", "?symlink")
	}
	r.Feature = "symlink"
	return r
}

func startVersions(g *gen) []Request {
	return []Request{put("/v1/{acct}/{c0}", "", Header{"X-Versions-Enabled", "true"}), put("/v1/{acct}/{c0}/{p}o", "hello world")}
}

func versionGet(g *gen) Request {
	r := Request{Method: pick(g, "GET", "GET", "HEAD"), Target: "/v1/{acct}/{c0}/o?version-id=" + g.version(), User: g.user(), Header: g.some(1, readConditions())}
	if g.one(6) {
		r.Target += pick(g, "&symlink=get", "&multipart-manifest=get", "&versions")
	}
	return r
}

func (g *gen) version() string {
	return pick(g, "{version}", "{version}", "{version1}", "{version1}", "null", "null", "bad", "", "1234567890.12345", "{version}_0000000000000001")
}

func versionDelete(g *gen) Request {
	return Request{Method: "DELETE", Target: "/v1/{acct}/{c0}/o?version-id=" + g.version() + pick(g, "", "", "", "&multipart-manifest=delete"), User: g.user()}
}

func versionPut(g *gen) Request {
	return Request{Method: pick(g, "PUT", "PUT", "POST", "COPY"), Target: "/v1/{acct}/{c0}/o?version-id=" + g.version(), User: g.user(),
		Header: g.some(2, []Header{{"Destination", "{c0}/p"}, {"X-Object-Meta-Color", "x"}})}
}

func versionsListing(g *gen) Request {
	r := Request{Method: pick(g, "GET", "GET", "GET", "HEAD"), Target: "/v1/{acct}/{c0}" + "?versions" + pick(g, "", "=true"), User: g.user()}
	for range g.index(3) {
		r.Target += "&" + pick(g, append(listingParameters(), "version_marker={version}", "version_marker={version}", "version_marker=bad", "version_marker=null", "marker=o")...)
	}
	return r
}

func versionsSet(g *gen) Request {
	h := pick(g, Header{"X-Versions-Enabled", "false"}, Header{"X-Versions-Enabled", "true"}, Header{"X-Versions-Enabled", "x"}, Header{"X-Versions-Enabled", ""},
		Header{"X-Versions-Location", "{c1}"}, Header{"X-History-Location", "{c1}"}, Header{"X-Versions-Location", ""}, Header{"X-Remove-Versions-Location", "x"},
		Header{"X-Versions-Location", "{c1}/x"}, Header{"X-Versions-Mode", "stack"}, Header{"X-Remove-History-Location", "x"}, Header{"X-Versions-Location", "%ff"})
	r := post("/v1/{acct}/{c0}", h)
	r.Method = pick(g, "POST", "POST", "PUT")
	return r
}

func startOldVersions(g *gen) []Request {
	name := pick(g, "X-Versions-Location", "X-History-Location")
	return []Request{put("/v1/{acct}/{c1}", ""), put("/v1/{acct}/{c0}", "", Header{name, "{c1}"}), put("/v1/{acct}/{c0}/o", "hello world")}
}
