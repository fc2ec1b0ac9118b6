// Package target is the Swift endpoint that a conformance run judges: an
// address, the credentials of one user or several, and the HTTP client to
// reach it with. It speaks Swift's first authentication protocol (GET
// /auth/v1.0) and nothing of the implementation behind it.
package target

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// User is one user's credentials and, once authenticated, what they open.
type User struct {
	Name, Key string // Name is account:user
	// Storage is the user's account, Token the secret that opens it; both
	// are set by Authenticate.
	Storage *url.URL
	Token   string
}

// Known reports whether there are credentials.
func (u *User) Known() bool { return u.Name != "" }

// Account is the user's account, as paths name it: "AUTH_test".
func (u *User) Account() string {
	p := strings.TrimRight(u.Storage.Path, "/")
	return p[strings.LastIndexByte(p, '/')+1:]
}

// Prefix is what the reseller puts before names of accounts: "AUTH_". It is
// empty if the user's account is not named so.
func (u *User) Prefix() string {
	name, _, _ := strings.Cut(u.Name, ":")
	if prefix, ok := strings.CutSuffix(u.Account(), name); ok {
		return prefix
	}
	return ""
}

// Target is an endpoint and the users that cases act as. Cases that need a
// user without credentials are skipped.
type Target struct {
	AuthURL  string
	Owner    User // of the account that cases work in
	Stranger User // owner of another account
	Guest    User // of the owner's account, without rights in it
	Admin    User // reseller administrator: may use every account
	// Client sends requests. It must not follow redirects.
	Client *http.Client
	// Dial opens a connection for cases that write bytes themselves; without
	// it they are skipped.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// StorageDomain is where the endpoint finds accounts and containers in
	// names of hosts; without it such cases are skipped.
	StorageDomain string
}

// requestLimit is how long one request may take.
const requestLimit = 60 * time.Second

// NewClient is a client for endpoints on the real network.
func NewClient() *http.Client {
	return &http.Client{
		Timeout:       requestLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
	}
}

// Dial opens a connection on the real network.
func Dial(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{Timeout: requestLimit}).DialContext(ctx, "tcp", addr)
}

// Authenticate asks for a token for each user that is known.
func (t *Target) Authenticate(ctx context.Context) error {
	for _, u := range []*User{&t.Owner, &t.Stranger, &t.Guest, &t.Admin} {
		if u != &t.Owner && !u.Known() {
			continue
		}
		if err := t.authenticate(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) authenticate(ctx context.Context, u *User) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.AuthURL, nil)
	if err != nil {
		return fmt.Errorf("auth URL %q: %w", t.AuthURL, err)
	}
	req.Header.Set("X-Auth-User", u.Name)
	req.Header.Set("X-Auth-Key", u.Key)
	resp, err := t.Client.Do(req)
	if err != nil {
		return fmt.Errorf("authenticating at %s: %w", t.AuthURL, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<16)
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("authenticating %q at %s: the answer is %s; check the options for the user and the key",
			u.Name, t.AuthURL, resp.Status)
	}
	u.Token = resp.Header.Get("X-Auth-Token")
	u.Storage, err = url.Parse(resp.Header.Get("X-Storage-Url"))
	if err != nil || u.Token == "" || u.Storage.Host == "" {
		return fmt.Errorf("authenticating at %s: the answer has X-Auth-Token %q and X-Storage-Url %q; both are needed",
			t.AuthURL, u.Token, resp.Header.Get("X-Storage-Url"))
	}
	return nil
}

// Root is the endpoint without a path.
func (t *Target) Root() string { return t.Owner.Storage.Scheme + "://" + t.Owner.Storage.Host }

// Escape percent-encodes a decoded path below the account, keeping slashes.
func Escape(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
