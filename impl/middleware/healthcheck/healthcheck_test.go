package healthcheck_test

import (
	"io/fs"
	"testing"

	"apus/impl/host"
	"apus/impl/middleware/healthcheck"
	"apus/impl/web/webtest"
)

// files is a host.FS that knows which files exist.
type files struct {
	host.FS
	exist map[string]bool
}

func (f files) Stat(name string) (fs.FileInfo, error) {
	if f.exist[name] {
		return nil, nil
	}
	return nil, fs.ErrNotExist
}

func TestHealthcheck(t *testing.T) {
	for _, tt := range []struct {
		name, options, path string
		status              int
		body                string
	}{
		{"ok", "", "/healthcheck", 200, "OK"},
		{"not disabled", "disable_path = /etc/absent", "/healthcheck", 200, "OK"},
		{"disabled", "disable_path = /etc/present", "/healthcheck", 503, "DISABLED BY FILE"},
		{"other paths go on", "disable_path = /etc/present", "/healthcheck/x", 299, "next"},
		{"root goes on", "", "/", 299, "next"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			h := &host.Host{FS: files{exist: map[string]bool{"/etc/present": true}}}
			f, _ := webtest.Filter(t, healthcheck.New, h, tt.options, nil)
			got := webtest.Do(f(webtest.NewNext(webtest.Answer(299, "next"))), webtest.Request("GET", tt.path))
			if got.Status != tt.status || got.Body != tt.body {
				t.Errorf("%d %q", got.Status, got.Body)
			}
			if ct := got.Header.Get("Content-Type"); got.Body != "next" && ct != "text/plain" {
				t.Errorf("Content-Type %q", ct)
			}
		})
	}
}
