package api

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tempKey is the key of containers that are opened by signatures.
const tempKey = "conformance-key"

// sign is the hex HMAC of text.
func sign(kind func() hash.Hash, key, text string) string {
	return hex.EncodeToString(mac(kind, key, text))
}

func mac(kind func() hash.Hash, key, text string) []byte {
	m := hmac.New(kind, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// temp is a URL that is signed.
type temp struct {
	e       *Env
	path    string // of the object, decoded, below the account
	expires string
	key     string
}

// tempObject stores an object in a container with a key.
func (e *Env) tempObject(content string, opts ...option) temp {
	e.Need("tempurl")
	c := e.container(hdr("X-Container-Meta-Temp-Url-Key", tempKey))
	return e.temp(e.put(c, "object", content, opts...))
}

func (e *Env) temp(path string) temp {
	e.Need("tempurl")
	return temp{e, path, strconv.FormatInt(e.now().Add(time.Hour).Unix(), 10), tempKey}
}

// full is the path that is signed.
func (t temp) full() string { return "/v1/" + t.e.accountName() + "/" + t.path }

// sum signs for a method with the strongest digest that is allowed.
func (t temp) sum(method string) string {
	return sign(t.e.digest(), t.key, method+"\n"+t.expires+"\n"+t.full())
}

// digest is one that /info allows: SHA-256 if it can be.
func (e *Env) digest() func() hash.Hash {
	if e.digestAllowed("tempurl", "sha256") {
		return sha256.New
	}
	return sha512.New
}

func (e *Env) digestAllowed(section, name string) bool {
	allowed, _ := e.setting(section, "allowed_digests").([]any)
	return slices.Contains(allowed, any(name))
}

// query is the query string for a method, with more parameters behind.
func (t temp) query(method, more string) option {
	return query("temp_url_sig=" + url.QueryEscape(t.sum(method)) + "&temp_url_expires=" + t.expires + more)
}

// do sends a request that was signed for another method or the same.
func (t temp) do(method, signed string, opts ...option) *response {
	return t.e.do(method, t.path, append([]option{anonymous(), t.query(signed, "")}, opts...)...)
}

func tempURLCases() []Case {
	return append(append(tempURLMethodCases(), tempURLParameterCases()...), tempURLKeyCases()...)
}

func tempURLMethodCases() []Case {
	return []Case{
		{"tempurl-get", "GET", "object", "tempurl", "a signed GET needs no token", func(e *Env) {
			e.tempObject("content").do("GET", "GET").Status(200).Body().IsEqual("content")
		}},
		{"tempurl-head", "HEAD", "object", "tempurl", "signatures for GET, PUT, POST and HEAD all cover HEAD", func(e *Env) {
			t := e.tempObject("content")
			for _, signed := range []string{"HEAD", "GET", "PUT", "POST"} {
				t.do("HEAD", signed).Status(200).Header("Content-Length").IsEqual("7")
			}
			t.do("HEAD", "DELETE").Status(401)
		}},
		{"tempurl-put", "PUT", "object", "tempurl", "a signed PUT stores", func(e *Env) {
			t := e.tempObject("old")
			t.do("PUT", "PUT", body("new")).Status(201)
			e.do("GET", t.path).Status(200).Body().IsEqual("new")
		}},
		{"tempurl-put-new", "PUT", "object", "tempurl", "a signed PUT makes a new object", func(e *Env) {
			e.Need("tempurl")
			t := e.temp(e.container(hdr("X-Container-Meta-Temp-Url-Key", tempKey)) + "/new/object")
			t.do("PUT", "PUT", body("new")).Status(201)
			e.do("GET", t.path).Status(200).Body().IsEqual("new")
		}},
		{"tempurl-post", "POST", "object", "tempurl", "a signed POST changes metadata", func(e *Env) {
			t := e.tempObject("content")
			t.do("POST", "POST", hdr("X-Object-Meta-A", "b")).Status(202)
			e.do("HEAD", t.path).Header("X-Object-Meta-A").IsEqual("b")
		}},
		{"tempurl-delete", "DELETE", "object", "tempurl", "a signed DELETE deletes", func(e *Env) {
			t := e.tempObject("content")
			t.do("DELETE", "DELETE").Status(204)
			e.do("GET", t.path).Status(404)
		}},
		{"tempurl-other-method", "PUT", "object", "tempurl", "a signature for one method opens no other", func(e *Env) {
			t := e.tempObject("content")
			t.do("PUT", "GET", body("x")).Status(401)
			t.do("GET", "PUT").Status(401)
			t.do("DELETE", "PUT").Status(401)
			t.do("POST", "PUT").Status(401)
		}},
		{"tempurl-other-object", "GET", "object", "tempurl", "a signature opens no other object", func(e *Env) {
			t := e.tempObject("content")
			e.do("GET", t.path+"2", anonymous(), t.query("GET", "")).Status(401)
		}},
		{"tempurl-container", "GET", "container", "tempurl", "a signature opens no container", func(e *Env) {
			t := e.tempObject("content")
			t.path = t.path[:strings.IndexByte(t.path, '/')]
			t.do("GET", "GET").Status(401)
			t.do("DELETE", "DELETE").Status(401)
		}},
		{"tempurl-expired", "GET", "object", "tempurl", "an expired signature is 401", func(e *Env) {
			t := e.tempObject("content")
			t.expires = strconv.FormatInt(e.now().Add(-time.Minute).Unix(), 10)
			t.do("GET", "GET").Status(401)
		}},
		{"tempurl-wrong-signature", "GET", "object", "tempurl", "a wrong signature is 401 even for a public object", func(e *Env) {
			t := e.tempObject("content")
			t.key = "another"
			t.do("GET", "GET").Status(401)
		}},
		{"tempurl-tampered", "GET", "object", "tempurl", "a changed time of expiry is 401", func(e *Env) {
			t := e.tempObject("content")
			q := "temp_url_sig=" + t.sum("GET") + "&temp_url_expires=" + t.expires + "0"
			e.do("GET", t.path, anonymous(), query(q)).Status(401)
		}},
		{"tempurl-missing-parameter", "GET", "object", "tempurl", "a signature without expiry, or the reverse, is 401", func(e *Env) {
			t := e.tempObject("content")
			e.do("GET", t.path, anonymous(), query("temp_url_sig="+t.sum("GET"))).Status(401)
			e.do("GET", t.path, anonymous(), query("temp_url_expires="+t.expires)).Status(401)
			e.do("GET", t.path, anonymous(), query("temp_url_sig=&temp_url_expires="+t.expires)).Status(401)
		}},
		{"tempurl-answer", "GET", "object", "tempurl", "a refusal says Temp URL invalid", func(e *Env) {
			t := e.tempObject("content")
			t.do("GET", "PUT").Status(401).Body().Contains("Temp URL invalid")
		}},
		{"tempurl-range", "GET", "object", "tempurl", "ranges and conditions work", func(e *Env) {
			t := e.tempObject("content")
			t.do("GET", "GET", hdr("Range", "bytes=1-3")).Status(206).Body().IsEqual("ont")
			t.do("GET", "GET", hdr("If-None-Match", etag("content"))).Status(304)
		}},
		{"tempurl-pointers", "PUT", "object", "tempurl", "a signed PUT stores no pointers to other objects: 400", func(e *Env) {
			t := e.tempObject("content")
			t.do("PUT", "PUT", body(""), hdr("X-Object-Manifest", "c/o")).Status(400)
			t.do("PUT", "PUT", body(""), hdr("X-Symlink-Target", "c/o")).Status(400)
			t.do("POST", "POST", hdr("X-Object-Manifest", "c/o")).Status(400)
		}},
		{"tempurl-no-slo", "PUT", "object", "tempurl", "a signed PUT stores no manifest", func(e *Env) {
			e.Need("slo")
			t := e.tempObject("content")
			m := manifest(segment{Path: "/" + t.path})
			e.do("PUT", t.path+"-m", anonymous(), temp{e, t.path + "-m", t.expires, t.key}.query("PUT", "&multipart-manifest=put"), body(m)).Status(201)
			r := e.do("GET", t.path+"-m").Status(200)
			r.Body().IsEqual(m)
			r.Header("X-Static-Large-Object").IsEmpty()
		}},
		{"tempurl-metadata", "GET", "object", "tempurl", "metadata is hidden, but for what is public", func(e *Env) {
			t := e.tempObject("content", hdr("X-Object-Meta-Secret", "s"), hdr("X-Object-Meta-Public-Colour", "blue"))
			r := t.do("GET", "GET").Status(200)
			r.Header("X-Object-Meta-Secret").IsEmpty()
			r.Header("X-Object-Meta-Public-Colour").IsEqual("blue")
		}},
	}
}

func tempURLParameterCases() []Case {
	with := func(id, want, more string, check func(r *response)) Case {
		return Case{"tempurl-" + id, "GET", "object", "tempurl", want, func(e *Env) {
			t := e.tempObject("content")
			check(e.do("GET", t.path, anonymous(), t.query("GET", more)).Status(200))
		}}
	}
	disposition := func(want string) func(*response) {
		return func(r *response) { r.Header("Content-Disposition").IsEqual(want) }
	}
	return []Case{
		with("disposition", "the object is offered under its own name", "", disposition(`attachment; filename="object"; filename*=UTF-8''object`)),
		with("filename", "filename offers another name", "&filename=my%20file.txt", disposition(`attachment; filename="my file.txt"; filename*=UTF-8''my%20file.txt`)),
		with("filename-unicode", "a filename beyond ASCII is encoded", "&filename=%E9%A6%AC", disposition(`attachment; filename="%E9%A6%AC"; filename*=UTF-8''%E9%A6%AC`)),
		with("inline", "inline shows instead of saving", "&inline", disposition("inline")),
		with("inline-filename", "inline with a filename names it", "&inline&filename=x.txt", disposition(`inline; filename="x.txt"; filename*=UTF-8''x.txt`)),
		{"tempurl-own-disposition", "GET", "object", "tempurl", "an object's own Content-Disposition is kept", func(e *Env) {
			e.tempObject("content", hdr("Content-Disposition", "odd")).do("GET", "GET").Status(200).Header("Content-Disposition").IsEqual("odd")
		}},
		{"tempurl-expires-header", "GET", "object", "tempurl", "Expires is the time of expiry", func(e *Env) {
			t := e.tempObject("content")
			n, _ := strconv.ParseInt(t.expires, 10, 64)
			t.do("GET", "GET").Status(200).Header("Expires").IsEqual(time.Unix(n, 0).UTC().Format(http.TimeFormat))
		}},
		{"tempurl-iso", "GET", "object", "tempurl", "the expiry may be written as an ISO 8601 time", func(e *Env) {
			t := e.tempObject("content")
			n, _ := strconv.ParseInt(t.expires, 10, 64)
			q := "temp_url_sig=" + t.sum("GET") + "&temp_url_expires=" + time.Unix(n, 0).UTC().Format("2006-01-02T15:04:05Z")
			e.do("GET", t.path, anonymous(), query(q)).Status(200).Body().IsEqual("content")
		}},
		{"tempurl-expires-nonsense", "GET", "object", "tempurl", "an expiry that is no time is 401", func(e *Env) {
			t := e.tempObject("content")
			for _, bad := range []string{"soon", "2099-99-99T00:00:00Z", "-1", ""} {
				t.expires = bad
				t.do("GET", "GET").Status(401)
			}
		}},
		{"tempurl-prefix", "GET", "object", "tempurl", "a prefix opens all objects below it, and no others", func(e *Env) {
			t := e.tempObject("content")
			c := t.path[:strings.IndexByte(t.path, '/')]
			e.put(c, "pre/fix/o", "below")
			sig := sign(e.digest(), t.key, "GET\n"+t.expires+"\nprefix:/v1/"+e.accountName()+"/"+c+"/pre/")
			q := query("temp_url_sig=" + sig + "&temp_url_expires=" + t.expires + "&temp_url_prefix=pre/")
			e.do("GET", c+"/pre/fix/o", anonymous(), q).Status(200).Body().IsEqual("below")
			e.do("GET", t.path, anonymous(), q).Status(401)
		}},
		{"tempurl-prefix-empty", "GET", "object", "tempurl", "an empty prefix opens the whole container", func(e *Env) {
			t := e.tempObject("content")
			c := t.path[:strings.IndexByte(t.path, '/')]
			sig := sign(e.digest(), t.key, "GET\n"+t.expires+"\nprefix:/v1/"+e.accountName()+"/"+c+"/")
			e.do("GET", t.path, anonymous(), query("temp_url_sig="+sig+"&temp_url_expires="+t.expires+"&temp_url_prefix=")).Status(200)
		}},
		{"tempurl-prefix-put", "PUT", "object", "tempurl", "a prefix lets a client store under names of its own", func(e *Env) {
			e.Need("tempurl")
			c := e.container(hdr("X-Container-Meta-Temp-Url-Key", tempKey))
			t := e.temp(c + "/in/box")
			sig := sign(e.digest(), t.key, "PUT\n"+t.expires+"\nprefix:/v1/"+e.accountName()+"/"+c+"/in/")
			q := query("temp_url_sig=" + sig + "&temp_url_expires=" + t.expires + "&temp_url_prefix=in/")
			e.do("PUT", c+"/in/box", anonymous(), q, body("x")).Status(201)
			e.do("PUT", c+"/out", anonymous(), q, body("x")).Status(401)
		}},
		{"tempurl-ip", "GET", "object", "tempurl", "a range of addresses lets its members in, and nobody else", func(e *Env) {
			t := e.tempObject("content")
			for ips, code := range map[string]int{"0.0.0.0/0": 200, "192.0.2.0/24": 401, "192.0.2.7": 401, "nonsense": 401} {
				sig := sign(e.digest(), t.key, "ip="+ips+"\nGET\n"+t.expires+"\n"+t.full())
				q := query("temp_url_sig=" + sig + "&temp_url_expires=" + t.expires + "&temp_url_ip_range=" + url.QueryEscape(ips))
				r := e.do("GET", t.path, anonymous(), q)
				if got := r.Raw().StatusCode; got != code {
					e.Failf("from an address in %s: %d, want %d", ips, got, code)
				}
			}
		}},
		{"tempurl-ip-dropped", "GET", "object", "tempurl", "a range of addresses cannot be left out or added", func(e *Env) {
			t := e.tempObject("content")
			sig := sign(e.digest(), t.key, "ip=0.0.0.0/0\nGET\n"+t.expires+"\n"+t.full())
			e.do("GET", t.path, anonymous(), query("temp_url_sig="+sig+"&temp_url_expires="+t.expires)).Status(401)
			e.do("GET", t.path, anonymous(), t.query("GET", "&temp_url_ip_range=0.0.0.0/0")).Status(401)
		}},
		{"tempurl-names", "GET", "object", "tempurl", "the decoded name is what is signed", func(e *Env) {
			e.Need("tempurl")
			c := e.container(hdr("X-Container-Meta-Temp-Url-Key", tempKey))
			t := e.temp(e.put(c, "馬 %?/x", "content"))
			t.do("GET", "GET").Status(200).Header("Content-Disposition").Contains("x")
		}},
	}
}

func tempURLKeyCases() []Case {
	digest := func(name string, kind func() hash.Hash) Case {
		return Case{"tempurl-digest-" + name, "GET", "object", "tempurl", name + " signs in hex, and in base64 after its name, where /info allows it", func(e *Env) {
			t := e.tempObject("content")
			code := 401
			if e.digestAllowed("tempurl", name) {
				code = 200
			}
			text := "GET\n" + t.expires + "\n" + t.full()
			for _, sig := range []string{sign(kind, t.key, text), name + ":" + base64.URLEncoding.EncodeToString(mac(kind, t.key, text))} {
				e.do("GET", t.path, anonymous(), query("temp_url_sig="+url.QueryEscape(sig)+"&temp_url_expires="+t.expires)).Status(code)
			}
		}}
	}
	return []Case{
		digest("sha1", sha1.New), digest("sha256", sha256.New), digest("sha512", sha512.New),
		{"tempurl-digest-unknown", "GET", "object", "tempurl", "a signature of an unknown digest or length is 401", func(e *Env) {
			t := e.tempObject("content")
			for _, sig := range []string{"md5:" + base64.StdEncoding.EncodeToString(make([]byte, 16)), "abcdef", "sha256:***"} {
				e.do("GET", t.path, anonymous(), query("temp_url_sig="+url.QueryEscape(sig)+"&temp_url_expires="+t.expires)).Status(401)
			}
		}},
		{"tempurl-second-key", "GET", "object", "tempurl", "the second key works beside the first", func(e *Env) {
			e.Need("tempurl")
			c := e.container(hdr("X-Container-Meta-Temp-Url-Key", tempKey), hdr("X-Container-Meta-Temp-Url-Key-2", "second"))
			t := e.temp(e.put(c, "o", "content"))
			t.do("GET", "GET").Status(200)
			t.key = "second"
			t.do("GET", "GET").Status(200)
		}},
		{"tempurl-no-key", "GET", "object", "tempurl", "without a key no signature opens anything", func(e *Env) {
			e.temp(e.object("content")).do("GET", "GET").Status(401)
		}},
		{"tempurl-key-removed", "GET", "object", "tempurl", "a key that is removed opens nothing any more", func(e *Env) {
			t := e.tempObject("content")
			t.do("GET", "GET").Status(200)
			e.do("POST", t.path[:strings.IndexByte(t.path, '/')], hdr("X-Remove-Container-Meta-Temp-Url-Key", "x")).Status(204)
			t.do("GET", "GET").Status(401)
		}},
		{"tempurl-account-key", "GET", "object", "tempurl", "an account's keys open its containers", func(e *Env) {
			a := e.account()
			a.do("POST", "", hdr("X-Account-Meta-Temp-Url-Key", tempKey), hdr("X-Account-Meta-Temp-Url-Key-2", "second")).Status(204)
			t := a.temp(a.put(a.container(), "o", "content"))
			t.do("GET", "GET").Status(200).Body().IsEqual("content")
			t.key = "second"
			t.do("GET", "GET").Status(200)
		}},
		{"tempurl-scope", "GET", "object", "tempurl", "a container's key does not follow a manifest into another container, an account's does", func(e *Env) {
			a := e.account()
			a.do("POST", "", hdr("X-Account-Meta-Temp-Url-Key", "whole")).Status(204)
			other := a.fill("seg/0")
			a.listed(other, "", "seg/0")
			c := a.container(hdr("X-Container-Meta-Temp-Url-Key", tempKey))
			t := a.temp(a.put(c, "m", "", hdr("X-Object-Manifest", other+"/seg/")))
			t.do("GET", "GET").Status(401)
			t.key = "whole"
			t.do("GET", "GET").Status(200).Body().IsEqual("x")
		}},
		{"tempurl-timestamp", "PUT", "object", "tempurl", "a client's X-Timestamp counts for nothing", func(e *Env) {
			t := e.tempObject("old")
			t.do("PUT", "PUT", body("new"), hdr("X-Timestamp", "0000000001.00000")).Status(201)
			e.do("GET", t.path).Status(200).Body().IsEqual("new")
		}},
	}
}
