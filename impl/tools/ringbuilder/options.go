package ringbuilder

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"apus/impl/ring"
	"apus/impl/tools"
)

// options are those by which devices can be described.
type options struct {
	flags   *pflag.FlagSet
	numbers map[string]*int
	texts   map[string]*string
	weight  *float64
	yes     *bool
}

func parseOptions(args []string) (*options, error) {
	o := &options{flags: pflag.NewFlagSet("swift-ring-builder", pflag.ContinueOnError), numbers: map[string]*int{}, texts: map[string]*string{}}
	for _, n := range []struct{ name, short string }{
		{"id", "u"}, {"region", "r"}, {"zone", "z"}, {"port", "p"}, {"replication-port", "q"},
		{"change-port", "P"}, {"change-replication-port", "Q"},
	} {
		o.numbers[n.name] = o.flags.IntP(n.name, n.short, 0, "")
	}
	for _, t := range []struct{ name, short string }{
		{"ip", "i"}, {"replication-ip", "j"}, {"device", "d"}, {"meta", "m"}, {"change-ip", "I"},
		{"change-replication-ip", "J"}, {"change-device", "D"}, {"change-meta", "M"},
	} {
		o.texts[t.name] = o.flags.StringP(t.name, t.short, "", "")
	}
	o.weight = o.flags.Float64P("weight", "w", 0, "")
	o.yes = o.flags.BoolP("yes", "y", false, "")
	return o, tools.ParseOptions(o.flags, args)
}

func (o *options) args() []string { return o.flags.Args() }

func (o *options) given(name string) bool { return o.flags.Changed(name) }

// describes says whether an option selects or describes devices. Numbers that
// may be 0 count when given, others when they are not empty.
func (o *options) describes() bool {
	for _, name := range []string{"id", "region", "zone", "weight"} {
		if o.given(name) {
			return true
		}
	}
	return *o.numbers["port"] != 0 || *o.numbers["replication-port"] != 0 || *o.texts["ip"] != "" ||
		*o.texts["replication-ip"] != "" || *o.texts["device"] != "" || *o.texts["meta"] != ""
}

// number is nil when the option was not given.
func (o *options) number(name string) *int {
	if !o.given(name) {
		return nil
	}
	return o.numbers[name]
}

func (o *options) text(name string) *string {
	if !o.given(name) {
		return nil
	}
	return o.texts[name]
}

// address is the normal form of an address; nil when it was not given.
func (o *options) address(name string) (*string, error) {
	text := o.text(name)
	if text == nil || *text == "" {
		return text, nil
	}
	normal, err := normalAddress(*text)
	return &normal, err
}

func (o *options) match() (*match, error) {
	m := &match{
		id: o.number("id"), region: o.number("region"), zone: o.number("zone"), port: o.number("port"),
		replicationPort: o.number("replication-port"), device: o.text("device"), meta: *o.texts["meta"],
	}
	if o.given("weight") {
		m.weight = o.weight
	}
	var err error
	if m.ip, err = o.address("ip"); err != nil {
		return nil, err
	}
	m.replicationIP, err = o.address("replication-ip")
	return m, err
}

// change holds the options that are not empty.
func (o *options) change() (*change, error) {
	c := &change{}
	texts := map[string]**string{"change-device": &c.device, "change-meta": &c.meta, "change-ip": &c.ip, "change-replication-ip": &c.replicationIP}
	for _, name := range []string{"change-device", "change-meta", "change-ip", "change-replication-ip"} {
		if value := *o.texts[name]; value != "" {
			if strings.HasSuffix(name, "ip") {
				var err error
				if value, err = normalAddress(value); err != nil {
					return nil, err
				}
			}
			*texts[name] = &value
		}
	}
	if *o.numbers["change-port"] != 0 {
		c.port = o.numbers["change-port"]
	}
	if *o.numbers["change-replication-port"] != 0 {
		c.replicationPort = o.numbers["change-replication-port"]
	}
	return c, nil
}

// device is the device that the options describe.
func (o *options) device() (ring.Device, error) {
	var d ring.Device
	for _, name := range []string{"region", "zone", "ip", "port", "device", "weight"} {
		if !o.given(name) {
			return d, fmt.Errorf("Required argument -%s/--%s not specified.", o.flags.Lookup(name).Shorthand, name) //nolint:staticcheck // words that scripts know
		}
	}
	var err error
	if d.IP, err = normalAddress(*o.texts["ip"]); err != nil {
		return d, err
	}
	d.ReplicationIP, d.Port, d.ReplicationPort = d.IP, *o.numbers["port"], *o.numbers["port"]
	if r := *o.texts["replication-ip"]; r != "" {
		if d.ReplicationIP, err = normalAddress(r); err != nil {
			return d, err
		}
	}
	if p := *o.numbers["replication-port"]; p != 0 {
		d.ReplicationPort = p
	}
	d.Region, d.Zone, d.Weight = *o.numbers["region"], *o.numbers["zone"], *o.weight
	d.Device, d.Meta = *o.texts["device"], *o.texts["meta"]
	if !validDeviceName(d.Device) {
		return d, errDeviceName
	}
	return d, nil
}
