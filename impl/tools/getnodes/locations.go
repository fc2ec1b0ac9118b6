package getnodes

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"apus/impl/ring"
	"apus/impl/swift"
)

// Item is what to locate, and where its files are on a device.
type Item struct {
	Path    swift.Path // zero if only a partition was asked for
	Part    uint32
	Hash    *swift.Hash // nil if only a partition was asked for
	DataDir string      // "accounts", "containers", "objects-1", …
	Policy  *int        // for the header of requests; nil is none
	All     bool        // all handoffs instead of as many as primaries
}

// PrintLocations prints the devices of an item and commands that look at it
// there: the block that swift-get-nodes, swift-object-info and the others
// share.
func PrintLocations(w io.Writer, r *ring.Ring, it Item) error {
	primaries := r.Primaries(it.Part)
	var handoffs []*ring.Device
	if it.All {
		handoffs = slices.Collect(r.Handoffs(it.Part))
	} else if len(primaries) > 0 {
		for d := range r.Handoffs(it.Part) {
			if handoffs = append(handoffs, d); len(handoffs) == len(primaries) {
				break
			}
		}
	}
	var b strings.Builder
	hash := "None"
	if it.Hash != nil {
		hash = it.Hash.String()
	}
	fmt.Fprintf(&b, "Partition\t%d\nHash     \t%s\n\n", it.Part, hash)
	each := func(line func(d *ring.Device) string, mark string) {
		for _, d := range primaries {
			fmt.Fprintln(&b, line(d))
		}
		for _, d := range handoffs {
			fmt.Fprintln(&b, line(d)+mark)
		}
	}
	each(func(d *ring.Device) string {
		return fmt.Sprintf("Server:Port Device\t%s:%d %s", d.IP, d.Port, d.Device)
	}, "\t [Handoff]")
	b.WriteString("\n\n")
	each(it.curl, " # [Handoff]")
	b.WriteString("\n\nUse your own device location of servers:\nsuch as \"export DEVICE=/srv/node\"\n")
	each(it.ssh, " # [Handoff]")
	b.WriteString("\nnote: `/srv/node*` is used as default value of `devices`, the real value is set in the config file on each storage node.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// target is the path without its first slash. What has no path is "None", as
// it always was.
func (it Item) target() string {
	if it.Path.Account == "" {
		return "None"
	}
	return it.Path.String()[1:]
}

func (it Item) curl(d *ring.Device) string {
	ip := d.IP
	if strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	cmd := fmt.Sprintf(`curl -g -I -XHEAD "http://%s:%d/%s/%d/%s"`, ip, d.Port, d.Device, it.Part, Quote(it.target()))
	if it.Policy != nil {
		cmd += fmt.Sprintf(` -H "X-Backend-Storage-Policy-Index: %d"`, *it.Policy)
	}
	return cmd + " --path-as-is"
}

func (it Item) ssh(d *ring.Device) string {
	dir := fmt.Sprintf("%s/%d", it.DataDir, it.Part)
	if it.Hash != nil {
		dir += "/" + it.Hash.Suffix() + "/" + it.Hash.String()
	}
	return fmt.Sprintf(`ssh %s "ls -lah ${DEVICE:-/srv/node*}/%s/%s"`, d.IP, d.Device, dir)
}

// Quote percent-encodes a path as Python's urllib does.
func Quote(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_.-~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
