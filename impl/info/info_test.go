package info

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/event"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web"
)

// fakeCache remembers what was set, and for how long.
type fakeCache struct {
	values map[string][]byte
	ttls   map[string]time.Duration
	trips  int
}

func newCache() *fakeCache {
	return &fakeCache{values: map[string][]byte{}, ttls: map[string]time.Duration{}}
}

func (c *fakeCache) Get(ctx context.Context, key string) ([]byte, bool) {
	v := c.GetEach(ctx, key)[0]
	return v, v != nil
}

func (c *fakeCache) GetEach(_ context.Context, keys ...string) (values [][]byte) {
	c.trips++
	for _, key := range keys {
		values = append(values, c.values[key])
	}
	return values
}

func (c *fakeCache) Set(_ context.Context, key string, value []byte, ttl time.Duration) {
	c.values[key], c.ttls[key] = value, ttl
}

func (c *fakeCache) Delete(_ context.Context, key string) { delete(c.values, key) }
func (c *fakeCache) Incr(context.Context, string, int64, time.Duration) (int64, error) {
	return 0, errors.New("not in this test")
}

// backend answers HEADs by path and counts them.
type backend struct {
	status map[string]int
	header map[string]http.Header
	asked  []string
}

func (b *backend) Serve(_ context.Context, req *web.Request) *web.Response {
	b.asked = append(b.asked, req.Path)
	resp := web.NewResponse(b.status[req.Path])
	for k, v := range b.header[req.Path] {
		resp.Header[k] = v
	}
	return resp
}

func client(cache web.Cache) *web.Request {
	req := web.NewRequest("GET", "/v1/a/c/o")
	req.Meta.Cache = cache
	return req
}

func TestContainerIsLookedUpOnce(t *testing.T) {
	b := &backend{
		status: map[string]int{"/v1/a": 204, "/v1/a/c": 204},
		header: map[string]http.Header{"/v1/a/c": {
			"X-Container-Read": {".r:*"}, "X-Backend-Storage-Policy-Index": {"2"},
			"X-Container-Object-Count": {"7"}, "X-Container-Meta-Quota-Bytes": {"10"}, "X-Container-Sysmeta-A-B": {"c"},
		}},
	}
	cache, ctx := newCache(), t.Context()
	req := client(cache)
	c := Container(ctx, b, req, "a", "c")
	require.True(t, c.OK())
	require.Equal(t, ".r:*", c.ReadACL)
	require.Equal(t, 2, c.PolicyIndex)
	require.EqualValues(t, 7, c.ObjectCount)
	require.Equal(t, map[string]string{"quota-bytes": "10"}, c.Meta)
	require.Equal(t, map[string]string{"a-b": "c"}, c.Sysmeta)
	require.Same(t, c, Container(ctx, b, req, "a", "c"), "within the request")
	require.Equal(t, c, Container(ctx, b, client(cache), "a", "c"), "through the cache")
	require.Equal(t, []string{"/v1/a", "/v1/a/c"}, b.asked)
	require.Equal(t, time.Minute, cache.ttls["container/a/c"])

	Clear(ctx, req, swift.Path{Account: "a", Container: "c"})
	Container(ctx, b, req, "a", "c")
	require.Len(t, b.asked, 3, "the account is still known")
}

func TestCountsWhatTheCacheIsGoodFor(t *testing.T) {
	b := &backend{status: map[string]int{"/v1/a": 204, "/v1/a/c": 404}}
	cache, ctx := newCache(), t.Context()
	var heard []string
	ask := func(cache web.Cache, times int) {
		req := client(cache)
		req.Meta.Events = &event.Sink{Count: func(e event.Count) { heard = append(heard, e.Name) }}
		for range times {
			Container(ctx, b, req, "a", "c")
		}
	}
	ask(cache, 2)
	ask(cache, 1)
	ask(nil, 1)
	require.Equal(t, []string{
		"account.info.cache.miss.204", "container.info.cache.miss.404", "container.info.infocache.hit",
		"container.info.cache.hit",
		"account.info.cache.disabled.204", "container.info.cache.disabled.404",
	}, heard)
}

