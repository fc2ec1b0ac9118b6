package tempurl

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

const now = 1_800_000_000

// sig is what a key signs for a method, a time and a path.
func sig(key, method string, expires int64, path string) string {
	return sigOf(key, fmt.Sprintf("%s\n%d\n%s", method, expires, path))
}

func sigOf(key, message string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(message))
	return hex.EncodeToString(m.Sum(nil))
}

// try sends a request to the filter around a proxy where the account has the
// keys "ak" and "ak2" and the container "ck". Asked is what reached the proxy
// beyond the look-ups of keys.
func try(t *testing.T, options string, req *web.Request, answers ...func(*web.Request) *web.Response) (got webtest.Result, asked []*web.Request, env *middleware.Env) {
	t.Helper()
	next := webtest.NewNext()
	h := web.HandlerFunc(func(ctx webtest.Context, r *web.Request) *web.Response {
		switch r.Source {
		case "GET_ACCOUNT_INFO":
			return webtest.Response(204, "", "X-Account-Meta-Temp-Url-Key", "ak", "X-Account-Meta-Temp-Url-Key-2", "ak2")
		case "GET_CONTAINER_INFO":
			return webtest.Response(204, "", "X-Container-Meta-Temp-Url-Key", "ck")
		}
		return next.Serve(ctx, r)
	})
	if len(answers) == 0 {
		answers = append(answers, webtest.Answer(200, "data"))
	}
	next.Script(answers...)
	build, env := webtest.Filter(t, New, &host.Host{Clock: webtest.NewClock(now)}, options, nil)
	got = webtest.Do(build(h), req)
	return got, next.Requests(), env
}

// signed is a request with a good signature and maybe more parameters.
func signed(key, method, path, more string, header ...string) *web.Request {
	query := fmt.Sprintf("?temp_url_sig=%s&temp_url_expires=%d%s", sig(key, method, now+60, path), now+60, more)
	return webtest.Request(method, path+query, header...)
}

func TestGet(t *testing.T) {
	webtest.TrackBodies(t)
	for _, key := range []string{"ak", "ak2", "ck"} {
		got, asked, _ := try(t, "", signed(key, "GET", "/v1/a/c/o p", "&multipart-manifest=get&x=y", "X-Timestamp", "1", "X-Open-Expired", "t", "X-Keep", "k"),
			webtest.Answer(200, "data", "X-Object-Meta-Secret", "s", "X-Object-Meta-Public-A", "p", "X-Object-Meta-Publicity", "p"))
		if got.Status != 200 || got.Body != "data" {
			t.Fatalf("%s: %+v", key, got)
		}
		want := map[string]string{
			"X-Object-Meta-Secret": "", "X-Object-Meta-Publicity": "", "X-Object-Meta-Public-A": "p",
			"Content-Disposition": `attachment; filename="o p"; filename*=UTF-8''o%20p`, "Expires": "Fri, 15 Jan 2027 08:01:00 GMT",
		}
		for name, v := range want {
			if got.Header.Get(name) != v {
				t.Errorf("%s: %q", name, got.Header.Get(name))
			}
		}
		r := asked[0]
		if h := r.Header; h["X-Timestamp"] != nil || h["X-Open-Expired"] != nil || h.Get("X-Keep") != "k" {
			t.Errorf("%v", h)
		}
		if q := r.Query(); len(q) != 2 || q.Get("temp_url_expires") != fmt.Sprint(now+60) || !r.AuthorizeOverride || r.Meta.User != User {
			t.Errorf("%+v", r)
		}
	}
}

// Only what a signature allows is counted.
func TestDigestsAreCounted(t *testing.T) {
	var counted []string
	sink := &event.Sink{Count: func(c event.Count) { counted = append(counted, c.Name) }}
	next := webtest.NewNext(webtest.Answer(204, "", "X-Account-Meta-Temp-Url-Key", "ak"), webtest.Answer(204, ""), webtest.Answer(200, ""))
	build, _ := webtest.Filter(t, New, &host.Host{Clock: webtest.NewClock(now)}, "", sink)
	webtest.Do(build(next), signed("ak", "GET", "/v1/a/c/o", ""))
	webtest.Do(build(next), webtest.Request("GET", "/v1/a/c/o?temp_url_sig=00&temp_url_expires=1"))
	if !slices.Equal(slices.DeleteFunc(counted, func(n string) bool { return !strings.HasPrefix(n, "tempurl") }), []string{"tempurl.digests.sha256"}) {
		t.Errorf("%q", counted)
	}
}

