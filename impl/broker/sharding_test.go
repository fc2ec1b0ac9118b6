package broker

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/swift"
)

func shard(name, lower, upper string, state int) ShardRange {
	return ShardRange{
		Name: name, Timestamp: at(1).Normal(), Lower: lower, Upper: upper, State: state, ObjectCount: 10, BytesUsed: 100,
		MetaTimestamp: at(1).Normal(), StateTimestamp: at(1).Normal(), Tombstones: -1,
	}
}

func epoch(r ShardRange, seconds int64) ShardRange {
	e := at(seconds).Normal()
	r.Epoch = &e
	return r
}

func shardNames(ranges []ShardRange) string {
	var names []string
	for _, r := range ranges {
		names = append(names, path.Base(r.Name)+"("+r.Lower+","+r.Upper+"]")
	}
	return strings.Join(names, " ")
}

func TestShardRangesAreChosen(t *testing.T) {
	c := newContainer(t, newPool(t, nil), "c")
	gone := shard(".shards_a/gone", "b", "c", ShardActive)
	gone.Deleted = 1
	require.NoError(t, c.MergeShardRanges(bg, []ShardRange{
		shard(".shards_a/3", "m", "t", ShardCreated), shard(".shards_a/2", "d", "m", ShardActive),
		shard(".shards_a/1", "", "d", ShardCleaved), gone, shard("AUTH_test/c", "", "", ShardSharding),
	}))
	const own = "c(,]"
	for _, k := range []struct {
		name   string
		filter ShardFilter
		want   string
	}{
		{"all", ShardFilter{}, "1(,d] 2(d,m] 3(m,t]"},
		{"own", ShardFilter{IncludeOwn: true}, "1(,d] 2(d,m] 3(m,t] " + own},
		{"own only", ShardFilter{IncludeOwn: true, ExcludeOthers: true}, own},
		{"nothing", ShardFilter{ExcludeOthers: true}, ""},
		{"deleted", ShardFilter{IncludeDeleted: true}, "gone(b,c] 1(,d] 2(d,m] 3(m,t]"},
		{"states", ShardFilter{States: []int{ShardActive, ShardCleaved}}, "1(,d] 2(d,m]"},
		{"marker is in no range that ends there", ShardFilter{Marker: "d"}, "2(d,m] 3(m,t]"},
		{"end marker", ShardFilter{EndMarker: "d"}, "1(,d]"},
		{"markers", ShardFilter{Marker: "c", EndMarker: "e"}, "1(,d] 2(d,m]"},
		{"markers in the wrong order", ShardFilter{Marker: "e", EndMarker: "c"}, ""},
		{"reverse", ShardFilter{Marker: "e", EndMarker: "c", Reverse: true}, "2(d,m] 1(,d]"},
		{"includes", ShardFilter{Includes: "d"}, "1(,d]"},
		{"includes past all", ShardFilter{Includes: "z"}, ""},
		{"fill gaps", ShardFilter{FillGaps: true}, "1(,d] 2(d,m] 3(m,t] c(t,]"},
		{"fill gaps to the end marker", ShardFilter{FillGaps: true, Marker: "e", EndMarker: "v"}, "2(d,m] 3(m,t] c(t,v]"},
		{"fill gaps, no gap", ShardFilter{FillGaps: true, EndMarker: "p"}, "1(,d] 2(d,m] 3(m,t]"},
		{"fill gaps, nothing in that state", ShardFilter{FillGaps: true, States: []int{ShardShrunk}}, "c(,]"},
		{"none", ShardFilter{None: true}, ""},
		{"none, fill gaps", ShardFilter{None: true, FillGaps: true, EndMarker: "k"}, "c(,k]"},
		{"fill gaps, none found", ShardFilter{FillGaps: true, Marker: "u"}, "c(u,]"},
	} {
		t.Run(k.name, func(t *testing.T) {
			got, err := c.ShardRanges(bg, k.filter)
			require.NoError(t, err)
			require.Equal(t, k.want, shardNames(got))
		})
	}
}

