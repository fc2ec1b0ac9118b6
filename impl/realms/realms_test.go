package realms_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"apus/impl/config"
	"apus/impl/host/real"
	"apus/impl/realms"
)

func write(t *testing.T, dir, text string, at time.Time) {
	t.Helper()
	name := filepath.Join(dir, "container-sync-realms.conf")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestParse(t *testing.T) {
	conf, err := config.Parse("[DEFAULT]\nmtime_check_interval = 30\n[us]\nkey = k\nkey2 = k2\ncluster_Dfw = http://dfw/v1/\nother = x\n[empty]\n", "f")
	if err != nil {
		t.Fatal(err)
	}
	set, interval := realms.Parse(conf)
	us := set.Realm("Us")
	if interval != 30*time.Second || len(set) != 2 || us.Key != "k" || us.Key2 != "k2" || us.Endpoint("dFw") != "http://dfw/v1/" {
		t.Errorf("%v, every %v", set, interval)
	}
	if us.Endpoint("x") != "" || set.Realm("eu").Key != "" || set.Realm("eu").Endpoint("dfw") != "" {
		t.Error("knows what is not there")
	}
	if names := set.Names(); len(names) != 2 || names[0] != "EMPTY" || names[1] != "US" {
		t.Errorf("names %v", names)
	}
}

// The file is read again when it has changed, and a broken one changes nothing.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	f := realms.New(real.New("test", slog.New(slog.DiscardHandler)), dir)
	if len(f.Known()) != 0 {
		t.Error("realms of no file")
	}
	f = realms.New(real.New("test", slog.New(slog.DiscardHandler)), dir)
	at := time.Unix(1_700_000_000, 0)
	write(t, dir, "[DEFAULT]\nmtime_check_interval = 0\n[us]\nkey = a\n", at)
	for _, step := range []struct {
		text, want string
		later      int
	}{
		{"[DEFAULT]\nmtime_check_interval = 0\n[us]\nkey = a\n", "a", 0},
		{"[DEFAULT]\nmtime_check_interval = 0\n[us]\nkey = b\n", "a", 0},
		{"[DEFAULT]\nmtime_check_interval = 0\n[us]\nkey = b\n", "b", 1},
		{"no section\n", "b", 2},
		{"[us]\nkey = c\n", "c", 3},
		{"[us]\nkey = d\n", "c", 4}, // not looked at for five minutes
	} {
		write(t, dir, step.text, at.Add(time.Duration(step.later)*time.Second))
		if got := f.Known().Realm("us").Key; got != step.want {
			t.Errorf("%+v: key %q", step, got)
		}
	}
}

// The sum is that of OpenStack Swift for the same six values.
func TestSign(t *testing.T) {
	got := realms.Sign("GET", "/v1/a/c", "0", "nonce", "abc", "key")
	if got != "5aafacb5a42938733f820a412406426042fa9a2e" {
		t.Error(got)
	}
}

func FuzzRealms(f *testing.F) {
	f.Add("[US]\nkey = secret\nkey2 = other\ncluster_dfw1 = http://dfw1/v1/\n[DEFAULT]\nmtime_check_interval = 9\n")
	f.Fuzz(func(t *testing.T, text string) {
		conf, err := config.Parse(text, "realms")
		if err != nil {
			return
		}
		set, _ := realms.Parse(conf)
		for name := range set {
			if name != strings.ToUpper(name) {
				t.Fatalf("%q", name)
			}
		}
	})
}
