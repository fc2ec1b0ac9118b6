package proxy

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the signature that clients make
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/web"
)

const infoAllow = "GET, HEAD, OPTIONS"

// serveInfo answers /info: what the cluster can, and to a signed request also
// what only operators need to know.
func (s *Server) serveInfo(req *web.Request) *web.Response {
	switch req.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		resp := web.HTML(http.StatusOK, "")
		resp.Header.Set("Allow", infoAllow)
		return resp
	default:
		resp := web.NewResponse(http.StatusMethodNotAllowed)
		resp.Header.Set("Allow", infoAllow)
		return resp
	}
	if !s.opts.exposeInfo {
		return web.NewResponse(http.StatusForbidden)
	}
	q := req.Query()
	sig, expires := q.Get("swiftinfo_sig"), q.Get("swiftinfo_expires")
	signed := sig != "" || expires != ""
	if signed {
		if status := infoAccess(s.opts.adminKey, req.Method, sig, expires, s.host.Clock.Now().Unix()); status != 0 {
			return web.NewResponse(status)
		}
	}
	sections := hide(s.info.Public(), s.opts.hiddenInfo)
	if signed {
		admin := s.info.Admin()
		admin["disallowed_sections"] = s.opts.hiddenInfo
		sections["admin"] = admin
	}
	body, err := json.Marshal(sections)
	if err != nil {
		return web.FromError(err)
	}
	resp := web.Text(http.StatusOK, string(body), "application/json; charset=UTF-8")
	if origin := req.Header["Origin"]; origin != nil {
		resp.Header.Set("Access-Control-Allow-Origin", origin[0])
		resp.Header.Set("Access-Control-Expose-Headers", "x-trans-id")
	}
	return resp
}

// infoAccess is the status that refuses a signed request, 0 if the signature
// is good. That of a GET is good for HEAD, too.
func infoAccess(key, method, sig, expires string, now int64) int {
	if key == "" {
		return http.StatusForbidden
	}
	until, err := strconv.ParseInt(strings.TrimSpace(expires), 10, 64)
	if err != nil || until < now {
		return http.StatusUnauthorized
	}
	good := hmac.Equal([]byte(sig), infoSignature(key, method, until))
	if method == http.MethodHead {
		good = hmac.Equal([]byte(sig), infoSignature(key, http.MethodGet, until)) || good
	}
	if !good {
		return http.StatusUnauthorized
	}
	return 0
}

func infoSignature(key, method string, expires int64) []byte {
	m := hmac.New(sha1.New, []byte(key))
	fmt.Fprintf(m, "%s\n%d\n/info", method, expires)
	return []byte(hex.EncodeToString(m.Sum(nil)))
}

// hide removes sections and, by dotted names, parts of them.
func hide(sections map[string]any, names []string) map[string]any {
	out := map[string]any{}
	for name, v := range sections {
		b, err := json.Marshal(v)
		var generic any
		if err == nil && json.Unmarshal(b, &generic) == nil {
			out[name] = generic
		}
	}
	for _, name := range names {
		parts := strings.Split(name, ".")
		at := out
		for _, p := range parts[:len(parts)-1] {
			at, _ = at[p].(map[string]any)
		}
		delete(at, parts[len(parts)-1])
	}
	return out
}
