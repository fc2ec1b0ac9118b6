package dbrepl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"apus/impl/broker"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/swift"
	"apus/impl/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

func at(seconds int64) swift.Timestamp {
	return swift.NewTimestamp((1_700_000_000+seconds)*100_000, 0)
}

type node struct {
	t        testing.TB
	root     string
	pool     *broker.Pool
	datadir  string
	s        *Server
	hash     string // of the database under test
	database Database
}

func newPool(t testing.TB, h *host.Host, root string) *broker.Pool {
	hasher, err := swift.NewHasher("", "changeme")
	require.NoError(t, err)
	cfg := broker.DefaultConfig()
	cfg.Devices = root
	return broker.NewPool(h, hasher, cfg, nil)
}

func newNode(t testing.TB, datadir string) *node {
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "sda"), 0o755))
	h := real.New("test", slog.New(slog.DiscardHandler))
	n := &node{t: t, root: root, pool: newPool(t, h, root), datadir: datadir}
	t.Cleanup(func() { require.NoError(t, n.pool.Close()) })
	n.s = New(h, n.pool, root, datadir)
	if datadir == broker.AccountsDir {
		n.database = n.account()
	} else {
		n.database = n.container()
	}
	n.hash = strings.TrimSuffix(filepath.Base(n.database.(interface{ File() string }).File()), ".db")
	return n
}

func (n *node) account() *broker.Account     { return n.pool.Account("sda", "0", "a") }
func (n *node) container() *broker.Container { return n.pool.Container("sda", "0", "a", "c") }

func (n *node) create(put int64, policy int) {
	n.t.Helper()
	if n.datadir == broker.AccountsDir {
		require.NoError(n.t, n.account().Create(bg, at(put), nil, swift.DefaultLimits()))
		return
	}
	require.NoError(n.t, n.container().Create(bg, broker.ContainerInit{PutTimestamp: at(put), Policy: policy, Limits: swift.DefaultLimits()}))
}

func (n *node) try(body string) (*web.Response, error) {
	return n.s.Serve(bg, "sda", "0", n.hash, []byte(body))
}

func (n *node) call(body string) (status int, answer string) {
	n.t.Helper()
	resp, err := n.try(body)
	if err != nil {
		resp = web.FromError(err)
	}
	b, err := io.ReadAll(resp.Body)
	require.NoError(n.t, err)
	require.NoError(n.t, resp.Body.Close())
	return resp.Status, string(b)
}

func (n *node) info() *broker.ReplicationInfo {
	n.t.Helper()
	i, err := n.database.ReplicationInfo(bg)
	require.NoError(n.t, err)
	return i
}

func golden(t testing.TB, name string) string {
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(b)
}

