package swift

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what the caller of a failed operation may do about it.
type Kind uint8

// Kinds of error.
const (
	Other          Kind = iota // unexpected: 500
	Invalid                    // the request is malformed: 400
	NotFound                   // no such thing: 404
	Conflict                   // something newer or incompatible is there: 409
	Precondition               // a condition of the request does not hold: 412
	TooLarge                   // over a limit: 413
	Unprocessable              // the body is not what was announced: 422
	Timeout                    // the client was too slow: 408
	ClientGone                 // the client hung up: 499
	Unavailable                // try another node or later: 503
	NoDevice                   // device unmounted, broken or full: 507
	Corrupt                    // stored data failed verification; it has been or must be quarantined
	NotImplemented             // 501
)

var kindStatus = [...]int{
	Other: 500, Invalid: 400, NotFound: 404, Conflict: 409, Precondition: 412,
	TooLarge: 413, Unprocessable: 422, Timeout: 408, ClientGone: 499,
	Unavailable: 503, NoDevice: 507, Corrupt: 500, NotImplemented: 501,
}

var kindName = [...]string{
	Other: "error", Invalid: "invalid", NotFound: "not found", Conflict: "conflict",
	Precondition: "precondition failed", TooLarge: "too large", Unprocessable: "unprocessable",
	Timeout: "timeout", ClientGone: "client gone", Unavailable: "unavailable",
	NoDevice: "no device", Corrupt: "corrupt", NotImplemented: "not implemented",
}

func (k Kind) String() string { return kindName[k] }

// Status is the HTTP status that tells a client about an error of this kind.
func (k Kind) Status() int { return kindStatus[k] }

// Error is the one error type of apus.
type Error struct {
	Op   string // package.Operation, e.g. "diskfile.Commit"
	Path string // what it was done to; may be empty
	Kind Kind
	Err  error // cause; may be nil
}

// E builds an Error. With kind Other it takes the kind of err, if err has one.
func E(op, path string, kind Kind, err error) *Error {
	if kind == Other {
		kind = KindOf(err)
	}
	return &Error{Op: op, Path: path, Kind: kind, Err: err}
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Path != "" {
		fmt.Fprintf(&b, " %q", e.Path)
	}
	if e.Kind != Other || e.Err == nil {
		b.WriteString(": ")
		b.WriteString(e.Kind.String())
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the outermost Error in err's chain, else Other.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Other
}

// Is reports whether err is an Error of the given kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
