package account

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/web"
)

// replicate sends body in one piece, with or without a length.
func replicate(t testing.TB, s *Server, target, body string, length int64) (int, string) {
	req := web.NewRequest("REPLICATE", target)
	req.Body, req.ContentLength = strings.NewReader(body), length
	resp := s.Serve(context.Background(), req)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.Status, string(b)
}

func TestReplicate(t *testing.T) {
	s := newServer(t)
	status, _, _ := ask(t, s, "PUT /sda/0/a", ts(1))
	require.Equal(t, 201, status)
	file := s.Pool.Account("sda", "0", "a").File()
	hash := strings.TrimSuffix(file[strings.LastIndexByte(file, '/')+1:], ".db")
	syncs := `["merge_syncs", [{"remote_id": "r", "sync_point": 3}]]`
	for _, c := range []struct {
		target, body string
		want         int
		text         string
	}{
		{"/sda/0/" + hash, syncs, 202, ""},
		{"/sda/0/" + strings.Repeat("0", 32), syncs, 404, ""},
		{"/sdb/0/" + hash, syncs, 507, ""},
		{"/sda/0", syncs, 400, "Invalid path"},
		{"/sda/0/a/c", syncs, 400, "Invalid path"},
		{"/sda/0/../", syncs, 400, ""},
		{"/sda/0/nothash", syncs, 400, "Invalid hash"},
		{"/sda/0/" + hash, "not json", 400, "not JSON"},
		{"/sda/0/" + hash, `"arg"`, 400, "Invalid object type"},
		{"/sda/0/" + hash, `["complete_rsync", "../x"]`, 400, ""},
		{"/sda/0/" + hash, `["complete_rsync", "x"]`, 404, ""},
		{"/sda/0/" + hash, `["rsync_then_merge", "x"]`, 404, ""},
	} {
		for _, length := range []int64{int64(len(c.body)), -1} {
			status, body := replicate(t, s, c.target, c.body, length)
			require.Equal(t, c.want, status, "%s %s: %s", c.target, c.body, body)
			require.Contains(t, body, c.text)
		}
	}
	status, _ = replicate(t, s, "/sda/0/"+hash, syncs, 1<<40)
	require.Equal(t, 413, status)
}

func TestReplicationServer(t *testing.T) {
	for option, want := range map[string]string{
		"": "DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE", "replication_server = yes\n": "DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE",
		"replication_server = no\n": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
	} {
		s := newServerWith(t, option)
		_, h, _ := ask(t, s, "OPTIONS /")
		require.Equal(t, want, h.Get("Allow"))
		require.Equal(t, "account-server/2.38.1", h.Get("Server"))
		status, _ := replicate(t, s, "/sda/0/"+strings.Repeat("0", 32), `["get_shard_ranges"]`, -1)
		require.Equal(t, strings.Contains(want, "REPLICATE"), status == 404, status)
		require.Equal(t, !strings.Contains(want, "REPLICATE"), status == 405, status)
		status, _, _ = ask(t, s, "UPDATE /sda/0/a", ts(1))
		require.Equal(t, 405, status, "accounts have no UPDATE")
	}
}
