package container

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/broker"
	"apus/impl/config"
	"apus/impl/web"
)

// send is ask with a body.
func send(t testing.TB, s web.Handler, line, body string, header ...string) (status int, h http.Header, answer string) {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	req := web.NewRequest(method, path)
	req.Body, req.ContentLength = bytes.NewReader([]byte(body)), int64(len(body))
	for _, l := range header {
		name, value, _ := strings.Cut(l, ": ")
		req.Header.Set(name, value)
	}
	resp := s.Serve(context.Background(), req)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.Status, resp.Header, string(b)
}

func shard(name, lower, upper string, state int, at int64) string {
	stamp := fmt.Sprintf("%010d.00000", 1_700_000_000+at)
	return fmt.Sprintf(`{"name": %q, "timestamp": %q, "lower": %q, "upper": %q, "object_count": 0, "bytes_used": 0,
		"meta_timestamp": %[2]q, "deleted": 0, "state": %[5]d, "state_timestamp": %[2]q, "epoch": null, "reported": 0, "tombstones": -1}`,
		name, stamp, lower, upper, state)
}

func list(items ...string) string { return "[" + strings.Join(items, ",") + "]" }

const (
	shards = "X-Backend-Record-Type: shard"
	short  = "X-Backend-Record-Shard-Format: namespace"
)

// sharded is a container with a shard in every state, bounds a..h.
func sharded(t testing.TB) *Server {
	s := newServer(t)
	status, _, _ := ask(t, s, "PUT /sda/0/a/c", ts(1), silver)
	require.Equal(t, 201, status)
	var all []string
	lower := ""
	for i := range 8 {
		upper := string(rune('a' + i))
		all = append(all, shard(".shards_a/c-"+upper, lower, upper, 10*(i+1), 5))
		lower = upper
	}
	status, h, body := send(t, s, "PUT /sda/0/a/c", list(all...), ts(6), shards, "X-Container-Meta-Test: persisted")
	require.Equal(t, 202, status, body)
	require.Equal(t, "1", h.Get("X-Backend-Storage-Policy-Index"))
	return s
}

func shardNames(t testing.TB, s *Server, query string, header ...string) string {
	t.Helper()
	status, h, body := ask(t, s, "GET /sda/0/a/c?format=json"+query, append(header, shards)...)
	require.Equal(t, 200, status, body)
	require.Equal(t, "shard", h.Get("X-Backend-Record-Type"))
	require.Empty(t, h.Get("X-Backend-Record-Storage-Policy-Index"))
	var got []struct{ Name string }
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	out := ""
	for _, r := range got {
		out += strings.TrimPrefix(r.Name, ".shards_a/c-") + " "
	}
	return strings.TrimSpace(out)
}

func TestGetShardRanges(t *testing.T) {
	s := sharded(t)
	for _, c := range []struct{ query, want string }{
		{"", "a b c d e f g h"},
		{"&limit=1", "a b c d e f g h"},
		{"&reverse=true", "h g f e d c b a"},
		{"&marker=c", "d e f g h"},
		{"&marker=bb&end_marker=d", "c d"},
		{"&includes=cc", "d"},
		{"&includes=c", "c"},
		{"&states=active,60", "d f"},
		{"&states=Cleaved", "c"},
		{"&states=listing", "c d e f a/c"},
		{"&states=updating", "b c d f a/c"},
		{"&states=auditing", "b c d e f g h"},
		{"&states=listing&end_marker=e", "c d e"},
	} {
		require.Equal(t, c.want, shardNames(t, s, c.query), c.query)
	}
	_, h, body := ask(t, s, "GET /sda/0/a/c?format=json&includes=a", shards)
	require.Equal(t, "full", h.Get("X-Backend-Record-Shard-Format"))
	require.Equal(t, "persisted", h.Get("X-Container-Meta-Test"))
	require.Equal(t, "1", h.Get("X-Backend-Storage-Policy-Index"))
	require.JSONEq(t, `[{"name":".shards_a/c-a","timestamp":"1700000005.00000","lower":"","upper":"a","object_count":0,"bytes_used":0,
		"meta_timestamp":"1700000005.00000","deleted":0,"state":10,"state_timestamp":"1700000005.00000","epoch":null,"reported":0,
		"tombstones":-1,"last_modified":"2023-11-14T22:13:25.000000"}]`, body)
	_, h, body = ask(t, s, "GET /sda/0/a/c?format=json&includes=bb", shards, short)
	require.Equal(t, "namespace", h.Get("X-Backend-Record-Shard-Format"))
	require.JSONEq(t, `[{"name":".shards_a/c-c","lower":"b","upper":"c"}]`, body)
	_, h, _ = ask(t, s, "GET /sda/0/a/c?format=json", "X-Backend-Record-Type: auto")
	require.Equal(t, "object", h.Get("X-Backend-Record-Type"), "the container is not sharded yet")
}

