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
	var failed map[string]int
	if resp := ex.send(); resp != nil {
		report, err := io.ReadAll(io.LimitReader(resp.Body, drainLimit))
		if err == nil && op.Resp.Success() {
			failed = failures(report, lines)
		}
		op.Resp.Text = string(report[:min(len(report), textLimit)])
		ex.drain(resp, err)
	}
	for i, o := range st.Objects {
		child := c.op(Step{Kind: model.ObjectDelete, Container: st.Container, Object: o})
		child.Start, child.End, child.Outcome = op.Start, op.End, model.Unknown
		child.Req.Patience = op.Req.Patience
		child.Resp = model.Response{Status: failed[lines[i]], Err: op.Resp.Err, NoDial: op.Resp.NoDial, TxnID: op.Resp.TxnID}
		switch {
		case op.Resp.NoDial:
			child.Outcome = model.Failed
		case failed == nil:
			child.Resp.Err = "no report: " + op.Resp.Err
		case child.Resp.Status == 0:
			child.Resp.Status, child.Outcome = http.StatusNoContent, model.OK
		case child.Resp.Status == http.StatusBadRequest:
			child.Outcome = model.Failed
		}
		c.ops = append(c.ops, child)
	}
	return op
}

// failures are the names that a report says were not deleted, and why; nil if
// it is no report, or of work that was given up. A list with a name that is
// too long when it is encoded is refused before anything is deleted.
func failures(report []byte, names []string) map[string]int {
	var r struct {
		Status  string     `json:"Response Status"`
		Body    string     `json:"Response Body"`
		Errors  [][]string `json:"Errors"`
		Deleted int        `json:"Number Deleted"`
		Missing int        `json:"Number Not Found"`
	}
	if json.Unmarshal(report, &r) != nil || len(r.Status) < 3 {
		return nil
	}
	out := map[string]int{}
	if r.Body == "Invalid File Name" && r.Deleted+r.Missing+len(r.Errors) == 0 {
		for _, name := range names {
			out[name] = http.StatusBadRequest
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
		out[reencoded(e[0])] = status
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
