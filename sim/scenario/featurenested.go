package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// nested is large objects of one kind made of those of the other. Segments are
// read as they are stored, so it cannot be read, and that shows when they are.
func (f *features) nested(ctx context.Context) ([]end, error) {
	if err := f.store(ctx, "/nested", nil, nil); err != nil {
		return nil, err
	}
	dynamic, err := f.dynamic(ctx, "nested", f.size(), f.size())
	if err != nil {
		return nil, err
	}
	plain, text, err := f.segments(ctx, "/nested/part", f.size())
	if err != nil {
		return nil, err
	}
	static := readable{what: "a static one of a dynamic one", path: "/nested/static", content: dynamic.content + text, by: f.client}
	if err := f.manifest(ctx, static.path, append([]row{{"path": dynamic.path}}, plain...)); err != nil {
		return nil, err
	}
	one, err := f.large(ctx, "nested", featureLeast, featureLeast)
	if err != nil {
		return nil, err
	}
	_, err = f.want(ctx, 201, "PUT", "/nested/dynamic", "", header{"X-Object-Manifest": one.path[1:] + "seg"})
	_, wrong := f.want(ctx, 201, "PUT", "/nested/ofstatic", "", header{"X-Object-Manifest": static.path[1:]})
	outer := readable{what: "a dynamic one of static ones", path: "/nested/ofstatic", content: static.content, by: f.client, single: true}
	ends := append(f.refusals(static), f.refusals(outer)...)
	for _, method := range []string{"PUT", "COPY"} {
		for _, t := range []readable{static, outer} {
			ends = append(ends, end{name: method + " copies " + t.what, run: func(ctx context.Context) error { return f.copyBroken(ctx, method, t) }})
		}
	}
	return append(ends,
		f.fixed("409 to a static one of a dynamic one", 409, "GET", static.path, "", nil),
		f.fixed("409 to a range of a static one of a dynamic one", 409, "GET", static.path, "", header{"Range": "bytes=10-20"}),
		f.fixed("409 to several ranges of a static one of a dynamic one", 409, "GET", static.path, "", header{"Range": "bytes=0-9,20-29"}),
		f.fixed("409 to a part of a static one of a dynamic one", 409, "GET", static.path+"?part-number=1", "", nil),
		end{name: "HEAD of a static one of a dynamic one", run: func(ctx context.Context) error { return f.headed(ctx, static) }},
		end{name: "HEAD of a dynamic one of static ones", run: func(ctx context.Context) error { return f.headed(ctx, outer) }},
		end{name: "a range of a static one that needs no dynamic one", run: func(ctx context.Context) error {
			from := len(dynamic.content) + 10
			return f.compare(ctx, static, header{"Range": fmt.Sprintf("bytes=%d-", from)}, 206, static.content[from:])
		}},
		end{name: "a dynamic one of static ones, which are read as they are stored", run: func(ctx context.Context) error {
			return f.broken(ctx, outer.path, len(static.content)-1)
		}},
		end{name: "the client leaves a dynamic one of static ones", run: func(ctx context.Context) error {
			return f.leave(ctx, outer.path, 1, nil)
		}},
	), errors.Join(err, wrong)
}

// copyBroken copies what cannot be read to its end: it must not look as if it
// could.
func (f *features) copyBroken(ctx context.Context, method string, t readable) error {
	to := f.fresh(t.path[1:strings.LastIndexByte(t.path, '/')])
	path, h := to, header{"X-Copy-From": t.path[1:]}
	if method == "COPY" {
		path, h = t.path, header{"Destination": to[1:]}
	}
	status, _, err := f.do(ctx, method, path, "", h)
	if status/100 == 2 {
		err = errors.Join(err, fmt.Errorf("%s of %s answers %d", method, t.what, status))
	}
	return errors.Join(err, f.gone(ctx, to))
}

// quoted is a container whose ETags are as HTTP wants them, with one of each
// that has an ETag of its own.
func (f *features) quoted(ctx context.Context) ([]end, error) {
	plain := readable{what: "an object", path: "/quoted/object", content: f.text(2 * featureLeast)}
	err := f.store(ctx, "/quoted", header{"X-Container-Rfc-Compliant-Etags": "true"}, map[string]string{plain.path: plain.content})
	if err != nil {
		return nil, err
	}
	static, err := f.large(ctx, "quoted", f.size(), f.size(), f.size())
	if err != nil {
		return nil, err
	}
	dynamic, err := f.dynamic(ctx, "quoted", f.size(), f.size(), f.size())
	link := readable{what: "a link", path: "/quoted/link", content: static.content}
	err = errors.Join(err, f.link(ctx, link.path, static.path, ""))
	var ends []end
	for _, t := range []readable{plain, static, dynamic, link} {
		t.by = f.client
		ends = append(ends, f.reads(t)...)
		for _, method := range []string{"GET", "HEAD"} {
			ends = append(ends, end{name: fmt.Sprintf("%s, its ETag has quotes in %s, also in 304", t.what, method), run: func(ctx context.Context) error {
				return f.quotes(ctx, method, t)
			}})
		}
		ends = append(ends, end{name: t.what + ", 200 to GET with its ETag", run: func(ctx context.Context) error {
			etag, err := f.etag(ctx, t)
			if err == nil {
				err = f.compare(ctx, t, header{"If-Match": `"other", ` + etag}, 200, t.content)
			}
			return err
		}})
	}
	return append(ends,
		end{name: "a PUT answers with quotes", run: func(ctx context.Context) error {
			h, err := f.answered(ctx, 201, "PUT", f.fresh("quoted"), plain.content, nil)
			if want := `"` + sum(plain.content) + `"`; err == nil && h.Get("Etag") != want {
				err = fmt.Errorf("the ETag is %s, want %s", h.Get("Etag"), want)
			}
			return err
		}},
		f.fixed("a PUT with its ETag in quotes", 201, "PUT", "/quoted/other", plain.content, header{"Etag": `"` + sum(plain.content) + `"`}),
		f.fixed("a PUT with the wrong ETag in quotes", 422, "PUT", "/quoted/other", plain.content, header{"Etag": `"` + wrongEtag + `"`}),
	), err
}

