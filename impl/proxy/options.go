package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"apus/impl/backend"
	"apus/impl/config"
	"apus/impl/expiry"
	"apus/impl/policy"
	"apus/impl/proxy/fanout"
)

// options is [app:proxy-server].
type options struct {
	backend                backend.Config
	fanout                 fanout.Config
	accountAutocreate      bool
	allowAccountManagement bool
	exposeInfo             bool
	hiddenInfo             []string // dotted
	recheckAccount         int      // seconds
	recheckContainer       int
	maxContainers          int64
	maxContainersExempt    []string
	denyHosts              []string
	ownerHeaders           []string // canonical
	queue                  expiry.Queue
	adminKey               string
	allowOpenExpired       bool
	cors                   corsOptions
	logHandoffs            bool
	// Shares of look-ups that do not ask the cache, so that it cannot go on
	// for ever with what nobody told it has changed.
	skipAccountCache, skipContainerCache float64
	preferences                          preferences
}

const defaultOwnerHeaders = "x-container-read, x-container-write, x-container-sync-key, x-container-sync-to, " +
	"x-account-meta-temp-url-key, x-account-meta-temp-url-key-2, " +
	"x-container-meta-temp-url-key, x-container-meta-temp-url-key-2, x-account-access-control"

// inlinePut is the default of inline_put_size, an option of our own: bodies of
// up to so many bytes go to object servers together with the headers. With 0
// every object server is asked first, as OpenStack Swift does.
const inlinePut = 16 << 10

func readOptions(s *config.Section, policies *policy.Set) options {
	const most = 1 << 31
	o := options{
		backend: backend.Config{
			ConnTimeout: s.Seconds("conn_timeout", 500*time.Millisecond),
			NodeTimeout: s.Seconds("node_timeout", 10*time.Second),
		},
		fanout: fanout.Config{
			NodeTimeout:         s.Seconds("node_timeout", 10*time.Second),
			PostQuorumTimeout:   max(1, s.Seconds("post_quorum_timeout", 500*time.Millisecond)), // zero means default
			ClientChunkSize:     int(s.Int("client_chunk_size", 65536, 1, 64<<20)),
			InlinePut:           int(s.Int("inline_put_size", inlinePut, 0, 1<<20)),
			SuppressionInterval: max(1, s.Seconds("error_suppression_interval", time.Minute)),
			SuppressionLimit:    int(s.Int("error_suppression_limit", 10, 0, most)),
		},
		accountAutocreate:      s.Bool("account_autocreate", false),
		allowAccountManagement: s.Bool("allow_account_management", false),
		exposeInfo:             s.Bool("expose_info", true),
		hiddenInfo:             s.List("disallowed_sections", "swift.auto_create_account_prefix", "swift.valid_api_versions"),
		recheckAccount:         int(s.Int("recheck_account_existence", 60, 0, most)),
		recheckContainer:       int(s.Int("recheck_container_existence", 60, 0, most)),
		maxContainers:          s.Int("max_containers_per_account", 0, 0, most),
		maxContainersExempt:    s.List("max_containers_whitelist"),
		denyHosts:              s.List("deny_host_headers"),
		queue:                  expiry.ReadQueue(s),
		adminKey:               s.String("admin_key", ""),
		allowOpenExpired:       s.Bool("allow_open_expired", false),
		cors:                   readCORS(s),
		logHandoffs:            s.Bool("log_handoffs", true),
		skipAccountCache:       s.Float("account_existence_skip_cache_pct", 0, 0, 100) / 100,
		skipContainerCache:     s.Float("container_existence_skip_cache_pct", 0, 0, 100) / 100,
	}
	if o.fanout.SuppressionLimit == 0 {
		o.fanout.SuppressionLimit = -1
	}
	o.fanout.RecoverableNodeTimeout = s.Seconds("recoverable_node_timeout", o.fanout.NodeTimeout)
	// Bodies of objects come in pieces as large as their reader asks for.
	s.Int("object_chunk_size", 65536, 1, 64<<20)
	for _, h := range config.SplitList(s.String("swift_owner_headers", defaultOwnerHeaders)) {
		o.ownerHeaders = append(o.ownerHeaders, http.CanonicalHeaderKey(h))
	}
	o.preferences = readPreferences(s, policies)
	o.fanout.Timed = o.preferences.timed()
	o.fanout.TimingExpiry = max(1, s.Seconds("timing_expiry", 5*time.Minute))
	f, err := perReplica(s.String("request_node_count", "2 * replicas"))
	if err != nil {
		s.Fail("request_node_count", err.Error())
	}
	o.fanout.RequestNodes = f
	return o
}

// perReplica reads "N" or "N * replicas".
func perReplica(v string) (func(replicas int) int, error) {
	words := strings.Fields(strings.ToLower(v))
	if len(words) > 0 {
		n, err := strconv.Atoi(words[0])
		switch {
		case err != nil || n < 1:
		case len(words) == 1:
			return func(int) int { return n }, nil
		case len(words) == 3 && words[1] == "*" && words[2] == "replicas":
			return func(r int) int { return n * r }, nil
		}
	}
	return nil, fmt.Errorf("must be a number, or a number * replicas")
}

// denied reports whether requests for this Host are refused.
func (o *options) denied(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	return len(o.denyHosts) > 0 && slices.Contains(o.denyHosts, name)
}
