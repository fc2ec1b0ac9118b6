package symlink

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

func TestParseTarget(t *testing.T) {
	const form = badTarget
	for name, c := range map[string]struct {
		target, account, etag string
		status                int // 0: accepted
		want                  string
	}{
		"plain":               {"c/o", "", "", 0, "/a/c/o"},
		"slashes in the name": {"c/o//p/", "", "", 0, "/a/c/o//p/"},
		"encoded":             {"c%20/%C3%A4%2F;", "", "", 0, "/a/c /ä/;"},
		"other account":       {"c/link", "b%20", "", 0, "/b /c/link"},
		"own account":         {"c/o", "a", "", 0, "/a/c/o"},
		"quoted etag":         {"c/o", "", `"sum"`, 0, "/a/c/o sum"},
		"no object":           {"c", "", "", 412, form},
		"empty object":        {"c/", "", "", 412, form},
		"empty container":     {"%2Fo", "", "", 412, form},
		"leading slash":       {"/c/o", "", "", 412, form},
		"nothing":             {"", "", "", 412, form},
		"empty account":       {"c/o", "-", "", 412, "Account name cannot be empty"},
		"slash in account":    {"c/o", "b%2Fc", "", 412, "Account name cannot contain slashes"},
		"itself":              {"c/link", "", "", 400, "Symlink cannot target itself"},
		"itself by account":   {"c/l%69nk", "a", "", 400, "Symlink cannot target itself"},
		"semicolon in etag":   {"c/o", "", "a;b", 400, "Bad X-Symlink-Target-Etag format"},
		"quote in etag":       {"c/o", "", `a"`, 400, "Bad X-Symlink-Target-Etag format"},
		"backslash in etag":   {"c/o", "", `a\`, 400, "Bad X-Symlink-Target-Etag format"},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{targetHeader: {c.target}}
			switch c.account {
			case "":
			case "-":
				h.Set(accountHeader, "")
			default:
				h.Set(accountHeader, c.account)
			}
			if c.etag != "" {
				h.Set(etagHeader, c.etag)
			}
			got, refusal := parseTarget(h, swift.Path{Account: "a", Container: "c", Object: "link"})
			if c.status != 0 {
				if refusal == nil {
					t.Fatalf("accepted as %+v", got)
				}
				body, _ := refusal.ReadAll(1000)
				if refusal.Status != c.status || string(body) != c.want {
					t.Errorf("%d %s", refusal.Status, body)
				}
				return
			}
			if refusal != nil {
				t.Fatalf("refused with %d", refusal.Status)
			}
			if text := strings.TrimSpace(got.path.String() + " " + got.etag); text != c.want || got.foreign != (c.account != "") {
				t.Errorf("%q, foreign %v", text, got.foreign)
			}
		})
	}
}

func put(h web.Handler, name string, header ...string) webtest.Result {
	return webtest.Do(h, webtest.Request("PUT", "/v1/a"+name, header...))
}

func TestPutDynamic(t *testing.T) {
	s, h := world(t, "")
	if got := put(h, "/c/l", targetHeader, "c /ä;", accountHeader, "b", bytesHeader, "9"); got.Status != 201 {
		t.Fatalf("%+v", got)
	}
	for name, want := range map[string]string{
		storedTarget: "c%20/%C3%A4%3B", storedAccount: "b", storedEtag: "", storedBytes: "", targetHeader: "", accountHeader: "", bytesHeader: "",
		"Content-Type": "application/symlink",
		listingEtag:    emptyMD5 + "; symlink_target=c%20/%C3%A4%3B; symlink_target_account=b",
	} {
		if got := s.stored(t, "/c/l", name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	put(h, "/c/typed", targetHeader, "c/o", "Content-Type", "text/x")
	if got := s.stored(t, "/c/typed", "Content-Type"); got != "text/x" {
		t.Errorf("type %q", got)
	}
	if log := s.takeLog(); log != "PUT /v1/a/c/l\nPUT /v1/a/c/typed" {
		t.Error(log)
	}
}

func TestPutWithBody(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		length int64
		err    error
		status int
	}{
		"length":          {"x", 1, nil, 400},
		"chunks":          {"x", -1, nil, 400},
		"empty chunks":    {"", -1, nil, 201},
		"client gone":     {"", -1, swift.E("read", "", swift.ClientGone, errors.New("reset")), 499},
		"no bytes at all": {"", 0, nil, 201},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := world(t, "")
			req := webtest.Request("PUT", "/v1/a/c/l", targetHeader, "c/o")
			body := webtest.Body(c.body, c.err)
			defer body.Close()
			req.Body, req.ContentLength = body, c.length
			got := webtest.Do(h, req)
			if got.Status != c.status || got.Status == 400 && got.Body != "Symlink requests require a zero byte body" {
				t.Errorf("%+v", got)
			}
			if stored := len(s.log) > 0; stored != (c.status == 201) {
				t.Errorf("requests %v", s.log)
			}
		})
	}
}

func TestPutStatic(t *testing.T) {
	sum := hexMD5("target body")
	large := hexMD5("manifest")
	for name, c := range map[string]struct {
		target, etag string
		status       int
		body, at     string
		bytes        string
		listing      string // after the empty MD5
	}{
		"object": {"c/o", sum, 201, "", "", "11", "; symlink_target=c/o"},
		"wrong etag": {"c/o", "old", 409, "Object Etag '" + sum + "' does not match X-Symlink-Target-Etag header 'old'",
			"/v1/a/c/o", "", ""},
		"nothing there":            {"c/x y", sum, 409, "X-Symlink-Target does not exist", "/v1/a/c/x y", "", ""},
		"static link":              {"c/static", sum, 201, "", "", "11", "; symlink_target=c/static"},
		"stale static link":        {"c/stale", "old", 409, "Object Etag '" + sum + "' does not match X-Symlink-Target-Etag header 'old'", "/v1/a/c/o", "", ""},
		"dangling":                 {"c/dangling", sum, 409, "X-Symlink-Target does not exist", "/v1/a/c/none", "", ""},
		"dynamic link":             {"c/soft", emptyMD5, 201, "", "", "0", "; symlink_target=c/soft"},
		"static link to a dynamic": {"c/hard", emptyMD5, 201, "", "", "11", "; symlink_target=c/hard"},
		"target of a dynamic":      {"c/soft", sum, 409, "Object Etag '" + emptyMD5 + "' does not match X-Symlink-Target-Etag header '" + sum + "'", "/v1/a/c/soft", "", ""},
		"loop":                     {"c/loop", "x", 409, "Too many levels of symbolic links, maximum allowed is 2", "", "", ""},
		"large object":             {"c/large", large, 201, "", "", "77", "; slo_etag=whole; symlink_target=c/large"},
		"old large object":         {"c/oldlarge", large, 201, "", "", "78", "; slo_etag=whole2; symlink_target=c/oldlarge"},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := world(t, "")
			s.put("/c/o", "target body")
			s.link("/c/static", "c/o", sum)
			s.link("/c/stale", "c/o", "old")
			s.link("/c/dangling", "c/none", sum)
			s.link("/c/hard", "c/mild", emptyMD5)
			s.link("/c/mild", "c/o", "")
			s.link("/c/loop", "c/loop", "x")
			s.link("/c/soft", "c/o", "", storedAccount, "b",
				listingEtag, emptyMD5+"; symlink_target=c/o; symlink_target_account=b")
			s.put("/c/large", "manifest", "X-Object-Sysmeta-Slo-Etag", "whole", "X-Object-Sysmeta-Slo-Size", "77",
				listingEtag, large+"; slo_etag=whole")
			s.put("/c/oldlarge", "manifest", "X-Object-Sysmeta-Slo-Etag", "whole2", "X-Object-Sysmeta-Slo-Size", "78")
			got := put(h, "/c/l", targetHeader, strings.ReplaceAll(c.target, " ", "%20"), etagHeader, `"`+c.etag+`"`)
			if got.Status != c.status || got.Body != c.body || got.Header.Get("Content-Location") != c.at {
				t.Fatalf("%+v", got)
			}
			if c.status != 201 {
				if s.objects["/v1/a/c/l"] != nil {
					t.Error("stored")
				}
				return
			}
			want := emptyMD5 + c.listing + "; symlink_target_etag=" + c.etag + "; symlink_target_bytes=" + c.bytes
			if v := s.stored(t, "/c/l", listingEtag); v != want {
				t.Errorf("listing %q, want %q", v, want)
			}
			if e, b := s.stored(t, "/c/l", storedEtag), s.stored(t, "/c/l", storedBytes); e != c.etag || b != c.bytes {
				t.Errorf("%q of %q bytes", e, b)
			}
			if v := s.stored(t, "/c/l", "Content-Type"); v != "text/plain" {
				t.Errorf("type %q", v)
			}
		})
	}
}

func TestPutStaticWithoutRights(t *testing.T) {
	s, h := world(t, "")
	s.objects["/v1/b/c/o"] = &blob{"secret", http.Header{}}
	req := webtest.Request("PUT", "/v1/a/c/l", targetHeader, "c/o", accountHeader, "b", etagHeader, hexMD5("secret"))
	req.Authorize = only("/v1/a/")
	if got := webtest.Do(h, req); got.Status != 403 || s.takeLog() != "HEAD /v1/b/c/o" {
		t.Errorf("%+v", got)
	}
}

// What container-sync brings may come before its target.
func TestPutVerbatim(t *testing.T) {
	s, h := world(t, "")
	send := func(size string) webtest.Result {
		req := webtest.Request("PUT", "/v1/a/c/l", targetHeader, "c/o", etagHeader, "sum", bytesHeader, size)
		req.Verbatim = true
		return webtest.Do(h, req)
	}
	if got := send("12"); got.Status != 201 || s.stored(t, "/c/l", storedBytes) != "12" || s.stored(t, "/c/l", storedEtag) != "sum" {
		t.Errorf("%+v", got)
	}
	if log := s.takeLog(); log != "PUT /v1/a/c/l" {
		t.Error(log)
	}
	for _, size := range []string{"", "x", "-1"} {
		if got := send(size); got.Status != 400 || s.takeLog() != "" {
			t.Errorf("size %q: %+v", size, got)
		}
	}
}

func TestShowLinks(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"no listing":   {`{"symlink_target=": 1}`, `{"symlink_target=": 1}`},
		"no JSON":      {`symlink_target=`, `symlink_target=`},
		"plain object": {`[{"hash":"abc","name":"o"},{"subdir":"d/"}]`, `[{"hash":"abc","name":"o"},{"subdir":"d/"}]`},
		"link": {`[{"hash":"d41; symlink_target=c%20/o","name":"l"}]`,
			`[{"hash":"d41","name":"l","symlink_path":"/v1/%C3%A4/c%20/o"}]`},
		"other account": {`[{"hash":"d41; symlink_target=c/o; symlink_target_account=b","name":"<l>"}]`,
			`[{"hash":"d41","name":"<l>","symlink_path":"/v1/b/c/o"}]`},
		"static, with what others keep there": {
			`[{"bytes":0,"hash":"d41; slo_etag=w; symlink_target=c/o; symlink_target_etag=e=; symlink_target_bytes=12345678901234567"}]`,
			`[{"bytes":0,"hash":"d41; slo_etag=w","symlink_bytes":12345678901234567,"symlink_etag":"e=","symlink_path":"/v1/%C3%A4/c/o"}]`},
		"foreign account does not stay": {
			`[{"hash":"d41; symlink_target=c/o; symlink_target_account=b"},{"hash":"d41; symlink_target=c/o"}]`,
			`[{"hash":"d41","symlink_path":"/v1/b/c/o"},{"hash":"d41","symlink_path":"/v1/%C3%A4/c/o"}]`},
	} {
		if got := string(showLinks([]byte(c.in), "v1", "ä")); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestListing(t *testing.T) {
	webtest.TrackBodies(t)
	f, _ := webtest.Filter(t, New, nil, "", nil)
	const link = `[{"hash":"d41; symlink_target=c/o"}]`
	for name, c := range map[string]struct {
		method, kind string
		status       int
		want         string
	}{
		"json":       {"GET", "application/json; charset=utf-8", 200, `[{"hash":"d41","symlink_path":"/v1/a/c/o"}]`},
		"text":       {"GET", "text/plain", 200, link},
		"failure":    {"GET", "application/json", 404, link},
		"other verb": {"POST", "application/json", 200, link},
	} {
		h := f(webtest.NewNext(webtest.Answer(c.status, link, "Content-Type", c.kind, "Content-Length", "99")))
		got := webtest.Do(h, webtest.Request(c.method, "/v1/a/c"))
		if got.Body != c.want || got.ContentLength != int64(len(c.want)) || got.Status != c.status {
			t.Errorf("%s: %+v", name, got)
		}
	}
	broken := f(webtest.NewNext(func(*web.Request) *web.Response {
		resp := webtest.Response(200, "", "Content-Type", "application/json")
		resp.Abandon()
		resp.Body, resp.ContentLength = webtest.Body(`[{"hash"`, errors.New("cut")), -1
		return resp
	}))
	if got := webtest.Do(broken, webtest.Request("GET", "/v1/a/c")); got.Status < 500 {
		t.Errorf("broken listing: %+v", got)
	}
}

func TestInfo(t *testing.T) {
	_, env := webtest.Filter(t, New, nil, "symloop_max = 4", nil)
	got, _ := env.Info.Public()["symlink"].(map[string]any)
	if got["symloop_max"] != int64(4) || got["static_links"] != true || len(got) != 2 {
		t.Errorf("%v", got)
	}
	file, err := config.Parse("[filter:test]\nsymloop_max = two", "test.conf")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = New(&middleware.Env{Info: middleware.NewCapabilities()}, file.Section("filter:test"))
	if file.Err() == nil {
		t.Error("a word for a number was accepted")
	}
}
