package expiry_test

import (
	"fmt"
	"strings"
	"testing"

	"apus/impl/config"
	"apus/impl/expiry"
	"apus/impl/swift"
)

// The containers are those that get_expirer_container of OpenStack
// Swift 2.30.1 names, with the hash suffix of these tests.
func TestQueueContainer(t *testing.T) {
	h, err := swift.NewHasher("", "changeme")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		at        int64
		name      swift.Path
		divisor   int64
		container string
	}{
		{1790000050, swift.Path{Account: "AUTH_a", Container: "c", Object: "o"}, 86400, "1789948770"},
		{1790000050, swift.Path{Account: "AUTH_a", Container: "c", Object: "p"}, 86400, "1789948759"},
		{1790000050, swift.Path{Account: "AUTH_a", Container: "c", Object: "o"}, 3600, "1789999170"},
		{1789948800, swift.Path{Account: "AUTH_a", Container: "c", Object: "o"}, 86400, "1789948770"},
		{2, swift.Path{Account: "a", Container: "c", Object: "o"}, 86400, "0000000000"},
		{99999999999, swift.Path{Account: "a", Container: "c", Object: "o"}, 86400, "9999999999"},
	} {
		if got := (expiry.Queue{Divisor: tc.divisor}).Container(tc.at, h.Hash(tc.name)); got != tc.container {
			t.Errorf("%d %s by %d: %s, want %s", tc.at, tc.name, tc.divisor, got, tc.container)
		}
	}
}

func TestQueueSettings(t *testing.T) {
	for _, tc := range []struct {
		options string
		want    expiry.Queue
		bad     bool
	}{
		{"", expiry.Queue{Account: ".expiring_objects", Divisor: 86400}, false},
		{"expiring_objects_container_divisor = 3600\nexpiring_objects_account_name = gone", expiry.Queue{Account: ".gone", Divisor: 3600}, false},
		{"expiring_objects_container_divisor = 100", expiry.Queue{}, true},
	} {
		f, err := config.Parse("[s]\n"+tc.options, "object-server.conf")
		if err != nil {
			t.Fatal(err)
		}
		got := expiry.ReadQueue(f.Section("s"))
		if (f.Err() != nil) != tc.bad || !tc.bad && got != tc.want {
			t.Errorf("%q: %v, error %v", tc.options, got, f.Err())
		}
	}
}

func FuzzQueueContainer(f *testing.F) {
	f.Add(int64(1790000050), int64(86400), "a", "c", "o")
	f.Add(int64(-1), int64(101), "a", "c", "o/\xff")
	f.Fuzz(func(t *testing.T, at, divisor int64, a, c, o string) {
		h, err := swift.NewHasher("", "x")
		if err != nil {
			t.Fatal(err)
		}
		at = at % 20_000_000_000
		divisor = 101 + (divisor&0x7fffffff)%1_000_000
		name := swift.Path{Account: a, Container: c, Object: o}
		got := (expiry.Queue{Divisor: divisor}).Container(at, h.Hash(name))
		if len(got) != 10 || strings.Trim(got, "0123456789") != "" {
			t.Fatalf("%q", got)
		}
		var n int64
		_, _ = fmt.Sscan(strings.TrimLeft(got, "0"), &n)
		if at >= 0 && at <= 9_999_999_999 && (n > at || at-n > divisor+100) {
			t.Errorf("%d by %d is in %s", at, divisor, got)
		}
	})
}

func TestQueueRow(t *testing.T) {
	for at, want := range map[int64]string{
		2: "0000000002-a/c/o/p", -2: "0000000000-a/c/o/p", 1790000050: "1790000050-a/c/o/p", 10000000000: "9999999999-a/c/o/p",
	} {
		if got := expiry.Row(at, swift.Path{Account: "a", Container: "c", Object: "o/p"}); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
	}
}
