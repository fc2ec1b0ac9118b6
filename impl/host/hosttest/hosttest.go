// Package hosttest holds the contract of the seams as test suites: one for
// host.FS, one for host.Net, one for host.Clock. Each version of a seam, real
// or simulated, passes the same suite. The …Bubble variants run every case in
// a testing/synctest bubble of its own, for versions that live in one.
package hosttest

import (
	"errors"
	"testing"
	"testing/synctest"
)

// testCase is one clause of a contract, about an environment E.
type testCase[E any] struct {
	name string
	run  func(t *testing.T, env E)
}

// runAll runs every case as a subtest with an environment of its own.
func runAll[E any](t *testing.T, cases []testCase[E], make func(t *testing.T) E) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, make(t)) })
	}
}

// runAllBubble is runAll with each case in a bubble.
func runAllBubble[E any](t *testing.T, cases []testCase[E], make func(t *testing.T) E) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.run(t, make(t)) })
		})
	}
}

// must stops the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr demands an error of a kind.
func wantErr(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want one that is %q", err, kind)
	}
}

// want compares two values.
func want[T comparable](t *testing.T, what string, got, expected T) {
	t.Helper()
	if got != expected {
		t.Fatalf("%s: got %v, want %v", what, got, expected)
	}
}
