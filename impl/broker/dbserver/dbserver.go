// Package dbserver is what account and container servers have in common: the
// placement in the path (/device/partition/account[/container[/object]]), the
// check of the device, timestamps, listing parameters and formats, and the
// headers that are stored with a database.
package dbserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"apus/impl/accesslog"
	"apus/impl/broker"
	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
)

// Base is embedded in the servers.
type Base struct {
	Host  *host.Host
	Swift *config.Swift
	Pool  *broker.Pool

	name       string // "container-server"
	devices    string
	mountCheck bool
	reserve    reserve
	// replication says whether this server answers the requests of
	// replicators too, or leaves them to another one.
	replication bool
	methods     map[string]Method
	allow       string
	logged      web.Handler // answer, with a line in the log
}

// Method answers one verb.
type Method func(ctx context.Context, req *web.Request) *web.Response

// New reads the options that both servers have: devices, mount_check,
// fallocate_reserve, replication_server.
func New(name string, h *host.Host, sw *config.Swift, opts *config.Section, ev *event.Sink) *Base {
	cfg := broker.ReadConfig(opts)
	b := &Base{
		Host: h, Swift: sw, Pool: broker.NewPool(h, sw.Hasher, cfg, ev), name: name, devices: cfg.Devices,
		mountCheck: opts.Bool("mount_check", true), reserve: readReserve(opts),
		replication: opts.Bool("replication_server", true),
	}
	b.logged = accesslog.Wrap(h, opts, name, ev, web.HandlerFunc(b.answer))
	return b
}

// SetMethods says which verbs there are; OPTIONS is added. REPLICATE answers
// replicators, unless replication_server is off: then the verb does not exist.
func (b *Base) SetMethods(methods map[string]Method, replicate Replicate) {
	methods[http.MethodOptions] = b.options
	if b.replication {
		methods["REPLICATE"] = b.replicate(replicate)
	}
	b.methods = methods
	names := make([]string, 0, len(methods))
	for m := range methods {
		names = append(names, m)
	}
	sort.Strings(names)
	b.allow = strings.Join(names, ", ")
}

// Devices is the directory of the device directories.
func (b *Base) Devices() string { return b.devices }

func (b *Base) options(context.Context, *web.Request) *web.Response {
	resp := web.Empty(http.StatusOK)
	resp.Header.Set("Allow", b.allow)
	resp.Header.Set("Server", b.name+"/"+swift.Release)
	return resp
}

// Serve calls the method of the request.
func (b *Base) Serve(ctx context.Context, req *web.Request) *web.Response {
	return b.logged.Serve(ctx, req)
}

func (b *Base) answer(ctx context.Context, req *web.Request) *web.Response {
	if !utf8.ValidString(req.Path) {
		return web.Plain(http.StatusPreconditionFailed, "Invalid UTF8")
	}
	method := b.methods[req.Method]
	if method == nil {
		return web.NewResponse(http.StatusMethodNotAllowed)
	}
	return method(ctx, req)
}

// Fail is the answer to an error; what the operator should know is logged.
func (b *Base) Fail(req *web.Request, err error) *web.Response {
	switch swift.KindOf(err) {
	case swift.Other, swift.NoDevice, swift.Corrupt, swift.Unavailable:
		b.Host.Log.Error("Request failed", "server", b.name, "method", req.Method, "path", req.Path,
			"txn", req.Meta.TxnID, "error", err.Error())
	}
	return web.FromError(err)
}

// Target is what a path names. Container and Object may be empty.
type Target struct{ Device, Partition, Account, Container, Object string }

// Split takes a path apart. There must be at least least and at most most
// parts; the fifth is an object's name and may contain slashes.
func Split(req *web.Request, least, most int) (Target, *web.Response) {
	parts := strings.SplitN(strings.TrimPrefix(req.Path, "/"), "/", most)
	if most < 5 {
		// One slash at the end is ignored.
		last := len(parts) - 1
		parts[last] = strings.TrimSuffix(parts[last], "/")
		if last >= least && parts[last] == "" {
			parts = parts[:last]
		}
	} else if len(parts) == most && parts[most-1] == "" {
		parts = parts[:most-1]
	}
	bad := !strings.HasPrefix(req.Path, "/") || len(parts) < least
	for i, p := range parts {
		bad = bad || p == "" || i < 2 && (p == "." || p == "..") || most < 5 && strings.Contains(p, "/")
	}
	if bad {
		return Target{}, web.Plain(http.StatusBadRequest, "Invalid path: %s", url.PathEscape(req.Path))
	}
	var all [5]string
	copy(all[:], parts)
	t := Target{all[0], all[1], all[2], all[3], all[4]}
	return t, t.checkReserved()
}

// checkReserved holds the rules of names with NULs: only at the start, and
// an object's if and only if its container's.
func (t Target) checkReserved() *web.Response {
	for _, n := range []struct{ what, name string }{{"account", t.Account}, {"container", t.Container}, {"object", t.Object}} {
		if n.what == "object" && strings.HasPrefix(t.Account, ".") {
			return nil
		}
		if strings.LastIndexByte(n.name, 0) > 0 && n.name[0] != 0 {
			return web.Plain(http.StatusBadRequest, "Invalid reserved-namespace %s", n.what)
		}
	}
	inReserved, isReserved := strings.HasPrefix(t.Container, "\x00"), strings.HasPrefix(t.Object, "\x00")
	switch {
	case t.Object == "" || inReserved == isReserved:
		return nil
	case inReserved:
		return web.Plain(http.StatusBadRequest, "Invalid user-namespace object in reserved-namespace container")
	}
	return web.Plain(http.StatusBadRequest, "Invalid reserved-namespace object in user-namespace container")
}

