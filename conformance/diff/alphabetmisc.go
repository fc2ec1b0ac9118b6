package diff

import "strings"

func bulkUpload(g *gen) Request {
	r := Request{Method: "PUT", Target: "/v1/{acct}/{c0}" + pick(g, "", "", "/x", "/b/", "/"), User: g.user(), Feature: "bulk"}
	name := func() string {
		return pick(g, "u1", "d/u2", "./u3", "/u4", "\u00fc", "dir/", "../u5", strings.Repeat("n", 90), "a b", "o", "b%2F1", "x//y")
	}
	if g.one(5) {
		r.Target = "/v1/{acct}" + pick(g, "", "/")
		inner := name
		name = func() string { return pick(g, "{c0}/", "{c1}/", "{c0}/", "", "/{c0}/") + inner() }
	}
	r.Target += "?extract-archive=" + pick(g, "tar", "tar", "tar", "tar", "tar", "tar.gz", "zip", "", "TAR", "tar.bz2")
	r.Tar = []Entry{}
	for range g.index(4) {
		r.Tar = append(r.Tar, Entry{name(), pick(g, "", "a", "hello")})
	}
	if g.one(8) {
		r.Tar, r.Body = nil, pick(g, "", "no archive", strings.Repeat("x", 600))
	}
	r.Header = g.some(2, []Header{{"Accept", "application/json"}, {"Accept", "application/xml"}, {"Accept", "text/xml"}, {"Accept", "text/plain"}, {"Accept", "bad"}, {"Accept", "*/*"}, {"Content-Type", "a/b"},
		{"X-Detect-Content-Type", "true"}, {"X-Object-Meta-Color", "blue"}, {"X-Delete-After", "86400"}, {"Expect", "100-continue"}, {"Etag", "bad"}})
	r.Chunked = g.one(3)
	return r
}

func bulkDelete(g *gen) Request {
	r := Request{Method: pick(g, "POST", "POST", "POST", "DELETE"), Target: "/v1/{acct}" + pick(g, "", "", "", "/", "/{c0}", "/{c0}/o") + "?bulk-delete" + pick(g, "", "", "=1", "&multipart-manifest=delete"), User: g.user(), Feature: "bulk"}
	var lines []string
	for range g.index(4) {
		lines = append(lines, pick(g, "{c0}/a", "/{c0}/a", "{c0}/b/1", "{c0}/%C3%BC", "{c0}/\u00fc", "{c0}/none", "{c0}", "/{c0}/", "{c1}", "{c2}/x", "", "/", " {c0}/b/2 ", "{c0}/%ff", "{c0}/o?version-id=x", "{c0}/z%20z", strings.Repeat("n", 300), "{c0}/"+strings.Repeat("n", 1100), "//{c0}/o"))
	}
	r.Body = strings.Join(lines, pick(g, "\n", "\n", "\r\n")) + pick(g, "", "\n")
	r.Header = g.some(2, []Header{{"Accept", "application/json"}, {"Accept", "application/xml"}, {"Accept", "text/xml"}, {"Accept", "text/plain"}, {"Accept", "bad"}, {"Content-Type", "text/plain"}, {"Content-Type", "a/b"}})
	r.Chunked = g.one(4)
	return r
}

func startTempURL(g *gen) []Request {
	return []Request{put("/v1/{acct}/{c0}", "", Header{"X-Container-Meta-Temp-Url-Key", "key"}), put("/v1/{acct}/{c0}/o", "hello world", Header{"X-Object-Meta-Color", "blue"}, Header{"X-Object-Meta-Public-A", "b"})}
}

