package slo

import (
	"apus/impl/middleware/heartbeat"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"

	"apus/impl/host"
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
	format := heartbeat.Choose(req.Header.Get("Accept"), heartbeat.Formats()...)
	d := &deletion{
		ctx: ctx, filter: f, req: req, format: format, watch: host.StartStopwatch(),
		result: heartbeat.Report{Values: map[string]any{
			"Response Status": heartbeat.StatusLine(http.StatusOK), "Response Body": "", "Number Deleted": 0, "Number Not Found": 0,
		}},
		failed: http.StatusBadRequest,
	}
	d.beat = " "
	if strings.HasSuffix(format, "/xml") {
		d.beat = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	}
	if format == "" {
		d.finish(http.StatusNotAcceptable, "")
		format = heartbeat.Text
	} else {
		d.start()
	}
	return &web.Response{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {heartbeat.ContentType(format)}},
		Body: d, ContentLength: -1,
	}
}

// deletion is the body of the answer. Reading it does the work, a few objects
// at a time; between them it is never in the middle of anything, so that
// closing it just stops.
type deletion struct {
	ctx    context.Context
	filter *filter
	req    *web.Request
	format string

	base      string // "/v1/account"
	versionID []string
	queue     []victim
	result    heartbeat.Report
	deleted   int
	notFound  int
	failed    int // status of the report if there are failures

	watch     host.Stopwatch
	beats     int64 // pieces of whitespace sent to keep the connection alive
	beat      string
	separator string
	pending   []byte
	done      bool
}

// victim is an object to delete, first looked into when it is a manifest.
type victim struct {
	name     string
	manifest bool
	outer    bool     // the one the client named
	refusal  *refusal // if it is not to be deleted
}

func (d *deletion) start() {
	if !cleanName(d.req.Path) {
		d.finish(http.StatusPreconditionFailed, "Invalid UTF8 or contains NULL")
		return
	}
	version, path, _ := d.req.Swift()
	d.base = "/" + version + "/" + path.Account
	d.versionID = d.req.Query()["version-id"]
	d.queue = []victim{{name: "/" + path.Container + "/" + path.Object, manifest: true, outer: true}}
}

func cleanName(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func (d *deletion) Read(p []byte) (int, error) {
	for len(d.pending) == 0 {
		if d.done {
			return 0, io.EOF
		}
		if err := d.ctx.Err(); err != nil {
			return 0, err
		}
		d.step()
		every := d.filter.yieldEvery
		if !d.done && every > 0 && int64(d.watch.Elapsed()/every) > d.beats {
			d.beats = int64(d.watch.Elapsed() / every)
			d.pending = []byte(d.beat)
			d.beat, d.separator = " ", "\r\n\r\n"
		}
	}
	n := copy(p, d.pending)
	d.pending = d.pending[n:]
	return n, nil
}

// Close stops.
func (d *deletion) Close() error {
	d.done, d.pending = true, nil
	return nil
}

// step looks into one manifest or deletes a few objects.
func (d *deletion) step() {
	if len(d.queue) > queueFactor*int(d.filter.maxSegments) {
		d.finish(http.StatusBadRequest, "Too many buffered slo segments to delete.")
		return
	}
	if len(d.queue) == 0 {
		d.complete()
		return
	}
	if v := d.queue[0]; v.manifest {
		d.queue = d.queue[1:]
		d.expand(v)
		return
	}
	var batch []victim
	for len(d.queue) > 0 && !d.queue[0].manifest && len(batch) < int(d.filter.deleteConcurrency) {
		batch, d.queue = append(batch, d.queue[0]), d.queue[1:]
	}
	statuses := make([]int, len(batch))
	var workers sync.WaitGroup
	for i, v := range batch {
		workers.Go(func() { statuses[i] = d.remove(v) })
	}
	workers.Wait()
	for i, v := range batch {
		d.record(v, statuses[i])
	}
	if len(d.result.Failures) >= maxFailures {
		d.finish(http.StatusBadRequest, "Max delete failures exceeded")
	}
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
// the object, if the client named one.
func (f *filter) stored(ctx context.Context, client *web.Request, name string, version []string) ([]segment, *refusal) {
	v, path, _ := client.Swift()
	req := sub(client, http.MethodGet, "/"+v+"/"+path.Account+name, "MultipartDELETE")
	query := url.Values{"multipart-manifest": {"get"}}
	if version != nil {
		query["version-id"] = version
	}
	req.RawQuery = query.Encode()
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

func (d *deletion) record(v victim, status int) {
	switch {
	case status/100 == 2:
		d.deleted++
		return
	case status == http.StatusNotFound:
		d.notFound++
		return
	case v.refusal == nil && status >= 500:
		d.failed = http.StatusBadGateway
	}
	reason := heartbeat.StatusLine(status)
	if v.refusal != nil {
		reason = v.refusal.reason
	}
	d.result.Failures = append(d.result.Failures, heartbeat.Failure{Name: heartbeat.Quote(v.name), Status: reason})
}

// complete ends a deletion that went through the whole queue.
func (d *deletion) complete() {
	switch {
	case d.result.Failures != nil:
		d.finish(d.failed, "")
	case d.deleted+d.notFound == 0:
		d.finish(http.StatusBadRequest, "Invalid bulk delete.")
	default:
		d.finish(http.StatusOK, "")
	}
}

// finish writes the report.
func (d *deletion) finish(status int, explanation string) {
	v := d.result.Values
	v["Response Status"], v["Response Body"] = heartbeat.StatusLine(status), explanation
	v["Number Deleted"], v["Number Not Found"] = d.deleted, d.notFound
	d.pending = append([]byte(d.separator), d.result.Encode(d.format, "delete")...)
	d.queue, d.done = nil, true
}
