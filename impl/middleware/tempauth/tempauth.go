// Package tempauth is the tempauth filter: users and keys in the .conf file,
// tokens from GET /auth/v1.0, and the decision who may do what.
//
// Users are options user_<account>_<user> = <key> [group …] [storage URL], or
// user64_… with both names in base64 without padding. The groups .admin,
// .reseller_admin and .reseller_reader have a meaning here, others count in
// ACLs. reseller_prefix lists the account prefixes this filter decides about;
// the first one also starts its tokens.
//
// Tokens are random ("AUTH_tk…") with their groups in the cache, or, with
// fernet_key_<id> and active_fernet_key_id, carry their groups encrypted
// ("AUTH_ftk…", compressed "AUTH_zftk…") and need no cache.
package tempauth

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"apus/impl/acl"
	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/logline"
	"apus/impl/middleware"
	"apus/impl/web"
)

const defaultTokenLife = 24 * time.Hour

// settings are the options, read once.
type settings struct {
	prefixes       []string          // each empty or ending in "_"; the first is for tokens
	requireGroup   map[string]string // by prefix
	authPrefix     string            // starts and ends with a slash
	life           time.Duration
	allowOverrides bool
	scheme         string // of storage URLs; "default" for the server's own
	users          map[string]*user
	keys           fernetKeys
	clock          host.Clock
	events         *event.Sink
	scope          string // of events: "tempauth.AUTH_"
}

type filter struct {
	*settings
	next web.Handler
}

var _ middleware.Constructor = New

// New reads the users and all other options of the section.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	s := &settings{
		prefixes:   readPrefixes(opts),
		authPrefix: readAuthPrefix(opts.String("auth_prefix", "/auth/")),
		life:       opts.Seconds("token_life", defaultTokenLife), allowOverrides: opts.Bool("allow_overrides", true),
		scheme: opts.String("storage_url_scheme", "default"), keys: readFernetKeys(opts), clock: env.Host.Clock, events: env.Events,
	}
	s.scope = "tempauth." + cmp.Or(s.prefixes[0], "NONE")
	opts.Lookup("log_headers") // Swift reads it and does nothing with it
	s.requireGroup = map[string]string{}
	for _, p := range s.prefixes {
		name := p
		if name == "" {
			name = "''"
		}
		s.requireGroup[p] = strings.TrimSpace(opts.String(name+"require_group", opts.String("require_group", "")))
	}
	s.users = readUsers(opts, s.prefixes[0])
	env.Info.Register("tempauth", map[string]any{"account_acls": true})
	return func(next web.Handler) web.Handler { return &filter{s, next} }, nil
}

func readPrefixes(opts *config.Section) []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range opts.List("reseller_prefix", "AUTH") {
		if p == "''" {
			p = ""
		}
		if p != "" && !strings.HasSuffix(p, "_") {
			p += "_"
		}
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return []string{""}
	}
	return out
}

func readAuthPrefix(p string) string {
	if p = strings.Trim(p, "/"); p == "" {
		p = "auth"
	}
	return "/" + p + "/"
}

func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	if f.allowOverrides && req.AuthorizeOverride {
		return f.next.Serve(ctx, req)
	}
	if strings.HasPrefix(req.Path, f.authPrefix) {
		return f.serveAuth(ctx, req)
	}
	token := req.Header.Get("X-Auth-Token")
	if token == "" {
		token = req.Header.Get("X-Storage-Token")
	}
	if token == "" || !strings.HasPrefix(token, f.prefixes[0]) {
		f.anonymous(req)
		return f.next.Serve(ctx, req)
	}
	groups := f.tokenGroups(ctx, req.Meta.Cache, token)
	if groups == "" {
		if f.prefixes[0] != "" { // nobody else can know this token
			f.count("unauthorized")
			return unauthorized(realm(req.Path))
		}
		f.denyUnlessDecided(req)
		return f.next.Serve(ctx, req)
	}
	if service := req.Header.Get("X-Service-Token"); service != "" {
		if more := f.tokenGroups(ctx, req.Meta.Cache, service); more != "" {
			groups += "," + more
		}
	}
	f.identify(req, groups)
	return f.next.Serve(ctx, req)
}

// count tells operators what became of a request: "unauthorized",
// "forbidden", "token_denied" or "errors".
func (s *settings) count(what string) { s.events.Tick(s.scope, what) }

// identify makes req one of the user with these groups.
func (f *filter) identify(req *web.Request, groups string) {
	list := strings.Split(groups, ",")
	req.Meta.User, req.Meta.UserID = groups, list[0]
	if len(list) > 1 {
		req.Meta.UserID = list[1]
	}
	req.Meta.Log.Debug("authenticated", "user", req.Meta.UserID)
	req.Authorize, req.CleanACL = f.authorize, acl.Clean
	req.Reseller = has(list, ".reseller_admin")
}

// anonymous handles requests without a token of ours.
func (f *filter) anonymous(req *web.Request) {
	_, account, _ := splitPath(req.Path)
	prefix, ours := f.accountPrefix(account)
	switch {
	case account != "" && ours && prefix != "":
		req.Authorize, req.CleanACL = f.authorize, acl.Clean
	case f.prefixes[0] == "" && req.Authorize == nil:
		req.Authorize, req.CleanACL = f.authorize, acl.Clean
	default:
		f.denyUnlessDecided(req)
	}
}

// denyUnlessDecided leaves the decision to another auth filter, if there is
// one.
func (f *filter) denyUnlessDecided(req *web.Request) {
	if req.Authorize == nil {
		req.Authorize = func(_ context.Context, r *web.Request) *web.Response { return f.denied(r) }
	}
}

// denied is 403 for somebody we know and 401 for others.
func (s *settings) denied(req *web.Request) *web.Response {
	req.Meta.Log.Debug("denied", "user", req.Meta.UserID, "method", req.Method, "path", req.Path)
	if req.Meta.User != "" {
		s.count("forbidden")
		return web.NewResponse(http.StatusForbidden)
	}
	s.count("unauthorized")
	return unauthorized(realm(req.Path))
}

func unauthorized(realm string) *web.Response {
	resp := web.NewResponse(http.StatusUnauthorized)
	resp.Header.Set("Www-Authenticate", fmt.Sprintf("Swift realm=%q", logline.Quote(realm, "/")))
	return resp
}

// realm is the account of a path.
func realm(path string) string {
	version, account, _ := splitPath(path)
	if version == "" || account == "" || account == "v1.0" || account == "auth" {
		return "unknown"
	}
	return account
}

// splitPath takes "/version/account/rest" apart; what is absent is empty.
func splitPath(path string) (version, account, rest string) {
	version, rest, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	account, rest, _ = strings.Cut(rest, "/")
	return version, account, rest
}

// accountPrefix is the reseller prefix an account begins with; the empty
// prefix, if configured, fits what no other does.
func (s *settings) accountPrefix(account string) (prefix string, ours bool) {
	for _, p := range s.prefixes {
		if p == "" {
			ours = true
		} else if strings.HasPrefix(account, p) {
			return p, true
		}
	}
	return "", ours
}

func has(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
