package scenario

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// link makes a symlink; a static one if content is that of the target.
func (f *features) link(ctx context.Context, path, to, etag string) error {
	h := header{"X-Symlink-Target": to[1:]}
	if etag != "" {
		h["X-Symlink-Target-Etag"] = etag
	}
	_, err := f.want(ctx, 201, "PUT", path, "", h)
	return err
}

func sum(content string) string { return fmt.Sprintf("%x", md5.Sum([]byte(content))) }

// symlinks is objects that stand for others.
func (f *features) symlinks(ctx context.Context) ([]end, error) {
	content := f.text(3 * featureLeast)
	if err := f.store(ctx, "/links", nil, map[string]string{"/links/object": content}); err != nil {
		return nil, err
	}
	large, err := f.large(ctx, "links", f.size(), f.size(), f.size())
	err = errors.Join(err,
		f.link(ctx, "/links/dynamic", "/links/object", ""), f.link(ctx, "/links/static", "/links/object", sum(content)),
		f.link(ctx, "/links/chain", "/links/static", ""), f.link(ctx, "/links/tolarge", large.path, ""),
		f.link(ctx, "/links/loop1", "/links/loop2", ""), f.link(ctx, "/links/loop2", "/links/loop1", ""),
		f.link(ctx, "/links/dangling", "/links/none", ""))
	err = errors.Join(err, f.store(ctx, "/door", header{"X-Container-Read": ".r:*"}, nil), f.link(ctx, "/door/link", "/links/object", ""))
	var ends []end
	for _, t := range []readable{
		{what: "a dynamic link", path: "/links/dynamic", content: content},
		{what: "a static link", path: "/links/static", content: content},
		{what: "a chain", path: "/links/chain", content: content},
		{what: "a link to a large object", path: "/links/tolarge", content: large.content},
	} {
		ends = append(ends, f.reads(t)...)
	}
	for _, method := range []string{"GET", "HEAD"} {
		ends = append(ends, f.fixed("409 to "+method+" of a loop", 409, method, "/links/loop1", "", nil),
			f.fixed("404 to "+method+" of a dangling link", 404, method, "/links/dangling", "", nil),
			end{name: "409 to " + method + " of a static link whose target was changed", run: func(ctx context.Context) error {
				return f.changedTarget(ctx, method)
			}})
	}
	return append(ends,
		end{name: "a link to what a stranger may not read", run: func(ctx context.Context) error {
			_, err := f.anonymous.want(ctx, 401, "GET", "/door/link", "", nil)
			return err
		}},
		f.fixed("the link itself", 200, "GET", "/links/static?symlink=get", "", nil),
		f.fixed("307 to POST", 307, "POST", "/links/dynamic", "", header{"X-Object-Meta-Color": "blue"}),
		f.fixed("a static link with a wrong ETag", 409, "PUT", "/links/bad", "", header{"X-Symlink-Target": "links/object", "X-Symlink-Target-Etag": wrongEtag}),
		f.fixed("a static link to nothing", 409, "PUT", "/links/bad", "", header{"X-Symlink-Target": "links/none", "X-Symlink-Target-Etag": wrongEtag}),
		f.fixed("a link with a body", 400, "PUT", "/links/bad", content, header{"X-Symlink-Target": "links/object"}),
		f.fixed("a link to itself", 400, "PUT", "/links/bad", "", header{"X-Symlink-Target": "links/bad"}),
	), err
}

// changedTarget reads a static link to something that is no longer what it
// was.
func (f *features) changedTarget(ctx context.Context, method string) error {
	path, old := f.fresh("links"), f.text(10)
	_, err := f.want(ctx, 201, "PUT", path, old, nil)
	err = errors.Join(err, f.link(ctx, path+"link", path, sum(old)))
	_, wrong := f.want(ctx, 201, "PUT", path, f.text(3*featureLeast), nil)
	if err = errors.Join(err, wrong); err != nil {
		return err
	}
	_, err = f.want(ctx, 409, method, path+"link", "", nil)
	return err
}

// sign is a signed path: method, what it says is signed, and until when.
func (f *features) sign(key, method, path string, expires time.Time) string {
	return fmt.Sprintf("%s?temp_url_sig=%s&temp_url_expires=%d", path,
		signature(key, fmt.Sprintf("%s\n%d\n%s%s", method, expires.Unix(), f.account, path)), expires.Unix())
}

func signature(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return fmt.Sprintf("%x", mac.Sum(nil))
}

const urlKey = "sesame"

