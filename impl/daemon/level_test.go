package daemon

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"apus/impl/config"
	"apus/impl/host"
)

func TestLogLevel(t *testing.T) {
	const all = "info warn error"
	for name, tc := range map[string]struct{ conf, want string }{
		"none":      {"[pipeline:main]\npipeline = s\n[app:s]\nuse = egg:swift#object\n", all},
		"info":      {"[DEFAULT]\nlog_level = INFO\n[pipeline:main]\npipeline = s\n[app:s]\nuse = egg:swift#object\n", all},
		"nonsense":  {"[DEFAULT]\nlog_level = LOUD\n[pipeline:main]\npipeline = s\n[app:s]\nuse = egg:swift#object\n", all},
		"warning":   {"[DEFAULT]\nlog_level = warning\n[pipeline:main]\npipeline = s\n[app:s]\nuse = egg:swift#object\n", "warn error"},
		"error":     {"[DEFAULT]\nlog_level = ERROR\n[pipeline:main]\npipeline = s\n[app:s]\nuse = egg:swift#object\n", "error"},
		"critical":  {"[DEFAULT]\nlog_level = CRITICAL\n[pipeline:main]\npipeline = s\n[app:s]\nuse = egg:swift#object\n", ""},
		"app's own": {"[DEFAULT]\nlog_level = INFO\n[pipeline:main]\npipeline = s\n[app:s]\nuse = egg:swift#object\nset log_level = ERROR\n", "error"},
	} {
		f, err := config.Parse(tc.conf, "object-server.conf")
		if err != nil {
			t.Fatal(name, err)
		}
		var out bytes.Buffer
		plain := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key != slog.MessageKey {
				return slog.Attr{}
			}
			return a
		}})
		log := withLevel(&host.Host{Log: slog.New(plain)}, ownSection(f, ObjectServer), "").Log.With("a", 1).WithGroup("g")
		log.Info("info")
		log.Warn("warn")
		log.Error("error")
		got := strings.Join(strings.Fields(strings.ReplaceAll(out.String(), "msg=", "")), " ")
		if got != tc.want {
			t.Errorf("%s: logs %q, want %q", name, got, tc.want)
		}
	}
}
