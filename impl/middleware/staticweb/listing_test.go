package staticweb

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

func TestReadable(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 1: "1", 1023: "1023", 1024: "1Ki", 1535: "1Ki", 1536: "2Ki", 2560: "2Ki", 1048575: "1Mi", 1 << 20: "1Mi",
		5 << 30: "5Gi", 1<<63 - 1: "8Ei",
	} {
		if got := readable(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestCSS(t *testing.T) {
	for name, c := range map[string]struct{ css, prefix, want string }{
		"in the container":   {"a b.css", "", "a%20b.css"},
		"from a directory":   {"css/a.css", "x/y/", "../../css/a.css"},
		"path of the server": {"/v1/a/c/a.css", "x/", "/v1/a/c/a.css"},
		"URL":                {"https://x/a b.css", "x/", "https://x/a%20b.css"},
		"attack":             {`"><script>`, "", "%22%3E%3Cscript%3E"},
	} {
		if got := (page{site: site{css: c.css}, prefix: c.prefix}).cssURL(); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestTitle(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/a/c": "label/", "/v1/a/c/": "label/", "/v1/a/c/d/e/": "label/d/e/",
	} {
		v := visit{req: webtest.Request("GET", path)}
		if got := v.title(); got != path {
			t.Errorf("%s without label: %s", path, got)
		}
		v.site.label = "label"
		if got := v.title(); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

const row1 = `   <tr class="item subdir">
    <td class="colname"><a href="./a%2Eb/">a.b/</a></td>
    <td class="colsize">&nbsp;</td>
    <td class="coldate">&nbsp;</td>
   </tr>
`

const row2 = `   <tr class="item type-text type-plain">
    <td class="colname"><a href="./%2E%2E">..</a></td>
    <td class="colsize">2Ki</td>
    <td class="coldate">2026-01-02 03:04:05</td>
   </tr>
`

func TestTable(t *testing.T) {
	s, h := world(t, "")
	s.meta["Listings"] = "true"
	s.objects = map[string]object{
		"d/a.b/x": {"text/plain", "x"}, "d/..": {"TEXT/plain", strings.Repeat("x", 2048)}, "other": {"text/plain", ""},
	}
	got := webtest.Do(h, browser("GET", "/v1/a/c/d/"))
	if got.Status != 200 || got.Header.Get("Content-Type") != "text/html; charset=UTF-8" || got.Header.Get("X-Backend-Content-Generator") != "staticweb" {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{row1 + row2, `<a href="../">../</a>`, `<h1 id="title">Listing of /v1/a/c/d/</h1>`} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("no %q in\n%s", want, got.Body)
		}
	}
	if strings.Contains(got.Body, "other") {
		t.Error("shows what is not in the directory")
	}
	if got := webtest.Do(h, browser("GET", "/v1/a/c/")); strings.Contains(got.Body, `"../`) {
		t.Error("the root leads up")
	}
}

// Nothing that users can store becomes a tag or ends an attribute.
func TestNoScripts(t *testing.T) {
	const attack = `"><script>'&`
	s, h := world(t, "")
	s.objects = map[string]object{
		attack + "/" + attack: {"text/" + attack, "x"}, attack + "/d" + attack + "/x": {"text/plain", "x"},
	}
	for name, meta := range map[string]map[string]string{
		"listing":  {"Listings": "true", "Listings-Label": attack, "Listings-Css": attack},
		"disabled": {"Listings": "no", "Listings-Label": attack, "Listings-Css": attack, "Index": "none" + attack},
	} {
		s.meta = meta
		got := webtest.Do(h, browser("GET", "/v1/a/c/"+attack+"/"))
		if strings.Contains(strings.ToLower(got.Body), "<script") || strings.Contains(got.Body, `""`) {
			t.Errorf("%s: %s", name, got.Body)
		}
		if !strings.Contains(got.Body, "&#34;&gt;&lt;script&gt;") {
			t.Errorf("%s shows no name: %s", name, got.Body)
		}
	}
}

func TestSignedLinks(t *testing.T) {
	for name, c := range map[string]struct {
		query, path string
		links       string // query of the links; "-" none
		up          bool
	}{
		"whole container": {"temp_url_prefix=&temp_url_sig=ab%2B&temp_url_expires=9", "/d/",
			"?temp_url_prefix=&amp;temp_url_expires=9&amp;temp_url_sig=ab%2B", true},
		"directory": {"temp_url_sig=ab&temp_url_expires=2026-01-02T03:04:05Z&temp_url_prefix=d/&inline&temp_url_ip_range=10.0.0.0/8", "/d/",
			"?temp_url_prefix=d/&amp;temp_url_expires=2026-01-02T03%3A04%3A05Z&amp;temp_url_sig=ab&amp;temp_url_ip_range=10.0.0.0/8&amp;inline", false},
		"below it":  {"temp_url_sig=ab&temp_url_expires=9&temp_url_prefix=d", "/d/", "?temp_url_prefix=d&amp;temp_url_expires=9&amp;temp_url_sig=ab", true},
		"no prefix": {"temp_url_sig=ab&temp_url_expires=9", "/d/", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := world(t, "")
			s.meta["Listings"] = "true"
			s.objects["d/x"], s.objects["d/e/x"] = object{"text/plain", "x"}, object{"text/plain", "x"}
			req := browser("GET", "/v1/a/c"+c.path+"?"+c.query)
			req.Meta.User = signedURL
			got := webtest.Do(h, req)
			for _, want := range []string{`href="./x` + c.links + `"`, `href="./e/` + c.links + `"`} {
				if !strings.Contains(got.Body, want) {
					t.Errorf("no %s in %s", want, got.Body)
				}
			}
			if up := strings.Contains(got.Body, `href="../`+c.links+`"`); up != c.up {
				t.Errorf("leads up: %v\n%s", up, got.Body)
			}
		})
	}
	s, h := world(t, "")
	s.meta["Listings"] = "true"
	s.objects["x"] = object{"text/plain", "x"}
	got := webtest.Do(h, browser("GET", "/v1/a/c/?temp_url_prefix=&temp_url_sig=ab&temp_url_expires=9"))
	if strings.Contains(got.Body, "temp_url") {
		t.Error("links carry what was no signature")
	}
}

func TestNoListing(t *testing.T) {
	for name, resp := range map[string]func(*web.Request) *web.Response{
		"no JSON": webtest.Answer(200, "<html>"),
		"cut": func(*web.Request) *web.Response {
			return &web.Response{Status: 200, Header: http.Header{}, Body: webtest.Body("[{", io.ErrUnexpectedEOF), ContentLength: -1}
		},
	} {
		t.Run(name, func(t *testing.T) {
			webtest.TrackBodies(t)
			f, _ := webtest.Filter(t, New, nil, "", nil)
			next := webtest.NewNext(webtest.Answer(204, ""), webtest.Answer(204, "", "X-Container-Meta-Web-Listings", "on", "X-Container-Read", ".r:*,.rlistings"), resp)
			if got := webtest.Do(f(next), browser("GET", "/v1/a/c/")); got.Status != 503 {
				t.Errorf("%+v", got)
			}
		})
	}
}
