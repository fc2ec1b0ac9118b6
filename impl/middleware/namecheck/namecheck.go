// Package namecheck is the name_check filter: it answers 400 to paths that
// hold one of forbidden_chars, are longer than maximum_length bytes, or match
// forbidden_regexp (of Go's syntax: no look-around, no back-references).
package namecheck

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/web"
)

const (
	defaultChars  = "'\"`<>"
	defaultLength = 255
	defaultRegexp = `/\./|/\.\./|/\.$|/\.\.$`
)

type settings struct {
	chars  string
	length int64
	regexp *regexp.Regexp // nil: none
}

var _ middleware.Constructor = New

// New reads forbidden_chars, maximum_length and forbidden_regexp.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	s := settings{
		chars:  opts.String("forbidden_chars", defaultChars),
		length: opts.Int("maximum_length", defaultLength, 0, 1<<31),
	}
	if text := opts.String("forbidden_regexp", defaultRegexp); text != "" {
		var err error
		if s.regexp, err = regexp.Compile(text); err != nil {
			opts.Fail("forbidden_regexp", "must be a regular expression of Go's syntax: "+err.Error())
		}
	}
	env.Info.Register("name_check", map[string]any{
		"forbidden_chars": s.chars, "maximum_length": s.length, "forbidden_regexp": opts.String("forbidden_regexp", defaultRegexp),
	})
	return func(next web.Handler) web.Handler {
		return web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
			if wrong := s.check(req.Path); wrong != "" {
				return web.HTML(http.StatusBadRequest, "Object/Container/Account name "+wrong)
			}
			return next.Serve(ctx, req)
		})
	}, nil
}

// check says what is wrong with a path, "" if nothing is.
func (s *settings) check(path string) string {
	switch {
	case strings.ContainsAny(path, s.chars):
		return "contains forbidden chars from " + s.chars
	case int64(len(path)) > s.length:
		return fmt.Sprintf("longer than the allowed maximum %d", s.length)
	case s.regexp != nil && s.regexp.MatchString(path):
		return "contains a forbidden substring from regular expression " + s.regexp.String()
	}
	return ""
}