func TestGetShardRangesRefusals(t *testing.T) {
	s := sharded(t)
	for _, c := range []struct {
		query, header string
		status        int
		text          string
	}{
		{"states=bad", "X: y", 400, "Bad state"},
		{"states=5", "X: y", 400, "Bad state"},
		{"states=10.5", "X: y", 400, "Bad state"},
		{"states=%ff", "X: y", 400, `"states" parameter not valid UTF-8`},
		{"includes=%ff", "X: y", 400, `"includes" parameter not valid UTF-8`},
		{"limit=10001", "X: y", 412, "Maximum limit is 10000"},
		{"states=listing", "X-Backend-Include-Deleted: true", 400, "No include_deleted for namespace GET"},
		{"states=auditing", "X: y", 400, "No auditing state for namespace GET"},
	} {
		status, h, body := ask(t, s, "GET /sda/0/a/c?format=json&"+c.query, shards, short, c.header)
		require.Equal(t, c.status, status, c.query)
		require.Equal(t, c.text, body)
		for _, name := range []string{"X-Backend-Record-Type", "X-Backend-Record-Shard-Format", "X-Backend-Sharding-State", "X-Timestamp"} {
			require.Empty(t, h.Get(name), name)
		}
	}
	status, _, _ := ask(t, s, "GET /sda/0/a/c?format=xml", shards)
	require.Equal(t, 406, status)
	_, _, body := ask(t, s, "GET /sda/0/a/c?end_marker=b", shards)
	require.Equal(t, ".shards_a/c-a\n.shards_a/c-b\n", body)
}

func TestShardRangesOfDeletedContainer(t *testing.T) {
	s := sharded(t)
	status, _, _ := ask(t, s, "DELETE /sda/0/a/c", ts(20))
	require.Equal(t, 204, status)
	override := "X-Backend-Override-Deleted: true"
	for _, c := range []struct {
		header []string
		want   int
	}{{nil, 404}, {[]string{override}, 404}, {[]string{shards}, 404}, {[]string{shards, "X-Backend-Override-Deleted: no"}, 404}, {[]string{shards, override}, 200}} {
		status, h, _ := ask(t, s, "GET /sda/0/a/c?format=json", c.header...)
		require.Equal(t, c.want, status, c.header)
		require.Equal(t, c.want == 200, h.Get("X-Backend-Record-Type") != "")
		require.Equal(t, c.want == 200, h.Get("X-Put-Timestamp") != "")
		require.Equal(t, "1700000020.00000", h.Get("X-Backend-Delete-Timestamp"))
	}
	status, _, _ = ask(t, s, "GET /sda/0/a/c?states=bad", shards)
	require.Equal(t, 404, status)
	require.Equal(t, "a b c d e f g h", shardNames(t, s, "", override))
	status, _, _ = send(t, s, "PUT /sda/0/a/c", list(shard(".shards_a/c-z", "z", "", 40, 30)), ts(30), shards)
	require.Equal(t, 202, status, "ranges of a removed container are taken")
	status, _, _ = ask(t, s, "HEAD /sda/0/a/c")
	require.Equal(t, 404, status, "it stays removed")
}

