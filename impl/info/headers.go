package info

import (
	"net/http"
	"strconv"
	"strings"

	"apus/impl/policy"
)

func number(s string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n
}

// metadata is the headers that begin with prefix, in lower case without it.
func metadata(h http.Header, prefix string) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) && len(values) > 0 {
			out[strings.ToLower(name[len(prefix):])] = values[0]
		}
	}
	return out
}

func accountOf(status int, h http.Header) *AccountInfo {
	return &AccountInfo{
		Status:         status,
		ContainerCount: number(h.Get("X-Account-Container-Count")),
		ObjectCount:    number(h.Get("X-Account-Object-Count")),
		Bytes:          number(h.Get("X-Account-Bytes-Used")),
		Exists:         status/100 == 2 && h.Get(FakeListing) == "",
		Meta:           metadata(h, "X-Account-Meta-"),
		Sysmeta:        metadata(h, "X-Account-Sysmeta-"),
	}
}

// usage reads what the account server says about each policy, by its name.
func usage(h http.Header, policies *policy.Set) map[int]Usage {
	out := map[int]Usage{}
	if policies == nil {
		return out
	}
	for _, p := range policies.All() {
		prefix := "X-Account-Storage-Policy-" + p.Name
		out[p.Index] = Usage{
			Containers: number(h.Get(prefix + "-Container-Count")),
			Objects:    number(h.Get(prefix + "-Object-Count")),
			Bytes:      number(h.Get(prefix + "-Bytes-Used")),
		}
	}
	return out
}

func containerOf(status int, h http.Header) *ContainerInfo {
	c := &ContainerInfo{
		Status:        status,
		ReadACL:       h.Get("X-Container-Read"),
		WriteACL:      h.Get("X-Container-Write"),
		SyncTo:        h.Get("X-Container-Sync-To"),
		SyncKey:       h.Get("X-Container-Sync-Key"),
		Versions:      h.Get("X-Versions-Location"),
		ObjectCount:   number(h.Get("X-Container-Object-Count")),
		Bytes:         number(h.Get("X-Container-Bytes-Used")),
		PolicyIndex:   int(number(h.Get("X-Backend-Storage-Policy-Index"))),
		ShardingState: h.Get("X-Backend-Sharding-State"),
		Meta:          metadata(h, "X-Container-Meta-"),
		Sysmeta:       metadata(h, "X-Container-Sysmeta-"),
	}
	if c.ShardingState == "" {
		c.ShardingState = "unsharded"
	}
	return c
}
