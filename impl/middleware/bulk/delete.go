package bulk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"apus/impl/middleware/heartbeat"
	"apus/impl/swift"
	"apus/impl/web"
)

// deletion is a bulk delete in progress.
type deletion struct {
	ctx    context.Context
	filter *filter
	req    *web.Request
	format string

	base   string // "/v1/account/"
	read   bool
	stages [2][]string // what is left of objects, then of containers
	result heartbeat.Deletions
}

func (f *filter) delete(ctx context.Context, req *web.Request) *web.Response {
	format := heartbeat.Offer(req.Header.Get("Accept"))
	d := &deletion{ctx: ctx, filter: f, req: req, format: format}
	return f.answer(ctx, format, d.step)
}

// step reads the names or deletes a few things. It returns the report at the
// end.
func (d *deletion) step() []byte {
	if !d.read {
		d.read = true
		status, explanation := d.start()
		if status != 0 {
			return d.result.Stop(d.format, status, explanation)
		}
		return nil
	}
	stage := &d.stages[0]
	if len(*stage) == 0 {
		stage = &d.stages[1]
	}
	if len(*stage) == 0 {
		return d.result.Complete(d.format)
	}
	n := min(len(*stage), int(d.filter.concurrency))
	batch := (*stage)[:n]
	*stage = (*stage)[n:]
	for i, status := range heartbeat.Each(batch, d.remove) {
		d.result.Record(batch[i], status)
	}
	if int64(d.result.Failures()) >= d.filter.maxFailedDeletes {
		return d.result.Stop(d.format, http.StatusBadRequest, "Max delete failures exceeded")
	}
	return nil
}

// start checks the request and reads the names; a status that is not 0 says
// why nothing is deleted.
func (d *deletion) start() (status int, explanation string) {
	version, path, ok := d.req.Swift()
	kind := d.req.Header.Get("Content-Type")
	switch {
	case d.format == "":
		return http.StatusNotAcceptable, ""
	case !ok:
		return http.StatusNotFound, ""
	case kind != "" && !strings.HasPrefix(kind, heartbeat.Text):
		return http.StatusNotAcceptable, ""
	case !hasBody(d.req):
		return http.StatusLengthRequired, ""
	}
	d.base = "/" + version + "/" + path.Account + "/"
	names, err := readNames(d.req.Body, d.filter.maxDeletes, 2*d.filter.maxPath())
	if err != nil {
		var e *swift.Error
		if errors.As(err, &e) && (e.Kind == swift.Invalid || e.Kind == swift.TooLarge) {
			return e.Kind.Status(), e.Err.Error()
		}
		return failureStatus(err), ""
	}
	d.stages = objectsFirst(names)
	return 0, ""
}

// readNames reads a list of percent-encoded names. Lines are not longer than
// maxLine.
func readNames(body io.Reader, maxNames int64, maxLine int) ([]string, error) {
	const op = "bulk.readNames"
	lines := bufio.NewReaderSize(body, maxLine)
	var names []string
	for count := int64(1); ; count++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, swift.E(op, "", swift.Invalid, errors.New("Invalid File Name"))
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		name := web.UnescapePath(strings.TrimSpace(string(line)))
		if count > maxNames && (err == nil || name != "") {
			return nil, swift.E(op, "", swift.TooLarge, fmt.Errorf("Maximum Bulk Deletes: %d per request", maxNames))
		}
		if name != "" {
			names = append(names, name)
		}
		if err == io.EOF {
			return names, nil
		}
	}
}

// objectsFirst parts objects from containers. These must be empty, so none is
// deleted at the same time as the last of those.
func objectsFirst(names []string) (stages [2][]string) {
	for _, n := range names {
		stage := 0
		if !strings.Contains(strings.Trim(n, "/"), "/") {
			stage = 1
		}
		stages[stage] = append(stages[stage], n)
	}
	return stages
}

// remove deletes one thing and returns the status. A container that is not
// empty yet may be so a little later.
func (d *deletion) remove(name string) int {
	path := d.base + strings.TrimLeft(name, "/")
	if !cleanName(path) {
		return http.StatusPreconditionFailed
	}
	for try := int64(1); ; try++ {
		resp := d.filter.next.Serve(d.ctx, sub(d.req, http.MethodDelete, path, "BD", "BulkDelete"))
		resp.Discard()
		if resp.Status != http.StatusConflict || try > d.filter.retries || !d.pause(try) {
			return resp.Status
		}
	}
}

// pause waits before another try; false is that nobody waits any more.
func (d *deletion) pause(try int64) bool {
	seconds := math.Pow(retryInterval, float64(try))
	t := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-d.ctx.Done():
		return false
	}
}

func cleanName(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