func TestLifetimes(t *testing.T) {
	for _, c := range []struct {
		status int
		want   time.Duration // 0: not kept
	}{{204, 20 * time.Second}, {200, 20 * time.Second}, {404, 2 * time.Second}, {410, 2 * time.Second}, {503, 0}, {401, 0}} {
		cache := newCache()
		req := client(cache)
		SetAccount(t.Context(), req, "a", c.status, http.Header{RecheckAccount: {"20"}}, nil)
		require.Equal(t, c.want, cache.ttls["account/a"], "%d", c.status)
		_, kept := local[*AccountInfo](req, "account/a")
		require.Equal(t, c.want > 0, kept)
	}
}

func TestUnreachableAccountIsNotMissing(t *testing.T) {
	b := &backend{status: map[string]int{"/v1/a": 503, "/v1/b": 404, "/v1/.x/c": 204}}
	require.Equal(t, 503, Container(t.Context(), b, client(nil), "a", "c").Status)
	require.Equal(t, 0, Container(t.Context(), b, client(nil), "b", "c").Status)
	require.Equal(t, 204, Container(t.Context(), b, client(nil), ".x", "c").Status, "hidden accounts need not exist")
}

func TestFakeAccount(t *testing.T) {
	cache := newCache()
	a := SetAccount(t.Context(), client(cache), "a", 204, http.Header{FakeListing: {"yes"}}, nil)
	require.True(t, a.OK())
	require.False(t, a.Exists)
	require.False(t, Account(t.Context(), nil, client(cache), "a").Exists)
}

func TestUsageByPolicy(t *testing.T) {
	policies, err := policy.NewSet([]policy.Policy{
		{Index: 0, Name: "gold", Default: true, Type: policy.Replication}, {Index: 1, Name: "Silver", Type: policy.Replication},
	})
	require.NoError(t, err)
	cache, h := newCache(), http.Header{}
	h.Set("X-Account-Storage-Policy-Silver-Bytes-Used", "10")
	h.Set("X-Account-Storage-Policy-Silver-Object-Count", "2")
	h.Set("X-Account-Storage-Policy-Silver-Container-Count", "1")
	want := map[int]Usage{0: {}, 1: {Containers: 1, Objects: 2, Bytes: 10}}
	require.Equal(t, want, SetAccount(t.Context(), client(cache), "a", 204, h, policies).Policies)
	require.Equal(t, want, Account(t.Context(), nil, client(cache), "a").Policies, "through the cache")
	require.Contains(t, string(cache.values["account/a"]),
		`"storage_policies":{"0":{"container_count":0,"object_count":0,"bytes":0},"1":{"container_count":1,"object_count":2,"bytes":10}}`)
}

func TestReadsWhatSwiftWrites(t *testing.T) {
	c := decodeContainer([]byte(`{"status": 204, "read_acl": null, "write_acl": "w", "sync_to": null, "sync_key": null,
		"object_count": "3", "bytes": 17, "versions": null, "storage_policy": "1", "cors": {"allow_origin": null},
		"meta": {"a": "b"}, "sysmeta": {}, "sharding_state": "unsharded", "created_at": "0000000001.00000"}`))
	require.Equal(t, &ContainerInfo{
		Status: 204, WriteACL: "w", ObjectCount: 3, Bytes: 17, PolicyIndex: 1,
		Meta: map[string]string{"a": "b"}, Sysmeta: map[string]string{}, ShardingState: "unsharded",
	}, c)
	require.Nil(t, decodeContainer([]byte("x")))
	b, err := json.Marshal(encodeContainer(c, http.Header{"X-Backend-Timestamp": {"0000000001.00000"}}))
	require.NoError(t, err)
	var generic map[string]any
	require.NoError(t, json.Unmarshal(b, &generic))
	require.Nil(t, generic["read_acl"])
	require.Equal(t, "3", generic["object_count"])
	require.Equal(t, "0000000001.00000", generic["created_at"])
	a := decodeAccount([]byte(`{"status": 204, "container_count": "2", "total_object_count": "3", "bytes": null, "meta": {}, "sysmeta": {}, "account_really_exists": true}`))
	require.True(t, a.Exists)
	require.EqualValues(t, 2, a.ContainerCount)
}

