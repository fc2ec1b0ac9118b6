package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"apus/sim/model"
)

func (c *client) op(st Step) *model.Op {
	return &model.Op{
		Client: c.id, Kind: st.Kind, Account: model.Name(c.account), Container: st.Container, Object: st.Object,
	}
}

// value names the i-th value of a step.
func (c *client) value(st Step, i int) model.ValueID {
	return model.NewValueID(c.seed, c.id, st.N<<8|i)
}

// otherEtag is an ETag that nothing has.
const otherEtag = "0123456789abcdef0123456789abcdef"

func (c *client) putObject(ctx context.Context, st Step) *model.Op {
	return c.put(ctx, c.op(st), st, model.NewValue(c.value(st, 0), st.Size))
}

func (c *client) put(ctx context.Context, op *model.Op, st Step, v model.Value) *model.Op {
	op.Req.Value = v.ID
	c.values.add(v)
	ex := c.begin(ctx, op, st, http.MethodPut, st.Query)
	ex.describe(v.ID)
	ex.body(v.Reader(0), v.Size, st.Chunked, st.Leave)
	if st.Expect {
		ex.req.Header.Set("Expect", "100-continue")
	}
	if st.BadEtag {
		op.Req.BadEtag = true
		ex.set("Etag", otherEtag)
	} else if st.N%2 == 0 {
		ex.set("Etag", v.ETag)
	}
	if st.Cond == IfNoneMatchAny {
		ex.set("If-None-Match", "*")
	}
	ex.expire(st)
	if st.Target != "" {
		ex.set("X-Symlink-Target", strings.ReplaceAll(url.PathEscape(string(st.Target)), "%2F", "/"))
	}
	if resp := ex.send(); resp != nil {
		c.remember(op, resp)
		if id := op.Resp.Version(); id != "" && op.Resp.Success() {
			path := op.Path().String()
			c.versions[path] = append(c.versions[path], id)
		}
		ex.finish(resp)
	}
	return op
}

// describe sets the headers that carry the identity of a value.
func (ex *exchange) describe(id model.ValueID) {
	ex.req.Header.Set("Content-Type", id.ContentType())
	ex.req.Header.Set("X-Object-Meta-Put", id.String())
}

// putLarge stores the segments and then the manifest; nil if a segment
// failed.
func (c *client) putLarge(ctx context.Context, st Step) *model.Op {
	type entry struct {
		Path string `json:"path"`
		Etag string `json:"etag"`
		Size int64  `json:"size_bytes"`
	}
	var parts []model.Part
	var manifest []entry
	for i, size := range st.Parts {
		seg := Step{N: st.N, Kind: model.ObjectPut, Container: SegmentContainer,
			Object: c.segment(st, i), Size: size, Chunked: st.Chunked}
		v := model.NewValue(c.value(st, i+1), size)
		if op := c.put(ctx, c.op(seg), seg, v); op.Resp.Status != http.StatusCreated {
			return nil
		}
		parts = append(parts, model.Part{Value: v.ID, Size: size, ETag: v.ETag, Container: seg.Container, Object: seg.Object})
		manifest = append(manifest, entry{"/" + string(seg.Container) + "/" + string(seg.Object), v.ETag, size})
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		panic(fmt.Sprintf("workload: manifest: %v", err)) // strings and numbers always encode
	}
	v := model.NewLarge(c.value(st, 0), parts)
	op := c.op(st)
	op.Req.Value = v.ID
	c.values.add(v)
	query := "multipart-manifest=put"
	if st.Dynamic {
		query, text = "", nil
	}
	ex := c.begin(ctx, op, st, http.MethodPut, query)
	ex.describe(v.ID)
	if st.Dynamic {
		prefix, _, _ := strings.Cut(string(parts[0].Object), "/part")
		ex.set("X-Object-Manifest", SegmentContainer+"/"+prefix+"/")
	}
	ex.expire(st)
	ex.body(bytes.NewReader(text), int64(len(text)), st.Chunked, 0)
	if resp := ex.send(); resp != nil {
		c.remember(op, resp)
		ex.finish(resp)
	}
	return op
}

