package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// session is an authenticated client.
type session struct{ storage, token string }

func login(t *testing.T, a *aio) *session {
	t.Helper()
	req, err := http.NewRequest("GET", a.Auth, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-User", a.User)
	req.Header.Set("X-Auth-Key", a.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("authentication answers %s", resp.Status)
	}
	return &session{resp.Header.Get("X-Storage-Url"), resp.Header.Get("X-Auth-Token")}
}

func (s *session) want(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequest(method, s.storage+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s %s answers %s, want %d: %s", method, path, resp.Status, status, text)
	}
	return string(text)
}
