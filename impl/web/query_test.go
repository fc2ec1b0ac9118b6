package web_test

import (
	"reflect"
	"testing"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

func TestParseQuery(t *testing.T) {
	for raw, want := range map[string][]web.Param{
		"":                   nil,
		"&&":                 nil,
		"a":                  {{"a", ""}},
		"a=":                 {{"a", ""}},
		"=a":                 {{"", "a"}},
		"a=1&b=2&a=3":        {{"a", "1"}, {"b", "2"}, {"a", "3"}},
		"a=b=c":              {{"a", "b=c"}},
		"a=1;b=2":            {{"a", "1;b=2"}},
		"a=%zz&b=%4":         {{"a", "%zz"}, {"b", "%4"}},
		"%61+=%2B+%C3%A9%ff": {{"a ", "+ é\xff"}},
	} {
		if got := web.ParseQuery(raw); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestEncodeQuery(t *testing.T) {
	for raw, want := range map[string]string{"": "", "b=1&a=%20+&c": "b=1&a=++&c=", "a=1;b": "a=1%3Bb"} {
		if got := web.EncodeQuery(web.ParseQuery(raw)); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

// Of a repeated parameter the last counts.
func TestQuery(t *testing.T) {
	q := webtest.Request("GET", "/v1/a?format=json&limit=%zz&format=xml&blank").Query()
	if q.Get("format") != "xml" || len(q["format"]) != 1 || q.Get("limit") != "%zz" || !q.Has("blank") {
		t.Errorf("%v", q)
	}
}
