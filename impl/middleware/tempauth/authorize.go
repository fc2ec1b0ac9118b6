package tempauth

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"apus/impl/acl"
	"apus/impl/info"
	"apus/impl/web"
)

const (
	accountACLHeader  = "X-Account-Access-Control"
	accountACLSysmeta = "X-Account-Sysmeta-Core-Access-Control"
)

// authorize decides about a request whose ACL is known; nil lets it pass. It
// marks requests of owners.
func (f *filter) authorize(ctx context.Context, req *web.Request) *web.Response {
	version, account, rest := splitPath(req.Path)
	if version == "" {
		f.count("errors")
		return web.NewResponse(http.StatusNotFound)
	}
	prefix, ours := f.accountPrefix(account)
	if account == "" || !ours {
		return f.denied(req)
	}
	if list := req.Header.Values(accountACLHeader); len(list) > 0 {
		if err := acl.CheckAccount(list[0]); err != nil {
			text := fmt.Sprintf("X-Account-Access-Control invalid: %s\n\nInput: %s\n", err, list[0])
			return web.Text(http.StatusBadRequest, text, "text/plain; charset=UTF-8")
		}
		req.Header.Set(accountACLSysmeta, list[0])
		req.Header.Del(accountACLHeader)
	}
	var groups []string
	if req.Meta.User != "" {
		groups = strings.Split(req.Meta.User, ",")
	}
	if allowed, owner := f.byGroup(req, groups, prefix, account, rest); allowed {
		req.Owner = req.Owner || owner
		return nil
	}
	if bySyncKey(req) || req.Method == http.MethodOptions || byContainerACL(req, groups, rest) {
		return nil
	}
	if allowed, owner := f.byAccountACL(ctx, req, groups, account, rest); allowed {
		req.Owner = req.Owner || owner
		return nil
	}
	return f.denied(req)
}

// byGroup decides by what the user is, whatever the lists say.
func (f *filter) byGroup(req *web.Request, groups []string, prefix, account, rest string) (allowed, owner bool) {
	real := account != prefix && !strings.HasPrefix(account[len(prefix):], ".")
	if real && has(groups, ".reseller_admin") {
		return true, true
	}
	if real && has(groups, ".reseller_reader") && reads(req) {
		return true, false
	}
	creates := rest == "" && (req.Method == http.MethodPut || req.Method == http.MethodDelete)
	if has(groups, account) && !creates { // accounts come and go by reseller admins alone
		need := f.requireGroup[prefix]
		if need == "" || has(groups, need) {
			return true, true
		}
	}
	return false, false
}

func reads(req *web.Request) bool {
	return req.Method == http.MethodGet || req.Method == http.MethodHead
}

// bySyncKey lets in the container-sync daemon of a cluster that shares no
// realm with this one.
func bySyncKey(req *web.Request) bool {
	given := req.Header.Get("X-Container-Sync-Key")
	return req.SyncKey != "" && subtle.ConstantTimeCompare([]byte(given), []byte(req.SyncKey)) == 1
}

// byContainerACL decides by the list that the proxy found.
func byContainerACL(req *web.Request, groups []string, rest string) bool {
	list := acl.Parse(req.ACL)
	_, object, _ := strings.Cut(rest, "/")
	if list.ReferrerAllowed(req.Header.Get("Referer")) && (object != "" || list.HasGroup(acl.ReferrerListings)) {
		return true
	}
	for _, g := range groups {
		if list.HasGroup(g) {
			return true
		}
	}
	return false
}

// byAccountACL asks for the account's list, which may cost a request, and so
// comes last.
func (f *filter) byAccountACL(ctx context.Context, req *web.Request, groups []string, account, rest string) (allowed, owner bool) {
	if len(groups) == 0 {
		return false, false
	}
	known := info.Account(ctx, f.next, req, account)
	if !known.OK() {
		return false, false
	}
	list, err := acl.ParseAccount(known.Sysmeta["core-access-control"])
	if err != nil {
		req.Meta.Log.Warn("invalid ACL stored for account", "account", account, "err", err)
		return false, false
	}
	switch {
	case common(groups, list.Admin):
		return true, true
	case common(groups, list.ReadWrite) && (rest != "" || reads(req)):
		return true, false
	case common(groups, list.ReadOnly) && reads(req):
		return true, false
	}
	return false, false
}

func common(a, b []string) bool {
	for _, s := range b {
		if has(a, s) {
			return true
		}
	}
	return false
}
