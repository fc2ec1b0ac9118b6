package formpost

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"apus/impl/web"
)

// answer is the response after the last file.
func (u *upload) answer() *web.Response {
	redirect := u.attributes["redirect"]
	if redirect == "" {
		return u.withCORS(web.Text(u.status, u.text(), "text/plain"))
	}
	target := redirect + "?"
	if strings.Contains(redirect, "?") {
		target = redirect + "&"
	}
	target += "status=" + strconv.Itoa(u.status) + "&message=" + url.PathEscape(u.message)
	body := `<html><body><p><a href="` + target + `">Click to continue...</a></p></body></html>`
	resp := web.Text(http.StatusSeeOther, body, "")
	resp.Header = http.Header{"Location": {target}}
	return u.withCORS(resp)
}

// text is what there is to read without a redirect.
func (u *upload) text() string {
	line := fmt.Sprintf("%d %s", u.status, web.StatusText(u.status))
	switch {
	case u.message != "":
		return line + "\r\nFormPost: " + title(u.message)
	case u.status/100 != 2 && u.body != "":
		return u.body
	}
	return line
}

// withCORS adds what lets a script of another site see the answer.
func (u *upload) withCORS(resp *web.Response) *web.Response {
	for name, v := range u.cors {
		resp.Header[name] = v
	}
	return resp
}

// title begins each word with a capital letter.
func title(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		first := !inWord
		if inWord = unicode.IsLetter(r); first {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, s)
}
