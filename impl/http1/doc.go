// Package http1 is the message syntax of HTTP/1.1 (RFC 9112): heads of requests
// and responses, bodies as their heads frame them, and the writing of both.
// It reads from a bufio.Reader, keeps nothing, starts nothing and knows no
// connection; servers and clients are built on it.
//
// # Heads (sections 2.2, 3, 4, 5)
//
// A line ends in CRLF or a bare LF; a CR anywhere else, a NUL and any other
// control character but a tab make a head malformed, as do folded lines (5.2), space
// before the colon (5.1) and empty names. One or two empty lines before a request
// are ignored. Names of fields are tokens, or hold bytes from 0x80 on as well, which
// Swift allows; values are bytes. Keys of the map are canonical in the way of
// [net/textproto], so that Get and Set work; a byte from 0x80 on stands for
// itself in a name. Limits apply to the first line, to each line, to their
// sum and to their number. A request's target may hold every byte but space
// and control characters.
//
// # Framing (sections 6 and 7)
//
//   - Several Content-Length fields must be the same digits; a list in one
//     field is malformed.
//   - Transfer-Encoding may only be "chunked", and only in HTTP/1.1: a list of
//     codings is [ErrCoding], anything else malformed.
//   - Both together: chunks count, the length is dropped, and the
//     connection carries nothing after that message.
//   - A request without either has no body; a response without either ends
//     with its connection. HEAD, 1xx, 204 and 304 have none whatever they say.
//   - Chunks end in CRLF, never in a bare LF. Extensions are dropped, trailers
//     checked and dropped; both are bounded.
//
// # Persistence (section 9.3)
//
// KeepAlive of a message says what its version and its Connection field allow.
package http1
