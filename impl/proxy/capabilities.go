package proxy

import (
	"sort"
	"strings"

	"apus/impl/swift"
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
		Version: swift.Release, StrictCORS: s.opts.cors.strict, Limits: s.swift.Limits,
		AccountManagement: s.opts.allowAccountManagement, AccountAutocreate: s.opts.accountAutocreate,
		OpenExpired: s.opts.allowOpenExpired,
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
