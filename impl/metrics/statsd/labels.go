package statsd

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/logline"
)

// label says one thing about a metric.
type label struct{ name, value string }

// mode joins the name of a metric, what follows it (":<value>|<type>" with the
// sample rate) and its labels to a line.
type mode func(name, rest string, labels []label) string

// disabled is the label mode in which nothing is sent.
const disabled = "disabled"

// modes are the ways in which collectors want labels written: those of
// [Librato], [Telegraf], [Graphite] and [Datadog].
//
// [Librato]: https://www.librato.com/docs/kb/collect/collection_agents/stastd/#stat-level-tags
// [Telegraf]: https://github.com/influxdata/telegraf/tree/master/plugins/inputs/statsd#influx-statsd
// [Graphite]: https://graphite.readthedocs.io/en/latest/tags.html
// [Datadog]: https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/?tab=metrics
var modes = map[string]mode{
	"librato":  func(name, rest string, l []label) string { return name + list(l, "#", ",", "=") + rest },
	"influxdb": func(name, rest string, l []label) string { return name + list(l, ",", ",", "=") + rest },
	"graphite": func(name, rest string, l []label) string { return name + list(l, ";", ";", "=") + rest },
	"dogstatsd": func(name, rest string, l []label) string {
		return name + rest + list(l, "|#", ",", ":")
	},
}

// Modes are the names of the ways to write labels.
func Modes() []string { return slices.Sorted(maps.Keys(modes)) }

// list writes labels: first before the first of them, next before others, and
// is between a name and its value.
func list(labels []label, first, next, is string) string {
	var b strings.Builder
	for i, l := range labels {
		if i == 0 {
			b.WriteString(first)
		} else {
			b.WriteString(next)
		}
		b.WriteString(l.name)
		b.WriteString(is)
		b.WriteString(l.value)
	}
	return b.String()
}

// userLabels reads the operator's own labels, in the form of Config.User.
func userLabels(s *config.Section) string {
	const prefix = "statsd_user_label_"
	var all []string
	for _, key := range s.Prefixed(prefix) {
		name, value := key[len(prefix):], s.String(key, "")
		if !labelName.MatchString(name) {
			s.Fail(key, "the name of a label is letters, digits and underscores")
			continue
		}
		if !labelValue.MatchString(value) {
			s.Fail(key, "the value of a label is letters, digits, underscores and periods")
			continue
		}
		all = append(all, "user_"+name+"="+value)
	}
	return strings.Join(all, ",")
}

var (
	labelName  = regexp.MustCompile(`^\w+$`)
	labelValue = regexp.MustCompile(`^[\w.]*$`)
)

func parseLabels(text string) (labels []label) {
	for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		name, value, _ := strings.Cut(one, "=")
		labels = append(labels, label{name, value})
	}
	return labels
}

// labelled sends a metric with labels, in the order of their names. The client
// has a mode.
func (c *Client) labelled(name, value, kind string, labels ...label) {
	all := append(slices.Clone(c.own), labels...)
	slices.SortFunc(all, func(a, b label) int { return strings.Compare(a.name, b.name) })
	c.sample(byDefault, func(rate string) string { return c.mode(name, ":"+value+"|"+kind+rate, all) })
}

// Names of metrics with labels.
const (
	proxyTiming    = "swift_proxy_server_request_timing"
	proxyFirstByte = "swift_proxy_server_request_ttfb"
	proxyIn        = "swift_proxy_server_request_body_bytes"
	proxyOut       = "swift_proxy_server_response_body_bytes"
	streamingIn    = "swift_proxy_server_request_body_streaming_bytes"
	streamingOut   = "swift_proxy_server_response_body_streaming_bytes"
	objectTiming   = "swift_object_server_request_timing"
)

// about says what a request to a proxy is about. A value that is not known is
// empty, so that a time series has the same labels always; there is a container
// only where a container is named.
//
// Names are percent-encoded, also those that Swift's object server leaves as
// they are: a client may put into them what ends a label.
func (l *listener) about(method string, s event.Subject) []label {
	labels := []label{
		{"account", logline.Quote(s.Account, "")}, {"api", "swift"},
		{"method", l.method(method)}, {"resource", s.Resource},
	}
	if s.Container != "" {
		labels = append(labels, label{"container", logline.Quote(s.Container, "")})
	}
	return labels
}

// answered adds what the answer says.
func (l *listener) answered(labels []label, s event.Subject, status int, policy string) []label {
	if l.policed(s.Resource, policy) {
		labels = append(labels, label{"policy", policy})
	}
	if status != 0 {
		labels = append(labels, label{"status", strconv.Itoa(status)})
	}
	return labels
}

// proxiedLabelled is a request to a proxy. The status is the one that the
// client was told, whatever became of the body.
func (l *listener) proxiedLabelled(e event.Request) {
	if l.mode == nil {
		return
	}
	labels := l.answered(l.about(e.Method, e.Subject), e.Subject, e.WireStatus, e.Policy)
	if e.FirstByte > 0 {
		l.labelled(proxyFirstByte, milliseconds(e.FirstByte), "ms", labels...)
	}
	l.labelled(proxyTiming, milliseconds(e.Duration), "ms", labels...)
	l.labelled(proxyIn, strconv.FormatInt(e.BytesIn, 10), "c", labels...)
	l.labelled(proxyOut, strconv.FormatInt(e.BytesOut, 10), "c", labels...)
}

// transferred is a part of a body.
func (l *listener) transferred(e event.Transfer) {
	if l.mode == nil {
		return
	}
	name := streamingOut
	if e.In {
		name = streamingIn
	}
	labels := l.answered(l.about(e.Method, e.Subject), e.Subject, e.Status, e.Policy)
	l.labelled(name, strconv.FormatInt(e.Bytes, 10), "c", labels...)
}

// objectLabelled is a request to an object server, /device/partition and then
// the object, or the suffixes of a REPLICATE.
func (l *listener) objectLabelled(e event.Request) {
	if l.mode == nil {
		return
	}
	labels := []label{{"method", e.Method}, {"status", strconv.Itoa(e.Status)}}
	policy := cmp.Or(e.Policy, "0")
	parts := strings.SplitN(strings.TrimPrefix(e.Path, "/"), "/", 5)
	switch e.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
		if len(parts) == 5 {
			labels = append(labels, label{"account", logline.Quote(parts[2], "")},
				label{"container", logline.Quote(parts[3], "")}, label{"policy", policy})
		}
	case "REPLICATE":
		if len(parts) >= 2 {
			skip := "False"
			if len(parts) > 2 && parts[2] != "" {
				skip = "True"
			}
			labels = append(labels, label{"policy", policy}, label{"skip_rehash", skip})
		}
	case "SSYNC":
		labels = append(labels, label{"policy", policy})
	default:
		return
	}
	l.labelled(objectTiming, milliseconds(e.Duration), "ms", labels...)
}
