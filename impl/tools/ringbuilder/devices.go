package ringbuilder

import (
	"fmt"
	"strings"

	"apus/impl/ring"
	"apus/impl/ring/builder"
)

// selected finds devices by search values or by options, whichever was given;
// both are an error. limit is the largest number of search values; -1 is any.
func (s *session) selected(command string, limit int) ([]builder.Device, *options, int) {
	o, err := parseOptions(s.args)
	if err != nil {
		return nil, nil, s.misused(err)
	}
	values := o.args()
	if len(values) > 0 && (o.describes() || limit >= 0 && len(values) > limit) {
		return nil, nil, s.usage(command, false)
	}
	if len(values) == 0 {
		m, err := o.match()
		if err != nil {
			return nil, nil, s.failed(err)
		}
		return m.find(s.b), o, exitOK
	}
	var devs []builder.Device
	for _, value := range values {
		m, err := parseSearch(value)
		if err != nil {
			return nil, nil, s.failed(err)
		}
		devs = append(devs, m.find(s.b)...)
	}
	return devs, o, exitOK
}

// sure makes sure that the operator means these devices.
func (s *session) sure(devs []builder.Device, question, abort string, yes bool) bool {
	if len(devs) == 0 {
		s.say("Search value matched 0 devices.\nThe on-disk ring builder is unchanged.")
		return false
	}
	if len(devs) == 1 {
		return true
	}
	s.say("Matched more than one device:")
	for _, d := range devs {
		s.say("    %s", deviceText(&d.Device))
	}
	if yes {
		return true
	}
	fmt.Fprintf(s.std.Out, "Are you sure you want to %s these %d devices? (y/N) ", question, len(devs))
	if s.answer() != "y" {
		s.say("%s", abort)
		return false
	}
	return true
}

// answer reads a line byte by byte: what follows may be for another question.
func (s *session) answer() string {
	var line []byte
	var one [1]byte
	for {
		n, err := s.std.In.Read(one[:])
		if n == 1 && one[0] == '\n' {
			return string(line)
		}
		if n == 1 {
			line = append(line, one[0])
		}
		if err != nil {
			return "" // ended in the middle of an answer
		}
	}
}

const increasing = "Partition power increase in progress. You need \nto finish the increase first before %s devices."

func (s *session) add() int {
	if len(s.args) < 2 {
		return s.usage("add", false)
	}
	if s.b.NextPartPower() != 0 {
		s.say(increasing, "adding")
		return exitError
	}
	devs, code := s.newDevices()
	if code != exitOK {
		return code
	}
	for _, d := range devs {
		if other := s.sameDevice(&d, -1); other != nil {
			s.say("Device %d already uses %s:%d/%s.", other.ID, other.IP, other.Port, other.Device)
			s.say("The on-disk ring builder is unchanged.\n")
			return exitError
		}
		id, err := s.b.AddDevice(d)
		if err != nil {
			return s.unchanged(err)
		}
		d.ID = id
		s.say("Device %s with %s weight got id %d", deviceText(&d), floatText(d.Weight), id)
	}
	return s.save()
}

func (s *session) unchanged(err error) int {
	s.say("%s\nThe on-disk ring builder is unchanged.", why(err))
	return exitError
}

// sameDevice is a device, other than one id, with the same address and name.
func (s *session) sameDevice(d *ring.Device, except int) *ring.Device {
	for _, have := range s.b.Devices() {
		if have.ID != except && have.IP == d.IP && have.Port == d.Port && have.Device.Device == d.Device {
			return &have.Device
		}
	}
	return nil
}

func (s *session) newDevices() ([]ring.Device, int) {
	o, err := parseOptions(s.args)
	if err != nil {
		return nil, s.misused(err)
	}
	values := o.args()
	if len(values) == 0 {
		d, err := o.device()
		if err != nil {
			return nil, s.unchanged(err)
		}
		return []ring.Device{d}, exitOK
	}
	if o.describes() || len(values)%2 != 0 {
		return nil, s.usage("add", false)
	}
	var devs []ring.Device
	for i := 0; i < len(values); i += 2 {
		d, region, err := parseAdd(values[i])
		if err != nil {
			return nil, s.unchanged(err)
		}
		if !region {
			s.warn("WARNING: No region specified for %s. Defaulting to region 1.\n", values[i])
		}
		if d.Weight, err = parseFloat(values[i+1]); err != nil {
			return nil, s.unchanged(err)
		}
		if !(d.Weight >= 0) {
			return nil, s.unchanged(fmt.Errorf("Invalid weight value: %s", values[i])) //nolint:staticcheck // words that scripts know
		}
		devs = append(devs, d)
	}
	return devs, exitOK
}

