package broker

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkPutObject puts rows durably from 32 goroutines, merges included.
func BenchmarkPutObject(b *testing.B) {
	c := newContainer(b, newPool(b, nil), "c")
	var n atomic.Int64
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := c.PutObject(bg, object(fmt.Sprintf("object/%08d", n.Add(1)), 1)); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// bigContainer has n objects, per of them in each pseudo-directory. Rows do
// not lie in order of names.
func bigContainer(b *testing.B, n, per int) *Container {
	c := newContainer(b, newPool(b, nil), "big")
	for from := 0; from < n; from += 20000 {
		batch := make([]Object, 0, 20000)
		for i := from; i < min(n, from+20000); i++ {
			k := i * 7919 % n
			batch = append(batch, object(fmt.Sprintf("dir%05d/object-with-a-usual-name-%08d", k/per, k), 1))
		}
		require.NoError(b, c.Update(bg, func(x *ContainerTx) error { return x.MergeObjects(batch) }))
	}
	b.ResetTimer()
	return c
}

// BenchmarkPutObjectBig puts rows into a container of 1,000,000.
func BenchmarkPutObjectBig(b *testing.B) {
	if testing.Short() {
		b.Skip("builds a large container")
	}
	c := bigContainer(b, bigSize, 1000)
	var n atomic.Int64
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			k := n.Add(1) * 104729 % bigSize
			if err := c.PutObject(bg, object(fmt.Sprintf("dir%05d/new-object-%08d", k/1000, k), 1)); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

const bigSize = 1_000_000

func BenchmarkListing(b *testing.B) {
	if testing.Short() {
		b.Skip("builds a large container")
	}
	c := bigContainer(b, bigSize, 1000)
	for _, bm := range []struct {
		name string
		o    ListOptions
		want int
	}{
		{"10000 from the start", ListOptions{Limit: 10000}, 10000},
		{"10000 from the middle", ListOptions{Limit: 10000, Marker: "dir005"}, 10000},
		{"reverse", ListOptions{Limit: 10000, Reverse: true}, 10000},
		{"1000 groups", ListOptions{Limit: 10000, Delimiter: "/"}, 1000},
		{"1000 groups reverse", ListOptions{Limit: 10000, Delimiter: "/", Reverse: true}, 1000},
		{"one group", ListOptions{Limit: 10000, Delimiter: "/", Prefix: "dir00500/"}, 1000},
	} {
		b.Run(strings.ReplaceAll(bm.name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				got := 0
				require.NoError(b, c.View(bg, func(x *ContainerTx) error {
					entries, err := x.List(0, bm.o)
					got = len(entries)
					return err
				}))
				require.Equal(b, bm.want, got)
			}
		})
	}
}

func benchItems(n, from, of int) []Item {
	items := make([]Item, n)
	for i := range items {
		k := (from + i) * 7919 % of // not in order of names
		items[i] = ObjectItem(int64(i), object(fmt.Sprintf("dir%05d/object-with-a-usual-name-%08d", k/100, k), 1))
	}
	return items
}

// BenchmarkMergeItems merges new rows, 1,000 or 10,000 at a time as
// replication sends them.
func BenchmarkMergeItems(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newContainer(b, newPool(b, nil), "c")
			from := 0
			for b.Loop() {
				b.StopTimer()
				items := benchItems(n, from, 1_000_003)
				from += n
				b.StartTimer()
				require.NoError(b, c.MergeItems(bg, items, "remote"))
			}
			b.ReportMetric(float64(from)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkParseItems reads 1,000 rows as they come from another replica.
func BenchmarkParseItems(b *testing.B) {
	text, err := json.Marshal(benchItems(1000, 0, 1_000_003))
	require.NoError(b, err)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		items, err := ParseItems(text)
		require.NoError(b, err)
		require.Len(b, items, 1000)
	}
}
