package diff

import "strings"

func containerMetadata() []Header {
	long := strings.Repeat("v", 256)
	return []Header{
		{"X-Container-Meta-Color", "blue"}, {"X-Container-Meta-Color", ""}, {"X-Container-Meta-Size", "Big One"}, {"X-Remove-Container-Meta-Color", "x"},
		{"X-Container-Meta-\xc3\xbc", "\xc3\xa4"}, {"X-Container-Meta-\xe2\x82\xac", "x"}, {"X-Container-Meta-", "x"}, {"X-Container-Meta-Long", long}, {"X-Container-Meta-Long", long + "v"},
		{"X-Container-Meta-" + strings.Repeat("n", 129), "x"}, {"x-container-meta-a_b", "x"},
		{"X-Container-Read", ".r:*"}, {"X-Container-Read", ".r:*,.rlistings"}, {"X-Container-Read", ".r:-example.com,.r:*"}, {"X-Container-Read", "test2"}, {"X-Container-Read", ""},
		{"X-Container-Read", ".r:"}, {"X-Container-Read", ".x:y"}, {"X-Container-Read", "test:tester3 , test2:*"}, {"X-Container-Write", "test2:tester2"}, {"X-Container-Write", ".r:*"},
		{"X-Container-Write", "*:*"}, {"X-Container-Write", ""}, {"X-Remove-Container-Read", "x"}, {"X-Container-Read", ".referrer:*"}, {"X-Container-Read", ", ,"},
		{"X-Storage-Policy", "gold"}, {"X-Storage-Policy", "silver"}, {"X-Storage-Policy", "SILVER"}, {"X-Storage-Policy", "none"}, {"X-Storage-Policy", ""},
		{"X-Container-Sync-To", "http://127.0.0.1/v1/a/c"}, {"X-Container-Sync-To", "//none/x/a/c"}, {"X-Container-Sync-To", "bad"}, {"X-Container-Sync-Key", "k"}, {"X-Container-Sync-To", ""},
		{"X-Versions-Location", "{c1}"}, {"X-History-Location", "{c1}"}, {"X-Versions-Enabled", "true"}, {"X-Versions-Enabled", "false"}, {"X-Versions-Enabled", "maybe"},
		{"X-Container-Meta-Quota-Bytes", "20"}, {"X-Container-Meta-Quota-Bytes", "x"}, {"X-Container-Meta-Quota-Count", "1"}, {"X-Container-Meta-Quota-Count", "-1"},
		{"X-Container-Meta-Web-Index", "index.html"}, {"X-Container-Meta-Temp-Url-Key", "key"}, {"X-Container-Meta-Access-Control-Allow-Origin", "*"},
		{"X-Container-Rfc-Compliant-Etags", "true"}, {"X-Container-Rfc-Compliant-Etags", "x"}, {"X-Container-Rfc-Compliant-Etags", ""}, {"X-Container-Sysmeta-A", "x"}, {"X-Timestamp", "5"},
		{"X-Container-Object-Count", "7"}, {"Content-Type", "x/y"}, {"X-Newest", "true"}, {"Content-Length", "5"}, {"If-None-Match", "*"}, {"X-Container-Sharding", "on"},
		{"X-Backend-Storage-Policy-Index", "1"}, {"Expect", "100-continue"},
	}
}

func containerPut(g *gen) Request {
	r := put(g.containerPath(), "", g.some(3, containerMetadata())...)
	r.User = g.user()
	if r.Get("Content-Length") != "" {
		r.Body = "hello"
	}
	if g.one(10) {
		r.Target += pick(g, "/", "?x=y", "?extract-archive=x", "//")
	}
	return r
}

func containerPost(g *gen) Request {
	r := containerPut(g)
	r.Method = "POST"
	return r
}

func containerHead(g *gen) Request {
	return Request{Method: "HEAD", Target: g.containerPath() + pick(g, "", "", "", "/", "?format=json", "?format=xml", "?limit=1"), User: g.user(),
		Header: g.some(2, []Header{{"X-Newest", "true"}, {"Accept", "application/json"}, {"Accept", "text/xml"}, {"Accept", "x"}, {"Origin", "http://example.com"}})}
}

func containerDelete(g *gen) Request {
	return Request{Method: "DELETE", Target: g.containerPath() + pick(g, "", "", "", "/", "?x=y", "?bulk-delete"), User: g.user()}
}