// body makes a request body.
func body(args ...any) string {
	b, err := json.Marshal(args)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// What upstream sends is taken, makes the same hash, and is answered with
// what upstream answers.
func TestRecordedExchange(t *testing.T) {
	for _, datadir := range []string{broker.AccountsDir, broker.ContainersDir} {
		t.Run(datadir, func(t *testing.T) {
			n := newNode(t, datadir)
			kind := strings.TrimSuffix(datadir, "s")
			sync := golden(t, kind+"-sync.json")
			status, _ := n.call(sync)
			require.Equal(t, 404, status)
			require.DirExists(t, filepath.Join(n.root, "sda", "tmp"), "rsync needs it next")
			n.create(1, 1)
			for _, name := range []string{"-merge_items.json", "-merge_syncs.json"} {
				status, answer := n.call(golden(t, kind+name))
				require.Equal(t, 202, status, answer)
			}
			if datadir == broker.ContainersDir {
				status, answer := n.call(golden(t, "container-merge_shard_ranges.json"))
				require.Equal(t, 202, status, answer)
				status, answer = n.call(`["get_shard_ranges"]`)
				require.Equal(t, 200, status)
				require.JSONEq(t, golden(t, "container-shard_ranges-answer.json"), answer)
			}
			status, _ = n.call(sync)
			require.Equal(t, 200, status)
			status, answer := n.call(sync) // the first took over the metadata
			require.Equal(t, 200, status)
			var got, want map[string]any
			require.NoError(t, json.Unmarshal([]byte(answer), &got))
			require.NoError(t, json.Unmarshal([]byte(golden(t, kind+"-sync-answer.json")), &want))
			require.Equal(t, want["max_row"], got["point"], "the hashes are alike")
			require.NotEqual(t, want["id"], got["id"])
			if wantMeta := want["metadata"].(string); wantMeta != "" {
				require.JSONEq(t, wantMeta, got["metadata"].(string))
			}
			want["metadata"] = got["metadata"]
			want["id"], want["point"], got["created_at"] = got["id"], got["point"], want["created_at"]
			require.Equal(t, want, got)
		})
	}
}

func TestParse(t *testing.T) {
	hash := strings.Repeat("ab", 16)
	long := `["sync", 1, "h", "id", "1700000001.00000", "1700000001.00000", "0", `
	for _, c := range []struct {
		body string
		want Call // nil: an error that contains text
		text string
	}{
		{``, nil, "not JSON"},
		{`nonsense`, nil, "not JSON"},
		{`["sync"`, nil, "not JSON"},
		{`"arg"`, nil, "Invalid object type"},
		{`{"sync": 1}`, nil, "Invalid object type"},
		{`null`, nil, "Invalid object type"},
		{`[]`, nil, "Invalid object type"},
		{`[1]`, nil, "the operation must be text"},
		{`["delete_everything"]`, Unknown{"delete_everything"}, ""},
		{`["sync", 1]`, nil, "sync: argument 2 must be text, not nothing"},
		{long + `""]`, Sync{Point: 1, Hash: "h", ID: "id", CreatedAt: "1700000001.00000", PutTimestamp: "1700000001.00000", DeleteTimestamp: "0"}, ""},
		{long + `null, "x", 2]`, Sync{Point: 1, Hash: "h", ID: "id", CreatedAt: "1700000001.00000", PutTimestamp: "1700000001.00000", DeleteTimestamp: "0"}, ""},
		{long + `"nonsense"]`, Sync{Point: 1, Hash: "h", ID: "id", CreatedAt: "1700000001.00000", PutTimestamp: "1700000001.00000", DeleteTimestamp: "0", Unreadable: "nonsense"}, ""},
		{long + `"", "1700000002.00000", "7", 3]`, Sync{
			Point: 1, Hash: "h", ID: "id", CreatedAt: "1700000001.00000", PutTimestamp: "1700000001.00000", DeleteTimestamp: "0",
			Policy: &SyncPolicy{"1700000002.00000", 7, 3},
		}, ""},
		{long + `"", "1700000002.00000", [], 3]`, nil, "argument 9 must be text"},
		{strings.Replace(long, "1700000001.00000", "soon", 1) + `""]`, nil, `"soon" is not a timestamp`},
		{`["merge_syncs", [{"remote_id": "r", "sync_point": 5, "updated_at": "x"}]]`, MergeSyncs{[]broker.SyncPoint{{RemoteID: "r", SyncPoint: 5}}}, ""},
		{`["merge_syncs"]`, nil, "merge_syncs: argument 1 must be a list, not nothing"},
		{`["merge_syncs", 5]`, nil, "merge_syncs: argument 1"},
		{`["merge_items", [], null]`, MergeItems{[]broker.Item{}, ""}, ""},
		{`["merge_items", [5], "x"]`, nil, "merge_items: argument 1"},
		{`["merge_items", []]`, nil, "argument 2 must be text"},
		{`["complete_rsync", "id-sda"]`, CompleteRsync{ID: "id-sda"}, ""},
		{`["complete_rsync", "id-sda", "` + hash + `_1700000001.00000.db"]`, CompleteRsync{"id-sda", hash + "_1700000001.00000.db"}, ""},
		{`["complete_rsync", "../../etc/passwd"]`, nil, "must be the name of a file"},
		{`["complete_rsync", ".."]`, nil, "must be the name of a file"},
		{`["complete_rsync", ""]`, nil, "must be the name of a file"},
		{`["complete_rsync", "x", "../x.db"]`, nil, "must be the name of a file"},
		{`["complete_rsync", "x", "other.db"]`, nil, "must be the name of a file of this database"},
		{`["complete_rsync", "x", "` + hash + `x.db"]`, nil, "must be the name of a file of this database"},
		{`["complete_rsync", "x", "` + hash + `.db.pending"]`, nil, "must be the name of a file of this database"},
		{`["rsync_then_merge", "id-sda"]`, RsyncThenMerge{"id-sda"}, ""},
		{`["rsync_then_merge", "a/b"]`, nil, "must be the name of a file"},
		{`["rsync_then_merge"]`, nil, "must be text, not nothing"},
		{`["merge_shard_ranges", []]`, MergeShardRanges{[]broker.ShardRange{}}, ""},
		{`["merge_shard_ranges", [{}]]`, nil, "a shard range lacks"},
		{`["get_shard_ranges", 1, 2]`, GetShardRanges{}, ""},
	} {
		t.Run(c.body, func(t *testing.T) {
			got, err := Parse([]byte(c.body), hash)
			if c.want == nil {
				require.ErrorContains(t, err, c.text)
				require.True(t, swift.Is(err, swift.Invalid), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func syncBody(i *broker.ReplicationInfo, change func(args []any) []any) string {
	args := []any{"sync", i.MaxRow, i.Hash, "remote-sdb", i.CreatedAt, i.PutTimestamp, i.DeleteTimestamp, ""}
	if i.ContainerReplication != nil {
		args = append(args, i.StatusChangedAt, i.Count, i.Policy)
	}
	return body(change(args)...)
}

func same(a []any) []any { return a }

func TestSyncTakesOverWhatIsNewer(t *testing.T) {
	n := newNode(t, broker.ContainersDir)
	n.create(10, 0)
	before := n.info()
	status, answer := n.call(syncBody(before, func(a []any) []any {
		a[4], a[5], a[6] = at(5).Internal(), at(20).Internal(), at(3).Internal()
		a[7] = `{"X-Container-Meta-K": ["v", "1700000004.00000"], "X-Container-Meta-Gone": ["", "1700000004.00000"]}`
		return a
	}))
	require.Equal(t, 200, status)
	var got broker.ReplicationInfo
	require.NoError(t, json.Unmarshal([]byte(answer), &got))
	require.Equal(t, before.PutTimestamp, got.PutTimestamp, "the answer is the state before")
	require.EqualValues(t, -1, *got.Point, "both are empty, but at the same point")
	after := n.info()
	require.Equal(t, []string{at(5).Internal(), at(20).Internal(), at(3).Internal()}, []string{after.CreatedAt, after.PutTimestamp, after.DeleteTimestamp})
	require.JSONEq(t, `{"X-Container-Meta-K": ["v", "1700000004.00000"], "X-Container-Meta-Gone": ["", "1700000004.00000"]}`, after.Metadata)

	status, _ = n.call(syncBody(before, func(a []any) []any { a[1] = 7; return a }))
	require.Equal(t, 200, status)
	point, err := n.database.Sync(bg, "remote-sdb", true)
	require.NoError(t, err)
	require.EqualValues(t, 7, point, "alike by hash")
	status, _ = n.call(syncBody(before, func(a []any) []any { a[1], a[2] = 9, strings.Repeat("1", 32); return a }))
	require.Equal(t, 200, status)
	point, err = n.database.Sync(bg, "remote-sdb", true)
	require.NoError(t, err)
	require.EqualValues(t, 7, point, "not alike")

	status, _ = n.call(syncBody(before, func(a []any) []any { a[7] = "nonsense"; return a }))
	require.Equal(t, 200, status, "unreadable metadata counts as none")
}

// Who has the right policy: the table of upstream's rule.
func TestSyncPolicyConflict(t *testing.T) {
	type state struct{ put, del, changed, count int64 }
	for _, c := range []struct {
		name        string
		here, there state
		adopt       bool
	}{
		{"older wins", state{2, 0, 2, 0}, state{1, 0, 1, 0}, true},
		{"younger loses", state{1, 0, 1, 0}, state{2, 0, 2, 0}, false},
		{"the one that is there wins over the removed", state{1, 2, 2, 0}, state{3, 0, 3, 0}, true},
		{"a removed one does not win", state{3, 0, 3, 0}, state{1, 2, 1, 0}, false},
		{"removed with objects is not removed", state{3, 0, 3, 0}, state{1, 2, 1, 9}, true},
		{"recreated wins", state{1, 0, 1, 0}, state{5, 4, 5, 0}, true},
		{"recreated stays", state{5, 4, 5, 0}, state{1, 0, 1, 0}, false},
		{"both recreated, here before the last removal", state{5, 4, 5, 0}, state{9, 8, 9, 0}, true},
		{"both recreated, there before the last removal", state{9, 8, 9, 0}, state{5, 4, 5, 0}, false},
		{"both recreated after the same removal", state{6, 4, 6, 0}, state{5, 4, 5, 0}, true},
		{"both removed, there later", state{1, 5, 5, 0}, state{1, 6, 6, 0}, true},
		{"both removed, here later", state{1, 6, 6, 0}, state{1, 5, 5, 0}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t, broker.ContainersDir)
			n.create(c.here.put, 0)
			require.NoError(t, n.container().Update(bg, func(x *broker.ContainerTx) error {
				if c.here.del > 0 {
					if err := x.MarkDeleted(at(c.here.del)); err != nil {
						return err
					}
				}
				if err := x.SetPutTimestamp(at(c.here.put)); err != nil {
					return err
				}
				return x.SetStatusChangedAt(at(c.here.changed))
			}))
			status, _ := n.call(syncBody(n.info(), func(a []any) []any {
				a[5], a[6] = at(c.there.put).Internal(), "0"
				if c.there.del > 0 {
					a[6] = at(c.there.del).Internal()
				}
				a[8], a[9], a[10] = at(c.there.changed).Internal(), c.there.count, 1
				return a
			}))
			require.Equal(t, 200, status)
			require.Equal(t, c.adopt, n.info().Policy == 1)
			if c.adopt {
				require.Greater(t, n.info().StatusChangedAt, at(1000).Internal(), "the change is of now")
			}
		})
	}
}

func TestCorruptDatabaseIsQuarantined(t *testing.T) {
	n := newNode(t, broker.ContainersDir)
	n.create(1, 0)
	sync := syncBody(n.info(), same)
	require.NoError(t, n.pool.Close())
	file := n.container().File()
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("this is not a database ", 1000)), 0o600))
	n.pool = newPool(t, n.s.host, n.root)
	n.s.pool = n.pool
	status, _ := n.call(sync)
	require.Equal(t, 404, status)
	require.NoFileExists(t, file)
	require.DirExists(t, filepath.Join(n.root, "sda", "quarantined", "containers", n.hash))
}

// sent puts the file of another replica into tmp, as rsync does.
func (n *node) sent(id string, fill func(c *node)) {
	n.t.Helper()
	other := newNode(n.t, n.datadir)
	fill(other)
	other.info() // merges what is pending
	require.NoError(n.t, other.pool.Close())
	tmp := filepath.Join(n.root, "sda", "tmp")
	require.NoError(n.t, os.MkdirAll(tmp, 0o755))
	b, err := os.ReadFile(other.database.(interface{ File() string }).File())
	require.NoError(n.t, err)
	require.NoError(n.t, os.WriteFile(filepath.Join(tmp, id), b, 0o600))
}

func row(name string, seconds int64) broker.Object {
	return broker.Object{Name: name, CreatedAt: at(seconds).Internal(), Size: 1, ContentType: "text/plain", ETag: "e"}
}

func (n *node) names() (out []string) {
	n.t.Helper()
	require.NoError(n.t, n.container().View(bg, func(x *broker.ContainerTx) error {
		entries, err := x.List(0, broker.ListOptions{Limit: 100})
		for _, e := range entries {
			out = append(out, e.Name)
		}
		return err
	}))
	return out
}

func TestCompleteRsync(t *testing.T) {
	n := newNode(t, broker.ContainersDir)
	status, _ := n.call(`["complete_rsync", "remote-sdb"]`)
	require.Equal(t, 404, status, "nothing was sent")
	fill := func(o *node) {
		o.create(1, 0)
		require.NoError(t, o.container().PutObject(bg, row("o", 2)))
	}
	n.sent("remote-sdb", fill)
	status, _ = n.call(`["complete_rsync", "remote-sdb"]`)
	require.Equal(t, 204, status)
	require.Equal(t, []string{"o"}, n.names())
	require.Contains(t, n.info().ID, "-sda", "an identity of its own")
	point, err := n.database.Sync(bg, "remote-sdb", true)
	require.NoError(t, err)
	require.EqualValues(t, 1, point)
	require.NoFileExists(t, filepath.Join(n.root, "sda", "tmp", "remote-sdb"))
	n.sent("remote-sdb", fill)
	status, _ = n.call(`["complete_rsync", "remote-sdb"]`)
	require.Equal(t, 404, status, "it exists")

	epoch := n.hash + "_1700000009.00000.db"
	n = newNode(t, broker.ContainersDir)
	n.sent("remote-sdb", fill)
	status, _ = n.call(body("complete_rsync", "remote-sdb", epoch))
	require.Equal(t, 204, status)
	require.FileExists(t, filepath.Join(filepath.Dir(n.container().File()), epoch))
	require.Equal(t, []string{"o"}, n.names())
}

// #1570118: metadata that is newer here must not be lost with the file.
func TestRsyncThenMerge(t *testing.T) {
	n := newNode(t, broker.ContainersDir)
	n.sent("remote-sdb", func(o *node) {
		o.create(1, 0)
		require.NoError(t, o.container().PutObject(bg, row("theirs", 2)))
		require.NoError(t, o.container().PutObject(bg, row("both", 5)))
		meta := broker.Metadata{}
		meta.Set("X-Container-Meta-A", "old", at(2))
		meta.Set("X-Container-Meta-B", "theirs", at(9))
		require.NoError(t, o.database.UpdateMetadata(bg, meta, nil))
	})
	status, _ := n.call(`["rsync_then_merge", "remote-sdb"]`)
	require.Equal(t, 404, status, "there is nothing to merge with")
	n.create(1, 0)
	require.NoError(t, n.container().PutObject(bg, row("ours", 2)))
	require.NoError(t, n.container().PutObject(bg, broker.DeletedObject("both", at(6), 0)))
	meta := broker.Metadata{}
	meta.Set("X-Container-Meta-A", "new", at(8))
	meta.Set("X-Container-Meta-B", "ours", at(3))
	require.NoError(t, n.database.UpdateMetadata(bg, meta, nil))
	status, _ = n.call(`["rsync_then_merge", "other-sdb"]`)
	require.Equal(t, 404, status, "nothing was sent")
	status, answer := n.call(`["rsync_then_merge", "remote-sdb"]`)
	require.Equal(t, 204, status, answer)
	require.Equal(t, []string{"ours", "theirs"}, n.names())
	require.JSONEq(t, `{"X-Container-Meta-A": ["new", "1700000008.00000"], "X-Container-Meta-B": ["theirs", "1700000009.00000"]}`, n.info().Metadata)
	require.Contains(t, n.info().ID, "-sda")
}

func TestShardCallsAreForContainers(t *testing.T) {
	n := newNode(t, broker.AccountsDir)
	for _, call := range []string{`["get_shard_ranges"]`, `["merge_shard_ranges", []]`, `["newer_than_this"]`} {
		_ = os.RemoveAll(filepath.Dir(n.account().File()))
		status, _ := n.call(call)
		require.Equal(t, 404, status, "upstream looks for the database first")
	}
	n.create(1, 0)
	for _, call := range []string{`["get_shard_ranges"]`, `["merge_shard_ranges", []]`, `["newer_than_this"]`} {
		status, _ := n.call(call)
		require.Equal(t, 400, status, call)
	}
	status, _ := n.call(golden(t, "container-merge_items.json"))
	require.Equal(t, 400, status, "objects are no rows of an account")
}

// #1980451: a replica that does not know of the sharding must not take the
// epoch away.
func TestOwnRangeWithoutEpochIsRefused(t *testing.T) {
	n := newNode(t, broker.ContainersDir)
	n.create(1, 0)
	own := func(state int, stamp int64, epoch string) string {
		return fmt.Sprintf(`["merge_shard_ranges", [{"name": "a/c", "timestamp": "1700000002.00000", "lower": "", "upper": "", "object_count": 0,
			"bytes_used": 0, "meta_timestamp": null, "deleted": 0, "state": %d, "state_timestamp": %q, "epoch": %s}], "x"]`, state, at(stamp).Normal(), epoch)
	}
	status, answer := n.call(own(60, 3, `"1700000003.00000"`))
	require.Equal(t, 202, status, answer)
	status, _ = n.call(own(40, 9, "null"))
	require.Equal(t, 202, status)
	_, answer = n.call(`["get_shard_ranges"]`)
	require.Contains(t, answer, `"epoch":"1700000003.00000"`)
	require.Contains(t, answer, `"state":60`)
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"account-sync", "container-sync", "account-merge_items", "container-merge_items", "container-merge_syncs", "container-merge_shard_ranges"} {
		f.Add([]byte(golden(f, name+".json")))
	}
	hash := strings.Repeat("0a", 16)
	f.Add([]byte(body("complete_rsync", "x-sdb", hash+"_1.db")))
	f.Add([]byte(`["rsync_then_merge", "."]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		call, err := Parse(text, hash)
		if err != nil {
			var e *swift.Error
			if !errors.As(err, &e) || e.Kind != swift.Invalid {
				t.Fatalf("%v is not of kind Invalid", err)
			}
			return
		}
		var name string
		switch call := call.(type) {
		case CompleteRsync:
			name = call.ID + call.Name
		case RsyncThenMerge:
			name = call.ID
		case MergeShardRanges:
			for _, r := range call.Ranges {
				if _, err := swift.ParseTimestamp(r.Timestamp); err != nil || r.ObjectCount < 0 || r.Upper != "" && r.Lower > r.Upper {
					t.Fatalf("%+v", r)
				}
			}
		}
		if strings.ContainsAny(name, "/\x00") || name == ".." {
			t.Fatalf("%q leads elsewhere", name)
		}
	})
}

// BenchmarkParse takes a call apart that brings 1,000 rows.
func BenchmarkParse(b *testing.B) {
	var items []broker.Item
	for i := range 1000 {
		items = append(items, broker.ObjectItem(int64(i), broker.Object{
			Name: fmt.Sprintf("group-%04d/object-%08d", i/10, i), CreatedAt: "1700000002.00000", Size: 1,
			ContentType: "text/plain", ETag: "d41d8cd98f00b204e9800998ecf8427e",
		}))
	}
	body, err := json.Marshal([]any{"merge_items", items, "remote"})
	require.NoError(b, err)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		call, err := Parse(body, "hash")
		require.NoError(b, err)
		require.Len(b, call.(MergeItems).Items, 1000)
	}
}
