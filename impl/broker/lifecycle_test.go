package broker

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/swift"
)

func container(p *Pool) *Container { return p.Container("sda", "7", "AUTH_test", "c") }

// seed makes the container c with rows a, b and the tombstone x.
func seed(t *testing.T, p *Pool) *Container {
	c := newContainer(t, p, "c")
	for _, o := range []Object{object("a", 1), object("b", 2), DeletedObject("x", at(3), 0)} {
		require.NoError(t, c.PutObject(bg, o))
	}
	set(t, c, "K", "old", 1)
	return c
}

func set(t *testing.T, c *Container, key, value string, when int64) {
	m := Metadata{}
	m.Set("X-Container-Meta-"+key, value, at(when))
	require.NoError(t, c.UpdateMetadata(bg, m, nil))
}

func meta(t *testing.T, c *Container, key string) string {
	var m Metadata
	require.NoError(t, c.View(bg, func(x *ContainerTx) (err error) { m, err = x.Metadata(); return err }))
	return m["X-Container-Meta-"+key].Value
}

func onDisk(t *testing.T, fs host.FS, fn func(p *Pool)) {
	p := simPool(t, fs)
	defer func() { require.NoError(t, p.Close()) }()
	fn(p)
}

// received puts a database with the rows b (newer) and z into tmp, as rsync
// would.
func receive(t *testing.T, p *Pool) string {
	const tmp = "/sda/tmp/remote-id"
	require.NoError(t, p.host.FS.MkdirAll("/sda/tmp", 0o755))
	r := p.Container("sda", "9", "AUTH_test", "c")
	require.NoError(t, r.Create(bg, ContainerInit{PutTimestamp: at(0)}))
	require.NoError(t, r.PutObject(bg, object("b", 20)))
	require.NoError(t, r.PutObject(bg, object("z", 21)))
	set(t, r, "R", "theirs", 5)
	require.NoError(t, p.host.FS.Rename(r.File(), tmp))
	require.NoError(t, p.host.FS.SyncDir("/sda/tmp"))
	require.NoError(t, p.host.FS.SyncDir("/sda"))
	return tmp
}

func TestReplaceSurvivesEverything(t *testing.T) {
	cutEverywhere(t, func(fs host.FS) {
		onDisk(t, fs, func(p *Pool) { receive(t, p) })
	}, func(p *Pool) error {
		return container(p).Replace(bg, "/sda/tmp/remote-id", "remote-id", "")
	}, func(p *Pool, done bool) {
		c := container(p)
		there, err := c.Exists(bg)
		require.NoError(t, err)
		require.True(t, there || !done)
		if !there {
			return
		}
		require.Equal(t, []string{"b", "z"}, names(t, c, ListOptions{}))
		point, err := c.Sync(bg, "remote-id", true)
		require.NoError(t, err)
		require.Equal(t, int64(2), point)
		require.NoError(t, c.PutObject(bg, object("n", 30)))
		require.Equal(t, []string{"b", "n", "z"}, names(t, c, ListOptions{}))
	})
}

func TestMergeFromSurvivesEverything(t *testing.T) {
	cutEverywhere(t, func(fs host.FS) {
		onDisk(t, fs, func(p *Pool) {
			seed(t, p)
			set(t, container(p), "K", "newer", 9)
			receive(t, p)
		})
	}, func(p *Pool) error {
		return container(p).MergeFrom(bg, "/sda/tmp/remote-id", "remote-id")
	}, func(p *Pool, done bool) {
		c := container(p)
		require.NoError(t, c.PutObject(bg, object("n", 30)))
		want := []string{"a", "b", "n"}
		if done || len(names(t, c, ListOptions{})) > len(want) {
			want = append(want, "z")
			require.Equal(t, "theirs", meta(t, c, "R"))
		}
		require.Equal(t, want, names(t, c, ListOptions{}))
		require.Equal(t, "newer", meta(t, c, "K"), "the metadata of this replica is kept")
	})
}

func TestMergeFromTakesTheNewerOfBoth(t *testing.T) {
	m, _ := simDisk(t, 1)
	onDisk(t, m.Process("p"), func(p *Pool) {
		c := seed(t, p)
		require.NoError(t, c.MergeSyncs(bg, []SyncPoint{{"other", 7}}, true))
		require.NoError(t, c.MergeShardRanges(bg, []ShardRange{{Name: ".shards_a/s", Timestamp: at(1).Normal(), State: ShardFound}}))
		before := info(t, c)
		tmp := receive(t, p)
		require.NoError(t, c.PutObject(bg, object("pending", 40)), "still in the pending file")
		require.NoError(t, c.MergeFrom(bg, tmp, "remote-id"))
		require.Equal(t, []string{"a", "b", "pending", "z"}, names(t, c, ListOptions{}))
		after := info(t, c)
		require.NotEqual(t, before.ID, after.ID)
		require.True(t, after.ReportedPutTimestamp.IsZero())
		points, err := c.Syncs(bg, true)
		require.NoError(t, err)
		require.Contains(t, points, SyncPoint{"other", 7})
		require.Contains(t, fmt.Sprint(points), "remote-id")
		ranges, err := c.AllShardRanges(bg)
		require.NoError(t, err)
		require.Len(t, ranges, 1)
		require.True(t, swift.Is(c.MergeFrom(bg, tmp, "remote-id"), swift.NotFound), "the file was used up")
		require.True(t, swift.Is(c.Replace(bg, tmp, "remote-id", ""), swift.NotFound))
		tmp = receive(t, p)
		require.True(t, swift.Is(c.Replace(bg, tmp, "remote-id", ""), swift.Conflict))
		require.True(t, swift.Is(c.Replace(bg, tmp, "remote-id", "../x.db"), swift.Invalid))
		require.True(t, swift.Is(p.Container("sda", "7", "AUTH_test", "none").MergeFrom(bg, tmp, "remote-id"), swift.NotFound))
	})
}

