package staticweb

import (
	"net/http"
	"strings"
	"testing"

	"apus/impl/web/webtest"
)

func TestWhoIsServed(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, user, mode string
		open                     bool // no auth filter
		served                   bool
	}{
		"anonymous":              {"GET", "/v1/a/c/", "", "", false, true},
		"HEAD":                   {"HEAD", "/v1/a/c/", "", "", false, true},
		"signed URL":             {"GET", "/v1/a/c/", ".wsgi.tempurl", "", false, true},
		"user":                   {"GET", "/v1/a/c/", "test:tester", "", false, false},
		"user in web mode":       {"GET", "/v1/a/c/", "test:tester", "on", false, true},
		"user not in web mode":   {"GET", "/v1/a/c/", "test:tester", "off", false, false},
		"write":                  {"PUT", "/v1/a/c/", "", "", false, false},
		"no auth filter":         {"GET", "/v1/a/c/", "", "", true, false},
		"account":                {"GET", "/v1/a", "", "", false, false},
		"nothing of the kind":    {"GET", "/info", "", "", false, false},
		"container without site": {"GET", "/v1/a/d/", "", "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := world(t, "")
			s.meta["Listings"] = "true"
			req := browser(c.method, c.path, "X-Web-Mode", c.mode)
			req.Meta.User = c.user
			if c.open {
				req.Authorize = nil
			}
			got := webtest.Do(h, req)
			if served := strings.Contains(got.Body, "Listing of"); served != c.served {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
	}
}

// furnish makes a container with an index, a directory of each kind, and pages for
// errors.
func furnish(s *store) {
	s.objects = map[string]object{
		"index.html": {"text/html", "root"}, "page": {"text/plain", "a page"},
		"with/index.html": {"text/html", "inner"}, "with/x": {"text/plain", "x"},
		"bare/x": {"text/plain", "x"}, "marked": {"application/directory", ""}, "marked/x": {"text/plain", "x"},
		"full": {"application/directory", "text"}, "empty": {"text/plain", ""},
		"401err": {"text/plain", "page for 401"}, "404err": {"text/plain", "page for 404"},
	}
}

func TestSite(t *testing.T) {
	type meta = map[string]string
	index, list := meta{"Index": " index.html "}, meta{"Listings": "true"}
	both := meta{"Index": "index.html", "Listings": "yes", "Error": "err"}
	off := meta{"Index": "none.html", "Listings": "no"}
	for name, c := range map[string]struct {
		meta   meta
		path   string
		acl    string
		status int
		want   string // in the body, or Location
	}{
		"root, index":                      {index, "/", "", 200, "root"},
		"root without slash":               {index, "", "", 301, "/v1/a/c/"},
		"root, listing":                    {list, "/", "", 200, "Listing of /v1/a/c/"},
		"root, index missing":              {off, "/", "", 404, "Web Listing Disabled"},
		"root, index missing but listed":   {meta{"Index": "none", "Listings": "1"}, "/", "", 200, "Listing of"},
		"root, no site":                    {nil, "/", "", 200, "last_modified"},
		"root, listing denied":             {list, "/", ".r:*", 401, "who are you"},
		"root, listing denied, error page": {both, "/", ".r:*", 401, "page for 401"},
		"root, nothing allowed":            {both, "/", "", 401, "who are you"},
		"object":                           {both, "/page", "", 200, "a page"},
		"object that is gone":              {both, "/none", "", 404, "page for 404"},
		"object that is gone, no page":     {list, "/none", "", 404, "could not be found"},
		"object that is gone, no site":     {meta{"Error": "err"}, "/none", "", 404, "gone"},
		"object denied":                    {both, "/page", ".rlistings", 401, "who are you"},
		"empty object":                     {both, "/empty", "", 200, ""},
		"directory with index":             {both, "/with/", "", 200, "inner"},
		"same without slash":               {both, "/with", "", 301, "/v1/a/c/with/"},
		"directory without index":          {both, "/bare/", "", 200, "Listing of /v1/a/c/bare/"},
		"bare without slash":               {both, "/bare", "", 301, "/v1/a/c/bare/"},
		"directory, listings off":          {off, "/bare/", "", 404, "Web Listing Disabled"},
		"no directory":                     {both, "/none/", "", 404, "page for 404"},
		"no directory, no page":            {list, "/none/", "", 404, "could not be found"},
		"marker":                           {both, "/marked", "", 301, "/v1/a/c/marked/"},
		"marker, no site":                  {nil, "/marked", "", 200, ""},
		"marker with content":              {both, "/full", "", 200, "text"},
		"marker of another type":           {meta{"Listings": "t", "Directory-Type": "x/y"}, "/marked", "", 200, ""},
		"index denied":                     {index, "/with/", ".rlistings", 401, "who are you"},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := world(t, "")
			furnish(s)
			s.meta = c.meta
			if c.acl != "" {
				s.acl = c.acl
			}
			if strings.Contains(name, "nothing allowed") {
				s.acl = ""
			}
			for _, method := range []string{"GET", "HEAD"} {
				got := webtest.Do(h, browser(method, "/v1/a/c"+c.path))
				text := got.Body
				if c.status == http.StatusMovedPermanently {
					text = got.Header.Get("Location")
				}
				if got.Status != c.status || !strings.Contains(text, c.want) {
					t.Errorf("%s: %d %q\n%s", method, got.Status, text, s.takeLog())
				}
			}
		})
	}
}

