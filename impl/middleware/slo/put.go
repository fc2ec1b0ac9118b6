package slo

import (
	"apus/impl/middleware/heartbeat"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"apus/impl/config"
	"apus/impl/swift"
	"apus/impl/web"
)

// put makes a large object: it checks the client's manifest against the
// segments and stores what GET needs.
func (f *filter) put(ctx context.Context, req *web.Request) *web.Response {
	if req.Header.Get("X-Copy-From") != "" {
		return web.HTML(http.StatusMethodNotAllowed, "Multipart Manifest PUTs cannot be COPY requests")
	}
	text, refusal := f.readManifest(req)
	if refusal != nil {
		return refusal
	}
	version, path, _ := req.Swift()
	base := "/" + version + "/" + path.Account
	want, err := parseManifest(text, base, req.Path)
	if err != nil {
		return explain(err)
	}
	if n := objectBacked(want); int64(n) > f.maxSegments {
		return web.HTML(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("Number of object-backed segments must be <= %d", f.maxSegments))
	}
	u := &upload{filter: f, req: req, base: base, want: want}
	u.format = heartbeat.Choose(req.Header.Get("Accept"), heartbeat.Formats()...)
	if u.format == "" {
		u.format = heartbeat.Text
	}
	if config.Truth(req.Query().Get("heartbeat")) {
		return &web.Response{
			Status: http.StatusAccepted, Header: http.Header{"Content-Type": {u.format}}, ContentLength: -1,
			Body: heartbeat.NewBody(ctx, f.yieldEvery, u.report),
		}
	}
	resp, failures := u.run(ctx)
	if failures != nil {
		body := heartbeat.Report{Failures: failures}.Encode(u.format, "upload")
		return web.Text(resp.Status, string(body), u.format)
	}
	return resp
}

// explain is the answer to a manifest that is wrong.
func explain(err error) *web.Response {
	var p problem
	if errors.As(err, &p) {
		return web.Text(http.StatusBadRequest, p.Error(), heartbeat.Text)
	}
	return web.HTML(http.StatusBadRequest, err.Error())
}

// upload is a large object that a client makes.
type upload struct {
	*filter
	req    *web.Request
	base   string // "/v1/account"
	want   []wanted
	format string // of reports
}

// run checks the segments and stores the manifest. Failures say why the
// segments will not do; the response is then without a body.
func (u *upload) run(ctx context.Context) (resp *web.Response, failures []heartbeat.Failure) {
	m := &manifest{want: u.want, segments: make([]segment, len(u.want)), stored: make([]any, len(u.want))}
	m.build(u.headAll(ctx, u.req, u.base, m.objects()))
	if m.problems != nil {
		return web.Empty(http.StatusBadRequest), m.problems
	}
	size, etag := measure(m.segments)
	if given := web.Unquote(strings.TrimSpace(u.req.Header.Get("Etag"))); given != "" && given != etag {
		return web.NewResponse(http.StatusUnprocessableEntity), nil
	}
	if ctx.Err() != nil { // nobody waits for it any more
		return web.NewResponse(swift.ClientGone.Status()), nil
	}
	return u.store(ctx, u.req, encodeManifest(m.stored), size, etag), nil
}

// maxExplanation is the longest answer to a PUT that a report repeats.
const maxExplanation = 64 << 10

// report is run for a client who already has a status.
func (u *upload) report(ctx context.Context) []byte {
	resp, failures := u.run(ctx)
	values := map[string]any{"Response Status": heartbeat.StatusLine(resp.Status)}
	if resp.OK() {
		values["Etag"], values["Last Modified"] = resp.Header.Get("Etag"), resp.Header.Get("Last-Modified")
	}
	text, _ := resp.ReadAll(maxExplanation) // what cannot be read explains nothing
	values["Response Body"] = string(text)
	switch { // upstream's words, where no server has said anything
	case failures != nil:
		values["Response Body"] = "Bad Request\nThe server could not comply with the request since it is either malformed or otherwise incorrect."
	case resp.Status == http.StatusUnprocessableEntity:
		values["Response Body"] = "Unprocessable Entity\nUnable to process the contained instructions"
	}
	return append([]byte("\r\n\r\n"), heartbeat.Report{Values: values, Failures: failures}.Encode(u.format, "upload")...)
}

// readManifest reads the body within its limit.
func (f *filter) readManifest(req *web.Request) ([]byte, *web.Response) {
	tooLarge := func() *web.Response {
		return web.HTML(http.StatusRequestEntityTooLarge, fmt.Sprintf("Manifest File > %d bytes", f.maxManifestSize))
	}
	switch {
	case req.ContentLength > f.maxManifestSize:
		return nil, tooLarge()
	case req.ContentLength == 0 && req.Source == "" && req.Header.Get("Content-Length") == "":
		return nil, web.NewResponse(http.StatusLengthRequired)
	}
	text, err := io.ReadAll(io.LimitReader(req.Body, f.maxManifestSize+1))
	switch {
	case err != nil:
		return nil, web.FromError(err)
	case int64(len(text)) > f.maxManifestSize:
		return nil, tooLarge()
	case req.ContentLength >= 0 && int64(len(text)) < req.ContentLength:
		return nil, web.NewResponse(swift.ClientGone.Status())
	}
	return text, nil
}

