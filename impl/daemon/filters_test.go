package daemon_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"apus/impl/daemon"
	"apus/sim/net"
)

// A filter that reads options by how they begin knows those and no others.
func TestUnknownOptionBesidePrefixed(t *testing.T) {
	conf := "/etc/swift/server.conf"
	h, log := machine(t, map[string]string{conf: "[DEFAULT]\nswift_dir = /etc/swift\n[pipeline:main]\npipeline = tempauth ratelimit object-server\n" +
		"[filter:tempauth]\nuse = egg:swift#tempauth\nset log_level = ERROR\nuser_test_tester = testing .admin\nuser64_dGVzdA_dGVzdGVy = k\n" +
		"fernet_key_a = a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\nactive_fernet_key_id = a\nmisspelt = 1\n" +
		"[filter:ratelimit]\nuse = egg:swift#ratelimit\ncontainer_ratelimit_10 = 5\ncontainer_listing_ratelimit_10 = 5\ncontainer_rate_10 = 5\n" +
		"[app:object-server]\nuse = egg:swift#object\n"})
	_, err := daemon.New(h, daemon.ObjectServer, conf, nil)
	require.NoError(t, err)
	require.Contains(t, log.String(), `options="filter:ratelimit/container_rate_10 filter:tempauth/misspelt"`)
}

// The lines of proxy_logging follow its own levels, not the app's.
func TestFilterLogLevel(t *testing.T) {
	for _, test := range []struct {
		name, general, filter, app string
		logged                     bool
	}{
		{name: "none", logged: true},
		{name: "app's", app: "set log_level = ERROR\n", logged: true},
		{name: "general", general: "log_level = ERROR\n"},
		{name: "filter's", filter: "set log_level = ERROR\n"},
		{name: "access_log_level below the general one", general: "log_level = ERROR\n", filter: "access_log_level = INFO\n", logged: true},
		{name: "access_log_level above the general one", filter: "access_log_level = WARNING\n"},
		{name: "access_log_level before the filter's", filter: "set log_level = ERROR\naccess_log_level = INFO\n", logged: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conf := "/etc/swift/object.conf"
				h, log := machine(t, map[string]string{conf: "[DEFAULT]\nbind_port = 6200\nbind_ip = 10.0.0.1\n" + test.general +
					"[pipeline:main]\npipeline = proxy-logging healthcheck object-server\n" +
					"[filter:proxy-logging]\nuse = egg:swift#proxy_logging\n" + test.filter +
					"[filter:healthcheck]\nuse = egg:swift#healthcheck\n[app:object-server]\nuse = egg:swift#object\n" + test.app})
				network := simnet.New(rand.New(rand.NewPCG(1, 2)), simnet.Config{})
				h.Net = network.Process("server", "10.0.0.1")
				d, err := daemon.New(h, daemon.ObjectServer, conf, nil)
				require.NoError(t, err)
				require.NotContains(t, log.String(), "does not know")
				stop := start(t, d)
				require.Equal(t, 200, ask(t, network, "GET /healthcheck HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"))
				stop()
				require.Equal(t, test.logged, strings.Contains(log.String(), "/healthcheck"), log.String())
			})
		})
	}
}
