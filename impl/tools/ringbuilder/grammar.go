package ringbuilder

import (
	"fmt"
	"strings"

	"apus/impl/ring"
	"apus/impl/ring/builder"
)

// match selects devices; what is nil does not matter.
type match struct {
	id, region, zone, port, replicationPort *int
	ip, replicationIP, device               *string
	weight                                  *float64
	meta                                    string // is contained
}

func fits[T comparable](want *T, have T) bool { return want == nil || *want == have }

// fitsAddress compares normal forms; an address that has none fits nothing.
func fitsAddress(want *string, have string) bool {
	if want == nil {
		return true
	}
	normal, err := normalAddress(have)
	return err == nil && normal == *want
}

func (m *match) fits(d *ring.Device) bool {
	return fits(m.id, d.ID) && fits(m.region, d.Region) && fits(m.zone, d.Zone) &&
		fitsAddress(m.ip, d.IP) && fits(m.port, d.Port) &&
		fitsAddress(m.replicationIP, d.ReplicationIP) && fits(m.replicationPort, d.ReplicationPort) &&
		fits(m.device, d.Device) && fits(m.weight, d.Weight) && strings.Contains(d.Meta, m.meta)
}

func (m *match) find(b *builder.Builder) []builder.Device {
	var out []builder.Device
	for _, d := range b.Devices() {
		if m.fits(&d.Device) {
			out = append(out, d)
		}
	}
	return out
}

// scanner takes a value apart from the left. The first error stays.
type scanner struct {
	rest string
	err  error
}

func (s *scanner) skip(prefix string) bool {
	rest, ok := strings.CutPrefix(s.rest, prefix)
	s.rest = rest
	return ok
}

// while takes the bytes of a set.
func (s *scanner) while(set string) string {
	n := len(s.rest) - len(strings.TrimLeft(s.rest, set))
	taken := s.rest[:n]
	s.rest = s.rest[n:]
	return taken
}

const digits = "0123456789"

// number is the number after a prefix, nil without the prefix.
func (s *scanner) number(prefix string) *int {
	if !s.skip(prefix) {
		return nil
	}
	n, err := parseInt(s.while(digits))
	s.fail(err)
	return &n
}

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// ip is an IP address, an IPv6 one in brackets; nil when there is none.
func (s *scanner) ip() *string {
	var text string
	switch {
	case s.rest != "" && strings.Contains(digits, s.rest[:1]):
		text = s.while(digits + ".")
	case s.skip("["):
		text, s.rest, _ = strings.Cut(s.rest, "]")
	default:
		return nil
	}
	normal, err := normalIP(text)
	s.fail(err)
	return &normal
}

// name is what follows a slash, up to an underscore.
func (s *scanner) name() *string {
	if !s.skip("/") {
		return nil
	}
	name := s.rest
	if at := strings.IndexByte(s.rest, '_'); at >= 0 {
		name = s.rest[:at]
	}
	s.rest = s.rest[len(name):]
	return &name
}

func (s *scanner) meta() *string {
	if !s.skip("_") {
		return nil
	}
	meta := s.rest
	s.rest = ""
	return &meta
}

// parseSearch reads
// d<id>r<region>z<zone>-<ip>:<port>R<r_ip>:<r_port>/<device>_<meta>, of which
// every part may be missing.
func parseSearch(value string) (*match, error) {
	s, m := &scanner{rest: value}, &match{}
	m.id = s.number("d")
	m.region = s.number("r")
	m.zone = s.number("z")
	s.skip("-")
	m.ip = s.ip()
	m.port = s.number(":")
	if s.skip("R") {
		m.replicationIP = s.ip()
		m.replicationPort = s.number(":")
	}
	m.device = s.name()
	if meta := s.meta(); meta != nil {
		m.meta = *meta
	}
	if s.err == nil && s.rest != "" {
		s.fail(fmt.Errorf("Invalid <search-value>: %s", quoted(value))) //nolint:staticcheck // words that scripts know
	}
	return m, s.err
}

// change is new information about devices; what is nil stays.
type change struct {
	ip, replicationIP, device, meta *string
	port, replicationPort           *int
}

func (c *change) empty() bool { return *c == change{} }

func set[T any](into *T, value *T) {
	if value != nil {
		*into = *value
	}
}

func (c *change) apply(d *ring.Device) {
	set(&d.IP, c.ip)
	set(&d.Port, c.port)
	set(&d.ReplicationIP, c.replicationIP)
	set(&d.ReplicationPort, c.replicationPort)
	set(&d.Device, c.device)
	set(&d.Meta, c.meta)
}

// parseChange reads <ip>:<port>[R<r_ip>:<r_port>]/<device>_<meta>, of which at
// least one part must be there.
func parseChange(value string) (*change, error) {
	s, c := &scanner{rest: value}, &change{}
	c.ip = s.ip()
	c.port = s.number(":")
	if s.skip("R") {
		c.replicationIP = s.ip()
		c.replicationPort = s.number(":")
	}
	c.device = s.name()
	c.meta = s.meta()
	if s.err == nil && (s.rest != "" || c.empty()) {
		s.fail(fmt.Errorf("Invalid set info change value: %s", quoted(value))) //nolint:staticcheck // words that scripts know
	}
	return c, s.err
}

// parseAdd reads [r<region>]z<zone>-<ip>:<port>[R<r_ip>:<r_port>]/<device>[_<meta>].
// Without a region regionGiven is false and the region 1.
func parseAdd(value string) (d ring.Device, regionGiven bool, err error) {
	invalid := fmt.Errorf("Invalid add value: %s", value) //nolint:staticcheck // words that scripts know
	s := &scanner{rest: value}
	region, zone := s.number("r"), s.number("z")
	if s.err != nil {
		return d, false, s.err
	}
	if zone == nil || !s.skip("-") {
		return d, false, invalid
	}
	d.Region, d.Zone = 1, *zone
	set(&d.Region, region)
	if d.IP, d.Port, err = s.address(); err != nil {
		return d, false, err
	}
	d.ReplicationIP, d.ReplicationPort = d.IP, d.Port
	if s.skip("R") {
		if d.ReplicationIP, d.ReplicationPort, err = s.address(); err != nil {
			return d, false, err
		}
	}
	name := s.name()
	if name == nil {
		return d, false, invalid
	}
	if d.Device = *name; !validDeviceName(d.Device) {
		return d, false, errDeviceName
	}
	set(&d.Meta, s.meta())
	return d, region != nil, nil
}

var errDeviceName = fmt.Errorf("Invalid device name") //nolint:staticcheck // words that scripts know

// address is <ip>:<port> up to the next part.
func (s *scanner) address() (string, int, error) {
	if s.skip("[") {
		s.rest = strings.Replace(s.rest, "]", "", 1)
	}
	text := s.rest
	if at := strings.IndexAny(text, "R/"); at >= 0 {
		text = text[:at]
	}
	s.rest = s.rest[len(text):]
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return "", 0, fmt.Errorf("Invalid port in add value") //nolint:staticcheck // words that scripts know
	}
	port, err := parseInt(text[colon+1:])
	if err != nil {
		return "", 0, fmt.Errorf("Invalid port %s in add value", text[colon:]) //nolint:staticcheck // words that scripts know
	}
	ip, err := normalIP(text[:colon])
	return ip, port, err
}
