package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/event"
	"apus/impl/expiry"
	"apus/impl/swift"
	"apus/impl/web"
)

func TestPaths(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		for path, want := range map[string]int{
			"/":            404,
			"//v1/a":       404,
			"/foo/":        412,
			"/v1/a//":      404,
			"/v1":          412,
			"/v1/":         412,
			"/foo":         412,
			"/v1//c":       404,
			"/v1/a//o":     404,
			"/v2/a":        400,
			"/v1/a\xff":    412,
			"/v1/a/c\x00":  412,
			"/v1/a":        200,
			"/v1.0/a":      200,
			"/v1/a/c":      200,
			"/v1/a/c/o":    200,
			"/v1/a/c/o//x": 200,
		} {
			require.Equal(t, want, c.do(t, "GET", path, "").status, path)
		}
		require.Equal(t, "0", c.do(t, "GET", "/v1/a/c/o", "").header.Get("X-Backend-Storage-Policy-Index"), "for logs")
		a := c.do(t, "PATCH", "/v1/a/c", "")
		require.Equal(t, 405, a.status)
		require.Equal(t, "DELETE, GET, HEAD, OPTIONS, POST, PUT", a.header.Get("Allow"))
		require.Equal(t, 405, c.do(t, "PUT", "/v1/a", "").status)
		require.Equal(t, 405, c.do(t, "DELETE", "/v1/a", "").status)
		require.Equal(t, "GET, HEAD, OPTIONS, POST", c.do(t, "OPTIONS", "/v1/a", "").header.Get("Allow"))
	})
}

// UPDATE is for filters: a client's is refused as any unknown method.
func TestUpdateOfContainer(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		a := c.do(t, "UPDATE", "/v1/a/c", "[]")
		require.Equal(t, 405, a.status)
		require.Equal(t, "DELETE, GET, HEAD, OPTIONS, POST, PUT", a.header.Get("Allow"))
		private := []string{"X-Backend-Allow-Private-Methods", "True", "X-Backend-Storage-Policy-Index", "0", "Content-Type", "application/json"}
		require.Equal(t, 405, c.do(t, "UPDATE", "/v1/a", "[]", private...).status)
		require.Equal(t, 405, c.do(t, "UPDATE", "/v1/a/c/o", "[]", private...).status)
		require.Empty(t, c.to("container", "UPDATE"))
		c.on("container UPDATE", 202)
		require.Equal(t, 202, c.do(t, "UPDATE", "/v1/.queue/1", "[]", private...).status)
		updates := c.to("container", "UPDATE")
		require.Len(t, updates, 3)
		for _, u := range updates {
			require.Equal(t, "0", u.header.Get("X-Backend-Storage-Policy-Index"))
			require.Equal(t, "application/json", u.header.Get("Content-Type"))
			require.NotEmpty(t, u.header.Get("X-Timestamp"))
		}
		c.on("container UPDATE", 507)
		require.Equal(t, 503, c.do(t, "UPDATE", "/v1/.queue/1", "[]", private...).status)
	})
}

func TestInfo(t *testing.T) {
	run(t, "account_autocreate = yes\n", func(t *testing.T, c *cluster) {
		a := c.do(t, "GET", "/info", "")
		require.Equal(t, 200, a.status)
		var v struct{ Swift map[string]any }
		require.NoError(t, json.Unmarshal([]byte(a.body), &v))
		require.EqualValues(t, 5368709122, v.Swift["max_file_size"])
		require.Equal(t, true, v.Swift["account_autocreate"])
		require.NotContains(t, v.Swift, "valid_api_versions")
		require.Equal(t, []any{map[string]any{"name": "gold", "aliases": "gold", "default": true}}, v.Swift["policies"])
		req := c.request("GET", "/info", "")
		req.RawQuery = "swiftinfo_sig=x"
		require.Equal(t, 403, c.serve(t, req).status)
		require.Equal(t, 405, c.do(t, "PUT", "/info", "").status)
	})
}