// become makes c a container of a later sharding state, as the sharder does:
// with a file of an epoch beside or instead of its own.
func become(t *testing.T, p *Pool, c *Container, retire bool, ranges ...ShardRange) {
	fresh := p.Container("sda", "8", "AUTH_test", "c")
	require.NoError(t, fresh.Create(bg, ContainerInit{PutTimestamp: at(0)}))
	require.NoError(t, fresh.MergeShardRanges(bg, ranges))
	hash := strings.TrimSuffix(path.Base(c.File()), ".db")
	require.NoError(t, p.host.FS.Rename(fresh.File(), path.Join(path.Dir(c.File()), hash+"_"+at(50).Normal()+".db")))
	if retire {
		require.NoError(t, p.host.FS.Remove(c.File()))
	}
}

func TestDBStates(t *testing.T) {
	own := shard("AUTH_test/c", "", "", ShardSharded)
	for _, k := range []struct {
		name   string
		retire bool
		ranges []ShardRange
		want   DBState
		count  int64
		listed []string
	}{
		{"sharding", false, []ShardRange{epoch(own, 50), shard(".shards_a/1", "", "", ShardFound)}, DBSharding, 1, []string{"new"}},
		{"sharded", true, []ShardRange{epoch(own, 50), shard(".shards_a/1", "", "m", ShardActive), shard(".shards_a/2", "m", "", ShardFound)}, DBSharded, 10, []string{"new"}},
		{"collapsed", true, []ShardRange{epoch(own, 50)}, DBCollapsed, 1, []string{"new"}},
		{"epoch of another sharding", true, []ShardRange{epoch(own, 40)}, DBUnsharded, 1, []string{"new"}},
		{"own range lost its epoch", true, []ShardRange{own}, DBUnsharded, 1, []string{"new"}},
	} {
		t.Run(k.name, func(t *testing.T) {
			p := newPool(t, nil)
			c := p.Container("sda", "7", "AUTH_test", "c")
			state, err := c.DBState(bg)
			require.NoError(t, err)
			require.Equal(t, DBNotFound, state)
			require.NoError(t, c.Create(bg, ContainerInit{PutTimestamp: at(0)}))
			state, err = c.DBState(bg)
			require.NoError(t, err)
			require.Equal(t, DBUnsharded, state)
			require.NoError(t, c.PutObject(bg, object("old", 1)))
			require.Equal(t, []string{"old"}, names(t, c, ListOptions{}))
			require.NoError(t, c.PutObject(bg, object("new", 2)), "pending when the files change")
			become(t, p, c, k.retire, k.ranges...)
			state, err = c.DBState(bg)
			require.NoError(t, err)
			require.Equal(t, k.want, state)
			require.Equal(t, k.listed, names(t, c, ListOptions{}), "pending rows belong to the newest file")
			i := info(t, c)
			require.Equal(t, k.count, i.ObjectCount)
			require.Equal(t, k.want, i.DBState)
			found := p.ContainerFile(path.Join(path.Dir(c.File()), strings.TrimSuffix(path.Base(c.File()), ".db")+"_"+at(50).Normal()+".db"))
			require.Equal(t, c.File(), found.File())
			require.True(t, swift.Is(c.Create(bg, ContainerInit{}), swift.Conflict))
			begun, err := c.ShardingInitiated(bg)
			require.NoError(t, err)
			require.Equal(t, len(k.ranges) > 1, begun)
			require.NoError(t, c.Remove(bg))
			state, err = c.DBState(bg)
			require.NoError(t, err)
			require.Equal(t, DBNotFound, state)
		})
	}
}

func TestARemoteRangeWithoutEpochIsRefused(t *testing.T) {
	c := newContainer(t, newPool(t, nil), "c")
	own := epoch(shard("AUTH_test/c", "", "", ShardSharded), 50)
	require.NoError(t, c.MergeShardRanges(bg, []ShardRange{own}))
	remote := shard("AUTH_test/c", "", "", ShardActive)
	remote.Timestamp, remote.StateTimestamp = at(90).Normal(), at(90).Normal()
	require.NoError(t, c.MergeRemoteShardRanges(bg, []ShardRange{remote, shard(".shards_a/1", "", "", ShardActive)}, "test"))
	got, err := c.OwnShardRange(bg, true)
	require.NoError(t, err)
	require.Equal(t, own, *got)
	ranges, err := c.ShardRanges(bg, ShardFilter{})
	require.NoError(t, err)
	require.Len(t, ranges, 1, "the others are taken")
	remote = epoch(remote, 80)
	require.NoError(t, c.MergeRemoteShardRanges(bg, []ShardRange{remote}, "test"))
	got, err = c.OwnShardRange(bg, true)
	require.NoError(t, err)
	require.Equal(t, at(80).Normal(), *got.Epoch)
}

