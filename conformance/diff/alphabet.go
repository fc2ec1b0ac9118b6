package diff

import "strings"

// themes is the alphabet: every feature with its requests.
func themes() []theme {
	none := func(*gen) []Request { return nil }
	own := func(h ...Header) func(*gen) []Request {
		return func(*gen) []Request { return []Request{put("/v1/{acct}/{c0}", "", h...)} }
	}
	return []theme{
		{name: "object", weight: 6, shared: true, start: none, ops: []op{objectPut, objectPut, objectPut, objectPost, objectGet, objectGet, objectDelete}},
		{name: "copy", weight: 3, shared: true, start: startObject, ops: []op{objectCopy, objectCopy, copyFrom, objectGet, objectPut}},
		{name: "slo", weight: 4, shared: true, start: startSegments, ops: []op{sloPut, sloPut, sloGet, sloGet, sloDelete, objectCopy, objectPost, objectPut}},
		{name: "dlo", weight: 2, shared: true, start: startSegments, ops: []op{dloPut, dloGet, dloGet, objectCopy, objectPost, objectDelete}},
		{name: "symlink", weight: 3, shared: true, start: startObject, ops: []op{symlinkPut, symlinkPut, symlinkGet, symlinkGet, objectPost, objectCopy, objectDelete, copyFrom}},
		{name: "container", weight: 4, start: own(), ops: []op{containerPut, containerPost, containerPost, containerHead, containerDelete, objectPut, listing}},
		{name: "listing", weight: 4, start: startListing, ops: []op{listing, listing, listing, listing, objectDelete, objectPut}},
		{name: "account", weight: 3, private: true, start: startAccount, ops: []op{accountGet, accountGet, accountPost, accountPost, accountHead, containerPut, accountDelete, containerDelete}},
		{name: "account-acl", weight: 2, private: true, start: startAccount, ops: []op{accountACL, asOther, asOther, asOther}},
		{name: "acl", weight: 3, start: startACL, ops: []op{containerACL, asOther, asOther, asOther, asOther}},
		{name: "versions", weight: 4, start: startVersions, ops: []op{objectPut, objectPut, objectDelete, versionGet, versionGet, versionDelete, versionPut, listing, versionsListing, versionsSet, objectPost, objectCopy, symlinkPut, containerDelete}},
		{name: "old-versions", weight: 3, start: startOldVersions, ops: []op{objectPut, objectPut, objectDelete, objectDelete, objectGet, objectPost, objectCopy, versionsSet}},
		{name: "bulk", weight: 3, start: startListing, ops: []op{bulkUpload, bulkUpload, bulkDelete, bulkDelete, listing, objectGet}},
		{name: "tempurl", weight: 3, start: startTempURL, ops: []op{tempURL, tempURL, tempURL, objectPut}},
		{name: "staticweb", weight: 3, start: startWeb, ops: []op{webGet, webGet, webGet, webSet}},
		{name: "quota", weight: 2, start: startQuota, ops: []op{objectPut, objectPut, objectCopy, quotaSet, copyFrom, bulkUpload, sloPut}},
		{name: "account-quota", weight: 1, private: true, start: startAccount, ops: []op{accountQuota, objectPut, objectPut, objectCopy, containerPut}},
		{name: "cors", weight: 2, start: startCORS, ops: []op{corsRequest, corsRequest, corsRequest, corsSet}},
		{name: "path", weight: 4, shared: true, start: startObject, ops: []op{oddPath, oddPath, oddPath, oddVerb, oddEscape, oddEscape}},
		{name: "header", weight: 3, shared: true, start: startObject, ops: []op{oddHeader, oddHeader, objectGet, oddVerb}},
		{name: "public", weight: 1, shared: true, start: none, ops: []op{public, public, authRequest}},
		{name: "domain", weight: 1, start: startObjectIn, ops: []op{domainRequest, domainRequest}},
		{name: "etag-quoter", weight: 1, start: own(Header{"X-Container-Rfc-Compliant-Etags", "true"}), ops: []op{objectPut, objectGet, objectGet, sloPut, listing}},
	}
}

