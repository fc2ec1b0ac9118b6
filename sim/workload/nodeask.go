package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

// ask sends one request and records the answer.
func (c *nodeClient) ask(ctx context.Context, o *model.NodeOp) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req := c.request(ctx, o)
	c.ops = append(c.ops, o)
	o.Start = time.Since(c.w.Start)
	defer func() { o.End = time.Since(c.w.Start) }()
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		var d *dialError
		o.NoDial, o.Err = errors.As(err, &d), err.Error()
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if err := c.answer(o, resp); err != nil {
		// Without its body the answer to a read says nothing; that to a write
		// was in the status.
		o.Err = err.Error()
		if o.Kind.Reads() {
			return
		}
	}
	o.Status = resp.StatusCode
}

// methods are the verbs of the requests.
var methods = map[model.NodeKind]string{
	model.NodePut: "PUT", model.NodePost: "POST", model.NodeDelete: "DELETE", model.NodeGet: "GET",
	model.NodeHashes: "REPLICATE",
	model.RowPut:     "PUT", model.RowDelete: "DELETE", model.RowList: "GET", model.RowMerge: "UPDATE",
	model.DBPut: "PUT", model.DBDelete: "DELETE", model.DBHead: "HEAD", model.DBPost: "POST",
}

func (c *nodeClient) request(ctx context.Context, o *model.NodeOp) *http.Request {
	u := &url.URL{Scheme: "http", Host: c.w.Addr, Path: c.path(o)}
	req := (&http.Request{Method: methods[o.Kind], URL: u, Host: c.w.Addr, Header: http.Header{}, Body: http.NoBody}).WithContext(ctx)
	req.Header.Set("X-Backend-Storage-Policy-Index", "0")
	if o.Timestamp != "" {
		req.Header.Set("X-Timestamp", o.Timestamp)
	}
	c.fill(req, o)
	if c.w.Header != nil && !o.Kind.Reads() {
		c.w.Header(req.Header, o)
	}
	return req
}

// path is what is asked for: an object, a row, a container, or a partition.
func (c *nodeClient) path(o *model.NodeOp) string {
	p := swift.Path{Account: NodeAccount, Container: NodeContainer, Object: string(o.Name)}
	place := p
	switch c.cfg.Subject {
	case NodeRows:
		place = swift.Path{Account: NodeAccount, Container: NodeContainer}
		if o.Kind == model.RowMerge {
			p = place
		}
	case NodeContainers:
		p = swift.Path{Account: NodeAccount, Container: string(o.Name)}
		place = p
	case NodeAccounts:
		p = swift.Path{Account: string(o.Name)}
		place = p
	}
	prefix := fmt.Sprintf("/%s/%d", c.w.Device, c.w.Partition(place))
	if o.Kind == model.NodeHashes {
		return prefix
	}
	return prefix + p.String()
}

// fill adds what a write carries.
func (c *nodeClient) fill(req *http.Request, o *model.NodeOp) {
	h := req.Header
	switch o.Kind {
	case model.NodePut:
		v := model.NewValue(o.Value, nodeSize(o.Value, c.cfg.MaxSize))
		h.Set("Content-Type", o.Value.ContentType())
		h.Set(valueHeader, o.Value.String())
		setExpiry(h, "X-Delete-At", o.DeleteAt)
		if o.IfNone {
			h.Set("If-None-Match", "*")
		}
		if o.BadETag {
			h.Set("Etag", model.NewValue(o.Value+1, v.Size+1).ETag)
		}
		req.ContentLength = v.Size
		if v.Size > 0 {
			req.Body = io.NopCloser(v.Reader(0))
		}
	case model.NodePost:
		h.Set("X-Object-Meta-Post", o.Value.String())
		setExpiry(h, "X-Delete-At", o.DeleteAt)
		if o.Type != 0 {
			h.Set("Content-Type", o.Type.ContentType())
		}
	case model.NodeDelete:
		setExpiry(h, "X-If-Delete-At", o.IfDeleteAt)
	case model.RowPut:
		h.Set("X-Size", strconv.FormatInt(rowSize(o), 10))
		h.Set("X-Content-Type", rowType(o).ContentType())
		h.Set("X-Etag", o.Value.String())
		if o.TypeStamp != "" {
			h.Set("X-Content-Type-Timestamp", o.TypeStamp)
			h.Set("X-Meta-Timestamp", o.MetaStamp)
		}
	case model.RowMerge:
		body := mergeBody(o)
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	case model.DBPost:
		h.Set("X-Container-Meta-Post", o.Value.String())
	case model.RowList:
		req.URL.RawQuery = "format=json"
	}
}

