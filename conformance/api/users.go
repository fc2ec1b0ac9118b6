package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gavv/httpexpect/v2"

	"apus/conformance/target"
)

// as sends another user's token.
func as(u *target.User) option { return hdr("X-Auth-Token", u.Token) }

// stranger is the owner of another account; without one the case is skipped.
func (e *Env) stranger() *target.User {
	return e.user(&e.t.Stranger, "the owner of another account (--user2)")
}

// guest is a user of the owner's account who has no rights in it.
func (e *Env) guest() *target.User {
	return e.user(&e.t.Guest, "a user of the account without rights in it (--user3)")
}

// admin is a reseller administrator.
func (e *Env) admin() *target.User {
	return e.user(&e.t.Admin, "a reseller administrator (--admin-user)")
}

func (e *Env) user(u *target.User, what string) *target.User {
	if !u.Known() {
		e.Skip("there are no credentials of %s", what)
	}
	return u
}

// account is a new account that nobody else uses, in the hands of the
// reseller's administrator. It is emptied when the case ends, and deleted
// where the endpoint allows that.
func (e *Env) account() *Env {
	admin := e.admin()
	if e.setting("swift", "account_autocreate") != true && e.setting("swift", "allow_account_management") != true {
		e.Skip("/info says that the endpoint makes no accounts")
	}
	own := *e
	name := admin.Prefix() + strings.ReplaceAll(e.name(), "-", "_")
	own.base, own.token = "/v1/"+url.PathEscape(name), admin.Token
	e.later(func() {
		if e.setting("swift", "allow_account_management") == true {
			own.do("DELETE", "")
		}
	})
	if e.setting("swift", "account_autocreate") != true {
		own.do("PUT", "").Status(http.StatusCreated)
	} else {
		own.do("POST", "").Status(http.StatusNoContent)
	}
	return &own
}

// with is the same account in the hands of another user.
func (e *Env) with(u *target.User) *Env {
	other := *e
	other.token = u.Token
	return &other
}

// accountName is the account's name as paths have it.
func (e *Env) accountName() string {
	name, err := url.PathUnescape(e.base[strings.LastIndexByte(e.base, '/')+1:])
	if err != nil {
		e.Failf("the account's path %q does not decode: %v", e.base, err)
	}
	return name
}

// status expects one of several codes and returns the response.
func status(r *httpexpect.Response, codes ...int) *httpexpect.Response { return r.StatusList(codes...) }

// theirs is another user's own account in that user's hands.
func (e *Env) theirs(u *target.User) *Env {
	other := *e
	other.base, other.token = u.Storage.EscapedPath(), u.Token
	return &other
}
