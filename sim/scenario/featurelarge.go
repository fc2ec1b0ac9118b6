package scenario

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// plain is objects that are one file, for comparison.
func (f *features) plain(ctx context.Context) ([]end, error) {
	t := readable{what: "an object", path: "/plain/object", content: f.text(3 * featureLeast)}
	err := f.store(ctx, "/plain", nil, map[string]string{t.path: t.content})
	ends := append(f.reads(t),
		end{name: "an upload that is cut", run: func(ctx context.Context) error {
			path := f.fresh("plain")
			err := f.cut(ctx, "PUT", path, t.content, f.rng.IntN(len(t.content)), nil)
			return errors.Join(err, f.gone(ctx, path))
		}},
		f.fixed("a PUT that is too large", 413, "PUT", "/plain/other", f.text(featureFileSize+1), nil),
		f.fixed("an empty PUT with the wrong ETag", 422, "PUT", "/plain/other", "", header{"Etag": wrongEtag}),
		f.fixed("a PUT with the wrong ETag", 422, "PUT", "/plain/other", t.content, header{"Etag": wrongEtag}),
		f.fixed("a PUT that may not replace", 412, "PUT", t.path, f.text(featureLeast), header{"If-None-Match": "*"}),
		f.fixed("a PUT without a container", 404, "PUT", "/nowhere/object", t.content, nil),
	)
	return ends, err
}

const wrongEtag = "0123456789abcdef0123456789abcdef"