// Values of objects' metadata, valid and not.
func objectMetadata() []Header {
	long := strings.Repeat("v", 256)
	return []Header{
		{"Content-Type", "text/plain"}, {"Content-Type", "text/html; charset=utf-8"}, {"Content-Type", ""},
		{"Content-Type", "application/x;swift_bytes=3"}, {"Content-Type", "a/b; hello=world"}, {"Content-Type", "application/directory"},
		{"X-Object-Meta-Color", "blue"}, {"X-Object-Meta-Color", "red"}, {"X-Object-Meta-Color", ""}, {"x-object-meta-size", "Big One"},
		{"X-Object-Meta-\xc3\xbc", "\xc3\xa4"}, {"X-Object-Meta-\xe2\x82\xac", "x"}, {"X-Object-Meta-", "x"}, {"X-Object-Meta-A_b", "x"},
		{"X-Object-Meta-Long", long}, {"X-Object-Meta-Long", long + "v"}, {"X-Object-Meta-" + strings.Repeat("n", 128), "x"},
		{"X-Object-Meta-" + strings.Repeat("n", 129), "x"}, {"X-Remove-Object-Meta-Color", "x"},
		{"Content-Encoding", "gzip"}, {"Content-Disposition", "attachment; filename=x"}, {"Content-Language", "de"},
		{"Cache-Control", "no-cache"}, {"Expires", "Thu, 01 Dec 1994 16:00:00 GMT"}, {"X-Robots-Tag", "noindex"},
		{"X-Static-Large-Object", "true"}, {"X-Object-Sysmeta-A", "x"}, {"X-Object-Transient-Sysmeta-A", "x"},
		{"X-Delete-At", "{now+86400}"}, {"X-Delete-At", "{now-10}"}, {"X-Delete-At", "soon"}, {"X-Delete-At", "{now+86400}.5"}, {"X-Delete-At", "99999999999"},
		{"X-Delete-At", "-5"}, {"X-Delete-At", ""}, {"X-Delete-After", "86400"}, {"X-Delete-After", "0"}, {"X-Delete-After", "-1"},
		{"X-Delete-After", "x"}, {"X-Delete-After", "1.5"}, {"X-Delete-After", ""}, {"X-Remove-Delete-At", "1"},
		{"X-Backend-Storage-Policy-Index", "1"}, {"X-Storage-Policy", "silver"}, {"X-Timestamp", "1234567890.12345"}, {"X-Timestamp", "bad"},
		{"X-Detect-Content-Type", "true"}, {"X-Detect-Content-Type", "false"}, {"X-Delete-At-Container", "1"},
		{"X-Trans-Id-Extra", "extra"}, {"X-Newest", "true"}, {"User-Agent", "diff/1"},
	}
}

func writeConditions() []Header {
	return []Header{
		{"If-None-Match", "*"}, {"If-None-Match", "abc"}, {"If-Match", "*"}, {"If-Match", "x"}, {"If-Modified-Since", "Thu, 01 Jan 2015 00:00:00 GMT"},
		{"If-Unmodified-Since", "Thu, 01 Jan 2015 00:00:00 GMT"},
		{"Etag", "5eb63bbbe01eeed093cb22bb8f5acdc3"}, {"Etag", `"5eb63bbbe01eeed093cb22bb8f5acdc3"`}, {"Etag", "bad"}, {"Etag", ""},
		{"ETag", "0cc175b9c0f1b6a831c399e269772661"}, {"Expect", "100-continue"}, {"Expect", "100-Continue"},
		{"Content-Length", "x"}, {"X-Object-Manifest", "{c0}/{p}s"}, {"X-Object-Manifest", "bad"}, {"X-Object-Manifest", "{c0}/x?y"},
		{"X-Object-Manifest", ""}, {"X-Object-Manifest", "%7Bc0/x"}, {"X-Copy-From", "{c0}/{p}o"},
	}
}

