package formpost

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

const (
	windowSize = 64 << 10
	// maxPartHeader bounds a line, and maxPartLines the number of lines, that
	// a part may say about itself.
	maxPartHeader = 8 << 10
	maxPartLines  = 64
)

// parts reads a body of several parts, each of which ends where a line begins
// with the boundary. No more of it is in memory than a window.
type parts struct {
	in    *bufio.Reader
	delim []byte
	part  *part
	last  bool // there is no part after this one
}

// newParts reads the boundary before the first part.
func newParts(body io.Reader, boundary string) (*parts, error) {
	p := &parts{in: bufio.NewReaderSize(body, windowSize), delim: []byte("\r\n--" + boundary)}
	for {
		line, err := readLine(p.in, len(boundary)+4)
		if err != nil {
			return nil, err
		}
		if line == "\r\n" {
			continue
		}
		if strings.TrimSpace(line) != "--"+boundary {
			return nil, invalid("invalid starting boundary")
		}
		return p, nil
	}
}

// readLine reads a line with its end, or limit bytes of it. The end of the
// input ends a line too.
func readLine(in *bufio.Reader, limit int) (string, error) {
	var line []byte
	for len(line) < limit {
		c, err := in.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		if line = append(line, c); c == '\n' {
			break
		}
	}
	return string(line), nil
}

// next is the next part, after what is left of the one before; io.EOF when
// there is none.
func (p *parts) next() (*part, error) {
	if p.part != nil {
		if _, err := io.Copy(io.Discard, p.part.content); err != nil {
			return nil, err
		}
	}
	if p.last {
		return nil, io.EOF
	}
	c := &content{parts: p}
	p.part = &part{content: c, body: bufio.NewReaderSize(c, maxPartHeader), header: map[string]string{}}
	return p.part, p.part.readHeader()
}

// content is a part with its header, up to the boundary.
type content struct {
	parts *parts
	done  bool
}

func (c *content) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	in, delim := c.parts.in, c.parts.delim
	_, err := in.Peek(len(delim) + 2)
	if err != nil && err != io.EOF {
		return 0, err
	}
	window, _ := in.Peek(in.Buffered())
	n := bytes.Index(window, delim)
	switch {
	case n == 0:
		c.end(window[len(delim):])
		return 0, io.EOF
	case n < 0 && err == io.EOF:
		n = len(window)
	case n < 0:
		n = len(window) - len(delim) + 1 // the rest may begin a boundary
	}
	if n == 0 {
		c.done, c.parts.last = true, true
		return 0, io.EOF
	}
	n = copy(p, window[:n])
	_, _ = in.Discard(n) // it is in the buffer
	return n, nil
}

// end passes the boundary and the two bytes that tell whether it is the last.
func (c *content) end(after []byte) {
	c.done = true
	c.parts.last = len(after) < 2 || string(after[:2]) == "--"
	_, _ = c.parts.in.Discard(len(c.parts.delim) + min(len(after), 2)) // it is in the buffer
}

// part is one field of a form. Reading it yields its value or file.
type part struct {
	content *content
	body    *bufio.Reader
	header  map[string]string // by lower-case name
	kind    string
	params  map[string]string // of its Content-Disposition
}

func (p *part) Read(b []byte) (int, error) { return p.body.Read(b) }

func (p *part) filename() string { return p.params["filename"] }

// isFile is false also for a file that the user did not choose.
func (p *part) isFile() bool { return p.kind == "form-data" && p.filename() != "" }

func (p *part) readHeader() error {
	last := ""
	for range maxPartLines {
		line, err := readLine(p.body, maxPartHeader+1)
		if err != nil {
			return err
		}
		if len(line) > maxPartHeader {
			break
		}
		text := strings.TrimRight(line, "\r\n")
		if text == "" {
			p.kind, p.params = parseParams(p.header["content-disposition"])
			return nil
		}
		name, value, ok := strings.Cut(text, ":")
		switch {
		case text[0] == ' ' || text[0] == '\t':
			p.header[last] += " " + strings.TrimSpace(text)
		case ok:
			last = strings.ToLower(strings.TrimSpace(name))
			p.header[last] = strings.TrimSpace(value)
		}
	}
	return invalid("the header of a part is too long")
}
