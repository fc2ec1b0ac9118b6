package api

import "strings"

// site makes a public container with files, given as name and content.
func (e *Env) site(files []string, headers ...string) string {
	e.Need("staticweb")
	opts := []option{hdr("X-Container-Read", ".r:*,.rlistings")}
	for i := 0; i+1 < len(headers); i += 2 {
		opts = append(opts, hdr("X-Container-Meta-Web-"+headers[i], headers[i+1]))
	}
	c := e.container(opts...)
	var names []string
	for i := 0; i+1 < len(files); i += 2 {
		e.put(c, files[i], files[i+1], hdr("Content-Type", "text/html"))
		names = append(names, files[i])
	}
	e.listed(c, "", names...)
	return c
}

// visit is what a browser gets.
func (e *Env) visit(path string, opts ...option) *response {
	return e.do("GET", path, append([]option{anonymous()}, opts...)...)
}

func staticWebCases() []Case {
	const feature = "static web"
	files := []string{"a.html", "page a", "error.html", "error page", "index.html", "front page", "sub/b.html", "page b", "sub/index.html", "sub page"}
	web := func(id, want string, headers []string, check func(e *Env, c string)) Case {
		return Case{"staticweb-" + id, "GET", "container", feature, want, func(e *Env) { check(e, e.site(files, headers...)) }}
	}
	index := []string{"Index", "index.html"}
	listings := []string{"Listings", "true"}
	return []Case{
		web("index", "Web-Index is the page of the container", index, func(e *Env, c string) {
			e.visit(c + "/").Status(200).Body().IsEqual("front page")
		}),
		web("index-sub", "Web-Index is the page of each pseudo-directory", index, func(e *Env, c string) {
			e.visit(c + "/sub/").Status(200).Body().IsEqual("sub page")
		}),
		web("index-head", "HEAD finds the index too", index, func(e *Env, c string) {
			r := e.do("HEAD", c+"/", anonymous()).Status(200)
			r.Header("Content-Length").IsEqual("10")
			r.Body().IsEmpty()
		}),
		web("slash-container", "a container without its slash is 301 to it", index, func(e *Env, c string) {
			e.visit(c).Status(301).Header("Location").HasSuffix(e.path(c) + "/")
		}),
		web("slash-sub", "a pseudo-directory without its slash is 301 to it", index, func(e *Env, c string) {
			e.visit(c + "/sub").Status(301).Header("Location").HasSuffix(e.path(c) + "/sub/")
		}),
		web("object", "objects are served as they are", index, func(e *Env, c string) {
			e.visit(c + "/a.html").Status(200).Body().IsEqual("page a")
		}),
		web("no-listing", "without listings and index, 404 says that listings are off", []string{"Index", "absent.html"}, func(e *Env, c string) {
			e.visit(c + "/").Status(404).Body().Contains("Web Listing Disabled")
		}),
		web("listing", "Web-Listings shows an HTML page of objects and directories", listings, func(e *Env, c string) {
			e.since(33)
			r := e.visit(c + "/").Status(200)
			r.Header("Content-Type").HasPrefix("text/html")
			r.Body().Contains("Listing of " + e.base + "/" + c + "/").Contains(`href="./a%2Ehtml"`).Contains(`href="./sub/"`).NotContains("b.html")
		}),
		web("listing-sub", "a listing of a pseudo-directory shows what is below, and a way up", []string{"Listings", "true"}, func(e *Env, c string) {
			e.since(33)
			r := e.visit(c + "/sub/").Status(200)
			r.Body().Contains(`href="./b%2Ehtml"`).Contains(`href="../"`).NotContains("a.html")
		}),
		web("listing-absent", "a listing of nothing is 404", listings, func(e *Env, c string) {
			e.visit(c + "/nothing/").Status(404)
		}),
		web("listing-css", "Web-Listings-CSS is linked, relative to the container", []string{"Listings", "true", "Listings-Css", "style.css"}, func(e *Env, c string) {
			e.visit(c + "/").Status(200).Body().Contains(`href="style.css"`)
			e.visit(c + "/sub/").Status(200).Body().Contains(`href="../style.css"`)
		}),
		web("listing-label", "Web-Listings-Label stands for the path", []string{"Listings", "true", "Listings-Label", "Shop"}, func(e *Env, c string) {
			e.visit(c + "/").Status(200).Body().Contains("Listing of Shop/").NotContains("Listing of /v1/")
		}),
		web("error", "Web-Error is the page of 404, under its own name", []string{"Index", "index.html", "Error", "error.html"}, func(e *Env, c string) {
			e.put(c, "404error.html", "not found here", hdr("Content-Type", "text/html"))
			r := e.visit(c + "/absent").Status(404)
			r.Body().IsEqual("not found here")
		}),
		web("error-absent", "an error page that is absent leaves the plain 404", []string{"Index", "index.html", "Error", "nothing.html"}, func(e *Env, c string) {
			e.visit(c + "/absent").Status(404)
		}),
		web("error-unauthorized", "Web-Error is the page of 401 for a container that is shut", []string{"Listings", "true", "Error", "error.html"}, func(e *Env, c string) {
			e.do("POST", c, hdr("X-Container-Read", ".r:*")).Status(204)
			e.put(c, "401error.html", "keep out")
			e.visit(c + "/").Status(401).Body().IsEqual("keep out")
		}),
		web("token", "a user with a token gets the API's listing", index, func(e *Env, c string) {
			e.do("GET", c).Status(200).Body().Contains("a.html\n")
		}),
		web("web-mode", "X-Web-Mode shows a user with a token the site", index, func(e *Env, c string) {
			e.do("GET", c+"/", hdr("X-Web-Mode", "true")).Status(200).Body().IsEqual("front page")
		}),
		web("off", "a container without web metadata lists as ever", nil, func(e *Env, c string) {
			e.visit(c).Status(200).Body().Contains("index.html\n")
		}),
		web("marker", "an object that marks a directory is its listing", listings, func(e *Env, c string) {
			e.put(c, "sub", "", hdr("Content-Type", "application/directory"))
			e.visit(c + "/sub").Status(301)
			e.visit(c + "/sub/").Status(200).Body().Contains("b.html")
		}),
		web("marker-type", "Web-Directory-Type names the type of such markers", []string{"Listings", "true", "Directory-Type", "text/directory"}, func(e *Env, c string) {
			e.put(c, "sub", "", hdr("Content-Type", "text/directory"))
			e.visit(c + "/sub").Status(301)
		}),
		web("put", "writes are no visits", index, func(e *Env, c string) {
			e.do("PUT", c+"/new", anonymous(), body("x")).Status(401)
			e.do("DELETE", c+"/a.html", anonymous()).Status(401)
		}),
		{"staticweb-private", "GET", "container", feature, "a site that is not public is 401", func(e *Env) {
			e.Need("staticweb")
			c := e.container(hdr("X-Container-Meta-Web-Index", "index.html"))
			e.put(c, "index.html", "secret")
			e.visit(c + "/").Status(401)
			e.visit(c + "/index.html").Status(401)
		}},
		{"staticweb-escape", "GET", "container", feature, "names in a listing are escaped for HTML", func(e *Env) {
			c := e.site([]string{"<script>&'\"", "x"}, "Listings", "true")
			e.visit(c + "/").Status(200).Body().Contains("&lt;script&gt;&amp;").NotContains("<script>&")
		}},
		{"staticweb-tempurl", "GET", "container", feature, "a signed prefix shows a listing whose links are signed too", func(e *Env) {
			e.Need("tempurl")
			e.since(33)
			c := e.site([]string{"p/a", "x"}, "Listings", "true")
			e.do("POST", c, hdr("X-Container-Meta-Temp-Url-Key", tempKey), hdr("X-Container-Read", "")).Status(204)
			t := e.temp(c + "/p/")
			sig := sign(e.digest(), t.key, "GET\n"+t.expires+"\nprefix:/v1/"+e.accountName()+"/"+c+"/p/")
			q := "temp_url_sig=" + sig + "&temp_url_expires=" + t.expires + "&temp_url_prefix=p/"
			text := e.visit(c+"/p/", query(q)).Status(200).Body().Raw()
			if !strings.Contains(text, "temp_url_sig="+sig) {
				e.Failf("the listing has no signed link: %s", text)
			}
		}},
	}
}
