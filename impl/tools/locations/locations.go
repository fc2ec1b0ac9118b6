// Package locations prints where an account, a container or an object lives:
// the devices of its partition and commands to look at it there, as
// swift-get-nodes and the swift-…-info tools show them. Scripts read this text,
// so its words, tabs and blank lines are upstream's.
package locations

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/ring"
	"apus/impl/swift"
)

// Target is what to locate. Without Part it is the partition of Path; with it
// the hash of Path does not matter.
type Target struct {
	DataDir  string // "accounts", "containers", "objects", "objects-1", …
	Path     swift.Path
	Part     *uint32
	AllNodes bool // all handoffs instead of as many as there are primaries
	Policy   *int // adds the header of the storage policy to the commands
}

// Print writes the locations of t in r.
func Print(w io.Writer, hasher swift.Hasher, r *ring.Ring, t Target) error {
	hash := hasher.Hash(t.Path)
	part, shownHash := r.Partition(hash), hash.String()
	dir := fmt.Sprintf("%s/%d/%s/%s", t.DataDir, part, hash.Suffix(), hash)
	if t.Part != nil {
		part = *t.Part
		shownHash, dir = "None", fmt.Sprintf("%s/%d", t.DataDir, part)
	}
	nodes, primaries := nodesOf(r, part, t.AllNodes)
	p := printer{w: w}
	p.linef("Partition\t%d", part)
	p.linef("Hash     \t%s\n", shownHash)
	p.nodes(nodes, primaries, "\t [Handoff]", func(d *ring.Device) string {
		return fmt.Sprintf("Server:Port Device\t%s:%d %s", d.IP, d.Port, d.Device)
	})
	p.linef("\n")
	p.nodes(nodes, primaries, " # [Handoff]", func(d *ring.Device) string {
		return headCommand(d, part, targetName(t.Path), t.Policy)
	})
	p.linef("\n\nUse your own device location of servers:")
	p.linef("such as \"export DEVICE=/srv/node\"")
	p.nodes(nodes, primaries, " # [Handoff]", func(d *ring.Device) string {
		return fmt.Sprintf(`ssh %s "ls -lah ${DEVICE:-/srv/node*}/%s/%s"`, d.IP, d.Device, dir)
	})
	p.linef("\nnote: `/srv/node*` is used as default value of `devices`, the " +
		"real value is set in the config file on each storage node.")
	return p.err
}

// nodesOf are the primaries of a partition and after them the handoffs. A
// partition that the ring does not have is on no node.
func nodesOf(r *ring.Ring, part uint32, all bool) (nodes []*ring.Device, primaries int) {
	if int64(part) >= int64(r.Partitions()) {
		return nil, 0
	}
	nodes = r.Primaries(part)
	primaries = len(nodes)
	for d := range r.Handoffs(part) {
		if !all && len(nodes) == 2*primaries {
			break
		}
		nodes = append(nodes, d)
	}
	return nodes, primaries
}

// printer writes lines and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) linef(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); p.err == nil {
		p.err = err
	}
}

// nodes writes a line for each node, marking those after the primaries.
func (p *printer) nodes(nodes []*ring.Device, primaries int, mark string, line func(*ring.Device) string) {
	for i, d := range nodes {
		if i < primaries {
			p.linef("%s", line(d))
		} else {
			p.linef("%s%s", line(d), mark)
		}
	}
}

func targetName(p swift.Path) string {
	if p.Account == "" {
		return "None"
	}
	return strings.TrimPrefix(p.String(), "/")
}

// headCommand is a command line that asks a node for the target.
func headCommand(d *ring.Device, part uint32, target string, policy *int) string {
	ip := d.IP
	if a, err := netip.ParseAddr(ip); err == nil && a.Is6() {
		ip = "[" + ip + "]"
	}
	cmd := fmt.Sprintf(`curl -g -I -XHEAD "http://%s:%d/%s/%d/%s"`, ip, d.Port, d.Device, part, Quote(target))
	if policy != nil {
		cmd += fmt.Sprintf(` -H "X-Backend-Storage-Policy-Index: %d"`, *policy)
	}
	return cmd + " --path-as-is"
}