func tempURL(g *gen) Request {
	r := Request{Method: pick(g, "GET", "GET", "GET", "HEAD", "HEAD", "PUT", "PUT", "DELETE", "POST", "COPY", "OPTIONS"), User: pick(g, Nobody, Nobody, Nobody, Owner, Stranger)}
	path := "/v1/{acct}/{c0}/" + pick(g, "o", "o", "o", "d/a", "%C3%BC", "")
	digest, key, expires := pick(g, "sha256", "sha256", "sha1", "sha512"), pick(g, "key", "key", "key", "key", "bad"), pick(g, "{now+3600}", "{now+3600}", "{now+3600}", "4102444800", "{now-10}", "x", "2030-01-01", "2030-01-01T00:00:00Z", "2030-01-01T00:00", "", "0")
	signed := r.Method
	if g.one(3) {
		signed = pick(g, "GET", "PUT", "POST", "DELETE", "HEAD")
	}
	signedPath, query := path, ""
	if g.one(6) {
		prefix := pick(g, "o", "", "d/", "x")
		signedPath, query = "prefix:/v1/{acct}/{c0}/"+prefix, "&temp_url_prefix="+prefix
	}
	if g.one(8) {
		query += pick(g, "&temp_url_ip_range=127.0.0.1", "&temp_url_ip_range=10.0.0.0/8", "&temp_url_ip_range=bad")
	}
	sig := "{sign:" + digest + ":" + signed + ":" + signedExpiry(expires) + ":" + signedPath + ":" + key + "}"
	if strings.HasPrefix(signedPath, "prefix:") {
		// The prefix's colon would end the name's part.
		sig = "{sign:" + digest + ":" + signed + ":" + signedExpiry(expires) + ":" + strings.TrimPrefix(signedPath, "prefix:") + ":" + key + "}"
	}
	if g.one(12) {
		sig = pick(g, "bad", "", "sha256:eA==", "0000000000000000000000000000000000000000")
	}
	r.Target = path + "?temp_url_sig=" + sig + "&temp_url_expires=" + expires + query
	if g.one(4) {
		r.Target += pick(g, "&filename=a%20b.txt", "&inline", "&filename=%C3%BC", "&filename=x%22y&inline", "&multipart-manifest=get", "&x=y", "&inline=1&filename=")
	}
	if r.Method == "PUT" || r.Method == "POST" {
		r.Body = "body"
		r.Header = g.some(2, []Header{{"X-Object-Meta-Color", "red"}, {"X-Object-Manifest", "{c0}/o"}, {"X-Symlink-Target", "{c0}/o"}, {"X-Delete-At", "{now+86400}"}, {"X-Timestamp", "1"}})
	} else {
		r.Header = g.some(2, []Header{{"Range", "bytes=0-4"}, {"If-None-Match", "{etag}"}, {"Origin", "http://example.com"}, {"X-Open-Expired", "true"}, {"Destination", "{c0}/p"}})
	}
	return r
}

// signedExpiry is how a time is signed: in seconds.
func signedExpiry(expires string) string {
	if strings.HasPrefix(expires, "2030") {
		return "1893456000"
	}
	return expires
}

func startWeb(g *gen) []Request {
	h := g.some(4, webMetadata())
	h = append(h, Header{"X-Container-Read", pick(g, ".r:*,.rlistings", ".r:*,.rlistings", ".r:*", "")})
	out := []Request{put("/v1/{acct}/{c0}", "", h...)}
	for _, n := range []string{"index.html", "d/index.html", "d/a", "404error.html", "401error.html", "o", "style.css"} {
		if g.one(3) {
			out = append(out, put("/v1/{acct}/{c0}/"+n, "page "+n, g.some(1, []Header{{"Content-Type", "text/html"}, {"Content-Type", "application/directory"}})...))
		}
	}
	return out
}

func webMetadata() []Header {
	return []Header{{"X-Container-Meta-Web-Index", "index.html"}, {"X-Container-Meta-Web-Index", "index.html"}, {"X-Container-Meta-Web-Error", "error.html"}, {"X-Container-Meta-Web-Listings", "true"},
		{"X-Container-Meta-Web-Listings", "true"}, {"X-Container-Meta-Web-Listings", "x"}, {"X-Container-Meta-Web-Listings-Css", "style.css"}, {"X-Container-Meta-Web-Listings-Css", "http://x/y.css"},
		{"X-Container-Meta-Web-Listings-Label", "a<b>"}, {"X-Container-Meta-Web-Directory-Type", "text/directory"}, {"X-Container-Meta-Web-Index", ""}}
}

func webSet(g *gen) Request { return post("/v1/{acct}/{c0}", g.some(3, webMetadata())...) }

func webGet(g *gen) Request {
	return Request{Method: pick(g, "GET", "GET", "GET", "HEAD"), User: pick(g, Nobody, Nobody, Nobody, Owner, Guest, Forger),
		Target: "/v1/{acct}/{c0}" + pick(g, "", "/", "/", "/d", "/d/", "/d/a", "/none", "/o", "/index.html", "/none/", "//", "/d//") + pick(g, "", "", "", "?format=json", "?x=y", "?prefix=d", "?delimiter=/", "?limit=1"),
		Header: g.some(2, []Header{{"X-Web-Mode", "true"}, {"X-Web-Mode", "true"}, {"X-Web-Mode", "false"}, {"If-None-Match", "{etag}"}, {"Range", "bytes=0-3"}, {"Accept", "application/json"}, {"Referer", "http://x"}, {"X-Forwarded-Proto", "https"}})}
}

