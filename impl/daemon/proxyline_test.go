package daemon_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"apus/impl/daemon"
	"apus/sim/net"
)

// Behind a proxy that does not speak HTTP, require_proxy_protocol in the app's
// section, where Swift's sample has it, or in DEFAULT.
func TestRequireProxyProtocol(t *testing.T) {
	const option = "require_proxy_protocol = yes\n"
	for name, where := range map[string][2]string{"app": {"", option}, "DEFAULT": {option, ""}, "nowhere": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conf := "/etc/swift/object.conf"
				h, log := machine(t, map[string]string{conf: "[DEFAULT]\nbind_port = 6200\nbind_ip = 10.0.0.1\ndevices = /srv/node\nmount_check = false\n" + where[0] +
					"[pipeline:main]\npipeline = healthcheck object-server\n[filter:healthcheck]\nuse = egg:swift#healthcheck\n" +
					"[app:object-server]\nuse = egg:swift#object\n" + where[1]})
				network := simnet.New(rand.New(rand.NewPCG(1, 2)), simnet.Config{})
				h.Net = network.Process("server", "10.0.0.1")
				d, err := daemon.New(h, daemon.ObjectServer, conf, nil)
				require.NoError(t, err)
				require.NotContains(t, log.String(), "does not know")
				stop := start(t, d)
				ask := func(text string) int { return ask(t, network, text) }
				const line, get = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", "GET /healthcheck HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
				with, without := 200, 400
				if name == "nowhere" {
					with, without = 400, 200
				}
				require.Equal(t, with, ask(line+get))
				require.Equal(t, without, ask(get))
				stop()
			})
		})
	}
}