func TestPutShardRanges(t *testing.T) {
	s := newServer(t)
	good := list(shard(".shards_a/x", "", "m", 40, 1))
	status, _, _ := send(t, s, "PUT /sda/0/a/c", good, ts(1), shards)
	require.Equal(t, 404, status)
	auto := "X-Backend-Auto-Create: true"
	status, _, body := send(t, s, "PUT /sda/0/.shards_a/c", good, ts(1), shards, auto)
	require.Equal(t, 400, status)
	require.Equal(t, "X-Backend-Storage-Policy-Index header is required", body)
	status, h, _ := send(t, s, "PUT /sda/0/.shards_a/c", good, ts(1), shards, auto, silver)
	require.Equal(t, 201, status)
	require.Equal(t, "1", h.Get("X-Backend-Storage-Policy-Index"))
	status, _, _ = send(t, s, "PUT /sda/0/.shards_a/c", "{}", ts(2), shards)
	require.Equal(t, 202, status)
	full := shard(".shards_a/x", "", "m", 40, 1)
	for name, bad := range map[string]string{
		"not JSON": "not json", "nothing": "", "text": `["not a shard range"]`, "a list": "[[]]",
		"no timestamp":   strings.Replace(list(full), `"timestamp"`, `"t"`, 1),
		"no name":        strings.Replace(list(full), ".shards_a/x", "x", 1),
		"state":          strings.Replace(list(full), `"state": 40`, `"state": 41`, 1),
		"bounds":         list(shard(".shards_a/x", "z", "m", 40, 1)),
		"negative count": strings.Replace(list(full), `"object_count": 0`, `"object_count": -1`, 1),
		"timestamp":      strings.Replace(list(full), "1700000001", "soon", 1),
	} {
		status, _, body := send(t, s, "PUT /sda/0/.shards_a/c", bad, ts(3), shards)
		require.Equal(t, 400, status, name)
		require.Contains(t, body, "Invalid body", name)
	}
	_, h, _ = ask(t, s, "HEAD /sda/0/.shards_a/c")
	require.Equal(t, "1700000001.00000", h.Get("X-Put-Timestamp"), "ranges do not put the container")
}

func TestRowsAreRedirectedToShards(t *testing.T) {
	s := sharded(t)
	accept, quoted := "X-Backend-Accept-Redirect: true", "X-Backend-Accept-Quoted-Location: true"
	for _, c := range []struct {
		name     string
		header   []string
		location string // "" if not redirected
	}{
		{"bb", nil, ""},
		{"a", []string{accept}, ""}, // found
		{"b", []string{accept}, "/.shards_a/c-b/b"},
		{"bb", []string{accept}, "/.shards_a/c-c/bb"},
		{"cc", []string{accept}, "/.shards_a/c-d/cc"},
		{"dd", []string{accept}, ""}, // shrinking
		{"ee", []string{accept}, "/.shards_a/c-f/ee"},
		{"ff", []string{accept}, ""}, // sharded
		{"zz", []string{accept}, ""},
		{"b b", []string{accept}, ""},
		{"bé", []string{accept, quoted}, "/.shards_a/c-c/b%C3%A9"},
		{"b+!/", []string{accept, quoted}, "/.shards_a/c-c/b%2B%21/"},
	} {
		for verb, plain := range map[string]int{"PUT": 201, "DELETE": 204} {
			status, h, body := ask(t, s, verb+" /sda/0/a/c/"+c.name, row(50, 1, append(c.header, silver)...)...)
			if c.location == "" {
				require.Equal(t, plain, status, "%s %s %s", verb, c.name, body)
				require.Empty(t, h.Get("Location"))
				continue
			}
			require.Equal(t, 301, status, "%s %s", verb, c.name)
			require.Equal(t, c.location, h.Get("Location"))
			require.Equal(t, "true", h.Get("X-Backend-Location-Is-Quoted"))
			require.Equal(t, "1700000005.00000", h.Get("X-Backend-Redirect-Timestamp"))
		}
	}
	status, _, _ := ask(t, s, "PUT /sda/0/a/none/o", row(1, 1, accept)...)
	require.Equal(t, 404, status)
	status, _, _ = ask(t, s, "PUT /sda/0/.hidden/none/o", row(1, 1, accept)...)
	require.Equal(t, 201, status, "made by its first row")
}

func item(name string, at int64, deleted int) string {
	return fmt.Sprintf(`{"name": %q, "created_at": "%010d.00000", "size": 3, "content_type": "text/plain", "etag": "e",
		"deleted": %d, "storage_policy_index": 1}`, name, 1_700_000_000+at, deleted)
}

