package acl

import "testing"

func TestFormatAccount(t *testing.T) {
	for _, x := range []struct{ name, stored, want string }{
		{"none", "", ""},
		{"no keys", "{}", ""},
		{"blanks and order", `{ "read-only" : ["b:c"], "admin": ["a:b"] }`, `{"admin":["a:b"],"read-only":["b:c"]}`},
		{"in order", `{"admin":["a:b"]}`, `{"admin":["a:b"]}`},
		{"signs of HTML", `{"admin":["<a&b>"]}`, `{"admin":["<a&b>"]}`},
		{"not ASCII", "{\"admin\":[\"\u00fc\x7f\u20ac\U0001f600\"]}", `{"admin":["\u00fc\u007f\u20ac\ud83d\ude00"]}`},
		{"escaped already", `{"admin":["\u00FC\/"]}`, `{"admin":["\u00fc/"]}`},
		{"numbers", `{"later":[1.0,12345678901234567890]}`, `{"later":[1.0,12345678901234567890]}`},
		{"list", `["a"]`, ""},
		{"null", `null`, ""},
		{"no JSON", `{"admin"`, ""},
		{"more than JSON", `{"admin":["a"]} b`, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := FormatAccount(x.stored); got != x.want {
				t.Errorf("%s becomes %s, want %s", x.stored, got, x.want)
			}
		})
	}
}
