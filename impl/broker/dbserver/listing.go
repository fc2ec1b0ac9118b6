package dbserver

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"apus/impl/broker"
	"apus/impl/config"
	"apus/impl/swift"
	"apus/impl/web"
)

// Param is a query parameter, which must be UTF-8. Of several the last
// counts.
func Param(req *web.Request, name string) (value string, present bool, fault *web.Response) {
	all := req.Query()[name]
	if len(all) == 0 {
		return "", false, nil
	}
	value = all[len(all)-1]
	if !utf8.ValidString(value) {
		return "", true, web.Plain(http.StatusBadRequest, "%q parameter not valid UTF-8", name)
	}
	return value, true, nil
}

// ListOptions reads the parameters of a listing. More than most entries are
// refused.
func ListOptions(req *web.Request, most int) (broker.ListOptions, *web.Response) {
	var o broker.ListOptions
	var limit, reverse, path string
	var hasPath bool
	for _, p := range []struct {
		name    string
		value   *string
		present *bool
	}{
		{"limit", &limit, nil}, {"marker", &o.Marker, nil}, {"end_marker", &o.EndMarker, nil}, {"prefix", &o.Prefix, nil},
		{"delimiter", &o.Delimiter, nil}, {"reverse", &reverse, nil}, {"path", &path, &hasPath},
	} {
		v, present, fault := Param(req, p.name)
		if fault != nil {
			return o, fault
		}
		*p.value = v
		if p.present != nil {
			*p.present = present
		}
	}
	if hasPath {
		o.Path = &path
	}
	o.Reverse = config.Truth(reverse)
	o.AllowReserved = config.Truth(req.Header.Get("X-Backend-Allow-Reserved-Names"))
	o.Limit = most
	if limit != "" && strings.Trim(limit, "0123456789") == "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n > most {
			return o, web.HTML(http.StatusPreconditionFailed, fmt.Sprintf("Maximum limit is %d", most))
		}
		o.Limit = n
	}
	return o, nil
}

// formats that listings come in, the default first.
var formats = []string{"text/plain", "application/json", "application/xml", "text/xml"}

// Format is the content type that a listing shall have: by the parameter
// format, else by Accept.
func Format(req *web.Request) (string, *web.Response) {
	format, _, fault := Param(req, "format")
	if fault != nil {
		return "", fault
	}
	switch strings.ToLower(format) {
	case "":
	case "json":
		return "application/json", nil
	case "xml":
		return "application/xml", nil
	default:
		return "text/plain", nil
	}
	accept := req.Header.Get("Accept")
	if accept == "" {
		return formats[0], nil
	}
	wanted, ok := parseAccept(accept)
	if !ok {
		return "", web.Plain(http.StatusBadRequest, "Invalid Accept header")
	}
	for _, w := range wanted {
		for _, f := range formats {
			if w.matches(f) {
				return f, nil
			}
		}
	}
	return "", web.NewResponse(http.StatusNotAcceptable)
}

// mediaRange is one element of Accept.
type mediaRange struct {
	main, sub string
	quality   float64
}

func (m mediaRange) exact() bool { return m.main != "*" && m.sub != "*" }

func (m mediaRange) matches(contentType string) bool {
	main, sub, _ := strings.Cut(contentType, "/")
	return (m.main == "*" || m.main == main) && (m.sub == "*" || m.sub == sub)
}

// parseAccept lists the media ranges, the most wanted first, exact ones
// before globs.
func parseAccept(header string) ([]mediaRange, bool) {
	var out []mediaRange
	for _, element := range strings.Split(header, ",") {
		parts := strings.Split(element, ";")
		main, sub, ok := strings.Cut(strings.TrimSpace(parts[0]), "/")
		if !ok || !isToken(main) || !isToken(sub) {
			return nil, false
		}
		m := mediaRange{main, sub, 1}
		seen := false
		for _, p := range parts[1:] {
			name, value, ok := strings.Cut(p, "=")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			if !ok || !isToken(name) || !isToken(value) && !isQuoted(value) {
				return nil, false
			}
			if name != "q" {
				continue
			}
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || seen {
				return nil, false
			}
			m.quality, seen = q, true
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b mediaRange) int {
		switch {
		case a.quality > b.quality, a.quality == b.quality && a.exact() && !b.exact():
			return -1
		case a.quality < b.quality, a.exact() != b.exact():
			return 1
		}
		return 0
	})
	return out, true
}

func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f || strings.IndexByte(`()<>@,;:"/[]?={}\`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

// isQuoted reports whether s is one quoted string. An equals sign in it is
// refused, as upstream does.
func isQuoted(s string) bool {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		switch s[i] {
		case '"', '=':
			return false
		case '\\':
			if i++; i == len(s)-1 {
				return false // it escapes the closing quote
			}
		}
	}
	return true
}

// Listing builds the body of a listing in one of the formats. Call Text, or
// Subdir, for every entry.
type Listing struct {
	format string
	buf    *[]byte // where b came from
	b      []byte
	count  int
	open   string // what ends the first tag in XML, once there is an entry
	close  string
	kind   string // element of an entry in XML
}

// listings are the memory of listings that were sent. What is kept of it is
// bounded: a listing of the longest names leaves nothing behind.
var listings = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

const mostKept = 8 << 20

// NewListing starts one. Of is the name of the account or container; kind is
// what an entry is called in XML.
func NewListing(format, whole, of, kind string) *Listing {
	l := &Listing{format: format, kind: kind, buf: listings.Get().(*[]byte)}
	l.b = (*l.buf)[:0]
	switch {
	case l.isJSON():
		l.b, l.close = append(l.b, '['), "]"
	case l.isXML():
		l.b = append(l.b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)
		l.b = append(appendAttribute(append(l.b, "<"+whole+` name="`...), of), '"')
		l.open, l.close = ">", "</"+whole+">"
		if whole == "account" {
			l.open = ">\n"
		}
	}
	return l
}

