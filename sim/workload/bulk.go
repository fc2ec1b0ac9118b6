package workload

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"apus/sim/model"
)

// bulkDelete asks for the deletion of several objects, and adds what became
// of each to the history.
func (c *client) bulkDelete(ctx context.Context, st Step) *model.Op {
	op := &model.Op{Client: c.id, Kind: st.Kind, Account: model.Name(c.account)}
	ex := c.begin(ctx, op, st, http.MethodPost, "bulk-delete")
	var lines []string
	for _, o := range st.Objects {
		_, raw := paths(&model.Op{Container: st.Container, Object: o}, "")
		lines = append(lines, strings.TrimPrefix(raw, "/v1/"))
	}
	text := strings.Join(lines, "\n")
	ex.body(strings.NewReader(text), int64(len(text)), false, 0)
	ex.req.Header.Set("Content-Type", "text/plain")
	ex.req.Header.Set("Accept", "application/json")
	var r *report
	if resp := ex.send(); resp != nil {
		text, err := io.ReadAll(io.LimitReader(resp.Body, drainLimit))
		if err == nil && op.Resp.Success() {
			r = readReport(text, lines)
		}
		op.Resp.Text = string(text[:min(len(text), textLimit)])
		ex.drain(resp, err)
	}
	for i, o := range st.Objects {
		child := c.op(Step{Kind: model.ObjectDelete, Container: st.Container, Object: o})
		child.Start, child.End, child.Outcome = op.Start, op.End, model.Unknown
		child.Req.Patience = op.Req.Patience
		child.Resp = model.Response{Err: op.Resp.Err, NoDial: op.Resp.NoDial, TxnID: op.Resp.TxnID}
		switch {
		case op.Resp.NoDial:
			child.Outcome = model.Failed
		case r == nil:
			child.Resp.Err = "no report: " + op.Resp.Err
		default:
			r.judge(child, lines[i])
		}
		c.ops = append(c.ops, child)
	}
	return op
}

// report is what became of the names on a list.
type report struct {
	failed           map[string]int // the names that were not deleted, and why
	deleted, missing int            // how many of the others were there, and were not
}

// judge says how the deletion of a name ended. Of names that did not fail only
// their numbers are known.
func (r *report) judge(o *model.Op, name string) {
	switch o.Resp.Status = r.failed[name]; {
	case o.Resp.Status == http.StatusBadRequest:
		o.Outcome = model.Failed
	case o.Resp.Status != 0:
	case r.deleted == 0 && r.missing > 0:
		o.Resp.Status, o.Outcome = http.StatusNotFound, model.OK
	default:
		o.Resp.Status, o.Outcome, o.Resp.Counted = http.StatusNoContent, model.OK, r.missing > 0
	}
}

// readReport is nil for what is no report, or one of work that was given up. A
// list with a name that is too long when it is encoded is refused before
// anything is deleted.
func readReport(text []byte, names []string) *report {
	var r struct {
		Status  string     `json:"Response Status"`
		Body    string     `json:"Response Body"`
		Errors  [][]string `json:"Errors"`
		Deleted int        `json:"Number Deleted"`
		Missing int        `json:"Number Not Found"`
	}
	if json.Unmarshal(text, &r) != nil || len(r.Status) < 3 {
		return nil
	}
	out := &report{map[string]int{}, r.Deleted, r.Missing}
	if r.Body == "Invalid File Name" && r.Deleted+r.Missing+len(r.Errors) == 0 {
		for _, name := range names {
			out.failed[name] = http.StatusBadRequest
		}
		return out
	}
	if r.Status[:3] != "200" && len(r.Errors) == 0 {
		return nil
	}
	for _, e := range r.Errors {
		status, err := strconv.Atoi(e[1][:min(3, len(e[1]))])
		if err != nil {
			return nil
		}
		out.failed[reencoded(e[0])] = status
	}
	return out
}

// reencoded is a name of a report as the request wrote it.
func reencoded(name string) string {
	plain, err := url.PathUnescape(name)
	if err != nil {
		plain = name
	}
	container, object, _ := strings.Cut(strings.TrimPrefix(plain, "/"), "/")
	_, raw := paths(&model.Op{Container: model.Name(container), Object: model.Name(object)}, "")
	return strings.TrimPrefix(raw, "/v1/")
}
