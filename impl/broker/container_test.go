package broker

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"apus/impl/swift"
)

func TestContainerLifecycle(t *testing.T) {
	p := newPool(t, nil)
	c := p.Container("sda", "7", "AUTH_test", "c")
	err := c.View(bg, func(*ContainerTx) error { return nil })
	require.True(t, swift.Is(err, swift.NotFound), "%v", err)
	require.True(t, swift.Is(c.PutObject(bg, object("o", 1)), swift.NotFound))

	init := ContainerInit{PutTimestamp: at(0), Policy: 2, Limits: swift.DefaultLimits(), Metadata: Metadata{}}
	init.Metadata.Set("X-Container-Meta-A", "1", at(0))
	require.NoError(t, c.Create(bg, init))
	require.True(t, swift.Is(c.Create(bg, init), swift.Conflict))

	require.NoError(t, c.PutObject(bg, Object{Name: "o", CreatedAt: at(1).Internal(), Size: 7, Policy: 2, ContentType: "x", ETag: "y"}))
	i := info(t, c)
	require.Equal(t, int64(1), i.ObjectCount)
	require.Equal(t, int64(7), i.BytesUsed)
	require.Equal(t, "c", i.Container)
	require.Equal(t, 2, i.Policy)
	require.NotEqual(t, "00000000000000000000000000000000", i.Hash)
	require.True(t, i.Stale())
	require.False(t, i.Deleted())

	require.NoError(t, c.PutObject(bg, DeletedObject("o", at(2), 2)))
	require.NoError(t, c.Update(bg, func(x *ContainerTx) error {
		empty, err := x.Empty()
		require.NoError(t, err)
		require.True(t, empty)
		require.NoError(t, x.MarkDeleted(at(3)))
		i, err := x.Info()
		require.NoError(t, err)
		require.True(t, i.Deleted())
		m, err := x.Metadata()
		require.NoError(t, err)
		require.Equal(t, Metadata{"X-Container-Meta-A": {"", at(3).Internal()}}, m)
		return x.SetReported(i)
	}))
	require.False(t, info(t, c).Stale())

	require.NoError(t, c.Update(bg, func(x *ContainerTx) error {
		require.NoError(t, x.SetPolicy(1, at(4)))
		require.NoError(t, x.SetPutTimestamp(at(4)))
		return x.SetPutTimestamp(at(1))
	}))
	i = info(t, c)
	require.Equal(t, at(4), i.PutTimestamp)
	require.Equal(t, 1, i.Policy)
	require.False(t, i.Deleted())
}

func TestUpdateRollsBack(t *testing.T) {
	c := newContainer(t, newPool(t, nil), "c")
	require.NoError(t, c.PutObject(bg, object("o", 1)))
	refused := swift.E("test", "", swift.Conflict, nil)
	err := c.Update(bg, func(x *ContainerTx) error {
		require.NoError(t, x.SetPutTimestamp(at(9)))
		return refused
	})
	require.ErrorIs(t, err, refused)
	require.Equal(t, at(0), info(t, c).PutTimestamp)
	require.Equal(t, []string{"o"}, names(t, c, ListOptions{}))
}

