package swift

import "strings"

// SplitSwiftBytes takes the parameter swift_bytes out of a content type, in
// which the size of a large object travels to the listing; of several, as a
// client may send one too, the last counts. The other parameters lose the blanks
// around them, as upstream's listings show.
func SplitSwiftBytes(contentType string) (rest, bytes string) {
	semi := strings.IndexByte(contentType, ';')
	if semi < 0 {
		return contentType, ""
	}
	var b strings.Builder
	b.WriteString(contentType[:semi])
	for tail := contentType[semi:]; tail != ""; {
		var param string
		param, tail = cutParameter(tail[1:])
		key, value, _ := strings.Cut(param, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch key {
		case "":
		case "swift_bytes":
			bytes = value
		default:
			b.WriteString(";" + key + "=" + value)
		}
	}
	return b.String(), bytes
}

// cutParameter splits before the next semicolon that is not quoted.
func cutParameter(s string) (param, tail string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == ';' && !quoted:
			return s[:i], s[i:]
		}
	}
	return s, ""
}
