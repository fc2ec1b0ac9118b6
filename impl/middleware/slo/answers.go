package slo

import (
	"strings"

	"apus/impl/middleware/bulk/report"
	"apus/impl/web"
)

// contentType is the header for a format.
func contentType(format string) string {
	if strings.HasPrefix(format, "text/") {
		return format + "; charset=UTF-8"
	}
	return format
}

// plainError is an answer that explains itself in plain text.
func plainError(status int, text string) *web.Response {
	return web.Text(status, text, contentType(report.Text))
}