// segment names the i-th segment of a large object. What a dynamic one finds by
// their prefix is of one script only.
func (c *client) segment(st Step, i int) model.Name {
	if st.Dynamic {
		return model.Name(fmt.Sprintf("dynamic%x/step%d/part%d", c.seed, st.N, i))
	}
	return model.Name(fmt.Sprintf("client%d/step%d/part%d", c.id, st.N, i))
}

// remember notes ETag and Last-Modified for later conditions.
func (c *client) remember(op *model.Op, resp *http.Response) {
	s := seen{resp.Header.Get("Etag"), resp.Header.Get("Last-Modified")}
	if resp.StatusCode/100 == 2 && s.etag != "" {
		c.seen[op.Path().String()] = s
	}
}

func (c *client) getObject(ctx context.Context, st Step) *model.Op {
	method := http.MethodGet
	if st.Kind == model.ObjectHead {
		method = http.MethodHead
	}
	op := c.op(st)
	if st.Kind == model.VersionGet {
		known := c.versions[op.Path().String()]
		if len(known) == 0 {
			return nil
		}
		op.Req.Version = known[st.N%len(known)]
		st.Query = url.Values{"version-id": {op.Req.Version}}.Encode()
	}
	ex := c.begin(ctx, op, st, method, st.Query)
	ex.choose(st)
	if st.Range != "" {
		ex.set("Range", st.Range)
	}
	ex.condition(st.Cond, c.seen[op.Path().String()])
	resp := ex.send()
	if resp == nil {
		return op
	}
	c.remember(op, resp)
	if method == http.MethodHead || !op.Resp.Success() {
		ex.finish(resp)
		return op
	}
	op.Req.Leave = st.Leave
	var err error
	op.Resp.Body, err = c.receive(resp, st.Leave)
	if err != nil {
		op.Resp.Err = err.Error()
	}
	_ = resp.Body.Close()
	ex.close()
	return op
}

// choose says which copy of an object may answer, and whether one may that has
// expired.
func (ex *exchange) choose(st Step) {
	if st.Newest {
		ex.op.Req.Newest = true
		ex.req.Header.Set("X-Newest", "true")
	}
	if st.Opened {
		ex.set("X-Open-Expired", "true")
	}
}

// expire says when the object that is written expires.
func (ex *exchange) expire(st Step) {
	switch w := ex.c.w; {
	case st.Lifetime == 0:
	case st.Absolute:
		ex.set("X-Delete-At", strconv.FormatInt(w.Epoch.Add(time.Since(w.Start)+st.Lifetime).Unix(), 10))
	default:
		ex.set("X-Delete-After", strconv.FormatInt(int64(st.Lifetime/time.Second), 10))
	}
}

func (ex *exchange) condition(cond Cond, s seen) {
	set := func(name, value string) {
		if value != "" {
			ex.set(name, value)
		}
	}
	quoted := func(etag string) string {
		if etag == "" || etag[0] == '"' {
			return etag
		}
		return strconv.Quote(etag)
	}
	switch cond {
	case IfMatchSeen:
		set("If-Match", quoted(s.etag))
	case IfMatchOther:
		set("If-Match", quoted(otherEtag))
	case IfMatchAny:
		set("If-Match", "*")
	case IfNoneMatchSeen:
		set("If-None-Match", quoted(s.etag))
	case IfNoneMatchOther:
		set("If-None-Match", quoted(otherEtag))
	case IfNoneMatchAny:
		set("If-None-Match", "*")
	case IfModifiedSeen:
		set("If-Modified-Since", s.modified)
	case IfUnmodifiedSeen:
		set("If-Unmodified-Since", s.modified)
	case IfUnmodifiedEpoch:
		set("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:01 GMT")
	}
}

