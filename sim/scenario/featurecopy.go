package scenario

import (
	"context"
	"errors"
	"fmt"
)

// dynamic stores segments and an object that stands for all of a prefix.
func (f *features) dynamic(ctx context.Context, container string, sizes ...int) (readable, error) {
	path := f.fresh(container)
	_, content, err := f.segments(ctx, path+"seg", sizes...)
	if err == nil {
		_, err = f.want(ctx, 201, "PUT", path, "", header{"X-Object-Manifest": path[1:] + "seg"})
	}
	return readable{what: "a dynamic large object", path: path, content: content, single: true}, err
}

// dlo is dynamic large objects.
func (f *features) dlo(ctx context.Context) ([]end, error) {
	if err := f.store(ctx, "/dlo", nil, nil); err != nil {
		return nil, err
	}
	t, err := f.dynamic(ctx, "dlo", f.size(), f.size(), f.size(), f.size())
	if err != nil {
		return nil, err
	}
	_, err = f.want(ctx, 201, "PUT", "/dlo/empty", "", header{"X-Object-Manifest": "dlo/nothing"})
	_, wrong := f.want(ctx, 201, "PUT", "/dlo/elsewhere", "", header{"X-Object-Manifest": "nosuchcontainer/nothing"})
	return append(f.reads(t),
		f.fixed("no segments", 200, "GET", "/dlo/empty", "", nil),
		f.fixed("no container of segments", 404, "GET", "/dlo/elsewhere", "", nil),
		f.fixed("the manifest itself", 200, "GET", t.path+"?multipart-manifest=get", "", nil),
		f.fixed("a manifest that is wrong", 400, "PUT", "/dlo/bad", "", header{"X-Object-Manifest": "dlo"}),
		end{name: "the client leaves while it is overwritten", run: func(ctx context.Context) error {
			t, err := f.dynamic(ctx, "dlo", featureLeast)
			return errors.Join(err, f.abandon(ctx, "PUT", t.path, f.text(featureLeast), f.patience(), nil))
		}},
	), errors.Join(err, wrong)
}

// copies is copies of everything that can be copied.
func (f *features) copies(ctx context.Context) ([]end, error) {
	if err := f.store(ctx, "/copy", nil, nil); err != nil {
		return nil, err
	}
	plain := readable{what: "an object", path: "/copy/object", content: f.text(2 * featureLeast)}
	_, err := f.want(ctx, 201, "PUT", plain.path, plain.content, nil)
	if err != nil {
		return nil, err
	}
	static, err := f.large(ctx, "copy", featureLeast, featureLeast, featureLeast)
	if err != nil {
		return nil, err
	}
	dynamic, err := f.dynamic(ctx, "copy", featureLeast, featureLeast, featureLeast)
	if err != nil {
		return nil, err
	}
	link := readable{what: "a link", path: "/copy/link", content: plain.content}
	if err := f.link(ctx, link.path, plain.path, ""); err != nil {
		return nil, err
	}
	var ends []end
	for _, t := range []readable{plain, static, dynamic, link} {
		ends = append(ends, f.copiesOf(t, "PUT")...)
		ends = append(ends, f.copiesOf(t, "COPY")...)
	}
	long, err := f.large(ctx, "copy", f.size(), f.size(), f.size(), f.size())
	if err != nil {
		return nil, err
	}
	wide, err := f.dynamic(ctx, "copy", f.size(), f.size(), f.size(), f.size())
	for _, t := range []readable{long, wide} {
		for _, method := range []string{"PUT", "COPY"} {
			ends = append(ends, f.copyEnd(t, method, "413, it is too large", 413, nil))
		}
		ends = append(ends, f.copyEnd(t, "PUT", "a part of what is too large", 201, header{"Range": "bytes=10-1000"}))
	}
	ends = append(ends, end{name: "a copy of a large object is judged by its own ETag", run: func(ctx context.Context) error {
		to := f.fresh("copy")
		_, err := f.want(ctx, 201, "PUT", to, "", header{"X-Copy-From": static.path[1:]})
		_, wrong := f.want(ctx, 200, "GET", to, "", header{"If-Match": `"` + sum(static.content) + `"`})
		return errors.Join(err, wrong)
	}})
	ends = append(ends, f.lostWhileCopied("PUT"), f.lostWhileCopied("COPY"),
		f.copyEnd(long, "PUT", "the manifest itself", 201, nil, "?multipart-manifest=get"),
		f.fixed("of nothing", 404, "PUT", "/copy/other", "", header{"X-Copy-From": "copy/none"}),
		f.fixed("with a body", 400, "PUT", "/copy/other", plain.content, header{"X-Copy-From": "copy/object"}),
		f.fixed("to nowhere", 412, "COPY", plain.path, "", header{"Destination": "nowhere"}),
		f.fixed("into no container", 404, "COPY", static.path, "", header{"Destination": "nosuchcontainer/object"}),
	)
	return ends, err
}

