package web

import (
	"errors"
	"math"
	"sort"
	"strconv"
	"strings"
)

// Acceptable is the first of the media types that an Accept header likes best;
// "" when it names none of them. No header likes the first of all. An error is
// a header that cannot be read.
func Acceptable(accept string, types ...string) (string, error) {
	if strings.TrimSpace(accept) == "" {
		return types[0], nil
	}
	ranges, err := parseAccept(accept)
	if err != nil {
		return "", err
	}
	for _, r := range ranges {
		for _, t := range types {
			if r.matches(t) {
				return t, nil
			}
		}
	}
	return "", nil
}

// mediaRange is one element of an Accept header.
type mediaRange struct {
	major, minor string
	q            float64
}

func (r mediaRange) exact() bool { return r.major != "*" && r.minor != "*" }

// matches compares letter by letter, as Swift does.
func (r mediaRange) matches(offer string) bool {
	major, minor, _ := strings.Cut(offer, "/")
	return (r.major == "*" || r.major == major) && (r.minor == "*" || r.minor == minor)
}

var errAccept = errors.New("malformed Accept header")

// parseAccept reads the header in one pass over its bytes. The ranges are in
// the order in which the client wants them: by quality, those without a star
// before those with one, then as they were written. A quality of zero is the
// least wish, not a refusal.
func parseAccept(v string) ([]mediaRange, error) {
	var out []mediaRange
	for _, element := range strings.Split(v, ",") {
		r, err := parseRange(element)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.q != b.q {
			return a.q > b.q
		}
		return a.exact() && !b.exact()
	})
	return out, nil
}

// parseRange reads "type/subtype" and its parameters, each a name and a token
// or quoted string. Only q means something.
func parseRange(element string) (mediaRange, error) {
	parts := strings.Split(element, ";")
	major, minor, ok := strings.Cut(strings.TrimSpace(parts[0]), "/")
	if !ok || !token(major) || !token(minor) {
		return mediaRange{}, errAccept
	}
	r := mediaRange{major: major, minor: minor, q: 1}
	weighed := false
	for _, p := range parts[1:] {
		name, value, ok := strings.Cut(p, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || !token(name) || !token(value) && !quoted(value):
			return mediaRange{}, errAccept
		case name == "q" && weighed:
			return mediaRange{}, errAccept
		case name == "q":
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || math.IsNaN(q) || strings.ContainsAny(value, "xX") {
				return mediaRange{}, errAccept
			}
			r.q, weighed = q, true
		}
	}
	return r, nil
}

// quoted: neither ";" nor "=" nor "," can be in such a string, for the header
// is cut there first.
func quoted(s string) bool {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	inner := s[1 : len(s)-1]
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '"', '=':
			return false
		case '\\':
			if i++; i == len(inner) {
				return false
			}
		}
	}
	return true
}

func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c == 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
