package tempurl

import (
	"net/http"
	"strings"
)

// names are header names, some of which end in "*" and stand for all that
// begin so.
type names struct {
	exact    map[string]bool
	prefixes []string
}

func newNames(list []string) names {
	n := names{exact: map[string]bool{}}
	for _, name := range list {
		name = http.CanonicalHeaderKey(name)
		if p, ok := strings.CutSuffix(name, "*"); ok {
			n.prefixes = append(n.prefixes, p)
		} else {
			n.exact[name] = true
		}
	}
	return n
}

func (n names) has(name string) bool {
	if n.exact[name] {
		return true
	}
	for _, p := range n.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// headerRule removes headers but for exceptions.
type headerRule struct{ remove, allow names }

func newHeaderRule(remove, allow []string) headerRule {
	return headerRule{newNames(remove), newNames(allow)}
}

func (r headerRule) clean(h http.Header) {
	for name := range h {
		if r.remove.has(name) && !r.allow.has(name) {
			delete(h, name)
		}
	}
}