func TestConcurrentSubRequests(t *testing.T) {
	req := client(nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			b := &backend{status: map[string]int{"/v1/a": 204, "/v1/a/c": 204}}
			Container(t.Context(), b, req.Sub("HEAD", "/v1/a/c/o", "SLO"), "a", "c")
		})
	}
	wg.Wait()
}

func TestSkips(t *testing.T) {
	for _, c := range []struct {
		account, container float64
		asked              []string
	}{
		{0, 0, nil},
		{1, 0, []string{"/v1/a"}},
		{0, 1, []string{"/v1/a/c"}},
		{1, 1, []string{"/v1/a", "/v1/a/c"}},
	} {
		cache := newCache()
		SetAccount(t.Context(), client(cache), "a", 204, http.Header{}, nil)
		SetContainer(t.Context(), client(cache), "a", "c", 204, http.Header{})
		b := &backend{status: map[string]int{"/v1/a": 204, "/v1/a/c": 204}}
		req := client(cache)
		Begin(req, &Common{SkipAccount: c.account, SkipContainer: c.container})
		for range 3 { // within a request nothing is asked twice
			Account(t.Context(), b, req, "a")
			Container(t.Context(), b, req, "a", "c")
		}
		require.Equal(t, c.asked, b.asked, "%v of accounts, %v of containers", c.account, c.container)
	}
}

func TestVersionsContainer(t *testing.T) {
	for setting, want := range map[string]string{"": "", "%00versions%00c%20d": "\x00versions\x00c d", "x/y": "x"} {
		c := &ContainerInfo{Sysmeta: map[string]string{"versions-container": setting}}
		require.Equal(t, want, c.VersionsContainer(), setting)
	}
}

// A container's account comes along, in one round trip, and what was read ahead
// is what Clear forgets.
func TestAccountComesAlong(t *testing.T) {
	cache, ctx := newCache(), t.Context()
	b := &backend{status: map[string]int{"/v1/a": 204, "/v1/a/c": 204}}
	Container(ctx, b, client(cache), "a", "c")
	b.asked, cache.trips = nil, 0
	req := client(cache)
	require.True(t, Container(ctx, b, req, "a", "c").OK())
	require.True(t, Account(ctx, b, req, "a").OK())
	require.Equal(t, 1, cache.trips)
	require.Empty(t, b.asked)

	req = client(cache)
	Container(ctx, b, req, "a", "c")
	Clear(ctx, req, swift.Path{Account: "a"})
	Account(ctx, b, req, "a")
	require.Equal(t, []string{"/v1/a"}, b.asked, "asked anew")
}

// An entry is read once; another entry under the same key is not taken for it.
func TestEntriesAreReadOnce(t *testing.T) {
	cache, ctx, common := newCache(), t.Context(), &Common{}
	b := &backend{status: map[string]int{"/v1/a": 204, "/v1/a/c": 204}}
	ask := func() *ContainerInfo {
		req := client(cache)
		Begin(req, common)
		return Container(ctx, b, req, "a", "c")
	}
	ask()
	first := ask()
	require.Same(t, first, ask())
	SetContainer(ctx, client(cache), "a", "c", 204, http.Header{"X-Container-Read": {".r:*"}})
	require.Empty(t, first.ReadACL)
	require.Equal(t, ".r:*", ask().ReadACL)
}

func TestReadingsAreBounded(t *testing.T) {
	var r readings
	for i := range 5 * maxReadings {
		key := strconv.Itoa(i)
		r.add(key, []byte(key), i)
		require.NotNil(t, r.find("0", []byte("0")), "what is asked for stays")
		if i < 100 || i%100 == 0 {
			require.Equal(t, i, r.find(key, []byte(key)))
		}
		require.Nil(t, r.find(key, []byte("another")))
	}
	require.LessOrEqual(t, len(r.newer)+len(r.older), 2*maxReadings)
	require.Nil(t, r.find("1", []byte("1")), "what nobody asks for goes")
}
