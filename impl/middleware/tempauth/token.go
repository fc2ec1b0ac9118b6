package tempauth

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/fernet/fernet-go"

	"apus/impl/config"
	"apus/impl/web"
)

const (
	cachedToken     = "tk"
	fernetToken     = "ftk"
	compressedToken = "zftk"
	maxGroupsBytes  = 64 << 10 // of a decompressed token
	maxFernetSkew   = time.Minute
)

// fernetKeys are the keys of stateless tokens; any decrypts, the active one
// encrypts.
type fernetKeys struct {
	active *fernet.Key
	all    []*fernet.Key
}

func readFernetKeys(opts *config.Section) fernetKeys {
	const prefix, activeOption = "fernet_key", "active_fernet_key_id"
	var keys fernetKeys
	byID := map[string]*fernet.Key{}
	for _, name := range opts.Prefixed(prefix) {
		id, ok := strings.CutPrefix(name[len(prefix):], "_")
		if !ok || id == "" {
			opts.Fail(name, "the option's name must be fernet_key_<id>")
			continue
		}
		key, err := fernet.DecodeKey(opts.String(name, ""))
		if err != nil {
			opts.Fail(name, "must be 32 bytes in URL-safe base64")
			continue
		}
		byID[id] = key
		keys.all = append(keys.all, key)
	}
	if active := opts.String(activeOption, ""); active != "" {
		if keys.active = byID[active]; keys.active == nil {
			ids := make([]string, 0, len(byID))
			for id := range byID {
				ids = append(ids, id)
			}
			sort.Strings(ids)
			opts.Fail(activeOption, "names no fernet_key_<id>; there are: "+strings.Join(ids, ", "))
		}
	}
	return keys
}

// tokenGroups is the groups that a token stands for; empty when it is not
// valid.
func (s *settings) tokenGroups(ctx context.Context, cache web.Cache, token string) string {
	rest, ok := strings.CutPrefix(token, s.prefixes[0])
	if !ok {
		return ""
	}
	if t, ok := strings.CutPrefix(rest, compressedToken); ok {
		if g := inflate(s.openFernet(t)); g != "" {
			return g
		}
	}
	if t, ok := strings.CutPrefix(rest, fernetToken); ok {
		if g := s.openFernet(t); len(g) > 0 {
			return string(g)
		}
	}
	if strings.HasPrefix(rest, cachedToken) && cache != nil {
		if c, ok := s.cached(ctx, cache, token); ok {
			return c.groups
		}
	}
	return ""
}

// openFernet decrypts a token that is not older than the life of tokens by
// the host's clock, which is why fernet is not asked to check the age.
func (s *settings) openFernet(token string) []byte {
	raw, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(raw) < 9 || len(s.keys.all) == 0 {
		return nil
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(raw[1:9])), 0)
	now := s.clock.Now()
	if now.Sub(made) > s.life || made.Sub(now) > maxFernetSkew {
		return nil
	}
	return fernet.VerifyAndDecrypt([]byte(token), 0, s.keys.all)
}

func inflate(b []byte) string {
	rd, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return ""
	}
	groups, err := io.ReadAll(io.LimitReader(rd, maxGroupsBytes))
	if err != nil {
		return ""
	}
	return string(groups)
}

func deflate(b []byte) []byte {
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	return buf.Bytes()
}

func (s *settings) sealFernet(groups string) (string, error) {
	kind, msg := fernetToken, []byte(groups)
	if small := deflate(msg); len(small) < len(msg) {
		kind, msg = compressedToken, small
	}
	sealed, err := fernet.EncryptAndSignAtTime(msg, s.keys.active, s.clock.Now())
	return s.prefixes[0] + kind + string(sealed), err
}

// cachedAuth is what the cache knows of a token: [expires, "groups"].
type cachedAuth struct {
	expires float64
	groups  string
}

func (s *settings) tokenKey(token string) string { return s.prefixes[0] + "/token/" + token }
func (s *settings) userKey(u *user) string       { return s.prefixes[0] + "/user/" + u.id() }

func (s *settings) cached(ctx context.Context, cache web.Cache, token string) (cachedAuth, bool) {
	var c cachedAuth
	b, ok := cache.Get(ctx, s.tokenKey(token))
	if !ok || json.Unmarshal(b, &[]any{&c.expires, &c.groups}) != nil {
		return c, false
	}
	return c, c.expires >= unix(s.clock.Now())
}

