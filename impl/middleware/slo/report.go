package slo

import (
	"encoding/xml"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"apus/impl/web"
)

// Formats of a report.
const (
	formatText = "text/plain"
	formatJSON = "application/json"
)

var formats = [...]string{formatText, formatJSON, "application/xml", "text/xml"}

// chooseFormat is the format that an Accept header likes best, the earlier
// one of equals; "" when it accepts none. A header that cannot be read counts
// as absent.
func chooseFormat(accept string) string {
	if strings.TrimSpace(accept) == "" {
		return formatText
	}
	best, bestQ := "", 0.0
	for _, format := range formats {
		q, specific := 0.0, -1
		for _, item := range strings.Split(accept, ",") {
			pattern, params, _ := strings.Cut(strings.TrimSpace(item), ";")
			if !strings.Contains(pattern, "/") {
				return formatText
			}
			if s := matchType(strings.TrimSpace(pattern), format); s > specific {
				specific, q = s, quality(params)
			}
		}
		if q > bestQ {
			best, bestQ = format, q
		}
	}
	return best
}

// matchType tells how specifically pattern names format; -1 is not at all.
func matchType(pattern, format string) int {
	kind, _, _ := strings.Cut(format, "/")
	switch {
	case strings.EqualFold(pattern, format):
		return 2
	case strings.EqualFold(pattern, kind+"/*"):
		return 1
	case pattern == "*/*":
		return 0
	}
	return -1
}

func quality(params string) float64 {
	for _, p := range strings.Split(params, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			q, err := strconv.ParseFloat(v, 64)
			if err != nil || !(q >= 0) {
				return 0
			}
			return min(q, 1)
		}
	}
	return 1
}

// failure is an object and what was wrong with it.
type failure struct{ name, status string }

// report is what happened to many objects. Values are strings or ints.
type report struct {
	values   map[string]any
	failures []failure
}

// encode writes a report; root is its element in XML. Text is for a format
// that is none of ours.
func (r report) encode(format, root string) []byte {
	keys := make([]string, 0, len(r.values))
	for k := range r.values {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	switch {
	case format == formatJSON:
		all := map[string]any{}
		for k, v := range r.values {
			all[k] = v
		}
		errors := make([][2]string, len(r.failures))
		for i, f := range r.failures {
			errors[i] = [2]string{f.name, f.status}
		}
		all["Errors"] = errors
		return encodeJSON(all)
	case strings.HasSuffix(format, "/xml"):
		fmt.Fprintf(&b, "<%s>\n", root)
		for _, k := range keys {
			tag := strings.ToLower(strings.ReplaceAll(k, " ", "_"))
			fmt.Fprintf(&b, "<%s>%s</%s>\n", tag, escapeXML(fmt.Sprint(r.values[k])), tag)
		}
		b.WriteString("<errors>\n")
		for _, f := range r.failures {
			fmt.Fprintf(&b, "<object><name>%s</name><status>%s</status></object>\n", escapeXML(f.name), escapeXML(f.status))
		}
		fmt.Fprintf(&b, "</errors>\n</%s>\n", root)
	default:
		for _, k := range keys {
			fmt.Fprintf(&b, "%s: %v\n", k, r.values[k])
		}
		b.WriteString("Errors:\n")
		for _, f := range r.failures {
			fmt.Fprintf(&b, "%s, %s\n", f.name, f.status)
		}
	}
	return []byte(b.String())
}

func escapeXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// contentType is the header for a format.
func contentType(format string) string {
	if strings.HasPrefix(format, "text/") {
		return format + "; charset=UTF-8"
	}
	return format
}

// statusLine is "404 Not Found".
func statusLine(status int) string { return fmt.Sprintf("%d %s", status, web.StatusText(status)) }

// quote percent-encodes a name as reports do: all but letters, digits and
// _.-~/ .
func quote(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_.-~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// plainError is an answer that explains itself in plain text.
func plainError(status int, text string) *web.Response {
	return web.Text(status, text, contentType(formatText))
}
