package main

import (
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	pass := `{"Action":"pass","Package":"p","Test":"T"}` + "\n"
	for _, tc := range []struct {
		name, in, want string
		status         int
	}{
		{"nothing ran", "", "0 passed, 0 failed, 0 skipped\n", 1},
		{"all pass", pass + `{"Action":"pass","Package":"p","Elapsed":1}`, "ok    p  1.0s\n1 passed, 0 failed, 0 skipped\n", 0},
		{"a failure shows its output", pass + `{"Action":"output","Package":"p","Test":"U","Output":"why\n"}
{"Action":"fail","Package":"p","Test":"U"}
{"Action":"fail","Package":"p","Elapsed":1}`, "why\nFAIL  p  1.0s\n1 passed, 1 failed, 0 skipped\n", 1},
		{"a package that breaks counts", pass + `{"Action":"output","Package":"q","Output":"panic\n"}
{"Action":"fail","Package":"q","Elapsed":1}`, "panic\nFAIL  q  1.0s\n1 passed, 1 failed, 0 skipped\n", 1},
		{"a skip gives its reason", pass + `{"Action":"output","Package":"p","Test":"S","Output":"=== RUN S\n"}
{"Action":"output","Package":"p","Test":"S","Output":"    x_test.go:1: no engine\n"}
{"Action":"skip","Package":"p","Test":"S"}`, "skipped p S: x_test.go:1: no engine\n1 passed, 0 failed, 1 skipped\n", 0},
		{"a program that breaks counts", pass + `{"Action":"exit","Package":"main","Status":1}`,
			"FAIL  main: exit status 1\n1 passed, 1 failed, 0 skipped\n", 1},
		{"a program with failures counts once", `{"Action":"fail","Package":"p","Test":"U"}
{"Action":"exit","Package":"main","Status":1}
{"Action":"exit","Package":"other","Status":0}`, "0 passed, 1 failed, 0 skipped\n", 1},
		{"other words pass through", "go: downloading\n" + pass, "go: downloading\n1 passed, 0 failed, 0 skipped\n", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			c := newTally(&out)
			if err := c.read(strings.NewReader(tc.in)); err != nil {
				t.Fatal(err)
			}
			if status := c.close(); status != tc.status || out.String() != tc.want {
				t.Errorf("status %d and\n%s\nwant %d and\n%s", status, out.String(), tc.status, tc.want)
			}
		})
	}
}