// A request to an index that fails is no missing index.
func TestIndexFails(t *testing.T) {
	for path, fault := range map[string]string{"/": "/v1/a/c/index.html", "/with/": "/v1/a/c/with/index.html", "/with": "/v1/a/c/with/index.html"} {
		t.Run(path, func(t *testing.T) {
			s, h := world(t, "")
			furnish(s)
			s.meta = map[string]string{"Index": "index.html", "Listings": "true"}
			s.faults[fault] = 503
			if got := webtest.Do(h, browser("GET", "/v1/a/c"+path)); got.Status != 503 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestListingFails(t *testing.T) {
	s, h := world(t, "")
	furnish(s)
	s.meta = map[string]string{"Listings": "true", "Error": "err"}
	s.objects["503err"] = object{"text/plain", "page for 503"}
	s.faults["/v1/a/c"] = 503
	if got := webtest.Do(h, browser("GET", "/v1/a/c/")); got.Status != 503 || got.Body != "page for 503" {
		t.Errorf("%+v", got)
	}
	if got := webtest.Do(h, browser("GET", "/v1/a/c/bare")); got.Status != 404 || got.Body != "page for 404" {
		t.Errorf("%+v", got)
	}
}

func TestConditions(t *testing.T) {
	s, h := world(t, "")
	furnish(s)
	s.meta = map[string]string{"Index": "index.html", "Listings": "true"}
	got := webtest.Do(h, browser("GET", "/v1/a/c/", "If-None-Match", "etag-index.html"))
	if got.Status != 304 {
		t.Errorf("index: %+v", got)
	}
	got = webtest.Do(h, browser("GET", "/v1/a/c/with/", "If-None-Match", "etag-with/index.html"))
	if got.Status != 304 {
		t.Errorf("inner index: %+v", got)
	}
	got = webtest.Do(h, browser("GET", "/v1/a/c/page", "If-Match", "other"))
	if got.Status != 412 {
		t.Errorf("object: %+v", got)
	}
}

func TestNoSite(t *testing.T) {
	s, h := world(t, "")
	if got := webtest.Do(h, browser("GET", "/v1/a/c/", "X-Web-Mode", "true")); got.Status != 404 || s.takeLog() != "" {
		t.Errorf("%+v", got)
	}
}

func TestRequests(t *testing.T) {
	s, h := world(t, "")
	furnish(s)
	s.meta = map[string]string{"Index": "index.html", "Listings": "true", "Error": "err"}
	for path, want := range map[string]string{
		"/":      "GET /v1/a/c/index.html",
		"/bare/": "GET /v1/a/c/bare/\nGET /v1/a/c/bare/index.html\nGET /v1/a/c?delimiter=%2F&format=json&prefix=bare%2F",
		"/none": "GET /v1/a/c/none\nGET /v1/a/c/none/index.html\n" +
			"GET /v1/a/c?delimiter=%2F&format=json&limit=1&prefix=none%2F\nGET /v1/a/c/404err",
	} {
		webtest.Do(h, browser("GET", "/v1/a/c"+path, "User-Agent", "curl", "Referer", "http://r", "X-Foo", "1"))
		for _, req := range s.seen {
			if req.Source != "SW" || req.Header.Get("User-Agent") != "curl StaticWeb" || req.Header.Get("Referer") != "http://r" {
				t.Errorf("%s %s: source %q, %v", req.Method, req.Path, req.Source, req.Header)
			}
		}
		if got := s.takeLog(); got != want {
			t.Errorf("%s:\n%s", path, got)
		}
	}
}

func TestRedirectBase(t *testing.T) {
	for options, want := range map[string]string{
		"":                                     "/v1/a/c/b%C3%A4r%20e/",
		"url_base = https://www.example.com/x": "https://www.example.com/v1/a/c/b%C3%A4r%20e/",
		"url_base = https:":                    "https://host/v1/a/c/b%C3%A4r%20e/",
		"url_base = //www.example.com:8080":    "http://www.example.com:8080/v1/a/c/b%C3%A4r%20e/",
	} {
		t.Run(options, func(t *testing.T) {
			s, h := world(t, options)
			s.meta["Listings"] = "true"
			s.objects["bär e/x"] = object{"text/plain", "x"}
			if got := webtest.Do(h, browser("GET", "/v1/a/c/bär e")); got.Header.Get("Location") != want {
				t.Errorf("%v", got.Header)
			}
		})
	}
}

func TestInfo(t *testing.T) {
	_, env := webtest.Filter(t, New, nil, "", nil)
	if got, ok := env.Info.Public()["staticweb"].(map[string]any); !ok || len(got) != 0 {
		t.Errorf("%v", env.Info.Public())
	}
}
