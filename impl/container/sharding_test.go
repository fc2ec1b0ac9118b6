package container

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/config"
)

// A container that is being sharded has two files: rows go to the fresh one,
// clients are shown the one that is being retired.
func TestWhileSharding(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "sda"), 0o755))
	start := func() *Server {
		conf, err := config.Parse("[app:x]\ndevices = "+root+"\nmount_check = false\n", "x.conf")
		require.NoError(t, err)
		return serverOf(t, conf.Section("app:x"))
	}
	s := start()
	for _, put := range []struct {
		line   string
		header []string
	}{{"PUT /sda/0/a/c", []string{ts(1)}}, {"PUT /sda/0/a/c/unsharded", row(2, 5)}} {
		status, _, _ := ask(t, s, put.line, put.header...)
		require.Equal(t, 201, status)
	}
	status, _, body := send(t, s, "PUT /sda/0/a/c", list(shard(".shards_a/x", "", "", 20, 3)), ts(3), shards)
	require.Equal(t, 202, status, body)
	_, h, _ := ask(t, s, "GET /sda/0/a/c?format=json", "X-Backend-Record-Type: auto")
	require.Equal(t, "object", h.Get("X-Backend-Record-Type"))
	require.Equal(t, "unsharded", h.Get("X-Backend-Sharding-State"))
	require.NoError(t, s.Close(context.Background()))
	file := s.Pool.Container("sda", "0", "a", "c").File()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file[:len(file)-len(".db")]+"_1700000009.00000.db", content, 0o600))

	s = start()
	status, _, _ = ask(t, s, "PUT /sda/0/a/c/fresh", row(4, 7)...)
	require.Equal(t, 201, status)
	_, h, body = ask(t, s, "GET /sda/0/a/c")
	require.Equal(t, "unsharded\n", body)
	require.Equal(t, "sharding", h.Get("X-Backend-Sharding-State"))
	require.Equal(t, "1", h.Get("X-Container-Object-Count"))
	_, h, body = ask(t, s, "GET /sda/0/a/c?format=json", "X-Backend-Record-Type: auto")
	require.Equal(t, "shard", h.Get("X-Backend-Record-Type"))
	require.Contains(t, body, ".shards_a/x")
	status, _, _ = ask(t, s, "DELETE /sda/0/a/c", ts(20))
	require.Equal(t, 409, status, "it is not empty")
	for _, name := range []string{"fresh", "unsharded"} { // only in the fresh file
		status, _, _ = ask(t, s, "DELETE /sda/0/a/c/"+name, ts(21))
		require.Equal(t, 204, status)
	}
	status, _, _ = ask(t, s, "DELETE /sda/0/a/c", ts(22))
	require.Equal(t, 409, status, "the file that is retired is not empty")
}

// The listing is upstream's bytes, order of the keys included.
func TestJSONBytes(t *testing.T) {
	s := newServer(t)
	for _, put := range []struct {
		line   string
		header []string
	}{{"PUT /sda/0/a/c", []string{ts(1)}}, {"PUT /sda/0/a/c/o", row(2, 5)}, {"PUT /sda/0/a/c/p/q", row(2, 5)}} {
		status, _, _ := ask(t, s, put.line, put.header...)
		require.Equal(t, 201, status)
	}
	_, _, body := ask(t, s, "GET /sda/0/a/c?format=json&delimiter=/")
	require.Equal(t, `[{"bytes": 5, "hash": "e", "name": "o", "content_type": "text/plain;charset=UTF-8", "last_modified": "2023-11-14T22:13:22.000000"}, {"subdir": "p/"}]`, body)
	_, _, body = ask(t, s, "GET /sda/0/a/c?format=json&prefix=none")
	require.Equal(t, "[]", body)
}

// Objects in shards keep a root from being removed.
func TestDeleteOfShardedRoot(t *testing.T) {
	s := newServer(t)
	status, _, _ := ask(t, s, "PUT /sda/0/a/c", ts(1))
	require.Equal(t, 201, status)
	full := strings.Replace(shard(".shards_a/x", "", "", 40, 3), `"object_count": 0`, `"object_count": 5`, 1)
	own := shard("a/c", "", "", 60, 3)
	status, _, body := send(t, s, "PUT /sda/0/a/c", list(full, own), ts(3), shards)
	require.Equal(t, 202, status, body)
	status, _, _ = ask(t, s, "DELETE /sda/0/a/c", ts(4))
	require.Equal(t, 409, status)
	status, _, _ = send(t, s, "PUT /sda/0/a/c", list(shard(".shards_a/x", "", "", 40, 5)), ts(5), shards) // has none
	require.Equal(t, 202, status)
	status, _, _ = ask(t, s, "DELETE /sda/0/a/c", ts(6))
	require.Equal(t, 204, status)
}