func (s *session) remove() int {
	if len(s.args) < 1 {
		return s.usage("remove", true)
	}
	if s.b.NextPartPower() != 0 {
		s.say(increasing, "removing")
		return exitError
	}
	devs, o, code := s.selected("remove", -1)
	if code != exitOK {
		return code
	}
	if !s.sure(devs, "remove", "Aborting device removals", *o.yes) {
		return exitError
	}
	for _, d := range devs {
		if err := s.b.RemoveDevice(d.ID); err != nil {
			s.say("%s\nDevice %d cannot be removed; a ring needs at least one device.\nThe on-disk ring builder is unchanged.\nOriginal exception message: %s\n%s",
				line79, d.ID, why(err), line79)
			return exitError
		}
		d.Weight = 0
		s.say("%s marked for removal and will be removed next rebalance.", deviceText(&d.Device))
	}
	return s.save()
}

// line79 frames what must not be overlooked.
var line79 = strings.Repeat("-", 79)

// setEach applies new values to devices: pairs of search value and new value,
// or options that select and one value.
func (s *session) setEach(what string, apply func(devs []builder.Device, value string) error) int {
	if len(s.args) < 2 {
		return s.usage(s.command, true)
	}
	o, err := parseOptions(s.args)
	if err != nil {
		return s.misused(err)
	}
	values := o.args()
	if o.describes() {
		if len(values) != 1 {
			return s.usage(s.command, false)
		}
		m, err := o.match()
		if err != nil {
			return s.failed(err)
		}
		return s.saveAfter(s.setOne(what, m, values[0], *o.yes, apply))
	}
	if len(values)%2 != 0 {
		return s.usage(s.command, false)
	}
	for i := 0; i < len(values); i += 2 {
		m, err := parseSearch(values[i])
		if err != nil {
			return s.failed(err)
		}
		if code := s.setOne(what, m, values[i+1], *o.yes, apply); code != exitOK {
			return code
		}
	}
	return s.save()
}

func (s *session) saveAfter(code int) int {
	if code != exitOK {
		return code
	}
	return s.save()
}

func (s *session) setOne(what string, m *match, value string, yes bool, apply func([]builder.Device, string) error) int {
	devs := m.find(s.b)
	if !s.sure(devs, "update the "+what+" for", "Aborting device modifications", yes) {
		return exitError
	}
	if err := apply(devs, value); err != nil {
		return s.failed(err)
	}
	return exitOK
}

func (s *session) leaving(what string, id int) error {
	if s.b.Removed(id) {
		return fmt.Errorf("Can not set %s of dev_id %d because it is marked for removal", what, id) //nolint:staticcheck // words that scripts know
	}
	return nil
}

func (s *session) setWeight() int {
	return s.setEach("weight", func(devs []builder.Device, value string) error {
		w, err := parseFloat(value)
		if err != nil {
			return err
		}
		for _, d := range devs {
			if err := s.leaving("weight", d.ID); err != nil {
				return err
			}
			if err := s.b.SetWeight(d.ID, w); err != nil {
				return err
			}
			s.say("%s weight set to %s", deviceText(&d.Device), floatText(w))
		}
		return nil
	})
}

func (s *session) setRegion() int {
	return s.setEach("region", s.setNumber("region", s.b.SetRegion))
}

func (s *session) setZone() int { return s.setEach("zone", s.setNumber("zone", s.b.SetZone)) }

func (s *session) setNumber(what string, to func(id, n int) error) func([]builder.Device, string) error {
	return func(devs []builder.Device, value string) error {
		n, err := parseInt(value)
		if err != nil {
			return err
		}
		for _, d := range devs {
			if err := s.leaving(what, d.ID); err != nil {
				return err
			}
			if err := to(d.ID, n); err != nil {
				return err
			}
			now, _ := s.b.Device(d.ID)
			s.say("%s %s set to %d", deviceText(&now.Device), what, n)
		}
		return nil
	}
}

func (s *session) setInfo() int {
	if len(s.args) < 2 {
		return s.usage("set_info", true)
	}
	o, err := parseOptions(s.args)
	if err != nil {
		return s.misused(err)
	}
	values := o.args()
	if o.describes() {
		m, err := o.match()
		if err != nil {
			return s.failed(err)
		}
		c, err := o.change()
		if err != nil {
			return s.failed(err)
		}
		return s.saveAfter(s.changeInfo(m, c, *o.yes))
	}
	if len(values)%2 != 0 {
		return s.usage("set_info", false)
	}
	for i := 0; i < len(values); i += 2 {
		m, err := parseSearch(values[i])
		if err != nil {
			return s.failed(err)
		}
		c, err := parseChange(values[i+1])
		if err != nil {
			return s.failed(err)
		}
		if code := s.changeInfo(m, c, *o.yes); code != exitOK {
			return code
		}
	}
	return s.save()
}

func (s *session) changeInfo(m *match, c *change, yes bool) int {
	devs := m.find(s.b)
	if !s.sure(devs, "update the info for", "Aborting device modifications", yes) {
		return exitError
	}
	for _, d := range devs {
		now := d.Device
		c.apply(&now)
		if other := s.sameDevice(&now, d.ID); other != nil {
			s.say("Device %d already uses %s:%d/%s.", other.ID, other.IP, other.Port, other.Device)
			return exitError
		}
		if err := s.b.UpdateInfo(d.ID, c.apply); err != nil {
			return s.failed(err)
		}
		s.say("Device %s is now %s", deviceText(&d.Device), deviceText(&now))
	}
	return exitOK
}