func TestObjectRoundTrip(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists()
		c.on("object PUT", 201, "Etag", `"5d41402abc4b2a76b9719d911017c592"`)
		a := c.do(t, "PUT", "/v1/a/c/o.json", "hello", "X-Object-Meta-Color", "red", "X-Auth-Token", "secret", "Connection", "close")
		require.Equal(t, 201, a.status)
		require.Equal(t, "5d41402abc4b2a76b9719d911017c592", a.header.Get("Etag"))
		require.NotEmpty(t, a.header.Get("Last-Modified"))
		puts := c.to("object", "PUT")
		require.Len(t, puts, 3)
		hosts := map[string]bool{}
		for _, p := range puts {
			require.Equal(t, "hello", p.body)
			require.Equal(t, "red", p.header.Get("X-Object-Meta-Color"))
			require.Equal(t, "application/json", p.header.Get("Content-Type"))
			require.Equal(t, "0", p.header.Get("X-Backend-Storage-Policy-Index"))
			require.Equal(t, "tx1", p.header.Get("X-Trans-Id"))
			require.Regexp(t, `^\d{10}\.\d{5}$`, p.header.Get("X-Timestamp"))
			require.Empty(t, p.header.Get("X-Auth-Token"))
			require.Regexp(t, `^/d\d/[01]/a/c/o.json$`, p.path)
			require.NotEmpty(t, p.header.Get("X-Container-Device"))
			hosts[p.header.Get("X-Container-Host")] = true
		}
		require.Len(t, hosts, 3, "each object server tells another container server")

		c.scripts["object GET"] = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain; swift_bytes=3; swift_versions_deleted=1; swift_bytes=7")
			w.Header().Set("Etag", `"x"`)
			w.Header().Set("X-Put-Timestamp", "0000000001.00000")
			_, _ = io.WriteString(w, "hello "+r.Header.Get("Range"))
		}
		a = c.do(t, "GET", "/v1/a/c/o.json", "", "Range", "bytes=0-4")
		require.Equal(t, 200, a.status)
		require.Equal(t, "hello bytes=0-4", a.body)
		require.Equal(t, "text/plain; swift_bytes=3; swift_versions_deleted=1", a.header.Get("Content-Type"), "the last is ours")
		require.Equal(t, "x", a.header.Get("Etag"))
		require.Equal(t, "bytes", a.header.Get("Accept-Ranges"))
		require.Empty(t, a.header.Get("X-Put-Timestamp"))

		c.on("object DELETE", 204)
		require.Equal(t, 204, c.do(t, "DELETE", "/v1/a/c/o.json", "").status)
		c.on("object POST", 202)
		require.Equal(t, 202, c.do(t, "POST", "/v1/a/c/o.json", "", "X-Object-Meta-A", "b").status)
		require.Len(t, c.to("container", "HEAD"), 1, "container info is cached")
	})
}

