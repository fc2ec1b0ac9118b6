package proxylogging

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/swift"
)

const (
	defaultTemplate = "{client_ip} {remote_addr} {end_time.datetime} {method} {path} {protocol} {status_int} " +
		"{referer} {user_agent} {auth_token} {bytes_recvd} {bytes_sent} {client_etag} {transaction_id} {headers} " +
		"{request_time} {source} {log_info} {start_time} {end_time} {policy_index} {access_user_id}"
	defaultReveal = 16 // bytes of a secret that may be logged
	missing       = "-"
)

// secretHeaders and secretParams give access when they are read in a log.
var (
	secretHeaders = [...]string{
		"X-Auth-Token", "X-Storage-Token", "X-Service-Token", "X-Auth-Key", "X-Storage-Pass", "Authorization",
	}
	secretParams = [...]string{"temp_url_sig", "Signature", "X-Amz-Signature"}
)

// format makes lines of records. It is immutable.
type format struct {
	parts       []part
	headers     bool
	headersOnly map[string]bool
	reveal      int
}

// part is literal text or a field.
type part struct {
	text  string
	value func(f *format, r *record) string
}

func newFormat(opts *config.Section) *format {
	f := &format{
		headers: opts.Bool("access_log_headers", opts.Bool("log_headers", false)),
		reveal:  int(opts.Int("reveal_sensitive_prefix", defaultReveal, 0, 1<<20)),
	}
	if only := opts.List("access_log_headers_only"); len(only) > 0 {
		f.headersOnly = map[string]bool{}
		for _, name := range only {
			f.headersOnly[strings.ToLower(name)] = true
		}
	}
	anonymise, ok := anonymiser(opts.String("log_anonymization_method", "MD5"), opts.String("log_anonymization_salt", ""))
	if !ok {
		opts.Fail("log_anonymization_method", "must be md5, sha1, sha224, sha256, sha384 or sha512")
		return f
	}
	var err error
	if f.parts, err = parseTemplate(opts.String("log_msg_template", defaultTemplate), anonymise); err != nil {
		opts.Fail("log_msg_template", err.Error())
	}
	return f
}

// parseTemplate reads Python's format syntax as far as fields go: {name},
// {name.attribute}, {{ and }}.
func parseTemplate(t string, anonymise func(string) string) ([]part, error) {
	var parts []part
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
		parts = append(parts, part{text: text.String()}, part{value: value})
		text.Reset()
		t = t[end+1:]
	}
	return append(parts, part{text: text.String()}), nil
}

func field(name string, anonymise func(string) string) (func(*format, *record) string, error) {
	base, attr, _ := strings.Cut(name, ".")
	if text, ok := textFields[base]; ok {
		switch attr {
		case "":
			return text, nil
		case "anonymized":
			return func(f *format, r *record) string { return anonymise(text(f, r)) }, nil
		}
	}
	if plain, ok := plainFields[base]; ok && attr == "" {
		return plain, nil
	}
	if at, ok := timeFields[base]; ok {
		if show, ok := timeForms[attr]; ok {
			return func(_ *format, r *record) string { return show(at(r)) }, nil
		}
	}
	return nil, fmt.Errorf("has an unknown field {%s}", name)
}

// line puts the record into the template.
func (f *format) line(r *record) string {
	r.header = f.redacted(r)
	r.query = f.redactedQuery(r.query)
	var b strings.Builder
	for _, p := range f.parts {
		if p.value == nil {
			b.WriteString(p.text)
		} else if v := p.value(f, r); v == "" {
			b.WriteString(missing)
		} else {
			b.WriteString(quote(v, ":/{}"))
		}
	}
	return b.String()
}

type fields map[string]func(f *format, r *record) string

// textFields say who and what; they have the attribute "anonymized".
var textFields = fields{
	"client_ip":      func(_ *format, r *record) string { return r.clientIP() },
	"remote_addr":    func(_ *format, r *record) string { return r.remoteIP() },
	"domain":         func(_ *format, r *record) string { return withoutPort(r.host) },
	"path":           func(_ *format, r *record) string { return r.pathQuery() },
	"referer":        func(_ *format, r *record) string { return r.header.Get("Referer") },
	"user_agent":     func(_ *format, r *record) string { return r.header.Get("User-Agent") },
	"headers":        func(f *format, r *record) string { return f.loggedHeaders(r) },
	"client_etag":    func(_ *format, r *record) string { return r.header.Get("Etag") },
	"account":        func(_ *format, r *record) string { return r.names().Account },
	"container":      func(_ *format, r *record) string { return r.names().Container },
	"object":         func(_ *format, r *record) string { return r.names().Object },
	"access_user_id": func(_ *format, r *record) string { return r.user },
}

