package tools

import (
	"errors"
	"slices"
	"testing"

	"github.com/spf13/pflag"
)

func TestParseOptions(t *testing.T) {
	for _, c := range []struct {
		name     string
		args     []string
		ip, port string
		rest     []string
		fails    bool
	}{
		{"between arguments", []string{"a", "--ip", "1", "b", "-p2"}, "1", "2", []string{"a", "b"}, false},
		{"shortened", []string{"--i=1", "--po", "2"}, "1", "2", []string{}, false},
		{"ambiguous", []string{"--p", "2"}, "", "", nil, true},
		{"unknown", []string{"--x"}, "", "", nil, true},
		{"after two dashes", []string{"--", "--ip", "1"}, "", "", []string{"--ip", "1"}, false},
	} {
		f := pflag.NewFlagSet("tool", pflag.ContinueOnError)
		ip, port := f.StringP("ip", "i", "", ""), f.StringP("port", "p", "", "")
		f.String("path", "", "")
		err := ParseOptions(f, c.args)
		if (err != nil) != c.fails {
			t.Errorf("%s: error %v", c.name, err)
		}
		if err == nil && (*ip != c.ip || *port != c.port || !slices.Equal(f.Args(), c.rest)) {
			t.Errorf("%s: ip %q, port %q, rest %q", c.name, *ip, *port, f.Args())
		}
	}
	if err := ParseOptions(pflag.NewFlagSet("tool", pflag.ContinueOnError), []string{"-h"}); !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("-h is %v", err)
	}
}