func TestUpdate(t *testing.T) {
	s := newServer(t)
	rows := list(item("a", 1, 0), item("b", 2, 0), item("c", 3, 1))
	status, _, _ := send(t, s, "UPDATE /sda/0/a/c", rows, ts(1), silver)
	require.Equal(t, 404, status)
	status, _, _ = ask(t, s, "PUT /sda/0/a/c", ts(1), silver)
	require.Equal(t, 201, status)
	for _, c := range []struct {
		line, body string
		header     []string
		want       int
	}{
		{"UPDATE /sda/0/a/c", rows, nil, 400}, // no timestamp
		{"UPDATE /sda/0/a", rows, []string{ts(5)}, 400},
		{"UPDATE /sdb/0/a/c", rows, []string{ts(5)}, 507},
		{"UPDATE /sda/0/a/c", "not json", []string{ts(5)}, 400},
		{"UPDATE /sda/0/a/c", `[{"put_timestamp": "1", "name": "x"}]`, []string{ts(5)}, 400},
		{"UPDATE /sda/0/a/c", rows, []string{ts(5), "X-Backend-Storage-Policy-Index: 9"}, 400},
		{"UPDATE /sda/0/a/c", rows, []string{ts(5)}, 202},
		{"UPDATE /sda/0/a/c", "[]", []string{ts(5)}, 202},
		{"UPDATE /sda/0/.hidden/c", rows, []string{ts(5)}, 400}, // which policy?
		{"UPDATE /sda/0/.hidden/c", rows, []string{ts(5), silver}, 202},
		{"UPDATE /sda/0/.hidden/c", rows, []string{ts(5)}, 202},
	} {
		status, _, body := send(t, s, c.line, c.body, c.header...)
		require.Equal(t, c.want, status, "%s %s: %s", c.line, c.body, body)
	}
	_, h, body := ask(t, s, "GET /sda/0/a/c")
	require.Equal(t, "a\nb\n", body)
	require.Equal(t, "2", h.Get("X-Container-Object-Count"))
	status, _, _ = send(t, s, "UPDATE /sda/0/a/c", list(item("a", 9, 1)), ts(9))
	require.Equal(t, 202, status)
	_, _, body = ask(t, s, "GET /sda/0/a/c")
	require.Equal(t, "b\n", body)
}

func TestReplicationServer(t *testing.T) {
	const line = "REPLICATE /sda/0/0123456789abcdef0123456789abcdef"
	for option, want := range map[string]struct {
		status int
		allow  string
	}{
		"":                             {404, "DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE, UPDATE"},
		"replication_server = true\n":  {404, "DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE, UPDATE"},
		"replication_server = false\n": {405, "DELETE, GET, HEAD, OPTIONS, POST, PUT, UPDATE"},
	} {
		s := newServerWith(t, option)
		status, _, _ := send(t, s, line, `["get_shard_ranges"]`)
		require.Equal(t, want.status, status, option)
		status, h, _ := ask(t, s, "OPTIONS /")
		require.Equal(t, 200, status)
		require.Equal(t, want.allow, h.Get("Allow"))
		require.Equal(t, "container-server/2.38.1", h.Get("Server"))
		status, _, _ = ask(t, s, "HEAD /sda/0/a/c")
		require.Equal(t, 404, status, "other verbs stay")
	}
}

