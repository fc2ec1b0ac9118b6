package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// user is one of those that the tests log in as. suffix is the number that
// their options end in.
type user struct{ suffix, account, name, key string }

// users are the ones of apus aio. The first two own accounts, the third owns
// nothing in the first one's, the fifth belongs to a service, the sixth may do
// everything. The fourth is for an auth system with domains and left out.
func users() []user {
	return []user{
		{"", "test", "tester", "testing"}, {"2", "test2", "tester2", "testing2"}, {"3", "test", "tester3", "testing3"},
		{"5", "test5", "tester5", "testing5"}, {"6", "admin", "admin", "admin"},
	}
}

// testConf is the text of test.conf.
func testConf(auth string) (string, error) {
	u, err := url.Parse(auth)
	if err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
		return "", fmt.Errorf("--auth %q is no auth URL such as http://127.0.0.1:8080/auth/v1.0", auth)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[func_test]\nauth_uri = %s\ncollate = C\ninsecure = no\nstorage_domain = example.net\nservice_prefix = SERVICE\n", auth)
	for _, u := range users() {
		if u.suffix != "3" { // in the account of the first
			fmt.Fprintf(&b, "account%s = %s\n", u.suffix, u.account)
		}
		fmt.Fprintf(&b, "username%s = %s\npassword%s = %s\n", u.suffix, u.name, u.suffix, u.key)
	}
	return b.String() + "\n[unit_test]\nfake_syslog = False\n", nil
}

// createAccount writes to a user's account.
func createAccount(ctx context.Context, auth string, u user) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	login, err := do(ctx, http.MethodGet, auth, http.Header{"X-Auth-User": {u.account + ":" + u.name}, "X-Auth-Key": {u.key}})
	if err != nil {
		return fmt.Errorf("%s:%s cannot log in: %w", u.account, u.name, err)
	}
	if _, err = do(ctx, http.MethodPost, login.Get("X-Storage-Url"), http.Header{"X-Auth-Token": login["X-Auth-Token"]}); err != nil {
		return fmt.Errorf("the account of %s:%s cannot be created: %w", u.account, u.name, err)
	}
	return nil
}

// do makes a request without a body and returns the header of the answer.
func do(ctx context.Context, method, url string, header http.Header) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s answers %s: %s", method, url, resp.Status, text)
	}
	return resp.Header, nil
}
