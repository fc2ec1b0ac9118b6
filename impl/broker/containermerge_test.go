package broker

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/swift"
)

// Many rows at once leave an account as the same rows one by one, which the
// triggers count: counts, hash, policies and rows.
func TestManyContainersAsOneByOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(seconds int64) *string { s := at(seconds).Internal(); return &s }
	number := func(n int64) *int64 { return &n }
	for round := range uint64(5) {
		m, _ := simDisk(t, round)
		p := simPool(t, m.Process("p"))
		many, single := p.Account("sda", "7", "many"), p.Account("sda", "7", "single")
		for _, a := range []*Account{many, single} {
			require.NoError(t, a.Create(bg, at(0), nil, swift.DefaultLimits()))
		}
		for range 3 {
			var items []Item
			for i := range 60 {
				e := &containerEntry{
					name: fmt.Sprintf("c%d", r.IntN(70)), put: text(r.Int64N(9)), del: text(r.Int64N(9)),
					objects: number(r.Int64N(3)), bytes: number(r.Int64N(1000)), policy: r.IntN(3),
				}
				items = append(items, Item{int64(i), e})
			}
			require.NoError(t, many.MergeItems(bg, items, ""))
			for _, item := range items {
				require.NoError(t, single.MergeItems(bg, []Item{item}, ""))
			}
		}
		requireSameAccount(t, single, many)
		require.NoError(t, p.Close())
	}
}

func requireSameAccount(t *testing.T, want, got *Account) {
	t.Helper()
	read := func(a *Account) (info AccountInfo, policies []PolicyStat, rows map[string]ContainerRow) {
		require.NoError(t, a.View(bg, func(x *AccountTx) error {
			i, err := x.Info()
			require.NoError(t, err)
			info = AccountInfo{Hash: i.Hash, ContainerCount: i.ContainerCount, ObjectCount: i.ObjectCount, BytesUsed: i.BytesUsed}
			policies, err = x.PolicyStats()
			return err
		}))
		items, err := a.ItemsSince(bg, -1, 1000)
		require.NoError(t, err)
		rows = map[string]ContainerRow{}
		for _, i := range items {
			rows[i.Container().Name] = *i.Container()
		}
		require.Len(t, rows, len(items))
		return info, policies, rows
	}
	wantInfo, wantPolicies, wantRows := read(want)
	info, policies, rows := read(got)
	require.Equal(t, wantInfo, info)
	require.Equal(t, wantPolicies, policies)
	require.Equal(t, wantRows, rows)
}

// BenchmarkMergeAccountItems merges new rows into an account, 10,000 at a time.
func BenchmarkMergeAccountItems(b *testing.B) {
	a := newPool(b, nil).Account("sda", "7", "a")
	require.NoError(b, a.Create(bg, at(0), nil, swift.DefaultLimits()))
	const n = 10_000
	from := 0
	for b.Loop() {
		b.StopTimer()
		items := make([]Item, n)
		for i := range items {
			items[i] = ContainerItem(int64(i), ContainerRow{Name: fmt.Sprintf("container-%08d", (from+i)*7919%1_000_003), PutTimestamp: at(1), ObjectCount: 1})
		}
		from += n
		b.StartTimer()
		require.NoError(b, a.MergeItems(bg, items, "remote"))
	}
	b.ReportMetric(float64(from)/b.Elapsed().Seconds(), "rows/s")
}