func TestVerdicts(t *testing.T) {
	webtest.TrackBodies(t)
	const path = "/v1/a/c/o"
	with := func(method, signature string, expires any, more string) *web.Request {
		return webtest.Request(method, fmt.Sprintf("%s?temp_url_sig=%s&temp_url_expires=%v%s", path, url.QueryEscape(signature), expires, more))
	}
	good := sig("ak", "GET", now+60, path)
	raw, _ := hex.DecodeString(good)
	old := hmac.New(sha1.New, []byte("ak"))
	fmt.Fprintf(old, "GET\n%d\n%s", now+60, path)
	for name, c := range map[string]struct {
		req     *web.Request
		options string
		ok      bool
	}{
		"good":              {with("GET", good, now+60, ""), "", true},
		"expires now":       {with("GET", sig("ak", "GET", now, path), now, ""), "", true},
		"expired":           {with("GET", sig("ak", "GET", now-1, path), now-1, ""), "", false},
		"ISO 8601":          {with("GET", good, "2027-01-15T08:01:00Z", ""), "", true},
		"ISO 8601 fraction": {with("GET", good, "2027-01-15T08:01:00.5Z", ""), "", false},
		"no such time":      {with("GET", good, "tomorrow", ""), "", false},
		"time of no year":   {with("GET", good, "99999999999999", ""), "", false},
		"leading zeros":     {with("GET", good, fmt.Sprint("00", now+60), ""), "", true},
		"upper case":        {with("GET", strings.ToUpper(good), now+60, ""), "", false},
		"base64":            {with("GET", "sha256:"+base64.URLEncoding.EncodeToString(raw), now+60, ""), "", true},
		"sha1":              {with("GET", hex.EncodeToString(old.Sum(nil)), now+60, ""), "", true},
		"sha1 not allowed":  {with("GET", hex.EncodeToString(old.Sum(nil)), now+60, ""), "allowed_digests = sha256", false},
		"other key":         {with("GET", sig("xx", "GET", now+60, path), now+60, ""), "", false},
		"other method":      {with("PUT", good, now+60, ""), "", false},
		"DELETE":            {with("DELETE", sig("ak", "DELETE", now+60, path), now+60, ""), "", true},
		"method off":        {with("DELETE", sig("ak", "DELETE", now+60, path), now+60, ""), "methods = GET HEAD", false},
		"HEAD":              {with("HEAD", sig("ak", "HEAD", now+60, path), now+60, ""), "", true},
		"HEAD of GET":       {with("HEAD", good, now+60, ""), "", true},
		"HEAD of PUT":       {with("HEAD", sig("ak", "PUT", now+60, path), now+60, ""), "", true},
		"HEAD of POST":      {with("HEAD", sig("ak", "POST", now+60, path), now+60, ""), "", true},
		"HEAD of DELETE":    {with("HEAD", sig("ak", "DELETE", now+60, path), now+60, ""), "", false},
		"first counts":      {with("GET", good, now+60, "&temp_url_expires=1"), "", true},
		"no signature":      {webtest.Request("GET", fmt.Sprintf("%s?temp_url_expires=%d", path, now+60)), "", false},
		"no time":           {webtest.Request("GET", path+"?temp_url_sig="+good), "", false},
		"object missing":    {signed("ak", "GET", "/v1/a/c", ""), "", false},
		"slashes":           {signed("ak", "GET", "/v1/a/c//", ""), "", false},
		"other version":     {signed("ak", "GET", "/v1.0/a/c/o", ""), "", false},
		"UTF-8":             {signed("ak", "GET", "/v1/a/c/ü", ""), "", true},
	} {
		got, asked, _ := try(t, c.options, c.req)
		if (got.Status == 200) != c.ok || (len(asked) > 0) != c.ok {
			t.Errorf("%s: %d %q", name, got.Status, got.Body)
		}
		if c.ok {
			continue
		}
		if c.req.Method != "HEAD" && got.Body != "401 Unauthorized: Temp URL invalid\n" || got.Header.Get("Www-Authenticate") != `Swift realm="unknown"` {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestPassedOn(t *testing.T) {
	webtest.TrackBodies(t)
	for _, req := range []*web.Request{
		webtest.Request("GET", "/v1/a/c/o?filename=x&temp_url_prefix=y"),
		webtest.Request("OPTIONS", "/v1/a/c/o?temp_url_sig=x&temp_url_expires=1"),
	} {
		got, asked, _ := try(t, "", req)
		if got.Status != 200 || got.Header["Expires"] != nil || asked[0].Authorize != nil {
			t.Errorf("%s %+v", req.Method, got)
		}
	}
}

func TestPrefix(t *testing.T) {
	webtest.TrackBodies(t)
	ask := func(path, prefix string) *web.Request {
		s := sig("ak", "GET", now+60, "prefix:/v1/a/c/"+prefix)
		return webtest.Request("GET", fmt.Sprintf("%s?temp_url_sig=%s&temp_url_expires=%d&temp_url_prefix=%s", path, s, now+60, prefix))
	}
	web200 := webtest.Answer(200, "page", "X-Backend-Content-Generator", "staticweb")
	for _, c := range []struct {
		path, prefix string
		answer       func(*web.Request) *web.Response
		ok           bool
	}{
		{"/v1/a/c/pre_o", "pre_", nil, true}, {"/v1/a/c/o", "pre_", nil, false}, {"/v1/a/c/o", "", nil, true},
		{"/v1/a/c/", "", web200, true}, {"/v1/a/c", "", nil, false}, {"/v1/a", "", nil, false},
		{"/v1/a/c/", "x", web200, false},
	} {
		answer := c.answer
		if answer == nil {
			answer = webtest.Answer(200, "data")
		}
		got, asked, _ := try(t, "", ask(c.path, c.prefix), answer)
		if (got.Status == 200) != c.ok {
			t.Errorf("%+v: %+v", c, got)
		}
		if c.ok && !asked[0].Query().Has("temp_url_prefix") {
			t.Errorf("%+v: %s", c, asked[0].RawQuery)
		}
	}
}

func TestIPRange(t *testing.T) {
	webtest.TrackBodies(t)
	for _, c := range []struct {
		ipRange, remote string
		ok              bool
	}{
		{"10.0.0.0/8", "10.1.2.3:456", true}, {"10.0.0.0/8", "11.1.2.3:456", false}, {"10.1.2.3", "10.1.2.3:456", true},
		{"10.1.2.3", "10.1.2.4:456", false}, {"10.1.2.3/8", "10.1.2.3:456", false}, {"fe80::/16", "[fe80::1]:9", true},
		{"10.0.0.0/8", "[::ffff:10.1.2.3]:9", true}, {"nonsense", "10.1.2.3:456", false}, {"10.0.0.0/8", "", false},
	} {
		s := sigOf("ak", fmt.Sprintf("ip=%s\nGET\n%d\n/v1/a/c/o", c.ipRange, now+60))
		req := webtest.Request("GET", fmt.Sprintf("/v1/a/c/o?temp_url_sig=%s&temp_url_expires=%d&temp_url_ip_range=%s", s, now+60, c.ipRange))
		req.RemoteAddr = c.remote
		if got, _, _ := try(t, "", req); (got.Status == 200) != c.ok {
			t.Errorf("%+v: %d", c, got.Status)
		}
	}
}

// A key opens what it belongs to, and sub-requests go no further.
func TestScope(t *testing.T) {
	webtest.TrackBodies(t)
	for _, c := range []struct {
		key, path string
		ok        bool
	}{
		{"ak", "/v1/a/c/o", true}, {"ak", "/v1/a/other/o", true}, {"ak", "/v1/a", true}, {"ak", "/v1/b/c/o", false}, {"ak", "/v1", false},
		{"ck", "/v1/a/c/o", true}, {"ck", "/v1/a/c", true}, {"ck", "/v1/a/other/o", false}, {"ck", "/v1/a", false}, {"ck", "/v1/b/c/o", false},
	} {
		_, asked, _ := try(t, "", signed(c.key, "GET", "/v1/a/c/o", ""))
		resp := asked[0].Authorize(t.Context(), webtest.Request("GET", c.path))
		if (resp == nil) != c.ok || resp != nil && resp.Status != 401 {
			t.Errorf("%+v: %+v", c, resp)
		}
	}
}

func TestPointers(t *testing.T) {
	webtest.TrackBodies(t)
	for _, name := range []string{"X-Object-Manifest", "X-Symlink-Target"} {
		for _, method := range []string{"PUT", "POST"} {
			got, asked, _ := try(t, "", signed("ak", method, "/v1/a/c/o", "", name, "c/x"))
			if got.Status != 400 || got.Body != "The header '"+name+"' is not allowed in this tempurl" || asked != nil {
				t.Errorf("%s %s: %+v", method, name, got)
			}
		}
		if got, _, _ := try(t, "", signed("ak", "GET", "/v1/a/c/o", "", name, "c/x")); got.Status != 200 {
			t.Errorf("GET %s: %+v", name, got)
		}
	}
}

func TestDisposition(t *testing.T) {
	for _, c := range []struct {
		query, stored string
		static        bool
		want          string
	}{
		{"", "", false, `attachment; filename="o.txt"; filename*=UTF-8''o.txt`},
		{"", "inline; x", false, "inline; x"},
		{"", "a\nb", false, "a%0Ab"},
		{"filename=", "x", false, "x"},
		{"filename=a+b%2F%22%0D%C3%BC.txt", "x", false, `attachment; filename="a b/%22%0D%C3%BC.txt"; filename*=UTF-8''a%20b/%22%0D%C3%BC.txt`},
		{"filename=a;b", "", false, `attachment; filename="a%3Bb"; filename*=UTF-8''a%3Bb`},
		{"filename=a%zz", "", false, `attachment; filename="a%25zz"; filename*=UTF-8''a%25zz`},
		{"inline", "x", false, "inline"},
		{"inline=&filename=f", "x", false, `inline; filename="f"; filename*=UTF-8''f`},
		{"", "x", true, "inline"},
	} {
		claim := readClaim(c.query)
		if got := claim.disposition(c.static, c.stored, "/v1/a/c/d/o.txt/"); got != c.want {
			t.Errorf("%q: %q", c.query, got)
		}
	}
}

// What is not found says nothing about how to save it.
func TestErrorsStayBare(t *testing.T) {
	webtest.TrackBodies(t)
	for status, method := range map[int]string{404: "GET", 201: "PUT", 416: "GET"} {
		got, _, _ := try(t, "", signed("ak", method, "/v1/a/c/o", ""), webtest.Answer(status, "", "X-Object-Meta-X", "y"))
		if got.Status != status || got.Header["Expires"] != nil || got.Header["Content-Disposition"] != nil || got.Header["X-Object-Meta-X"] != nil {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

func TestOptions(t *testing.T) {
	webtest.TrackBodies(t)
	_, asked, env := try(t, "incoming_remove_headers = X-A-* x-b\nincoming_allow_headers = x-a-ok x-a-fine-*\noutgoing_remove_headers =",
		signed("ak", "GET", "/v1/a/c/o", "", "X-A-1", "", "X-A-Ok", "", "X-A-Fine-1", "", "X-B", "", "X-B-C", "", "X-Timestamp", "1"))
	want := http.Header{"X-A-Ok": {""}, "X-A-Fine-1": {""}, "X-B-C": {""}, "X-Timestamp": {"1"}}
	if !reflect.DeepEqual(asked[0].Header, want) {
		t.Errorf("%v", asked[0].Header)
	}
	section := map[string]any{
		"methods":                 []string{"GET", "HEAD", "PUT", "POST", "DELETE"},
		"incoming_remove_headers": []string{"X-A-*", "x-b"}, "incoming_allow_headers": []string{"x-a-ok", "x-a-fine-*"},
		"outgoing_remove_headers": []string{}, "outgoing_allow_headers": []string{"x-object-meta-public-*"},
		"allowed_digests": []string{"sha1", "sha256", "sha512"}, "deprecated_digests": []string{"sha1"},
	}
	if got := env.Info.Public()["tempurl"]; !reflect.DeepEqual(got, section) {
		t.Errorf("%+v", got)
	}
}

func TestComplete(t *testing.T) {
	c := claim{signature: "x", expires: fmt.Sprint(now)}
	if !c.complete(time.Unix(now, 0)) || c.complete(time.Unix(now, 1)) {
		t.Error("the last moment is the second itself")
	}
}