func objectBacked(want []wanted) int {
	n := 0
	for i := range want {
		if want[i].data == nil {
			n++
		}
	}
	return n
}

// found is what a HEAD said about an object.
type found struct {
	status       int
	size         int64
	etag         string
	contentType  string
	lastModified string
	large        bool
}

// headAll asks for objects, several at a time. It goes through the filter
// itself, so that large objects show their size and ETag.
func (f *filter) headAll(ctx context.Context, req *web.Request, base string, objects []string) map[string]found {
	results := make([]found, len(objects))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(int(f.concurrency), len(objects)) {
		workers.Go(func() {
			for i := range next {
				results[i] = f.head(ctx, req, base+objects[i])
			}
		})
	}
	for i := range objects {
		next <- i
	}
	close(next)
	workers.Wait()
	out := make(map[string]found, len(objects))
	for i, o := range objects {
		out[o] = results[i]
	}
	return out
}

func (f *filter) head(ctx context.Context, req *web.Request, path string) found {
	resp := f.Serve(ctx, sub(req, http.MethodHead, path, "MultipartPUT"))
	resp.Discard()
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return found{
		status: resp.Status, size: resp.ContentLength, etag: web.Unquote(resp.Header.Get("Etag")),
		contentType: kind, lastModified: resp.Header.Get("Last-Modified"),
		large: config.Truth(resp.Header.Get(markerHeader)),
	}
}

// manifest is one in the making.
type manifest struct {
	want     []wanted
	segments []segment
	stored   []any // what becomes JSON
	problems []heartbeat.Failure
}

// objects lists what the segments refer to, each once, in order.
func (m *manifest) objects() []string {
	var out []string
	seen := map[string]bool{}
	for i := range m.want {
		w := &m.want[i]
		if w.data == nil && !seen[w.object()] {
			seen[w.object()] = true
			out = append(out, w.object())
		}
	}
	return out
}

func (m *manifest) build(objects map[string]found) {
	for i := range m.want {
		w := &m.want[i]
		if w.data != nil {
			n := int64(len(w.data))
			m.segments[i] = segment{data: w.data, size: n, to: n}
			m.stored[i] = storedData{w.data}
			continue
		}
		m.object(i, objects[w.object()])
	}
}

// object checks segment i against its object.
func (m *manifest) object(i int, o found) {
	w := &m.want[i]
	fail := func(what string) {
		m.problems = append(m.problems, heartbeat.Failure{Name: heartbeat.Quote(w.path), Status: what})
	}
	if o.status/100 != 2 {
		fail(heartbeat.StatusLine(o.status))
		return
	}
	if o.size < 0 {
		fail(heartbeat.StatusLine(http.StatusServiceUnavailable)) // a HEAD always knows
		return
	}
	s := segment{name: w.object(), hash: o.etag, size: o.size, to: o.size, sub: o.large}
	satisfiable := true
	if w.rng != nil {
		from, to, ok := w.rng.within(o.size)
		if satisfiable = ok; ok && (from != 0 || to != o.size) {
			s.from, s.to, s.ranged = from, to, true
		}
	}
	last := i == len(m.want)-1
	if !satisfiable {
		fail("Unsatisfiable Range")
	}
	if s.length() < 1 && !last {
		fail("Too small; each segment must be at least 1 byte.")
	}
	if w.size >= 0 && w.size != o.size {
		fail("Size Mismatch")
	}
	if w.hasEtag && w.etag != o.etag {
		fail("Etag Mismatch")
	}
	m.segments[i] = s
	j := storedSegment{
		Name: s.name, Bytes: looseInt(s.size), Hash: s.hash, ContentType: o.contentType,
		LastModified: listingTime(o.lastModified), SubSLO: looseTruth(s.sub),
	}
	if s.ranged {
		j.Range = s.rangeText()
	}
	m.stored[i] = j
}

// listingTime is the form of last_modified in listings.
func listingTime(httpDate string) string {
	t, ok := web.ParseDate(httpDate)
	if !ok {
		return ""
	}
	return swift.TimestampOf(t).ISO()
}

// store writes the manifest as an object that knows what it stands for.
func (f *filter) store(ctx context.Context, req *web.Request, text []byte, size int64, etag string) *web.Response {
	sum := md5.Sum(text)
	own := hex.EncodeToString(sum[:])
	out := *req
	out.Header = req.Header.Clone()
	out.Body, out.ContentLength = web.Bytes(string(text)), int64(len(text))
	h := out.Header
	h.Del("Transfer-Encoding")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set(etagHeader, etag)
	h.Set(sizeHeader, strconv.FormatInt(size, 10))
	h.Set(markerHeader, "True")
	h.Set("Etag", own)
	// A filter nearer to the client may have chosen its own ETag for listings.
	value, params, has := strings.Cut(h.Get(listingEtag), ";")
	if value == "" {
		value = own
	}
	if has {
		value += ";" + params
	}
	h.Set(listingEtag, value+"; slo_etag="+etag)
	h.Del("X-Detect-Content-Type") // a guess below would lose the size
	kind := h.Get("Content-Type")
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set("X-Backend-Content-Type-Overridden", "true")
	h.Set("Content-Type", kind+";swift_bytes="+strconv.FormatInt(size, 10))

	resp := f.next.Serve(ctx, &out)
	if resp.OK() {
		resp.Header.Set("Etag", `"`+etag+`"`)
	}
	return resp
}
