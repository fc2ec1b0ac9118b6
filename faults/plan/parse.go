package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Parse reads a plan. All wrong lines are reported together, each with its
// number, the offending word and what would be right.
func Parse(text string) (Plan, error) {
	var p Plan
	var wrong []string
	for i, line := range strings.Split(text, "\n") {
		words, err := split(line)
		if err == nil && len(words) == 0 {
			continue
		}
		var e Event
		if err == nil {
			e, err = parseEvent(words)
		}
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %v", i+1, err))
			continue
		}
		p = append(p, e)
	}
	if wrong != nil {
		return nil, fmt.Errorf("plan: %s", strings.Join(wrong, "\nplan: "))
	}
	return p, nil
}

// word is a word of a line. The name of a name=value is apart, so that a
// quoted value may hold anything.
type word struct {
	name   string // of an argument
	text   string
	quoted bool
}

func (w word) is(s string) bool { return w.name == "" && !w.quoted && w.text == s }

// split cuts a line into words and drops the comment.
func split(line string) ([]word, error) {
	var words []word
	for {
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if line == "" || line[0] == '#' {
			return words, nil
		}
		var w word
		if i := strings.IndexFunc(line, func(r rune) bool { return !nameRune(r) }); i > 0 && line[i] == '=' {
			w.name, line = line[:i], line[i+1:]
		}
		if strings.HasPrefix(line, `"`) {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("%s: the quotation mark is not closed; end the value with \"", line)
			}
			if w.text, err = strconv.Unquote(q); err != nil {
				return nil, fmt.Errorf("%s: not a quoted string as in Go: %w", q, err)
			}
			w.quoted, line = true, line[len(q):]
			if r, _ := utf8.DecodeRuneInString(line); line != "" && !unicode.IsSpace(r) {
				return nil, fmt.Errorf("%q follows a quoted value; put a space between", line)
			}
		} else {
			end := strings.IndexFunc(line, unicode.IsSpace)
			if end < 0 {
				end = len(line)
			}
			w.text, line = line[:end], line[end:]
		}
		words = append(words, w)
	}
}

func nameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// parser walks over the words of one event.
type parser struct {
	words []word
	e     Event
	isFor bool
}

func parseEvent(words []word) (Event, error) {
	p := &parser{words: words}
	if !p.words[0].is("at") {
		return p.e, fmt.Errorf("%q: an event begins with its time; write \"at 12.5s kind target\"", p.words[0].text)
	}
	p.words = p.words[1:]
	var err error
	if p.e.At, err = p.duration("at"); err != nil {
		return p.e, err
	}
	if p.e.Kind, err = p.plain("kind of fault"); err != nil {
		return p.e, err
	}
	if strings.IndexFunc(p.e.Kind, func(r rune) bool { return !nameRune(r) }) >= 0 {
		return p.e, fmt.Errorf("%q is not the name of a kind; use letters, digits and dashes", p.e.Kind)
	}
	if p.e.Target, err = p.plain("target"); err != nil {
		return p.e, err
	}
	return p.rest()
}

// rest reads the peer, the arguments and "for", in any order.
func (p *parser) rest() (Event, error) {
	for {
		if err := p.takeFor(); err != nil {
			return p.e, err
		}
		if len(p.words) == 0 {
			return p.e, nil
		}
		w := p.words[0]
		p.words = p.words[1:]
		switch {
		case w.name != "":
			if _, ok := p.e.Args[w.name]; ok {
				return p.e, fmt.Errorf("%s=%q: the argument was given already; give it once", w.name, w.text)
			}
			if p.e.Args == nil {
				p.e.Args = map[string]string{}
			}
			p.e.Args[w.name] = w.text
		case w.is(string(Out)) || w.is(string(In)) || w.is(string(Both)):
			if p.e.Way != NoPeer {
				return p.e, fmt.Errorf("%q: a second peer; write one event for each", w.text)
			}
			p.e.Way = Way(w.text)
			var err error
			if p.e.Peer, err = p.plain("peer"); err != nil {
				return p.e, err
			}
		default:
			return p.e, fmt.Errorf("%q is neither an argument (name=value), an arrow (->, <-, <->) nor \"for\"", w.text)
		}
	}
}

// plain takes the next word that is no argument.
func (p *parser) plain(what string) (string, error) {
	if err := p.takeFor(); err != nil {
		return "", err
	}
	if len(p.words) == 0 {
		return "", fmt.Errorf("the line ends where the %s should stand; write \"at 12.5s kind target\"", what)
	}
	w := p.words[0]
	p.words = p.words[1:]
	if w.name != "" {
		return "", fmt.Errorf("%s=%s stands where the %s should; arguments come last", w.name, w.text, what)
	}
	if w.text == "" {
		return "", fmt.Errorf("the %s is empty; name one", what)
	}
	return w.text, nil
}

func (p *parser) takeFor() error {
	if len(p.words) == 0 || !p.words[0].is("for") {
		return nil
	}
	if p.isFor {
		return fmt.Errorf("\"for\" is given twice; give it once")
	}
	p.isFor = true
	p.words = p.words[1:]
	d, err := p.duration("for")
	if err == nil && d == 0 {
		err = fmt.Errorf("for %v lasts no time; give a positive duration, or leave \"for\" out to last until the end", d)
	}
	p.e.For = d
	return err
}

func (p *parser) duration(what string) (time.Duration, error) {
	if len(p.words) == 0 {
		return 0, fmt.Errorf("the line ends after %q; give a duration such as 12.5s", what)
	}
	w := p.words[0]
	p.words = p.words[1:]
	d, err := time.ParseDuration(w.text)
	if err != nil || w.name != "" || d < 0 || d > maxTime {
		return 0, fmt.Errorf("%s %q is not a duration from 0s to %v; write for example 12.5s or 300ms", what, w.text, maxTime)
	}
	return d, nil
}

// maxTime bounds At and For, so that their sum is a duration too.
const maxTime = 10_000 * time.Hour