func TestSyncTo(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "container-sync-realms.conf"), []byte("[US]\nkey = secret\ncluster_dfw1 = http://dfw1/v1/\n[nokey]\n"), 0o600))
	s := newServerWith(t, "allowed_sync_hosts = 127.0.0.1, Other\nswift_dir = "+dir+"\n")
	var changes []string
	s.SyncChanged = func(_ context.Context, file string) { changes = append(changes, file) }
	status, _, _ := ask(t, s, "PUT /sda/0/a/c", ts(1))
	require.Equal(t, 201, status)
	require.Empty(t, changes)
	for value, want := range map[string]string{
		"//us/dfw1/a/c": "", "//US/DFW1/a/c/": "", "": "", "http://127.0.0.1/v1/a/c": "", "HTTPS://127.0.0.1:8080/v1/a/c": "",
		"//us/dfw1/a":               "Invalid X-Container-Sync-To format '//us/dfw1/a'",
		"//eu/dfw1/a/c":             "No realm key for 'eu'",
		"//nokey/dfw1/a/c":          "No realm key for 'nokey'",
		"//us/ord/a/c":              "No cluster endpoint for 'us' 'ord'",
		"ftp://127.0.0.1/a":         `Invalid scheme 'ftp' in X-Container-Sync-To, must be "//", "http", or "https".`,
		"127.0.0.1/a":               `Invalid scheme '' in X-Container-Sync-To, must be "//", "http", or "https".`,
		"http://127.0.0.1":          "Path required in X-Container-Sync-To",
		"http://127.0.0.1/a?x=y":    "Params, queries, and fragments not allowed in X-Container-Sync-To",
		"http://127.0.0.1/a#x":      "Params, queries, and fragments not allowed in X-Container-Sync-To",
		"http://127.0.0.1/a;x":      "Params, queries, and fragments not allowed in X-Container-Sync-To",
		"http://192.0.2.1/v1/a/c":   "Invalid host '192.0.2.1' in X-Container-Sync-To",
		"http://127.0.0.1@evil/a/c": "Invalid host 'evil' in X-Container-Sync-To",
	} {
		for _, verb := range []string{"PUT", "POST"} {
			status, _, body := ask(t, s, verb+" /sda/0/a/c", ts(2), "X-Container-Sync-To: "+value)
			if want == "" {
				require.Contains(t, []int{202, 204}, status, value)
				continue
			}
			require.Equal(t, 400, status, value)
			require.Equal(t, want, body, value)
		}
	}
	require.NotEmpty(t, changes)
}

func TestSyncPointsAreReset(t *testing.T) {
	s := newServer(t)
	status, _, _ := ask(t, s, "PUT /sda/0/a/c", ts(1), "X-Container-Sync-To: http://127.0.0.1/v1/a/c")
	require.Equal(t, 201, status)
	c := s.Pool.Container("sda", "0", "a", "c")
	points := func() (i *broker.ContainerInfo) {
		require.NoError(t, c.View(context.Background(), func(x *broker.ContainerTx) (err error) { i, err = x.Info(); return err }))
		return i
	}
	one, two := int64(123), int64(456)
	require.NoError(t, c.SetContainerSyncPoints(context.Background(), &one, &two))
	for _, verb := range []string{"PUT", "POST"} {
		_, _, _ = ask(t, s, verb+" /sda/0/a/c", ts(2), "X-Container-Sync-To: http://127.0.0.1/v1/a/c")
		require.EqualValues(t, 123, points().SyncPoint1, "the same target")
	}
	_, _, _ = ask(t, s, "POST /sda/0/a/c", ts(3), "X-Container-Sync-To: http://127.0.0.1/v1/a/c2")
	require.EqualValues(t, -1, points().SyncPoint1)
	require.EqualValues(t, -1, points().SyncPoint2)
}

// Deletes and posts do not look at the policy; puts do.
func TestPolicyHeaderIsIgnored(t *testing.T) {
	s := newServer(t)
	bad := "X-Backend-Storage-Policy-Index: 99"
	for _, c := range []struct {
		line   string
		header []string
		want   int
	}{
		{"PUT /sda/0/a/c", []string{ts(1), bad}, 400},
		{"PUT /sda/0/a/c", []string{ts(1), silver}, 201},
		{"POST /sda/0/a/c", []string{ts(2), bad}, 204},
		{"PUT /sda/0/a/c/o", row(2, 1, bad), 400},
		{"DELETE /sda/0/a/c/o", []string{ts(2), bad}, 400},
		{"GET /sda/0/a/c", []string{bad}, 400},
		{"GET /sda/0/a/c", []string{bad, shards}, 204},
		{"HEAD /sda/0/a/c", []string{bad}, 204},
		{"DELETE /sda/0/a/c", []string{ts(3), bad}, 204},
	} {
		status, _, body := ask(t, s, c.line, c.header...)
		require.Equal(t, c.want, status, "%s %v %s", c.line, c.header, body)
	}
}

func newServerWith(t testing.TB, more string) *Server {
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "sda"), 0o755))
	conf, err := config.Parse("[app:x]\ndevices = "+root+"\nmount_check = false\n"+more, "x.conf")
	require.NoError(t, err)
	return serverOf(t, conf.Section("app:x"))
}
