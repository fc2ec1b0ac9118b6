package broker

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/swift"
)

type goldenMerges struct {
	Merges []struct {
		Kind    string
		Batches [][]Item
		Rows    [][]any
		Stats   [][]int64
		Hash    string
		Sync    int64
	}
	Shards []struct {
		Batches [][]ShardRange
		Ranges  []ShardRange
	}
}

func readGolden(t *testing.T) *goldenMerges {
	f, err := os.Open("testdata/merges.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	g := &goldenMerges{}
	require.NoError(t, json.NewDecoder(z).Decode(g))
	return g
}

// all reads the columns of every row as text, numbers as numbers.
func all(t testing.TB, b *Database, sql string) [][]any {
	t.Helper()
	out := [][]any{}
	require.NoError(t, b.view(bg, "test", func(x *tx) error {
		return x.query(sql, nil, func(s *stmt) (bool, error) {
			row := make([]any, s.ColumnCount())
			for i := range row {
				switch s.ColumnType(i).String() {
				case "INTEGER":
					row[i] = float64(s.ColumnInt64(i))
				case "TEXT":
					row[i] = s.ColumnText(i)
				}
			}
			out = append(out, row)
			return true, nil
		})
	}))
	return out
}

func TestMergesAreThoseOfUpstream(t *testing.T) {
	p := newPool(t, nil)
	for i, g := range readGolden(t).Merges {
		t.Run(fmt.Sprint(g.Kind, i), func(t *testing.T) {
			var b *Database
			sql := "SELECT name, put_timestamp, delete_timestamp, object_count, bytes_used, deleted, storage_policy_index FROM container"
			if g.Kind == "container" {
				sql = "SELECT name, created_at, size, content_type, etag, deleted, storage_policy_index FROM object"
				b = &newContainer(t, p, fmt.Sprint("c", i)).Database
			} else {
				a := p.Account("sda", "7", fmt.Sprint("a", i))
				require.NoError(t, a.Create(bg, at(0), nil, swift.DefaultLimits()))
				b = &a.Database
			}
			for _, batch := range g.Batches {
				require.NoError(t, b.MergeItems(bg, batch, "remote"))
			}
			require.Equal(t, g.Rows, all(t, b, sql+" ORDER BY name, storage_policy_index"))
			info, err := b.ReplicationInfo(bg)
			require.NoError(t, err)
			require.Equal(t, g.Hash, info.Hash)
			stats := [][]int64{}
			for _, row := range all(t, b, "SELECT * FROM policy_stat ORDER BY storage_policy_index") {
				var n []int64
				for _, v := range row {
					n = append(n, int64(v.(float64)))
				}
				stats = append(stats, n)
			}
			require.Equal(t, g.Stats, stats)
			point, err := b.Sync(bg, "remote", true)
			require.NoError(t, err)
			require.Equal(t, g.Sync, point)
		})
	}
}

func TestShardRangesMergeAsInUpstream(t *testing.T) {
	p := newPool(t, nil)
	for i, g := range readGolden(t).Shards {
		c := newContainer(t, p, fmt.Sprint("c", i))
		for _, batch := range g.Batches {
			require.NoError(t, c.MergeShardRanges(bg, batch))
		}
		got, err := c.AllShardRanges(bg)
		require.NoError(t, err)
		require.Equal(t, g.Ranges, got, i)
	}
}
