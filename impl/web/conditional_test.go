package web_test

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

const (
	older   = "Sun, 06 Nov 1994 08:49:36 GMT"
	stamp   = "Sun, 06 Nov 1994 08:49:37 GMT"
	newer   = "Sun, 06 Nov 1994 08:49:38 GMT"
	content = "0123456789"
)

// ranger serves ranges of text; ranges and the whole are tracked.
type ranger struct {
	io.Reader
	text    string
	openErr error
	short   bool // ranges end one byte early
	reads   *int
}

func (r *ranger) Read(p []byte) (int, error) {
	*r.reads++
	return r.Reader.Read(p)
}
func (*ranger) Close() error { return nil }
func (r *ranger) OpenRange(start, end int64) (io.ReadCloser, error) {
	if r.openErr != nil {
		return nil, r.openErr
	}
	if r.short {
		end--
	}
	return webtest.Body(r.text[start:end], nil), nil
}

func entity(r *ranger) *web.Response {
	r.text, r.Reader = content, strings.NewReader(content)
	if r.reads == nil {
		r.reads = new(int)
	}
	return &web.Response{
		Status: 200, ContentLength: int64(len(content)), Body: web.Track("entity", r),
		Header: http.Header{"Etag": {"abc"}, "Last-Modified": {stamp}, "Content-Type": {"text/x"}, "X-Object-Sysmeta-Slo-Etag": {"slo"}},
	}
}

func TestConditional(t *testing.T) {
	for _, tt := range []struct {
		name   string
		header []string
		status int
		body   string
	}{
		{"no conditions", nil, 200, content},
		{"If-None-Match of it", []string{"If-None-Match", "abc"}, 304, ""},
		{"If-None-Match quoted, in a list", []string{"If-None-Match", `"x", "abc"`}, 304, ""},
		{"If-None-Match star", []string{"If-None-Match", "*"}, 304, ""},
		{"If-None-Match of another", []string{"If-None-Match", "x"}, 200, content},
		{"If-Match of it", []string{"If-Match", `"abc"`}, 200, content},
		{"If-Match star", []string{"If-Match", "*"}, 200, content},
		{"If-Match of another", []string{"If-Match", "x"}, 412, ""},
		{"If-Match of nothing", []string{"If-Match", " , "}, 412, ""},
		{"If-None-Match decides before If-Match", []string{"If-None-Match", "abc", "If-Match", "x"}, 304, ""},
		{"If-Match decides before dates", []string{"If-Match", "x", "If-Modified-Since", newer}, 412, ""},
		{"a matching If-Match does not silence If-Modified-Since", []string{"If-Match", "abc", "If-Modified-Since", newer}, 304, ""},
		{"If-Modified-Since earlier", []string{"If-Modified-Since", older}, 200, content},
		{"If-Modified-Since equal", []string{"If-Modified-Since", stamp}, 304, ""},
		{"If-Modified-Since later", []string{"If-Modified-Since", newer}, 304, ""},
		{"If-Modified-Since nonsense", []string{"If-Modified-Since", "yesterday"}, 200, content},
		{"If-Unmodified-Since earlier", []string{"If-Unmodified-Since", older}, 412, ""},
		{"If-Unmodified-Since equal", []string{"If-Unmodified-Since", stamp}, 200, content},
		{"If-Unmodified-Since nonsense", []string{"If-Unmodified-Since", "x"}, 200, content},
		{"Etag-Is-At known", []string{"X-Backend-Etag-Is-At", "X-Object-Sysmeta-Slo-Etag", "If-None-Match", "slo"}, 304, ""},
		{"Etag-Is-At replaces Etag", []string{"X-Backend-Etag-Is-At", "x-object-sysmeta-slo-etag", "If-Match", "abc"}, 412, ""},
		{"Etag-Is-At takes the first present", []string{"X-Backend-Etag-Is-At", "X-No, X-Object-Sysmeta-Slo-Etag", "If-Match", "slo"}, 200, content},
		{"Etag-Is-At unknown", []string{"X-Backend-Etag-Is-At", "X-No", "If-Match", "abc"}, 200, content},
		{"range", []string{"Range", "bytes=2-4"}, 206, "234"},
		{"range suffix", []string{"Range", "bytes=-2"}, 206, "89"},
		{"range refused", []string{"Range", "bytes=10-"}, 416, ""},
		{"range malformed", []string{"Range", "bytes=x"}, 200, content},
		{"conditions before range", []string{"Range", "bytes=2-4", "If-None-Match", "abc"}, 304, ""},
		{"412 before 416", []string{"Range", "bytes=10-", "If-Match", "x"}, 412, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			src := &ranger{}
			req := webtest.Request("GET", "/v1/a/c/o", tt.header...)
			h := web.HandlerFunc(func(_ ctx, r *web.Request) *web.Response {
				return web.Conditional(r, entity(src), web.ConditionalOptions{})
			})
			got := webtest.Do(h, req)
			if got.Status != tt.status {
				t.Fatalf("status %d, want %d", got.Status, tt.status)
			}
			if got.Status != 416 && got.Body != tt.body {
				t.Errorf("body %q, want %q", got.Body, tt.body)
			}
			if got.ContentLength != int64(len(got.Body)) {
				t.Errorf("ContentLength %d of %q", got.ContentLength, got.Body)
			}
			if got.Header.Get("Etag") != "abc" || got.Header.Get("Last-Modified") != stamp {
				t.Errorf("entity headers are gone: %v", got.Header)
			}
			if got.Status != 200 && *src.reads > 0 {
				t.Errorf("a body that is not sent was read %d times", *src.reads)
			}
			if cr := got.Header.Get("Content-Range"); got.Status == 416 && cr != "bytes */10" {
				t.Errorf("Content-Range %q", cr)
			}
		})
	}
}

