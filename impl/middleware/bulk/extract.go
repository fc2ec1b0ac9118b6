package bulk

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/middleware/heartbeat"
	"apus/impl/web"
)

// extraction is an archive that is being stored.
type extraction struct {
	ctx    context.Context
	filter *filter
	req    *web.Request
	format string
	open   func(io.Reader) (io.Reader, error)

	account string // "/v1/account"
	base    string // where in the account, without a slash at the end
	archive *archive

	containers map[string]bool // tried already
	made       int64           // containers
	created    int             // objects
	failures   []heartbeat.Failure
	broken     bool // a server failed, not the client
}

func (f *filter) extract(ctx context.Context, req *web.Request, open func(io.Reader) (io.Reader, error)) *web.Response {
	format := heartbeat.Offer(req.Header.Get("Accept"))
	x := &extraction{ctx: ctx, filter: f, req: req, format: format, open: open, containers: map[string]bool{}}
	return f.answer(ctx, format, x.step)
}

// step opens the archive or stores one file of it. It returns the report at
// the end.
func (x *extraction) step() []byte {
	if x.archive == nil {
		return x.start()
	}
	f, err := x.archive.next()
	switch {
	case err == io.EOF || err == nil && int64(len(x.failures)) >= x.filter.maxFailedExtractions:
		return x.complete()
	case err != nil:
		return x.damaged(err)
	case f == nil:
		return nil
	}
	return x.file(f)
}

func (x *extraction) start() []byte {
	version, path, ok := x.req.Swift()
	switch {
	case x.format == "":
		return x.stop(http.StatusNotAcceptable, "")
	case !hasBody(x.req):
		return x.stop(http.StatusLengthRequired, "")
	case !ok:
		return x.stop(http.StatusNotFound, "")
	}
	x.account = "/" + version + "/" + path.Account
	x.base = strings.TrimRight(strings.TrimPrefix(path.String(), "/"+path.Account), "/")
	x.base = strings.TrimPrefix(x.base, "/")
	var err error
	if x.archive, err = openArchive(x.ctx, x.req.Body, x.open); err != nil {
		return x.damaged(err)
	}
	return nil
}

// file stores one file. It returns a report if the rest is not to be tried.
func (x *extraction) file(f *file) []byte {
	name := strings.TrimLeft(strings.TrimPrefix(f.name, "./"), "/")
	if x.base != "" {
		name = x.base + "/" + name
	}
	container, _, ok := strings.Cut(name, "/")
	if !ok {
		return nil // no container to put it into
	}
	headers, plausible := x.archive.headers(f)
	switch {
	case !cleanName(x.account + "/" + name):
		x.fail(name, http.StatusPreconditionFailed)
		return nil
	case f.size > x.filter.limits.MaxFileSize:
		x.fail(name, http.StatusRequestEntityTooLarge)
		return nil
	case !plausible:
		x.fail(name, http.StatusBadRequest)
		return nil
	}
	trouble, stop := x.container(container)
	if stop != nil {
		return stop
	}
	status := x.put(name, f, headers)
	x.containers[container] = true
	if status/100 == 2 {
		x.created++
		return nil
	}
	if trouble != 0 {
		x.fail(x.account+"/"+container, trouble)
	}
	x.broken = x.broken || status >= 500
	x.fail(name, status)
	if status == http.StatusUnauthorized {
		return x.stop(status, "")
	}
	return nil
}

// container makes a container if it is not there. Trouble is the status if
// that failed; a list of who may write may still let the objects through.
func (x *extraction) container(name string) (trouble int, stop []byte) {
	if x.containers[name] {
		return 0, nil
	}
	path := x.account + "/" + name
	status := x.do(http.MethodHead, path)
	if status != http.StatusNotFound {
		return x.verdict(status)
	}
	status = x.do(http.MethodPut, path)
	if status/100 == 2 {
		if x.made++; x.made > x.filter.maxContainers {
			return 0, x.stop(http.StatusBadRequest,
				fmt.Sprintf("More than %d containers to create from tar.", x.filter.maxContainers))
		}
	}
	return x.verdict(status)
}

func (x *extraction) verdict(status int) (trouble int, stop []byte) {
	switch {
	case status == http.StatusUnauthorized:
		return status, x.stop(status, "")
	case status/100 == 2:
		return 0, nil
	}
	return status, nil
}

// do makes a request without a body for its status.
func (x *extraction) do(method, path string) int {
	s := sub(x.req, method, path, "EA", "")
	s.RawQuery = x.req.RawQuery
	resp := x.filter.next.Serve(x.ctx, s)
	resp.Discard()
	return resp.Status
}

// put stores a file as an object.
func (x *extraction) put(name string, f *file, headers map[string]string) int {
	s := sub(x.req, http.MethodPut, x.account+"/"+name, "EA", "BulkExpand")
	s.RawQuery = x.req.RawQuery
	for k, v := range x.req.Header {
		if k == "X-Delete-At" || k == "X-Delete-After" || strings.HasPrefix(k, "X-Object-Meta-") {
			s.Header[k] = v
		}
	}
	for k, v := range headers {
		s.Header.Set(k, v)
	}
	s.Header.Set("Content-Length", strconv.FormatInt(f.size, 10))
	s.Body, s.ContentLength = x.archive.tar, f.size
	resp := x.filter.next.Serve(x.ctx, s)
	resp.Discard()
	return resp.Status
}

func (x *extraction) fail(name string, status int) {
	name = name[:min(len(name), x.filter.maxPath())]
	x.failures = append(x.failures, heartbeat.Failure{Name: heartbeat.Quote(name), Status: heartbeat.StatusLine(status)})
}

// damaged is the report for an archive that cannot be read on.
func (x *extraction) damaged(err error) []byte {
	if x.archive.body.err != nil {
		return x.stop(failureStatus(x.archive.body.err), "")
	}
	return x.stop(http.StatusBadRequest, "Invalid Tar File: "+x.archive.explain(err))
}

// complete is the report after the last file.
func (x *extraction) complete() []byte {
	switch {
	case x.broken:
		return x.stop(http.StatusBadGateway, "")
	case x.failures != nil:
		return x.stop(http.StatusBadRequest, "")
	case x.created == 0:
		return x.stop(http.StatusBadRequest, "Invalid Tar File: No Valid Files")
	}
	return x.stop(http.StatusCreated, "")
}

func (x *extraction) stop(status int, explanation string) []byte {
	return heartbeat.Report{
		Values: map[string]any{
			"Response Status": heartbeat.StatusLine(status), "Response Body": explanation, "Number Files Created": x.created,
		},
		Failures: x.failures,
	}.Encode(x.format, "extract")
}
