package scenario

import (
	"context"
	"errors"
	"fmt"
)

// version stores an object in a versioned container and returns its version.
func (f *features) version(ctx context.Context, path, content string) (string, error) {
	h, err := f.answered(ctx, 201, "PUT", path, content, nil)
	id := h.Get("X-Object-Version-Id")
	if err == nil && id == "" {
		err = fmt.Errorf("PUT %s does not say which version it made", path)
	}
	return path + "?version-id=" + id, err
}

// versioning is object versioning.
func (f *features) versioning(ctx context.Context) ([]end, error) {
	if err := f.store(ctx, "/versions", header{"X-Versions-Enabled": "true"}, nil); err != nil {
		return nil, err
	}
	old, now := f.text(3*featureLeast), f.text(3*featureLeast)
	first, err := f.version(ctx, "/versions/object", old)
	if err != nil {
		return nil, err
	}
	large, err := f.large(ctx, "versions", f.size(), f.size(), f.size())
	if err != nil {
		return nil, err
	}
	h, err := f.answered(ctx, 200, "HEAD", large.path, "", nil)
	if err != nil {
		return nil, err
	}
	_, err = f.version(ctx, large.path, "short")
	_, wrong := f.version(ctx, "/versions/object", now)
	if err = errors.Join(err, wrong); err != nil {
		return nil, err
	}
	ends := f.versionEnds()
	for _, t := range []readable{
		{what: "an old version", path: first, content: old},
		{what: "the current version", path: "/versions/object", content: now},
		{what: "a large object that is an old version", path: large.path + "?version-id=" + h.Get("X-Object-Version-Id"), content: large.content},
	} {
		ends = append(ends, f.reads(t)...)
	}
	return append(ends,
		f.fixed("a listing of versions", 200, "GET", "/versions?versions", "", nil),
		f.fixed("HEAD of a listing of versions", 204, "HEAD", "/versions?versions", "", nil),
		f.fixed("a listing of versions in plain text", 406, "GET", "/versions?versions", "", header{"Accept": "text/plain"}),
		f.fixed("a listing", 200, "GET", "/versions?format=json", "", nil),
		f.fixed("a listing of the account", 200, "GET", "?format=json", "", nil),
		f.fixed("GET of what is a version as none", 404, "GET", "/versions/object?version-id=null", "", nil),
		f.fixed("GET of no version", 400, "GET", "/versions/object?version-id=never", "", nil),
		f.fixed("GET of a version that is not there", 404, "GET", "/versions/object?version-id=0000000001.00000", "", nil),
		f.fixed("a PUT that may not replace", 412, "PUT", "/versions/object", f.text(featureLeast), header{"If-None-Match": "*"}),
		f.fixed("a PUT with the wrong ETag", 422, "PUT", "/versions/other", f.text(featureLeast), header{"Etag": wrongEtag}),
		f.fixed("a PUT that is too large", 413, "PUT", "/versions/other", f.text(featureFileSize+1), nil),
		f.fixed("POST", 202, "POST", "/versions/object", "", header{"X-Object-Meta-Color": "blue"}),
		f.fixed("the container cannot be removed", 409, "DELETE", "/versions", "", nil),
	), nil
}

