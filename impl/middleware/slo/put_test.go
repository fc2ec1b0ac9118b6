package slo

import (
	"apus/impl/middleware/heartbeat"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

func TestPutStores(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	s.put("/seg/a", "0123456789")
	s.put("/seg/ü", "abc")
	got := tryLarge(h, "/c/o", `[
		{"path":"seg/a","etag":"`+hexMD5("0123456789")+`","size_bytes":10},
		{"path":"/seg/a","range":"2-4"}, {"path":"/seg/a","range":"0-9"}, {"path":"/seg/a","range":"-3","size_bytes":"10"},
		{"data":"aGVsbG8="}, {"path":"/seg/ü","etag":null,"size_bytes":null,"range":null}]`,
		"Content-Type", "video/mp4", "X-Object-Meta-Color", "blue", "X-Auth-Token", "tk", "User-Agent", "curl",
		"X-Detect-Content-Type", "true")
	if got.Status != http.StatusCreated {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	a, u := hexMD5("0123456789"), hexMD5("abc")
	etag := hexMD5(a + a + ":2-4;" + a + a + ":7-9;" + hexMD5("hello") + u)
	if got.Header.Get("Etag") != `"`+etag+`"` {
		t.Errorf("Etag %s, want %s", got.Header.Get("Etag"), etag)
	}
	o := s.objects["/v1/a/c/o"]
	for name, want := range map[string]string{
		"X-Static-Large-Object": "True", "X-Object-Sysmeta-Slo-Etag": etag, "X-Object-Sysmeta-Slo-Size": "34",
		"Content-Type": "video/mp4;swift_bytes=34", "X-Object-Meta-Color": "blue", "Etag": hexMD5(o.data), "X-Detect-Content-Type": "",
		"X-Object-Sysmeta-Container-Update-Override-Etag": hexMD5(o.data) + "; slo_etag=" + etag,
	} {
		if v := o.header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	var stored []map[string]any
	if err := json.Unmarshal([]byte(o.data), &stored); err != nil {
		t.Fatal(err)
	}
	segA := `"bytes":10,"content_type":"text/plain","hash":"` + a + `","last_modified":"2009-02-13T23:31:30.000000","name":"/seg/a"`
	for i, want := range []string{
		`{` + segA + `}`, `{` + segA + `,"range":"2-4"}`, `{` + segA + `}`, `{` + segA + `,"range":"7-9"}`, `{"data":"aGVsbG8="}`,
		`{"bytes":3,"content_type":"text/plain","hash":"` + u + `","last_modified":"2009-02-13T23:31:30.000000","name":"/seg/ü"}`,
	} {
		if have := string(heartbeat.EncodeJSON(stored[i])); have != want {
			t.Errorf("segment %d: %s\nwant %s", i, have, want)
		}
	}
	lines := s.log()
	if len(lines) != 3 { // each object once, then the manifest
		t.Errorf("requests %q", lines)
	}
	for _, r := range s.seen[:2] {
		if r.Method != "HEAD" || r.RawQuery != "" || r.Header.Get("X-Auth-Token") != "tk" || r.Header.Get("User-Agent") != "curl SLO MultipartPUT" {
			t.Errorf("sub-request %s ?%s %v", r.Method, r.RawQuery, r.Header)
		}
	}
	if got := get(h, "/c/o"); got.Body != "0123456789"+"234"+"0123456789"+"789"+"hello"+"abc" {
		t.Errorf("reads %q", got.Body)
	}
}

func TestPutKeepsOuterListingEtag(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	s.put("/seg/a", "x")
	tryLarge(h, "/c/o", `[{"path":"/seg/a"}]`, listingEtag, "mine; other=1")
	etag := hexMD5(hexMD5("x"))
	if v := s.objects["/v1/a/c/o"].header.Get(listingEtag); v != "mine; other=1; slo_etag="+etag {
		t.Errorf("override is %q", v)
	}
}

func TestPutEtag(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	s.put("/seg/a", "x")
	for etag, want := range map[string]int{hexMD5(hexMD5("x")): 201, `"` + hexMD5(hexMD5("x")) + `"`: 201, hexMD5("x"): 422} {
		if got := tryLarge(h, "/c/o", `[{"path":"/seg/a"}]`, "Etag", etag); got.Status != want {
			t.Errorf("Etag %s: %d, want %d", etag, got.Status, want)
		}
	}
}

// What another cluster sends as it is stored there is stored as it is.
func TestVerbatim(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	req := webtest.Request("PUT", "/v1/a/c/o?multipart-manifest=put", markerHeader, "True")
	req.Verbatim, req.Body, req.ContentLength = true, strings.NewReader("anything"), 8
	if got := webtest.Do(h, req); got.Status != 201 || s.objects["/v1/a/c/o"].data != "anything" {
		t.Errorf("%d %q", got.Status, got.Body)
	}
}

func TestPutNeedsALength(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	if got := webtest.Do(h, webtest.Request("PUT", "/v1/a/c/o?multipart-manifest=put")); got.Status != 411 {
		t.Errorf("%d %q", got.Status, got.Body)
	}
	req := webtest.Request("PUT", "/v1/a/c/o?multipart-manifest=put")
	req.Body, req.ContentLength = strings.NewReader("[]"), -1 // chunks
	if got := webtest.Do(h, req); got.Status != 201 {
		t.Errorf("%d %q", got.Status, got.Body)
	}
}

// TestPutRefuses: what can be seen in the manifest alone is answered without
// any request.
func TestPutRefuses(t *testing.T) {
	s := newStore()
	h := s.filter(t, "max_manifest_segments = 3\nmax_manifest_size = 1000")
	for _, c := range []struct{ name, manifest, want string }{
		{"not JSON", `{`, "Manifest must be valid JSON.\n"},
		{"empty", ``, "Manifest must be valid JSON.\n"},
		{"two values", `[] []`, "Manifest must be valid JSON.\n"},
		{"not UTF-8", "[{\"path\":\"/c/\xff\"}]", "Manifest must be valid JSON.\n"},
		{"no list", `{"path":"/c/o"}`, "Manifest must be a list.\n"},
		{"no object", `[1]`, "Index 0: not a JSON object\n"},
		{"nothing", `[{}]`, "Index 0: expected keys to include one of 'data' or 'path'\n"},
		{"extra", `[{"path":"/c/a","zoo":1,"bar":2}]`, `Index 0: extraneous keys "bar", "zoo"` + "\n"},
		{"data and path", `[{"path":"/c/a","data":"aGVsbG8="}]`, `Index 0: extraneous keys "path"` + "\nInline data segments require at least one object-backed segment.\n"},
		{"path is a number", `[{"path":1}]`, `Index 0: "path" must be a string` + "\n"},
		{"etag is a number", `[{"path":"/c/a","etag":1}]`, `Index 0: "etag" must be a string or null (if provided)` + "\n"},
		{"a container", `[{"path":"/c/"}]`, "Index 0: path does not refer to an object. Path must be of the form /container/object.\n"},
		{"size is text", `[{"path":"/c/a","size_bytes":"x"}]`, "Index 0: invalid size_bytes\n"},
		{"size is a list", `[{"path":"/c/a","size_bytes":[]}]`, "Index 0: invalid size_bytes\n"},
		{"size 0", `[{"path":"/c/a","size_bytes":0},{"path":"/c/b"}]`, "Index 0: too small; each segment must be at least 1 byte.\n"},
		{"itself", `[{"path":"//c/o"}]`, "Index 0: manifest must not include itself as a segment\n"},
		{"range", `[{"path":"/c/a","range":"a-b"}]`, "Index 0: invalid range\n"},
		{"range backwards", `[{"path":"/c/a","range":"3-2"}]`, "Index 0: invalid range\n"},
		{"range without ends", `[{"path":"/c/a","range":"-"}]`, "Index 0: invalid range\n"},
		{"range with a sign", `[{"path":"/c/a","range":"+1-2"}]`, "Index 0: invalid range\n"},
		{"ranges", `[{"path":"/c/a","range":"0-1,3-4"}]`, "Index 0: multiple ranges (only one allowed)\n"},
		{"range beyond", `[{"path":"/c/a","size_bytes":5,"range":"5-"}]`, "Index 0: unsatisfiable range\n"},
		{"range beyond nothing", `[{"path":"/c/a","size_bytes":0,"range":"0-"}]`, "Index 0: unsatisfiable range\n"},
		{"end of nothing", `[{"path":"/c/a","size_bytes":-1,"range":"-2"},1]`, "Index 0: too small; each segment must be at least 1 byte.\nIndex 1: not a JSON object\n"},
		{"last bytes of nothing", `[1,{"path":"/c/a","size_bytes":-1,"range":"-2"}]`, "Index 0: not a JSON object\n"},
		{"data is no text", `[{"path":"/c/a"},{"data":1}]`, "Index 1: data must be valid base64\n"},
		{"data is null", `[{"path":"/c/a"},{"data":null}]`, "Index 1: data must be valid base64\n"},
		{"data is not base64", `[{"path":"/c/a"},{"data":"!"}]`, "Index 1: data must be valid base64\n"},
		{"data without padding", `[{"path":"/c/a"},{"data":"aGVsbG8"}]`, "Index 1: data must be valid base64\n"},
		{"data in lines", `[{"path":"/c/a"},{"data":"aGVs\nbG8="}]`, "Index 1: data must be valid base64\n"},
		{"no data", `[{"path":"/c/a"},{"data":""}]`, "Index 1: too small; each segment must be at least 1 byte.\n"},
		{"data only", `[{"data":"aGVsbG8="}]`, "Inline data segments require at least one object-backed segment.\n"},
		{"several", `[1,{"path":"/c/a"},{}]`, "Index 0: not a JSON object\nIndex 2: expected keys to include one of 'data' or 'path'\n"},
	} {
		got := tryLarge(h, "/c/o", c.manifest)
		kind := "text/html; charset=UTF-8"
		if strings.HasPrefix(c.want, "In") {
			kind = "text/plain"
		}
		if got.Status != 400 || got.Body != c.want || got.Header.Get("Content-Type") != kind {
			t.Errorf("%s: %d %q, want %q", c.name, got.Status, got.Body, c.want)
		}
	}
	many := "[" + strings.Repeat(`{"path":"/c/a"},`, 3) + `{"path":"/c/a"}]`
	if got := tryLarge(h, "/c/o", many); got.Status != 413 || got.Body != "Number of object-backed segments must be <= 3" {
		t.Errorf("too many segments: %d %q", got.Status, got.Body)
	}
	long := "[" + strings.Repeat(" ", 1000) + "]"
	if got := tryLarge(h, "/c/o", long); got.Status != 413 || got.Body != "Manifest File > 1000 bytes" {
		t.Errorf("too long: %d %q", got.Status, got.Body)
	}
	req := webtest.Request("PUT", "/v1/a/c/o?multipart-manifest=put")
	req.Body, req.ContentLength = strings.NewReader(long), -1
	if got := webtest.Do(h, req); got.Status != 413 {
		t.Errorf("too long in chunks: %d", got.Status)
	}
	if got := tryLarge(h, "/c/o", "[]", "X-Copy-From", "/c/x"); got.Status != 405 {
		t.Errorf("as a copy: %d", got.Status)
	}
	if lines := s.log(); len(lines) != 0 {
		t.Errorf("requests were made: %q", lines)
	}
}

func TestPutProblems(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	s.put("/seg/a b", "0123456789")
	s.put("/seg/empty", "")
	s.rules["/v1/a/seg/down"] = rule{status: 503}
	manifest := `[{"path":"/seg/none"},{"path":"/seg/a b","size_bytes":9},{"path":"/seg/a b","etag":"x"},{"path":"/seg/a b","range":"10-"},
		{"path":"/seg/empty"},{"path":"/seg/down"},{"path":"/seg/a b"}]`
	failures := [][2]string{
		{"/seg/none", "404 Not Found"}, {"/seg/a%20b", "Size Mismatch"}, {"/seg/a%20b", "Etag Mismatch"}, {"/seg/a%20b", "Unsatisfiable Range"},
		{"/seg/empty", "Too small; each segment must be at least 1 byte."}, {"/seg/down", "503 Service Unavailable"},
	}
	text, xml := "Errors:\n", "<upload>\n<errors>\n"
	for _, f := range failures {
		text += f[0] + ", " + f[1] + "\n"
		xml += fmt.Sprintf("<object><name>%s</name><status>%s</status></object>\n", f[0], f[1])
	}
	xml += "</errors>\n</upload>\n"
	for accept, want := range map[string][2]string{
		"":                               {"text/plain", text},
		"*/*":                            {"text/plain", text},
		"nonsense":                       {"text/plain", text},
		"image/png":                      {"text/plain", text},
		"application/json":               {"application/json", string(heartbeat.EncodeJSON(map[string]any{"Errors": failures}))},
		"application/xml":                {"application/xml", xml},
		"text/xml;q=0.9, text/plain;q=0": {"text/xml", xml},
	} {
		got := tryLarge(h, "/c/o", manifest, "Accept", accept)
		if got.Status != 400 || got.Header.Get("Content-Type") != want[0] || got.Body != want[1] {
			t.Errorf("Accept %q: %d %s %q\nwant %q", accept, got.Status, got.Header.Get("Content-Type"), got.Body, want[1])
		}
	}
	if s.objects["/v1/a/c/o"] != nil {
		t.Error("it was stored all the same")
	}
}

func TestEmptySegments(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	s.put("/seg/a", "abc")
	s.put("/seg/empty", "")
	putLarge(t, h, "/c/o", `[{"path":"/seg/a"},{"path":"/seg/empty"}]`) // the last may be
	if got := get(h, "/c/o"); got.Status != 200 || got.Body != "abc" {
		t.Errorf("%d %q", got.Status, got.Body)
	}
	putLarge(t, h, "/c/none", `[]`)
	putLarge(t, h, "/c/zero", `[{"path":"/seg/empty","size_bytes":0}]`)
	for _, name := range []string{"/c/none", "/c/zero"} {
		if got := get(h, name); got.Status != 200 || got.Body != "" || got.ContentLength != 0 || got.Err != nil {
			t.Errorf("%s: %d %q", name, got.Status, got.Body)
		}
		if got := get(h, name, "Range", "bytes=0-"); got.Status != 416 {
			t.Errorf("%s with a range: %d", name, got.Status)
		}
	}
}

func TestBodyErrors(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	req := webtest.Request("PUT", "/v1/a/c/o?multipart-manifest=put")
	req.Body, req.ContentLength = webtest.Body("[", swift.E("read", "", swift.ClientGone, nil)), 100
	defer req.Body.(interface{ Close() error }).Close()
	if got := webtest.Do(h, req); got.Status != 499 {
		t.Errorf("a client that hung up: %d", got.Status)
	}
	req = webtest.Request("PUT", "/v1/a/c/o?multipart-manifest=put")
	req.Body, req.ContentLength = strings.NewReader("[]"), 100
	if got := webtest.Do(h, req); got.Status != 499 {
		t.Errorf("a short body: %d", got.Status)
	}
}

func TestReservedHeader(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	for _, method := range []string{"PUT", "POST"} {
		got := webtest.Do(h, webtest.Request(method, "/v1/a/c/o", "X-Static-Large-Object", "true"))
		if got.Status != 400 || !strings.HasPrefix(got.Body, "X-Static-Large-Object is a reserved header.") {
			t.Errorf("%s: %d %q", method, got.Status, got.Body)
		}
	}
	if len(s.log()) != 0 {
		t.Error("it was passed on")
	}
}

func TestInfoAndOptions(t *testing.T) {
	_, env := webtest.Filter(t, New, nil, "max_manifest_segments = 7", nil)
	text, _ := json.Marshal(env.Info.Public()["slo"])
	want := `{"allow_async_delete":true,"max_manifest_segments":7,"max_manifest_size":8388608,"min_segment_size":1,"yield_frequency":10}`
	if string(text) != want {
		t.Errorf("/info has %s", text)
	}
	file, err := config.Parse("[filter:slo]\nconcurrency = many\nmax_manifest_segments = -1\nmax_get_time = 5\n", "x.conf")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = New(&middleware.Env{Swift: &config.Swift{}, Info: middleware.NewCapabilities()}, file.Section("filter:slo"))
	if err := file.Err(); err == nil || !strings.Contains(err.Error(), "concurrency") || !strings.Contains(err.Error(), "max_manifest_segments") {
		t.Errorf("errors: %v", err)
	}
	if u := file.Unknown(); len(u) != 0 {
		t.Errorf("unknown: %v", u)
	}
}

// What another cluster's container-sync brings is stored as it comes, marker
// and all, before its segments are there.
func TestSyncedManifestIsNotChecked(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	req := webtest.Request("PUT", "/v1/a/c/o", markerHeader, "True")
	req.Body, req.ContentLength, req.Verbatim = web.Bytes("[]"), 2, true
	if got := webtest.Do(h, req); got.Status != 201 || s.objects["/v1/a/c/o"].data != "[]" {
		t.Errorf("%+v", got)
	}
}
