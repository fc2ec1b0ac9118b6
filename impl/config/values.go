package config

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Lookup is the interpolated value of key, from the section or DEFAULT.
func (s *Section) Lookup(key string) (string, bool) {
	s.used[key] = true
	if s.paste() && !s.set[key] {
		def := s.file.sections[defaultSection]
		if _, ok := def.values[key]; ok {
			return def.expand(key, 0)
		}
	}
	return s.expand(key, 0)
}

// paste reports a section that paste.deploy reads.
func (s *Section) paste() bool {
	kind, _, ok := strings.Cut(s.Name, ":")
	if !ok {
		return false
	}
	switch kind {
	case "app", "application", "filter", "filter-app", "pipeline", "composite":
		return true
	}
	return false
}

const maxInterpolation = 10

func (s *Section) raw(key string) (string, bool) {
	if v, ok := s.values[key]; ok {
		return v, true
	}
	v, ok := s.file.sections[defaultSection].values[key]
	return v, ok
}

func (s *Section) expand(key string, depth int) (string, bool) {
	v, ok := s.raw(key)
	if !ok || !strings.Contains(v, "%(") {
		return v, ok // so that "1%" and log formats need no doubled signs
	}
	if depth >= maxInterpolation {
		s.fail(key, v, "interpolates itself; %(name)s may nest 10 deep")
		return "", true
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] != '%' {
			b.WriteByte(v[i])
			continue
		}
		if strings.HasPrefix(v[i:], "%%") {
			b.WriteByte('%')
			i++
			continue
		}
		end := strings.Index(v[i:], ")s")
		if !strings.HasPrefix(v[i:], "%(") || end < 0 {
			s.fail(key, v, "a percent sign must be doubled or begin %(name)s in a value that holds the latter")
			return "", true
		}
		name := v[i+2 : i+end]
		part, ok := s.expand(name, depth+1)
		if !ok {
			s.fail(key, v, fmt.Sprintf("%%(%s)s names no key of the section", name))
		}
		b.WriteString(part)
		i += end + 1
	}
	return b.String(), true
}

// Keys lists the section's own keys, sorted, and counts them as known.
func (s *Section) Keys() []string {
	keys := make([]string, 0, len(s.values))
	for k := range s.values {
		s.used[k] = true
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Prefixed lists the keys with the prefix that the section or DEFAULT has,
// sorted.
func (s *Section) Prefixed(prefix string) []string {
	var keys []string
	for _, of := range []map[string]string{s.values, s.file.sections[defaultSection].values} {
		for k := range of {
			if strings.HasPrefix(k, prefix) {
				keys = append(keys, k)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// String is the value of key, or def.
func (s *Section) String(key, def string) string {
	if v, ok := s.Lookup(key); ok {
		return v
	}
	return def
}

// Int is a whole number from lo to hi.
func (s *Section) Int(key string, def, lo, hi int64) int64 {
	v, ok := s.Lookup(key)
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil || n < lo || n > hi {
		s.fail(key, v, fmt.Sprintf("must be a whole number from %d to %d", lo, hi))
		return def
	}
	return n
}

// Float is a number from lo to hi.
func (s *Section) Float(key string, def, lo, hi float64) float64 {
	v, ok := s.Lookup(key)
	if !ok {
		return def
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || math.IsNaN(n) || n < lo || n > hi {
		s.fail(key, v, fmt.Sprintf("must be a number from %g to %g", lo, hi))
		return def
	}
	return n
}

const maxSeconds = 100 * 365 * 24 * 3600

// Seconds is a duration given as a number of seconds.
func (s *Section) Seconds(key string, def time.Duration) time.Duration {
	return time.Duration(s.Float(key, def.Seconds(), 0, maxSeconds) * float64(time.Second))
}

// Truth is what Swift takes for true: true, 1, yes, on, t, y in any case.
// Everything else is false.
func Truth(v string) bool {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true", "1", "yes", "on", "t", "y":
		return true
	}
	return false
}

// Bool is Truth of the value.
func (s *Section) Bool(key string, def bool) bool {
	if v, ok := s.Lookup(key); ok {
		return Truth(v)
	}
	return def
}

// List splits the value at commas and drops blanks.
func (s *Section) List(key string, def ...string) []string {
	v, ok := s.Lookup(key)
	if !ok {
		return def
	}
	return SplitList(v)
}

// SplitList splits at commas, trims, and drops what is empty.
func SplitList(v string) []string {
	var out []string
	for _, p := range strings.Split(v, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
