package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/config"
	"apus/impl/host"
)

// occupied is a Net on which somebody else listens for a while.
type occupied struct {
	host.Net
	until time.Time
	err   error // after that; nil is success
	got   host.ListenOptions
}

func (o *occupied) ListenOptions(_ string, got host.ListenOptions) (net.Listener, error) {
	o.got = got
	if time.Now().Before(o.until) {
		return nil, fmt.Errorf("listen: %w", host.ErrAddrInUse)
	}
	return nil, o.err
}

func TestListening(t *testing.T) {
	refused := errors.New("no such address")
	for _, tt := range []struct {
		name, text string
		occupied   time.Duration
		err        error
		want       error
		took       time.Duration // rounded up to a second
	}{
		{"free", "", 0, nil, nil, 0},
		{"taken over", "", 20 * time.Second, nil, nil, 20 * time.Second},
		{"never free", "", time.Hour, nil, host.ErrAddrInUse, 30 * time.Second},
		{"sooner", "bind_timeout = 5", 10 * time.Second, nil, host.ErrAddrInUse, 5 * time.Second},
		{"not at all", "bind_timeout = 0", 10 * time.Second, nil, host.ErrAddrInUse, 0},
		{"another error", "", time.Second, refused, refused, time.Second},
		{"the daemon is stopped", "", time.Hour, nil, context.DeadlineExceeded, 25 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file, err := config.Parse("[DEFAULT]\n"+tt.text, "x.conf")
				require.NoError(t, err)
				ctx, limit := t.Context(), 25*time.Second
				if tt.want == context.DeadlineExceeded {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, limit)
					defer cancel()
				}
				begun := time.Now()
				_, err = readListening(file.Section("DEFAULT"), "a:1").listen(ctx, &occupied{until: begun.Add(tt.occupied), err: tt.err})
				require.ErrorIs(t, err, tt.want)
				require.NoError(t, file.Err())
				require.Equal(t, tt.took, time.Since(begun).Round(time.Second))
			})
		})
	}
}

func TestListenOptions(t *testing.T) {
	for _, tt := range []struct {
		text string
		want host.ListenOptions
		ok   bool
	}{
		{"", host.ListenOptions{Backlog: 4096, KeepIdle: 600 * time.Second}, true},
		{"backlog = 1\nkeep_idle = 32766", host.ListenOptions{Backlog: 1, KeepIdle: 32766 * time.Second}, true},
		{"backlog = 0", host.ListenOptions{}, false},
		{"keep_idle = 32767", host.ListenOptions{}, false},
		{"keep_idle = 0", host.ListenOptions{}, false},
		{"bind_timeout = x", host.ListenOptions{}, false},
	} {
		file, err := config.Parse("[DEFAULT]\n"+tt.text, "x.conf")
		require.NoError(t, err)
		n := &occupied{}
		_, err = readListening(file.Section("DEFAULT"), "a:1").listen(t.Context(), n)
		require.NoError(t, err)
		require.Equal(t, tt.ok, file.Err() == nil, tt.text)
		if tt.ok {
			require.Equal(t, tt.want, n.got, tt.text)
		}
	}
}

func TestKeepAlive(t *testing.T) {
	const clients = 77 * time.Second
	for text, want := range map[string]time.Duration{
		"": clients, "keepalive_timeout =": clients, "keepalive_timeout = 5": 5 * time.Second, "keepalive_timeout = 0": -1,
	} {
		file, err := config.Parse("[DEFAULT]\n"+text, "x.conf")
		require.NoError(t, err)
		require.Equal(t, want, keepAlive(file.Section("DEFAULT"), clients), text)
		require.NoError(t, file.Err())
	}
}
