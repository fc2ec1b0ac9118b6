package api

import (
	"net/http"
	"strings"
	"time"
)

func objectMoreCases() []Case {
	return append(append(objectHeaderCases(), newestCases()...), rangeMoreCases()...)
}

func objectHeaderCases() []Case {
	kept := func(header, value string) Case {
		return Case{"object-header-" + strings.ToLower(header), "PUT", "object", "object headers", header + " is stored and returned, by PUT and POST", func(e *Env) {
			p := e.object("x", hdr(header, value))
			e.do("GET", p).Status(200).Header(header).IsEqual(value)
			e.do("POST", p, hdr(header, value+"2")).Status(202)
			e.do("HEAD", p).Status(200).Header(header).IsEqual(value + "2")
		}}
	}
	typed := func(id, sent, want string) Case {
		return Case{"object-type-" + id, "PUT", "object", "content type", "Content-Type: " + sent + " comes back", func(e *Env) {
			e.do("GET", e.object("x", hdr("Content-Type", sent))).Status(200).Header("Content-Type").IsEqual(want)
		}}
	}
	return []Case{
		kept("Cache-Control", "max-age=12"), kept("Content-Language", "de"), kept("Expires", "Wed, 21 Oct 2099 07:28:00 GMT"), kept("X-Robots-Tag", "noindex"),
		typed("parameters", "text/plain; charset=latin-1; a=b", "text/plain; charset=latin-1; a=b"),
		typed("odd", "anything", "anything"),
		{"object-type-detect-false", "PUT", "object", "content type", "X-Detect-Content-Type: false keeps the type that is sent", func(e *Env) {
			p := e.put(e.container(), "a.html", "x", hdr("Content-Type", "text/x-own"), hdr("X-Detect-Content-Type", "false"))
			e.do("HEAD", p).Header("Content-Type").HasPrefix("text/x-own")
		}},
		{"object-type-detect-wins", "PUT", "object", "content type", "X-Detect-Content-Type: true beats the type that is sent", func(e *Env) {
			p := e.put(e.container(), "a.html", "x", hdr("Content-Type", "text/x-own"), hdr("X-Detect-Content-Type", "true"))
			e.do("HEAD", p).Header("Content-Type").HasPrefix("text/html")
		}},
		{"object-post-drops-headers", "POST", "object", "object headers", "POST drops stored headers that it does not name", func(e *Env) {
			p := e.object("x", hdr("Content-Encoding", "gzip"), hdr("Content-Disposition", "inline"))
			e.do("POST", p, hdr("Content-Disposition", "attachment")).Status(202)
			r := e.do("HEAD", p)
			r.Header("Content-Disposition").IsEqual("attachment")
			r.Header("Content-Encoding").IsEmpty()
		}},
		{"object-unknown-header", "PUT", "object", "object headers", "headers that are not meant to be stored are not", func(e *Env) {
			e.do("HEAD", e.object("x", hdr("X-Anything", "yes"))).Header("X-Anything").IsEmpty()
		}},
		{"object-post-keeps-etag", "POST", "object", "object metadata", "POST changes neither bytes, etag nor length", func(e *Env) {
			p := e.object("content")
			e.do("POST", p, hdr("Etag", etag("other")), hdr("X-Object-Meta-A", "b")).Status(202)
			r := e.do("GET", p).Status(200)
			r.Body().IsEqual("content")
			trimmedEtag(e, r.Raw().Header, "content")
		}},
		{"object-post-last-modified", "POST", "object", "object metadata", "POST moves X-Timestamp on", func(e *Env) {
			p := e.object("x")
			before := e.do("HEAD", p).Header("X-Timestamp").AsNumber().Raw()
			e.do("POST", p, hdr("X-Object-Meta-A", "b")).Status(202)
			e.do("HEAD", p).Header("X-Timestamp").AsNumber().Gt(before)
		}},
		{"object-last-modified", "GET", "object", "object", "Last-Modified is X-Timestamp, rounded up to a second", func(e *Env) {
			r := e.do("HEAD", e.object("x"))
			at := r.Header("X-Timestamp").AsNumber().Raw()
			date := r.Header("Last-Modified").AsDateTime(http.TimeFormat).Raw()
			if d := float64(date.Unix()) - at; d < 0 || d >= 1.001 {
				e.Failf("Last-Modified is %v and X-Timestamp %v", date, at)
			}
		}},
		{"object-date", "GET", "object", "object", "every answer has the Date", func(e *Env) {
			c := e.fill("o")
			for _, r := range []*response{e.do("GET", c+"/o"), e.do("GET", c+"/absent"), e.do("HEAD", c), e.do("POST", c+"/o")} {
				r.Header("Date").AsDateTime(http.TimeFormat)
			}
		}},
		{"object-put-old-verb-body", "DELETE", "object", "object", "DELETE with a body works as without", func(e *Env) {
			p := e.object("x")
			e.do("DELETE", p, body("ignored")).Status(204)
			e.do("GET", p).Status(404)
		}},
		{"object-in-full-path", "PUT", "object", "object", "an object may be named like another's directory", func(e *Env) {
			c := e.fill("a", "a/", "a/b")
			e.listed(c, "", "a", "a/", "a/b")
			e.do("DELETE", c+"/a").Status(204)
			e.do("GET", c+"/a/b").Status(200)
		}},
		{"object-many-writes", "PUT", "object", "object", "of many writes to one name the last is read", func(e *Env) {
			c := e.container()
			for i := range 20 {
				e.put(c, "o", "version "+itoa(i))
			}
			e.do("GET", c+"/o").Status(200).Body().IsEqual("version 19")
		}},
		{"object-put-delete-put", "PUT", "object", "object", "writes and deletions take turns", func(e *Env) {
			c := e.container()
			for i := range 5 {
				p := e.put(c, "o", itoa(i))
				e.do("GET", p).Status(200).Body().IsEqual(itoa(i))
				e.do("DELETE", p).Status(204)
				e.do("GET", p).Status(404)
			}
		}},
		{"object-binary", "PUT", "object", "object", "all byte values come back", func(e *Env) {
			var b []byte
			for i := range 256 {
				b = append(b, byte(i), 0)
			}
			e.do("GET", e.object(string(b))).Status(200).Body().IsEqual(string(b))
		}},
		{"object-put-chunked-empty", "PUT", "object", "object", "a chunked body of nothing is an empty object", func(e *Env) {
			c := e.container()
			e.do("PUT", c+"/o", chunked("")).Status(201)
			e.do("GET", c+"/o").Status(200).Header("Content-Length").IsEqual("0")
		}},
		{"object-put-etag-chunked", "PUT", "object", "object", "a wrong Etag of a chunked body is 422", func(e *Env) {
			c := e.container()
			e.do("PUT", c+"/o", chunked("content"), hdr("Etag", etag("other"))).Status(422)
			e.do("PUT", c+"/o", chunked("content"), hdr("Etag", etag("content"))).Status(201)
		}},
	}
}

