package diff

import (
	"strconv"
	"strings"
)

// compare lists in what two normalised answers to a request differ.
func compare(r *Request, a, b *Answer) []Difference {
	var out []Difference
	add := func(field, x, y string) {
		if x != y {
			out = append(out, Difference{field, x, y})
		}
	}
	add("failure", a.Failure, b.Failure)
	add("status", strconv.Itoa(a.Status), strconv.Itoa(b.Status))
	if len(out) > 0 {
		return out // what else differs follows from it
	}
	add("reason", a.Reason, b.Reason)
	add("interim", strconv.Itoa(a.Interim), strconv.Itoa(b.Interim))
	out = append(out, compareHeaders(a, b)...)
	x, y := a.Body, b.Body
	if r.Kind() == "account" {
		x, y = withoutUsage(x), withoutUsage(y)
	}
	add("body", x, y)
	return out
}

func compareHeaders(a, b *Answer) []Difference {
	left, right := byName(a), byName(b)
	var out []Difference
	seen := map[string]bool{}
	for _, h := range append(append([]Header(nil), a.Header...), b.Header...) {
		name := strings.ToLower(h.Name)
		if seen[name] {
			continue
		}
		seen[name] = true
		x, y := left[name], right[name]
		switch {
		case x.Value == y.Value && x.Name != y.Name && x.Name != "" && y.Name != "":
			out = append(out, Difference{"case " + name, x.Name, y.Name})
		case x.Value == y.Value && x.Name != "" && y.Name != "":
		case name == "x-delete-at" && near(x.Value, y.Value):
		default:
			out = append(out, Difference{"header " + name, present(x), present(y)})
		}
	}
	return out
}

// present tells a header without a value from none.
func present(h Header) string {
	if h.Name != "" && h.Value == "" {
		return `""`
	}
	return h.Value
}

// byName joins headers of one name.
func byName(a *Answer) map[string]Header {
	out := map[string]Header{}
	for _, h := range a.Header {
		name := strings.ToLower(h.Name)
		if first, ok := out[name]; ok {
			h = Header{first.Name, first.Value + "\n" + h.Value}
		}
		out[name] = h
	}
	return out
}

// near reports whether two times in seconds are less than a run apart.
func near(a, b string) bool {
	x, errA := strconv.ParseInt(a, 10, 64)
	y, errB := strconv.ParseInt(b, 10, 64)
	return errA == nil && errB == nil && x-y <= 30 && y-x <= 30
}
