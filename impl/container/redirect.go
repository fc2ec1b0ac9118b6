package container

import (
	"context"
	"net/http"
	"strings"

	"apus/impl/broker"
	"apus/impl/config"
	"apus/impl/web"
)

// Groups of states of shard ranges.
var (
	// updateStates are of shards that rows are sent to.
	updateStates = []int{broker.ShardCreated, broker.ShardCleaved, broker.ShardActive, broker.ShardSharding}
	// listingStates are of shards that listings are made of.
	listingStates = []int{broker.ShardActive, broker.ShardSharding, broker.ShardShrinking, broker.ShardCleaved}
	// auditStates are of shards that the sharder looks at when it audits one.
	auditStates = []int{
		broker.ShardCreated, broker.ShardCleaved, broker.ShardActive, broker.ShardSharding, broker.ShardSharded,
		broker.ShardShrinking, broker.ShardShrunk,
	}
)

// redirect is the answer to a row update that belongs into a shard, nil if
// there is none or the caller does not follow redirections. Callers of old
// Swifts take Location literally: what would need quoting stays here, and the
// sharder moves it.
func (s *Server) redirect(ctx context.Context, req *web.Request, b *broker.Container, object string) (*web.Response, error) {
	if !config.Truth(req.Header.Get("X-Backend-Accept-Redirect")) {
		return nil, nil
	}
	ranges, err := b.ShardRanges(ctx, broker.ShardFilter{Includes: object, States: updateStates})
	if err != nil || len(ranges) == 0 {
		return nil, err
	}
	plain := "/" + ranges[0].Name + "/" + object
	location := quote(plain)
	if location != plain && !config.Truth(req.Header.Get("X-Backend-Accept-Quoted-Location")) {
		return nil, nil
	}
	resp := web.NewResponse(http.StatusMovedPermanently)
	resp.Header.Set("Location", location)
	resp.Header.Set("X-Backend-Location-Is-Quoted", "true")
	resp.Header.Set("X-Backend-Redirect-Timestamp", ranges[0].Timestamp)
	return resp, nil
}

const hexDigits = "0123456789ABCDEF"

// quote percent-encodes everything but letters, digits, "_.-~" and slashes,
// as callers compare it with their own.
func quote(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_.-~/", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}