func TestMergeItemsSurvivesEverything(t *testing.T) {
	items := []Item{ObjectItem(5, DeletedObject("a", at(9), 0))}
	for i := range int64(20) {
		items = append(items, ObjectItem(6+i, object(fmt.Sprint("n", i), 9)))
	}
	cutEverywhere(t, func(fs host.FS) {
		onDisk(t, fs, func(p *Pool) { seed(t, p) })
	}, func(p *Pool) error { return container(p).MergeItems(bg, items, "remote") }, func(p *Pool, done bool) {
		c := container(p)
		point, err := c.Sync(bg, "remote", true)
		require.NoError(t, err)
		got := names(t, c, ListOptions{})
		if done {
			require.Equal(t, int64(25), point)
		}
		if point == -1 {
			require.Equal(t, []string{"a", "b"}, got)
		} else {
			require.Len(t, got, 21, "rows and sync point come together")
			require.Equal(t, int64(21), info(t, c).ObjectCount)
		}
		require.Equal(t, hashOfRows(t, c), info(t, c).Hash)
	})
}

// hashOfRows inserts the rows into a new table one by one, as the triggers
// would see them.
func hashOfRows(t testing.TB, c *Container) string {
	var got string
	require.NoError(t, c.View(bg, func(x *ContainerTx) error {
		var sum objectSum
		items, err := x.t.itemsSince(-1, 1<<30)
		for _, i := range items {
			sum.add(i.Object(), 1)
		}
		got = fmt.Sprintf("%x", sum.hash)
		return err
	}))
	return got
}

func TestReclaimSurvivesEverything(t *testing.T) {
	cutEverywhere(t, func(fs host.FS) {
		onDisk(t, fs, func(p *Pool) {
			c := seed(t, p)
			require.NoError(t, c.PutObject(bg, DeletedObject("young", at(50), 0)))
			set(t, c, "K", "", 4)
		})
	}, func(p *Pool) error {
		r, err := container(p).Reclaim(bg, at(10), at(0))
		if err == nil && r != (Reclaimed{Rows: 1, Remaining: 1}) {
			err = fmt.Errorf("reclaimed %+v", r)
		}
		return err
	}, func(p *Pool, done bool) {
		c := container(p)
		require.Equal(t, []string{"a", "b"}, names(t, c, ListOptions{}))
		items, err := c.ItemsSince(bg, -1, 10)
		require.NoError(t, err)
		if done {
			require.Len(t, items, 3)
			var m Metadata
			require.NoError(t, c.View(bg, func(x *ContainerTx) (err error) { m, err = x.Metadata(); return err }))
			require.Empty(t, m)
		}
		require.Equal(t, hashOfRows(t, c), info(t, c).Hash)
	})
}

func TestReclaimWorksInBatches(t *testing.T) {
	c := newContainer(t, newPool(t, nil), "c")
	var items []Item
	for i := range 2*reclaimBatch + 5 {
		o := DeletedObject(fmt.Sprintf("t%06d", i), at(int64(i%2)*100), 0)
		items = append(items, ObjectItem(int64(i), o))
	}
	require.NoError(t, c.MergeItems(bg, append(items, ObjectItem(0, object("alive", 1))), ""))
	require.NoError(t, c.MergeSyncs(bg, []SyncPoint{{"r", 3}}, false))
	r, err := c.Reclaim(bg, at(50), at(50))
	require.NoError(t, err)
	require.Equal(t, Reclaimed{Rows: reclaimBatch + 3, Remaining: reclaimBatch + 2}, r)
	require.Equal(t, []string{"alive"}, names(t, c, ListOptions{}))
	points, err := c.Syncs(bg, false)
	require.NoError(t, err)
	require.Len(t, points, 1, "set just now, by the clock of this machine")
	_, err = c.Reclaim(bg, at(50), swift.TimestampOf(time.Now().Add(time.Hour)))
	require.NoError(t, err)
	points, err = c.Syncs(bg, false)
	require.NoError(t, err)
	require.Empty(t, points)
}