var plainFields = fields{
	"method":          func(_ *format, r *record) string { return r.method },
	"protocol":        func(_ *format, r *record) string { return r.protocol },
	"status_int":      func(_ *format, r *record) string { return number(int64(r.status)) },
	"wire_status_int": func(_ *format, r *record) string { return number(int64(r.wireStatus)) },
	"auth_token":      func(_ *format, r *record) string { return r.header.Get("X-Auth-Token") },
	"bytes_recvd":     func(_ *format, r *record) string { return number(r.received) },
	"bytes_sent":      func(_ *format, r *record) string { return number(r.sent) },
	"transaction_id":  func(_ *format, r *record) string { return r.txn },
	"request_time":    func(_ *format, r *record) string { return fmt.Sprintf("%.4f", r.elapsed.Seconds()) },
	"ttfb":            func(_ *format, r *record) string { return firstByte(r) },
	"source":          func(_ *format, r *record) string { return r.source },
	"log_info":        func(*format, *record) string { return "" },
	"policy_index":    func(_ *format, r *record) string { return r.policy },
	"pid":             func(*format, *record) string { return "" }, // a process is not something the seams know
}

var timeFields = map[string]func(*record) time.Time{
	"start_time": func(r *record) time.Time { return r.start },
	"end_time":   func(r *record) time.Time { return r.end },
}

// timeForms are the attributes of times: names of our own and the letters of
// strftime.
var timeForms = map[string]func(time.Time) string{
	"":         func(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) },
	"s":        func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) },
	"ms":       func(t time.Time) string { return fmt.Sprintf("%03d", t.Nanosecond()/1_000_000) },
	"us":       func(t time.Time) string { return fmt.Sprintf("%06d", t.Nanosecond()/1_000) },
	"ns":       func(t time.Time) string { return fmt.Sprintf("%09d", t.Nanosecond()) },
	"datetime": layout("02/Jan/2006/15/04/05"), "iso8601": layout("2006-01-02T15:04:05"), "asctime": layout(time.ANSIC),
	"a": layout("Mon"), "A": layout("Monday"), "b": layout("Jan"), "B": layout("January"), "c": layout(time.ANSIC),
	"d": layout("02"), "H": layout("15"), "I": layout("03"), "j": layout("002"), "m": layout("01"), "M": layout("04"),
	"p": layout("PM"), "S": layout("05"), "w": func(t time.Time) string { return strconv.Itoa(int(t.UTC().Weekday())) },
	"x": layout("01/02/06"), "X": layout("15:04:05"), "y": layout("06"), "Y": layout("2006"), "Z": layout("MST"),
}

func layout(l string) func(time.Time) string {
	return func(t time.Time) string { return t.UTC().Format(l) }
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func firstByte(r *record) string {
	if r.method != "GET" || r.ttfb == 0 {
		return ""
	}
	return strconv.FormatFloat(r.ttfb.Seconds(), 'f', -1, 64)
}

func (r *record) pathQuery() string {
	p := quote(r.path, "/")
	if r.query != "" {
		p += "?" + r.query
	}
	return p
}

func (r *record) names() swift.Path {
	_, rest, ok := strings.Cut(strings.TrimPrefix(r.path, "/"), "/")
	if !ok {
		return swift.Path{}
	}
	p, _ := swift.ParsePath("/" + rest)
	return p
}

func (f *format) loggedHeaders(r *record) string {
	if !f.headers {
		return ""
	}
	var lines []string
	for name, values := range r.header {
		if f.headersOnly == nil || f.headersOnly[strings.ToLower(name)] {
			lines = append(lines, name+": "+strings.Join(values, ","))
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func (f *format) redacted(r *record) map[string][]string {
	for _, name := range secretHeaders {
		if v := r.header.Get(name); v != "" {
			r.header.Set(name, f.secret(v))
		}
	}
	return r.header
}

func (f *format) redactedQuery(query string) string {
	if query == "" {
		return query
	}
	values, _ := url.ParseQuery(query)
	changed := false
	for _, name := range secretParams {
		for i, v := range values[name] {
			values[name][i], changed = f.secret(v), true
		}
	}
	if !changed {
		return query
	}
	return values.Encode()
}

func (f *format) secret(v string) string {
	if len(v) <= f.reveal {
		return v
	}
	return v[:f.reveal] + "..."
}

// quote percent-encodes all but letters, digits, "_.-~" and safe.
func quote(s, safe string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			strings.IndexByte("_.-~", c) >= 0, strings.IndexByte(safe, c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// anonymiser hashes text: "{MD5}…", or "{SMD5}…" with a salt.
func anonymiser(method, salt string) (func(string) string, bool) {
	method = strings.ToLower(method)
	constructors := map[string]func() hash.Hash{
		"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New,
		"sha384": sha512.New384, "sha512": sha512.New,
	}
	construct, ok := constructors[method]
	if !ok {
		return nil, false
	}
	label := "{" + strings.ToUpper(method) + "}"
	if salt != "" {
		label = "{S" + strings.ToUpper(method) + "}"
	}
	return func(s string) string {
		if s == "" {
			return ""
		}
		h := construct()
		h.Write([]byte(salt))
		h.Write([]byte(s))
		return label + hex.EncodeToString(h.Sum(nil))
	}, true
}