func TestObjectWriteChecks(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists()
		c.on("object PUT", 201)
		c.on("object POST", 202)
		long := strings.Repeat("x", 2000)
		for _, x := range []struct {
			name, method, path, body string
			header                   []string
			want                     int
		}{
			{"fine", "PUT", "/v1/a/c/o", "x", nil, 201},
			{"empty", "PUT", "/v1/a/c/o", "", nil, 201},
			{"no length", "PUT", "/v1/a/c/o", "", []string{"Content-Length", ""}, 411},
			{"long name", "PUT", "/v1/a/c/" + long, "x", nil, 400},
			{"name of so many characters", "PUT", "/v1/a/c/" + strings.Repeat("ü", 1024), "x", nil, 201},
			{"one character too many", "PUT", "/v1/a/c/" + strings.Repeat("ü", 1025), "x", nil, 400},
			{"metadata value", "PUT", "/v1/a/c/o", "x", []string{"X-Object-Meta-A", long[:257]}, 400},
			{"metadata name", "POST", "/v1/a/c/o", "", []string{"X-Object-Meta-" + long[:129], "x"}, 400},
			{"empty metadata name", "POST", "/v1/a/c/o", "", []string{"X-Object-Meta-", "x"}, 400},
			{"etag condition", "PUT", "/v1/a/c/o", "x", []string{"If-None-Match", `"abc"`}, 400},
			{"empty condition", "PUT", "/v1/a/c/o", "x", []string{"If-None-Match", ""}, 400},
			{"star condition", "PUT", "/v1/a/c/o", "x", []string{"If-None-Match", "*"}, 201},
			{"delete in the past", "PUT", "/v1/a/c/o", "x", []string{"X-Delete-At", "1000"}, 400},
			{"delete at nonsense", "POST", "/v1/a/c/o", "", []string{"X-Delete-At", "soon"}, 400},
			{"delete after nonsense", "PUT", "/v1/a/c/o", "x", []string{"X-Delete-After", "1.5"}, 400},
			{"delete after nothing", "PUT", "/v1/a/c/o", "x", []string{"X-Delete-After", ""}, 400},
			{"delete at nothing", "POST", "/v1/a/c/o", "", []string{"X-Delete-At", ""}, 400},
			{"delete after zero", "PUT", "/v1/a/c/o", "x", []string{"X-Delete-After", "0"}, 400},
			{"bad timestamp", "PUT", "/v1/a/c/o", "x", []string{"X-Timestamp", "yesterday"}, 400},
		} {
			require.Equal(t, x.want, c.do(t, x.method, x.path, x.body, x.header...).status, x.name)
		}
		req := c.request("PUT", "/v1/a/c/o", "x")
		req.ContentLength = 5368709123
		require.Equal(t, 413, c.serve(t, req).status)
		req = c.request("PUT", "/v1/a/c/o", "x")
		req.ContentLength = 2
		var heard []string
		c.srv.events = &event.Sink{Count: func(e event.Count) { heard = append(heard, e.Name) }}
		require.Equal(t, 499, c.serve(t, req).status)
		require.Equal(t, 400, c.do(t, "GET", "/v7/a", "").status)
		require.Equal(t, []string{"object.client_disconnects", "errors"}, heard)
	})
}

func TestExpiry(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists()
		c.on("object PUT", 201)
		require.Equal(t, 201, c.do(t, "PUT", "/v1/a/c/o", "x", "X-Delete-After", "3600").status)
		hosts := map[string]bool{}
		for _, p := range c.to("object", "PUT") {
			stamp, err := swift.ParseTimestamp(p.header.Get("X-Timestamp"))
			require.NoError(t, err)
			at := stamp.Ticks()/swift.TicksPerSecond + 3600
			require.Equal(t, fmt.Sprintf("%010d", at), p.header.Get("X-Delete-At"))
			require.Empty(t, p.header.Get("X-Delete-After"))
			h := c.srv.swift.Hasher.Hash(swift.Path{Account: "a", Container: "c", Object: "o"})
			require.Equal(t, expiry.Queue{Divisor: 86400}.Container(at, h), p.header.Get("X-Delete-At-Container"))
			require.NotEmpty(t, p.header.Get("X-Delete-At-Partition"))
			hosts[p.header.Get("X-Delete-At-Host")+p.header.Get("X-Delete-At-Device")] = true
		}
		require.Len(t, hosts, 3)
	})
}

func TestUpdatesNeeded(t *testing.T) {
	require.Equal(t, 3, updatesNeeded(3, 2, 3, 2))
	require.Equal(t, 3, updatesNeeded(3, 2, 1, 1))
	require.Equal(t, 4, updatesNeeded(3, 2, 4, 2))
	require.Equal(t, 5, updatesNeeded(5, 3, 3, 2))
	require.Equal(t, 5, updatesNeeded(3, 2, 5, 2), "two handoffs are asked, too")
}

