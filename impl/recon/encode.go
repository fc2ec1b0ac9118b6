package recon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Encode writes v as Python's json.dumps does with sorted keys: ", " and ": "
// between things, ASCII only, and a number that is a float told by its point.
func Encode(v any) ([]byte, error) {
	p, err := plain(v)
	if err != nil {
		return nil, err
	}
	return appendValue(nil, p), nil
}

// plain turns v into nil, bool, json.Number, string, []any and map[string]any.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, json.Number:
		return v, nil
	case int:
		return json.Number(strconv.Itoa(v)), nil
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), nil
	case uint64:
		return json.Number(strconv.FormatUint(v, 10)), nil
	case float64:
		return float(v)
	case []any:
		return plainList(v)
	case map[string]any:
		return plainMap(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out any
	err = d.Decode(&out)
	return out, err
}

func plainList(list []any) (any, error) {
	out := make([]any, len(list))
	for i, e := range list {
		p, err := plain(e)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

func plainMap(m map[string]any) (any, error) {
	out := make(map[string]any, len(m))
	for k, e := range m {
		p, err := plain(e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = p
	}
	return out, nil
}

// float is the shortest decimal that reads back as f, in Python's form.
func float(f float64) (json.Number, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "", fmt.Errorf("%v is no number of JSON", f)
	}
	const smallest, largest = 1e-4, 1e16 // beyond them Python writes an exponent
	if a := math.Abs(f); a != 0 && (a < smallest || a >= largest) {
		return json.Number(strconv.FormatFloat(f, 'e', -1, 64)), nil
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return json.Number(s), nil
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case json.Number:
		return append(b, v...)
	case string:
		return appendString(b, v)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendValue(b, e)
		}
		return append(b, ']')
	case map[string]any:
		return appendMap(b, v)
	}
	panic(fmt.Sprintf("recon: a %T is not plain", v))
}

func appendMap(b []byte, m map[string]any) []byte {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(appendString(b, k), ": "...)
		b = appendValue(b, m[k])
	}
	return append(b, '}')
}

// appendString escapes what is not ASCII; a byte that is not UTF-8 becomes the
// low surrogate that Python reads file names with.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			r = 0xDC00 + rune(s[i])
		}
		i += size
		b = appendRune(b, r)
	}
	return append(b, '"')
}

func appendRune(b []byte, r rune) []byte {
	const escapes = "\"\"\\\\\nn\rr\tt\bb\ff" // a character, then how it is escaped
	for i := 0; i < len(escapes); i += 2 {
		if r == rune(escapes[i]) {
			return append(b, '\\', escapes[i+1])
		}
	}
	switch {
	case r >= ' ' && r <= '~':
		return append(b, byte(r))
	case r > 0xFFFF:
		hi, lo := utf16.EncodeRune(r)
		return fmt.Appendf(b, `\u%04x\u%04x`, hi, lo)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}
