package slo

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"apus/impl/middleware/heartbeat"
	"apus/impl/web"
)

const (
	// maxFailures ends a delete that goes wrong all the time.
	maxFailures = 1000
	// queueFactor times max_manifest_segments is how many segments may wait,
	// in case the setting was larger when the manifests were made.
	queueFactor = 10
)

// delete removes the segments, those of inner large objects too, and then the
// manifests. The status is sent before anything is done; the body tells how
// it went.
func (f *filter) delete(ctx context.Context, req *web.Request) *web.Response {
	format := heartbeat.Offer(req.Header.Get("Accept"))
	d := &deletion{ctx: ctx, filter: f, req: req, format: format}
	step := d.step
	switch {
	case format == "":
		step = d.refuse(http.StatusNotAcceptable, "")
	case !cleanName(req.Path):
		step = d.refuse(http.StatusPreconditionFailed, "Invalid UTF8 or contains NULL")
	default:
		d.start()
	}
	return &web.Response{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {heartbeat.BareType(format)}},
		Body: heartbeat.NewStream(ctx, format, f.yieldEvery, step), ContentLength: -1,
	}
}

// deletion is one in progress.
type deletion struct {
	ctx    context.Context
	filter *filter
	req    *web.Request
	format string

	base      string // "/v1/account"
	versionID []string
	queue     []victim
	result    heartbeat.Deletions
}

// victim is an object to delete, first looked into when it is a manifest.
type victim struct {
	name     string
	manifest bool
	outer    bool     // the one the client named
	refusal  *refusal // if it is not to be deleted
}

func (d *deletion) start() {
	version, path, _ := d.req.Swift()
	d.base = "/" + version + "/" + path.Account
	d.versionID = d.req.Query()["version-id"]
	d.queue = []victim{{name: "/" + path.Container + "/" + path.Object, manifest: true, outer: true}}
}

// refuse is the only step of a deletion that does not begin.
func (d *deletion) refuse(status int, explanation string) func() []byte {
	return func() []byte { return d.result.Stop(d.format, status, explanation) }
}

func cleanName(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// step looks into one manifest or deletes a few objects. It returns the report
// at the end.
func (d *deletion) step() []byte {
	if len(d.queue) > queueFactor*int(d.filter.maxSegments) {
		return d.result.Stop(d.format, http.StatusBadRequest, "Too many buffered slo segments to delete.")
	}
	if len(d.queue) == 0 {
		return d.result.Complete(d.format)
	}
	if v := d.queue[0]; v.manifest {
		d.queue = d.queue[1:]
		d.expand(v)
		return nil
	}
	var batch []victim
	for len(d.queue) > 0 && !d.queue[0].manifest && len(batch) < int(d.filter.deleteConcurrency) {
		batch, d.queue = append(batch, d.queue[0]), d.queue[1:]
	}
	for i, status := range heartbeat.Each(batch, d.remove) {
		if v := batch[i]; v.refusal != nil && status != http.StatusNotFound {
			d.result.Fail(v.name, v.refusal.reason)
		} else {
			d.result.Record(v.name, status)
		}
	}
	if d.result.Failures() >= maxFailures {
		return d.result.Stop(d.format, http.StatusBadRequest, "Max delete failures exceeded")
	}
	return nil
}

// expand queues the segments of a manifest and, behind them, the manifest.
func (d *deletion) expand(v victim) {
	var version []string
	if v.outer {
		version = d.versionID
	}
	list, refusal := d.filter.stored(d.ctx, d.req, v.name, version)
	for i := range list {
		if list[i].data == nil {
			d.queue = append(d.queue, victim{name: list[i].name, manifest: list[i].sub})
		}
	}
	v.manifest, v.refusal = false, refusal
	d.queue = append(d.queue, v)
}

// refusal is why something cannot be deleted.
type refusal struct {
	status int
	reason string
}

// stored reads the manifest of name, a path below the account. version is of
// the object, if the client named one. His conditions are those of reading it:
// where one fails nothing is deleted.
func (f *filter) stored(ctx context.Context, client *web.Request, name string, version []string) ([]segment, *refusal) {
	v, path, _ := client.Swift()
	req := sub(client, http.MethodGet, "/"+v+"/"+path.Account+name, "MultipartDELETE")
	query := url.Values{"multipart-manifest": {"get"}}
	if version != nil {
		query["version-id"] = version
	}
	req.RawQuery = query.Encode()
	for _, name := range web.ConditionHeaders {
		if values := client.Header[name]; values != nil {
			req.Header[name] = values
		}
	}
	resp := f.next.Serve(ctx, req)
	switch {
	case resp.OK() && !isLarge(resp):
		resp.Abandon() // it may be long
		return nil, &refusal{http.StatusBadRequest, "Not an SLO manifest"}
	case resp.OK():
		text, err := resp.ReadAll(maxStoredManifest)
		if err == nil {
			var list []segment
			if list, err = decodeManifest(text); err == nil {
				return list, nil
			}
		}
		return nil, &refusal{http.StatusInternalServerError, "Unable to load SLO manifest"}
	}
	resp.Discard()
	switch resp.Status {
	case http.StatusNotFound:
		return nil, &refusal{resp.Status, "SLO manifest not found"}
	case http.StatusUnauthorized:
		return nil, &refusal{resp.Status, heartbeat.StatusLine(resp.Status)}
	}
	return nil, &refusal{http.StatusInternalServerError, "Unable to load SLO manifest or segment."}
}

// remove deletes one object and returns the status.
func (d *deletion) remove(v victim) int {
	if v.refusal != nil {
		return v.refusal.status
	}
	if !cleanName(v.name) {
		return http.StatusPreconditionFailed
	}
	req := sub(d.req, http.MethodDelete, d.base+v.name, "MultipartDELETE")
	if v.outer && d.versionID != nil {
		req.RawQuery = url.Values{"version-id": d.versionID}.Encode()
	}
	resp := d.filter.next.Serve(d.ctx, req)
	resp.Discard()
	return resp.Status
}
