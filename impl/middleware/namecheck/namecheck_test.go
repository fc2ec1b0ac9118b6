package namecheck_test

import (
	"reflect"
	"strings"
	"testing"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/middleware/namecheck"
	"apus/impl/web/webtest"
)

func TestNames(t *testing.T) {
	webtest.TrackBodies(t)
	const name = "Object/Container/Account name "
	for _, tt := range []struct{ options, path, want string }{
		{"", "/v1/a/c/o", ""},
		{"", "/v1/a/c/o'", name + "contains forbidden chars from '\"`<>"},
		{"", "/v1/a/c/<o", name + "contains forbidden chars from '\"`<>"},
		{"", "/v1/" + strings.Repeat("x", 251), ""},
		{"", "/v1/" + strings.Repeat("x", 252), name + "longer than the allowed maximum 255"},
		{"", "/v1/" + strings.Repeat("é", 126), name + "longer than the allowed maximum 255"},
		{"", "/v1/a/./c", name + `contains a forbidden substring from regular expression /\./|/\.\./|/\.$|/\.\.$`},
		{"", "/v1/a/..", name + `contains a forbidden substring from regular expression /\./|/\.\./|/\.$|/\.\.$`},
		{"", "/v1/a/.c", ""},
		{"", "/v1/a/c..", ""},
		{"forbidden_chars =\nforbidden_regexp =\nmaximum_length = 20", "/v1/a/../'`<>", ""},
		{"forbidden_chars = é:", "/v1/é", name + "contains forbidden chars from é:"},
		{"forbidden_chars = é:", "/v1/à", ""},
	} {
		f, _ := webtest.Filter(t, namecheck.New, nil, tt.options, nil)
		got := webtest.Do(f(webtest.NewNext(webtest.Answer(200, ""))), webtest.Request("GET", tt.path))
		if got.Body != tt.want || (got.Status == 200) != (tt.want == "") || got.Status != 200 && got.Status != 400 {
			t.Errorf("%s: %d %q", tt.path, got.Status, got.Body)
		}
	}
}

func TestInfo(t *testing.T) {
	_, env := webtest.Filter(t, namecheck.New, nil, "maximum_length = 500", nil)
	want := map[string]any{"forbidden_chars": "'\"`<>", "maximum_length": int64(500), "forbidden_regexp": `/\./|/\.\./|/\.$|/\.\.$`}
	if got := env.Info.Public()["name_check"]; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestRegexpOfAnotherSyntax(t *testing.T) {
	file, err := config.Parse("[filter:x]\nforbidden_regexp = (?=a)\n", "x")
	if err != nil {
		t.Fatal(err)
	}
	_, err = namecheck.New(&middleware.Env{Info: middleware.NewCapabilities()}, file.Section("filter:x"))
	if err != nil || file.Err() == nil {
		t.Errorf("%v, %v", err, file.Err())
	}
}
