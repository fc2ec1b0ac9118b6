package object

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"apus/impl/diskfile"
	"apus/impl/pickle"
	"apus/impl/swift"
)

// maxFooter bounds the metadata that may follow a body, in bytes.
const maxFooter = 1 << 20

// upload is the body of a PUT as the proxy sends it: plain, or in MIME
// documents of which the first is the object. A second holds metadata that the
// proxy knows only after the body, such as the MD5 of what it encrypted. In a
// third, sent when this node has said that it is ready, the proxy confirms that
// the PUT counts.
type upload struct {
	c          *call
	object     io.Reader
	docs       *multipart.Reader // nil for a plain body
	boundary   string
	footer     bool // a document of metadata follows
	multiphase bool // a confirmation follows
	body       *watched
}

// watched remembers what went wrong with a body, for parsers tell it in words
// of their own.
type watched struct {
	io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// bad is an error that explains to the proxy what is wrong with its documents.
func bad(kind swift.Kind, why string) error {
	return swift.E("object.PUT", "", kind, errors.New(why))
}

// openUpload finds the object in the body. It asks the proxy to go on, and
// tells it which documents are understood; else the proxy would not send them.
func (c *call) openUpload() (*upload, error) {
	u := &upload{c: c, object: c.Body, footer: c.truth("X-Backend-Obj-Metadata-Footer"), multiphase: c.truth("X-Backend-Obj-Multiphase-Commit")}
	if !u.footer && !u.multiphase {
		return u, nil
	}
	if u.boundary = c.Header.Get("X-Backend-Obj-Multipart-Mime-Boundary"); u.boundary == "" {
		return nil, bad(swift.Invalid, "no MIME boundary")
	}
	if c.Phases != nil {
		c.Phases.Continue(u.promise())
	}
	u.body = &watched{Reader: c.Body}
	u.docs = multipart.NewReader(u.body, u.boundary)
	p, err := u.docs.NextRawPart()
	if err != nil {
		return nil, u.broken("couldn't find object MIME doc")
	}
	u.object = p
	return u, nil
}

// promise is the header of each "100 Continue".
func (u *upload) promise() http.Header {
	h := http.Header{}
	if u.multiphase {
		h.Set("X-Obj-Multiphase-Commit", "yes")
	}
	if u.footer {
		h.Set("X-Obj-Metadata-Footer", "yes")
	}
	return h
}

// broken is what was wrong with the connection, if anything was, else why.
func (u *upload) broken(why string) error {
	if u.body.err != nil {
		return u.body.err
	}
	return bad(swift.Invalid, why)
}

// footers is the metadata that follows the object, names in title case; nil if
// there is none. The object has been read.
func (u *upload) footers() (diskfile.Metadata, error) {
	if !u.footer {
		return nil, nil
	}
	p, err := u.docs.NextRawPart()
	if err != nil {
		return nil, u.broken("couldn't find footer MIME doc")
	}
	content, err := io.ReadAll(io.LimitReader(p, maxFooter+1))
	switch {
	case err != nil:
		return nil, u.broken("couldn't find the end of footer MIME doc")
	case len(content) > maxFooter:
		return nil, bad(swift.Invalid, fmt.Sprintf("footer is larger than %d bytes", maxFooter))
	}
	return parseFooter(p.Header.Get("Content-MD5"), content)
}

// parseFooter reads a document of metadata: JSON, with the MD5 that it must
// have.
func parseFooter(sum string, content []byte) (diskfile.Metadata, error) {
	got := md5.Sum(content)
	switch {
	case sum == "":
		return nil, bad(swift.Invalid, "no Content-MD5 in footer")
	case sum != hex.EncodeToString(got[:]):
		return nil, bad(swift.Unprocessable, "footer MD5 mismatch")
	}
	var values map[string]any
	if err := json.Unmarshal(content, &values); err != nil || values == nil {
		return nil, bad(swift.Invalid, "invalid JSON for footer doc")
	}
	footers := make(diskfile.Metadata, len(values))
	for _, k := range sortedKeys(values) {
		switch v := values[k].(type) {
		case string: // one code point for each byte, as Python keeps headers
			footers[diskfile.Title(pickle.ToRaw(k))] = pickle.ToRaw(v)
		case nil:
		case float64, bool:
			footers[diskfile.Title(pickle.ToRaw(k))] = fmt.Sprint(v)
		default:
			return nil, bad(swift.Invalid, "invalid JSON for footer doc")
		}
	}
	return footers, nil
}

// finish reads what follows the metadata, so that the proxy has said all
// before the object is stored: in several phases that the PUT counts.
func (u *upload) finish() error {
	if u.docs == nil {
		return nil
	}
	if u.multiphase {
		if err := u.confirmation(); err != nil {
			return err
		}
	}
	for {
		p, err := u.docs.NextRawPart()
		if err != nil {
			break // no more documents, or what stands there is none
		}
		if _, err = io.Copy(io.Discard, p); err != nil {
			return u.broken("broken MIME doc")
		}
	}
	return u.drain()
}

// drain reads the body to its end, so that the connection can go on.
func (u *upload) drain() error {
	if _, err := io.Copy(io.Discard, u.body); err != nil {
		return u.broken("broken MIME doc")
	}
	return nil
}

// confirmation asks for the word that the PUT counts, and reads it.
func (u *upload) confirmation() error {
	if u.c.Phases == nil {
		return bad(swift.NotImplemented, "the connection cannot carry a second body")
	}
	if err := u.drain(); err != nil {
		return err
	}
	second, err := u.c.Phases.Next(u.promise())
	if err != nil {
		return err
	}
	u.body = &watched{Reader: second}
	// The boundary before this document was the end of the first body.
	u.docs = multipart.NewReader(io.MultiReader(strings.NewReader("--"+u.boundary+"\r\n"), u.body), u.boundary)
	p, err := u.docs.NextRawPart()
	if err != nil {
		return u.broken("couldn't find PUT commit MIME doc")
	}
	if p.Header.Get("X-Document") != "put commit" {
		return bad(swift.Other, "the proxy did not commit the PUT")
	}
	if _, err = io.Copy(io.Discard, p); err != nil {
		return u.broken("couldn't find the end of PUT commit MIME doc")
	}
	return nil
}
