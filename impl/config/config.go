// Package config reads Swift's configuration files: INI as Python's
// configparser reads it, and the pipelines of paste.deploy on top.
//
// Sections hold "key = value" or "key: value"; lines that start with # or ;
// are comments; an indented line continues the value above; [DEFAULT] is
// inherited by every section; %(name)s stands for another key of the same
// section and %% for a percent sign. In paste sections "set key = value"
// overrides a default, and "use" names what to build.
//
// Text becomes typed values once, at boot: getters remember what is wrong and
// [File.Err] reports all of it together.
package config

import (
	"errors"
	"fmt"
	"io"
	"path"
	"sort"
	"strings"

	"apus/impl/host"
	"apus/impl/swift"
)

// File is one configuration, of one file or of a conf.d directory merged.
type File struct {
	Path     string
	sections map[string]*Section
	order    []string
	errs     []error
}

// Section is the keys of one section with DEFAULT behind them. Getters record
// errors in the File.
type Section struct {
	Name   string
	file   *File
	values map[string]string // own keys
	used   map[string]bool
}

const defaultSection = "DEFAULT"

// Load reads name, a file or a directory whose *.conf files are merged in
// order of name.
func Load(fs host.FS, name string) (*File, error) {
	const op = "config.Load"
	info, err := fs.Stat(name)
	if err != nil {
		return nil, swift.E(op, name, swift.Other, err)
	}
	names := []string{name}
	if info.IsDir() {
		entries, err := fs.ReadDir(name)
		if err != nil {
			return nil, swift.E(op, name, swift.Other, err)
		}
		names = names[:0]
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".conf") && !strings.HasPrefix(e.Name(), ".") {
				names = append(names, path.Join(name, e.Name()))
			}
		}
	}
	f := newFile(name)
	for _, n := range names {
		text, err := readFile(fs, n)
		if err != nil {
			return nil, swift.E(op, n, swift.Other, err)
		}
		if err := f.merge(text, n); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func readFile(fs host.FS, name string) (string, error) {
	f, err := fs.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// Parse reads text; name stands for it in errors and in %(here)s.
func Parse(text, name string) (*File, error) {
	f := newFile(name)
	if err := f.merge(text, name); err != nil {
		return nil, err
	}
	return f, nil
}

func newFile(name string) *File {
	f := &File{Path: name, sections: map[string]*Section{}}
	def := f.add(defaultSection)
	def.values["here"], def.values["__file__"] = path.Dir(name), name
	def.used["here"], def.used["__file__"] = true, true
	return f
}

func (f *File) add(name string) *Section {
	if s := f.sections[name]; s != nil {
		return s
	}
	s := &Section{Name: name, file: f, values: map[string]string{}, used: map[string]bool{}}
	f.sections[name] = s
	if name != defaultSection {
		f.order = append(f.order, name)
	}
	return s
}

// merge adds the lines of text; later keys win, as configparser does over
// several files.
func (f *File) merge(text, name string) error {
	var section *Section
	var key string
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case line[0] == ' ' || line[0] == '\t':
			if section == nil || key == "" {
				return syntax(name, i, line, "continues nothing")
			}
			section.values[key] = strings.TrimPrefix(section.values[key]+"\n"+trimmed, "\n")
		case trimmed[0] == '[':
			end := strings.LastIndexByte(trimmed, ']')
			if end < 1 {
				return syntax(name, i, line, "has no closing bracket")
			}
			section, key = f.add(trimmed[1:end]), ""
		default:
			if section == nil {
				return syntax(name, i, line, "stands before the first [section]")
			}
			at := strings.IndexAny(line, "=:")
			if at <= 0 {
				return syntax(name, i, line, "is neither key = value, nor [section], nor a comment")
			}
			key = strings.TrimSpace(line[:at])
			if rest, ok := strings.CutPrefix(key, "set "); ok {
				key = strings.TrimSpace(rest)
			}
			section.values[key] = stripComment(strings.TrimSpace(line[at+1:]))
		}
	}
	return nil
}

// stripComment cuts " ;…", the inline comment of Python's old parser that
// paste.deploy still honours.
func stripComment(v string) string {
	if i := strings.Index(v, " ;"); i >= 0 {
		return strings.TrimSpace(v[:i])
	}
	return v
}

func syntax(name string, line int, text, what string) error {
	return swift.E("config.Parse", name, swift.Invalid, fmt.Errorf("line %d: %q %s", line+1, text, what))
}

// Section is the named section; absent ones are empty but for DEFAULT.
func (f *File) Section(name string) *Section {
	if s := f.sections[name]; s != nil {
		return s
	}
	return &Section{Name: name, file: f, values: map[string]string{}, used: map[string]bool{}}
}

// Has reports whether the file has the section.
func (f *File) Has(name string) bool { return f.sections[name] != nil }

// Sections lists the section names in order of appearance, without DEFAULT.
func (f *File) Sections() []string { return f.order }

// Err joins every error that getters met so far.
func (f *File) Err() error { return errors.Join(f.errs...) }

// Unknown lists "section/key" of keys that nobody asked for, for a warning at
// boot. Keys of DEFAULT count as known, as every daemon reads some of them.
func (f *File) Unknown() []string {
	var out []string
	for name, s := range f.sections {
		if name == defaultSection {
			continue
		}
		for k := range s.values {
			if !s.used[k] {
				out = append(out, name+"/"+k)
			}
		}
	}
	sort.Strings(out)
	return out
}

func (s *Section) fail(key, value, want string) {
	s.file.errs = append(s.file.errs, swift.E("config", s.file.Path, swift.Invalid,
		fmt.Errorf("[%s] %s = %q: %s", s.Name, key, value, want)))
}

// Fail records that the value of key is not acceptable. Want says what is.
func (s *Section) Fail(key, want string) {
	v, _ := s.Lookup(key)
	s.fail(key, v, want)
}

// Err is File.Err.
func (s *Section) Err() error { return s.file.Err() }