func (l *Listing) isJSON() bool { return strings.HasSuffix(l.format, "/json") }
func (l *Listing) isXML() bool  { return strings.HasSuffix(l.format, "/xml") }

// Field is one property of an entry. Text is used if Number is nil.
type Field struct {
	Name   string
	Text   []byte
	Number *int64
}

// Entry adds an entry; plain text shows its name alone.
func (l *Listing) Entry(name []byte, fields []Field) {
	switch {
	case l.isJSON():
		l.comma()
		l.b = append(l.b, '{')
		for i, f := range fields {
			if i > 0 {
				l.b = append(l.b, ", "...)
			}
			l.b = append(append(append(l.b, '"'), f.Name...), `": `...)
			if f.Number != nil {
				l.b = strconv.AppendInt(l.b, *f.Number, 10)
			} else {
				l.b = appendJSON(l.b, f.Text)
			}
		}
		l.b = append(l.b, '}')
	case l.isXML():
		l.openXML()
		l.b = append(l.b, "<"+l.kind+">"...)
		for _, f := range fields {
			text := string(f.Text)
			if f.Number != nil {
				text = strconv.FormatInt(*f.Number, 10)
			}
			l.b = appendElement(l.b, f.Name, text)
		}
		l.b = append(l.b, "</"+l.kind+">"...)
		l.endXML()
	default:
		l.b = append(append(l.b, name...), '\n')
	}
	l.count++
}

// Subdir adds a group of names.
func (l *Listing) Subdir(name []byte) {
	switch {
	case l.isJSON():
		l.comma()
		l.b = append(appendJSON(append(l.b, `{"subdir": `...), name), '}')
	case l.isXML():
		l.openXML()
		l.b = append(appendAttribute(append(l.b, `<subdir name="`...), string(name)), '"')
		if l.kind == "object" {
			l.b = append(appendElement(append(l.b, '>'), "name", string(name)), "</subdir>"...)
		} else {
			l.b = append(l.b, " />"...)
		}
		l.endXML()
	default:
		l.b = append(append(l.b, name...), '\n')
	}
	l.count++
}

func (l *Listing) comma() {
	if l.count > 0 {
		l.b = append(l.b, ", "...)
	}
}

// openXML ends the first tag before the first entry.
func (l *Listing) openXML() {
	if l.count == 0 {
		l.b = append(l.b, l.open...)
	}
}

// endXML breaks the line after the entries of an account, as upstream does.
func (l *Listing) endXML() {
	if l.kind == "container" {
		l.b = append(l.b, '\n')
	}
}

// body is a listing that is being sent. Its memory serves again when it is
// closed.
type body struct {
	bytes.Reader
	buf *[]byte
}

func (b *body) Close() error {
	b.Reset(nil)
	if b.buf != nil && cap(*b.buf) <= mostKept {
		listings.Put(b.buf)
	}
	b.buf = nil
	return nil
}

// Response is the listing as an answer: 204 if there is no text. Nothing can
// be added any more.
func (l *Listing) Response(h http.Header) *web.Response {
	switch {
	case l.count > 0 || !l.isXML():
		l.b = append(l.b, l.close...)
	case l.kind == "container": // the account's line break makes it not empty
		l.b = append(append(l.b, l.open...), l.close...)
	default:
		l.b = append(l.b, " />"...)
	}
	h.Set("Content-Type", l.format+"; charset=utf-8")
	status := http.StatusOK
	if len(l.b) == 0 {
		status = http.StatusNoContent
	}
	*l.buf = l.b
	b := &body{*bytes.NewReader(l.b), l.buf}
	return &web.Response{Status: status, Header: h, Body: web.Track("listing", b), ContentLength: int64(len(l.b))}
}

const hexDigits = "0123456789abcdef"

// appendJSON appends a JSON string in ASCII, as Python's json writes it.
func appendJSON(b, s []byte) []byte {
	b = append(b, '"')
	for {
		plain := swift.PlainJSON(s)
		b = append(b, s[:plain]...)
		if s = s[plain:]; len(s) == 0 {
			return append(b, '"')
		}
		size := 1
		switch c := s[0]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		default:
			var r rune
			r, size = utf8.DecodeRune(s)
			b = appendEscape(b, r)
		}
		s = s[size:]
	}
}

func appendEscape(b []byte, r rune) []byte {
	if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
		return appendEscape(appendEscape(b, hi), lo)
	}
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// Text and attributes escape differently, as upstream's library writes them.
var (
	xmlTextEscapes      = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	xmlAttributeEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#13;", "\n", "&#10;", "\t", "&#09;")
)

// appendElement appends <name>text</name>, or <name /> without text.
func appendElement(b []byte, name, text string) []byte {
	b = append(append(b, '<'), name...)
	if text == "" {
		return append(b, " />"...)
	}
	b = append(append(b, '>'), xmlTextEscapes.Replace(text)...)
	return append(append(append(b, "</"...), name...), '>')
}

func appendAttribute(b []byte, s string) []byte { return append(b, xmlAttributeEscapes.Replace(s)...) }
