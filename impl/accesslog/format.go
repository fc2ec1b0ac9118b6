package accesslog

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// format makes lines of records.
type format []part

// part is literal text, or a value if there is a function for one.
type part struct {
	text  string
	value func(*record) string
}

func (f format) line(r *record) string {
	var b strings.Builder
	for _, p := range f {
		if p.value == nil {
			b.WriteString(p.text)
		} else if v := p.value(r); v != "" {
			b.WriteString(v)
		} else {
			b.WriteByte('-')
		}
	}
	return b.String()
}

// parse reads Python's format syntax as far as log lines use it: {name},
// {name.attribute}, {trans_time:.4f}, {{ and }}.
func parse(t string, anonymise func(string) string) (format, error) {
	var f format
	var text strings.Builder
	for t != "" {
		i := strings.IndexAny(t, "{}")
		if i < 0 {
			text.WriteString(t)
			break
		}
		text.WriteString(t[:i])
		t = t[i:]
		if strings.HasPrefix(t, "{{") || strings.HasPrefix(t, "}}") {
			text.WriteByte(t[0])
			t = t[2:]
			continue
		}
		end := strings.IndexByte(t, '}')
		if t[0] == '}' || end < 0 {
			return nil, fmt.Errorf("has a single %q", t[0])
		}
		value, err := field(t[1:end], anonymise)
		if err != nil {
			return nil, err
		}
		f = append(f, part{text: text.String()}, part{value: value})
		text.Reset()
		t = t[end+1:]
	}
	return append(f, part{text: text.String()}), nil
}

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
	case base == "time" && layouts[attr] != "":
		return func(r *record) string { return r.now.UTC().Format(layouts[attr]) }, nil
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

// layouts are the attributes of time: letters of strftime and three names.
var layouts = map[string]string{
	"a": "Mon", "A": "Monday", "b": "Jan", "B": "January", "c": time.ANSIC, "d": "02", "H": "15", "I": "03", "j": "002",
	"m": "01", "M": "04", "p": "PM", "S": "05", "x": "01/02/06", "X": "15:04:05", "y": "06", "Y": "2006", "Z": "MST",
	"datetime": "02/Jan/2006/15/04/05", "iso8601": "2006-01-02T15:04:05", "asctime": time.ANSIC,
}

// anonymiser hashes text: "{MD5}…", or "{SMD5}…" with a salt.
func anonymiser(method, salt string) (func(string) string, bool) {
	construct, ok := map[string]func() hash.Hash{
		"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New,
		"sha384": sha512.New384, "sha512": sha512.New,
	}[strings.ToLower(method)]
	label := "{" + strings.ToUpper(method) + "}"
	if salt != "" {
		label = "{S" + strings.ToUpper(method) + "}"
	}
	return func(s string) string {
		if s == "" {
			return ""
		}
		h := construct()
		h.Write([]byte(salt + s)) // hashes do not fail
		return label + hex.EncodeToString(h.Sum(nil))
	}, ok
}
