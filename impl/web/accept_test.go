package web

import "testing"

func TestAcceptable(t *testing.T) {
	for accept, want := range map[string]string{
		"": "a/json", "*/*": "a/json", "a/*;q=0.1": "a/json", "x/plain, a/json": "a/json", "a/xml, */*": "a/xml",
		"a/json;q=0.1, a/xml": "a/xml", "x/plain": "", "a/json;q=0": "a/json", "nonsense": "error",
	} {
		got, err := Acceptable(accept, "a/json", "a/xml")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
}
