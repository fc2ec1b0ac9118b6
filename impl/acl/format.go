package acl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// FormatAccount is a stored list as clients get it: without blanks, its keys
// sorted, and in ASCII, which every client can read in a header. It is empty
// for what grants nothing or is no JSON object.
func FormatAccount(list string) string {
	d := json.NewDecoder(strings.NewReader(list))
	d.UseNumber() // numbers stay as they were written
	var keys map[string]any
	if !json.Valid([]byte(list)) || d.Decode(&keys) != nil || len(keys) == 0 {
		return ""
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if e.Encode(keys) != nil {
		return ""
	}
	return ascii(strings.TrimSuffix(text.String(), "\n"))
}

// ascii escapes what is not printable ASCII in a JSON text, where it can only
// be part of a string.
func ascii(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r < 0x7f:
			out.WriteRune(r)
		case utf16.RuneLen(r) == 2:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}
