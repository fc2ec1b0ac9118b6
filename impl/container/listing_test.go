package container

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/broker"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// oddRows have all that is special about an entry of a listing: characters
// that a form escapes, the size that a large object stands for, other
// parameters of its content type, and all the forms of times.
func oddRows() []broker.Object {
	var rows []broker.Object
	add := func(name, at, contentType, etag string, size int64) {
		rows = append(rows, broker.Object{Name: name, CreatedAt: at, ContentType: contentType, ETag: etag, Size: size})
	}
	for i, name := range []string{
		"plain", "a&b<c>d", `quote"back\slash`, "tab\tline\nreturn\rbell\a\b\f", "del\x7f", "ünïcode ☃", "emoji \U0001F600",
		"control \x01\x1f", "dir/one", "dir/two", "dir ", strings.Repeat("long", 256), "eight-by", "\u2028\u2029", "bad\xff\xfebytes", "0",
	} {
		add(name, fmt.Sprintf("%010d.%05d", 1_700_000_000+i*86_399, i*1111), "text/plain", "d41d8cd98f00b204e9800998ecf8427e", int64(i)*1_000_003)
	}
	for i, contentType := range []string{
		"", "text/plain;swift_bytes=77", "text/plain; charset=utf-8 ;swift_bytes=5", "a/b;swift_bytes=x", "a/b; c = d ;e",
		`a/b; q="x;y"; swift_bytes=9`, "ünï/☃", `<&">`, "a/b;swift_bytes=99999999999999999999",
	} {
		add(fmt.Sprintf("type-%d", i), "1700000000.00000", contentType, "e", 1)
	}
	for i, at := range []string{
		"0000000000.00000", "0000000000.00001", "9999999999.99999", "1583020799.99999", "1583020800.00000", "1700000000.00000_1",
		"1700000000.00000_00000000000000ff", "1700000000.12345+0+0", "1700000000.12345+1388+2710", "1700000000.12345_a+64-32", "4107542399.00000",
		"1700000000.1", "1700000000.123456", "1.5",
	} {
		add(fmt.Sprintf("time-%02d", i), at, "text/plain", "e", 1)
	}
	for i, etag := range []string{"", "e; symlink_target=c/o; symlink_target_etag=x", "e; slo_etag=y", `"q"`, "☃"} {
		add(fmt.Sprintf("etag-%d", i), "1700000000.00000", "text/plain", etag, -1)
	}
	return rows
}

func oddContainer(t testing.TB, rows []broker.Object) *Server {
	s := newServer(t)
	status, _, _ := ask(t, s, "PUT /sda/0/a/c&<d>\"", ts(1))
	require.Equal(t, 201, status)
	c := s.Pool.Container("sda", "0", "a", "c&<d>\"")
	require.NoError(t, c.Update(t.Context(), func(x *broker.ContainerTx) error { return x.MergeObjects(rows) }))
	return s
}

// Every byte of a listing is compared with what was right before.
func TestListingGolden(t *testing.T) {
	s := oddContainer(t, oddRows())
	var got strings.Builder
	for _, query := range []string{
		"format=json", "format=xml", "format=text", "format=json&delimiter=/", "format=xml&delimiter=/", "delimiter=/&reverse=on",
		"format=json&reverse=on&limit=3", "format=json&prefix=none", "format=xml&prefix=none", "prefix=none", "format=json&path=dir",
	} {
		status, h, body := ask(t, s, "GET /sda/0/a/c&<d>\"?"+query)
		fmt.Fprintf(&got, "== %s: %d, %s\n%s\n", query, status, h.Get("Content-Type"), body)
	}
	const file = "testdata/listing.golden"
	if *rewrite {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

// BenchmarkListingOf10000 lists through the server, without a connection.
func BenchmarkListingOf10000(b *testing.B) {
	rows := make([]broker.Object, 10000)
	for i := range rows {
		rows[i] = broker.Object{
			Name: fmt.Sprintf("object-%08d", i), CreatedAt: swift.NewTimestamp(1_700_000_000*swift.TicksPerSecond+int64(i)*12345, 0).Internal(),
			Size: 4096, ContentType: "application/octet-stream", ETag: "d41d8cd98f00b204e9800998ecf8427e",
		}
	}
	s := oddContainer(b, rows)
	for _, format := range []string{"json", "xml", "text"} {
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				status, _, body := ask(b, s, "GET /sda/0/a/c&<d>\"?format="+format)
				if status != 200 || strings.Count(body, "object-") != 10000 {
					b.Fatal(status, len(body))
				}
			}
		})
	}
}

// The memory of a listing that was sent serves others, but not before it was
// closed.
func TestListingsAtOnce(t *testing.T) {
	webtest.TrackBodies(t)
	s := oddContainer(t, oddRows())
	serve := func(query string) *web.Response {
		req := web.NewRequest("GET", "/sda/0/a/c&<d>\"")
		req.RawQuery = query
		return s.Serve(t.Context(), req)
	}
	read := func(resp *web.Response) string {
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(b)
	}
	queries := []string{"format=json", "format=xml", "format=text", "format=json&limit=1"}
	var want []string
	for _, q := range queries {
		resp := serve(q)
		want = append(want, read(resp))
		require.NoError(t, resp.Body.Close())
		require.Empty(t, read(resp), "nothing is read of what is closed")
	}
	for round := range 3 {
		var open []*web.Response
		for _, q := range queries {
			open = append(open, serve(q))
		}
		for i, resp := range open {
			if i != round {
				require.Equal(t, want[i], read(resp))
			}
			require.NoError(t, resp.Body.Close())
		}
	}
}

// BenchmarkHead looks a container up, as proxies do for their caches.
func BenchmarkHead(b *testing.B) {
	s := oddContainer(b, oddRows())
	b.ReportAllocs()
	for b.Loop() {
		if status, _, _ := ask(b, s, "HEAD /sda/0/a/c&<d>\""); status != 204 {
			b.Fatal(status)
		}
	}
}
