package locations

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"apus/impl/tools"
)

// Exit codes of the tools.
const (
	ExitOK    = 0
	ExitError = 1
	ExitUsage = 2
)

// Usage is how a tool is called.
type Usage struct {
	Name     string // "swift-object-info"
	Argument string // what the one argument is, "OBJECT_FILE"
	Flags    *pflag.FlagSet
}

// NewUsage has the option that all tools share.
func NewUsage(name, argument string) (u *Usage, swiftDir *string) {
	u = &Usage{name, argument, pflag.NewFlagSet(name, pflag.ContinueOnError)}
	u.Flags.SetOutput(discard{})
	swiftDir = u.Flags.StringP("swift-dir", "d", "/etc/swift", "directory of swift.conf and the rings")
	return u, swiftDir
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Parse finds the one argument. With done the tool ends with code: it was asked
// for help, or was called wrong. No argument at all shows the help and is fine,
// as it always was.
func (u *Usage) Parse(args []string, std tools.Std) (argument string, code int, done bool) {
	err := u.Flags.Parse(args)
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintf(std.Err, "%s\n\n%s: error: %s\n", u.line(), u.Name, strings.TrimSpace(err.Error()))
		return "", ExitUsage, true
	}
	if err != nil || u.Flags.NArg() != 1 {
		fmt.Fprintf(std.Out, "%s\n\nOptions:\n%s", u.line(), u.Flags.FlagUsages())
		return "", ExitOK, true
	}
	return u.Flags.Arg(0), ExitOK, false
}

func (u *Usage) line() string { return "Usage: " + u.Name + " [options] " + u.Argument }

// ExitCode says what err was, unless the tool has said it, and ends with it.
func ExitCode(err error, name string, std tools.Std) int {
	switch {
	case err == nil:
		return ExitOK
	case !errors.Is(err, ErrTold):
		fmt.Fprintf(std.Err, "%s: %v\n", name, err)
	}
	return ExitError
}