func newestCases() []Case {
	const feature = "x-newest"
	return []Case{
		{"newest-head", "HEAD", "object", feature, "HEAD with X-Newest sees the last write", func(e *Env) {
			p := e.object("first")
			e.do("PUT", p, body("second!")).Status(201)
			e.do("HEAD", p, hdr("X-Newest", "true")).Status(200).Header("Content-Length").IsEqual("7")
		}},
		{"newest-deleted", "GET", "object", feature, "X-Newest sees a deletion", func(e *Env) {
			p := e.object("x")
			e.do("DELETE", p).Status(204)
			e.do("GET", p, hdr("X-Newest", "true")).Status(404)
		}},
		{"newest-range", "GET", "object", feature, "ranges work with X-Newest", func(e *Env) {
			e.do("GET", e.object("0123456789"), hdr("X-Newest", "true"), hdr("Range", "bytes=2-4")).Status(206).Body().IsEqual("234")
		}},
		{"newest-condition", "GET", "object", feature, "conditions work with X-Newest", func(e *Env) {
			p := e.object("x")
			e.do("GET", p, hdr("X-Newest", "true"), hdr("If-None-Match", etag("x"))).Status(304)
			e.do("GET", p, hdr("X-Newest", "true"), hdr("If-Match", "y")).Status(412)
		}},
		{"newest-container", "GET", "container", feature, "listings and accounts take X-Newest", func(e *Env) {
			c := e.fill("a")
			e.eventually("the listing has the object", func() bool {
				return len(decodeListing(e.do("GET", c, query("format=json"), hdr("X-Newest", "true")).Status(200).Raw())) == 1
			})
			e.do("HEAD", "", hdr("X-Newest", "true")).Status(204)
		}},
		{"newest-metadata", "HEAD", "object", feature, "X-Newest sees the metadata of the last POST", func(e *Env) {
			p := e.object("x")
			e.do("POST", p, hdr("X-Object-Meta-A", "1")).Status(202)
			e.do("POST", p, hdr("X-Object-Meta-A", "2")).Status(202)
			e.do("HEAD", p, hdr("X-Newest", "true")).Header("X-Object-Meta-A").IsEqual("2")
		}},
	}
}

