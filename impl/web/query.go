package web

import (
	"net/url"
	"strings"
)

// Param is one parameter of a query, decoded.
type Param struct{ Name, Value string }

// ParseQuery takes a query string apart. Nothing of it is dropped: a percent
// sign that begins no escape stands for itself, a semicolon separates nothing,
// and a name without "=" has an empty value. So nothing hides from who looks
// for a parameter.
func ParseQuery(raw string) []Param {
	var out []Param
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		out = append(out, Param{unescapeParam(name), unescapeParam(value)})
	}
	return out
}

func unescapeParam(s string) string { return UnescapePath(strings.ReplaceAll(s, "+", " ")) }

// EncodeQuery is the query string of parameters, in their order.
func EncodeQuery(params []Param) string {
	var b strings.Builder
	for i, p := range params {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.Name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.Value))
	}
	return b.String()
}