func TestMissingAndUnreachableContainers(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.on("account HEAD", 204)
		c.on("container HEAD", 503)
		require.Equal(t, 503, c.do(t, "PUT", "/v1/a/c/o", "x").status)
		require.Equal(t, 503, c.do(t, "GET", "/v1/a/c/o", "").status)
		time.Sleep(time.Minute + time.Second)
		c.on("container HEAD", 404)
		require.Equal(t, 404, c.do(t, "PUT", "/v1/a/c/o", "x").status)
		require.Empty(t, c.to("object", "PUT"))
		c.on("container HEAD", 204)
		c.on("object PUT", 201)
		require.Equal(t, 404, c.do(t, "PUT", "/v1/a/c/o", "x").status, "404 is remembered")
		time.Sleep(7 * time.Second)
		require.Equal(t, 201, c.do(t, "PUT", "/v1/a/c/o", "x").status, "for a tenth of the time")
		c.on("container HEAD", 503)
		require.Equal(t, 201, c.do(t, "PUT", "/v1/a/c/o", "x").status, "failures evict nothing")
	})
	run(t, "", func(t *testing.T, c *cluster) {
		c.on("account HEAD", 503)
		require.Equal(t, 503, c.do(t, "PUT", "/v1/a/c/o", "x").status)
		require.Equal(t, 503, c.do(t, "PUT", "/v1/a/c", "").status)
		require.Equal(t, 503, c.do(t, "GET", "/v1/a/c", "").status)
	})
}

func TestAutocreate(t *testing.T) {
	run(t, "account_autocreate = yes\n", func(t *testing.T, c *cluster) {
		created := false
		account := func(w http.ResponseWriter, r *http.Request) {
			c.mu.Lock()
			defer c.mu.Unlock()
			switch {
			case r.Method == "PUT":
				created = true
				w.WriteHeader(201)
			case created:
				w.WriteHeader(204)
			default:
				w.WriteHeader(404)
			}
		}
		for _, m := range []string{"PUT", "GET", "HEAD", "POST"} {
			c.scripts["account "+m] = account
		}
		c.on("container PUT", 201)
		a := c.do(t, "GET", "/v1/a", "")
		require.Equal(t, 200, a.status)
		require.Equal(t, "[]", a.body)
		require.Equal(t, "0", a.header.Get("X-Account-Container-Count"))
		a = c.do(t, "HEAD", "/v1/a", "")
		require.Equal(t, 204, a.status)
		require.NotEmpty(t, a.header.Get("X-Put-Timestamp"))
		require.Equal(t, 404, c.do(t, "GET", "/v1/a/c", "").status)
		require.Equal(t, 201, c.do(t, "PUT", "/v1/a/c", "").status)
		require.True(t, created)
		require.Len(t, c.to("account", "PUT"), 3)
		for _, p := range c.to("container", "PUT") {
			require.NotEmpty(t, p.header.Get("X-Account-Host"))
			require.Equal(t, "0", p.header.Get("X-Backend-Storage-Policy-Default"))
		}
	})
	run(t, "", func(t *testing.T, c *cluster) {
		c.on("account HEAD", 404)
		require.Equal(t, 404, c.do(t, "PUT", "/v1/a/c", "").status)
		require.Empty(t, c.to("container", "PUT"))
	})
}

