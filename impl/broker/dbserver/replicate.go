package dbserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"apus/impl/swift"
	"apus/impl/web"
)

// Replicate answers the call in body about the database named hash.
type Replicate func(ctx context.Context, device, partition, hash string, body []byte) (*web.Response, error)

// replicate is REPLICATE /device/partition/hash.
func (b *Base) replicate(run Replicate) Method {
	return func(ctx context.Context, req *web.Request) *web.Response {
		t, fault := Split(req, 3, 3)
		if fault != nil {
			return fault
		}
		if !isHash(t.Account) {
			return web.Plain(http.StatusBadRequest, "Invalid hash %q: must be 32 hexadecimal digits", t.Account)
		}
		if fault := b.CheckSpace(t.Device); fault != nil {
			return fault
		}
		body, fault := b.ReadBody(req)
		if fault != nil {
			return fault
		}
		resp, err := run(ctx, t.Device, t.Partition, t.Account, body)
		if err != nil {
			return b.Fail(req, err)
		}
		return resp
	}
}

func isHash(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// maxBody is what a request of a daemon may send at once: rows in the
// thousands, or all shard ranges of a container.
const maxBody = 256 << 20

// ReadBody is the body of a request, whole.
func (b *Base) ReadBody(req *web.Request) ([]byte, *web.Response) {
	if req.ContentLength > maxBody {
		return nil, web.NewResponse(http.StatusRequestEntityTooLarge)
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	if err != nil {
		return nil, b.Fail(req, err)
	}
	if len(body) > maxBody {
		return nil, b.Fail(req, swift.E("dbserver.ReadBody", req.Path, swift.TooLarge, fmt.Errorf("body is larger than %d bytes", maxBody)))
	}
	return body, nil
}