func startCORS(g *gen) []Request {
	h := g.some(4, corsMetadata())
	return []Request{put("/v1/{acct}/{c0}", "", h...), put("/v1/{acct}/{c0}/o", "hello world", Header{"X-Object-Meta-Color", "blue"})}
}

func corsMetadata() []Header {
	return []Header{{"X-Container-Meta-Access-Control-Allow-Origin", "*"}, {"X-Container-Meta-Access-Control-Allow-Origin", "http://example.com"}, {"X-Container-Meta-Access-Control-Allow-Origin", "http://example.com http://b.org"},
		{"X-Container-Meta-Access-Control-Allow-Origin", "HTTP://EXAMPLE.COM"}, {"X-Container-Meta-Access-Control-Max-Age", "60"}, {"X-Container-Meta-Access-Control-Max-Age", "x"},
		{"X-Container-Meta-Access-Control-Expose-Headers", "X-A x-b"}, {"X-Container-Meta-Access-Control-Expose-Headers", ""}, {"X-Container-Meta-Access-Control-Allow-Headers", "X-C"}, {"X-Container-Read", ".r:*"}}
}

func corsSet(g *gen) Request { return post("/v1/{acct}/{c0}", g.some(2, corsMetadata())...) }

func corsRequest(g *gen) Request {
	r := Request{Method: pick(g, "OPTIONS", "OPTIONS", "OPTIONS", "GET", "HEAD", "PUT", "POST", "DELETE"), User: pick(g, Nobody, Nobody, Owner, Owner, Stranger),
		Target: pick(g, "/v1/{acct}/{c0}/o", "/v1/{acct}/{c0}/o", "/v1/{acct}/{c0}", "/v1/{acct}", "/v1/{acct}/{c2}/x", "/info", "/v1", "/")}
	r.Header = g.some(4, []Header{{"Origin", "http://example.com"}, {"Origin", "http://example.com"}, {"Origin", "http://b.org"}, {"Origin", ""}, {"Origin", "null"}, {"Access-Control-Request-Method", "GET"}, {"Access-Control-Request-Method", "GET"},
		{"Access-Control-Request-Method", "PATCH"}, {"Access-Control-Request-Method", "COPY"}, {"Access-Control-Request-Method", ""}, {"Access-Control-Request-Headers", "x-a, X-B"}, {"Access-Control-Request-Headers", ""}, {"Access-Control-Request-Headers", "x-auth-token,,x y"}, {"If-None-Match", "{etag}"}, {"Range", "bytes=0-1"}})
	return r
}

func oddPath(g *gen) Request {
	return Request{Method: pick(g, "GET", "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"), User: g.user(),
		Target: pick(g, "/", "//", "/v1", "/v1/", "/v1//", "//v1/{acct}", "/v2/{acct}", "/v1.0/{acct}/{c0}/{p}o", "/v1/{acct}//", "/v1/{acct}//o", "/v1//{c0}/o", "/v1/{acct}/{c0}//", "/v1/{acct}/{c0}//{p}o", "/v1/{acct}/{c0}/{p}o/", "/v1/{acct}/{c0}/{p}o//",
			"/v1/{acct}/{c2}.", "/v1/{acct}/{c0}/{p}/../x", "/v1/{acct}/{c0}/./{p}", "/v1/{acct}/%2E%2E/x", "/v1/AUTH_/c", "/v1/AUTH_none", "/v1/AUTH_none/c/o", "/v1/SERVICE_test/c", "/v1/none/c", "/v1/.auth/c", "/v1/{acct}/"+strings.Repeat("n", 257),
			"/v1/{acct}/{c0}/{p}"+strings.Repeat("n", 1024), "/v1/{acct}/{c0}/"+strings.Repeat("n", 1025), "/v1/AUTH_"+strings.Repeat("n", 300)+"/c", "/v1/{acct}/{c2}"+strings.Repeat("%C3%BC", 200), "/info", "/info/", "/infox", "/healthcheck", "/healthcheck/", "/crossdomain.xml", "/auth", "/auth/", "/auth/v1", "/auth/v1.0/", "/endpoints/{acct}", "/recon/version", "/v1/{acct}?", "/v1/{acct}/{c0}/{p}o?", "/V1/{acct}", "/v1/{acct}/{c0}/{p}o#x", "/v1/{acct}/{c0}/{p}o;x", "/v1/{acct}/{c0}/{p}a+b", "/v1/auth_test", "/favicon.ico", "/robots.txt", "v1/{acct}", "*", "/v1/{acct}/{c0}/{p}o?&&", "/v1/{acct}/{c0}?limit=5&limit=6")}
}

