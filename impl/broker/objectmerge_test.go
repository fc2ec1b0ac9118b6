package broker

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Many rows at once leave a container as the same rows one by one: names that
// are there or not, removed or not, once or in several policies.
func TestManyObjectsAsOneByOne(t *testing.T) {
	for round := range uint64(3) {
		r := rand.New(rand.NewPCG(round, 2))
		m, _ := simDisk(t, round)
		p := simPool(t, m.Process("p"))
		many, single := newContainer(t, p, "many"), newContainer(t, p, "single")
		for merge := range 3 {
			var items []Item
			for i := range 3 * readChunk {
				o := object(fmt.Sprintf("o%d", r.IntN(4*readChunk)), r.Int64N(9))
				o.Policy = r.IntN(2)
				o.Deleted = merge > 0 && r.IntN(3) == 0
				items = append(items, ObjectItem(int64(i), o))
			}
			require.NoError(t, many.MergeItems(bg, items, ""))
			for _, item := range items {
				require.NoError(t, single.MergeItems(bg, []Item{item}, ""))
			}
			requireSameContainer(t, single, many)
		}
		require.NoError(t, p.Close())
	}
}

func requireSameContainer(t *testing.T, want, got *Container) {
	t.Helper()
	read := func(c *Container) (hash string, policies []ObjectStat, rows map[objectKey]Object) {
		require.NoError(t, c.View(bg, func(x *ContainerTx) error {
			i, err := x.Info()
			require.NoError(t, err)
			hash = i.Hash
			policies, err = x.PolicyStats()
			return err
		}))
		items, err := c.ItemsSince(bg, -1, 10000)
		require.NoError(t, err)
		rows = map[objectKey]Object{}
		for _, i := range items {
			rows[objectKey{i.Object().Name, i.Object().Policy}] = *i.Object()
		}
		require.Len(t, rows, len(items))
		return hash, policies, rows
	}
	wantHash, wantPolicies, wantRows := read(want)
	hash, policies, rows := read(got)
	require.Equal(t, wantRows, rows)
	require.Equal(t, wantPolicies, policies)
	require.Equal(t, wantHash, hash)
}
