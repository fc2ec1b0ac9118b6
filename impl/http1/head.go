package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits bound a head. Lengths are bytes with the ends of lines.
type Limits struct {
	Start int // the first line is shorter than this
	Line  int // each field's line is shorter than this
	Total int // most of all fields' lines together
	Count int // most fields, not counting Host
}

// Errors of ReadRequest and ReadResponse. Beside them come io.EOF before the
// first byte, io.ErrUnexpectedEOF within a head and what the connection says.
var (
	ErrMalformed    = errors.New("malformed message")
	ErrStartTooLong = errors.New("first line too long")
	ErrLineTooLong  = errors.New("header line too long")
	ErrTooLarge     = errors.New("header too large")
	ErrTooMany      = errors.New("too many header lines")
	ErrVersion      = errors.New("unsupported version of HTTP")
	ErrCoding       = errors.New("unsupported transfer coding")
)

func malformed(what, text string) error {
	return fmt.Errorf("%w: %s %.60q", ErrMalformed, what, text)
}

// readHead takes a head with the empty line that ends it. One that fits the
// buffer is copied once.
func readHead(br *bufio.Reader, l *Limits) (string, error) {
	seen := 0 // the end is not before
	for {
		buf, _ := br.Peek(br.Buffered())
		if end := endOfHead(buf, seen); end > 0 {
			head := string(buf[:end])
			_, err := br.Discard(end)
			return head, err
		}
		if len(buf) == br.Size() {
			return readLongHead(br, l)
		}
		seen = max(0, len(buf)-2)
		if _, err := br.Peek(len(buf) + 1); err != nil {
			return "", cutShort(err, len(buf) > 0)
		}
	}
}

// endOfHead is the length of the head in buf with its empty line; 0 if that
// has not come. No line ends before from.
func endOfHead(buf []byte, from int) int {
	for {
		i := bytes.IndexByte(buf[from:], '\n')
		if i < 0 {
			return 0
		}
		from += i + 1
		rest := buf[from:]
		switch {
		case len(rest) > 0 && rest[0] == '\n':
			return from + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return from + 2
		}
	}
}

// readLongHead gathers a head that is larger than the buffer, within limits.
// With an error for fields comes the head as far as it was read.
func readLongHead(br *bufio.Reader, l *Limits) (string, error) {
	var head []byte
	line, fields := 0, 0 // where the line began, where the fields did
	for {
		piece, err := br.ReadSlice('\n')
		head = append(head, piece...)
		switch size := len(head) - line; {
		case line == 0 && size >= l.Start:
			return "", ErrStartTooLong
		case line > 0 && size >= l.Line:
			return string(head), ErrLineTooLong
		case line > 0 && len(head)-fields > l.Total+len("\r\n"):
			return string(head), ErrTooLarge
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return "", cutShort(err, true)
		}
		if text := head[line:]; line > 0 && (len(text) == 1 || len(text) == 2 && text[0] == '\r') {
			return string(head), nil
		}
		if line = len(head); fields == 0 {
			fields = line
		}
	}
}

// cutShort is err, for an end within a message.
func cutShort(err error, within bool) error {
	if err == io.EOF && within {
		return io.ErrUnexpectedEOF
	}
	return err
}

// skipEmptyLines takes up to two empty lines from the buffer's front, which
// old clients send behind a body.
func skipEmptyLines(br *bufio.Reader) error {
	for range 2 {
		first, err := br.Peek(1)
		if err != nil {
			return err
		}
		switch first[0] {
		case '\n':
			_, _ = br.Discard(1) // it is there
		case '\r':
			two, err := br.Peek(2)
			if err != nil {
				return cutShort(err, true)
			}
			if two[1] != '\n' {
				return nil
			}
			_, _ = br.Discard(2)
		default:
			return nil
		}
	}
	return nil
}

// cutLine splits text behind its first line, whose end is dropped; size counts
// it.
func cutLine(text string) (line, rest string, size int) {
	i := strings.IndexByte(text, '\n')
	if i < 0 {
		return text, "", len(text)
	}
	line, rest = text[:i], text[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest, i + 1
}
