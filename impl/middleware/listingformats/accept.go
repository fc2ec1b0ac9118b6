package listingformats

import (
	"net/http"
	"strconv"
	"strings"
)

// offers are the forms a listing can have, the preferred first.
var offers = [...]string{"text/plain", "application/json", "application/xml", "text/xml"}

// contentType chooses the form of a listing: format beats Accept. A fault is
// the status to answer instead.
func contentType(format, accept string) (mime string, fault int) {
	switch strings.ToLower(format) {
	case "":
	case "json":
		return "application/json", 0
	case "xml":
		return "application/xml", 0
	default:
		return "text/plain", 0
	}
	if strings.TrimSpace(accept) == "" {
		return "text/plain", 0
	}
	ranges, ok := parseAccept(accept)
	if !ok {
		return "", http.StatusBadRequest
	}
	best, quality := "", 0.0
	for _, o := range offers {
		if q := qualityOf(o, ranges); q > quality {
			best, quality = o, q
		}
	}
	if best == "" {
		return "", http.StatusNotAcceptable
	}
	return best, 0
}

// Accepts reports whether an Accept header lets mime be sent. No header lets
// everything.
func Accepts(accept, mime string) bool {
	if strings.TrimSpace(accept) == "" {
		return true
	}
	ranges, ok := parseAccept(accept)
	return ok && qualityOf(mime, ranges) > 0
}

// mediaRange is one element of an Accept header.
type mediaRange struct {
	major, minor string
	q            float64
}

// qualityOf is what the most specific matching range says of an offer.
func qualityOf(offer string, ranges []mediaRange) float64 {
	major, minor, _ := strings.Cut(offer, "/")
	q, specific := 0.0, -1
	for _, r := range ranges {
		s := -1
		switch {
		case r.major == major && r.minor == minor:
			s = 2
		case r.major == major && r.minor == "*":
			s = 1
		case r.major == "*" && r.minor == "*":
			s = 0
		}
		if s > specific {
			q, specific = r.q, s
		}
	}
	return q
}

// parseAccept reads the header in one pass; false if it is malformed.
func parseAccept(v string) ([]mediaRange, bool) {
	var out []mediaRange
	for _, element := range strings.Split(v, ",") {
		parts := strings.Split(element, ";")
		major, minor, ok := strings.Cut(strings.ToLower(strings.TrimSpace(parts[0])), "/")
		if !ok || !token(major) || !token(minor) {
			return nil, false
		}
		r := mediaRange{major: major, minor: minor, q: 1}
		for _, p := range parts[1:] {
			name, value, ok := strings.Cut(strings.TrimSpace(p), "=")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			switch {
			case !token(name) || ok && value == "":
				return nil, false
			case strings.EqualFold(name, "q"):
				q, err := strconv.ParseFloat(value, 64)
				if err != nil || q < 0 || q > 1 {
					return nil, false
				}
				r.q = q
			}
		}
		out = append(out, r)
	}
	return out, true
}

func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
