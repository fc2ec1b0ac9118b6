package copy

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/middleware/heartbeat"
	"apus/impl/web"
)

// maxExplanation is the longest answer to the PUT that a report repeats.
const maxExplanation = 64 << 10

// heartbeat answers at once and copies while the answer is read.
func (t *task) heartbeat(ctx context.Context, src *web.Response, put *web.Request, about http.Header) *web.Response {
	format := heartbeat.Choose(t.client.Header.Get("Accept"), heartbeat.Text, heartbeat.JSON)
	if format == "" {
		format = heartbeat.Text
	}
	body := &reporting{src: src}
	body.Body = heartbeat.NewBody(ctx, t.yieldEvery, func(ctx context.Context) []byte {
		body.src = nil // write finishes it
		resp := t.write(ctx, src, put)
		return report(resp, about).Encode(format, "copy")
	})
	return &web.Response{
		Status: http.StatusAccepted, Header: http.Header{"Content-Type": {format}}, Body: body, ContentLength: -1,
	}
}

// reporting is the body of the answer. It has the source until the copy begins.
type reporting struct {
	*heartbeat.Body
	src *web.Response
}

// Close stops the copy.
func (r *reporting) Close() error {
	err := r.Body.Close()
	if r.src != nil {
		r.src.Abandon()
		r.src = nil
	}
	return err
}

// report finishes resp, the answer to the PUT.
func report(resp *web.Response, about http.Header) heartbeat.Report {
	text, _ := resp.ReadAll(maxExplanation) // what cannot be read explains nothing
	status := heartbeat.StatusLine(resp.Status)
	r := heartbeat.Report{Values: map[string]any{"Response Status": status, "Response Body": string(text)}}
	if resp.ContentLength >= 0 {
		r.Values["Content-Length"] = strconv.FormatInt(resp.ContentLength, 10)
	}
	for _, h := range [...]http.Header{about, resp.Header} {
		for name, v := range h {
			if !strings.HasPrefix(name, sysmetaPrefix) && !strings.HasPrefix(name, "X-Backend") {
				r.Values[name] = strings.Join(v, ",")
			}
		}
	}
	if !resp.OK() {
		r.Failures = []heartbeat.Failure{{Name: heartbeat.Quote(about.Get("X-Copied-From")), Status: status}}
	}
	return r
}