// versionEnds change versions, each those of an object of its own.
func (f *features) versionEnds() []end {
	fresh := func(name string, run func(ctx context.Context, path, content, id string) error) end {
		return end{name: name, run: func(ctx context.Context) error {
			path, content := f.fresh("versions"), f.text(2*featureLeast)
			id, err := f.version(ctx, path, content)
			if err == nil {
				err = run(ctx, path, content, id)
			}
			return err
		}}
	}
	var ends []end
	for _, method := range []string{"GET", "HEAD"} {
		ends = append(ends, fresh(method+" of a delete marker", func(ctx context.Context, path, _, _ string) error {
			h, err := f.answered(ctx, 204, "DELETE", path, "", nil)
			if err == nil {
				_, err = f.want(ctx, 404, method, path+"?version-id="+h.Get("X-Object-Version-Id"), "", nil)
			}
			return errors.Join(err, f.gone(ctx, path))
		}))
	}
	return append(ends,
		fresh("deleted and brought back", func(ctx context.Context, path, content, id string) error {
			_, err := f.want(ctx, 204, "DELETE", path, "", nil)
			_, wrong := f.want(ctx, 201, "PUT", id, "", nil)
			return errors.Join(err, wrong, f.holds(ctx, path, content))
		}),
		fresh("an older version is made the current one", func(ctx context.Context, path, content, id string) error {
			_, err := f.version(ctx, path, f.text(featureLeast))
			_, wrong := f.want(ctx, 201, "PUT", id, "", nil)
			return errors.Join(err, wrong, f.holds(ctx, path, content))
		}),
		fresh("a delete marker cannot be made current", func(ctx context.Context, path, _, _ string) error {
			h, err := f.answered(ctx, 204, "DELETE", path, "", nil)
			if err == nil {
				_, err = f.want(ctx, 400, "PUT", path+"?version-id="+h.Get("X-Object-Version-Id"), "", nil)
			}
			return err
		}),
		fresh("a version that is not there cannot be made current", func(ctx context.Context, path, _, _ string) error {
			_, err := f.want(ctx, 404, "PUT", path+"?version-id=0000000001.00000", "", nil)
			return err
		}),
		fresh("the current version is deleted", func(ctx context.Context, path, _, id string) error {
			_, err := f.want(ctx, 204, "DELETE", id, "", nil)
			return errors.Join(err, f.gone(ctx, path), f.gone(ctx, id))
		}),
		fresh("an old version is deleted", func(ctx context.Context, path, _, id string) error {
			_, err := f.version(ctx, path, "new")
			_, wrong := f.want(ctx, 204, "DELETE", id, "", nil)
			return errors.Join(err, wrong, f.holds(ctx, path, "new"), f.gone(ctx, id))
		}),
		fresh("an upload that is cut", func(ctx context.Context, path, content, id string) error {
			err := f.cut(ctx, "PUT", path, content, f.rng.IntN(len(content)), nil)
			return errors.Join(err, f.holds(ctx, path, content))
		}),
		fresh("the client leaves a PUT", func(ctx context.Context, path, content, id string) error {
			err := f.abandon(ctx, "PUT", path, f.text(featureLeast), f.patience(), nil)
			return errors.Join(err, f.holds(ctx, id, content))
		}),
		fresh("the client leaves a DELETE", func(ctx context.Context, path, content, id string) error {
			err := f.abandon(ctx, "DELETE", path, "", f.patience(), nil)
			return errors.Join(err, f.holds(ctx, id, content))
		}),
		end{name: "what was there before is kept", run: f.versionsNull},
	)
}

// versionsNull overwrites an object that is older than the versioning of its
// container: it is copied.
func (f *features) versionsNull(ctx context.Context) error {
	container := f.fresh("")[1:]
	path, old := container+"/object", f.text(2*featureLeast)
	err := f.store(ctx, container, nil, map[string]string{path: old})
	if err == nil {
		_, err = f.want(ctx, 204, "POST", container, "", header{"X-Versions-Enabled": "true"})
	}
	if err == nil {
		err = f.holds(ctx, path+"?version-id=null", old)
	}
	if err == nil {
		_, err = f.want(ctx, 412, "PUT", path, "other", header{"If-None-Match": "*"})
	}
	if err == nil {
		err = f.abandon(ctx, "PUT", path, f.text(featureLeast), f.patience(), nil)
	}
	_, wrong := f.version(ctx, path, "new")
	return errors.Join(err, wrong, f.holds(ctx, path, "new"))
}