// CheckDevice is nil if the device can be used: 507 otherwise.
func (b *Base) CheckDevice(device string) *web.Response {
	dir := path.Join(b.devices, device)
	ok, err := false, error(nil)
	switch {
	case url.QueryEscape(device) != device:
	case b.mountCheck:
		ok, err = b.Host.FS.IsMount(dir)
	default:
		var info fs.FileInfo
		if info, err = b.Host.FS.Stat(dir); err == nil {
			ok = info.IsDir()
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.Host.Log.Error("Device cannot be used", "server", b.name, "device", device, "error", err.Error())
	}
	if !ok {
		return web.NewResponse(http.StatusInsufficientStorage)
	}
	return nil
}

// CheckSpace is CheckDevice for requests that need room on it.
func (b *Base) CheckSpace(device string) *web.Response {
	if fault := b.CheckDevice(device); fault != nil {
		return fault
	}
	st, err := b.Host.FS.StatFS(path.Join(b.devices, device))
	if err != nil || !b.reserve.met(st) {
		return web.NewResponse(http.StatusInsufficientStorage)
	}
	return nil
}

// Timestamp is the X-Timestamp of a request.
func Timestamp(req *web.Request) (swift.Timestamp, *web.Response) {
	text := req.Header.Get("X-Timestamp")
	if text == "" {
		return swift.Timestamp{}, web.Plain(http.StatusBadRequest, "Missing X-Timestamp header")
	}
	ts, err := swift.ParseTimestamp(text)
	if err != nil {
		return swift.Timestamp{}, web.Plain(http.StatusBadRequest, "Invalid X-Timestamp header")
	}
	return ts, nil
}

// Policy is the policy index in a header, -1 without one. It must be of a
// policy that exists.
func (b *Base) Policy(req *web.Request) (int, *web.Response) {
	const name = "X-Backend-Storage-Policy-Index"
	text := req.Header.Get(name)
	if text == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	switch {
	case err != nil:
		return -1, web.Plain(http.StatusBadRequest, "Invalid %s '%s'", name, text)
	case b.Swift.Policies.ByIndex(n) == nil:
		return -1, web.Plain(http.StatusBadRequest, "Invalid %s %d", name, n)
	}
	return n, nil
}

// Collect is the headers of a request that are stored, with the time they
// were set. Kind is "account" or "container"; more are lower-case names
// besides user and system metadata.
func Collect(req *web.Request, kind string, more map[string]bool, at swift.Timestamp) broker.Metadata {
	out := broker.Metadata{}
	for name := range req.Header {
		if stored(name, kind, more) {
			out.Set(titled(name), req.Header.Get(name), at)
		}
	}
	return out
}

// Restore puts stored headers into an answer.
func Restore(h http.Header, stored_ broker.Metadata, kind string, more map[string]bool) {
	for name, v := range stored_ {
		if v.Value != "" && stored(name, kind, more) {
			h.Set(name, v.Value)
		}
	}
}

func stored(name, kind string, more map[string]bool) bool {
	lower := strings.ToLower(name)
	for _, prefix := range []string{"x-" + kind + "-meta-", "x-" + kind + "-sysmeta-"} {
		if strings.HasPrefix(lower, prefix) && len(lower) > len(prefix) {
			return true
		}
	}
	return more[lower]
}

// titled spells a header as Swift stores it: a capital after every byte that
// is no letter. Two replicas must agree on the key.
func titled(name string) string {
	b := []byte(name)
	start := true
	for i, c := range b {
		lower := c | 0x20
		letter := lower >= 'a' && lower <= 'z'
		if letter && start {
			b[i] = c &^ 0x20
		} else if letter {
			b[i] = lower
		}
		start = !letter
	}
	return string(b)
}

// reserve is the room that must stay free, fallocate_reserve.
type reserve struct {
	value   float64
	percent bool
}

func readReserve(opts *config.Section) reserve {
	const key = "fallocate_reserve"
	text := strings.TrimSpace(opts.String(key, "1%"))
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || v < 0 || percent && v >= 100 {
		opts.Fail(key, "must be a number of bytes, or a percentage below 100")
		return reserve{1, true}
	}
	return reserve{v, percent}
}

func (r reserve) met(st host.StatFS) bool {
	if r.percent {
		return float64(st.Avail)*100 >= r.value*float64(st.Total)
	}
	return float64(st.Avail) >= r.value
}

// Number is a header that must be a whole number.
func Number(req *web.Request, name string) (int64, *web.Response) {
	n, err := strconv.ParseInt(strings.TrimSpace(req.Header.Get(name)), 10, 64)
	if err != nil {
		return 0, web.Plain(http.StatusBadRequest, "%s", fmt.Sprintf("Invalid %s header", name))
	}
	return n, nil
}
