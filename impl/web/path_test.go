package web

import "testing"

func TestAPI(t *testing.T) {
	for path, want := range map[string]bool{
		"/v1/a": true, "/v1.0/a/c/o": true, "/v2/a": false, "/auth/v1.0": false, "/v1": false, "/v1/": false,
		"/info": false, "/v1//c": false, "/": false,
	} {
		if _, ok := NewRequest("GET", path).API(); ok != want {
			t.Errorf("%s: %v", path, ok)
		}
	}
}
