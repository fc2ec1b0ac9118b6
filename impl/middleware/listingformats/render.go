package listingformats

import (
	"bytes"
	"encoding/json"
)

// render is the listing in the wanted form; false if it is no listing.
func render(body []byte, want, name string, container, reserved bool) ([]byte, bool) {
	if want == "application/json" {
		return renderJSON(body, reserved)
	}
	w := newWriter(want, name, container, reserved, len(body))
	if scan(body, w.add) {
		return w.end(), true
	}
	w = newWriter(want, name, container, reserved, len(body))
	if decode(body, w.add) {
		return w.end(), true
	}
	return nil, false
}

// renderJSON takes out what is reserved.
func renderJSON(body []byte, reserved bool) ([]byte, bool) {
	if reserved || !bytes.Contains(body, []byte(`\u0000`)) {
		return body, scan(body, func(*line) {}) || json.Valid(body)
	}
	kept := []json.RawMessage{}
	var raw []json.RawMessage
	if json.Unmarshal(body, &raw) != nil {
		return nil, false
	}
	i := 0
	if !decode(body, func(l *line) {
		if bytes.IndexByte(l.name, 0) < 0 {
			kept = append(kept, raw[i])
		}
		i++
	}) {
		return nil, false
	}
	out, err := json.Marshal(kept)
	return out, err == nil
}

// entry is one line of a listing in any JSON.
type entry struct {
	Name          *string     `json:"name"`
	Subdir        *string     `json:"subdir"`
	Count         json.Number `json:"count"`
	Bytes         json.Number `json:"bytes"`
	Hash          string      `json:"hash"`
	ContentType   string      `json:"content_type"`
	LastModified  string      `json:"last_modified"`
	StoragePolicy *string     `json:"storage_policy"`
}

// decode is scan for whatever JSON a listing may be in.
func decode(body []byte, add func(*line)) bool {
	var items []entry
	if json.Unmarshal(body, &items) != nil {
		return false
	}
	for i := range items {
		e := &items[i]
		l := line{
			count: []byte(e.Count), bytes: []byte(e.Bytes), hash: []byte(e.Hash),
			contentType: []byte(e.ContentType), lastModified: []byte(e.LastModified),
		}
		switch {
		case e.Subdir != nil:
			l.name, l.subdir = []byte(*e.Subdir), true
		case e.Name != nil:
			l.name = []byte(*e.Name)
		default:
			return false
		}
		if e.StoragePolicy != nil {
			l.policy, l.policed = []byte(*e.StoragePolicy), true
		}
		add(&l)
	}
	return true
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// writer writes a listing as text or XML. The XML is without the spaces that
// encoding/xml has no say in; clients compare these bodies.
type writer struct {
	out       []byte
	text      bool
	container bool
	reserved  bool // names are shown that are
	empty     bool
}

// newWriter begins a listing of name that is so long in JSON.
func newWriter(want, name string, container, reserved bool, length int) *writer {
	w := &writer{text: want == "text/plain", container: container, reserved: reserved, empty: true}
	if w.text {
		w.out = make([]byte, 0, length/8) // about a name's share
		return w
	}
	w.out = append(make([]byte, 0, len(xmlHead)+length+length/4), xmlHead...)
	w.begin(w.whole(), []byte(name))
	return w
}

// whole is the element that all is in.
func (w *writer) whole() string {
	if w.container {
		return "container"
	}
	return "account"
}

func (w *writer) add(l *line) {
	if !w.reserved && bytes.IndexByte(l.name, 0) >= 0 {
		return
	}
	if w.text {
		w.out = append(append(w.out, l.name...), '\n')
		return
	}
	if w.empty {
		w.first()
	}
	if w.container {
		w.object(l)
	} else {
		w.bucket(l)
	}
}

// first ends the first tag.
func (w *writer) first() {
	w.empty = false
	w.out = append(w.out, '>')
	if !w.container {
		w.out = append(w.out, '\n')
	}
}

// end is the whole listing.
func (w *writer) end() []byte {
	switch {
	case w.text:
		return w.out
	case w.empty && w.container:
		return append(w.out, " />"...)
	case w.empty:
		w.first()
	}
	return append(append(append(w.out, "</"...), w.whole()...), '>')
}

func (w *writer) object(l *line) {
	if l.subdir {
		w.begin("subdir", l.name)
		w.out = append(w.out, '>')
		w.element("name", l.name)
		w.out = append(w.out, "</subdir>"...)
		return
	}
	w.out = append(w.out, "<object>"...)
	w.element("name", l.name)
	w.element("hash", l.hash)
	w.element("bytes", l.bytes)
	w.element("content_type", l.contentType)
	w.element("last_modified", l.lastModified)
	w.out = append(w.out, "</object>"...)
}

func (w *writer) bucket(l *line) {
	if l.subdir {
		w.begin("subdir", l.name)
		w.out = append(w.out, " />\n"...)
		return
	}
	w.out = append(w.out, "<container>"...)
	w.element("name", l.name)
	w.element("count", l.count)
	w.element("bytes", l.bytes)
	w.element("last_modified", l.lastModified)
	if l.policed {
		w.element("storage_policy", l.policy)
	}
	w.out = append(w.out, "</container>\n"...)
}

// begin is a tag but for its end.
func (w *writer) begin(element string, name []byte) {
	w.out = append(append(append(w.out, '<'), element...), ` name="`...)
	w.escaped(name, true)
	w.out = append(w.out, '"')
}

func (w *writer) element(name string, value []byte) {
	w.out = append(append(append(w.out, '<'), name...), '>')
	w.escaped(value, false)
	w.out = append(append(append(w.out, "</"...), name...), '>')
}

func (w *writer) escaped(text []byte, attribute bool) {
	from := 0
	for i, c := range text {
		if c > '>' {
			continue
		}
		var escape string
		switch c {
		case '&':
			escape = "&amp;"
		case '<':
			escape = "&lt;"
		case '>':
			escape = "&gt;"
		case '"', '\r', '\n', '\t':
			if attribute {
				escape = attributeEscape(c)
			}
		}
		if escape != "" {
			w.out = append(append(w.out, text[from:i]...), escape...)
			from = i + 1
		}
	}
	w.out = append(w.out, text[from:]...)
}

func attributeEscape(c byte) string {
	switch c {
	case '"':
		return "&quot;"
	case '\r':
		return "&#13;"
	case '\n':
		return "&#10;"
	}
	return "&#09;"
}
