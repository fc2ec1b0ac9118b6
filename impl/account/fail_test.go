package account

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/sim/disk"
)

func simServer(t testing.TB, fsys host.FS) *Server {
	conf, err := config.Parse("[app:x]\ndevices = /\nmount_check = false\n", "x.conf")
	require.NoError(t, err)
	s, err := New(&host.Host{Name: "sim", FS: fsys, Clock: real.Clock{}, Log: slog.New(slog.DiscardHandler)}, testSwift(t), conf.Section("app:x"), nil)
	require.NoError(t, err)
	return s
}

// Every operation of the disk fails once in every kind of change, then the
// power goes: a status never claims what did not happen.
func TestFailAnywhere(t *testing.T) {
	for _, c := range []struct {
		line    string
		header  []string
		success int
		look    string // afterwards: status, and a header with its value
		status  int
		name    string
		value   string
	}{
		{"PUT /sda/0/new", []string{ts(9)}, 201, "HEAD /sda/0/new", 204, "X-Account-Container-Count", "0"},
		{"PUT /sda/0/a", []string{ts(9), "X-Account-Meta-A: 1"}, 202, "HEAD /sda/0/a", 204, "X-Account-Meta-A", "1"},
		{"POST /sda/0/a", []string{ts(9), "X-Account-Meta-A: 1"}, 204, "HEAD /sda/0/a", 204, "X-Account-Meta-A", "1"},
		{"DELETE /sda/0/a", []string{ts(9)}, 204, "HEAD /sda/0/a", 404, "X-Account-Status", "Deleted"},
		{"PUT /sda/0/a/c", append(row(9, 0, 3, 4), ts(9)), 201, "HEAD /sda/0/a", 204, "X-Account-Object-Count", "3"},
		{"PUT /sda/0/.auto/c", append(row(9, 0, 3, 4), ts(9)), 201, "HEAD /sda/0/.auto", 204, "X-Account-Object-Count", "3"},
	} {
		t.Run(c.line, func(t *testing.T) {
			failures := 0
			for i, done := int64(1), false; !done; i++ {
				m := disk.NewMachine(real.Clock{})
				d := disk.New("d", rand.New(rand.NewPCG(1, 1)), disk.Config{})
				m.Mount("/", d)
				setup := m.Inspector("setup")
				require.NoError(t, setup.Mkdir("/sda", 0o755))
				require.NoError(t, setup.SyncDir("/"))
				s := simServer(t, m.Process("server"))
				status, _, _ := ask(t, s, "PUT /sda/0/a", ts(1))
				require.Equal(t, 201, status)
				first := d.Ops()
				d.FailAt(first+i, host.ErrIO)
				status, _, _ = ask(t, s, c.line, c.header...)
				done = d.Ops() < first+i
				d.FailAt(0, nil)
				require.NoError(t, s.Close(context.Background()))
				when := fmt.Sprintf("operation %d: status %d", i, status)

				after := disk.NewMachine(real.Clock{})
				after.Mount("/", d.PowerCut(disk.DropUnsynced))
				s = simServer(t, after.Process("after"))
				got, h, _ := ask(t, s, c.look)
				if status == c.success {
					require.Equal(t, c.status, got, when)
					require.Equal(t, c.value, h.Get(c.name), when)
				} else {
					failures++
					require.Contains(t, []int{500, 503, 507}, status, when)
				}
				require.NoError(t, s.Close(context.Background()))
			}
			require.Greater(t, failures, 1, "the loop fails operations that matter")
		})
	}
}
