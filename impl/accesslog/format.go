package accesslog

import (
	"fmt"
	"strconv"
	"strings"

	"apus/impl/logline"
)

// anonymous are the fields that have the attribute "anonymized".
var anonymous = map[string]bool{
	"remote_addr": true, "path": true, "account": true, "container": true, "object": true, "referer": true, "user_agent": true,
}

func field(spec string, anonymise func(string) string) (func(*record) string, error) {
	name, digits, _ := strings.Cut(spec, ":")
	base, attr, dotted := strings.Cut(name, ".")
	switch {
	case base == "trans_time" && !dotted:
		if n, ok := decimals(digits); ok {
			return func(r *record) string { return strconv.FormatFloat(r.took.Seconds(), 'f', n, 64) }, nil
		}
	case digits != "":
	case base == "time" && logline.Layout(attr) != "":
		layout := logline.Layout(attr)
		return func(r *record) string { return r.now.UTC().Format(layout) }, nil
	case fields[base] != nil && !dotted:
		return fields[base], nil
	case anonymous[base] && attr == "anonymized":
		return func(r *record) string { return anonymise(fields[base](r)) }, nil
	}
	return nil, fmt.Errorf("has an unknown field {%s}", spec)
}

// decimals reads ".4f"; -1 is as many as there are.
func decimals(spec string) (int, bool) {
	if spec == "" {
		return -1, true
	}
	spec, dot := strings.CutPrefix(spec, ".")
	spec, fixed := strings.CutSuffix(spec, "f")
	n, err := strconv.Atoi(spec)
	return n, dot && fixed && err == nil && n >= 0 && n < 20
}
