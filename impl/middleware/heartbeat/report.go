package heartbeat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"apus/impl/logline"
	"apus/impl/web"
)

// Formats of a report, as media types.
const (
	Text = "text/plain"
	JSON = "application/json"
)

// Formats are all of them, the best liked first.
func Formats() []string { return []string{Text, JSON, "application/xml", "text/xml"} }

// Choose is the one of formats that an Accept header likes best; "" when it
// accepts none. A header that cannot be read counts as absent.
func Choose(accept string, formats ...string) string {
	best, err := web.Acceptable(accept, formats...)
	if err != nil {
		return Text
	}
	return best
}

// Offer is Choose for answers that are refused, in the text form, when the
// header cannot be read.
func Offer(accept string) string {
	best, err := web.Acceptable(accept, Formats()...)
	if err != nil {
		return ""
	}
	return best
}

// Failure is an object, percent-encoded, and what was wrong with it.
type Failure struct{ Name, Status string }

// Report is what happened to objects. Values are strings or ints.
type Report struct {
	Values   map[string]any
	Failures []Failure
}

// Encode writes a report; root is its element in XML. Text is for a format
// that is none of ours.
func (r Report) Encode(format, root string) []byte {
	keys := make([]string, 0, len(r.Values))
	for k := range r.Values {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	switch {
	case format == JSON:
		all := map[string]any{}
		for k, v := range r.Values {
			all[k] = v
		}
		errors := make([][2]string, len(r.Failures))
		for i, f := range r.Failures {
			errors[i] = [2]string{f.Name, f.Status}
		}
		all["Errors"] = errors
		return EncodeJSON(all)
	case strings.HasSuffix(format, "/xml"):
		fmt.Fprintf(&b, "<%s>\n", root)
		for _, k := range keys {
			tag := strings.ToLower(strings.ReplaceAll(k, " ", "_"))
			fmt.Fprintf(&b, "<%s>%s</%s>\n", tag, escapeXML(fmt.Sprint(r.Values[k])), tag)
		}
		b.WriteString("<errors>\n")
		for _, f := range r.Failures {
			fmt.Fprintf(&b, "<object><name>%s</name><status>%s</status></object>\n", escapeXML(f.Name), escapeXML(f.Status))
		}
		fmt.Fprintf(&b, "</errors>\n</%s>\n", root)
	default:
		for _, k := range keys {
			fmt.Fprintf(&b, "%s: %v\n", k, r.Values[k])
		}
		b.WriteString("Errors:\n")
		for _, f := range r.Failures {
			fmt.Fprintf(&b, "%s, %s\n", f.Name, f.Status)
		}
	}
	return []byte(b.String())
}

func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// ContentType is the header for a format.
func ContentType(format string) string {
	if strings.HasPrefix(format, "text/") {
		return format + "; charset=UTF-8"
	}
	return format
}

// StatusLine is "404 Not Found".
func StatusLine(status int) string { return fmt.Sprintf("%d %s", status, web.StatusText(status)) }

// Quote percent-encodes a name as reports do.
func Quote(name string) string { return logline.Quote(name, "/") }

// EncodeJSON leaves <, > and & as they are. It is for what cannot fail.
func EncodeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
