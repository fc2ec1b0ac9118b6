package fanout

import (
	"net/http"
	"strings"

	"apus/impl/swift"
)

// Quorum is how many of n replicas must agree: half of them, rounded up.
func Quorum(n int) int { return (n + 1) / 2 }

// HaveQuorum reports whether so many statuses are of one class that more
// cannot change what the client is told.
func HaveQuorum(answers []Answer, quorum int) bool {
	for class := 2; class <= 4; class++ {
		if countClass(answers, class) >= quorum && len(answers) >= quorum {
			return true
		}
	}
	return false
}

func countClass(answers []Answer, class int) int {
	n := 0
	for i := range answers {
		if answers[i].Status/100 == class {
			n++
		}
	}
	return n
}

// Best is the answer for the client: of the first class in 2xx, 3xx, 4xx that
// a quorum agrees on, the first with the highest status. If there is no such
// class, overrides says which statuses to count as others; an answer counted
// so decides the class but is not given to the client when another can be.
// Without agreement it is 503.
func Best(answers []Answer, quorum int, overrides map[int]int) Answer {
	if a, ok := best(answers, quorum, nil); ok {
		return a
	}
	if len(overrides) > 0 {
		counted := make([]Answer, len(answers))
		avoid := make([]bool, len(answers))
		for i, a := range answers {
			counted[i] = a
			if to, ok := overrides[a.Status]; ok {
				counted[i], avoid[i] = Answer{Status: to}, true
			}
		}
		if a, ok := best(counted, quorum, avoid); ok {
			return a
		}
	}
	return Answer{Status: http.StatusServiceUnavailable}
}

func best(answers []Answer, quorum int, avoid []bool) (Answer, bool) {
	for class := 2; class <= 4; class++ {
		if len(answers) == 0 || countClass(answers, class) < quorum {
			continue
		}
		at := -1
		for i, a := range answers {
			if a.Status/100 == class && (avoid == nil || !avoid[i]) && (at < 0 || a.Status > answers[at].Status) {
				at = i
			}
		}
		if at >= 0 {
			return answers[at], true
		}
	}
	return Answer{}, false
}

// pad makes missing answers 503.
func pad(answers []Answer, n int) []Answer {
	for len(answers) < n {
		answers = append(answers, Answer{Status: http.StatusServiceUnavailable})
	}
	return answers
}

// useful is false for a 404 that proves nothing: a handoff's, unless it has a
// timestamp because it knows of a deletion.
func useful(handoff bool, status int, h http.Header) bool {
	return !handoff || status != http.StatusNotFound || h.Get("X-Backend-Timestamp") != ""
}

// putVerdict is what the client of a PUT is told, given the answers of n nodes
// after a complete body. Any node with something as new makes it 202.
func putVerdict(answers []Answer, n int) Answer {
	answers = pad(answers, n)
	etag := ""
	for i := range answers {
		a := &answers[i]
		if a.Status/100 != 2 {
			continue
		}
		e := strings.Trim(a.get("Etag"), `"`)
		if etag != "" && e != "" && e != etag {
			return Answer{Status: http.StatusInternalServerError}
		}
		if e != "" {
			etag = e
		}
	}
	out := Best(answers, Quorum(len(answers)), nil)
	if out.Status == http.StatusConflict {
		out = Answer{Status: http.StatusAccepted}
	}
	if etag != "" && out.Status/100 == 2 {
		out.Header = http.Header{"Etag": {etag}}
	}
	return out
}

// startVerdict decides a PUT before its body is read, of the answers that
// nodes gave at once. done is false if the body should be read. ready counts
// the nodes that wait for it.
func startVerdict(answers []Answer, ready, n int, ifNoneMatch bool) (a Answer, done bool) {
	for _, a := range answers {
		if ifNoneMatch && a.Status == http.StatusPreconditionFailed {
			return a, true
		}
	}
	for _, a := range answers {
		if a.Status == http.StatusConflict {
			return Answer{Status: http.StatusAccepted}, true
		}
	}
	if ready >= Quorum(n) {
		return Answer{}, false
	}
	return Best(pad(answers, n), Quorum(n), nil), true
}

// timestamp is the first of the named headers that holds one.
func timestamp(h http.Header, names ...string) swift.Timestamp {
	for _, name := range names {
		if v := h.Get(name); v != "" {
			if t, err := swift.ParseTimestamp(v); err == nil {
				return t
			}
		}
	}
	return swift.Timestamp{}
}