func objectPut(g *gen) Request {
	r := put(g.objectPath(), g.body(), g.some(3, objectMetadata())...)
	r.User = g.user()
	if g.one(4) {
		r.Header = append(r.Header, g.some(2, writeConditions())...)
	}
	r.Chunked = g.one(6) && r.Get("Content-Length") == ""
	if g.one(12) {
		r.Target += pick(g, "?multipart-manifest=get", "?format=json", "?x=y", "?multipart-manifest=bad", "?")
	}
	return r
}

func objectPost(g *gen) Request {
	r := post(g.objectPath(), g.some(4, objectMetadata())...)
	r.User = g.user()
	if g.one(8) {
		r.Body = "ignored?"
	}
	if g.one(8) {
		r.Target += pick(g, "?multipart-manifest=put", "?multipart-manifest=get", "?x", "?symlink=get")
	}
	return r
}

func readConditions() []Header {
	return []Header{
		{"Range", "bytes=0-4"}, {"Range", "bytes=0-0"}, {"Range", "bytes=-3"}, {"Range", "bytes=4-"}, {"Range", "bytes=0-4,6-7"},
		{"Range", "bytes=100000-"}, {"Range", "bytes=-0"}, {"Range", "bytes=5-2"}, {"Range", "bytes=a-b"}, {"Range", "items=0-4"},
		{"Range", "bytes=0-1,1-2,2-3,-1"}, {"Range", "bytes= 0-4"}, {"Range", "bytes=0-4, 6-7"}, {"Range", "bytes=-"}, {"Range", "bytes=-100000"},
		{"Range", "bytes=0-100000"}, {"Range", "bytes=0-4,100000-"}, {"Range", ""}, {"Range", "bytes=0-4;1"}, {"Range", "Bytes=0-4"},
		{"If-Match", "{etag}"}, {"If-Match", `"{etag}"`}, {"If-Match", "*"}, {"If-Match", "x"}, {"If-Match", "x, {etag}"}, {"If-Match", `W/"{etag}"`},
		{"If-None-Match", "{etag}"}, {"If-None-Match", `"{etag}"`}, {"If-None-Match", "*"}, {"If-None-Match", "x"}, {"If-None-Match", `"x", "{etag}"`},
		{"If-Modified-Since", "{lastmod}"}, {"If-Modified-Since", "Thu, 01 Jan 2015 00:00:00 GMT"}, {"If-Modified-Since", "Thu, 01 Jan 2037 00:00:00 GMT"},
		{"If-Modified-Since", "yesterday"}, {"If-Modified-Since", "Thursday, 01-Jan-15 00:00:00 GMT"}, {"If-Modified-Since", "Thu Jan  1 00:00:00 2015"},
		{"If-Unmodified-Since", "{lastmod}"}, {"If-Unmodified-Since", "Thu, 01 Jan 2015 00:00:00 GMT"}, {"If-Unmodified-Since", "x"},
		{"If-Range", "{etag}"}, {"If-Range", `"{etag}"`}, {"If-Range", "{lastmod}"}, {"If-Range", "x"},
		{"X-Newest", "true"}, {"X-Newest", "x"}, {"Origin", "http://example.com"}, {"Accept", "text/plain"}, {"Accept-Encoding", "gzip"},
		{"X-Open-Expired", "true"}, {"X-Backend-Etag-Is-At", "x-object-meta-color"}, {"Content-Type", "x/y"}, {"X-If-Delete-At", "5"},
	}
}

func objectGet(g *gen) Request {
	r := Request{Method: pick(g, "GET", "GET", "HEAD"), Target: g.objectPath(), User: g.user(), Header: g.some(3, readConditions())}
	if g.one(4) {
		r.Target += g.query(2, []string{"multipart-manifest=get", "format=raw", "symlink=get", "format=json", "version-id=null", "x=y", "inline", "filename=x", "versions", "part-number=1"})
	}
	return r
}