// tempurl is URLs that a signature allows.
func (f *features) tempurl(ctx context.Context) ([]end, error) {
	err := f.store(ctx, "/temp", header{"X-Container-Meta-Temp-Url-Key": urlKey}, nil)
	if err != nil {
		return nil, err
	}
	t, err := f.large(ctx, "temp", f.size(), f.size(), f.size())
	if err != nil {
		return nil, err
	}
	plain := t.path + "seg0"
	later, past := f.now().Add(time.Hour*24*365), f.now().Add(-time.Hour)
	t.what, t.path, t.by = "a large object", f.sign(urlKey, "GET", t.path, later), f.anonymous
	refused := func(name, method, path, body string) end {
		return end{name: name, run: func(ctx context.Context) error {
			_, err := f.anonymous.want(ctx, 401, method, path, body, nil)
			return err
		}}
	}
	up := f.sign(urlKey, "PUT", "/temp/up", later)
	prefixed := func(path string) string {
		start := plain[len("/temp/") : len(plain)-1]
		signed := fmt.Sprintf("GET\n%d\nprefix:%s/temp/%s", later.Unix(), f.account, start)
		return fmt.Sprintf("%s?temp_url_sig=%s&temp_url_expires=%d&temp_url_prefix=%s", path, signature(urlKey, signed), later.Unix(), start)
	}
	return append(f.reads(t),
		refused("a wrong signature", "GET", f.sign("other", "GET", plain, later), ""),
		refused("too late", "GET", f.sign(urlKey, "GET", plain, past), ""),
		refused("another method", "PUT", f.sign(urlKey, "GET", plain, later), f.text(featureLeast)),
		refused("another method, and the method has no body", "DELETE", f.sign(urlKey, "GET", plain, later), ""),
		end{name: "an upload", run: func(ctx context.Context) error {
			text := f.text(featureLeast)
			_, err := f.anonymous.want(ctx, 201, "PUT", up, text, nil)
			return errors.Join(err, f.holds(ctx, "/temp/up", text))
		}},
		end{name: "an upload that is cut", run: func(ctx context.Context) error {
			path := f.fresh("temp")
			err := f.anonymous.cut(ctx, "PUT", f.sign(urlKey, "PUT", path, later), f.text(featureLeast), f.rng.IntN(featureLeast), nil)
			return errors.Join(err, f.gone(ctx, path))
		}},
		end{name: "the client leaves an upload", run: func(ctx context.Context) error {
			path := f.fresh("temp")
			return f.anonymous.abandon(ctx, "PUT", f.sign(urlKey, "PUT", path, later), f.text(featureLeast), f.patience(), nil)
		}},
		refused("a name without the prefix that is signed", "GET", prefixed("/temp/up"), ""),
		end{name: "a name with the prefix that is signed", run: func(ctx context.Context) error {
			_, err := f.anonymous.want(ctx, 200, "GET", prefixed(plain), "", nil)
			return err
		}},
		end{name: "the client leaves a name with the prefix that is signed", run: func(ctx context.Context) error {
			return f.anonymous.leave(ctx, prefixed(plain), 1, nil)
		}},
		end{name: "a link may not be uploaded", run: func(ctx context.Context) error {
			_, err := f.anonymous.want(ctx, 400, "PUT", up, "", header{"X-Symlink-Target": "temp/other"})
			return err
		}},
	), nil
}

// staticweb is containers shown as web sites, to strangers.
func (f *features) staticweb(ctx context.Context) ([]end, error) {
	page := func(name string) string { return "<html>" + name + f.text(3*featureLeast) + "</html>" }
	index, missing := page("index"), page("missing")
	err := errors.Join(
		f.store(ctx, "/site", header{
			"X-Container-Read": ".r:*,.rlistings", "X-Container-Meta-Web-Index": "index.html", "X-Container-Meta-Web-Error": "error.html",
		}, map[string]string{"/site/index.html": index, "/site/404error.html": missing, "/site/dir/index.html": index}),
		f.store(ctx, "/list", header{"X-Container-Read": ".r:*,.rlistings", "X-Container-Meta-Web-Listings": "true"},
			map[string]string{"/list/a": "a", "/list/b/c": "c", "/list/b/d": "d"}),
		f.store(ctx, "/closed", header{"X-Container-Meta-Web-Index": "index.html", "X-Container-Meta-Web-Error": "error.html"},
			map[string]string{"/closed/index.html": index, "/closed/401error.html": missing}),
	)
	seen := func(name string, status int, method, path string, h header) end {
		return end{name: name, run: func(ctx context.Context) error {
			_, err := f.anonymous.want(ctx, status, method, path, "", h)
			return err
		}}
	}
	var ends []end
	for _, t := range []readable{
		{what: "the index", path: "/site/", content: index, by: f.anonymous},
		{what: "the index of a directory", path: "/site/dir/", content: index, by: f.anonymous},
		{what: "the index with a token", path: "/site/", content: index, by: f.client, h: header{"X-Web-Mode": "true"}},
	} {
		ends = append(ends, f.reads(t)...)
	}
	for _, path := range []string{"/site/none", "/site/none/"} {
		ends = append(ends, end{name: "the error page of " + path, run: func(ctx context.Context) error {
			return f.compare(ctx, readable{path: path, by: f.anonymous}, nil, 404, missing)
		}}, end{name: "the client leaves the error page of " + path, run: func(ctx context.Context) error {
			return f.anonymous.leaveAnswer(ctx, 404, "GET", path, "")
		}}, seen("HEAD of what is not there at "+path, 404, "HEAD", path, nil))
	}
	return append(ends,
		seen("a listing", 200, "GET", "/list/", nil), seen("HEAD of a listing", 200, "HEAD", "/list/", nil),
		seen("a listing of a directory", 200, "GET", "/list/b/", nil), seen("a listing of nothing", 404, "GET", "/list/none/", nil),
		seen("the way to the index", 301, "GET", "/site", nil), seen("the way to a directory", 301, "GET", "/site/dir", nil),
		seen("401", 401, "GET", "/closed/", nil), seen("401 of an object", 401, "GET", "/closed/index.html", nil),
		seen("no site", 401, "GET", "/nosuchsite/", nil),
	), err
}
