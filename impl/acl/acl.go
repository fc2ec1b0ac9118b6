// Package acl reads the access control lists of containers and accounts.
//
// A container's list (X-Container-Read, X-Container-Write) is text: elements
// separated by commas, each a group ("account", "account:user"), a referrer
// (".r:*", ".r:.example.com", ".r:-thief.example.com"), or ".rlistings". An
// account's list (X-Account-Access-Control) is a JSON object of lists of
// groups: "admin", "read-write", "read-only".
package acl

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"sort"
	"strings"
)

// ReferrerListings is the group that lets referrers list the container, too.
const ReferrerListings = ".rlistings"

// Clean checks the list that a client sets in header and returns it in the
// form to be stored. The error's text is for the client.
func Clean(header, list string) (string, error) {
	write := strings.Contains(strings.ToLower(header), "write")
	var out []string
	for elem := range strings.SplitSeq(list, ",") {
		if elem = strings.TrimSpace(elem); elem == "" {
			continue
		}
		kind, value, colon := strings.Cut(elem, ":")
		kind, value = strings.TrimSpace(kind), strings.TrimSpace(value)
		switch {
		case !colon || !strings.HasPrefix(kind, "."):
			out = append(out, elem)
		case kind != ".r" && kind != ".ref" && kind != ".referer" && kind != ".referrer":
			return "", fmt.Errorf("Unknown designator '%s' in ACL: '%s'", kind, elem)
		case write:
			return "", fmt.Errorf("Referrers not allowed in write ACL: '%s'", elem)
		default:
			minus, host := "", value
			if rest, ok := strings.CutPrefix(host, "-"); ok {
				minus, host = "-", strings.TrimSpace(rest)
			}
			if host != "*" {
				host = strings.TrimSpace(strings.TrimPrefix(host, "*"))
			}
			if host == "" || host == "." {
				return "", fmt.Errorf("No host/domain value after referrer designation in ACL: '%s'", elem)
			}
			out = append(out, ".r:"+minus+host)
		}
	}
	return strings.Join(out, ","), nil
}

// List is a container's list taken apart.
type List struct {
	Referrers []string // without ".r:"
	Groups    []string
}

// Parse reads a cleaned list. Groups are percent-decoded.
func Parse(list string) List {
	var l List
	if list == "" {
		return l
	}
	for elem := range strings.SplitSeq(list, ",") {
		if r, ok := strings.CutPrefix(elem, ".r:"); ok {
			l.Referrers = append(l.Referrers, r)
		} else if g, err := url.PathUnescape(elem); err == nil {
			l.Groups = append(l.Groups, g)
		} else {
			l.Groups = append(l.Groups, elem)
		}
	}
	return l
}

// HasGroup reports whether the list grants access to group.
func (l List) HasGroup(group string) bool {
	for _, g := range l.Groups {
		if g == group {
			return true
		}
	}
	return false
}

// ReferrerAllowed applies the referrers in order, the last match wins, to the
// Referer header of a request, which may be empty.
func (l List) ReferrerAllowed(referer string) bool {
	if len(l.Referrers) == 0 {
		return false
	}
	host := refererHost(referer)
	allowed := false
	for _, r := range l.Referrers {
		pattern, deny := strings.CutPrefix(r, "-")
		match := pattern == host || strings.HasPrefix(pattern, ".") && strings.HasSuffix(host, pattern)
		if deny && match {
			allowed = false
		} else if !deny && (match || pattern == "*") {
			allowed = true
		}
	}
	return allowed
}

// refererHost is the host in a URL, "unknown" if it has none. Nothing else of
// the URL has to be well formed: a list that denies a host denies it however
// the rest is written.
func refererHost(referer string) string {
	before, rest, ok := strings.Cut(strings.TrimSpace(referer), "//")
	if ok && before != "" {
		scheme, colon := strings.CutSuffix(before, ":")
		ok = colon && !strings.ContainsAny(scheme, "/?#: ")
	}
	if !ok {
		return "unknown"
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if inside, found := strings.CutPrefix(rest, "["); found {
		rest, _, _ = strings.Cut(inside, "]")
	} else {
		rest, _, _ = strings.Cut(rest, ":")
	}
	return cmp.Or(strings.ToLower(rest), "unknown")
}

// Account is an account's list.
type Account struct {
	Admin     []string `json:"admin,omitempty"`
	ReadWrite []string `json:"read-write,omitempty"`
	ReadOnly  []string `json:"read-only,omitempty"`
}

// CheckAccount checks the list that a client sets; the error's text is for
// him. The empty list is valid and removes all.
func CheckAccount(list string) error {
	if list == "" {
		return nil
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal([]byte(list), &keys); err != nil || keys == nil {
		return fmt.Errorf("Syntax error in input ('%s')", list)
	}
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if name != "admin" && name != "read-write" && name != "read-only" {
			return fmt.Errorf("Key %q not recognized", name)
		}
	}
	for _, name := range names {
		var members []any
		if err := json.Unmarshal(keys[name], &members); err != nil || members == nil {
			return fmt.Errorf("Value for key %q must be a list", name)
		}
		for _, m := range members {
			if _, ok := m.(string); !ok {
				return fmt.Errorf("Elements of %q list must be strings", name)
			}
		}
	}
	return nil
}

// ParseAccount reads a stored list; what is not valid grants nothing.
func ParseAccount(list string) (Account, error) {
	var a Account
	if list == "" {
		return a, nil
	}
	if err := json.Unmarshal([]byte(list), &a); err != nil {
		return Account{}, fmt.Errorf("account ACL %q: %w", list, err)
	}
	return a, nil
}
