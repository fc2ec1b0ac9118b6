package object

import (
	"context"
	"net/http"
	"strings"

	"apus/impl/pickle"
	"apus/impl/web"
)

// replicate answers the object-replicator: without suffixes in the path the
// hash of every suffix of the partition; with them it only notes that these
// have changed, for a peer has just written files there, and answers None.
func (c *call) replicate(ctx context.Context) *web.Response {
	var answer any
	if c.suffixes != "" {
		if err := c.dev.InvalidateSuffixes(c.policy, c.part, strings.Split(c.suffixes, "-")); err != nil {
			return c.failure(err)
		}
	} else {
		hashes, err := c.dev.Hashes(ctx, c.policy, c.part, nil)
		if err != nil {
			return c.failure(err)
		}
		answer = hashDict(hashes)
	}
	body, err := pickle.Encode(answer, pickle.Protocol2)
	if err != nil {
		return c.failure(err)
	}
	return web.Text(http.StatusOK, string(body), "text/html; charset=UTF-8")
}

// hashDict is the hashes in the order of their suffixes. One that is not known
// is None, which equals nothing that a peer may have.
func hashDict(hashes map[string]string) pickle.Dict {
	d := make(pickle.Dict, 0, len(hashes))
	for _, suffix := range sortedKeys(hashes) {
		var hash any
		if h := hashes[suffix]; h != "" {
			hash = h
		}
		d = append(d, pickle.Item{Key: suffix, Value: hash})
	}
	return d
}
