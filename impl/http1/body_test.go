package http1

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestBody(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, tt := range []struct {
		name   string
		length int64
		text   string
		body   string
		rest   string
		err    error
	}{
		{"none", 0, "rest", "", "rest", nil},
		{"fixed", 3, "abcrest", "abc", "rest", nil},
		{"fixed cut short", 5, "abc", "abc", "", io.ErrUnexpectedEOF},
		{"until close", UntilClose, "abc", "abc", "", nil},
		{"chunks", Chunked, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest", "abcde", "rest", nil},
		{"no chunk", Chunked, "0\r\n\r\nrest", "", "rest", nil},
		{"case and zeros", Chunked, "00a\r\n0123456789\r\nB\r\n0123456789a\r\n000\r\n\r\n", "01234567890123456789a", "", nil},
		{"extensions", Chunked, "3;a=b;c=\"d\"\r\nabc\r\n0 ;x\r\n\r\nrest", "abc", "rest", nil},
		{"space behind the size", Chunked, "3 \r\nabc\r\n0\r\n\r\n", "abc", "", nil},
		{"trailers", Chunked, "3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\nrest", "abc", "rest", nil},
		{"cut short in a chunk", Chunked, "3\r\nab", "ab", "", io.ErrUnexpectedEOF},
		{"cut short behind a chunk", Chunked, "3\r\nabc", "abc", "", io.ErrUnexpectedEOF},
		{"cut short before the last chunk", Chunked, "3\r\nabc\r\n", "abc", "", io.ErrUnexpectedEOF},
		{"cut short in the trailers", Chunked, "0\r\nA: b\r\n", "", "", io.ErrUnexpectedEOF},
		{"cut short at the very end", Chunked, "0\r\n", "", "", io.ErrUnexpectedEOF},
		{"no size", Chunked, "\r\nabc", "", "abc", errChunk},
		{"size is no number", Chunked, "zz\r\n", "", "", errChunk},
		{"signed size", Chunked, "-1\r\n", "", "", errChunk},
		{"prefixed size", Chunked, "0x3\r\nabc\r\n", "", "abc\r\n", errChunk},
		{"huge size", Chunked, "8000000000000000\r\n", "", "", errChunk},
		{"long size", Chunked, "00000000000000001\r\n", "", "", errChunk},
		{"space before the size", Chunked, " 3\r\nabc\r\n", "", "abc\r\n", errChunk},
		{"bare newline behind the size", Chunked, "3\nabc\r\n", "", "abc\r\n", errChunk},
		{"control in an extension", Chunked, "3;\x01\r\nabc\r\n", "", "abc\r\n", errChunk},
		{"CR in an extension", Chunked, "3;a\rb\r\nabc\r\n", "", "abc\r\n", errChunk},
		{"long extension", Chunked, "3;" + long + "\r\nabc\r\n", "", "abc\r\n", errChunk},
		{"chunk longer than its size", Chunked, "3\r\nabcd\r\n0\r\n\r\n", "abc", "0\r\n\r\n", errChunk},
		{"bare newline behind the data", Chunked, "3\r\nabc\n0\r\n\r\n", "abc", "0\r\n\r\n", errChunk},
		{"bad trailer", Chunked, "0\r\nA\r\n\r\n", "", "\r\n", ErrMalformed},
		{"bare newline in the trailers", Chunked, "0\r\nA: b\n\r\n", "", "\r\n", errChunk},
	} {
		for _, slow := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				in := io.Reader(strings.NewReader(tt.text))
				if slow {
					in = iotest.OneByteReader(in)
				}
				br := bufio.NewReader(in)
				b := NewBody(br, tt.length)
				got, err := io.ReadAll(b)
				if string(got) != tt.body || !errors.Is(err, tt.err) {
					t.Errorf("%q, %v", got, err)
				}
				if _, again := b.Read(make([]byte, 1)); again != b.Err() || again == nil {
					t.Errorf("then %v", again)
				}
				if rest, _ := io.ReadAll(br); string(rest) != tt.rest {
					t.Errorf("left %q", rest)
				}
			})
		}
	}
}

// Whoever reads as much as there is need not read once more to know.
func TestBodyEndsWithItsLastByte(t *testing.T) {
	for name, b := range map[string]*Body{
		"fixed":  NewBody(bufio.NewReader(strings.NewReader("abc")), 3),
		"chunks": NewBody(bufio.NewReader(strings.NewReader("3\r\nabc\r\n0\r\n\r\n")), Chunked),
	} {
		if n, err := b.Read(make([]byte, 9)); n != 3 || err != io.EOF || b.Err() != io.EOF {
			t.Errorf("%s: %d, %v, %v", name, n, err, b.Err())
		}
	}
}

func TestTrailersAreBounded(t *testing.T) {
	trailers := io.MultiReader(strings.NewReader("0\r\n"), endlessly("A: b\r\n"))
	if _, err := io.ReadAll(NewBody(bufio.NewReader(trailers), Chunked)); err == nil {
		t.Error("no error")
	}
}

func TestChunkWriter(t *testing.T) {
	var out strings.Builder
	w := NewChunkWriter(&out)
	for _, piece := range []string{"abc", "", strings.Repeat("x", 20)} {
		if n, err := io.WriteString(w, piece); n != len(piece) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if err := w.Close(); err != nil || out.String() != "3\r\nabc\r\n14\r\n"+strings.Repeat("x", 20)+"\r\n0\r\n\r\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	w = NewChunkWriter(failing{})
	if n, err := w.Write([]byte("abc")); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAppendHeader(t *testing.T) {
	h := http.Header{
		"B": {"2", " 3 "}, "A": {"a\r\nEvil: yes\x00"}, "Bad name": {"x"}, "C": {"x"}, "X-\xe2\x98\x83": {"\xff"}, "Tab": {"a\tb"},
	}
	got := string(AppendHeader(nil, h, func(name string) bool { return name == "C" }))
	want := "A: a  Evil: yes \r\nB: 2\r\nB: 3\r\nTab: a\tb\r\nX-\xe2\x98\x83: \xff\r\n"
	if got != want {
		t.Errorf("%q", got)
	}
	if got := string(AppendStatusLine(nil, 507, "Insufficient Storage")); got != "HTTP/1.1 507 Insufficient Storage\r\n" {
		t.Errorf("%q", got)
	}
	if got := string(AppendRequestLine(nil, "PUT", "/a%20b")); got != "PUT /a%20b HTTP/1.1\r\n" {
		t.Errorf("%q", got)
	}
}
