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

func readGolden[T any](t *testing.T, name string) *T {
	f, err := os.Open("testdata/" + name + ".json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	g := new(T)
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
	for i, g := range readGolden[goldenMerges](t, "merges").Merges {
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
	for i, g := range readGolden[goldenMerges](t, "merges").Shards {
		c := newContainer(t, p, fmt.Sprint("c", i))
		for _, batch := range g.Batches {
			require.NoError(t, c.MergeShardRanges(bg, batch))
		}
		got, err := c.AllShardRanges(bg)
		require.NoError(t, err)
		require.Equal(t, g.Ranges, got, i)
	}
}

type goldenListings struct {
	Names []string
	Cases []struct {
		Limit               int
		Marker              string
		EndMarker           string `json:"end_marker"`
		Prefix, Delimiter   string
		Path                *string
		Reverse             bool
		AllowReserved       bool `json:"allow_reserved"`
		Objects, Containers []string
	}
}

func TestListingsAreThoseOfUpstream(t *testing.T) {
	g := readGolden[goldenListings](t, "listings")
	p := newPool(t, nil)
	c := newContainer(t, p, "c")
	a := p.Account("sda", "7", "a")
	require.NoError(t, a.Create(bg, at(0), nil, swift.DefaultLimits()))
	for _, n := range g.Names {
		require.NoError(t, c.PutObject(bg, object(n, 1)))
		require.NoError(t, a.PutContainer(bg, ContainerRow{Name: n, PutTimestamp: at(1), ObjectCount: 1}))
	}
	for i, k := range g.Cases {
		o := ListOptions{
			Limit: k.Limit, Marker: k.Marker, EndMarker: k.EndMarker, Prefix: k.Prefix, Delimiter: k.Delimiter,
			Path: k.Path, Reverse: k.Reverse, AllowReserved: k.AllowReserved,
		}
		require.Equal(t, fmt.Sprintf("%q", k.Objects), fmt.Sprintf("%q", names(t, c, o)), "%d: %+v", i, k)
		if k.Path != nil {
			continue
		}
		got := []string{}
		require.NoError(t, a.View(bg, func(x *AccountTx) error {
			entries, err := x.List(o)
			for _, e := range entries {
				got = append(got, e.Name)
			}
			return err
		}))
		require.Equal(t, fmt.Sprintf("%q", k.Containers), fmt.Sprintf("%q", got), "%d: %+v", i, k)
	}
}
