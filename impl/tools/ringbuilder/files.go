package ringbuilder

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/pflag"

	"apus/impl/ring"
	"apus/impl/ring/builder"
	"apus/impl/tools"
)

func (s *session) create() int {
	if len(s.args) < 3 {
		return s.usage("create", false)
	}
	power, err1 := parseInt(s.args[0])
	replicas, err2 := parseFloat(s.args[1])
	hours, err3 := parseInt(s.args[2])
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return s.failed(err)
		}
	}
	var err error
	if s.b, err = builder.New(s.h.Clock.Now, power, replicas, hours); err != nil {
		return s.failed(err)
	}
	if err := s.b.Save(s.h.FS, s.backup(s.builderFile)); err != nil {
		return s.broken(err)
	}
	return s.save()
}

func (s *session) version() int {
	r, err := ring.Load(s.h.FS, s.std.Abs(s.ringFile))
	if err != nil {
		return s.failed(err)
	}
	s.say("%s: Serialization version: %d (%d-byte IDs), build version: %d", s.ringFile, r.Format(), r.IDBytes(), r.Info().Version)
	return exitOK
}

// choice is the number an option gives, which must be among some; 0 when it
// was not given.
func choice(f *pflag.FlagSet, name string, among ...int) (int, error) {
	text, err := f.GetString(name)
	if err != nil || text == "" {
		return 0, err
	}
	for _, n := range among {
		if text == fmt.Sprint(n) {
			return n, nil
		}
	}
	return 0, fmt.Errorf("option --%s: invalid choice: %s (choose from %v)", name, quoted(text), among)
}

// formatVersion is the ring format to write; without the option it says which
// one that is.
func (s *session) formatVersion(f *pflag.FlagSet) (int, error) {
	format, err := choice(f, "format-version", ring.Format1, ring.Format2)
	if err != nil || format != 0 {
		return format, err
	}
	s.say("Defaulting to --format-version=1. This ensures the ring\nwritten will be readable by older versions of Swift.\nIn a future release, the default will change to\n--format-version=2\n")
	return ring.Format1, nil
}

func (s *session) writeRing() int {
	f := pflag.NewFlagSet("write_ring", pflag.ContinueOnError)
	f.String("format-version", "", "")
	f.String("dev-id-bytes", "", "")
	if err := tools.ParseOptions(f, s.args); err != nil {
		return s.misused(err)
	}
	idBytes, err := choice(f, "dev-id-bytes", 2, 4)
	if err != nil {
		return s.misused(err)
	}
	format, err := s.formatVersion(f)
	if err != nil {
		return s.misused(err)
	}
	if s.b.DevSlots() == 0 {
		s.say("Unable to write empty ring.")
		return exitError
	}
	if idBytes != 0 {
		s.b.SetDevIDBytes(idBytes)
	}
	r, err := s.b.Ring()
	if err != nil {
		return s.failed(err)
	}
	if r.Replicas() == 0 {
		s.warn("WARNING: Writing a ring with no partition assignments but with devices; did you forget to run \"rebalance\"?")
	}
	for _, name := range []string{s.backup(s.ringFile), s.std.Abs(s.ringFile)} {
		if err := r.SaveFormat(s.h.FS, name, format); err != nil {
			return s.failed(err)
		}
	}
	return exitOK
}

func (s *session) writeBuilder() int {
	name := s.std.Abs(s.builderFile)
	if _, err := s.h.FS.Stat(name); err == nil {
		s.say("Cowardly refusing to overwrite existing Ring Builder file: %s", s.builderFile)
		return exitError
	} else if !errors.Is(err, fs.ErrNotExist) {
		return s.broken(err)
	}
	hours := 24
	if len(s.args) == 0 {
		s.warn("WARNING: default min_part_hours may not match the value in the lost builder.\n")
	} else {
		var err error
		if hours, err = parseInt(s.args[0]); err != nil {
			return s.failed(err)
		}
	}
	r, err := ring.Load(s.h.FS, s.std.Abs(s.ringFile))
	if err != nil {
		return s.failed(err)
	}
	if s.b, err = builder.FromRing(s.h.Clock.Now, r, hours); err != nil {
		return s.failed(err)
	}
	return s.save()
}