// simple does the kinds whose bodies are short or listings.
func (c *client) simple(ctx context.Context, st Step) *model.Op {
	method, query := http.MethodGet, st.Query
	switch st.Kind {
	case model.AccountHead, model.ContainerHead:
		method = http.MethodHead
	case model.AccountPost, model.ContainerPost, model.ObjectPost:
		method = http.MethodPost
	case model.ContainerPut:
		method = http.MethodPut
	case model.ContainerDelete, model.ObjectDelete:
		method = http.MethodDelete
	case model.ManifestDelete:
		method, query = http.MethodDelete, "multipart-manifest=delete"
	case model.ManifestGet:
		query = "multipart-manifest=get"
	}
	op := c.op(st)
	ex := c.begin(ctx, op, st, method, query)
	ex.choose(st)
	switch st.Kind {
	case model.ObjectPost:
		ex.expire(st)
		op.Req.Value = c.value(st, 0)
		ex.req.Header.Set("X-Object-Meta-Post", op.Req.Value.String())
	case model.ContainerPost:
		ex.req.Header.Set("X-Container-Meta-Post", c.value(st, 0).String())
	case model.AccountPost:
		ex.req.Header.Set("X-Account-Meta-Post", c.value(st, 0).String())
		ex.req.Header.Set("X-Account-Meta-Temp-Url-Key", URLKey)
	case model.ContainerPut:
		if st.Policy != "" {
			ex.req.Header.Set("X-Storage-Policy", st.Policy)
		}
		if st.Versioned {
			ex.set("X-Versions-Enabled", "true")
		}
		if st.Archive != "" {
			ex.set(archiveHeader(st.History), url.PathEscape(string(st.Archive)))
		}
	case model.ManifestDelete:
		ex.req.Header.Set("Accept", "application/json")
	}
	resp := ex.send()
	if resp == nil {
		return op
	}
	if (st.Kind == model.AccountGet || st.Kind == model.ContainerGet) && op.Resp.Success() {
		op.Resp.Rows, op.Resp.Err = rows(resp)
		ex.drain(resp, nil)
		return op
	}
	ex.finish(resp)
	if st.Kind == model.ManifestDelete && op.Outcome == model.OK && !deleted(op.Resp.Text) {
		op.Outcome = model.Unknown
	}
	return op
}

// archiveHeader names where a container keeps what is overwritten.
func archiveHeader(history bool) string {
	if history {
		return "X-History-Location"
	}
	return "X-Versions-Location"
}

// rows reads a listing in JSON. Other formats are read by the caller.
func rows(resp *http.Response) ([]model.Row, string) {
	if mediaType(resp.Header.Get("Content-Type")) != "application/json" {
		return nil, ""
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, drainLimit))
	if err != nil {
		return nil, err.Error()
	}
	var lines []struct {
		Name, Subdir, Hash string
		Bytes, Count       int64
		ContentType        string `json:"content_type"`
		LastModified       string `json:"last_modified"`
	}
	if err := json.Unmarshal(text, &lines); err != nil {
		return nil, fmt.Sprintf("listing is no JSON: %v", err)
	}
	out := make([]model.Row, 0, len(lines))
	for _, l := range lines {
		out = append(out, model.Row{Name: model.Name(l.Name), Subdir: model.Name(l.Subdir), Bytes: l.Bytes, Count: l.Count,
			Hash: l.Hash, ContentType: l.ContentType, LastModified: l.LastModified})
	}
	return out, ""
}

// deleted reports whether the answer to a deletion of a large object says
// that all of it is gone.
func deleted(report string) bool {
	var r struct {
		Deleted int        `json:"Number Deleted"`
		Status  string     `json:"Response Status"`
		Errors  [][]string `json:"Errors"`
	}
	return json.Unmarshal([]byte(report), &r) == nil && r.Deleted > 0 && len(r.Errors) == 0 &&
		len(r.Status) > 3 && r.Status[:3] == "200"
}
