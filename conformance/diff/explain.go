package diff

import "strings"

// Explained is a difference that is known and right as it is.
type Explained struct {
	Name, Reason string
	// match must be narrow: what it accepts is never looked at again.
	match func(r *Request, d Difference, a, b *Answer) bool
}

// Table lists the explained differences. A is our endpoint, B upstream's.
func Table() []Explained {
	return []Explained{
		{"info-version", "/info tells each product's version",
			func(r *Request, d Difference, _, _ *Answer) bool {
				return d.Field == "body" && strings.HasPrefix(r.Target, "/info")
			}},
	}
}

// explain is the name of the row that explains a difference, "" if none does.
func explain(table []Explained, r *Request, d Difference, a, b *Answer) string {
	for _, e := range table {
		if e.match(r, d, a, b) {
			return e.Name
		}
	}
	return ""
}
