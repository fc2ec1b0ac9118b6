package listingformats

import (
	"encoding/json"
	"strings"
)

// entry is one line of a listing. Numbers stay as they were written.
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

func (e *entry) name() string {
	if e.Subdir != nil {
		return *e.Subdir
	}
	return *e.Name
}

func text(items []entry) string {
	var b strings.Builder
	for i := range items {
		b.WriteString(items[i].name())
		b.WriteByte('\n')
	}
	return b.String()
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

var (
	escapeText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	escapeAttr = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;",
		"\r", "&#13;", "\n", "&#10;", "\t", "&#09;")
)

// xmlWriter writes elements without the spaces that encoding/xml has no say
// in; clients compare these bodies.
type xmlWriter struct{ strings.Builder }

func (w *xmlWriter) element(name, value string) {
	w.WriteString("<" + name + ">")
	_, _ = escapeText.WriteString(w, value)
	w.WriteString("</" + name + ">")
}

func (w *xmlWriter) open(name, attr string) {
	w.WriteString("<" + name + ` name="`)
	_, _ = escapeAttr.WriteString(w, attr)
	w.WriteString(`">`)
}

func xml(items []entry, name string, container bool) string {
	var w xmlWriter
	w.WriteString(xmlHead)
	if container {
		w.containerListing(items, name)
	} else {
		w.accountListing(items, name)
	}
	return w.String()
}

func (w *xmlWriter) accountListing(items []entry, name string) {
	w.open("account", name)
	w.WriteString("\n")
	for i := range items {
		e := &items[i]
		if e.Subdir != nil {
			w.WriteString(`<subdir name="`)
			_, _ = escapeAttr.WriteString(w, *e.Subdir)
			w.WriteString("\" />\n")
			continue
		}
		w.WriteString("<container>")
		w.element("name", *e.Name)
		w.element("count", e.Count.String())
		w.element("bytes", e.Bytes.String())
		w.element("last_modified", e.LastModified)
		if e.StoragePolicy != nil {
			w.element("storage_policy", *e.StoragePolicy)
		}
		w.WriteString("</container>\n")
	}
	w.WriteString("</account>")
}

func (w *xmlWriter) containerListing(items []entry, name string) {
	if len(items) == 0 {
		w.WriteString(`<container name="`)
		_, _ = escapeAttr.WriteString(w, name)
		w.WriteString(`" />`)
		return
	}
	w.open("container", name)
	for i := range items {
		e := &items[i]
		if e.Subdir != nil {
			w.open("subdir", *e.Subdir)
			w.element("name", *e.Subdir)
			w.WriteString("</subdir>")
			continue
		}
		w.WriteString("<object>")
		w.element("name", *e.Name)
		w.element("hash", e.Hash)
		w.element("bytes", e.Bytes.String())
		w.element("content_type", e.ContentType)
		w.element("last_modified", e.LastModified)
		w.WriteString("</object>")
	}
	w.WriteString("</container>")
}
