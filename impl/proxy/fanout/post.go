package fanout

import (
	"context"
	"net/http"
)

// Post is Each for the metadata of an object. When some primaries have the
// object and others do not, handoffs are asked in the place of the latter:
// that is where the object was written when they were away. While one node
// has the object the answer is never 404.
func (f *Fanout) Post(ctx context.Context, r EachRequest) Answer {
	answers := f.Each(ctx, r)
	quorum := Quorum(len(answers))
	found := countStatus(answers, http.StatusAccepted)
	if found > 0 && found < quorum {
		quorum = Quorum(r.Nodes.Replicas())
		more := r.Nodes.handoffsOnly(countStatus(answers, http.StatusNotFound))
		extra := r
		extra.Nodes, extra.Count = more, more.Replicas()
		extra.Headers = headersWithout(r.Headers, answers, extra.Count)
		answers = append(answers, f.Each(ctx, extra)...)
	}
	a := Best(answers, quorum, nil)
	if a.Status == http.StatusNotFound && found > 0 {
		return Answer{Status: http.StatusServiceUnavailable}
	}
	return a
}

func countStatus(answers []Answer, status int) int {
	n := 0
	for i := range answers {
		if answers[i].Status == status {
			n++
		}
	}
	return n
}

// headersWithout is up to n of the headers whose requests were not accepted.
func headersWithout(headers []http.Header, answers []Answer, n int) []http.Header {
	var out []http.Header
	for i, h := range headers {
		if len(out) < n && (i >= len(answers) || answers[i].Status != http.StatusAccepted) {
			out = append(out, h)
		}
	}
	return out
}
