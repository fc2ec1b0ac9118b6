package objectinfo_test

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/tools"
	"apus/impl/tools/objectinfo"
	"apus/sim/disk"
)

// machine is one with the rings and the object files.
func machine(t *testing.T) *disk.Process {
	m := disk.NewMachine(real.Clock{})
	m.Mount("/", disk.New("d", rand.New(rand.NewPCG(1, 1)), disk.Config{}))
	p := m.Process("tool")
	rings, err := os.ReadDir("../locations/testdata/swift")
	require.NoError(t, err)
	for _, e := range rings {
		text, err := os.ReadFile("../locations/testdata/swift/" + e.Name())
		require.NoError(t, err)
		write(t, p, "/etc/swift/"+e.Name(), string(text), nil)
	}
	xattr := func(name string) []byte {
		b, err := os.ReadFile("testdata/" + name + ".xattr")
		require.NoError(t, err)
		return b
	}
	write(t, p, "/d/1700000001.00000.data", "hello world\n", xattr("object"))
	write(t, p, "/d/objects-1/x/1700000002.00000.data", "short", xattr("damaged"))
	write(t, p, "/d/bare.data", "x", nil)
	return p
}

func write(t *testing.T, fs host.FS, name, text string, metadata []byte) {
	require.NoError(t, fs.MkdirAll(path.Dir(name), 0o755))
	f, err := fs.OpenFile(name, host.ReadWrite|host.Create, 0o600)
	require.NoError(t, err)
	_, err = io.WriteString(f, text)
	require.NoError(t, err)
	if metadata != nil {
		require.NoError(t, f.SetXattr("user.swift.metadata", metadata))
	}
	require.NoError(t, f.Close())
}

func run(t *testing.T, args ...string) (out, errOut string, code int) {
	fs := machine(t)
	h := &host.Host{FS: fs, Log: slog.New(slog.DiscardHandler)}
	var o, e strings.Builder
	code = objectinfo.Run(context.Background(), h, args, tools.Std{Dir: "/d", Out: &o, Err: &e})
	require.Empty(t, fs.OpenFiles())
	return o.String(), e.String(), code
}

// The output is, to the byte, that of Swift's tool.
func TestGolden(t *testing.T) {
	for golden, args := range map[string]string{
		"object":        "1700000001.00000.data",
		"object-n":      "-n --drop-prefixes objects-1/x/1700000002.00000.data",
		"object-policy": "-P gold objects-1/x/1700000002.00000.data",
	} {
		t.Run(golden, func(t *testing.T) {
			want, err := os.ReadFile("testdata/" + golden + ".txt")
			require.NoError(t, err)
			got, errOut, code := run(t, strings.Fields(args)...)
			require.Equal(t, string(want), got)
			require.Empty(t, errOut)
			require.Zero(t, code)
		})
	}
}

func TestRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"absent.data": "Data file doesn't exist\n",
		"bare.data":   "Invalid metadata\n",
	} {
		out, _, code := run(t, args)
		require.Equal(t, want, out)
		require.Equal(t, 1, code)
	}
	_, errOut, code := run(t, "--nope")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "swift-object-info: error: ")
}