// Quote percent-encodes everything but letters, digits and "_.-~/".
func Quote(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_.-~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Repr quotes a string as Python's repr does, for messages that show one.
func Repr(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	body := strconv.Quote(s)
	body = strings.ReplaceAll(body[1:len(body)-1], `\"`, `"`)
	if quote == "'" {
		body = strings.ReplaceAll(body, "'", `\'`)
	}
	return quote + body + quote
}

// SwiftConf reads swift.conf of dir, or of /etc/swift if dir has none.
func SwiftConf(fsys host.FS, dir string) (*config.Swift, error) {
	file, err := config.Load(fsys, path.Join(dir, "swift.conf"))
	if errors.Is(err, fs.ErrNotExist) {
		file, err = config.Load(fsys, "/etc/swift/swift.conf")
	}
	if err != nil {
		return nil, err
	}
	return config.ReadSwift(file)
}

// ErrTold ends a tool with exit code 1; what is wrong has been written.
var ErrTold = errors.New("the tool has said what is wrong")

// Item is what swift-get-nodes was asked for.
type Item struct {
	Ring       *ring.Ring // as named on the command line; nil: the one that PolicyName or Path asks for
	RingName   string     // file name of Ring without ".ring.gz"
	Path       swift.Path
	Part       *uint32
	PolicyName string
	AllNodes   bool
}

// PrintItem finds the ring of an item and writes the locations. Rings are read
// from dir. ErrTold: w has the reason.
func PrintItem(w io.Writer, fsys host.FS, dir string, sw *config.Swift, it Item) error {
	f := finder{w: w, fs: fsys, dir: dir, swift: sw, item: it}
	if err := f.policyRing(); err != nil {
		return err
	}
	f.datadir()
	if err := f.defaultRing(); err != nil {
		return err
	}
	p := printer{w: w}
	if a := it.Path.Account; a != "" {
		p.linef("\nAccount  \t%s", Quote(a))
	}
	if c := it.Path.Container; c != "" {
		p.linef("Container\t%s", Quote(c))
	}
	if o := it.Path.Object; o != "" {
		p.linef("Object   \t%s\n\n", Quote(o))
	}
	if p.err != nil {
		return p.err
	}
	return Print(w, sw.Hasher, f.item.Ring, Target{f.loc, it.Path, it.Part, it.AllNodes, f.policy})
}

// finder completes an Item.
type finder struct {
	w      io.Writer
	fs     host.FS
	dir    string
	swift  *config.Swift
	item   Item
	policy *int
	loc    string
}

func (f *finder) sayf(format string, args ...any) { fmt.Fprintf(f.w, format+"\n", args...) }

// policyRing takes the ring of the named policy if the item needs one, and
// checks what was named against each other.
func (f *finder) policyRing() error {
	it := &f.item
	named := f.swift.Policies.ByName(it.PolicyName)
	if it.Ring != nil && it.PolicyName != "" {
		switch {
		case named == nil:
			f.sayf("WARNING: Policy %s is not valid", it.PolicyName)
		case it.RingName != named.RingName():
			f.sayf("WARNING: mismatch between ring and policy name!")
		}
	}
	if it.Ring == nil && (it.Path.Object != "" || it.Part != nil) {
		switch {
		case it.PolicyName == "":
			f.sayf("Need a ring or policy")
			return ErrTold
		case named == nil:
			f.sayf("No policy named %s", Repr(it.PolicyName))
			return ErrTold
		}
		it.RingName, f.policy = named.RingName(), &named.Index
		if err := f.load(it.RingName); err != nil {
			return err
		}
	}
	switch {
	case it.Path.Account == "" && it.Path.Container != "":
		f.sayf("No account specified")
	case it.Path.Container == "" && it.Path.Object != "":
		f.sayf("No container specified")
	case it.Path.Account == "" && it.Part == nil:
		f.sayf("No target specified")
	default:
		return nil
	}
	return ErrTold
}

// datadir chooses the directory of a device that the item is below.
func (f *finder) datadir() {
	it := &f.item
	index, isPolicy := strings.CutPrefix(it.RingName, "object-")
	switch {
	case it.Path.IsObject():
		f.loc = "objects"
		if n, err := strconv.Atoi(index); isPolicy && err == nil {
			f.loc, f.policy = fmt.Sprintf("objects-%d", n), &n
		}
	case it.Path.IsContainer():
		f.loc = "containers"
	case it.Path.Account != "" && it.Path.IsAccount():
		f.loc = "accounts"
	case isPolicy:
		f.loc = "objects-" + index
	case it.RingName != "":
		f.loc = it.RingName + "s"
	default:
		f.loc = "<type>"
	}
}

// defaultRing takes the ring of an account or a container if none was named.
func (f *finder) defaultRing() error {
	it := &f.item
	kind, path := "", "account"
	switch {
	case it.Path.IsContainer():
		kind, path = "container", "account/container"
	case it.Path.Account != "" && it.Path.IsAccount():
		kind = "account"
	default:
		return nil
	}
	if it.Ring == nil && it.RingName == "" {
		return f.load(kind)
	}
	if it.RingName != kind {
		f.sayf("WARNING: %s specified but ring not named %q", path, kind)
	}
	return nil
}

func (f *finder) load(name string) (err error) {
	f.item.Ring, err = ring.Load(f.fs, path.Join(f.dir, name+".ring.gz"))
	return err
}
