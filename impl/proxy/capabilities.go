package proxy

import (
	"encoding/json"
	"net/http"
	"sort"
	"strings"

	"apus/impl/swift"
	"apus/impl/web"
)

func sortStrings(s []string) { sort.Strings(s) }

type policyCapability struct {
	Name    string `json:"name"`
	Aliases string `json:"aliases"`
	Default bool   `json:"default,omitempty"`
}

type capability struct {
	Version           string             `json:"version"`
	StrictCORS        bool               `json:"strict_cors_mode"`
	Policies          []policyCapability `json:"policies"`
	AccountManagement bool               `json:"allow_account_management"`
	AccountAutocreate bool               `json:"account_autocreate"`
	OpenExpired       bool               `json:"allow_open_expired"`
	APIVersions       []string           `json:"valid_api_versions"`
	swift.Limits
}

func (s *Server) capabilities() capability {
	c := capability{
		Version: swift.Release, StrictCORS: true, Limits: s.swift.Limits,
		AccountManagement: s.opts.allowAccountManagement, AccountAutocreate: s.opts.accountAutocreate,
		APIVersions: []string{"v1", "v1.0"},
	}
	for _, p := range s.swift.Policies.All() {
		if !p.Deprecated {
			names := append([]string{p.Name}, p.Aliases...)
			c.Policies = append(c.Policies, policyCapability{p.Name, strings.Join(names, ", "), p == s.swift.Policies.Default()})
		}
	}
	return c
}

// serveInfo answers GET /info. There is no signed admin view.
func (s *Server) serveInfo(req *web.Request) *web.Response {
	switch req.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		resp := web.Empty(http.StatusOK)
		resp.Header.Set("Allow", "GET, HEAD, OPTIONS")
		return resp
	default:
		resp := web.NewResponse(http.StatusMethodNotAllowed)
		resp.Header.Set("Allow", "GET, HEAD, OPTIONS")
		return resp
	}
	q := req.Query()
	if !s.opts.exposeInfo || q.Get("swiftinfo_sig") != "" || q.Get("swiftinfo_expires") != "" {
		return web.NewResponse(http.StatusForbidden)
	}
	body, err := json.Marshal(hide(s.info.Public(), s.opts.hiddenInfo))
	if err != nil {
		return web.FromError(err)
	}
	return web.Text(http.StatusOK, string(body), "application/json; charset=UTF-8")
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
