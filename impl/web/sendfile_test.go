package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

type fileBody struct{ *os.File }

func (f fileBody) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, f.File) }

// The path over ReaderFrom exists on TCP only.
func TestEdgeSendsFiles(t *testing.T) {
	webtest.TrackBodies(t)
	name := filepath.Join(t.TempDir(), "f")
	content := strings.Repeat("0123456789abcdef", 200_000)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	excess := int64(0)
	h := web.HandlerFunc(func(ctx, *web.Request) *web.Response {
		f, err := os.Open(name)
		if err != nil {
			return web.NewResponse(500)
		}
		return &web.Response{
			Status: 200, Header: http.Header{}, ContentLength: int64(len(content)) + excess,
			Body: web.Track("file", fileBody{f}),
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	run, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- web.NewServer(h, web.ServerConfig{Clock: webtest.NewClock(1)}).Serve(run, ln)
	}()
	for _, excess = range []int64{0, 0, 5, -5} {
		resp, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if (err != nil) != (excess > 0) {
			t.Errorf("length off by %d: error %v", excess, err)
		}
		if want := content[:len(content)+int(min(excess, 0))]; string(got) != want {
			t.Errorf("length off by %d: got %d bytes, want %d", excess, len(got), len(want))
		}
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