func objectDelete(g *gen) Request {
	r := Request{Method: "DELETE", Target: g.objectPath(), User: g.user()}
	if g.one(4) {
		r.Target += g.query(2, []string{"multipart-manifest=delete", "multipart-manifest=get", "x=y", "version-id=null", "async=true"})
	}
	if g.one(6) {
		r.Header = g.some(2, []Header{{"X-If-Delete-At", "{now+86400}"}, {"X-If-Delete-At", "x"}, {"If-Match", "x"}, {"If-None-Match", "*"}, {"X-Timestamp", "5"}, {"Content-Length", "0"}, {"If-Unmodified-Since", "Thu, 01 Jan 2015 00:00:00 GMT"}})
	}
	return r
}

func startObject(g *gen) []Request {
	return []Request{put("/v1/{acct}/{c0}/{p}o", "hello world", g.some(2, []Header{{"Content-Type", "text/plain"}, {"X-Object-Meta-Color", "blue"},
		{"X-Delete-At", "{now+86400}"}, {"Content-Encoding", "gzip"}, {"Content-Disposition", "inline"}})...)}
}

func startObjectIn(g *gen) []Request {
	return append([]Request{put("/v1/{acct}/{c0}", "")}, startObject(g)...)
}

func copyHeaders() []Header {
	return append(objectMetadata()[:32:32], Header{"X-Fresh-Metadata", "true"}, Header{"X-Fresh-Metadata", "true"}, Header{"X-Fresh-Metadata", "x"}, Header{"Range", "bytes=0-4"},
		Header{"Range", "bytes=100-"}, Header{"If-Match", "{etag}"}, Header{"If-None-Match", "{etag}"}, Header{"If-Modified-Since", "Thu, 01 Jan 2037 00:00:00 GMT"},
		Header{"Etag", "bad"}, Header{"X-Delete-After", "86400"}, Header{"X-Symlink-Target", "{c0}/{p}o"}, Header{"X-Object-Manifest", "{c0}/{p}d"}, Header{"If-Unmodified-Since", "{lastmod}"})
}

func objectCopy(g *gen) Request {
	r := Request{Method: "COPY", Target: g.objectPath(), User: g.user(), Header: g.some(3, copyHeaders())}
	if !g.one(12) {
		r.Header = append(r.Header, Header{"Destination", pick(g, "", "", "", "/") + g.container() + "/" + g.object()})
		if g.one(8) {
			r.Header[len(r.Header)-1].Value = pick(g, "{c0}", "", "/", "//", "{c2}/o", "{c0}/", "{c0}/%ff", "{c0}/a?b", "/v1/{acct}/{c0}/p", "{c0}/%00")
		}
	}
	if g.one(8) {
		r.Header = append(r.Header, Header{"Destination-Account", pick(g, "{acct}", "AUTH_test2", "", "a/b", "%7Bx", "AUTH_nobody")})
	}
	if g.one(4) {
		r.Target += g.query(2, []string{"multipart-manifest=get", "symlink=get", "format=raw", "version-id=null", "version-id={version}"})
	}
	return r
}

func copyFrom(g *gen) Request {
	r := put(g.objectPath(), pick(g, "", "", "", "body"), g.some(3, copyHeaders())...)
	r.User = g.user()
	from := pick(g, "", "", "/") + g.container() + "/" + g.object()
	if g.one(8) {
		from = pick(g, "{c0}", "", "/", "{c2}/o", "{c0}/", "/v1/{acct}/{c0}/o", "{c0}/o?multipart-manifest=get", "{c0}/%00", "{c0}/o?version-id=null")
	}
	r.Header = append(r.Header, Header{"X-Copy-From", from})
	if g.one(8) {
		r.Header = append(r.Header, Header{"X-Copy-From-Account", pick(g, "{acct}", "AUTH_test2", "", "a/b", "AUTH_nobody")})
	}
	if g.one(8) {
		r.Target += pick(g, "?multipart-manifest=get", "?multipart-manifest=put", "?symlink=get")
	}
	r.Chunked = g.one(10)
	return r
}
