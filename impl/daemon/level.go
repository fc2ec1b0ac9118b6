package daemon

import (
	"context"
	"log/slog"
	"strings"

	"apus/impl/config"
	"apus/impl/host"
)

// levels are the values of log_level that silence something. The others leave
// it to the host what is logged.
var levels = map[string]slog.Level{
	"NOTICE": slog.LevelInfo + 1, "WARNING": slog.LevelWarn, "WARN": slog.LevelWarn,
	"ERROR": slog.LevelError, "CRITICAL": slog.LevelError + 1, "FATAL": slog.LevelError + 1,
}

// withLevel is h with a log that drops what is below the log_level of a section,
// without anybody putting it into words first. An option log_level with prefix
// before its name goes before the one without.
func withLevel(h *host.Host, section *config.Section, prefix string) *host.Host {
	value := section.String(prefix+"log_level", section.String("log_level", "INFO"))
	least, ok := levels[strings.ToUpper(strings.TrimSpace(value))]
	if !ok {
		return h
	}
	quiet := *h
	quiet.Log = slog.New(&atLeast{h.Log.Handler(), least})
	return &quiet
}

// atLeast drops records below a level.
type atLeast struct {
	slog.Handler
	level slog.Level
}

func (a *atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= a.level && a.Handler.Enabled(ctx, l)
}

func (a *atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &atLeast{a.Handler.WithAttrs(attrs), a.level}
}

func (a *atLeast) WithGroup(name string) slog.Handler {
	return &atLeast{a.Handler.WithGroup(name), a.level}
}
