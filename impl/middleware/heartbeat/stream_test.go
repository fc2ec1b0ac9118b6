package heartbeat

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestChoose(t *testing.T) {
	for accept, want := range map[string]string{
		"": Text, "*/*": Text, "application/json": JSON, "text/xml": "text/xml", "application/*": JSON,
		"text/plain;q=0.5, application/xml": "application/xml", "image/png": "", "nonsense": Text,
		"text/plain;q=0, */*;q=0.1": Text, // a quality of zero is the least wish
	} {
		if got := Choose(accept, Formats()...); got != want {
			t.Errorf("%q: %q", accept, got)
		}
		if want == Text && accept == "nonsense" {
			want = ""
		}
		if got := Offer(accept); got != want {
			t.Errorf("offered %q for %q", got, accept)
		}
	}
}

func TestDeletions(t *testing.T) {
	for _, c := range []struct {
		statuses []int
		want     string
	}{
		{nil, "Number Deleted: 0\nNumber Not Found: 0\nResponse Body: Invalid bulk delete.\nResponse Status: 400 Bad Request\nErrors:\n"},
		{[]int{204, 404, 204}, "Number Deleted: 2\nNumber Not Found: 1\nResponse Body: \nResponse Status: 200 OK\nErrors:\n"},
		{[]int{204, 409}, "Number Deleted: 1\nNumber Not Found: 0\nResponse Body: \nResponse Status: 400 Bad Request\nErrors:\n/c/%20, 409 Conflict\n"},
		{[]int{503, 403}, "Number Deleted: 0\nNumber Not Found: 0\nResponse Body: \nResponse Status: 502 Bad Gateway\n" +
			"Errors:\n/c/%20, 503 Service Unavailable\n/c/%20, 403 Forbidden\n"},
	} {
		var d Deletions
		for _, s := range c.statuses {
			d.Record("/c/ ", s)
		}
		if got := string(d.Complete(Text)); got != c.want {
			t.Errorf("%v: %q", c.statuses, got)
		}
	}
}

func TestEncode(t *testing.T) {
	r := Report{Values: map[string]any{"Number Deleted": 1, "Response Body": "<&>"}, Failures: []Failure{{"/c/o", "404 Not Found"}}}
	for format, want := range map[string]string{
		JSON: `{"Errors":[["/c/o","404 Not Found"]],"Number Deleted":1,"Response Body":"<&>"}`,
		"text/xml": "<delete>\n<number_deleted>1</number_deleted>\n<response_body>&lt;&amp;&gt;</response_body>\n" +
			"<errors>\n<object><name>/c/o</name><status>404 Not Found</status></object>\n</errors>\n</delete>\n",
	} {
		if got := string(r.Encode(format, "delete")); got != want {
			t.Errorf("%s: %q", format, got)
		}
	}
}

// steps makes a step that takes a second n times and then reports.
func steps(n int) func() []byte {
	return func() []byte {
		if n--; n < 0 {
			return []byte("report")
		}
		time.Sleep(time.Second)
		return nil
	}
}

func TestStreamBeats(t *testing.T) {
	for _, c := range []struct {
		format       string
		every        time.Duration
		steps        int
		worked, want string
	}{
		{Text, 10 * time.Second, 3, "report", "report"},
		{Text, 10 * time.Second, 35, " ", "   \r\n\r\nreport"},
		{"text/xml", 10 * time.Second, 25, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n \r\n\r\nreport"},
		{Text, 0, 100, "report", "report"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := NewStream(t.Context(), c.format, c.every, steps(c.steps))
			if err := s.Work(); err != nil || string(s.pending) != c.worked || s.Done() != (c.worked == "report") {
				t.Errorf("%+v: %q %v", c, s.pending, err)
			}
			if got, err := io.ReadAll(s); string(got) != c.want || err != nil {
				t.Errorf("%+v: %q %v", c, got, err)
			}
		})
	}
}

func TestStreamStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	did := 0
	s := NewStream(ctx, Text, time.Second, func() []byte {
		did++
		cancel()
		return nil
	})
	if _, err := s.Read(make([]byte, 10)); err != context.Canceled || did != 1 {
		t.Errorf("%v after %d steps", err, did)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Read(make([]byte, 10)); err != io.EOF || did != 1 {
		t.Errorf("%v after %d steps", err, did)
	}
}

func TestEach(t *testing.T) {
	got := Each([]string{"a", "bb", ""}, func(s string) int { return len(s) })
	if len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 0 {
		t.Error(got)
	}
	if q := Quote("/a b\xff~." + strings.Repeat("é", 1)); q != "/a%20b%FF~.%C3%A9" {
		t.Error(q)
	}
}
