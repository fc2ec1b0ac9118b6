package listingformats

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

func serve(t *testing.T, req *web.Request, resp *web.Response) (*web.Response, string, string) {
	f, err := New(nil, nil)
	require.NoError(t, err)
	query := "not asked"
	out := f(web.HandlerFunc(func(_ context.Context, r *web.Request) *web.Response {
		query = r.RawQuery
		return resp
	})).Serve(t.Context(), req)
	b, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	require.NoError(t, out.Body.Close())
	return out, string(b), query
}

func request(path, query, accept string) *web.Request {
	req := web.NewRequest("GET", path)
	req.RawQuery = query
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	return req
}

func listing(body string) *web.Response {
	return webtest.Response(200, body, "Content-Type", "application/json; charset=utf-8")
}

const (
	objects = `[{"name": "a&b", "hash": "h", "bytes": 5, "content_type": "text/plain", "last_modified": "2026-01-02T03:04:05.678900"}, {"subdir": "d/"}]`
	buckets = `[{"name": "c", "count": 2, "bytes": 5, "last_modified": "2026-01-02T03:04:05.678900", "storage_policy": "gold"}, {"subdir": "d/"}]`
)

func TestForms(t *testing.T) {
	for _, c := range []struct {
		name, path, query, accept, in string
		status                        int
		contentType, body, vary       string
	}{
		{"text", "/v1/a/c", "", "", objects, 200, "text/plain", "a&b\nd/\n", "Accept"},
		{"json by query", "/v1/a/c", "format=json", "text/xml", objects, 200, "application/json", objects, ""},
		{"json by header", "/v1/a/c", "", "application/json", objects, 200, "application/json", objects, "Accept"},
		{"unknown format is text", "/v1/a", "format=yaml", "", buckets, 200, "text/plain", "c\nd/\n", ""},
		{"empty text is 204", "/v1/a/c", "", "", "[]", 204, "text/plain", "", "Accept"},
		{"empty json is 200", "/v1/a/c", "format=json", "", "[]", 200, "application/json", "[]", ""},
		{"xml container", "/v1/a/c", "format=xml", "", objects, 200, "application/xml",
			xmlHead + `<container name="c"><object><name>a&amp;b</name><hash>h</hash><bytes>5</bytes><content_type>text/plain</content_type><last_modified>2026-01-02T03:04:05.678900</last_modified></object><subdir name="d/"><name>d/</name></subdir></container>`, ""},
		{"xml account", "/v1/a", "", "text/xml", buckets, 200, "text/xml",
			xmlHead + "<account name=\"a\">\n<container><name>c</name><count>2</count><bytes>5</bytes><last_modified>2026-01-02T03:04:05.678900</last_modified><storage_policy>gold</storage_policy></container>\n<subdir name=\"d/\" />\n</account>", "Accept"},
		{"xml empty", "/v1/a/c", "format=xml", "", "[]", 200, "application/xml", xmlHead + `<container name="c" />`, ""},
		{"reserved names are hidden", "/v1/a/c", "format=json", "", `[{"name": "\u0000x"}, {"name": "y"}]`, 200, "application/json", `[{"name":"y"}]`, ""},
		{"no listing", "/v1/a/c", "", "", `{"x": 1}`, 200, "application/json", `{"x": 1}`, "Accept"},
	} {
		t.Run(c.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			resp, body, query := serve(t, request(c.path, c.query, c.accept), listing(c.in))
			require.Equal(t, c.status, resp.Status)
			require.Equal(t, c.body, body)
			require.Equal(t, c.contentType+"; charset=utf-8", resp.Header.Get("Content-Type"))
			require.Equal(t, c.vary, resp.Header.Get("Vary"))
			require.Equal(t, "format=json", query)
			require.EqualValues(t, len(c.body), resp.ContentLength)
		})
	}
}

func TestPassesOn(t *testing.T) {
	webtest.TrackBodies(t)
	_, body, query := serve(t, request("/v1/a/c/o", "format=xml", ""), listing(objects))
	require.Equal(t, objects, body)
	require.Equal(t, "format=xml", query)
	resp, body, _ := serve(t, request("/v1/a/c", "", ""), webtest.Response(404, "gone", "Content-Type", "application/json"))
	require.Equal(t, 404, resp.Status)
	require.Equal(t, "gone", body)
	req := request("/v1/a/c", "", "application/json")
	req.Method = "HEAD"
	resp, _, _ = serve(t, req, webtest.Response(204, "", "Content-Type", "application/json; charset=utf-8"))
	require.Equal(t, "application/json; charset=utf-8", resp.Header.Get("Content-Type"))
}

