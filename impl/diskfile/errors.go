package diskfile

import (
	"errors"
	"fmt"
	"io/fs"

	"apus/impl/host"
	"apus/impl/swift"
)

// Missing says why there is no object to read. It is the cause of errors of
// kind swift.NotFound.
type Missing struct {
	// Timestamp of the tombstone or of the expired object; zero when nothing
	// is known.
	Timestamp swift.Timestamp
	// Expired is set, with Metadata, for an object that is past its
	// X-Delete-At.
	Expired  bool
	Metadata Metadata
	// Quarantined is set when there was an object and it turned out bad.
	Quarantined bool
}

func (m *Missing) Error() string {
	switch {
	case m.Quarantined:
		return "was bad and has been quarantined"
	case m.Expired:
		return "has expired"
	case m.Timestamp.IsZero():
		return "does not exist"
	}
	return "was deleted at " + m.Timestamp.Internal()
}

// Stale is the cause of errors of kind swift.Conflict from Commit: what is on
// disk is not older than what was to be written.
type Stale struct{ Timestamp swift.Timestamp }

func (s *Stale) Error() string { return "there is a write of " + s.Timestamp.Internal() }

// failed wraps an error of the file system. A device that is full or read-only
// is not the place to go on; other errors say nothing about the next request.
func failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	kind := swift.Other
	switch {
	case errors.Is(err, host.ErrXattrSize):
		err = fmt.Errorf("the file system cannot even hold the note of where metadata is in an extended attribute (use XFS): %w", err)
		kind = swift.NoDevice
	case errors.Is(err, host.ErrNoSpace), errors.Is(err, host.ErrReadOnly), errors.Is(err, host.ErrUnsupported), errors.Is(err, errGone):
		kind = swift.NoDevice
	}
	return swift.E(op, name, kind, err)
}

func notExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// unlistable reports errors of ReadDir that say that the directory itself is
// damaged.
func unlistable(err error) bool {
	return errors.Is(err, host.ErrNotDir) || errors.Is(err, host.ErrNoXattr) || errors.Is(err, host.ErrCorrupt)
}
