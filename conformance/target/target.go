// Package target is the Swift endpoint that a conformance run judges: an
// address, credentials, and the HTTP client to reach it with. It speaks
// Swift's first authentication protocol (GET /auth/v1.0) and nothing of the
// implementation behind it.
package target

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Target is an endpoint and one user's credentials for it.
type Target struct {
	AuthURL, User, Key string
	// Client sends requests. It must not follow redirects.
	Client *http.Client
	// Storage is the user's account, Token the secret that opens it; both
	// are set by Authenticate.
	Storage *url.URL
	Token   string
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

// Authenticate asks for a token.
func (t *Target) Authenticate(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.AuthURL, nil)
	if err != nil {
		return fmt.Errorf("auth URL %q: %w", t.AuthURL, err)
	}
	req.Header.Set("X-Auth-User", t.User)
	req.Header.Set("X-Auth-Key", t.Key)
	resp, err := t.Client.Do(req)
	if err != nil {
		return fmt.Errorf("authenticating at %s: %w", t.AuthURL, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<16)
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("authenticating %q at %s: the answer is %s; check --user and --key", t.User, t.AuthURL, resp.Status)
	}
	t.Token = resp.Header.Get("X-Auth-Token")
	t.Storage, err = url.Parse(resp.Header.Get("X-Storage-Url"))
	if err != nil || t.Token == "" || t.Storage.Host == "" {
		return fmt.Errorf("authenticating at %s: the answer has X-Auth-Token %q and X-Storage-Url %q; both are needed",
			t.AuthURL, t.Token, resp.Header.Get("X-Storage-Url"))
	}
	return nil
}

// Root is the endpoint without a path.
func (t *Target) Root() string { return t.Storage.Scheme + "://" + t.Storage.Host }

// Escape percent-encodes a decoded path below the account, keeping slashes.
func Escape(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
