package web

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestParseRange(t *testing.T) {
	manyAscending := func(n int) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf("%d-%d", i*10, i*10+1))
		}
		return "bytes=" + strings.Join(parts, ",")
	}
	for _, tt := range []struct {
		name, header string
		size         int64
		verdict      RangeVerdict
		want         []Range
	}{
		{"absent", "", 10, RangeIgnored, nil},
		{"closed", "bytes=0-4", 10, RangePartial, []Range{{0, 5}}},
		{"one byte", "bytes=0-0", 10, RangePartial, []Range{{0, 1}}},
		{"open", "bytes=3-", 10, RangePartial, []Range{{3, 10}}},
		{"suffix", "bytes=-3", 10, RangePartial, []Range{{7, 10}}},
		{"suffix longer than the object", "bytes=-30", 10, RangePartial, []Range{{0, 10}}},
		{"suffix of zero", "bytes=-0", 10, RangeUnsatisfiable, nil},
		{"suffix of zero beside a good one", "bytes=-0,1-2", 10, RangePartial, []Range{{1, 3}}},
		{"end beyond the object", "bytes=5-500", 10, RangePartial, []Range{{5, 10}}},
		{"start at the end", "bytes=10-", 10, RangeUnsatisfiable, nil},
		{"start beyond the end", "bytes=11-12", 10, RangeUnsatisfiable, nil},
		{"two", "bytes=0-1,4-5", 10, RangePartial, []Range{{0, 2}, {4, 6}}},
		{"order of the request is kept", "bytes=4-5,0-1", 10, RangePartial, []Range{{4, 6}, {0, 2}}},
		{"unsatisfiable ones are dropped", "bytes=0-1,100-200", 10, RangePartial, []Range{{0, 2}}},
		{"spaces", "bytes = 0 - 1 , 4-5", 10, RangePartial, []Range{{0, 2}, {4, 6}}},
		{"upper case unit", "BYTES=0-1", 10, RangePartial, []Range{{0, 2}}},
		{"other unit", "items=0-1", 10, RangeIgnored, nil},
		{"backwards", "bytes=5-3", 10, RangeIgnored, nil},
		{"no ends", "bytes=-", 10, RangeIgnored, nil},
		{"no dash", "bytes=45", 10, RangeIgnored, nil},
		{"letters", "bytes=a-b", 10, RangeIgnored, nil},
		{"double dash", "bytes=--1", 10, RangeIgnored, nil},
		{"three numbers", "bytes=1-2-3", 10, RangeIgnored, nil},
		{"plus sign", "bytes=+1-3", 10, RangeIgnored, nil},
		{"one bad element spoils all", "bytes=0-1,x", 10, RangeIgnored, nil},
		{"empty element", "bytes=0-1,,2-3", 10, RangeIgnored, nil},
		{"nothing after the unit", "bytes=", 10, RangeIgnored, nil},
		{"unknown size", "bytes=0-1", -1, RangeIgnored, nil},
		{"suffix of an empty object", "bytes=-5", 0, RangeIgnored, nil},
		{"start in an empty object", "bytes=0-5", 0, RangeUnsatisfiable, nil},
		{"number beyond 64 bits as end", "bytes=1-99999999999999999999999", 10, RangePartial, []Range{{1, 10}}},
		{"number beyond 64 bits as start", "bytes=99999999999999999999999-", 10, RangeUnsatisfiable, nil},
		{"number beyond 64 bits as suffix", "bytes=-99999999999999999999999", 10, RangePartial, []Range{{0, 10}}},
		{"leading zeros", "bytes=00000000000000000000000001-2", 10, RangePartial, []Range{{1, 3}}},
		{"fifty", manyAscending(50), 1000, RangePartial, nil},
		{"fifty-one", manyAscending(51), 1000, RangeUnsatisfiable, nil},
		{"two overlaps", "bytes=0-5,2-3,4-9", 10, RangePartial, []Range{{0, 6}, {2, 4}, {4, 10}}},
		{"three overlaps", "bytes=0-9,1-2,3-4,5-6", 10, RangeUnsatisfiable, nil},
		{"equal ranges do not overlap", "bytes=0-4,0-4,0-4,0-4,0-4", 10, RangePartial, nil},
		{"seven out of order", "bytes=12-12,10-10,8-8,6-6,4-4,2-2,0-0", 20, RangePartial, nil},
		{"eight out of order", "bytes=14-14,12-12,10-10,8-8,6-6,4-4,2-2,0-0", 20, RangeUnsatisfiable, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, verdict := ParseRange(tt.header, tt.size)
			if verdict != tt.verdict {
				t.Fatalf("verdict %v, want %v (ranges %v)", verdict, tt.verdict, got)
			}
			if tt.want != nil && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("ranges %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5,7-", "bytes=9-1", "bytes=-", "bytes=1-2,3-4,-0", "junk"} {
		f.Add(s, int64(10))
	}
	f.Add("bytes=-1", int64(0))
	f.Add("bytes=0-9223372036854775807", int64(1)<<62)
	f.Fuzz(func(t *testing.T, header string, size int64) {
		ranges, verdict := ParseRange(header, size)
		if (verdict == RangePartial) != (len(ranges) > 0) {
			t.Fatalf("verdict %v with %d ranges", verdict, len(ranges))
		}
		if len(ranges) > maxRanges {
			t.Fatalf("%d ranges", len(ranges))
		}
		for _, r := range ranges {
			if r.Start < 0 || r.Start >= r.End || r.End > size {
				t.Fatalf("range %v of %d bytes", r, size)
			}
		}
	})
}
