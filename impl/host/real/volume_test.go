//go:build linux

package real

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// TestCommit has a host commit while another one does: on the same file system
// they meet, as hosts of different machines do not.
func TestCommit(t *testing.T) {
	var m Machine
	log := slog.New(slog.DiscardHandler)
	one, two, stranger := m.Host("one", log), m.Host("two", log), New("three", log)
	commit := func(h *host.Host, alone func() error) error {
		dir := t.TempDir()
		return h.FS.(host.Committer).Commit(dir, alone)
	}
	nothing := func() error { return nil }
	var first atomic.Bool
	during := make(chan error, 1)
	err := commit(one, func() error {
		if err := commit(stranger, nothing); err != nil {
			t.Error(err)
		}
		go func() {
			during <- commit(two, func() error {
				if !first.Load() {
					t.Error("two hosts of one machine committed at the same time")
				}
				return nil
			})
		}()
		time.Sleep(50 * time.Millisecond) // time to do it wrong
		first.Store(true)
		return nil
	})
	if err := errors.Join(err, <-during); err != nil {
		t.Error(err)
	}
	if n := len(m.volumes.groups); n != 1 {
		t.Errorf("%d groups for one file system", n)
	}
}

func TestCommitNowhere(t *testing.T) {
	h := New("h", slog.New(slog.DiscardHandler))
	err := h.FS.(host.Committer).Commit(filepath.Join(t.TempDir(), "absent"), func() error {
		t.Error("called")
		return nil
	})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestSyncVolume refuses to sync for those who wrote to another file system.
func TestSyncVolume(t *testing.T) {
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if err := syncVolume(int(f.Fd()), st.Dev); err != nil {
		t.Error(err)
	}
	if err := syncVolume(int(f.Fd()), st.Dev+1); !errors.Is(err, unix.ESTALE) {
		t.Error(err)
	}
}