// quotes asks for an object twice, the second time only if it is another.
func (f *features) quotes(ctx context.Context, method string, t readable) error {
	h, err := f.answered(ctx, 200, method, t.path, "", nil)
	if err != nil {
		return err
	}
	again, err := f.answered(ctx, 304, method, t.path, "", header{"If-None-Match": h.Get("Etag")})
	for _, h := range []string{h.Get("Etag"), again.Get("Etag")} {
		if err == nil && (len(h) < 3 || !strings.HasPrefix(h, `"`) || !strings.HasSuffix(h, `"`)) {
			err = fmt.Errorf("%s %s: the ETag is %s", method, t.path, h)
		}
	}
	return err
}

// heartbeats are manifests of which the client wants to hear while their
// segments are looked at. The status is sent before that.
func (f *features) heartbeats() []end {
	const query = "?multipart-manifest=put&heartbeat=on"
	made := func(name string, run func(ctx context.Context, path, manifest, content string) error) end {
		return end{name: "heartbeat, " + name, run: func(ctx context.Context) error {
			path := f.fresh("faults")
			rows, content, err := f.segments(ctx, path+"seg", featureLeast, 1, 2, 3, 4, 5)
			if err != nil {
				return err
			}
			text, err := json.Marshal(rows)
			if err != nil {
				return err
			}
			return run(ctx, path, string(text), content)
		}}
	}
	report := func(ctx context.Context, path, manifest, status string, h header) error {
		text, err := f.want(ctx, 202, "PUT", path+query, manifest, h)
		if err == nil && !strings.Contains(string(text), "Response Status: "+status) {
			err = fmt.Errorf("PUT %s reports %.300q, want %s", path, text, status)
		}
		return err
	}
	lose := func(ctx context.Context, path string) error {
		_, err := f.want(ctx, 204, "DELETE", path+"seg3", "", nil)
		return err
	}
	return []end{
		made("to its end", func(ctx context.Context, path, manifest, content string) error {
			return errors.Join(report(ctx, path, manifest, "201", nil), f.holds(ctx, path, content))
		}),
		made("a segment is not there", func(ctx context.Context, path, manifest, _ string) error {
			return errors.Join(lose(ctx, path), report(ctx, path, manifest, "400", nil), f.gone(ctx, path))
		}),
		made("the wrong ETag", func(ctx context.Context, path, manifest, _ string) error {
			return errors.Join(report(ctx, path, manifest, "422", header{"Etag": wrongEtag}), f.gone(ctx, path))
		}),
		made("no container", func(ctx context.Context, path, manifest, _ string) error {
			return report(ctx, "/nosuchcontainer/object", manifest, "404", nil)
		}),
		made("a manifest that is no JSON", func(ctx context.Context, path, _, _ string) error {
			_, err := f.want(ctx, 400, "PUT", path+query, "[{", nil)
			return errors.Join(err, f.gone(ctx, path))
		}),
		made("a manifest that is cut", func(ctx context.Context, path, manifest, _ string) error {
			return errors.Join(f.cut(ctx, "PUT", path+query, manifest, len(manifest)/2, nil), f.gone(ctx, path))
		}),
		made("the client leaves after the first space", func(ctx context.Context, path, manifest, content string) error {
			return errors.Join(f.leaveAnswer(ctx, 202, "PUT", path+query, manifest), f.allOrNothing(ctx, path, content))
		}),
		made("the client leaves after the first space, and a segment is not there", func(ctx context.Context, path, manifest, _ string) error {
			return errors.Join(lose(ctx, path), f.leaveAnswer(ctx, 202, "PUT", path+query, manifest), f.gone(ctx, path))
		}),
		made("the client leaves at any time", func(ctx context.Context, path, manifest, content string) error {
			return errors.Join(f.abandon(ctx, "PUT", path+query, manifest, f.patience(), nil), f.allOrNothing(ctx, path, content))
		}),
	}
}

// allOrNothing checks that there is no object, or all of it.
func (f *features) allOrNothing(ctx context.Context, path, content string) error {
	status, text, err := f.do(ctx, "GET", path, "", nil)
	if err == nil && status != 404 && (status != 200 || string(text) != content) {
		err = fmt.Errorf("GET %s answers %d with %d bytes, want 404 or the %d that were stored", path, status, len(text), len(content))
	}
	return err
}