func rangeMoreCases() []Case {
	multi := func(id, header, what string, want ...[2]string) Case {
		return Case{"range-multi-" + id, "GET", "object", "ranges", what, func(e *Env) {
			p := e.object(rangeContent, hdr("Content-Type", "text/x-conform"))
			r := e.do("GET", p, hdr("Range", header)).Status(206)
			e.multipart(r.Raw().Header.Get("Content-Type"), r.Body().Raw(), "text/x-conform", want...)
		}}
	}
	refused := func(id, header, what string) Case {
		return Case{"range-abuse-" + id, "GET", "object", "ranges", what + ": 416", func(e *Env) {
			e.do("GET", e.object(rangeContent), hdr("Range", header)).Status(416)
		}}
	}
	return []Case{
		multi("descending", "bytes=10-11,5-6", "ranges in descending order come in that order", [2]string{"bytes 10-11/20", "ab"}, [2]string{"bytes 5-6/20", "56"}),
		multi("overlapping", "bytes=0-5,4-8", "two ranges may overlap", [2]string{"bytes 0-5/20", "012345"}, [2]string{"bytes 4-8/20", "45678"}),
		multi("dropped", "bytes=0-1,500-600,4-5", "ranges that do not fit are left out", [2]string{"bytes 0-1/20", "01"}, [2]string{"bytes 4-5/20", "45"}),
		multi("spaces", "bytes=0-1, 4-5", "spaces between ranges are no matter", [2]string{"bytes 0-1/20", "01"}, [2]string{"bytes 4-5/20", "45"}),
		multi("open", "bytes=0-0,15-", "an open range among others", [2]string{"bytes 0-0/20", "0"}, [2]string{"bytes 15-19/20", "fghij"}),
		refused("overlap", "bytes=0-9,1-9,2-9,3-9", "more than two ranges that overlap"),
		refused("order", "bytes=18-18,16-16,14-14,12-12,10-10,8-8,6-6,4-4,2-2", "many ranges out of order"),
		refused("none-fits", "bytes=20-,30-40,50-", "several ranges of which none fits"),
		{"range-huge-numbers", "GET", "object", "ranges", "numbers beyond 64 bits do no harm", func(e *Env) {
			p := e.object(rangeContent)
			status(e.do("GET", p, hdr("Range", "bytes=0-99999999999999999999999")), 200, 206)
			status(e.do("GET", p, hdr("Range", "bytes=99999999999999999999999-")), 200, 416)
			e.do("GET", p).Status(200)
		}},
		{"range-empty-object", "GET", "object", "ranges", "a range of an empty object is 416, a suffix 200", func(e *Env) {
			p := e.object("")
			e.do("GET", p, hdr("Range", "bytes=0-0")).Status(416)
			e.do("GET", p, hdr("Range", "bytes=-1")).Status(200)
		}},
		{"range-put", "PUT", "object", "ranges", "a Range of a PUT is ignored", func(e *Env) {
			c := e.container()
			e.do("PUT", c+"/o", body("content"), hdr("Range", "bytes=0-1")).Status(201)
			e.do("GET", c+"/o").Status(200).Body().IsEqual("content")
		}},
		{"range-listing", "GET", "container", "ranges", "a Range of a listing does no harm", func(e *Env) {
			c := e.fill("a")
			e.listed(c, "", "a")
			status(e.do("GET", c, hdr("Range", "bytes=0-0")), 200, 206)
		}},
		{"range-416-body", "GET", "object", "ranges", "416 keeps the object's etag and accepts ranges", func(e *Env) {
			r := e.do("GET", e.object(rangeContent), hdr("Range", "bytes=50-")).Status(416)
			r.Header("Content-Range").IsEqual("bytes */20")
			r.Header("Accept-Ranges").IsEqual("bytes")
		}},
		{"range-large", "GET", "object", "ranges", "a range over a megabyte's border is exact", func(e *Env) {
			content := strings.Repeat("0123456789abcdef", 2<<20/16)
			r := e.do("GET", e.object(content), hdr("Range", "bytes=1048570-1048585")).Status(206)
			r.Body().IsEqual(content[1048570:1048586])
		}},
	}
}