func TestContainerWrites(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists()
		c.on("container PUT", 202)
		c.on("container POST", 204)
		c.on("container DELETE", 409)
		require.Equal(t, 400, c.do(t, "PUT", "/v1/a/"+strings.Repeat("c", 257), "").status)
		require.Equal(t, 400, c.do(t, "PUT", "/v1/a/c", "", "X-Storage-Policy", "none").status)
		require.Equal(t, 400, c.do(t, "PUT", "/v1/a/c", "", "X-Storage-Policy", "old").status)
		require.Equal(t, 202, c.do(t, "PUT", "/v1/a/c", "", "X-Storage-Policy", "GOLD", "X-Container-Read", ".r:*", "X-Remove-Container-Meta-Gone", "x").status)
		p := c.to("container", "PUT")[0]
		require.Equal(t, "0", p.header.Get("X-Backend-Storage-Policy-Index"))
		require.Equal(t, ".r:*", p.header.Get("X-Container-Read"))
		require.Contains(t, p.header, "X-Container-Meta-Gone")
		require.Empty(t, p.header.Get("X-Remove-Container-Meta-Gone"))
		require.Equal(t, 409, c.do(t, "DELETE", "/v1/a/c", "").status)

		req := c.request("POST", "/v1/a/c", "", "X-Container-Read", ".r:*", "X-Container-Meta-A", "b")
		req.Owner = false
		require.Equal(t, 204, c.serve(t, req).status)
		p = c.to("container", "POST")[0]
		require.NotContains(t, p.header, "X-Container-Read", "the owner's alone")
		require.Equal(t, "b", p.header.Get("X-Container-Meta-A"))

		req = c.request("POST", "/v1/a/c", "", "X-Container-Read", "bad")
		req.CleanACL = func(name, v string) (string, error) { return "", fmt.Errorf("bad list in %s", name) }
		a := c.serve(t, req)
		require.Equal(t, 400, a.status)
		require.Equal(t, "bad list in X-Container-Read", a.body)
	})
}

func TestAuthorize(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists("X-Container-Read", "readers", "X-Container-Write", "writers")
		c.on("container GET", 200, "X-Container-Read", "readers", "X-Container-Meta-A", "b")
		c.on("object PUT", 201)
		as := func(who, method, path, body string) answer {
			req := c.request(method, path, body)
			req.Owner = false
			req.Authorize = func(_ context.Context, r *web.Request) *web.Response {
				if r.ACL == who {
					return nil
				}
				return web.NewResponse(403)
			}
			return c.serve(t, req)
		}
		require.Equal(t, 200, as("readers", "GET", "/v1/a/c/o", "").status)
		require.Equal(t, 403, as("readers", "PUT", "/v1/a/c/o", "x").status)
		require.Equal(t, 201, as("writers", "PUT", "/v1/a/c/o", "x").status)
		require.Equal(t, 403, as("writers", "GET", "/v1/a/c/o", "").status)
		a := as("readers", "GET", "/v1/a/c", "")
		require.Equal(t, 200, a.status)
		require.NotContains(t, a.header, "X-Container-Read")
		require.Equal(t, "b", a.header.Get("X-Container-Meta-A"))
		require.Equal(t, 403, as("readers", "POST", "/v1/a/c", "").status)
		require.Equal(t, 403, as("readers", "GET", "/v1/a", "").status)
		require.Empty(t, c.to("container", "POST"))
	})
}

// The container's sync key is known when the client is asked about, but only
// for writes that bring their timestamp.
func TestSyncKey(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists("X-Container-Sync-Key", "secret")
		for _, m := range []string{"object PUT", "object POST", "object DELETE"} {
			c.on(m, 201)
		}
		for _, tt := range []struct{ method, stamp, want string }{
			{"PUT", "1.00000", "secret"}, {"DELETE", "1.00000", "secret"}, {"POST", "1.00000", ""}, {"PUT", "", ""},
		} {
			req := c.request(tt.method, "/v1/a/c/o", "")
			if tt.stamp != "" {
				req.Header.Set("X-Timestamp", tt.stamp)
			}
			last := "never asked"
			req.Authorize = func(_ context.Context, r *web.Request) *web.Response {
				last = r.SyncKey
				return web.NewResponse(403)
			}
			c.serve(t, req)
			require.Equal(t, tt.want, last, "%+v", tt)
		}
	})
}

func TestListings(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.exists()
		c.on("container GET", 200, "X-Backend-Storage-Policy-Index", "0")
		req := c.request("GET", "/v1/a/c", "")
		req.RawQuery = "prefix=a%20b&marker=m&limit=5"
		a := c.serve(t, req)
		require.Equal(t, "gold", a.header.Get("X-Storage-Policy"))
		require.Equal(t, "format=json&limit=5&marker=m&prefix=a+b", c.to("container", "GET")[0].query)
		for q, want := range map[string]int{"limit=10001": 412, "limit=10000": 200, "limit=x": 200, "marker=%ff": 400, "prefix=%00": 200, "reverse=%ff": 400} {
			req := c.request("GET", "/v1/a/c", "")
			req.RawQuery = q
			require.Equal(t, want, c.serve(t, req).status, q)
		}
	})
}

