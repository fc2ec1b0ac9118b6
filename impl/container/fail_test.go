package container

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/realms"
	"apus/sim/disk"
)

// simServer is a server whose device "sda" is on a simulated disk.
func simServer(t testing.TB, fsys host.FS) *Server {
	conf, err := config.Parse("[app:x]\ndevices = /\nmount_check = false\n", "x.conf")
	require.NoError(t, err)
	h := &host.Host{Name: "sim", FS: fsys, Net: real.New("x", slog.New(slog.DiscardHandler)).Net, Clock: real.Clock{}, Log: slog.New(slog.DiscardHandler)}
	s, err := New(h, testSwift(t), conf.Section("app:x"), nil)
	require.NoError(t, err)
	return s
}

// step is a request whose success promises something.
type step struct {
	line, body string
	header     []string
	success    []int
	// holds reports whether the promise is kept.
	holds func(t testing.TB, s *Server) bool
}

func listed(name string, want bool) func(testing.TB, *Server) bool {
	return func(t testing.TB, s *Server) bool {
		status, _, body := ask(t, s, "GET /sda/0/a/c", silver)
		return status/100 == 2 && strings.Contains("\n"+body, "\n"+name+"\n") == want
	}
}

func answers(line string, want int, header, value string) func(testing.TB, *Server) bool {
	return func(t testing.TB, s *Server) bool {
		status, h, _ := ask(t, s, line)
		return status == want && (header == "" || h.Get(header) == value)
	}
}

var steps = map[string]step{
	"PUT":          {"PUT /sda/0/a/new", "", []string{ts(9), silver}, []int{201}, answers("HEAD /sda/0/a/new", 204, "X-Backend-Storage-Policy-Index", "1")},
	"PUT again":    {"PUT /sda/0/a/c", "", []string{ts(9), "X-Container-Meta-A: 1"}, []int{202}, answers("HEAD /sda/0/a/c", 204, "X-Container-Meta-A", "1")},
	"PUT sync":     {"PUT /sda/0/a/c", "", []string{ts(9), "X-Container-Sync-To: http://127.0.0.1/a"}, []int{202}, answers("HEAD /sda/0/a/c", 204, "X-Container-Sync-To", "http://127.0.0.1/a")},
	"POST":         {"POST /sda/0/a/c", "", []string{ts(9), "X-Container-Meta-A: 1"}, []int{204}, answers("HEAD /sda/0/a/c", 204, "X-Container-Meta-A", "1")},
	"DELETE":       {"DELETE /sda/0/a/empty", "", []string{ts(9)}, []int{204}, answers("HEAD /sda/0/a/empty", 404, "", "")},
	"row":          {"PUT /sda/0/a/c/o", "", row(9, 1, silver), []int{201}, listed("o", true)},
	"row deleted":  {"DELETE /sda/0/a/c/before", "", []string{ts(9), silver}, []int{204}, listed("before", false)},
	"row creates":  {"PUT /sda/0/.auto/c/o", "", row(9, 1), []int{201}, answers("HEAD /sda/0/.auto/c", 204, "X-Container-Object-Count", "1")},
	"UPDATE":       {"UPDATE /sda/0/a/c", list(item("u", 9, 0)), []string{ts(9)}, []int{202}, listed("u", true)},
	"shard ranges": {"PUT /sda/0/a/c", list(shard(".shards_a/x", "", "", 40, 9)), []string{ts(9), shards}, []int{202}, func(t testing.TB, s *Server) bool { return shardNames(t, s, "") == ".shards_a/x" }},
}

// Every operation of the disk fails once in every kind of change, then the
// power goes: a status never claims what did not happen, and what was there
// stays.
func TestFailAnywhere(t *testing.T) {
	for name, st := range steps {
		t.Run(name, func(t *testing.T) {
			failures := 0
			for i := int64(1); ; i++ {
				m := disk.NewMachine(real.Clock{})
				d := disk.New("d", rand.New(rand.NewPCG(1, 1)), disk.Config{})
				m.Mount("/", d)
				setup := m.Inspector("setup")
				require.NoError(t, setup.Mkdir("/sda", 0o755))
				require.NoError(t, setup.SyncDir("/"))
				s := simServer(t, m.Process("server"))
				for _, prepare := range []struct {
					line   string
					header []string
				}{
					{"PUT /sda/0/a/c", []string{ts(1), silver}}, {"PUT /sda/0/a/empty", []string{ts(1)}},
					{"PUT /sda/0/a/c/before", row(2, 1, silver)},
				} {
					status, _, _ := ask(t, s, prepare.line, prepare.header...)
					require.Equal(t, 201, status)
				}
				first := d.Ops()
				d.FailAt(first+i, host.ErrIO)
				status, _, _ := send(t, s, st.line, st.body, st.header...)
				done := d.Ops() < first+i
				d.FailAt(0, nil) // looking at the outcome does not fail
				when := fmt.Sprintf("operation %d: status %d", i, status)
				success := status == st.success[0]
				if success {
					require.True(t, st.holds(t, s), when)
				} else {
					failures++
					require.Contains(t, []int{500, 503, 507}, status, when)
				}
				require.NoError(t, s.Close(context.Background()))

				after := disk.NewMachine(real.Clock{})
				after.Mount("/", d.PowerCut(disk.DropUnsynced))
				s = simServer(t, after.Process("after"))
				require.True(t, !success || st.holds(t, s), when+", after a power cut")
				code, _, _ := ask(t, s, "HEAD /sda/0/a/c")
				require.Equal(t, 204, code, when)
				if name != "row deleted" {
					require.True(t, listed("before", true)(t, s), when)
				}
				require.NoError(t, s.Close(context.Background()))
				if done {
					break
				}
			}
			require.Greater(t, failures, 1, "the loop fails operations that matter")
		})
	}
}

func FuzzUpdateBody(f *testing.F) {
	f.Add([]byte(list(item("a", 1, 0), item("b", 2, 1))))
	f.Add([]byte(`[{"name": "x", "put_timestamp": "1"}]`))
	f.Add([]byte(`[{"created_at": "1", "size": "7", "deleted": true}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := parseRows(body)
		if err != nil {
			return
		}
		for _, i := range items {
			if i.Object() == nil && i.Container() == nil {
				t.Fatal("an item without a row")
			}
		}
	})
}

func FuzzSyncTo(f *testing.F) {
	known := realms.Set{"US": {Key: "key", Clusters: map[string]string{"DFW": "http://dfw/"}}}
	for _, v := range []string{"//us/dfw/a/c", "http://127.0.0.1/a/c", "http://127.0.0.1:80@x/a", "//a/b", "http:\\\\127.0.0.1/", "https://[::1]/x;y?z#"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if validateSyncTo(value, []string{"127.0.0.1"}, known) != "" || strings.Trim(value, "/") == "" {
			return
		}
		lower := strings.ToLower(value)
		if !strings.HasPrefix(lower, "//us/dfw/") && !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") {
			t.Fatalf("%q was let through", value)
		}
	})
}
