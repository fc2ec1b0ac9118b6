package real_test

import (
	"log/slog"
	"testing"

	"apus/impl/host"
	"apus/impl/host/hosttest"
	"apus/impl/host/real"
)

func newHost() *host.Host { return real.New("test", slog.New(slog.DiscardHandler)) }

func TestFS(t *testing.T) {
	hosttest.FS(t, func(t *testing.T) (host.FS, string) { return newHost().FS, t.TempDir() })
}

func TestNet(t *testing.T) {
	hosttest.Net(t, func(*testing.T) hosttest.NetEnv {
		n := newHost().Net
		return hosttest.NetEnv{Server: n, Client: n, Listen: "127.0.0.1:0"}
	})
}

func TestClock(t *testing.T) {
	hosttest.Clock(t, func(*testing.T) host.Clock { return newHost().Clock })
}
