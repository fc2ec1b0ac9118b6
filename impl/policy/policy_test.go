package policy

import (
	"strings"
	"testing"
)

func TestNewSet(t *testing.T) {
	gold := Policy{Index: 0, Name: "gold", Default: true}
	for _, tt := range []struct {
		name     string
		policies []Policy
		err      string
	}{
		{"one", []Policy{gold}, ""},
		{"one that says nothing is the default", []Policy{{Index: 0, Name: "gold"}}, ""},
		{"two", []Policy{{Index: 3, Name: "silver", Aliases: []string{"grey", "second"}}, gold}, ""},
		{"default is another", []Policy{{Index: 0, Name: "old", Deprecated: true}, {Index: 1, Name: "new", Default: true}}, ""},
		{"erasure coded", []Policy{gold, {Index: 1, Name: "ec", Type: ErasureCoding}}, ""},
		{"none", nil, "no policy has index 0"},
		{"no policy 0", []Policy{{Index: 1, Name: "x", Default: true}}, "no policy has index 0"},
		{"no default", []Policy{{Index: 0, Name: "a"}, {Index: 1, Name: "b"}}, "no policy is the default"},
		{"two defaults", []Policy{gold, {Index: 1, Name: "b", Default: true}}, "are the default"},
		{"deprecated default", []Policy{{Index: 0, Name: "a", Default: true, Deprecated: true}}, "deprecated"},
		{"index twice", []Policy{gold, {Index: 0, Name: "b"}}, "is taken by policy"},
		{"negative index", []Policy{gold, {Index: -1, Name: "b"}}, "negative"},
		{"name twice in other case", []Policy{gold, {Index: 1, Name: "GOLD"}}, "is taken by policy 0"},
		{"alias is a name", []Policy{gold, {Index: 1, Name: "b", Aliases: []string{"Gold"}}}, "is taken by policy 0"},
		{"no name", []Policy{{Index: 0, Default: true}}, "letters, digits and dashes"},
		{"underscore", []Policy{{Index: 0, Name: "a_b", Default: true}}, "letters, digits and dashes"},
		{"reserved name", []Policy{gold, {Index: 1, Name: "policy-0"}}, "reserved"},
		{"unknown type", []Policy{gold, {Index: 1, Name: "b", Type: "raid"}}, "neither"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewSet(tt.policies)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestSet(t *testing.T) {
	s, err := NewSet([]Policy{
		{Index: 2, Name: "Silver", Aliases: []string{"grey"}},
		{Index: 0, Name: "gold", Default: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	silver := s.ByIndex(2)
	if silver == nil || s.ByName("SILVER") != silver || s.ByName("Grey") != silver || s.ByIndex(1) != nil || s.ByName("bronze") != nil {
		t.Error("look-ups")
	}
	if s.Default().Name != "gold" || len(s.All()) != 2 || s.All()[1] != silver || silver.Type != Replication {
		t.Errorf("default %v, all %v", s.Default(), s.All())
	}
	if d := Default(); d.Default().Name != "Policy-0" || len(d.All()) != 1 {
		t.Errorf("default set %v", d.All())
	}
	for _, tt := range []struct {
		p                      *Policy
		data, async, tmp, ring string
	}{
		{s.Default(), "objects", "async_pending", "tmp", "object"},
		{silver, "objects-2", "async_pending-2", "tmp-2", "object-2"},
	} {
		if tt.p.DataDir() != tt.data || tt.p.AsyncDir() != tt.async || tt.p.TmpDir() != tt.tmp || tt.p.RingName() != tt.ring {
			t.Errorf("%s: %s %s %s %s", tt.p.Name, tt.p.DataDir(), tt.p.AsyncDir(), tt.p.TmpDir(), tt.p.RingName())
		}
	}
}