const week = 7 * 24 * time.Hour

func TestRemoveIfReclaimed(t *testing.T) {
	m, _ := simDisk(t, 1)
	onDisk(t, m.Process("p"), func(p *Pool) {
		c := seed(t, p)
		remove := func(after time.Duration) bool {
			ok, err := c.RemoveIfReclaimed(bg, at(100).Time().Add(after), week)
			require.NoError(t, err)
			return ok
		}
		require.False(t, remove(2*week), "not deleted")
		require.NoError(t, c.Update(bg, func(x *ContainerTx) error { return x.MarkDeleted(at(100)) }))
		require.False(t, remove(2*week), "not empty")
		for _, n := range []string{"a", "b"} {
			require.NoError(t, c.PutObject(bg, DeletedObject(n, at(99), 0)))
		}
		require.False(t, remove(2*week), "the account was not told")
		require.NoError(t, c.Update(bg, func(x *ContainerTx) error {
			i, err := x.Info()
			return errors.Join(err, x.SetReported(i))
		}))
		require.False(t, remove(week-time.Second), "too young")
		require.NoError(t, c.PutObject(bg, object("late", 101)), "in the pending file")
		require.False(t, remove(2*week), "something came")
		require.NoError(t, c.PutObject(bg, DeletedObject("late", at(102), 0)))
		ok, err := c.Reclaimable(bg, at(100).Time().Add(2*week), week)
		require.NoError(t, err)
		require.True(t, ok)
		require.True(t, remove(2*week))
		_, err = p.host.FS.Stat("/sda/containers/7")
		require.True(t, notExist(err), "empty directories go too: %v", err)
		there, err := c.Exists(bg)
		require.NoError(t, err)
		require.False(t, there)
		deleted, err := c.IsDeleted(bg)
		require.NoError(t, err)
		require.True(t, deleted)
		require.NoError(t, c.Create(bg, ContainerInit{PutTimestamp: at(200)}))
		require.Empty(t, names(t, c, ListOptions{}), "nothing of it comes back")
	})
}

func TestRemovalSurvivesEverything(t *testing.T) {
	cutEverywhere(t, func(fs host.FS) {
		onDisk(t, fs, func(p *Pool) {
			c := seed(t, p)
			require.NoError(t, c.PutObject(bg, object("p", 5)))
		})
	}, func(p *Pool) error { return container(p).Remove(bg) }, func(p *Pool, done bool) {
		c := container(p)
		there, err := c.Exists(bg)
		require.NoError(t, err)
		require.False(t, there && done)
		if there {
			require.Equal(t, []string{"a", "b", "p"}, names(t, c, ListOptions{}))
			return
		}
		require.NoError(t, c.Create(bg, ContainerInit{PutTimestamp: at(200)}))
		if done {
			require.Empty(t, names(t, c, ListOptions{}), "nothing of it comes back")
		}
	})
}

func TestQuarantineSurvivesEverything(t *testing.T) {
	cutEverywhere(t, func(fs host.FS) {
		onDisk(t, fs, func(p *Pool) { seed(t, p) })
	}, func(p *Pool) error {
		if err := container(p).Quarantine(bg, errors.New("a test")); !swift.Is(err, swift.Corrupt) {
			return err
		}
		return nil
	}, func(p *Pool, _ bool) {
		c := container(p)
		hash := path.Base(path.Dir(c.File()))
		inPlace, err := c.Exists(bg)
		require.NoError(t, err)
		entries, _ := p.host.FS.ReadDir("/sda/quarantined/containers")
		moved := len(entries) > 0 && strings.HasPrefix(entries[0].Name(), hash)
		require.True(t, inPlace || moved, "the database is somewhere")
		require.NoError(t, c.PutObjectOrCreate(bg))
	})
}

func TestDamageIsQuarantined(t *testing.T) {
	m, _ := simDisk(t, 1)
	onDisk(t, m.Process("p"), func(p *Pool) {
		a := p.Account("sda", "7", "AUTH_test")
		c := container(p)
		for _, b := range []*Database{&a.Database, &c.Database} {
			for range 2 {
				plant(t, p, b.File(), syncSchema)
				f, err := p.host.FS.OpenFile(b.File(), host.ReadWrite, 0)
				require.NoError(t, err)
				_, err = f.WriteAt([]byte("this is no database"), 0)
				require.NoError(t, err)
				require.NoError(t, f.Close())
				_, err = b.ReplicationInfo(bg)
				require.True(t, swift.Is(err, swift.Corrupt), "%v", err)
				there, err := b.Exists(bg)
				require.NoError(t, err)
				require.False(t, there)
			}
			entries, err := p.host.FS.ReadDir("/sda/quarantined/" + b.Kind())
			require.NoError(t, err)
			require.Len(t, entries, 2, "the second beside the first")
		}
		require.NoError(t, a.PossiblyQuarantine(bg, nil))
		other := errors.New("other")
		require.Equal(t, other, a.PossiblyQuarantine(bg, other))
	})
}
