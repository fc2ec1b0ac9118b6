package config

import (
	"fmt"
	"strings"

	"apus/impl/swift"
)

// merge adds the lines of text; keys of later files win. Within one file a
// section or key that comes twice is an error, as for Python: one of the two
// would silently not count.
func (f *File) merge(text, name string) error {
	p := parser{file: f, name: name, seen: map[string]bool{}}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if what := p.line(line); what != "" {
			return syntax(name, i, line, what)
		}
	}
	p.endValue()
	return nil
}

func syntax(name string, line int, text, what string) error {
	return swift.E("config.Parse", name, swift.Invalid, fmt.Errorf("line %d: %q %s", line+1, text, what))
}

// parser holds the place in one file.
type parser struct {
	file    *File
	name    string
	section *Section
	seen    map[string]bool // sections, and section and key, of this file
	indent  int             // of the section or key above; what is deeper continues it
	key     string          // whose value may continue; empty for none
	set     bool
	value   []string // its lines
}

// line takes the next line; the result says what is wrong with it.
func (p *parser) line(line string) string {
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "":
		if p.key != "" {
			p.value = append(p.value, "")
		}
		return ""
	case trimmed[0] == '#' || trimmed[0] == ';':
		return ""
	}
	indent := len(line) - len(strings.TrimLeft(line, " \t\r\f\v"))
	if p.key != "" && indent > p.indent {
		p.value = append(p.value, trimmed)
		return ""
	}
	p.endValue()
	p.indent = indent
	if end := strings.LastIndexByte(trimmed, ']'); trimmed[0] == '[' && end > 1 {
		return p.startSection(trimmed[1:end])
	}
	return p.startKey(trimmed)
}

func (p *parser) startSection(name string) string {
	if p.seen[name] && name != defaultSection {
		return "comes a second time"
	}
	p.seen[name] = true
	p.section = p.file.add(name)
	return ""
}

func (p *parser) startKey(line string) string {
	if p.section == nil {
		return "stands before the first [section]"
	}
	at := strings.IndexAny(line, "=:")
	if at <= 0 {
		return "is neither key = value, nor [section], nor a comment"
	}
	key := strings.TrimSpace(line[:at])
	mark := p.section.Name + "\x00" + key
	if p.seen[mark] {
		return "sets a key of this section a second time"
	}
	p.seen[mark] = true
	name, set := strings.CutPrefix(key, "set ")
	p.key, p.set = strings.TrimSpace(name), set
	p.value = []string{strings.TrimSpace(line[at+1:])}
	return ""
}

// endValue stores the value whose lines have come. A plain key does not
// replace one that was set.
func (p *parser) endValue() {
	if p.key == "" {
		return
	}
	if p.set || !p.section.set[p.key] {
		p.section.values[p.key] = strings.TrimRight(strings.Join(p.value, "\n"), " \t\r\n")
	}
	if p.set {
		p.section.set[p.key] = true
	}
	p.key, p.value = "", nil
}
