package check

import (
	"strconv"
	"strings"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// span is [start, end).
type span struct{ start, end int64 }

// parseRange reads a Range header as RFC 9110 says and returns the ranges
// that a body of size bytes can satisfy, in the order asked for. Not ok when
// there is no header, or none that means anything.
func parseRange(header string, size int64) (out []span, ok bool) {
	set, found := strings.CutPrefix(header, "bytes=")
	if !found {
		return nil, false
	}
	for _, item := range strings.Split(set, ",") {
		first, last, dash := strings.Cut(strings.TrimSpace(item), "-")
		if !dash || first == "" && last == "" {
			return nil, false
		}
		a, errA := strconv.ParseInt(first, 10, 64)
		b, errB := strconv.ParseInt(last, 10, 64)
		switch {
		case first == "" && errB == nil:
			if b > 0 && size > 0 {
				out = append(out, span{max(size-b, 0), size})
			}
		case errA != nil || last != "" && errB != nil || last != "" && b < a:
			return nil, false
		case a >= size:
		case last == "":
			out = append(out, span{a, size})
		default:
			out = append(out, span{a, min(b+1, size)})
		}
	}
	return out, true
}
