// Package containersync is the container_sync filter, the receiving end of
// container-sync between clusters that share a realm (see package realms).
//
// A request with X-Container-Sync-Auth "realm nonce signature" is from another
// cluster's daemon: the signature, over method, path, X-Timestamp and nonce,
// proves the realm's key and the container's X-Container-Sync-Key. If it holds,
// nobody else is asked for permission, the write has the timestamp that it has
// there, and manifests and symlinks are stored as they come; else the answer
// is 401.
//
// X-Container-Sync-To is refused on containers with versions, and in the form
// of a URL unless allow_full_urls; the container server knows what else is
// wrong with one. current, "//REALM/CLUSTER", marks this cluster in /info.
package containersync

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/info"
	"apus/impl/logline"
	"apus/impl/middleware"
	"apus/impl/realms"
	"apus/impl/swift"
	"apus/impl/web"
)

const (
	authHeader   = "X-Container-Sync-Auth"
	syncToHeader = "X-Container-Sync-To"
	inboundStamp = "X-Backend-Inbound-X-Timestamp"
)

type settings struct {
	host           *host.Host
	realms         *realms.File
	fullURLs       bool
	realm, cluster string // this one's, in capitals
	capabilities   *middleware.Capabilities
}

type filter struct {
	*settings
	next web.Handler
}

var _ middleware.Constructor = New

// New reads allow_full_urls, current and swift_dir.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	s := &settings{
		host: env.Host, realms: realms.New(env.Host, opts.String("swift_dir", "/etc/swift")),
		fullURLs: opts.Bool("allow_full_urls", true), capabilities: env.Info,
	}
	if current := opts.String("current", ""); current != "" {
		parts := strings.Split(strings.ToUpper(strings.Trim(current, "/")), "/")
		if len(parts) == 2 {
			s.realm, s.cluster = parts[0], parts[1]
		} else {
			env.Host.Log.Error("Invalid current //REALM/CLUSTER", "current", current)
		}
	}
	s.publish()
	return func(next web.Handler) web.Handler { return &filter{s, next} }, nil
}

// publish puts the realms into /info.
func (s *settings) publish() {
	shown := map[string]any{}
	for name, r := range s.realms.Known() {
		if len(r.Clusters) == 0 {
			continue
		}
		clusters := map[string]any{}
		for c := range r.Clusters {
			clusters[c] = map[string]any{}
			if name == s.realm && c == s.cluster {
				clusters[c] = map[string]any{"current": true}
			}
		}
		shown[name] = map[string]any{"clusters": clusters}
	}
	if s.realm != "" && s.realms.Known().Realm(s.realm).Endpoint(s.cluster) == "" {
		s.host.Log.Error("Unknown current //REALM/CLUSTER", "current", "//"+s.realm+"/"+s.cluster)
	}
	s.capabilities.Register("container_sync", map[string]any{"realms": shown})
}

// Serve checks what concerns container-sync.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	if req.Path == "/info" {
		f.publish() // the file may have changed
		return f.next.Serve(ctx, req)
	}
	path, ok := req.API()
	if !ok || path.IsAccount() {
		return f.next.Serve(ctx, req)
	}
	if wrong := f.checkSyncTo(ctx, req, path); wrong != "" {
		return web.HTML(http.StatusBadRequest, wrong)
	}
	words := strings.Fields(req.Header.Get(authHeader))
	if len(words) == 0 {
		return f.next.Serve(ctx, req)
	}
	out := *req
	out.Header = req.Header.Clone()
	verdict := f.check(ctx, &out, path, words)
	req.Meta.LogInfo = append(req.Meta.LogInfo, "cs:"+verdict)
	if verdict != valid {
		return refuse(path.Account)
	}
	out.AuthorizeOverride, out.Verbatim = true, true
	return f.next.Serve(ctx, &out)
}

// checkSyncTo says what is wrong with the place to sync to, "" if nothing is.
func (f *filter) checkSyncTo(ctx context.Context, req *web.Request, path swift.Path) string {
	to := req.Header.Get(syncToHeader)
	if to == "" {
		return ""
	}
	if path.IsContainer() && (req.Method == http.MethodPut || req.Method == http.MethodPost) &&
		info.Container(ctx, f.next, req, path.Account, path.Container).Sysmeta["versions-container"] != "" {
		return "Cannot configure container sync on a container with object versioning configured."
	}
	if !f.fullURLs && !strings.HasPrefix(to, "//") {
		return "Full URLs are not allowed for X-Container-Sync-To values. " +
			"Only realm values of the format //realm/cluster/account/container are allowed.\n"
	}
	return ""
}

// Verdicts about a signature, as the log has them.
const (
	valid        = "valid"
	notThree     = "not-3-args"
	noRealmKey   = "no-local-realm-key"
	noUserKey    = "no-local-user-key"
	badSignature = "invalid-sig"
)

// check proves the signature and gives the request the timestamp it speaks of.
func (f *filter) check(ctx context.Context, req *web.Request, path swift.Path, words []string) string {
	if len(words) != 3 {
		return notThree
	}
	realm, nonce, signature := f.realms.Known().Realm(words[0]), words[1], words[2]
	if realm.Key == "" {
		return noRealmKey
	}
	userKey := info.Container(ctx, f.next, req, path.Account, path.Container).SyncKey
	if userKey == "" {
		return noUserKey
	}
	if v, ok := req.Header[inboundStamp]; ok {
		req.Header["X-Timestamp"] = v
		delete(req.Header, inboundStamp)
	}
	stamp := req.Header.Get("X-Timestamp")
	if stamp == "" {
		stamp = "0"
	}
	for _, key := range [...]string{realm.Key, realm.Key2} {
		if key == "" {
			continue
		}
		want := realms.Sign(req.Method, logline.Quote(req.Path, "/"), stamp, nonce, key, userKey)
		if subtle.ConstantTimeCompare([]byte(signature), []byte(want)) == 1 {
			return valid
		}
	}
	return badSignature
}

func refuse(account string) *web.Response {
	if account == "auth" || account == "v1.0" {
		account = "unknown"
	}
	resp := web.Plain(http.StatusUnauthorized, "X-Container-Sync-Auth header not valid; contact cluster operator for support.")
	resp.Header.Set("Www-Authenticate", `SwiftContainerSync realm="`+logline.Quote(account, "/")+`"`)
	return resp
}
