package real_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"apus/impl/host"
	"apus/impl/host/real"
)

// descriptors is how many this process has of what is below dir.
func descriptors(t *testing.T, dir string) (n int) {
	t.Helper()
	const own = "/proc/self/fd"
	entries, err := os.ReadDir(own)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(own, e.Name())); err == nil && filepath.Dir(to) == dir {
			n++
		}
	}
	return n
}

// Close gives the descriptor back, whoever had it last.
func TestCloseReleases(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, f, other host.File) error{
		"unused": func(*testing.T, host.File, host.File) error { return nil },
		"read": func(_ *testing.T, f, _ host.File) error {
			_, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
			return err
		},
		"copied to a writer": func(_ *testing.T, f, _ host.File) error {
			_, err := f.(io.WriterTo).WriteTo(io.Discard)
			return err
		},
		"copied to a file":   func(_ *testing.T, f, other host.File) error { _, err := io.Copy(other, f); return err },
		"copied from a file": func(_ *testing.T, f, other host.File) error { _, err := io.Copy(f, other); return err },
		"copied from a part": func(_ *testing.T, f, other host.File) error {
			part := &io.LimitedReader{R: other, N: 10}
			_, err := f.(io.ReaderFrom).ReadFrom(part)
			if part.R != io.Reader(other) {
				err = errors.Join(err, errors.New("the part reads from something else now"))
			}
			return err
		},
		"sent in part": func(_ *testing.T, f, _ host.File) error {
			var w taker
			_, err := f.(host.RangeWriter).WriteRangeTo(&w, 10, 100_000)
			return err
		},
		"linked": func(t *testing.T, f, _ host.File) error {
			u, err := real.FS{}.CreateUnnamed(filepath.Dir(f.Name()), 0o600)
			if err != nil {
				return err
			}
			return errors.Join(u.LinkTo(f.Name()+"2"), u.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var files [2]host.File
			for i := range files {
				f, err := real.FS{}.OpenFile(filepath.Join(dir, strconv.Itoa(i)), host.ReadWrite|host.Create, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteAt(bytes.Repeat([]byte("0123456789"), 20_000), 0); err != nil {
					t.Fatal(err)
				}
				files[i] = f
			}
			if n := descriptors(t, dir); n != 2 {
				t.Fatalf("%d descriptors of open files, want 2", n)
			}
			if err := use(t, files[0], files[1]); err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
			if n := descriptors(t, dir); n != 0 {
				t.Errorf("%d descriptors are left", n)
			}
			if _, err := files[0].(io.WriterTo).WriteTo(io.Discard); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("WriteTo after Close: %v", err)
			}
			if _, err := files[0].(io.ReaderFrom).ReadFrom(new(bytes.Buffer)); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("ReadFrom after Close: %v", err)
			}
		})
	}
}

// A file that is closed under the hands of readers never shows them another
// one, though the system gives its number away at once.
func TestCloseWhileReading(t *testing.T) {
	const readers, files = 4, 300
	dir := t.TempDir()
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte(strconv.Itoa(i+1000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range files {
		f, err := real.FS{}.OpenFile(filepath.Join(dir, strconv.Itoa(i)), host.ReadOnly, 0)
		if err != nil {
			t.Fatal(err)
		}
		begun := make(chan struct{}, readers)
		for range readers {
			wg.Go(func() {
				for n := 0; ; n++ {
					var got [4]byte
					_, err := f.ReadAt(got[:], 0)
					if n == 0 {
						begun <- struct{}{}
					}
					if errors.Is(err, fs.ErrClosed) {
						return
					}
					if want := strconv.Itoa(i + 1000); err != nil || string(got[:]) != want {
						t.Errorf("read %q, error %v, want %q", got, err, want)
						return
					}
				}
			})
		}
		<-begun
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Stat says what os.Stat says.
func TestFileInfo(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o444, 0o755 | fs.ModeSetuid, 0o711 | fs.ModeSetgid, 0o777 | fs.ModeSticky} {
		name := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(name, []byte("hello"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		f, err := real.FS{}.OpenFile(name, host.ReadOnly, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		want, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if got.Name() != want.Name() || got.Size() != want.Size() || got.Mode() != want.Mode() ||
			got.IsDir() != want.IsDir() || !got.ModTime().Equal(want.ModTime()) {
			t.Errorf("got %v, want %v", fs.FormatFileInfo(got), fs.FormatFileInfo(want))
		}
	}
}

// Reading changes nothing on the disk, not even when something was read.
func TestReadingTouchesNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	if err := os.WriteFile(name, make([]byte, 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-48 * time.Hour) // so long ago that Linux keeps track, whatever the mount says
	for _, n := range []string{name, dir} {
		if err := os.Chtimes(n, long, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := real.FS{}.OpenFile(name, host.ReadWrite, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.ReadAt(make([]byte, 5), 0); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{100, 150_000} {
		if _, err := f.(host.RangeWriter).WriteRangeTo(new(taker), 5, n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := (real.FS{}).ReadDir(dir); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{name, dir} {
		var st unix.Stat_t
		if err := unix.Stat(n, &st); err != nil {
			t.Fatal(err)
		}
		if got := time.Unix(st.Atim.Unix()); !got.Equal(long) {
			t.Errorf("%s: read at %v, was set to %v", filepath.Base(n), got, long)
		}
	}
}
