package fanout

import (
	"net/http"
	"strings"

	"apus/impl/swift"
)

// hunt is the search of a read for a node that has the thing. It takes the
// nodes' answers one by one and says what to do with each; it does nothing
// itself.
type hunt struct {
	object bool // objects have tombstones and may be read in parts
	newest bool // one good source is not enough
	// same is set when the search is for a source to go on with in the place
	// of one that failed: it must have this etag, or without one this
	// timestamp.
	same  bool
	etag  string
	stamp swift.Timestamp
	// missing primaries that are not believed: a rebalance may have moved
	// the thing elsewhere.
	suppress  int
	tombstone swift.Timestamp // the newest seen
	answers   []Answer        // those that count when no source is found
}

type verdict int

const (
	ignore verdict = iota // proves nothing; ask on
	record                // counts if no source is found; ask on
	source                // has the thing
)

// newHunt begins to search among primaries of which as many as missing are
// not believed when they know nothing; the last one always is.
func newHunt(server string, newest bool, primaries, missing int) *hunt {
	return &hunt{object: server == ServerObject, newest: newest, suppress: min(missing, primaries-1)}
}

// Servers that a GET can be for.
const (
	ServerAccount   = "account"
	ServerContainer = "container"
	ServerObject    = "object"
)

// judge looks at status and header of one answer.
func (h *hunt) judge(node *Node, status int, header http.Header) verdict {
	if h.good(status) {
		return h.judgeGood(node, status, header)
	}
	stamp := timestamp(header, "X-Backend-Timestamp")
	if node.Handoff && (status >= 500 || refuses(status)) && stamp.IsZero() {
		return ignore
	}
	if h.suppress > 0 && refuses(status) && stamp.IsZero() {
		h.suppress--
		return ignore
	}
	if h.object && refuses(status) {
		// 412 comes from a node that has something, or knows that nothing is
		// left for If-Match: *. Either way an older source is out of date.
		if t := sourceTimestamp(header); t.After(h.tombstone) {
			h.tombstone = t
		}
	}
	h.note(Answer{Status: status, Header: header, Node: node})
	return record
}

// refuses reports that a node will not give the object and may say how new
// what it knows is.
func refuses(status int) bool {
	return status == http.StatusNotFound || status == http.StatusPreconditionFailed
}

func (h *hunt) judgeGood(node *Node, status int, header http.Header) verdict {
	if t := header.Get("X-Put-Timestamp"); t != "" {
		if ts, err := swift.ParseTimestamp(t); err == nil && ts.IsZero() {
			// A database that exists because rows came in before its PUT.
			h.note(Answer{Status: http.StatusNotFound, Node: node})
			return record
		}
	}
	if h.same && !h.isSame(header) {
		h.note(Answer{Status: http.StatusNotFound, Node: node})
		return record
	}
	if sourceTimestamp(header).Before(h.tombstone) {
		return ignore
	}
	h.note(Answer{Status: status, Header: header, Node: node})
	return source
}

func (h *hunt) isSame(header http.Header) bool {
	if h.etag != "" {
		return h.etag == normalEtag(header)
	}
	return h.stamp == sourceTimestamp(header)
}

func (h *hunt) note(a Answer) { h.answers = append(h.answers, a) }

// good reports that a node found what it was asked for.
func (h *hunt) good(status int) bool {
	return status/100 == 2 || status/100 == 3 || h.object && status == http.StatusRequestedRangeNotSatisfiable
}

// sourceTimestamp says how new a found thing is.
func sourceTimestamp(h http.Header) swift.Timestamp {
	return timestamp(h, "X-Backend-Data-Timestamp", "X-Backend-Timestamp", "X-Put-Timestamp", "X-Timestamp")
}

func normalEtag(h http.Header) string { return strings.Trim(h.Get("Etag"), `"`) }

// newestOf picks the source with the newest timestamp that no tombstone
// beats; -1 if there is none.
func (h *hunt) newestOf(headers []http.Header) int {
	at := -1
	var best swift.Timestamp
	for i, hd := range headers {
		if hd == nil {
			continue
		}
		if t := sourceTimestamp(hd); !t.Before(h.tombstone) && (at < 0 || t.After(best)) {
			at, best = i, t
		}
	}
	return at
}

// verdict is the answer when no source was found: what a quorum of the nodes
// that answered agrees on.
func (h *hunt) verdict() Answer {
	answers := h.answers
	if h.newest {
		// A source that a tombstone beats does not count as found.
		answers = nil
		for _, a := range h.answers {
			if !h.good(a.Status) {
				answers = append(answers, a)
			}
		}
	}
	return Best(answers, Quorum(len(answers)), nil)
}
