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

// errTarget is a target that names nothing; the result says so.
type errTarget struct{ error }

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
	var nothing errTarget
	switch {
	case errors.As(err, &nothing):
		fmt.Fprintln(std.Out, nothing)
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
	names := append(q.names, "", "", "")
	l := &lookup{request: q, conf: conf, files: files, std: std,
		path: swift.Path{Account: names[0], Container: names[1], Object: names[2]}}
	return l.run()
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

// lookup finds the ring and directory of one request.
type lookup struct {
	*request
	conf  *config.Swift
	files host.FS
	std   tools.Std
	path  swift.Path

	ring     *ring.Ring
	ringName string
	policy   *int
}

func (l *lookup) run() error {
	if err := l.findRing(); err != nil {
		return err
	}
	p := l.path
	switch {
	case p.Container+p.Object != "" && p.Account == "":
		return errTarget{errors.New("No account specified")} //nolint:staticcheck // words that scripts know
	case p.Object != "" && p.Container == "":
		return errTarget{errors.New("No container specified")} //nolint:staticcheck // words that scripts know
	case p.Account == "" && l.partition == "":
		return errTarget{errors.New("No target specified")} //nolint:staticcheck // words that scripts know
	}
	it := Item{Path: p, All: l.all}
	var err error
	if it.DataDir, err = l.dataDir(); err != nil {
		return err
	}
	if it.Policy = l.policy; l.partition != "" {
		n, err := strconv.ParseUint(l.partition, 10, 32)
		if err != nil {
			return fmt.Errorf("partition %q is not a number from 0 up", l.partition)
		}
		it.Part = uint32(n)
	} else {
		hash := l.conf.Hasher.Hash(p)
		it.Hash, it.Part = &hash, l.ring.Partition(hash)
	}
	l.heading()
	return PrintLocations(l.std.Out, l.ring, it)
}

// findRing loads the ring that was named or that the policy has for objects.
func (l *lookup) findRing() (err error) {
	if l.ringFile != "" {
		l.ringName = strings.TrimSuffix(path.Base(l.ringFile), ".ring.gz")
		l.ring, err = ring.Load(l.files, l.std.Abs(l.ringFile))
		return err
	}
	if l.path.Object == "" && l.partition == "" {
		return nil
	}
	pol := l.conf.Policies.ByName(l.request.policy)
	l.policy, l.ringName = &pol.Index, pol.RingName()
	return l.load(l.ringName)
}

func (l *lookup) load(name string) (err error) {
	l.ring, err = ring.Load(l.files, path.Join(l.swiftDir, name+".ring.gz"))
	return err
}

// dataDir is the directory below a device; it warns of rings that do not fit.
func (l *lookup) dataDir() (string, error) {
	index, ofPolicy := "", false
	if strings.HasPrefix(l.ringName, "object") {
		_, index, ofPolicy = strings.Cut(l.ringName, "-")
	}
	p := l.path
	switch {
	case p.Object != "":
		if !ofPolicy {
			return "objects", nil
		}
		n, err := strconv.Atoi(index[strings.LastIndexByte(index, '-')+1:])
		if err != nil {
			return "", fmt.Errorf("ring %s does not end in the index of a policy", l.ringName)
		}
		l.policy = &n
		return fmt.Sprintf("objects-%d", n), nil
	case p.Container != "":
		return "containers", l.fit("container", "account/container")
	case p.Account != "":
		return "accounts", l.fit("account", "account")
	case ofPolicy:
		return "objects-" + index, nil
	case l.ringName != "":
		return l.ringName + "s", nil
	}
	return "<type>", nil
}

// fit loads the ring of a kind unless there is one already, which should be
// of that kind.
func (l *lookup) fit(kind, what string) error {
	if l.ring == nil {
		return l.load(kind)
	}
	if l.ringName != kind {
		fmt.Fprintf(l.std.Out, "WARNING: %s specified but ring not named \"%s\"\n", what, kind)
	}
	return nil
}

func (l *lookup) heading() {
	if l.path.Account != "" {
		fmt.Fprintf(l.std.Out, "\nAccount  \t%s\n", Quote(l.path.Account))
	}
	if l.path.Container != "" {
		fmt.Fprintf(l.std.Out, "Container\t%s\n", Quote(l.path.Container))
	}
	if l.path.Object != "" {
		fmt.Fprintf(l.std.Out, "Object   \t%s\n\n\n", Quote(l.path.Object))
	}
}
