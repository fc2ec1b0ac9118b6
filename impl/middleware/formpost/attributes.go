package formpost

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

const (
	// maxValue is how much of an attribute counts; the rest is dropped.
	maxValue = 4096
	// maxAttributes is how many attributes are remembered before anybody
	// knows whether the form is signed.
	maxAttributes = 1000
)

// attributes are the fields of a form that are not files, by lower-case name.
type attributes map[string]string

// read takes a part as an attribute.
func (a attributes) read(p *part) error {
	data, err := io.ReadAll(io.LimitReader(p, maxValue))
	if err == nil {
		_, err = io.Copy(io.Discard, p)
	}
	if err != nil {
		return err
	}
	name, ok := p.params["name"]
	if !ok {
		return nil
	}
	if len(a) >= maxAttributes {
		return invalid("too many attributes")
	}
	a[strings.ToLower(name)] = strings.TrimRight(string(data), "\r\n-")
	return nil
}

// number is a whole number, 0 if it is absent or empty.
func (a attributes) number(name, complaint string) (int64, error) {
	if a[name] == "" {
		return 0, nil
	}
	return parseNumber(a[name], complaint)
}

func parseNumber(text, complaint string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, invalid(complaint)
	}
	return n, nil
}

// orZero is an attribute as it is signed.
func (a attributes) orZero(name string) string {
	if a[name] == "" {
		return "0"
	}
	return a[name]
}

// headers sets what the form, and else the file, says about the object.
func (a attributes) headers(p *part, h http.Header) error {
	for _, x := range [...]struct{ name, header, complaint string }{
		{"x_delete_at", "X-Delete-At", "x_delete_at not an integer: Unix timestamp required."},
		{"x_delete_after", "X-Delete-After", "x_delete_after not an integer: Number of seconds required."},
	} {
		text, ok := a[x.name]
		if !ok {
			continue
		}
		n, err := parseNumber(text, x.complaint)
		if err != nil {
			return err
		}
		h.Set(x.header, strconv.FormatInt(n, 10))
	}
	for _, name := range [...]string{"content-type", "content-encoding"} {
		value, ok := a[name]
		if !ok {
			value, ok = p.header[name]
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return invalid(name + " is not a header")
		}
		if value == "" && name == "content-type" {
			value = "application/octet-stream"
		}
		if ok {
			h.Set(name, value)
		}
	}
	return nil
}

var param = regexp.MustCompile(`^(\w+)=(".*?"|[^";]+)(; ?|$)`)

// parseParams reads a header such as `form-data; name="x"; filename="y"`.
func parseParams(value string) (kind string, params map[string]string) {
	params = map[string]string{}
	kind, rest, _ := strings.Cut(value, ";")
	rest = strings.TrimSpace(rest)
	for {
		m := param.FindStringSubmatch(rest)
		if m == nil {
			return strings.TrimSpace(kind), params
		}
		params[m[1]] = strings.Trim(m[2], `"`)
		rest = rest[len(m[0]):]
	}
}
