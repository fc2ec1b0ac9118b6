package proxylogging

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/logline"
	"apus/impl/swift"
	"apus/impl/web"
)

const (
	defaultTemplate = "{client_ip} {remote_addr} {end_time.datetime} {method} {path} {protocol} {status_int} " +
		"{referer} {user_agent} {auth_token} {bytes_recvd} {bytes_sent} {client_etag} {transaction_id} {headers} " +
		"{request_time} {source} {log_info} {start_time} {end_time} {policy_index} {access_user_id}"
	defaultReveal = 16 // bytes of a secret that may be logged
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
	template    logline.Template[*record]
	headers     bool
	headersOnly map[string]bool
	reveal      int
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
	anonymise, ok := logline.Anonymiser(opts.String("log_anonymization_method", "MD5"), opts.String("log_anonymization_salt", ""))
	if !ok {
		opts.Fail("log_anonymization_method", "must be md5, sha1, sha224, sha256, sha384 or sha512")
		return f
	}
	var err error
	f.template, err = logline.Parse(opts.String("log_msg_template", defaultTemplate), func(name string) (func(*record) string, error) {
		value, err := field(name, anonymise)
		return func(r *record) string { return value(f, r) }, err
	})
	if err != nil {
		opts.Fail("log_msg_template", err.Error())
	}
	return f
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
		if layout := logline.Layout(attr); layout != "" {
			return func(_ *format, r *record) string { return at(r).UTC().Format(layout) }, nil
		}
	}
	return nil, fmt.Errorf("has an unknown field {%s}", name)
}

// line puts the record into the template.
func (f *format) line(r *record) string {
	r.header = f.redacted(r)
	r.query = f.redactedQuery(r.query)
	return f.template.Line(r, func(v string) string { return logline.Quote(v, ":/{}") })
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
	"log_info":        func(_ *format, r *record) string { return r.info },
	"policy_index":    func(_ *format, r *record) string { return r.policy },
	"pid":             func(*format, *record) string { return "" }, // a process is not something the seams know
}

var timeFields = map[string]func(*record) time.Time{
	"start_time": func(r *record) time.Time { return r.start },
	"end_time":   func(r *record) time.Time { return r.end },
}

// timeForms are the attributes of times beside those of logline.Layout.
var timeForms = map[string]func(time.Time) string{
	"":   func(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) },
	"s":  func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) },
	"ms": func(t time.Time) string { return fmt.Sprintf("%03d", t.Nanosecond()/1_000_000) },
	"us": func(t time.Time) string { return fmt.Sprintf("%06d", t.Nanosecond()/1_000) },
	"ns": func(t time.Time) string { return fmt.Sprintf("%09d", t.Nanosecond()) },
	"w":  func(t time.Time) string { return strconv.Itoa(int(t.UTC().Weekday())) },
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func firstByte(r *record) string {
	d := r.firstByte()
	if d == 0 {
		return ""
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

func (r *record) pathQuery() string {
	p := logline.Quote(r.path, "/")
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
	params := web.ParseQuery(query)
	changed := false
	for i, p := range params {
		for _, name := range secretParams {
			if p.Name == name {
				params[i].Value, changed = f.secret(p.Value), true
			}
		}
	}
	if !changed {
		return query
	}
	return web.EncodeQuery(params)
}

func (f *format) secret(v string) string {
	if len(v) <= f.reveal {
		return v
	}
	return v[:f.reveal] + "..."
}
