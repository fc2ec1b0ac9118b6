package web

import "testing"

func TestAPI(t *testing.T) {
	for path, want := range map[string]bool{
		"/v1/a": true, "/v1.0/a/c/o": true, "/v2/a": false, "/auth/v1.0": false, "/v1": false, "/v1/": false,
		"/info": false, "/v1//c": false, "/": false, "//v1/a": false,
	} {
		if _, ok := NewRequest("GET", path).API(); ok != want {
			t.Errorf("%s: %v", path, ok)
		}
	}
}

// A path without a version names nothing, though names follow.
func TestNoVersion(t *testing.T) {
	for _, path := range []string{"//v1/a", "//a", "//", "/"} {
		if version, p, ok := NewRequest("GET", path).Swift(); ok {
			t.Errorf("%s: version %q, %v", path, version, p)
		}
	}
}