func oddVerb(g *gen) Request {
	return Request{Method: pick(g, "PATCH", "get", "Get", "FOO", "TRACE", "OPTIONS", "REPLICATE", "MERGE", "POST_", "LOCK", "PROPFIND", "UPDATE", "SSYNC", "_check_thing", "__init__", "GETorHEAD", "PUSH", "CONNECT", "GET_OR_HEAD", "GETorHEAD_base", "best_response"), User: g.user(),
		Target: pick(g, "/v1/{acct}/{c0}/{p}o", "/v1/{acct}/{c0}/{p}o", "/v1/{acct}/{c0}", "/v1/{acct}", "/info", "/healthcheck", "/", "/auth/v1.0", "/crossdomain.xml"), Header: g.some(2, []Header{{"Destination", "{c0}/p"}, {"Origin", "http://x"}, {"X-Copy-From", "{c0}/o"}})}
}

func oddEscape(g *gen) Request {
	name := pick(g, "%00", "a%00b", "%ff", "%C3%28", "%zz", "%", "a%2", "%2F", "a%2Fb", "%2e", "%252F", "%E2%82%AC", "%F0%9F%92%A9", "\xc3\xbc", "\xff", "a%20b", "a+b", "%3F", "%23", "%7B", "{", "|", "\"", "<", "\\", "^", "`", "%0A", "%0D%0A", "%7F", "%ED%A0%80", "%01", "'", "~", "%41", "!$&()*,;=:@", "%C2%80", "a\tb")
	target := "/v1/{acct}/{c0}/{p}" + name
	if g.one(6) {
		target = "/v1/{acct}/{c2}" + name + pick(g, "", "/o")
	}
	if g.one(8) {
		target = pick(g, "/v1/AUTH_"+name, "/v1/{acct}/{c0}?prefix={p}"+name, "/v1/{acct}/{c0}?marker={p}"+name+"&prefix={p}", "/v1/{acct}/{c0}?"+name+"&prefix={p}", "/"+name)
	}
	r := Request{Method: pick(g, "GET", "PUT", "PUT", "PUT", "HEAD", "POST", "DELETE"), User: g.user(), Target: target}
	if g.one(3) {
		r.Method, r.Target = "GET", "/v1/{acct}/{c0}?prefix={p}&format="+pick(g, "json", "xml", "plain")
	}
	return r
}

