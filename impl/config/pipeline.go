package config

import (
	"fmt"
	"strings"

	"apus/impl/swift"
)

// Part is one element of a paste pipeline.
type Part struct {
	Name    string // the word in the pipeline line
	Use     string // the paste name without its egg: "proxy", "tempauth", …
	Options *Section
}

// Pipeline is the filters of [pipeline:main], outermost first, and the app.
func (f *File) Pipeline() (filters []Part, app Part, err error) {
	const op = "config.Pipeline"
	line, ok := f.Section("pipeline:main").Lookup("pipeline")
	if !ok {
		return nil, Part{}, swift.E(op, f.Path, swift.Invalid, fmt.Errorf("[pipeline:main] has no pipeline = line"))
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil, Part{}, swift.E(op, f.Path, swift.Invalid, fmt.Errorf("[pipeline:main] pipeline is empty"))
	}
	for i, w := range words {
		kind := "filter"
		if i == len(words)-1 {
			kind = "app"
		}
		part, err := f.part(kind, w)
		if err != nil {
			return nil, Part{}, err
		}
		if kind == "app" {
			return filters, part, nil
		}
		filters = append(filters, part)
	}
	panic("unreachable")
}

func (f *File) part(kind, word string) (Part, error) {
	section := kind + ":" + word
	if !f.Has(section) {
		return Part{}, swift.E("config.Pipeline", f.Path, swift.Invalid,
			fmt.Errorf("the pipeline names %q but there is no section [%s]", word, section))
	}
	opts := f.Section(section)
	use, _ := opts.Lookup("use")
	pkg, name, ok := strings.Cut(strings.TrimPrefix(use, "egg:"), "#")
	if !ok || !strings.HasPrefix(use, "egg:") {
		return Part{}, swift.E("config.Pipeline", f.Path, swift.Invalid,
			fmt.Errorf("[%s] use = %q: must be egg:swift#name", section, use))
	}
	if pkg != "swift" {
		return Part{}, swift.E("config.Pipeline", f.Path, swift.Invalid,
			fmt.Errorf("[%s] use = %q: only eggs of swift can be used; foreign Python filters cannot", section, use))
	}
	return Part{Name: word, Use: name, Options: opts}, nil
}
