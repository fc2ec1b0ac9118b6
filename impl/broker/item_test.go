package broker

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseItems(t *testing.T) {
	text := func(s string) *string { return &s }
	number := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		text string
		want []Item
	}{
		"nothing": {`[]`, []Item{}},
		"null":    {`null`, nil},
		"object": {`[{"ROWID": 7, "name": "a\u00e9\"", "created_at": "1.0", "size": 3, "content_type": "t/p", "etag": "e", "deleted": 1,
			"storage_policy_index": 2, "ctype_timestamp": "2.0", "meta_timestamp": "3.0"}]`,
			[]Item{ObjectItem(7, Object{Name: "aé\"", CreatedAt: "1.0", Size: 3, ContentType: "t/p", ETag: "e", Deleted: true, Policy: 2, CtypeTimestamp: "2.0", MetaTimestamp: "3.0"})}},
		"object of an older Swift, with numbers as text": {`[{"name": "a", "created_at": "1.0", "size": "3", "deleted": false, "x": [{}], "ctype_timestamp": null}]`,
			[]Item{ObjectItem(0, Object{Name: "a", CreatedAt: "1.0", Size: 3})}},
		"container": {`[{"ROWID": 1, "name": "c", "put_timestamp": "1.0", "delete_timestamp": "0", "object_count": 4, "bytes_used": "5", "deleted": true}]`,
			[]Item{{1, &containerEntry{name: "c", put: text("1.0"), del: text("0"), objects: number(4), bytes: number(5), deleted: true}}}},
		"container that leaves what is there": {`[{"name": "c", "put_timestamp": null, "object_count": null, "storage_policy_index": 1, "created_at": null}]`,
			[]Item{{0, &containerEntry{name: "c", policy: 1}}}},
		"the last of equal keys": {`[{"name": "a", "name": "b", "created_at": "1.0"}]`, []Item{ObjectItem(0, Object{Name: "b", CreatedAt: "1.0"})}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseItems([]byte(c.text))
			require.NoError(t, err)
			require.Equal(t, c.want, got)

			var again []Item // by encoding/json, both ways
			sent, err := json.Marshal(got)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(sent, &again))
			require.Equal(t, c.want, again)
		})
	}
	for _, bad := range []string{``, `{}`, `[1]`, `[{"name": 1, "created_at": ""}]`, `[{"name": "a", "size": "x"}]`, `[{"name": "a", "size": 1.5}]`, `[] x`, `[{"name": "a"`} {
		_, err := ParseItems([]byte(bad))
		require.Error(t, err, bad)
	}
}
