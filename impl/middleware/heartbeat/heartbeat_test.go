package heartbeat

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func read(b *Body) (string, error) {
	p := make([]byte, 64)
	n, err := b.Read(p)
	return string(p[:n]), err
}

func TestBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBody(t.Context(), 10*time.Second, func(ctx context.Context) []byte {
			time.Sleep(25 * time.Second)
			return []byte("done")
		})
		start := time.Now()
		for i, want := range []struct {
			text string
			at   time.Duration
		}{{" ", 0}, {" ", 10 * time.Second}, {" ", 20 * time.Second}, {"done", 25 * time.Second}} {
			got, err := read(b)
			if got != want.text || err != nil || time.Since(start) != want.at {
				t.Errorf("read %d: %q %v after %v", i, got, err, time.Since(start))
			}
		}
		if _, err := read(b); err != io.EOF {
			t.Errorf("end: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A body that nobody reads does nothing; one that is closed midway ends the
// work and does not return before it has.
func TestCloseStopsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := 0
		work := func(ctx context.Context) []byte {
			ran++
			<-ctx.Done()
			time.Sleep(time.Second)
			ran++
			return []byte("late")
		}
		b := NewBody(t.Context(), time.Second, work)
		_ = b.Close()
		if _, err := read(b); err != io.EOF || ran != 0 {
			t.Errorf("read of a closed body: %v, ran %d", err, ran)
		}
		b = NewBody(t.Context(), 0, work)
		_, _ = read(b)
		_ = b.Close()
		if ran != 2 {
			t.Errorf("Close returned before the work: %d", ran)
		}
		if got, err := read(b); err != io.EOF {
			t.Errorf("%q %v", got, err)
		}
	})
}

func TestPanicReachesTheReader(t *testing.T) {
	b := NewBody(t.Context(), 0, func(context.Context) []byte { panic(errors.New("boom")) })
	_, _ = read(b)
	defer func() {
		if p := recover(); p == nil {
			t.Error("the panic is lost")
		}
		_ = b.Close()
	}()
	_, _ = read(b)
}

func TestReports(t *testing.T) {
	r := Report{Values: map[string]any{"Response Status": "400 Bad Request", "Etag": `"x"`, "N": 3}, Failures: []Failure{{"a%20b", "404 <gone>"}}}
	for format, want := range map[string]string{
		Text:              "Etag: \"x\"\nN: 3\nResponse Status: 400 Bad Request\nErrors:\na%20b, 404 <gone>\n",
		JSON:              `{"Errors":[["a%20b","404 <gone>"]],"Etag":"\"x\"","N":3,"Response Status":"400 Bad Request"}`,
		"application/xml": "<top>\n<etag>\"x\"</etag>\n<n>3</n>\n<response_status>400 Bad Request</response_status>\n<errors>\n<object><name>a%20b</name><status>404 &lt;gone&gt;</status></object>\n</errors>\n</top>\n",
	} {
		if got := string(r.Encode(format, "top")); got != want {
			t.Errorf("%s: %q", format, got)
		}
	}
}