func oddHeader(g *gen) Request {
	r := Request{Method: pick(g, "GET", "PUT", "POST", "HEAD", "DELETE"), User: g.user(), Target: g.objectPath()}
	h := pick(g, Header{"Content-Length", "-1"}, Header{"Content-Length", "x"}, Header{"Content-Length", "+3"}, Header{"Content-Length", "3, 3"}, Header{"Transfer-Encoding", "gzip"}, Header{"Transfer-Encoding", "identity"}, Header{"Transfer-Encoding", "gzip, chunked"},
		Header{"Content-Length", "99999999999"}, Header{"Content-Length", "5368709123"}, Header{"X-Long", strings.Repeat("x", 9000)}, Header{"X-Object-Meta-Long", strings.Repeat("x", 8100)}, Header{"X_Under_Score", "x"}, Header{"X-Object-Meta_Color", "x"}, Header{"X-Object_Meta-Color", "x"},
		Header{"Expect", "200-ok"}, Header{"Expect", ""}, Header{"Expect", "100-continue, x"}, Header{"Connection", "close"}, Header{"Connection", "upgrade"}, Header{"Connection", "X-Object-Meta-Color"}, Header{"X-Auth-Token", "bad"}, Header{"X-Storage-Token", "bad"}, Header{"X-Service-Token", "bad"},
		Header{"X-Object-Meta-A", "\t x \t"}, Header{"X-Object-Meta-A", "\xff"}, Header{"X-Object-Meta-A", "\x01"}, Header{"X-Object-Meta-A", "a\x00b"}, Header{"X-Object-Meta-A B", "x"}, Header{"X-Object-Meta-A:B", "x"}, Header{"", "x"}, Header{"X-Object-Meta-A", "\x7f"}, Header{"X-Object-Meta-A", "%C3%BC"}, Header{"X-Object-Meta-(A)", "x"}, Header{"X-Object-Meta-\xff", "x"}, Header{"X-\xc3\xbc", "x"}, Header{"X-Object-Meta-A/B", "x"}, Header{"X-Object-Meta-A", "=?utf-8?q?x?="},
		Header{"X-Forwarded-For", "1.2.3.4"}, Header{"X-Forwarded-Proto", "https"}, Header{"X-Forwarded-Host", "x"}, Header{"X-HTTP-Method-Override", "DELETE"}, Header{"If-None-Match", ""}, Header{"Accept", strings.Repeat("a/b,", 500)}, Header{"X-Trans-Id-Extra", "abc/def-1"}, Header{"X-Trans-Id-Extra", strings.Repeat("x", 50)}, Header{"X-Backend-Use-Replication-Network", "true"}, Header{"X-Backend-Storage-Policy-Index", "1"}, Header{"Date", "x"}, Header{"Content-MD5", "x"}, Header{"Content-Type", "x\xff"}, Header{"Content-Encoding", ""})
	r.Header = []Header{h}
	if g.one(3) {
		r.Header = append(r.Header, h) // twice
	}
	if r.Method == "PUT" && r.Get("Content-Length") == "" {
		r.Body = "hello world"
	}
	if g.one(10) {
		for range 95 {
			r.Header = append(r.Header, Header{"X-Object-Meta-N" + string(rune('A'+len(r.Header)%26)) + string(rune('A'+len(r.Header)/26)), "v"})
		}
	}
	return r
}

func public(g *gen) Request {
	return Request{Method: pick(g, "GET", "GET", "GET", "HEAD", "OPTIONS", "PUT", "POST", "DELETE"), User: pick(g, Nobody, Nobody, Owner, Forger), Target: pick(g, "/info", "/info", "/info?swiftinfo_sig=x&swiftinfo_expires=1", "/info?x", "/healthcheck", "/crossdomain.xml", "/info?swiftinfo_sig=x", "/info?swiftinfo_expires=4102444800&swiftinfo_sig=abc"),
		Header: g.some(2, []Header{{"Origin", "http://x"}, {"Accept", "text/plain"}, {"Range", "bytes=0-1"}, {"If-None-Match", "*"}})}
}

func authRequest(g *gen) Request {
	r := Request{Method: pick(g, "GET", "GET", "GET", "GET", "HEAD", "POST", "PUT"), Target: pick(g, "/auth/v1.0", "/auth/v1.0", "/auth/v1.0", "/auth/v1/test/auth", "/auth/v1.0/x", "/auth/v1/none/auth", "/auth/v2.0"),
		Header: g.some(4, []Header{{"X-Auth-User", "test:tester3"}, {"X-Auth-User", "test:tester3"}, {"X-Auth-User", "test"}, {"X-Auth-User", "tester3"}, {"X-Auth-User", "none:none"}, {"X-Auth-User", ":"}, {"X-Storage-User", "test:tester3"}, {"X-Auth-Key", "testing3"}, {"X-Auth-Key", "testing3"}, {"X-Auth-Key", "bad"}, {"X-Storage-Pass", "testing3"}, {"X-Storage-Pass", "bad"}, {"X-Auth-Key", ""}, {"Origin", "http://x"}})}
	r.Feature = "auth"
	return r
}

func domainRequest(g *gen) Request {
	return Request{Method: pick(g, "GET", "GET", "HEAD", "PUT"), User: g.user(), Target: pick(g, "/", "/o", "/{c0}/o", "/v1/o", "/{c0}", "//o", "/v1", "/o?x=y", "/auth/v1.0", "/info"),
		Host:   pick(g, "{c0}.{acct}.example.net", "{c0}.{acct}.example.net", "{acct}.example.net", "{acct}.example.net:8080", "{c0}.test.example.net", "example.net", "a.b.c.example.net", "{c0}.AUTH-test.example.net", "x.example.net", "{c0}.{acct}.EXAMPLE.NET", "{c0}.{acct}.other.net", ""),
		Header: g.some(1, []Header{{"Range", "bytes=0-1"}, {"Origin", "http://x"}})}
}
