package dlo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"apus/impl/middleware/segments"
	"apus/impl/swift"
	"apus/impl/web"
)

// entry is what a listing tells of a segment.
type entry struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Hash  string `json:"hash"`
}

// page is a part of a listing; last means that nothing follows.
type page struct {
	entries []entry
	last    bool
}

// maxEntry bounds how much of a listing is read for each of its entries: a
// name of 1,024 bytes written as escapes, and the rest.
const maxEntry = 16 << 10

// list is the page after marker. The refusal is the answer to the listing
// request, if it is not one.
func (o *object) list(marker string) (page, *web.Response) {
	version, path, _ := o.req.Swift()
	req := segments.Sub(o.req, http.MethodGet, "/"+version+"/"+path.Account+"/"+o.container, source, "MultipartGET")
	query := url.Values{"format": {"json"}, "prefix": {o.prefix}}
	if marker != "" {
		query.Set("marker", marker)
	}
	req.SetQuery(query)
	resp := o.next.Serve(o.ctx, req)
	if !resp.OK() {
		return page{}, resp
	}
	entries, err := decode(io.LimitReader(resp.Body, int64(o.pageSize+1)*maxEntry), o.pageSize)
	resp.Discard()
	if err != nil {
		return page{}, web.FromError(swift.E("dlo.list", o.req.Path, swift.Unavailable, err))
	}
	return page{entries, len(entries) < o.pageSize}, nil
}

var errListing = errors.New("the listing is no list of objects")

// decode reads a listing of at most limit entries. An empty answer is an empty
// listing.
func decode(r io.Reader, limit int) ([]entry, error) {
	dec := json.NewDecoder(r)
	switch open, err := dec.Token(); {
	case err == io.EOF:
		return nil, nil
	case err != nil:
		return nil, err
	case open != json.Delim('['):
		return nil, errListing
	}
	var entries []entry
	for dec.More() {
		var e entry
		if err := dec.Decode(&e); err != nil {
			return nil, err
		}
		if e.Name == "" || e.Bytes < 0 || len(entries) == limit {
			return nil, fmt.Errorf("%w: entry %d", errListing, len(entries))
		}
		entries = append(entries, e)
	}
	_, err := dec.Token()
	return entries, err
}

// cursor walks over the segments, page by page.
type cursor struct {
	o    *object
	page page
	last string // name that was seen last
	skip int64  // bytes before the range
	left int64  // bytes of the range; -1 is all there are
}

var _ segments.Source = (*cursor)(nil)

func (o *object) cursor(first page, start, end int64) *cursor {
	c := &cursor{o: o, page: first, skip: start, left: -1}
	if end >= 0 {
		c.left = end - start
	}
	return c
}

// Next is the next segment that contributes to the range.
func (c *cursor) Next() (segments.Piece, error) {
	for c.left != 0 {
		for len(c.page.entries) > 0 {
			e := c.page.entries[0]
			c.page.entries, c.last = c.page.entries[1:], e.Name
			if e.Bytes <= c.skip {
				c.skip -= e.Bytes
				continue
			}
			return c.piece(e), nil
		}
		if c.page.last {
			break
		}
		next, refusal := c.o.list(c.last)
		if refusal != nil {
			refusal.Discard()
			kind := swift.Conflict
			if refusal.Status >= 500 {
				kind = swift.Unavailable
			}
			err := errors.New("listing of " + c.o.container + " answered " + strconv.Itoa(refusal.Status))
			return segments.Piece{}, swift.E("dlo.list", c.o.req.Path, kind, err)
		}
		c.page = next
	}
	return segments.Piece{}, io.EOF
}

func (c *cursor) piece(e entry) segments.Piece {
	p := segments.Piece{Name: "/" + c.o.container + "/" + e.Name, From: c.skip, To: e.Bytes, Size: e.Bytes, Paced: true}
	c.skip = 0
	if c.left >= 0 {
		p.To = min(p.To, p.From+c.left)
		c.left -= p.To - p.From
	}
	return p
}