func TestRootsAndShards(t *testing.T) {
	p := newPool(t, nil)
	for _, k := range []struct {
		name, key, value string
		own              *ShardRange
		root             bool
		path             string
	}{
		{"never sharded", "", "", nil, true, ""},
		{"quoted", "Quoted-Root", "AUTH_test/r%20t", nil, false, "AUTH_test/r t"},
		{"plain", "Root", "AUTH_test/plain", nil, true, "AUTH_test/plain"},
		{"legacy deleted shard", "", "", &ShardRange{Deleted: 1}, false, ""},
	} {
		t.Run(k.name, func(t *testing.T) {
			c := newContainer(t, p, k.name)
			if k.key != "" {
				m := Metadata{}
				m.Set(shardSysmeta+k.key, k.value, at(1))
				require.NoError(t, c.UpdateMetadata(bg, m, nil))
			}
			if k.own != nil {
				own := shard("AUTH_test/"+k.name, "", "", ShardShrunk)
				own.Deleted = 1
				require.NoError(t, c.MergeShardRanges(bg, []ShardRange{own}))
			}
			require.NoError(t, c.View(bg, func(x *ContainerTx) error {
				root, err := x.IsRoot()
				require.NoError(t, err)
				require.Equal(t, k.root, root)
				path, err := x.RootPath()
				require.Equal(t, k.path, path)
				return err
			}))
		})
	}
}

func TestPoliciesOfAContainer(t *testing.T) {
	c := newContainer(t, newPool(t, nil), "c")
	many := func() bool { yes, err := c.HasMultiplePolicies(bg); require.NoError(t, err); return yes }
	require.NoError(t, c.PutObject(bg, object("a", 1)))
	require.False(t, many())
	moved := object("b", 2)
	moved.Policy = 1
	require.NoError(t, c.PutObject(bg, moved))
	require.True(t, many())
	rows, err := c.MisplacedSince(bg, -1, 10)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, "b", rows[0].Name)
	require.NoError(t, c.SetReconcilerSync(bg, rows[0].RowID))
	point, err := c.ReconcilerSync(bg)
	require.NoError(t, err)
	require.Equal(t, rows[0].RowID, point)
	require.NoError(t, c.Update(bg, func(x *ContainerTx) error { return x.SetPolicy(1, at(9)) }))
	rows, err = c.MisplacedSince(bg, -1, 10)
	require.NoError(t, err)
	require.Equal(t, "a", rows[0].Name)
	two := int64(2)
	require.NoError(t, c.SetContainerSyncPoints(bg, nil, &two))
	i := info(t, c)
	require.Equal(t, []int64{-1, 2}, []int64{i.SyncPoint1, i.SyncPoint2})
}

func TestWhichPolicyIsRight(t *testing.T) {
	ts := func(n int64) string {
		if n == 0 {
			return "0"
		}
		return at(n).Normal()
	}
	state := func(put, del, status, count int64) PolicyState {
		return PolicyState{ts(put), ts(del), ts(status), count}
	}
	for _, k := range []struct {
		name string
		a, b PolicyState
		want int
	}{
		{"the oldest", state(1, 0, 1, 0), state(2, 0, 2, 0), -1},
		{"equal", state(1, 0, 1, 0), state(1, 0, 1, 0), 0},
		{"deleted loses", state(1, 3, 3, 0), state(2, 0, 2, 0), 1},
		{"of two deleted the newest", state(1, 3, 3, 0), state(1, 4, 4, 0), 1},
		{"deleted with objects is not", state(1, 3, 1, 5), state(2, 0, 2, 0), -1},
		{"recreated wins", state(1, 0, 1, 0), state(5, 4, 5, 0), 1},
		{"recreated before the last removal loses", state(3, 2, 3, 0), state(6, 5, 6, 0), 1},
		{"both recreated since, the oldest", state(6, 2, 6, 0), state(7, 5, 7, 0), -1},
	} {
		t.Run(k.name, func(t *testing.T) {
			require.Equal(t, k.want, ComparePolicy(k.a, k.b))
			require.Equal(t, -k.want, ComparePolicy(k.b, k.a))
		})
	}
}