func TestDeletedAccount(t *testing.T) {
	run(t, "account_autocreate = yes\n", func(t *testing.T, c *cluster) {
		for _, m := range []string{"GET", "POST", "DELETE"} {
			c.on("account "+m, 404, "X-Account-Status", "Deleted")
		}
		c.on("account PUT", 403, "X-Account-Status", "Deleted")
		for m, want := range map[string]int{"GET": 410, "POST": 404} {
			a := c.do(t, m, "/v1/a", "")
			require.Equal(t, want, a.status, m)
			require.Empty(t, a.body, m)
			require.Equal(t, "Deleted", a.header.Get("X-Account-Status"), m)
		}
		c.on("account HEAD", 404, "X-Account-Status", "Deleted")
		require.Equal(t, 503, c.do(t, "PUT", "/v1/a/c", "").status)
	})
}

func TestAccountACL(t *testing.T) {
	run(t, "", func(t *testing.T, c *cluster) {
		c.on("account HEAD", 204, "X-Account-Sysmeta-Core-Access-Control", `{ "read-only": ["b:c"], "admin": ["a:b"] }`)
		a := c.do(t, "HEAD", "/v1/a", "")
		require.Equal(t, `{"admin":["a:b"],"read-only":["b:c"]}`, a.header.Get("X-Account-Access-Control"))
		require.NotContains(t, a.header, "X-Account-Sysmeta-Core-Access-Control")
		req := c.request("HEAD", "/v1/a", "")
		req.Owner = false
		require.NotContains(t, c.serve(t, req).header, "X-Account-Access-Control", "the owner's alone")
	})
}

func TestAccountManagement(t *testing.T) {
	run(t, "allow_account_management = yes\n", func(t *testing.T, c *cluster) {
		c.on("account PUT", 201)
		c.on("account DELETE", 204)
		require.Equal(t, 201, c.do(t, "PUT", "/v1/a", "", "X-Account-Meta-A", "b").status)
		require.Equal(t, "b", c.to("account", "PUT")[0].header.Get("X-Account-Meta-A"))
		require.Equal(t, 204, c.do(t, "DELETE", "/v1/a", "").status)
		req := c.request("DELETE", "/v1/a", "")
		req.RawQuery = "bulk-delet"
		require.Equal(t, 400, c.serve(t, req).status)
	})
}

func TestOptionsOfTheConf(t *testing.T) {
	for v, want := range map[string]int{"2 * replicas": 6, "5": 5, "1 * Replicas": 3} {
		f, err := perReplica(v)
		require.NoError(t, err)
		require.Equal(t, want, f(3))
	}
	for _, v := range []string{"", "x", "0", "2 * nodes", "-1"} {
		_, err := perReplica(v)
		require.Error(t, err, v)
	}
}

func TestGuessType(t *testing.T) {
	for name, want := range map[string]string{
		"a.txt": "text/plain", "a.HTML": "text/html", "x/y.tar.gz": "application/x-tar", "a": "application/octet-stream",
		"a.unknown": "application/octet-stream", ".gz": "application/octet-stream", "é.jpg": "image/jpeg",
	} {
		require.Equal(t, want, mimeTypes(nil).guess(name), name)
	}
	own := parseMimeTypes("# the operator's\ntext/x-own  own TXT # and so on\nno/extension\n\n")
	for name, want := range map[string]string{
		"a.own": "text/x-own", "a.txt": "text/x-own", "a.own.gz": "text/x-own", "a.html": "text/html", "a.extension": "application/octet-stream",
	} {
		require.Equal(t, want, own.guess(name), name)
	}
}
