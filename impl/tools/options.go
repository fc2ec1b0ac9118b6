package tools

import (
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// ParseOptions parses options as Python's optparse does, which operators are
// used to: anywhere among the arguments, and long ones shortened as far as
// they stay unique. Nothing is printed; pflag.ErrHelp is -h or --help.
func ParseOptions(f *pflag.FlagSet, args []string) error {
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	full := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			full = append(full, args[i:]...)
			break
		}
		full = append(full, lengthen(f, arg))
	}
	return f.Parse(full)
}

func lengthen(f *pflag.FlagSet, arg string) string {
	short, value, hasValue := strings.Cut(arg, "=")
	name, long := strings.CutPrefix(short, "--")
	if !long || f.Lookup(name) != nil {
		return arg
	}
	var found []string
	f.VisitAll(func(o *pflag.Flag) {
		if strings.HasPrefix(o.Name, name) {
			found = append(found, o.Name)
		}
	})
	if len(found) != 1 {
		return arg
	}
	if hasValue {
		return "--" + found[0] + "=" + value
	}
	return "--" + found[0]
}
