package workload

import (
	"context"
	"net/http"
	"strings"

	"apus/sim/model"
)

// copyObject copies an object to the step's. What the copy is worth as a value
// is the copy's own: its identity and metadata are given with the request.
func (c *client) copyObject(ctx context.Context, st Step) *model.Op {
	op := c.op(st)
	v := model.Value{ID: c.value(st, 0), Size: -1, Copy: true}
	op.Req.Value = v.ID
	c.values.add(v)
	source := &model.Op{Account: op.Account, Container: st.FromContainer, Object: st.From}
	op.Req.From = model.Name(source.Path().String())
	method := http.MethodPut
	if st.Push {
		method = "COPY"
	}
	ex := c.begin(ctx, op, st, method, "")
	ex.describe(v.ID)
	ex.req.Header.Set("X-Fresh-Metadata", "true")
	name := func(o *model.Op) string {
		_, raw := paths(&model.Op{Container: o.Container, Object: o.Object}, "")
		return strings.TrimPrefix(raw, "/v1//")
	}
	if st.Push {
		ex.req.URL.Path, ex.req.URL.RawPath = paths(source, "")
		ex.req.Header.Set("Destination", name(op))
	} else {
		ex.req.Header.Set("X-Copy-From", name(source))
	}
	if resp := ex.send(); resp != nil {
		c.remember(op, resp)
		ex.finish(resp)
	}
	return op
}
