package tempauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"apus/impl/config"
	"apus/impl/web"
)

type user struct {
	account, name string
	key           [sha256.Size]byte // hashed, so that comparing takes the same time for every length
	groups        []string
	url           string
}

// id is "account:user".
func (u *user) id() string { return u.account + ":" + u.name }

// storageAccount is the account in the user's storage URL.
func (u *user) storageAccount() string { return u.url[strings.LastIndexByte(u.url, '/')+1:] }

// knows compares the key in constant time; a nil user knows none.
func (u *user) knows(key string) bool {
	got, want := sha256.Sum256([]byte(key)), [sha256.Size]byte{}
	if u != nil {
		want = u.key
	}
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && u != nil
}

func readUsers(opts *config.Section, prefix string) map[string]*user {
	users := map[string]*user{}
	for _, key := range append(opts.Prefixed("user_"), opts.Prefixed("user64_")...) {
		kind, names, _ := strings.Cut(key, "_")
		account, name, ok := strings.Cut(names, "_")
		if !ok || strings.Contains(name, "_") {
			opts.Fail(key, "the option's name must be user_<account>_<user>, or user64_ with names in base64 if they hold underscores")
			continue
		}
		if kind == "user64" {
			var ok1, ok2 bool
			account, ok1 = decode64(account)
			name, ok2 = decode64(name)
			if !ok1 || !ok2 {
				opts.Fail(key, "the names in the option's name must be base64 without padding")
				continue
			}
		}
		u := parseUser(account, name, opts.String(key, ""), prefix)
		if u == nil {
			opts.Fail(key, "must begin with the user's key")
			continue
		}
		users[u.id()] = u
	}
	return users
}

func parseUser(account, name, value, prefix string) *user {
	words := strings.Fields(value)
	if len(words) == 0 {
		return nil
	}
	u := &user{account: account, name: name, key: sha256.Sum256([]byte(words[0])), groups: words[1:]}
	if n := len(u.groups); n > 0 && (strings.Contains(u.groups[n-1], "://") || strings.Contains(u.groups[n-1], "$HOST")) {
		u.url, u.groups = u.groups[n-1], u.groups[:n-1]
	} else {
		u.url = "$HOST/v1/" + prefix + web.EscapePath(account)
	}
	return u
}

func decode64(s string) (string, bool) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	return string(b), err == nil
}

// userGroups is what a token of u stands for: the account, "account:user",
// the groups, and for .admin, instead of it, the accounts he is the admin of.
func (s *settings) userGroups(u *user) string {
	groups := []string{u.account, u.id()}
	admin := false
	for _, g := range u.groups {
		if g == ".admin" {
			admin = true
		} else {
			groups = append(groups, g)
		}
	}
	if admin {
		for _, p := range s.prefixes {
			if p != "" {
				groups = append(groups, p+u.account)
			}
		}
		if id := u.storageAccount(); !has(groups, id) {
			groups = append(groups, id)
		}
	}
	return strings.Join(groups, ",")
}
