package scenario

import (
	"fmt"

	"apus/impl/tools/layout"
)

// askFirst has proxies ask the object servers before they send any body, as
// they do with long ones.
func askFirst(l *layout.Cluster) { l.Proxy = append(l.Proxy, "inline_put_size = 0") }

// tune sets the options in which simulated clusters differ from production:
// shorter memories and timeouts, so that a minute of virtual time holds many
// faults and their consequences.
func tune(l *layout.Cluster) {
	l.Proxy = append(l.Proxy,
		"node_timeout = 5", "recoverable_node_timeout = 3", "conn_timeout = 0.5",
		"error_suppression_interval = 5", "error_suppression_limit = 10",
	)
	l.Object = append(l.Object, fmt.Sprintf("reclaim_age = %d", int(reclaimAge.Seconds())),
		"conn_timeout = 0.5", "node_timeout = 3")
	l.Container = append(l.Container, "conn_timeout = 0.5", "node_timeout = 3")
	l.Default = append(l.Default, "client_timeout = 30")
}