func unix(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

var errNoTokens = errors.New("tokens need a cache filter in front of tempauth, or active_fernet_key_id and fernet_key_<id>")

// issue is a valid token for u and its life. A token in the cache is given
// out again as long as the user's groups are the same.
func (s *settings) issue(ctx context.Context, cache web.Cache, u *user) (string, time.Duration, error) {
	groups := s.userGroups(u)
	if cache != nil {
		if token, life, ok := s.issued(ctx, cache, u, groups); ok {
			return token, life, nil
		}
	}
	if s.keys.active != nil {
		token, err := s.sealFernet(groups)
		return token, s.life, err
	}
	if cache == nil {
		return "", 0, errNoTokens
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	token := s.prefixes[0] + cachedToken + hex.EncodeToString(random[:])
	value, err := json.Marshal([]any{unix(s.clock.Now().Add(s.life)), groups})
	if err != nil {
		return "", 0, err
	}
	name, err := json.Marshal(token)
	if err != nil {
		return "", 0, err
	}
	cache.Set(ctx, s.tokenKey(token), value, s.life)
	cache.Set(ctx, s.userKey(u), name, s.life)
	return token, s.life, nil
}

func (s *settings) issued(ctx context.Context, cache web.Cache, u *user, groups string) (string, time.Duration, bool) {
	var token string
	b, ok := cache.Get(ctx, s.userKey(u))
	if !ok || json.Unmarshal(b, &token) != nil {
		return "", 0, false
	}
	c, ok := s.cached(ctx, cache, token)
	if !ok || !sameGroups(c.groups, groups) {
		return "", 0, false
	}
	return token, time.Duration((c.expires - unix(s.clock.Now())) * 1e9), true
}

func sameGroups(a, b string) bool {
	x, y := strings.Split(a, ","), strings.Split(b, ",")
	sort.Strings(x)
	sort.Strings(y)
	return strings.Join(x, ",") == strings.Join(y, ",")
}

// serveAuth answers requests for tokens.
func (f *filter) serveAuth(ctx context.Context, req *web.Request) *web.Response {
	if req.Method != http.MethodGet {
		return web.NewResponse(http.StatusMethodNotAllowed)
	}
	parts, ok := segments(strings.TrimPrefix(req.Path, f.authPrefix))
	if !ok {
		f.count("errors")
		return web.NewResponse(http.StatusNotFound)
	}
	var account, name, key string
	switch version := parts[0]; {
	case version == "v1" && parts[2] == "auth":
		account = parts[1]
		if name, ok = accountUser(req.Header, account); !ok {
			return f.tokenDenied(account)
		}
		key = first(req.Header, "X-Storage-Pass", "X-Auth-Key")
	case version == "auth" || version == "v1.0":
		if account, name, ok = strings.Cut(first(req.Header, "X-Auth-User", "X-Storage-User"), ":"); !ok {
			return f.tokenDenied("unknown")
		}
		key = first(req.Header, "X-Auth-Key", "X-Storage-Pass")
	default:
		if version != "v1" {
			f.count("errors")
		}
		return web.NewResponse(http.StatusBadRequest)
	}
	if account == "" || name == "" || key == "" {
		return f.tokenDenied(cmp.Or(account, "unknown"))
	}
	req.Meta.UserID = account + ":" + name
	u := f.users[req.Meta.UserID]
	if !u.knows(key) {
		return f.tokenDenied(account)
	}
	return f.grant(ctx, req, u)
}

// segments takes "version/account/rest" apart; what is absent is empty. Only
// the last may be empty where it is written.
func segments(path string) (parts [3]string, ok bool) {
	words := strings.SplitN(path, "/", 3)
	copy(parts[:], words)
	for i, w := range words {
		if w == "" && (i == 0 || i < len(words)-1) {
			return parts, false
		}
	}
	return parts, true
}

func (f *filter) tokenDenied(realm string) *web.Response {
	f.count("token_denied")
	return unauthorized(realm)
}

// accountUser is the user's name for a path that names the account; a
// X-Auth-User that names it too must agree.
func accountUser(h http.Header, account string) (string, bool) {
	if name := h.Get("X-Storage-User"); name != "" {
		return name, true
	}
	account2, name, ok := strings.Cut(h.Get("X-Auth-User"), ":")
	return name, ok && account2 == account
}

func (f *filter) grant(ctx context.Context, req *web.Request, u *user) *web.Response {
	token, life, err := f.issue(ctx, req.Meta.Cache, u)
	if err != nil {
		f.count("errors")
		req.Meta.Log.Error("no token could be issued", "user", u.id(), "err", err)
		return web.Text(http.StatusInternalServerError, "Internal server error.\n", "text/plain")
	}
	url := strings.ReplaceAll(u.url, "$HOST", req.HostURL())
	if _, rest, ok := strings.Cut(url, ":"); ok && f.scheme != "default" {
		url = f.scheme + ":" + rest
	}
	resp := web.Text(http.StatusOK, "", "text/html; charset=UTF-8")
	resp.Header.Set("X-Auth-Token", token)
	resp.Header.Set("X-Storage-Token", token)
	resp.Header.Set("X-Auth-Token-Expires", strconv.FormatInt(int64(life.Seconds()), 10))
	resp.Header.Set("X-Storage-Url", url)
	return resp
}

func first(h http.Header, names ...string) string {
	for _, n := range names {
		if v := h.Get(n); v != "" {
			return v
		}
	}
	return ""
}
