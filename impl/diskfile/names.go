package diskfile

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"apus/impl/swift"
)

// Extensions of files in a hash directory.
const (
	ExtData      = ".data"
	ExtMeta      = ".meta"
	ExtTombstone = ".ts"
)

// Name is a parsed file name of a hash directory.
type Name struct {
	File      string
	Ext       string
	Timestamp swift.Timestamp
	// ContentType is when the content type in a .meta file was set; zero if
	// the name does not say.
	ContentType swift.Timestamp
}

// ParseName reads a file name; ok is false for files that are no part of an
// object, such as those that rsync is still writing.
func ParseName(file string) (n Name, ok bool) {
	n.File, n.Ext = file, path.Ext(file)
	base := strings.TrimSuffix(file, n.Ext)
	if base == "" {
		return Name{}, false
	}
	var delta string
	if n.Ext == ExtMeta {
		if at := strings.IndexAny(base, "+-"); at > 0 {
			base, delta = base[:at], base[at:]
		}
	}
	ts, err := swift.ParseTimestamp(base)
	if err != nil {
		return Name{}, false
	}
	n.Timestamp = ts
	if delta == "" {
		return n, true
	}
	// Swift's rows in databases carry a second difference; a name that does
	// is read as if it did not.
	if at := strings.IndexAny(delta[1:], "+-"); at >= 0 {
		if _, err := strconv.ParseInt(delta[1+at:], 16, 64); err != nil {
			return Name{}, false
		}
		delta = delta[:1+at]
	}
	d, err := strconv.ParseInt(delta, 16, 64)
	if err != nil || ts.Ticks()+d < 0 || ts.Ticks()+d > swift.MaxTicks {
		return Name{}, false
	}
	n.ContentType = ts
	if d != 0 {
		n.ContentType = swift.NewTimestamp(ts.Ticks()+d, 0)
	}
	return n, true
}

// FormatName is the file name for a timestamp. The name of a .meta file also
// carries the time of the content type in it, if there is one, as a signed
// hexadecimal difference.
func FormatName(ts swift.Timestamp, ext string, contentType swift.Timestamp) string {
	if ext != ExtMeta || contentType.IsZero() {
		return ts.Internal() + ext
	}
	base := ts.Normal()
	if ts.Offset() != 0 {
		base += fmt.Sprintf("_%x", ts.Offset())
	}
	return fmt.Sprintf("%s%+x%s", base, contentType.Ticks()-ts.Ticks(), ext)
}