// valueHeader tells whose body an object has. Unlike the content type and the
// user's metadata it can only be set together with the body.
const valueHeader = "X-Object-Sysmeta-Value"

func setExpiry(h http.Header, name string, at int64) {
	if at != 0 {
		h.Set(name, strconv.FormatInt(at, 10))
	}
}

func rowSize(o *model.NodeOp) int64 { return int64(uint64(o.Value) % 1e6) }

// rowType is the value whose content type the row of a write gets.
func rowType(o *model.NodeOp) model.ValueID {
	if o.Type != 0 {
		return o.Type
	}
	return o.Value
}

// mergeBody is the row as replicators exchange it: a list of objects whose
// created_at packs the three times, the later two as signed hexadecimal
// differences, each to the one before it, in ticks.
func mergeBody(o *model.NodeOp) []byte {
	data, contentType, metadata := o.Stamps()
	created := data.Internal()
	if o.TypeStamp != "" {
		created += fmt.Sprintf("%+x%+x", contentType.Ticks()-data.Ticks(), metadata.Ticks()-contentType.Ticks())
	}
	body, err := json.Marshal([]map[string]any{{
		"name": string(o.Name), "created_at": created, "size": rowSize(o), "content_type": rowType(o).ContentType(),
		"etag": o.Value.String(), "deleted": 0, "storage_policy_index": 0,
	}})
	if err != nil {
		panic(err) // strings and numbers
	}
	return body
}

// nodeSize is how large a value is: known to readers from its identity.
func nodeSize(id model.ValueID, most int64) int64 {
	if id%7 == 0 {
		return 0
	}
	return int64(uint64(id) >> 8 % uint64(most+1))
}

// answer reads what a read saw; err when the body broke off.
func (c *nodeClient) answer(o *model.NodeOp, resp *http.Response) error {
	switch {
	case o.Kind == model.NodeGet && resp.StatusCode == http.StatusOK:
		return c.object(o, resp)
	case o.Kind == model.NodeGet && resp.StatusCode == http.StatusNotFound:
		o.SeenStamp = resp.Header.Get("X-Backend-Timestamp")
	case o.Kind == model.DBHead:
		o.SeenStamp = resp.Header.Get("X-Put-Timestamp")
		_ = o.SeenPost.UnmarshalText([]byte(resp.Header.Get("X-Container-Meta-Post"))) // absent: 0
	case o.Kind == model.RowList && resp.StatusCode == http.StatusOK:
		return nodeRows(o, resp)
	}
	_, err := io.CopyN(io.Discard, resp.Body, drainLimit)
	if err == io.EOF {
		err = nil
	}
	return err
}

// object reads an object and compares it with its value.
func (c *nodeClient) object(o *model.NodeOp, resp *http.Response) error {
	_ = o.Seen.UnmarshalText([]byte(resp.Header.Get(valueHeader)))              // absent: 0, which no value has
	_ = o.SeenPost.UnmarshalText([]byte(resp.Header.Get("X-Object-Meta-Post"))) // absent: 0
	o.SeenType = model.ValueOfType(resp.Header.Get("Content-Type"))
	o.SeenUntil, _ = strconv.ParseInt(resp.Header.Get("X-Delete-At"), 10, 64) // absent: 0
	o.SeenStamp, o.SeenSize, o.SeenETag = resp.Header.Get("X-Timestamp"), resp.ContentLength, strings.Trim(resp.Header.Get("Etag"), `"`)
	v := model.NewValue(o.Seen, nodeSize(o.Seen, c.cfg.MaxSize))
	span, err := v.Compare(resp.Body, 0)
	switch {
	case span.Bad >= 0:
		o.Bad = fmt.Sprintf("byte %d is not that of value %s: %s", span.Bad, o.Seen, span.Found)
	case err == nil && span.Got != v.Size:
		o.Bad = fmt.Sprintf("%d bytes came, value %s has %d", span.Got, o.Seen, v.Size)
	}
	return err
}

func nodeRows(o *model.NodeOp, resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, drainLimit))
	if err != nil {
		return err
	}
	var lines []struct {
		Name, Hash string
		Type       string `json:"content_type"`
		Modified   string `json:"last_modified"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&lines); err != nil {
		o.Bad = fmt.Sprintf("the listing is no JSON: %v", err)
		return nil
	}
	for _, l := range lines {
		row := model.NodeRow{Name: model.Name(l.Name), Type: model.ValueOfType(l.Type), Modified: l.Modified}
		_ = row.Value.UnmarshalText([]byte(l.Hash)) // not one of ours: 0, which no row has
		o.Rows = append(o.Rows, row)
	}
	return nil
}
