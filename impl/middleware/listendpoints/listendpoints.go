// Package listendpoints is the list_endpoints filter: GET
// /endpoints/[v1/|v2/]account[/container[/object]] tells programs inside the
// cluster where the nodes are that hold it. It asks nobody for permission, so
// that a proxy with it is not one for strangers. list_endpoints_path is its
// path.
//
// Version 1, the default, answers a list of URLs
// "http://ip:port/device/partition/account/container/object", version 2
// {"endpoints": that list, "headers": what to send along}.
package listendpoints

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/logline"
	"apus/impl/middleware"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/web"
)

const indexHeader = "X-Backend-Storage-Policy-Index"

type settings struct {
	prefix string // begins and ends with a slash
	swift  *config.Swift
	rings  middleware.Rings
}

type filter struct {
	*settings
	next web.Handler
}

var _ middleware.Constructor = New

// New reads list_endpoints_path.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	s := &settings{prefix: opts.String("list_endpoints_path", "/endpoints/"), swift: env.Swift, rings: env.Rings}
	if !strings.HasSuffix(s.prefix, "/") {
		s.prefix += "/"
	}
	if s.rings == nil {
		return nil, errors.New("list_endpoints needs rings; it belongs into a proxy's pipeline")
	}
	return func(next web.Handler) web.Handler { return &filter{s, next} }, nil
}

// Serve answers for its path.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	text, ok := strings.CutPrefix(req.Path, f.prefix)
	if !ok {
		return f.next.Serve(ctx, req)
	}
	if req.Method != http.MethodGet {
		resp := web.NewResponse(http.StatusMethodNotAllowed)
		resp.Header.Set("Allow", http.MethodGet)
		return resp
	}
	version, path, wrong := parse(text)
	if wrong != "" {
		return web.HTML(http.StatusBadRequest, wrong)
	}
	name, headers := "account", map[string]string{}
	switch {
	case path.IsObject():
		index := info.Container(ctx, f.next, req, path.Account, path.Container).PolicyIndex
		p := f.swift.Policies.ByIndex(index)
		if p == nil {
			return web.NewResponse(http.StatusServiceUnavailable)
		}
		name, headers[indexHeader] = p.RingName(), strconv.Itoa(index)
	case path.IsContainer():
		name = "container"
	}
	r, err := f.rings.Ring(name)
	if err != nil {
		req.Meta.Log.Error("ring cannot be read", "ring", name, "err", err)
		return web.NewResponse(http.StatusServiceUnavailable)
	}
	list := endpoints(r, r.Partition(f.swift.Hasher.Hash(path)), path)
	if version == 1 {
		return answer(list)
	}
	return answer(map[string]any{"endpoints": list, "headers": headers})
}

// parse reads "[version/]account[/container[/object]]". A first word that
// begins with "v" and has no "_" is meant as a version.
func parse(text string) (version int, path swift.Path, wrong string) {
	const noAccount = "No account specified"
	word, rest, _ := strings.Cut(text, "/")
	if word == "" {
		return 0, path, noAccount
	}
	number, err := strconv.ParseFloat(strings.TrimLeft(word, "v"), 64)
	switch {
	case err == nil && number == 1:
		version = 1
	case err == nil && number == 2:
		version = 2
	case strings.HasPrefix(word, "v") && !strings.Contains(word, "_"):
		return 0, path, fmt.Sprintf("Unsupported version '%s'", word)
	default:
		version, rest = 1, text
	}
	path, err = swift.ParsePath("/" + rest)
	if err != nil {
		return 0, path, noAccount
	}
	return version, path, ""
}

func endpoints(r *ring.Ring, partition uint32, path swift.Path) []string {
	list := []string{}
	for _, d := range r.Primaries(partition) {
		list = append(list, fmt.Sprintf("http://%s/%s/%d%s", d.Addr(), d.Device, partition, logline.Quote(path.String(), "/")))
	}
	return list
}

func answer(v any) *web.Response {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return web.FromError(err)
	}
	return web.Text(http.StatusOK, strings.TrimSuffix(b.String(), "\n"), "application/json")
}