func startListing(g *gen) []Request {
	out := []Request{put("/v1/{acct}/{c0}", "")}
	for _, name := range []string{"a", "b/1", "b/2", "%C3%BC", "b/", "b/c/d", "z%20z", "b-", "o", "%3Cx%26"} {
		if g.one(3) {
			out = append(out, put("/v1/{acct}/{c0}/"+name, pick(g, "", "a", "hello"), g.some(1, []Header{{"Content-Type", "application/directory"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Type", "a/b;swift_bytes=9"}})...))
		}
	}
	return out
}

func listingParameters() []string {
	return []string{"format=json", "format=json", "format=xml", "format=plain", "format=x", "format=", "prefix=b", "prefix=b/", "prefix=%C3%BC", "prefix=none", "prefix=",
		"delimiter=/", "delimiter=/", "delimiter=-", "delimiter=b", "delimiter=", "delimiter=/1", "delimiter=%C3%BC", "marker=b", "marker=b/1", "marker=zz", "marker=", "marker=%00",
		"end_marker=b/2", "end_marker=a", "end_marker=", "limit=1", "limit=2", "limit=0", "limit=-1", "limit=x", "limit=10000", "limit=10001", "limit=", "limit=1.5", "limit=%2B3", "reverse=true", "reverse=on", "reverse=x",
		"path=", "path=b", "path=b/", "path=/", "path=%C3%BC", "marker=%ff", "prefix=%ff", "delimiter=%ff", "end_marker=%ff", "format=application/json", "states=shard", "x=y", "versions=x", "symlink=get"}
}

func listing(g *gen) Request {
	r := Request{Method: pick(g, "GET", "GET", "GET", "GET", "HEAD"), Target: g.containerPath() + g.query(4, listingParameters()), User: g.user(), Feature: "listing"}
	if g.one(3) {
		r.Header = g.some(2, acceptHeaders())
	}
	return r
}

func acceptHeaders() []Header {
	return []Header{{"Accept", "application/json"}, {"Accept", "application/xml"}, {"Accept", "text/xml"}, {"Accept", "text/plain"}, {"Accept", "*/*"}, {"Accept", "application/*"},
		{"Accept", "text/*;q=0.5, application/json"}, {"Accept", "image/png"}, {"Accept", "bad"}, {"Accept", ""}, {"Accept", "text/plain;q=0, application/json;q=0.1"}, {"Accept", "application/json;q=x"},
		{"Accept", "text/xml, text/plain"}, {"X-Newest", "true"}, {"Range", "bytes=0-3"}, {"If-Modified-Since", "Thu, 01 Jan 2037 00:00:00 GMT"}, {"If-None-Match", "*"}, {"X-Backend-Record-Type", "shard"}}
}

func startAccount(g *gen) []Request {
	out := []Request{{Method: "PUT", Target: "/v1/{acct}", User: Admin}}
	for _, c := range []string{"{c0}", "{c1}", "{c2}"} {
		if g.one(2) {
			r := put("/v1/{acct}/"+c, "")
			r.User = Admin
			out = append(out, r)
		}
	}
	return out
}

// asAdmin is who may use accounts that nobody owns.
func (g *gen) asAdmin() string {
	if g.one(8) {
		return g.user()
	}
	return Admin
}

func accountMetadata() []Header {
	return []Header{
		{"X-Account-Meta-Color", "blue"}, {"X-Account-Meta-Color", ""}, {"X-Account-Meta-Size", "Big One"}, {"X-Remove-Account-Meta-Color", "x"}, {"X-Account-Meta-\xc3\xbc", "\xc3\xa4"}, {"X-Account-Meta-\xe2\x82\xac", "x"},
		{"X-Account-Meta-", "x"}, {"X-Account-Meta-Long", strings.Repeat("v", 257)}, {"X-Account-Meta-Temp-Url-Key", "key"}, {"X-Account-Meta-Temp-Url-Key-2", "key"},
		{"X-Account-Meta-Quota-Bytes", "20"}, {"X-Account-Meta-Quota-Bytes", "x"}, {"X-Account-Access-Control", `{"read-only": ["test:tester3"]}`}, {"X-Account-Access-Control", "bad"},
		{"X-Account-Access-Control", `{"admin": ["test2:tester2"], "x": []}`}, {"X-Account-Sysmeta-A", "x"}, {"X-Timestamp", "5"}, {"X-Account-Object-Count", "7"}, {"Content-Length", "0"},
		{"X-Account-Rfc-Compliant-Etags", "true"}, {"X-Account-Quota-Bytes-Policy-Gold", "10"}, {"X-Account-Meta-Quota-Count", "5"}, {"X-Account-Quota-Bytes-Policy-none", "10"},
	}
}

func accountPost(g *gen) Request {
	r := post("/v1/{acct}"+pick(g, "", "", "", "/", "?x=y"), g.some(3, accountMetadata())...)
	r.Method, r.User = pick(g, "POST", "POST", "POST", "PUT"), g.asAdmin()
	return r
}

func accountGet(g *gen) Request {
	r := Request{Method: "GET", Target: "/v1/{acct}" + g.query(3, append(listingParameters(), "prefix={c0}", "marker={c0}", "end_marker={c1}", "prefix=d", "delimiter=-")), User: g.asAdmin()}
	if g.one(3) {
		r.Header = g.some(2, acceptHeaders())
	}
	return r
}

func accountHead(g *gen) Request {
	r := accountGet(g)
	r.Method = "HEAD"
	return r
}

func accountDelete(g *gen) Request {
	return Request{Method: "DELETE", Target: "/v1/{acct}" + pick(g, "", "", "/", "?x=y", "?bulk-delete"), User: g.asAdmin()}
}

func accountACL(g *gen) Request {
	acl := pick(g, `{"read-only": ["test:tester3"]}`, `{"read-write": ["test:tester3"]}`, `{"admin": ["test:tester3"]}`, `{"admin": ["test2:tester2"], "read-only": ["test:tester3"]}`, `{"read-only": ["test2"]}`,
		`{"read-only": ["*"]}`, `{"other": ["test"]}`, `{"admin": "test2"}`, `{}`, `[]`, ``, `{"read-write": []}`, `{"admin": ["\u00fc"]}`, `{"read-only":["test:tester"],"read-write":["test2:tester2"]}`, `{"admin": [5]}`, `{"admin": null}`)
	r := post("/v1/{acct}", Header{"X-Account-Access-Control", acl})
	r.User = Admin
	if g.one(6) {
		r.User = g.user()
	}
	return r
}

// asOther is any simple request by somebody who is not the owner.
func asOther(g *gen) Request {
	r := pick(g, objectPut, objectGet, objectGet, objectPost, objectDelete, listing, listing, containerHead, containerPost, objectCopy, containerDelete, bulkUpload, accountGet, accountHead)(g)
	r.User = pick(g, Guest, Guest, Stranger, Stranger, Nobody, Owner, Forger)
	r.Feature = "acl"
	if g.one(4) {
		r.Header = append(r.Header, Header{"Referer", pick(g, "http://www.example.com/x", "http://example.com", "http://other.org/", "example.com", "")})
	}
	return r
}

func containerACL(g *gen) Request {
	read := pick(g, ".r:*", ".r:*,.rlistings", ".rlistings", ".r:.example.com", ".r:*,.r:-.example.com", ".r:www.example.com,.rlistings", "test:tester3", "test2", "test2:tester2", "*:tester2", "test:*", "*:*",
		"AUTH_test2:tester2", "test2:*,.rlistings", " test:tester3 ,", "", ".r:-x", "test%3Atester3", ".ref:*", ".REFERRER:*", ".r: *", ".rlistings:x")
	write := pick(g, "", "", "test:tester3", "test2", "test2:tester2", "*:*", ".r:*", "test:*", "test3", ".rlistings")
	r := post("/v1/{acct}/{c0}", Header{"X-Container-Read", read}, Header{"X-Container-Write", write})
	if g.one(4) {
		r.Header = r.Header[:1]
	}
	return r
}

func startACL(g *gen) []Request {
	acl := containerACL(g)
	acl.Method = "PUT"
	return []Request{acl, put("/v1/{acct}/{c0}/o", "hello world")}
}

func startQuota(g *gen) []Request {
	return []Request{put("/v1/{acct}/{c0}", "", pick(g, Header{"X-Container-Meta-Quota-Bytes", "20"}, Header{"X-Container-Meta-Quota-Bytes", "5"}, Header{"X-Container-Meta-Quota-Count", "1"}, Header{"X-Container-Meta-Quota-Count", "0"}, Header{"X-Container-Meta-Quota-Bytes", "0"})),
		put("/v1/{acct}/{c0}/o", "hello world")}
}

func quotaSet(g *gen) Request {
	return post("/v1/{acct}/{c0}", Header{pick(g, "X-Container-Meta-Quota-Bytes", "X-Container-Meta-Quota-Count"), pick(g, "1", "100", "x", "-1", "", "1.5", " 5 ", "99999999999999999999")})
}

func accountQuota(g *gen) Request {
	name := pick(g, "X-Account-Meta-Quota-Bytes", "X-Account-Meta-Quota-Bytes", "X-Account-Quota-Bytes-Policy-Gold", "X-Account-Meta-Quota-Count", "X-Account-Quota-Count-Policy-Gold", "X-Remove-Account-Meta-Quota-Bytes", "X-Account-Quota-Bytes-Policy-None")
	r := post("/v1/{acct}", Header{name, pick(g, "0", "5", "100", "x", "-1", "", "1.5")})
	r.User = pick(g, Admin, Admin, Admin, Owner)
	return r
}