func TestVary(t *testing.T) {
	webtest.TrackBodies(t)
	for had, want := range map[string]string{
		"": "Accept", "Origin": "Origin, Accept", "Accept-Encoding": "Accept-Encoding, Accept", "Origin, accept": "Origin, accept",
	} {
		resp := listing("[]")
		if had != "" {
			resp.Header.Set("Vary", had)
		}
		resp, _, _ = serve(t, request("/v1/a/c", "", ""), resp)
		require.Equal(t, want, resp.Header.Get("Vary"))
	}
}

// A header of many parameters and spaces takes time in proportion to its
// length: ten times as long takes no hundred times as long.
func TestAcceptIsLinear(t *testing.T) {
	for _, bad := range []string{"a/b" + strings.Repeat(" ;a=b", 1<<17) + "(", "a/b;c=\"" + strings.Repeat("\\\\", 1<<18), strings.Repeat(" ", 1<<20) + "x"} {
		watch := host.StartStopwatch()
		_, fault := contentType("", bad)
		require.Equal(t, 400, fault)
		require.Less(t, watch.Elapsed(), 5*time.Second)
	}
}

func TestAccept(t *testing.T) {
	for _, c := range []struct {
		format, accept, want string
		fault                int
	}{
		{"", "", "text/plain", 0},
		{"JSON", "nonsense", "application/json", 0},
		{"", "*/*", "text/plain", 0},
		{"", "application/*", "application/json", 0},
		{"", "application/json;q=0.5, text/xml;q=0.9", "text/xml", 0},
		{"", "text/plain;q=0, */*;q=0.1", "text/plain", 0},
		{"", "text/plain;q=0, application/*;q=0.1", "application/json", 0},
		{"", "text/plain;q=0", "text/plain", 0},
		{"", "text/plain;q=2", "text/plain", 0},
		{"", "text/plain;q=-1,text/xml;q=0", "text/xml", 0},
		{"", "text/*,application/xml", "application/xml", 0},
		{"", "*/xml", "application/xml", 0},
		{"", "application/json;q=0.5;x=y , text/xml;q=.4", "application/json", 0},
		{"", "application/json ; charset = utf-8", "application/json", 0},
		{"", `application/json;a="b\"c"`, "application/json", 0},
		{"", "text/plain;Q=0.1,text/xml;q=0.3", "text/plain", 0},
		{"", "APPLICATION/JSON", "", 406},
		{"", "t\xc3\xa9/x", "", 406},
		{"", "application/json,", "", 400},
		{"", ",", "", 400},
		{"", "*", "", 400},
		{"", "text/plain;x", "", 400},
		{"", "text/plain;q=0x1p-2", "", 400},
		{"", "text/plain;q=nan", "", 400},
		{"", `text/plain;q="0.5"`, "", 400},
		{"", "text/plain;q=0.3;q=0.9", "", 400},
		{"", `a/b;c="d,e",application/json`, "", 400},
		{"", `a/b;c="d=e"`, "", 400},
		{"", `a/b;c="`, "", 400},
		{"", `a/b;c="\"`, "", 400},
		{"", "application/xml", "application/xml", 0},
		{"", "image/png", "", 406},
		{"", "text", "", 400},
		{"", "text/plain;q=x", "", 400},
		{"", "text/plain;=", "", 400},
	} {
		mime, fault := contentType(c.format, c.accept)
		require.Equal(t, c.want, mime, "%q %q", c.format, c.accept)
		require.Equal(t, c.fault, fault, "%q %q", c.format, c.accept)
	}
}

func TestKeptListing(t *testing.T) {
	webtest.TrackBodies(t)
	in := listing(`[{"name": "\u0000x"}]`)
	in.Header.Set(KeepHeader, "true")
	req := request("/v1/a/c", "format=xml", "application/json")
	resp, body, _ := serve(t, req, in)
	require.Equal(t, `[{"name": "\u0000x"}]`, body)
	require.Empty(t, resp.Header.Get(KeepHeader))
	require.Equal(t, "application/xml", req.Header.Get("Accept"), "format beats Accept for filters too")
}
