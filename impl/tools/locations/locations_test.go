package locations_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host/real"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/tools/locations"
)

func dir(t *testing.T) string {
	d, err := filepath.Abs("testdata/swift")
	require.NoError(t, err)
	return d
}

func load(t *testing.T, name string) *ring.Ring {
	r, err := ring.Load(real.FS{}, filepath.Join(dir(t), name+".ring.gz"))
	require.NoError(t, err)
	return r
}

func print(t *testing.T, it locations.Item) (string, error) {
	sw, err := locations.SwiftConf(real.FS{}, dir(t))
	require.NoError(t, err)
	var out strings.Builder
	err = locations.PrintItem(&out, real.FS{}, dir(t), sw, it)
	return out.String(), err
}

func TestGolden(t *testing.T) {
	for name, all := range map[string]bool{"nodes": false, "nodes-a": true} {
		want, err := os.ReadFile("testdata/" + name + ".txt")
		require.NoError(t, err)
		got, err := print(t, locations.Item{
			Ring: load(t, "container"), RingName: "container", Path: swift.Path{Account: "a", Container: "c"}, AllNodes: all,
		})
		require.NoError(t, err)
		require.Equal(t, string(want), got)
	}
}

func TestPrintItem(t *testing.T) {
	three := uint32(3)
	object := swift.Path{Account: "a", Container: "c", Object: "o"}
	for _, tt := range []struct {
		name string
		item locations.Item
		told bool
		want []string
	}{
		{"by policy", locations.Item{Path: object, PolicyName: "SILVER"}, false, []string{"Object   \to\n\n\n", "/objects-1/", "Policy-Index: 1"}},
		{"policy 0", locations.Item{Path: object, PolicyName: "gold"}, false, []string{"/objects/", "Policy-Index: 0"}},
		{"partition", locations.Item{Part: &three, PolicyName: "silver"}, false, []string{"Hash     \tNone", "/3/None\"", "/objects-1/3\""}},
		{"partition of a ring", locations.Item{Part: &three, Ring: load(t, "account"), RingName: "account"}, false, []string{"/accounts/3\""}},
		{"default account ring", locations.Item{Path: swift.Path{Account: "a"}}, false, []string{":6202 ", "/accounts/"}},
		{"default container ring", locations.Item{Path: object.Parent()}, false, []string{":6201 ", "/containers/"}},
		{"another ring", locations.Item{Path: object.Parent(), Ring: load(t, "account"), RingName: "account"}, false, []string{`WARNING: account/container specified but ring not named "container"`}},
		{"ring and policy", locations.Item{Path: object, Ring: load(t, "object"), RingName: "object", PolicyName: "silver"}, false, []string{"WARNING: mismatch between ring and policy name!"}},
		{"ring and bad policy", locations.Item{Path: object, Ring: load(t, "object"), RingName: "object", PolicyName: "x"}, false, []string{"WARNING: Policy x is not valid"}},
		{"no ring", locations.Item{Path: object}, true, []string{"Need a ring or policy\n"}},
		{"no such policy", locations.Item{Path: object, PolicyName: "it's"}, true, []string{"No policy named \"it's\"\n"}},
		{"nothing", locations.Item{}, true, []string{"No target specified\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := print(t, tt.item)
			if tt.told {
				require.ErrorIs(t, err, locations.ErrTold)
			} else {
				require.NoError(t, err)
			}
			for _, w := range tt.want {
				require.Contains(t, got, w)
			}
		})
	}
	sixteen := uint32(16)
	got, err := print(t, locations.Item{Part: &sixteen, PolicyName: "gold"})
	require.NoError(t, err)
	require.NotContains(t, got, "Server:Port", "the ring has partitions 0 to 15")
}

func TestRepr(t *testing.T) {
	for in, want := range map[string]string{"a": "'a'", "it's": `"it's"`, `"`: `'"'`, `'"`: `'\'"'`, "é\n": `'é\n'`} {
		require.Equal(t, want, locations.Repr(in))
	}
}
