package objectinfo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"sort"
	"strings"

	"apus/impl/swift"
	"apus/impl/tools/locations"
)

// classes of metadata, in the order they are shown; the last takes the rest.
var classes = [...]struct{ title, prefix string }{
	{"System Metadata:", "x-object-sysmeta-"},
	{"Transient System Metadata:", "x-object-transient-sysmeta-"},
	{"User Metadata:", "x-object-meta-"},
	{"Other Metadata:", ""},
}

const (
	bodyCrypto     = "X-Object-Sysmeta-Crypto-Body-Meta"
	metadataCrypto = "X-Object-Transient-Sysmeta-Crypto-Meta"
)

// metadata shows md and returns the path that it names, nil if none.
func (t *tool) metadata(md map[string]string) (*swift.Path, error) {
	p, err := t.name(take(md, "name"))
	if err != nil {
		return nil, err
	}
	if ct := take(md, "Content-Type"); ct != "" {
		t.linef("Content-Type: %s", ct)
	} else {
		t.linef("Content-Type: Not found in metadata")
	}
	if err := t.timestamp(take(md, "X-Timestamp")); err != nil {
		return nil, err
	}
	sections := t.classify(md)
	for i, c := range classes {
		t.linef("%s", c.title)
		t.section(sections[i])
	}
	t.crypto("Data crypto details", sections[0][bodyCrypto])
	t.crypto("Metadata crypto details", sections[1][metadataCrypto])
	return p, nil
}

func (t *tool) name(stored string) (*swift.Path, error) {
	if stored == "" {
		t.linef("Path: Not found in metadata")
		return nil, nil
	}
	p, err := swift.ParsePath(stored)
	if err != nil || !p.IsObject() {
		return nil, swift.E(name, "", swift.Corrupt, fmt.Errorf("Path is invalid for object %s", locations.Repr(stored)))
	}
	t.linef("Path: %s", stored)
	t.linef("  Account: %s", p.Account)
	t.linef("  Container: %s", p.Container)
	t.linef("  Object: %s", p.Object)
	t.linef("  Object hash: %s", t.swift.Hasher.Hash(p))
	return &p, nil
}

func (t *tool) timestamp(stored string) error {
	if stored == "" {
		t.linef("Timestamp: Not found in metadata")
		return nil
	}
	ts, err := swift.ParseTimestamp(stored)
	if err != nil {
		return err
	}
	if ts.IsZero() {
		t.linef("Timestamp: Not found in metadata")
	} else {
		t.linef("Timestamp: %s (%s)", ts.ISO(), ts.Internal())
	}
	return nil
}

// classify sorts md into classes.
func (t *tool) classify(md map[string]string) (out [len(classes)]map[string]string) {
	for i := range out {
		out[i] = map[string]string{}
	}
	for k, v := range md {
		for i, c := range classes {
			if c.prefix == "" {
				out[i][k] = v
			} else if len(k) > len(c.prefix) && strings.EqualFold(k[:len(c.prefix)], c.prefix) {
				if t.dropPrefixes {
					k = k[len(c.prefix):]
				}
				out[i][k] = v
				break
			}
		}
	}
	return out
}

func (t *tool) section(items map[string]string) {
	if len(items) == 0 {
		t.linef("  No metadata found")
		return
	}
	keys := make([]string, 0, len(items))
	for k := range items {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		t.linef("  %s: %s", k, items[k])
	}
}

// crypto shows how something was encrypted, if it was.
func (t *tool) crypto(label, stored string) {
	if stored == "" {
		return
	}
	text, err := url.QueryUnescape(stored)
	var v any
	if err == nil {
		err = json.Unmarshal([]byte(text), &v)
	}
	var b bytes.Buffer
	if err == nil {
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(v)
	}
	if err != nil {
		t.linef("%s: cannot be read: %v", label, err)
		return
	}
	t.linef("%s: %s", label, strings.TrimSuffix(b.String(), "\n"))
}