// legacy is the older versioning, of both kinds.
func (f *features) legacy(ctx context.Context) ([]end, error) {
	err := errors.Join(f.store(ctx, "/archive", nil, nil),
		f.store(ctx, "/stack", header{"X-Versions-Location": "archive"}, nil),
		f.store(ctx, "/history", header{"X-History-Location": "archive"}, nil),
		f.store(ctx, "/lost", nil, map[string]string{"/lost/object": "old"}))
	_, wrong := f.want(ctx, 204, "POST", "/lost", "", header{"X-Versions-Location": "nosuchcontainer"})
	if err = errors.Join(err, wrong); err != nil {
		return nil, err
	}
	ends := []end{
		f.fixed("PUT without an archive", 412, "PUT", "/lost/object", f.text(featureLeast), nil),
		f.fixed("DELETE of what is not there", 404, "DELETE", "/stack/none", "", nil),
	}
	twice := func(container, name string, run func(ctx context.Context, path, old, now string) error) {
		ends = append(ends, end{name: container + ", " + name, run: func(ctx context.Context) error {
			path, old, now := f.fresh(container), f.text(2*featureLeast), f.text(2*featureLeast)
			_, err := f.want(ctx, 201, "PUT", path, old, nil)
			if err == nil {
				_, err = f.want(ctx, 201, "PUT", path, now, nil)
			}
			if err == nil {
				err = run(ctx, path, old, now)
			}
			return err
		}})
	}
	for _, container := range []string{"stack", "history"} {
		twice(container, "an upload that is cut", func(ctx context.Context, path, _, now string) error {
			return errors.Join(f.cut(ctx, "PUT", path, now, f.rng.IntN(len(now)), nil), f.holds(ctx, path, now))
		})
		twice(container, "the client leaves a PUT", func(ctx context.Context, path, _, _ string) error {
			return f.abandon(ctx, "PUT", path, f.text(featureLeast), f.patience(), nil)
		})
		twice(container, "the client leaves a DELETE", func(ctx context.Context, path, _, _ string) error {
			return f.abandon(ctx, "DELETE", path, "", f.patience(), nil)
		})
		twice(container, "a PUT with the wrong ETag", func(ctx context.Context, path, _, now string) error {
			_, err := f.want(ctx, 422, "PUT", path, now, header{"Etag": wrongEtag})
			return errors.Join(err, f.holds(ctx, path, now))
		})
		twice(container, "304 and 412 to reads", func(ctx context.Context, path, _, _ string) error {
			_, err := f.want(ctx, 304, "GET", path, "", header{"If-None-Match": "*"})
			_, wrong := f.want(ctx, 412, "GET", path, "", header{"If-Match": "other"})
			return errors.Join(err, wrong)
		})
	}
	twice("stack", "DELETE brings back", func(ctx context.Context, path, old, _ string) error {
		_, err := f.want(ctx, 204, "DELETE", path, "", nil)
		err = errors.Join(err, f.holds(ctx, path, old))
		_, wrong := f.want(ctx, 204, "DELETE", path, "", nil)
		return errors.Join(err, wrong, f.gone(ctx, path))
	})
	twice("history", "DELETE keeps", func(ctx context.Context, path, _, _ string) error {
		_, err := f.want(ctx, 204, "DELETE", path, "", nil)
		err = errors.Join(err, f.gone(ctx, path))
		_, wrong := f.want(ctx, 404, "DELETE", path, "", nil)
		return errors.Join(err, wrong)
	})
	return append(ends, end{name: "a manifest is overwritten", run: func(ctx context.Context) error {
		t, err := f.large(ctx, "stack", featureLeast, featureLeast, featureLeast)
		if err != nil {
			return err
		}
		_, err = f.want(ctx, 201, "PUT", t.path, "new", nil)
		_, wrong := f.want(ctx, 204, "DELETE", t.path, "", nil)
		return errors.Join(err, wrong, f.holds(ctx, t.path, t.content))
	}}), nil
}
