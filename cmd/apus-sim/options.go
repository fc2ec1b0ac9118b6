package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"apus/faults/catalog"
	"apus/faults/nemesis"
	"apus/faults/plan"
	"apus/sim/scenario"
	"apus/sim/workload"
)

// options are the settings of a scenario, by name. Values may hold anything.
type options struct {
	values map[string]string
	files  map[string]string // where a value was read from, for replay lines
}

// Set takes name=value or name=@file.
func (o *options) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("want name=value or name=@file")
	}
	if file, ok := strings.CutPrefix(value, "@"); ok {
		return o.setFile(name, file)
	}
	o.set(name, value, "")
	return nil
}

func (o *options) setFile(name, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	o.set(name, string(data), file)
	return nil
}

func (o *options) set(name, value, file string) {
	if o.values == nil {
		o.values, o.files = map[string]string{}, map[string]string{}
	}
	o.values[name], o.files[name] = value, file
}

func (o *options) String() string { return "" }

func (o *options) Type() string { return "name=value" }

// line is the options of a job as flags.
func (o *options) line(values map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		if file := o.files[name]; file != "" {
			value = "@" + file
		}
		fmt.Fprintf(&b, " -o '%s=%s'", name, value)
	}
	return b.String()
}

// shorthand is a flag of its own for one option.
type shorthand struct {
	options *options
	name    string
	file    bool
	check   func(value string) error
}

func (h shorthand) Set(value string) error {
	if !h.file {
		h.options.set(h.name, value, "")
		return h.check(value)
	}
	if err := h.options.setFile(h.name, value); err != nil {
		return err
	}
	return h.check(h.options.values[h.name])
}

func (h shorthand) String() string { return "" }

func (h shorthand) Type() string {
	if h.file {
		return "file"
	}
	return "name"
}

func checkProfile(name string) error {
	_, err := nemesis.ByName(name)
	return err
}

func checkPlan(text string) error {
	p, err := plan.Parse(text)
	if err != nil {
		return err
	}
	return p.Validate(catalog.Vocabulary{})
}

func checkScript(text string) error {
	_, err := workload.Load(strings.NewReader(text))
	return err
}

func (o *options) flags(f *pflag.FlagSet) {
	f.VarP(o, "option", "o", "setting of the scenario, name=value or name=@file; may be repeated")
	f.Var(shorthand{o, scenario.ProfileOption, false, checkProfile}, "profile", "which faults are drawn; short for -o profile=; see apus-sim faults")
	f.Var(shorthand{o, scenario.PlanOption, true, checkPlan}, "plan", "fault plan to run instead of a random one; short for -o plan=@file")
	f.Var(shorthand{o, scenario.ScriptOption, true, checkScript}, "script", "workload to run instead of a random one; short for -o script=@file")
}
