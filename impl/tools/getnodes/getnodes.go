// Package getnodes is swift-get-nodes: it shows the devices responsible for
// an account, a container, an object or a partition. What it prints is line
// by line what Swift's own tool prints.
package getnodes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/tools"
	"apus/impl/tools/locations"
)

const help = `Usage: swift-get-nodes [-a] <ring.gz> <account> [<container> [<object>]]
Or:    swift-get-nodes [-a] <ring.gz> -p partition
Or:    swift-get-nodes [-a] -P policy_name <account> [<container> [<object>]]
Or:    swift-get-nodes [-a] -P policy_name -p partition

Account, container and object can also be one argument separated by /.

Options:
  -h, --help            show this help message and exit
  -a, --all             show all handoff nodes
  -p PARTITION, --partition=PARTITION
                        show the nodes of a partition
  -P POLICY_NAME, --policy-name=POLICY_NAME
                        the storage policy of objects
  -d SWIFT_DIR, --swift-dir=SWIFT_DIR
                        where swift.conf and rings are, /etc/swift
  -Q, --quoted          the paths are percent-encoded
`

// request is what the command line asks for.
type request struct {
	all       bool
	partition string
	policy    string
	swiftDir  string
	quoted    bool

	ringFile string   // "" if a policy decides
	names    []string // account, container, object
}

// errUsage is a request that makes no sense; the help explains.
type errUsage struct{ error }

// Run is the tool swift-get-nodes.
func Run(_ context.Context, h *host.Host, args []string, std tools.Std) int {
	var q request
	f := pflag.NewFlagSet("swift-get-nodes", pflag.ContinueOnError)
	f.BoolVarP(&q.all, "all", "a", false, "")
	f.StringVarP(&q.partition, "partition", "p", "", "")
	f.StringVarP(&q.policy, "policy-name", "P", "", "")
	f.StringVarP(&q.swiftDir, "swift-dir", "d", "/etc/swift", "")
	f.BoolVarP(&q.quoted, "quoted", "Q", false, "")
	if err := tools.ParseOptions(f, args); errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(std.Out, help)
		return 0
	} else if err != nil {
		fmt.Fprintf(std.Err, "swift-get-nodes: error: %v\n", err)
		return 2
	}
	q.swiftDir = std.Abs(q.swiftDir)
	err := q.run(h.FS, f.Args(), std)
	var wrong errUsage
	switch {
	case errors.Is(err, locations.ErrTold):
	case errors.As(err, &wrong):
		fmt.Fprint(std.Out, help)
		fmt.Fprintf(std.Err, "ERROR: %v\n", err)
	case err != nil:
		fmt.Fprintf(std.Err, "swift-get-nodes: %v\n", err)
	default:
		return 0
	}
	return 1
}

func (q *request) run(files host.FS, args []string, std tools.Std) error {
	file, err := config.Load(files, path.Join(q.swiftDir, "swift.conf"))
	if err != nil {
		return err
	}
	conf, err := config.ReadSwift(file)
	if err != nil {
		return err
	}
	if err := q.parse(files, conf, args, std); err != nil {
		return err
	}
	it, err := q.item(files, std)
	if err != nil {
		return err
	}
	return locations.PrintItem(std.Out, files, q.swiftDir, conf, it)
}

// item is what the request is for.
func (q *request) item(files host.FS, std tools.Std) (it locations.Item, err error) {
	names := append(q.names, "", "", "")
	it = locations.Item{
		Path:       swift.Path{Account: names[0], Container: names[1], Object: names[2]},
		PolicyName: q.policy, AllNodes: q.all,
	}
	if q.partition != "" {
		n, err := strconv.ParseUint(q.partition, 10, 32)
		if err != nil {
			return it, fmt.Errorf("partition %q is not a number from 0 up", q.partition)
		}
		part := uint32(n)
		it.Part = &part
	}
	if q.ringFile != "" {
		it.RingName = strings.TrimSuffix(path.Base(q.ringFile), ".ring.gz")
		it.Ring, err = ring.Load(files, std.Abs(q.ringFile))
	}
	return it, err
}

// parse sorts out the arguments.
func (q *request) parse(files host.FS, conf *config.Swift, args []string, std tools.Std) error {
	switch {
	case q.policy != "":
		if conf.Policies.ByName(q.policy) == nil {
			return errUsage{fmt.Errorf("No policy named '%s'", q.policy)} //nolint:staticcheck // words that scripts know
		}
	case len(args) > 0 && strings.HasSuffix(args[0], ".ring.gz"):
		q.ringFile, args = args[0], args[1:]
		if _, err := files.Stat(std.Abs(q.ringFile)); errors.Is(err, fs.ErrNotExist) {
			return errUsage{errors.New("Ring file does not exist")} //nolint:staticcheck // words that scripts know
		} else if err != nil {
			return err
		}
	}
	for _, arg := range args {
		if q.quoted {
			if plain, err := url.PathUnescape(arg); err == nil {
				arg = plain
			}
		}
		q.names = append(q.names, arg)
	}
	if len(q.names) == 1 {
		q.names = strings.SplitN(strings.Trim(q.names[0], "/"), "/", 3)
	}
	switch {
	case q.ringFile == "" && q.policy == "":
		return errUsage{errors.New("Need to specify policy_name or <ring.gz>")} //nolint:staticcheck // words that scripts know
	case len(q.names) == 0 && q.partition == "":
		return errUsage{errors.New("No target specified")} //nolint:staticcheck // words that scripts know
	case len(q.names) > 3:
		return errUsage{errors.New("Invalid arguments")} //nolint:staticcheck // words that scripts know
	}
	return nil
}