func TestConditionalOptions(t *testing.T) {
	webtest.TrackBodies(t)
	req := webtest.Request("GET", "/v1/a/c/o", "If-None-Match", "second")
	resp := web.Conditional(req, entity(&ranger{}), web.ConditionalOptions{Etags: []string{"first", "second"}})
	if resp.Status != 304 {
		t.Errorf("If-None-Match of one of the etags: %d", resp.Status)
	}
	_ = resp.Body.Close()
	resp = web.Conditional(webtest.Request("GET", "/", "If-Match", "*"), webtest.Response(404, "gone"), web.ConditionalOptions{})
	if resp.Status != 412 {
		t.Errorf("If-Match: * on nothing: %d", resp.Status)
	}
	_ = resp.Body.Close()
}

func TestConditionalHeadIgnoresRange(t *testing.T) {
	webtest.TrackBodies(t)
	for _, header := range []string{"bytes=0-1", "bytes=100-"} {
		resp := web.Conditional(webtest.Request("HEAD", "/", "Range", header), entity(&ranger{}), web.ConditionalOptions{})
		if resp.Status != 200 || resp.ContentLength != 10 {
			t.Errorf("%s: %d, %d bytes", header, resp.Status, resp.ContentLength)
		}
		_ = resp.Body.Close()
	}
}

func TestMultipart(t *testing.T) {
	webtest.TrackBodies(t)
	req := webtest.Request("GET", "/", "Range", "bytes=0-1,8-")
	resp := web.Conditional(req, entity(&ranger{}), web.ConditionalOptions{})
	length := resp.ContentLength
	body, err := resp.ReadAll(1 << 20)
	if err != nil || resp.Status != 206 {
		t.Fatal(resp.Status, err)
	}
	boundary, ok := strings.CutPrefix(resp.Header.Get("Content-Type"), "multipart/byteranges;boundary=")
	if !ok || len(boundary) != 32 {
		t.Fatalf("Content-Type %q", resp.Header.Get("Content-Type"))
	}
	want := strings.ReplaceAll("--B\r\nContent-Type: text/x\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n"+
		"--B\r\nContent-Type: text/x\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--B--", "B", boundary)
	if string(body) != want {
		t.Errorf("got %q\nwant %q", body, want)
	}
	if length != int64(len(want)) {
		t.Errorf("ContentLength %d, want %d", length, len(want))
	}
	if cr := resp.Header.Get("Content-Range"); cr != "" {
		t.Errorf("Content-Range %q belongs into the parts", cr)
	}
}

func TestRangeSourceFails(t *testing.T) {
	webtest.TrackBodies(t)
	t.Run("on opening", func(t *testing.T) {
		src := &ranger{openErr: swift.E("test", "", swift.Unavailable, errors.New("no segment"))}
		resp := web.Conditional(webtest.Request("GET", "/", "Range", "bytes=0-1"), entity(src), web.ConditionalOptions{})
		if resp.Status != 503 {
			t.Errorf("status %d", resp.Status)
		}
		_ = resp.Body.Close()
	})
	for _, header := range []string{"bytes=0-1", "bytes=0-1,3-4"} {
		t.Run("short "+strconv.Quote(header), func(t *testing.T) {
			resp := web.Conditional(webtest.Request("GET", "/", "Range", header), entity(&ranger{short: true}), web.ConditionalOptions{})
			if _, err := resp.ReadAll(1 << 20); err == nil {
				t.Error("a short range passed for complete")
			}
		})
	}
	t.Run("closed unread", func(t *testing.T) {
		resp := web.Conditional(webtest.Request("GET", "/", "Range", "bytes=0-1,3-4"), entity(&ranger{}), web.ConditionalOptions{})
		_ = resp.Body.Close()
	})
}