func infoCases() []Case {
	return []Case{
		{"info-signed-refused", "GET", "endpoint", "info", "the administrators' view with a wrong signature is 401 or 403", func(e *Env) {
			status(e.raw("GET", "/info", anonymous(), query("swiftinfo_sig=0000&swiftinfo_expires=9999999999")), 401, 403)
		}},
		{"info-expired-refused", "GET", "endpoint", "info", "the administrators' view that is expired is 401 or 403", func(e *Env) {
			status(e.raw("GET", "/info", anonymous(), query("swiftinfo_sig=0000&swiftinfo_expires=1")), 401, 403)
		}},
		{"info-options", "OPTIONS", "endpoint", "info", "OPTIONS /info is 200 with Allow", func(e *Env) {
			e.raw("OPTIONS", "/info", anonymous()).Status(200).Header("Allow").Contains("GET").Contains("HEAD")
		}},
		{"info-put", "PUT", "endpoint", "info", "other methods of /info are refused", func(e *Env) {
			status(e.raw("PUT", "/info", anonymous()), 401, 405, 412)
		}},
		{"info-type", "GET", "endpoint", "info", "/info is application/json in UTF-8", func(e *Env) {
			e.raw("GET", "/info", anonymous()).Status(200).Header("Content-Type").HasPrefix("application/json")
		}},
		{"info-policies", "GET", "endpoint", "info", "one storage policy is the default, and no name stands twice", func(e *Env) {
			defaults, names := 0, map[string]bool{}
			rows, _ := e.setting("swift", "policies").([]any)
			for _, row := range rows {
				p, _ := row.(map[string]any)
				if p["default"] == true {
					defaults++
				}
				name, _ := p["name"].(string)
				if name == "" || names[name] {
					e.Failf("/info names the policies %v", rows)
				}
				names[name] = true
			}
			if defaults != 1 {
				e.Failf("/info names %d default policies: %v", defaults, rows)
			}
		}},
		{"info-limits", "GET", "endpoint", "info", "limits are numbers above 0", func(e *Env) {
			o := e.raw("GET", "/info", anonymous()).Status(200).JSON().Object().Value("swift").Object()
			for _, k := range []string{"max_file_size", "max_meta_name_length", "max_meta_value_length", "max_meta_count", "max_meta_overall_size",
				"max_header_size", "max_object_name_length", "max_container_name_length", "max_account_name_length", "container_listing_limit", "account_listing_limit"} {
				o.Value(k).Number().Gt(0)
			}
		}},
		{"info-hidden", "GET", "endpoint", "info", "what is for administrators is not shown", func(e *Env) {
			o := e.raw("GET", "/info", anonymous()).Status(200).JSON().Object()
			o.NotContainsKey("admin")
		}},
		{"ratelimit-info", "GET", "endpoint", "ratelimit", "/info says how writes are limited", func(e *Env) {
			e.Need("ratelimit")
			for _, k := range []string{"account_ratelimit", "max_sleep_time_seconds", "container_ratelimits", "container_listing_ratelimits"} {
				if e.setting("ratelimit", k) == nil {
					e.Failf("/info.ratelimit has no %s", k)
				}
			}
		}},
		{"ratelimit-slow", "PUT", "container", "ratelimit", "writes to an account come no faster than /info says", func(e *Env) {
			e.Need("ratelimit")
			rate, _ := e.setting("ratelimit", "account_ratelimit").(float64)
			if rate <= 0 || rate > 20 {
				e.Skip("/info says account_ratelimit is %v", rate)
			}
			started := time.Now()
			for range int(rate) * 2 {
				e.container()
			}
			if took := time.Since(started); took < 500*time.Millisecond {
				e.Failf("%d containers took %v at a rate of %v a second", int(rate)*2, took, rate)
			}
		}},
		{"auth-path-v1", "GET", "endpoint", "authentication", "/auth/v1/account/auth is the older form", func(e *Env) {
			e.Need("tempauth")
			account, user, _ := strings.Cut(e.t.Owner.Name, ":")
			r := e.raw("GET", "/auth/v1/"+account+"/auth", anonymous(), hdr("X-Storage-User", user), hdr("X-Storage-Pass", e.t.Owner.Key))
			r.Status(200).Header("X-Auth-Token").NotEmpty()
		}},
		{"auth-expires", "GET", "endpoint", "authentication", "X-Auth-Token-Expires is a number of seconds", func(e *Env) {
			r := e.raw("GET", authPath(e), anonymous(), hdr("X-Auth-User", e.t.Owner.Name), hdr("X-Auth-Key", e.t.Owner.Key))
			r.Status(200).Header("X-Auth-Token-Expires").AsNumber().Gt(0)
		}},
		{"auth-token-works", "GET", "account", "authentication", "each new token opens the account", func(e *Env) {
			r := e.raw("GET", authPath(e), anonymous(), hdr("X-Auth-User", e.t.Owner.Name), hdr("X-Auth-Key", e.t.Owner.Key))
			e.do("HEAD", "", hdr("X-Auth-Token", r.Header("X-Auth-Token").Raw())).Status(204)
		}},
		{"trans-id-extra", "GET", "account", "response headers", "X-Trans-Id-Extra ends the transaction id, cut to 32 characters", func(e *Env) {
			e.do("HEAD", "", hdr("X-Trans-Id-Extra", "my-mark")).Header("X-Trans-Id").HasSuffix("-my-mark")
			e.do("HEAD", "", hdr("X-Trans-Id-Extra", strings.Repeat("x", 50))).Header("X-Trans-Id").HasSuffix("-" + strings.Repeat("x", 32))
		}},
		{"trans-id-form", "GET", "account", "response headers", "a transaction id is tx, 21 hex digits, a dash and 10 more", func(e *Env) {
			e.do("HEAD", "").Header("X-Trans-Id").Match("^tx[0-9a-f]{21}-[0-9a-f]{10}").NotEmpty()
		}},
		{"trans-id-unique", "GET", "account", "response headers", "no two answers have the same transaction id", func(e *Env) {
			seen := map[string]bool{}
			for range 20 {
				id := e.do("HEAD", "").Header("X-Trans-Id").Raw()
				if seen[id] {
					e.Failf("%s came twice", id)
				}
				seen[id] = true
			}
		}},
		{"method-allow", "FROB", "container", "verbs", "405 names the verbs that are allowed", func(e *Env) {
			r := e.do("FROB", e.container()).Status(405)
			r.Header("Allow").Contains("GET").Contains("PUT").Contains("HEAD")
		}},
		{"method-case", "get", "container", "verbs", "verbs in small letters are none", func(e *Env) {
			w := e.dial()
			w.send(w.request("head", e.container()) + "\n")
			e.refused(w, "GET", 400, 405, 501)
		}},
		{"method-private", "REPLICATE", "object", "verbs", "verbs of storage servers are not for clients", func(e *Env) {
			p := e.object("x")
			for _, verb := range []string{"REPLICATE", "SSYNC", "UPDATE"} {
				e.do(verb, p).Status(405)
			}
		}},
		{"www-authenticate", "GET", "account", "response headers", "401 names the account as realm", func(e *Env) {
			e.do("GET", "", anonymous()).Status(401).Header("Www-Authenticate").IsEqual(`Swift realm="` + e.accountName() + `"`)
		}},
		{"error-length", "GET", "object", "response headers", "errors state their length and type", func(e *Env) {
			r := e.do("GET", e.container()+"/absent").Status(404)
			r.Header("Content-Length").IsEqual(itoa(len(r.Body().Raw())))
			r.Header("Content-Type").HasPrefix("text/html")
		}},
	}
}
