package dbinfo_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/tools"
	"apus/impl/tools/dbinfo"
)

// run calls the tool in a directory that holds the databases.
func run(t *testing.T, kind dbinfo.Kind, args ...string) (out, errOut, dir string, code int) {
	dir = t.TempDir()
	for _, name := range []string{"account", "container", "sharded"} {
		packed, err := os.ReadFile("testdata/" + name + ".db.gz")
		require.NoError(t, err)
		rd, err := gzip.NewReader(bytes.NewReader(packed))
		require.NoError(t, err)
		text, err := io.ReadAll(rd)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".db"), text, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "junk.db"), []byte("no database"), 0o600))
	swiftDir, err := filepath.Abs("../locations/testdata/swift")
	require.NoError(t, err)
	h := &host.Host{FS: real.FS{}, Clock: real.Clock{}, Log: slog.New(slog.DiscardHandler)}
	var o, e strings.Builder
	code = dbinfo.Run(context.Background(), h, kind, append([]string{"-d", swiftDir}, args...), tools.Std{Dir: dir, Out: &o, Err: &e})
	return o.String(), e.String(), dir, code
}

// The output is, to the byte, that of Swift's tools.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		golden string
		kind   dbinfo.Kind
		args   string
		code   int
	}{
		{"account", dbinfo.Account, "--sync account.db", 0},
		{"account-drop", dbinfo.Account, "account.db --drop-prefixes", 0},
		{"container", dbinfo.Container, "container.db", 0},
		{"sharded", dbinfo.Container, "sharded.db", 0},
		{"sharded-verbose", dbinfo.Container, "-v -s ./sharded.db", 0},
		{"wrong", dbinfo.Container, "account.db", 1},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			want, err := os.ReadFile("testdata/" + tt.golden + ".txt")
			require.NoError(t, err)
			got, errOut, _, code := run(t, tt.kind, strings.Fields(tt.args)...)
			require.Equal(t, string(want), got)
			require.Empty(t, errOut)
			require.Equal(t, tt.code, code)
		})
	}
}

func TestCalledWrong(t *testing.T) {
	for _, tt := range []struct {
		name, args, out, err string
		code                 int
	}{
		{"no argument", "", "Usage: swift-account-info [options] ACCOUNT_DB_FILE", "", 0},
		{"two arguments", "a.db b.db", "Usage: ", "", 0},
		{"help", "--help", "--drop-prefixes", "", 0},
		{"no such option", "--nope", "", "swift-account-info: error: ", 2},
		{"no verbose for accounts", "-v account.db", "", "error: ", 2},
		{"absent", "absent.db", "DB file doesn't exist\n", "", 1},
		{"another ending", "account.txt", "DB file doesn't exist\n", "", 1},
		{"junk", "junk.db", "Account info failed: ", "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errOut, _, code := run(t, dbinfo.Account, strings.Fields(tt.args)...)
			require.Equal(t, tt.code, code)
			require.Contains(t, out, tt.out)
			require.Contains(t, errOut, tt.err)
		})
	}
}

// A file that was named by mistake, or is damaged, stays where it is.
func TestNothingIsQuarantined(t *testing.T) {
	for _, file := range []string{"account.db", "junk.db"} {
		_, _, dir, code := run(t, dbinfo.Container, file)
		require.Equal(t, 1, code)
		require.FileExists(t, filepath.Join(dir, file))
	}
}