func TestSupersede(t *testing.T) {
	times := func(data, ctype, meta int64) string { return encodeTimes(at(data), at(ctype), at(meta)) }
	old := Object{Name: "o", CreatedAt: times(10, 20, 30), Size: 1, ContentType: "old/type;swift_bytes=100", ETag: "old"}
	cases := []struct {
		name   string
		update Object
		want   Object
		newer  bool
	}{
		{"older in all", Object{CreatedAt: times(9, 9, 9), Size: 2, ContentType: "new/type", ETag: "new"}, old, false},
		{"same time", Object{CreatedAt: times(10, 20, 30), Size: 2, ContentType: "new/type", ETag: "new"}, old, false},
		{"newer data, older type", Object{CreatedAt: times(15, 15, 15), Size: 2, ContentType: "new/type;swift_bytes=200", ETag: "new"},
			Object{CreatedAt: times(15, 20, 30), Size: 2, ContentType: "old/type;swift_bytes=200", ETag: "new"}, true},
		{"newer in all", Object{CreatedAt: times(40, 40, 40), Size: 2, ContentType: "new/type", ETag: "new"},
			Object{CreatedAt: times(40, 40, 40), Size: 2, ContentType: "new/type", ETag: "new"}, true},
		{"type by its own header", Object{CreatedAt: times(5, 5, 5), CtypeTimestamp: at(25).Internal(), Size: 2, ContentType: "new/type", ETag: "new"},
			Object{CreatedAt: times(10, 25, 30), Size: 1, ContentType: "new/type;swift_bytes=100", ETag: "old"}, true},
		{"metadata time only", Object{CreatedAt: times(10, 10, 10), MetaTimestamp: at(50).Internal(), Size: 2, ContentType: "new/type", ETag: "new"},
			Object{CreatedAt: times(10, 20, 50), Size: 1, ContentType: "old/type;swift_bytes=100", ETag: "old"}, true},
		{"removal", Object{CreatedAt: times(40, 40, 40), Deleted: true, ContentType: "application/deleted", ETag: "noetag"},
			Object{CreatedAt: times(40, 40, 40), Deleted: true, ContentType: "application/deleted", ETag: "noetag"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := c.update
			got.Name = "o"
			before := old
			times, err := got.times()
			newer := got.supersede(times, &before)
			require.NoError(t, err)
			c.want.Name = "o"
			require.Equal(t, c.newer, newer)
			require.Empty(t, cmp.Diff(c.want, got))
			require.Equal(t, old, before)
		})
	}
}

// Whatever the order in which updates arrive and are merged, the rows are the
// same.
func TestMergeOrderDoesNotMatter(t *testing.T) {
	updates := []Object{object("a", 1), object("a", 3), DeletedObject("a", at(2), 0), object("b", 5), DeletedObject("b", at(6), 0), object("b", 4)}
	var hashes []string
	for round := range 6 {
		c := newContainer(t, newPool(t, nil), "c")
		for i := range updates {
			require.NoError(t, c.PutObject(bg, updates[(i*5+round)%6]))
			if i == round {
				info(t, c)
			}
		}
		require.Equal(t, []string{"a"}, names(t, c, ListOptions{}))
		hashes = append(hashes, info(t, c).Hash)
	}
	for _, h := range hashes {
		require.Equal(t, hashes[0], h)
	}
}

func TestConcurrentPutsAreAllThere(t *testing.T) {
	c := newContainer(t, newPool(t, nil), "c")
	const writers, each = 8, 150 // more than the pending file holds
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := c.PutObject(bg, object(fmt.Sprintf("%d/%03d", w, i), 1)); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					info(t, c)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(writers*each), info(t, c).ObjectCount)
}

// Two pools stand for two processes.
func TestTwoProcesses(t *testing.T) {
	root := t.TempDir()
	one := newPool(t, nil)
	two := poolAt(t, one.cfg.Devices, nil)
	_ = root
	c1 := newContainer(t, one, "c")
	c2 := two.ContainerFile(c1.File())
	var wg sync.WaitGroup
	for i, c := range []*Container{c1, c2} {
		wg.Go(func() {
			for n := range 100 {
				if err := c.PutObject(bg, object(fmt.Sprintf("%d-%d", i, n), 1)); err != nil {
					t.Error(err)
				}
				if n%10 == 0 {
					if err := c.Update(bg, func(x *ContainerTx) error { return x.SetPutTimestamp(at(int64(n))) }); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(200), info(t, c1).ObjectCount)
	require.Equal(t, info(t, c1), info(t, c2))
}

func TestDecodeTimes(t *testing.T) {
	for _, s := range []string{
		"1700000000.00000", "1700000000.00000+1+0", "1700000000.00000-a+ff", "1700000000.00000_1f", "1700000000.00000_1f+5+0",
	} {
		d, c, m, err := decodeTimes(s)
		require.NoError(t, err, s)
		require.Equal(t, s, encodeTimes(d, c, m))
	}
	_, _, m, err := decodeTimes("1700000000.00000+1-1")
	require.NoError(t, err)
	require.Equal(t, at(0), m)
	_, _, _, err = decodeTimes("yesterday")
	require.Error(t, err)
}
