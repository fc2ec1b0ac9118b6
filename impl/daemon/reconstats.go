package daemon

import (
	"context"
	"log/slog"
	"time"

	objectupdater "apus/impl/object/updater"
	"apus/impl/recon"
	"apus/impl/swift"
)

// reporter leaves the figures of a background daemon in the recon cache.
type reporter struct {
	cache *recon.Cache
	log   *slog.Logger
	now   func() time.Time
}

func newReporter(p *parts) *reporter {
	dir := p.conf.Section(string(p.kind)).String("recon_cache_path", recon.DefaultPath)
	return &reporter{cache: recon.New(p.host.FS, dir), log: p.log, now: p.host.Clock.Now}
}

// put writes values; a daemon works on without its figures.
func (r *reporter) put(file string, values map[string]any) {
	ctx := context.Background() // bounded by the time that a lock may take
	if err := r.cache.Update(ctx, file, values); err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "Exception dumping recon cache", slog.Any("error", err))
	}
}

// containerSweep is told how long a sweep took.
func (r *reporter) containerSweep(elapsed time.Duration) {
	r.put(recon.ContainerFile, map[string]any{"container_updater_sweep": elapsed.Seconds()})
}

// objectSweep is told what a pass came to.
func (r *reporter) objectSweep(s objectupdater.Stats) {
	now := seconds(swift.TimestampOf(r.now()))
	stats := map[string]any{
		"failures_account_container_count": s.Failing,
		"failures_oldest_timestamp":        nil,
		"failures_oldest_timestamp_age":    nil,
		"tracker_memory_usage":             0, // not known in Go
	}
	entries := make([]any, 0, len(s.Oldest))
	for _, w := range s.Oldest {
		entries = append(entries, map[string]any{
			"timestamp": seconds(w.Timestamp), "account": w.Account, "container": w.Container,
		})
	}
	if len(s.Oldest) > 0 {
		oldest := seconds(s.Oldest[0].Timestamp)
		stats["failures_oldest_timestamp"], stats["failures_oldest_timestamp_age"] = oldest, now-oldest
	}
	stats["failures_oldest_timestamp_account_containers"] = map[string]any{
		"oldest_count": len(entries), "oldest_entries": entries,
	}
	r.put(recon.ObjectFile, map[string]any{
		"object_updater_sweep": s.Elapsed.Seconds(), "object_updater_last": now, "object_updater_stats": stats,
	})
}

func seconds(t swift.Timestamp) float64 { return float64(t.Ticks()) / swift.TicksPerSecond }
