package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// quotas are limits of containers and of an account. Nothing that is refused
// may hold on to what it was to be made of.
func (f *features) quotas(ctx context.Context) ([]end, error) {
	const held, most = featureLeast / 2, featureLeast
	err := errors.Join(
		f.store(ctx, "/source", header{"X-Container-Meta-Temp-Url-Key": urlKey}, nil),
		f.store(ctx, "/quota", header{"X-Container-Meta-Quota-Bytes": fmt.Sprint(most), "X-Container-Meta-Temp-Url-Key": urlKey},
			map[string]string{"/quota/held": f.text(held)}),
		f.store(ctx, "/few", header{"X-Container-Meta-Quota-Count": "1"}, map[string]string{"/few/one": "1"}),
		f.store(ctx, "/kept", header{"X-Container-Meta-Quota-Bytes": fmt.Sprint(most), "X-Versions-Enabled": "true"}, nil))
	if err != nil {
		return nil, err
	}
	_, err = f.version(ctx, "/kept/object", f.text(held))
	_, wrong := f.version(ctx, "/kept/object", "short")
	sources, missing := f.sources(ctx, f.client, "source")
	if err = errors.Join(err, wrong, missing); err != nil {
		return nil, err
	}
	large := f.text(most)
	var ends []end
	for _, container := range []string{"quota", "few"} {
		ends = append(ends, f.overQuota(f.client, container, large, sources)...)
	}
	account, err := f.accountQuotas(ctx, large)
	return append(append(ends, account...),
		f.fixed("what is left of the quota", 201, "PUT", "/quota/held", f.text(held), nil),
		f.fixed("a quota that is none", 400, "POST", "/quota", "", header{"X-Container-Meta-Quota-Bytes": "many"}),
		f.fixed("versions count", 413, "PUT", "/kept/object", f.text(held), nil),
		f.fixed("a manifest is as long as itself", 201, "PUT", "/quota/held?multipart-manifest=put",
			fmt.Sprintf(`[{"path":"%sseg0"}]`, sources[1].path), nil),
		end{name: "an archive that is too large", run: func(ctx context.Context) error {
			text, err := archive([]string{"a", "b"}, large)
			path := f.fresh("quota")
			return errors.Join(err, f.reported(ctx, "PUT", path+"?extract-archive=tar", text, "400"), f.gone(ctx, path+"/a"))
		}},
		end{name: "an upload by a signed URL", run: func(ctx context.Context) error {
			path := f.fresh("quota")
			_, err := f.anonymous.want(ctx, 413, "PUT", f.sign(urlKey, "PUT", path, f.now().AddDate(1, 0, 0)), large, nil)
			return errors.Join(err, f.gone(ctx, path))
		}},
	), err
}

// sources are what can be copied: an object, both kinds of large ones, and a
// link.
func (f *features) sources(ctx context.Context, k *client, container string) ([]readable, error) {
	as := *f
	as.client = k
	plain := readable{what: "an object", path: "/" + container + "/object", content: f.text(2 * featureLeast)}
	_, err := as.want(ctx, 201, "PUT", plain.path, plain.content, nil)
	static, wrong := as.large(ctx, container, featureLeast, featureLeast)
	dynamic, missing := as.dynamic(ctx, container, featureLeast, featureLeast)
	f.names = as.names
	link := readable{what: "a link", path: "/" + container + "/link"}
	return []readable{plain, static, dynamic, link}, errors.Join(err, wrong, missing, as.link(ctx, link.path, plain.path, ""))
}

// overQuota are writes of too much, or too many, into a container.
func (f *features) overQuota(k *client, container, large string, sources []readable) []end {
	name := fmt.Sprintf("%s of %s, ", container, k.account[strings.LastIndexByte(k.account, '/')+1:])
	refused := func(what string, run func(ctx context.Context, path string) error) end {
		return end{name: name + what, run: func(ctx context.Context) error {
			path := f.fresh(container)
			err := run(ctx, path)
			_, wrong := k.want(ctx, 404, "GET", path, "", nil)
			return errors.Join(err, wrong)
		}}
	}
	ends := []end{
		refused("PUT", func(ctx context.Context, path string) error {
			_, err := k.want(ctx, 413, "PUT", path, large, nil)
			return err
		}),
		refused("an upload that is cut", func(ctx context.Context, path string) error {
			return k.cut(ctx, "PUT", path, large, f.rng.IntN(len(large)), nil)
		}),
		refused("the client leaves", func(ctx context.Context, path string) error {
			return k.abandon(ctx, "PUT", path, large, f.patience(), nil)
		}),
	}
	for _, t := range sources {
		ends = append(ends, refused("PUT of "+t.what, func(ctx context.Context, path string) error {
			_, err := k.want(ctx, 413, "PUT", path, "", header{"X-Copy-From": t.path[1:]})
			return err
		}), refused("COPY of "+t.what, func(ctx context.Context, path string) error {
			_, err := k.want(ctx, 413, "COPY", t.path, "", header{"Destination": path[1:]})
			return err
		}), refused("the client leaves a COPY of "+t.what, func(ctx context.Context, path string) error {
			return k.abandon(ctx, "COPY", t.path, "", f.patience(), header{"Destination": path[1:]})
		}))
	}
	return ends
}

// accountQuotas limit another account. Those who may set quotas have none.
func (f *features) accountQuotas(ctx context.Context, large string) ([]end, error) {
	owner, err := f.as(ctx, "test2:tester2", "testing2")
	if err != nil {
		return nil, err
	}
	reseller, err := f.as(ctx, "admin:admin", "admin")
	if err != nil {
		return nil, err
	}
	reseller.account = owner.account
	_, err = owner.want(ctx, 201, "PUT", "/mine", "", nil)
	sources, wrong := f.sources(ctx, owner, "mine")
	// What an account holds it learns from the updaters, which do not run.
	_, refused := reseller.want(ctx, 204, "POST", "", "", header{"X-Account-Meta-Quota-Bytes": fmt.Sprint(len(large) - 1)})
	ask := func(name string, k *client, status int, method, path, body string, h header) end {
		return end{name: name, run: func(ctx context.Context) error {
			_, err := k.want(ctx, status, method, path, body, h)
			return err
		}}
	}
	return append(f.overQuota(owner, "mine", large, sources),
		ask("what the account's quota allows", owner, 201, "PUT", "/mine/small", "small", nil),
		ask("the account's quota does not bind a reseller", reseller, 201, "PUT", "/mine/large", large, nil),
		ask("the owner may not change the account's quota", owner, 403, "POST", "", "", header{"X-Account-Meta-Quota-Bytes": "1"}),
		ask("too much for the account, into no container", owner, 413, "PUT", "/nowhere/large", large, nil),
	), errors.Join(err, wrong, refused)
}
