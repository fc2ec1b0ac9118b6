// Package config reads Swift's configuration files: INI as Python's
// configparser reads it, and the pipelines of paste.deploy on top.
//
// Sections hold "key = value" or "key: value"; lines that start with # or ;
// are comments; an indented line continues the value above; [DEFAULT] is
// inherited by every section. In a value that holds "%(", %(name)s stands for
// another key of the same section and %% for a percent sign.
//
// In the sections of paste.deploy ([app:…], [filter:…], [pipeline:…]) "use"
// names what to build, and a key that [DEFAULT] has too counts only when it is
// written "set key = value".
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
	set    map[string]bool   // keys given as "set key = value"
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
	if info.IsDir() {
		f.sections[defaultSection].values["here"] = name
	}
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

func newSection(f *File, name string) *Section {
	return &Section{Name: name, file: f, values: map[string]string{}, set: map[string]bool{}, used: map[string]bool{}}
}

func (f *File) add(name string) *Section {
	if s := f.sections[name]; s != nil {
		return s
	}
	s := newSection(f, name)
	f.sections[name] = s
	if name != defaultSection {
		f.order = append(f.order, name)
	}
	return s
}

// Section is the named section; absent ones are empty but for DEFAULT.
func (f *File) Section(name string) *Section {
	if s := f.sections[name]; s != nil {
		return s
	}
	return newSection(f, name)
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

// Sibling is another section of the same file; see [File.Section].
func (s *Section) Sibling(name string) *Section { return s.file.Section(name) }

// Siblings lists the sections of the same file whose names begin with prefix,
// in order of appearance.
func (s *Section) Siblings(prefix string) []string {
	var out []string
	for _, name := range s.file.order {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	return out
}

// Err is File.Err.
func (s *Section) Err() error { return s.file.Err() }
