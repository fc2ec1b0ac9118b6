package workload

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"apus/sim/model"
)

// receive reads the body of a 200 or 206 and compares it, range by range,
// with the values that it claims to be. The client hangs up after leave-1
// bytes if leave is not 0. err is what ended the body early, other than that.
func (c *client) receive(resp *http.Response, leave int64) (*model.Body, error) {
	b := &model.Body{Declared: resp.ContentLength}
	rd := &counter{r: resp.Body, stop: leave - 1}
	var err error
	boundary, multi := boundaryOf(resp)
	etag := resp.Header.Get("Etag")
	if multi {
		err = c.receiveParts(b, rd, boundary, etag)
	} else {
		err = c.receiveSpan(b, rd, resp.Header, resp.StatusCode, etag)
	}
	b.Bytes = rd.n
	b.Left = rd.left
	b.Clean = err == nil
	if b.Left {
		return b, nil
	}
	return b, err
}

// counter counts the bytes read and hangs up at stop.
type counter struct {
	r    io.Reader
	n    int64
	stop int64 // -1: never
	left bool
}

func (c *counter) Read(p []byte) (int, error) {
	if c.stop >= 0 {
		if c.n >= c.stop {
			c.left = true
			return 0, errLeft
		}
		p = p[:min(int64(len(p)), c.stop-c.n)]
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

func boundaryOf(resp *http.Response) (string, bool) {
	if resp.StatusCode != http.StatusPartialContent {
		return "", false
	}
	t, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return params["boundary"], err == nil && t == "multipart/byteranges" && params["boundary"] != ""
}

// header is what a whole answer and a part of one have in common.
type header interface{ Get(name string) string }

func (c *client) receiveSpan(b *model.Body, rd io.Reader, h header, status int, etag string) error {
	id := model.ValueOfType(h.Get("Content-Type"))
	claim := model.Span{Value: id, End: b.Declared, Total: b.Declared}
	ranged := true
	if status == http.StatusPartialContent {
		claim.Start, claim.End, claim.Total, ranged = contentRange(h.Get("Content-Range"))
	}
	got, err := c.values.get(id, etag).Compare(rd, claim.Start)
	claim.Got, claim.Bad, claim.Found = got.Got, got.Bad, got.Found
	if !ranged {
		claim.Bad, claim.Found = 0, fmt.Sprintf("206 with Content-Range %q", h.Get("Content-Range"))
	}
	b.Spans = append(b.Spans, claim)
	return err
}

func (c *client) receiveParts(b *model.Body, rd io.Reader, boundary, etag string) error {
	parts := multipart.NewReader(rd, boundary)
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			_, err = io.Copy(io.Discard, rd)
			return err
		}
		if err != nil {
			return err
		}
		if err := c.receiveSpan(b, p, p.Header, http.StatusPartialContent, etag); err != nil {
			return err
		}
	}
}

// contentRange reads "bytes 0-99/1000".
func contentRange(s string) (start, end, total int64, ok bool) {
	var last int64
	n, err := fmt.Sscanf(s, "bytes %d-%d/%d", &start, &last, &total)
	return start, last + 1, total, err == nil && n == 3
}