// store makes a container and what is in it.
func (f *features) store(ctx context.Context, container string, h header, objects map[string]string) error {
	_, err := f.want(ctx, 201, "PUT", container, "", h)
	errs := []error{err}
	for _, path := range sortedKeys(objects) {
		_, err := f.want(ctx, 201, "PUT", path, objects[path], nil)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// gone checks that there is no object.
func (f *features) gone(ctx context.Context, path string) error {
	_, err := f.want(ctx, 404, "GET", path, "", nil)
	return err
}

// holds checks what is in an object.
func (f *features) holds(ctx context.Context, path, content string) error {
	return f.compare(ctx, readable{path: path, by: f.client}, nil, 200, content)
}

// row is an entry of a manifest.
type row map[string]any

// segments stores objects below a prefix and returns the manifest of all, and
// their content.
func (f *features) segments(ctx context.Context, prefix string, sizes ...int) ([]row, string, error) {
	var rows []row
	content := ""
	for i, size := range sizes {
		path, text := fmt.Sprintf("%s%d", prefix, i), f.text(size)
		if _, err := f.want(ctx, 201, "PUT", path, text, nil); err != nil {
			return nil, "", err
		}
		rows = append(rows, row{"path": path, "etag": fmt.Sprintf("%x", md5.Sum([]byte(text))), "size_bytes": size})
		content += text
	}
	return rows, content, nil
}

// manifest stores a static large object.
func (f *features) manifest(ctx context.Context, path string, rows []row) error {
	text, err := json.Marshal(rows)
	if err == nil {
		_, err = f.want(ctx, 201, "PUT", path+"?multipart-manifest=put", string(text), nil)
	}
	return err
}

// large stores segments and a manifest, with names of its own.
func (f *features) large(ctx context.Context, container string, sizes ...int) (readable, error) {
	path := f.fresh(container)
	rows, content, err := f.segments(ctx, path+"seg", sizes...)
	if err == nil {
		err = f.manifest(ctx, path, rows)
	}
	return readable{what: "a large object", path: path, content: content}, err
}

// slo is static large objects of all sorts.
func (f *features) slo(ctx context.Context) ([]end, error) {
	if err := f.store(ctx, "/slo", nil, nil); err != nil {
		return nil, err
	}
	whole, err := f.large(ctx, "slo", f.size(), f.size(), f.size(), f.size())
	if err != nil {
		return nil, err
	}
	rows, content, err := f.segments(ctx, "/slo/part", f.size(), f.size())
	if err != nil {
		return nil, err
	}
	inline := f.text(2000)
	rows[0]["range"], rows[1]["range"] = "1000-300999", "-100000"
	rows = append(rows, row{"data": base64.StdEncoding.EncodeToString([]byte(inline))}, row{"path": whole.path})
	mixed := readable{what: "a nested one with ranges and inline data", path: "/slo/mixed",
		content: content[1000:301000] + content[len(content)-100_000:] + inline + whole.content}
	if err := f.manifest(ctx, mixed.path, rows); err != nil {
		return nil, err
	}
	ends := append(f.reads(whole), f.reads(mixed)...)
	return append(ends,
		f.fixed("the manifest itself", 200, "GET", whole.path+"?multipart-manifest=get", "", nil),
		f.fixed("the manifest itself, raw", 200, "GET", whole.path+"?multipart-manifest=get&format=raw", "", nil),
		f.fixed("304 to the manifest itself", 304, "GET", whole.path+"?multipart-manifest=get", "", header{"If-None-Match": "*"}),
		f.fixed("POST", 202, "POST", whole.path, "", header{"X-Object-Meta-Color": "blue"}),
		f.fixed("a part of it", 206, "GET", whole.path+"?part-number=2", "", nil),
		f.fixed("a part of which there can be none", 400, "GET", whole.path+"?part-number=0", "", nil),
		f.fixed("a part that it has not", 416, "GET", whole.path+"?part-number=99", "", nil),
	), nil
}

// sloFaults is what can be wrong with static large objects. Every end makes
// its own.
func (f *features) sloFaults(ctx context.Context) ([]end, error) {
	spoil := func(name string, do func(ctx context.Context, t readable) error) end {
		return end{name: name, run: func(ctx context.Context) error {
			t, err := f.large(ctx, "faults", featureLeast, featureLeast, featureLeast)
			if err == nil {
				err = do(ctx, t)
			}
			return err
		}}
	}
	lose := func(ctx context.Context, t readable, segment int) error {
		_, err := f.want(ctx, 204, "DELETE", fmt.Sprintf("%sseg%d", t.path, segment), "", nil)
		return err
	}
	change := func(ctx context.Context, t readable, segment int) error {
		_, err := f.want(ctx, 201, "PUT", fmt.Sprintf("%sseg%d", t.path, segment), f.text(featureLeast), nil)
		return err
	}
	ends := []end{
		spoil("a segment is gone", func(ctx context.Context, t readable) error {
			return errors.Join(lose(ctx, t, 1), f.broken(ctx, t.path, featureLeast))
		}),
		spoil("a segment is another", func(ctx context.Context, t readable) error {
			return errors.Join(change(ctx, t, 1), f.broken(ctx, t.path, featureLeast))
		}),
		spoil("the last segment is gone, and the client leaves before", func(ctx context.Context, t readable) error {
			return errors.Join(lose(ctx, t, 2), f.leave(ctx, t.path, featureLeast/2, nil))
		}),
		spoil("a range that needs no lost segment", func(ctx context.Context, t readable) error {
			t.by = f.client
			return errors.Join(lose(ctx, t, 0), f.compare(ctx, t, header{"Range": fmt.Sprintf("bytes=%d-", featureLeast)}, 206, t.content[featureLeast:]))
		}),
	}
	for _, method := range []string{"GET", "HEAD"} {
		status := map[string]int{"GET": 409, "HEAD": 200}[method]
		first := func(name string, harm func(context.Context, readable, int) error) end {
			return spoil(fmt.Sprintf("%d to %s while the first segment %s", status, method, name), func(ctx context.Context, t readable) error {
				if err := harm(ctx, t, 0); err != nil {
					return err
				}
				_, err := f.want(ctx, status, method, t.path, "", nil)
				return err
			})
		}
		ends = append(ends, first("is gone", lose), first("is another", change))
	}
	_, err := f.want(ctx, 201, "PUT", "/faults", "", nil)
	return append(append(ends, f.sloWrites()...), f.heartbeats()...), err
}

// sloWrites are the ends of making and removing static large objects.
func (f *features) sloWrites() []end {
	put := func(name string, status int, rows ...row) end {
		text, err := json.Marshal(rows)
		e := f.fixed(name, status, "PUT", "/faults/bad?multipart-manifest=put", string(text), nil)
		if err != nil {
			e.run = func(context.Context) error { return err }
		}
		return e
	}
	return []end{
		put("a manifest that names what is not there", 400, row{"path": "/faults/none", "etag": wrongEtag, "size_bytes": 5}),
		f.fixed("a manifest that is no JSON", 400, "PUT", "/faults/bad?multipart-manifest=put", "[{", nil),
		{name: "a manifest with a wrong ETag", run: func(ctx context.Context) error {
			t, err := f.large(ctx, "faults", featureLeast, 1)
			if err != nil {
				return err
			}
			return put("", 400, row{"path": t.path + "seg0", "etag": wrongEtag}, row{"path": t.path + "seg1"}).run(ctx)
		}},
		{name: "too deep", run: func(ctx context.Context) error {
			t, err := f.large(ctx, "faults", featureLeast)
			for range 11 {
				if err != nil {
					return err
				}
				path := f.fresh("faults")
				err = f.manifest(ctx, path, []row{{"path": t.path}})
				t.path = path
			}
			_, wrong := f.want(ctx, 409, "GET", t.path, "", nil)
			return errors.Join(err, wrong)
		}},
		{name: "removed with its segments", run: func(ctx context.Context) error {
			t, err := f.large(ctx, "faults", featureLeast, featureLeast)
			if err != nil {
				return err
			}
			_, err = f.want(ctx, 200, "DELETE", t.path+"?multipart-manifest=delete", "", nil)
			return errors.Join(err, f.gone(ctx, t.path), f.gone(ctx, t.path+"seg1"))
		}},
		{name: "removed with its segments, and the client leaves", run: func(ctx context.Context) error {
			t, err := f.large(ctx, "faults", featureLeast, featureLeast, 1, 1, 1)
			if err != nil {
				return err
			}
			return f.abandon(ctx, "DELETE", t.path+"?multipart-manifest=delete", "", f.patience(), nil)
		}},
		{name: "removal of what is no large object", run: func(ctx context.Context) error {
			path := f.fresh("faults")
			_, err := f.want(ctx, 201, "PUT", path, f.text(2*featureLeast), nil)
			_, wrong := f.want(ctx, 200, "DELETE", path+"?multipart-manifest=delete", "", nil)
			return errors.Join(err, wrong)
		}},
		{name: "the client leaves while the segments are checked", run: func(ctx context.Context) error {
			path := f.fresh("faults")
			rows, _, err := f.segments(ctx, path+"seg", 1, 2, 3, 4, 5, 6)
			if err != nil {
				return err
			}
			text, err := json.Marshal(rows)
			return errors.Join(err, f.abandon(ctx, "PUT", path+"?multipart-manifest=put", string(text), f.patience(), nil))
		}},
	}
}

// patience is how long a client waits that leaves before there is an answer.
func (f *features) patience() time.Duration {
	return time.Duration(1+f.rng.IntN(30)) * time.Millisecond
}
