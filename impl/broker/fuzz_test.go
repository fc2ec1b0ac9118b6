package broker

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"apus/impl/host"
	"apus/impl/swift"
)

// What the decoder of the pending file takes, it writes back the same.
func FuzzPending(f *testing.F) {
	six := []any{"n", "1700000000.00000", int64(5), "t/p", "e", int64(0)}
	for n := 6; n <= 9; n++ {
		f.Add(appendEntry(nil, append(six, int64(1), nil, "1700000001.00000")[:n]))
	}
	f.Add([]byte(":gAIoWAEAAABuZS4=:::x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, k := range []*kind{containers, accounts} {
			d := &db{pool: &Pool{host: &host.Host{Log: slog.New(slog.DiscardHandler)}}, kind: k}
			for _, r := range d.parsePending(text) {
				again := d.parsePending(appendEntry(nil, r.fields()))
				require.Len(t, again, 1)
				require.Equal(t, r.fields(), again[0].fields())
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"X-Container-Meta-A": ["v", "1700000000.00000"], "B": ["", "0"]}`))
	f.Add([]byte(`{"A": [1, 2]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var m, again Metadata
		if json.Unmarshal(text, &m) != nil {
			return
		}
		out, err := json.Marshal(m)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(out, &again))
		require.Equal(t, m, again)
		require.False(t, again.merge(m), "nothing in it is newer than itself")
	})
}

func FuzzItem(f *testing.F) {
	f.Add([]byte(`{"ROWID": 3, "name": "o", "created_at": "1700000000.00000", "size": "5", "content_type": "t", "etag": "e", "deleted": 0}`))
	f.Add([]byte(`{"ROWID": 3, "name": "c", "put_timestamp": null, "delete_timestamp": "0", "object_count": 1, "bytes_used": null, "deleted": true}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var i, again Item
		if json.Unmarshal(text, &i) != nil {
			return
		}
		out, err := json.Marshal(i)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(out, &again))
		require.Equal(t, i, again)
	})
}

// What is packed is unpacked the same, and packing what was unpacked is
// stable.
func FuzzTimes(f *testing.F) {
	for _, s := range []string{"1700000000.00000", "1700000000.00000_1f+a-b", "1.5+0+1", "0", "1700000000.00000+-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		data, ctype, meta, err := decodeTimes(s)
		if err != nil || data.Ticks() < 0 || data.Ticks() > swift.MaxTicks {
			return
		}
		packed := encodeTimes(data, ctype, meta)
		d, c, m, err := decodeTimes(packed)
		require.NoError(t, err)
		require.Equal(t, [3]int64{data.Ticks(), ctype.Ticks(), meta.Ticks()}, [3]int64{d.Ticks(), c.Ticks(), m.Ticks()})
		require.Equal(t, packed, encodeTimes(d, c, m))
	})
}

func FuzzListing(f *testing.F) {
	p := newPool(f, nil)
	c := newContainer(f, p, "c")
	var all []string
	for _, n := range []string{"a", "a/", "a/b", "a/b/c", "a/c", "a0", "b", "b//c", "b/0", "é/1", "é0"} {
		all = append(all, n)
		require.NoError(f, c.PutObject(bg, object(n, 1)))
	}
	f.Add(3, "a", "b", "a", "/", false)
	f.Add(9, "", "", "", "//", true)
	f.Fuzz(func(t *testing.T, limit int, marker, end, prefix, delimiter string, reverse bool) {
		for _, s := range []string{marker, end, prefix, delimiter} {
			if !validName(s) {
				return
			}
		}
		o := ListOptions{Limit: 1 + (limit&0xff)%12, Marker: marker, EndMarker: end, Prefix: prefix, Delimiter: delimiter, Reverse: reverse}
		require.Equal(t, model(all, o), names(t, c, o), "%+v", o)
	})
}

// validName is what the servers let through: text without a NUL.
func validName(s string) bool {
	for _, r := range s {
		if r == 0 || r == '\uFFFD' {
			return false
		}
	}
	return true
}

// Many rows at once, without the triggers, make the same database as the same
// rows one by one, with them.
func TestManyRowsAtOnceMakeTheSame(t *testing.T) {
	p := newPool(t, nil)
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		one, many := newContainer(t, p, fmt.Sprint("one", n)), newContainer(t, p, fmt.Sprint("many", n))
		for range rapid.IntRange(1, 3).Draw(r, "batches") {
			var items []Item
			for i := range rapid.IntRange(bulkRows, 3*readChunk/2).Draw(r, "rows") {
				o := object(fmt.Sprint("o", rapid.IntRange(0, 60).Draw(r, "name")), rapid.Int64Range(0, 5).Draw(r, "time"))
				o.Policy = rapid.IntRange(0, 1).Draw(r, "policy")
				o.Size = rapid.Int64Range(0, 1<<40).Draw(r, "size")
				o.Deleted = rapid.IntRange(0, 4).Draw(r, "deleted") == 0
				items = append(items, ObjectItem(int64(i), o))
			}
			require.NoError(t, many.MergeItems(bg, items, ""))
			for _, i := range items {
				require.NoError(t, one.MergeItems(bg, []Item{i}, ""))
			}
		}
		const rows = "SELECT name, created_at, size, content_type, etag, deleted, storage_policy_index FROM object ORDER BY name, storage_policy_index"
		require.Equal(t, all(t, &one.Database, rows), all(t, &many.Database, rows))
		const stats = "SELECT * FROM policy_stat WHERE object_count <> 0 OR bytes_used <> 0 ORDER BY 1"
		require.Equal(t, all(t, &one.Database, stats), all(t, &many.Database, stats))
		require.Equal(t, info(t, one).Hash, info(t, many).Hash)
		require.Equal(t, hashOfRows(t, many), info(t, many).Hash)
	})
}
