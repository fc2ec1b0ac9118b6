package web

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Ranger is a Body that can serve parts of itself. OpenRange may be called
// several times, one part open at a time, until the Ranger is closed; each
// part is closed by whoever opened it, before the Ranger.
type Ranger interface {
	// OpenRange reads the bytes from start up to end, exclusive.
	OpenRange(start, end int64) (io.ReadCloser, error)
}

// ConditionalOptions override what a response is compared by.
type ConditionalOptions struct {
	// Etags stand for the entity: If-Match wants any of them, If-None-Match
	// none. Empty means the one that the request's X-Backend-Etag-Is-At points
	// to, else the Etag header.
	Etags []string
	// LastModified; zero means the Last-Modified header.
	LastModified time.Time
}

// Conditional applies If-Match, If-None-Match, If-Modified-Since,
// If-Unmodified-Since and Range to a response that holds the whole entity:
// the result is resp itself, 304 or 412 without a body, 206, or 416. Headers
// such as Etag stay; a body that is not sent is closed, not read.
//
// Ranges need a Ranger as Body, else the whole is served. HEAD ignores them.
func Conditional(req *Request, resp *Response, opt ConditionalOptions) *Response {
	if !hasConditions(req.Header) {
		return resp
	}
	if !resp.OK() && resp.Status != http.StatusNotFound {
		return resp
	}
	etags, modified := opt.Etags, opt.LastModified
	if len(etags) == 0 {
		if e := conditionalEtag(req, resp.Header); e != "" {
			etags = []string{e}
		}
	}
	if modified.IsZero() {
		modified, _ = ParseDate(resp.Header.Get("Last-Modified"))
	}
	if status := precondition(req.Header, resp.Status, etags, modified); status != 0 {
		resp.Abandon()
		resp.Status, resp.Body = status, http.NoBody
		resp.SetLength(0)
		return resp
	}
	return serveRanges(req, resp)
}

// ConditionHeaders are those by which a request depends on what is there.
var ConditionHeaders = [...]string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// hasConditions tells the usual request, which has none of the headers, without
// parsing the dates of the answer.
func hasConditions(h http.Header) bool {
	for _, name := range ConditionHeaders {
		if len(h[name]) > 0 {
			return true
		}
	}
	return len(h["Range"]) > 0
}

// conditionalEtag is the entity tag that conditions are compared with.
func conditionalEtag(req *Request, h http.Header) string {
	if e, ok := ResolveEtagIsAt(req, h); ok {
		return e
	}
	return h.Get("Etag")
}

// ResolveEtagIsAt finds the Etag that a filter nearer to the client knows the
// object by: X-Backend-Etag-Is-At lists names of metadata, outermost filter
// first, and the first one that is present wins.
func ResolveEtagIsAt(req *Request, metadata http.Header) (string, bool) {
	for name := range strings.SplitSeq(req.Header.Get("X-Backend-Etag-Is-At"), ",") {
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		if vs := metadata[name]; name != "" && len(vs) > 0 {
			return vs[0], true
		}
	}
	return "", false
}

// AddEtagIsAt makes name a choice of ResolveEtagIsAt, for a filter
// that stored its own Etag there; names of filters nearer to the client stay
// in front.
func AddEtagIsAt(req *Request, name string) {
	if have := req.Header.Get("X-Backend-Etag-Is-At"); have != "" {
		name = have + "," + name
	}
	req.Header.Set("X-Backend-Etag-Is-At", name)
}

// precondition is 304, 412, or 0 for go on.
func precondition(h http.Header, status int, etags []string, modified time.Time) int {
	if inm := h.Get("If-None-Match"); inm != "" && MatchesAny(inm, etags) {
		return http.StatusNotModified
	}
	if im := h.Get("If-Match"); im != "" {
		if len(etags) > 0 && !MatchesAny(im, etags) {
			return http.StatusPreconditionFailed
		}
		if status == http.StatusNotFound && MatchesAny(im, []string{"*"}) {
			return http.StatusPreconditionFailed
		}
	}
	if modified.IsZero() {
		return 0
	}
	if t, ok := ParseDate(h.Get("If-Modified-Since")); ok && !modified.After(t) {
		return http.StatusNotModified
	}
	if t, ok := ParseDate(h.Get("If-Unmodified-Since")); ok && modified.After(t) {
		return http.StatusPreconditionFailed
	}
	return 0
}

// MatchesAny reports whether a list of entity tags, as in If-Match, holds "*"
// or one of etags. Quotes do not matter.
func MatchesAny(list string, etags []string) bool {
	if len(etags) == 0 {
		return false
	}
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "" {
			continue
		}
		if tag = Unquote(tag); tag == "*" {
			return true
		}
		for _, e := range etags {
			if tag == Unquote(e) {
				return true
			}
		}
	}
	return false
}

// Unquote strips the quotes of an entity tag, if there are any.
func Unquote(etag string) string {
	if len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		return etag[1 : len(etag)-1]
	}
	return etag
}

// ParseDate reads the date forms of HTTP; ok is false for anything else,
// which conditions then ignore.
func ParseDate(s string) (t time.Time, ok bool) {
	if s == "" {
		return time.Time{}, false
	}
	for _, layout := range [...]string{
		http.TimeFormat, time.RFC1123, time.RFC1123Z, time.RFC850, time.ANSIC, "Mon, 2 Jan 2006 15:04:05 MST",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			// Swift takes every zone for GMT.
			return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC), true
		}
	}
	return time.Time{}, false
}

// FormatDate is the form of Last-Modified, Date and Expires.
func FormatDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// ContentRange is the value of Content-Range for r of size bytes.
func ContentRange(r Range, size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.Start, r.End-1, size)
}
