//go:build linux

package real

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// TestCommit has a host commit while another one does: on the same file system
// they meet, as hosts of different machines do not.
func TestCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Machine
		log := slog.New(slog.DiscardHandler)
		one, two, stranger := m.Host("one", log), m.Host("two", log), New("three", log)
		commit := func(h *host.Host, alone func()) {
			err := h.FS.(host.Committer).Commit(t.TempDir(), func() error { alone(); return nil })
			if err != nil {
				t.Error(err)
			}
		}
		ended := make(chan bool)
		commit(one, func() {
			commit(stranger, func() {}) // or nobody would go on
			waits := true
			go func() {
				commit(two, func() { waits = false })
				close(ended)
			}()
			synctest.Wait()
			if !waits {
				t.Error("two hosts of one machine commit at the same time")
			}
		})
		<-ended
		if n := len(m.volumes.groups); n != 1 {
			t.Errorf("%d groups for one file system", n)
		}
	})
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