// copyEnd copies to a fresh name and wants a status. What was not copied must
// not be there.
func (f *features) copyEnd(t readable, method, name string, status int, h header, query ...string) end {
	return end{name: fmt.Sprintf("%s of %s, %s", method, t.what, name), run: func(ctx context.Context) error {
		to := f.fresh("copy")
		from, headers := to, header{"X-Copy-From": t.path[1:]}
		if method == "COPY" {
			from, headers = t.path, header{"Destination": to[1:]}
		}
		for k, v := range h {
			headers[k] = v
		}
		for _, q := range query {
			from += q
		}
		_, err := f.want(ctx, status, method, from, "", headers)
		if status != 201 {
			err = errors.Join(err, f.gone(ctx, to))
		} else if h == nil && query == nil {
			err = errors.Join(err, f.holds(ctx, to, t.content))
		}
		return err
	}}
}

// copiesOf are the ends of copying one source by one verb.
func (f *features) copiesOf(t readable, method string) []end {
	name := method + " of " + t.what
	ends := []end{
		f.copyEnd(t, method, "whole", 201, nil),
		f.copyEnd(t, method, "a range", 201, header{"Range": "bytes=100-300000"}),
		f.copyEnd(t, method, "304", 304, header{"If-None-Match": "*"}),
		f.copyEnd(t, method, "412", 412, header{"If-Match": "other"}),
		f.copyEnd(t, method, "412 for its age", 412, header{"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}),
		f.copyEnd(t, method, "416", 416, header{"Range": "bytes=99999999-"}),
	}
	return append(ends, end{name: name + ", the client leaves", run: func(ctx context.Context) error {
		to := f.fresh("copy")
		var err error
		if method == "COPY" {
			err = f.abandon(ctx, method, t.path, "", f.patience(), header{"Destination": to[1:]})
		} else {
			err = f.abandon(ctx, method, to, "", f.patience(), header{"X-Copy-From": t.path[1:]})
		}
		status, text, wrong := f.do(ctx, "GET", to, "", nil)
		if status != 404 && string(text) != t.content {
			err = errors.Join(err, fmt.Errorf("%d with %d bytes after a client left a copy of %d", status, len(text), len(t.content)))
		}
		return errors.Join(err, wrong)
	}})
}

// lostWhileCopied copies a large object that is not whole: it must not look as
// if it were.
func (f *features) lostWhileCopied(method string) end {
	return end{name: method + " of a large object whose second segment is gone", run: func(ctx context.Context) error {
		t, err := f.large(ctx, "copy", featureLeast, featureLeast, featureLeast)
		if err != nil {
			return err
		}
		if _, err := f.want(ctx, 204, "DELETE", t.path+"seg1", "", nil); err != nil {
			return err
		}
		return f.copyBroken(ctx, method, t)
	}}
}
