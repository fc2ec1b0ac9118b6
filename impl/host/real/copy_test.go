package real_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"apus/impl/host"
	"apus/impl/host/real"
)

// taker notes what its ReadFrom is offered. Connections use sendfile for what
// unwraps to *os.File.
type taker struct {
	bytes.Buffer
	direct bool
}

func (w *taker) ReadFrom(r io.Reader) (int64, error) {
	if lr, ok := r.(*io.LimitedReader); ok {
		_, w.direct = lr.R.(*os.File)
	} else {
		_, w.direct = r.(*os.File)
	}
	return w.Buffer.ReadFrom(r)
}

func openSample(t *testing.T, size int) (host.File, []byte) {
	t.Helper()
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	name := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := real.FS{}.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, data
}

func TestCopyOffersTheFileItself(t *testing.T) {
	f, data := openSample(t, 200000)
	var w taker
	if _, err := io.Copy(&w, f); err != nil {
		t.Fatal(err)
	}
	if !w.direct || !bytes.Equal(w.Bytes(), data) {
		t.Fatalf("direct %v, %d bytes", w.direct, w.Len())
	}
}

func TestRangeOffersTheFileItself(t *testing.T) {
	f, data := openSample(t, 200000)
	for _, c := range []struct {
		off, n int64
		direct bool
	}{{1000, 150000, true}, {1000, 100, false}} {
		var w taker
		n, err := f.(host.RangeWriter).WriteRangeTo(&w, c.off, c.n)
		if err != nil || n != c.n {
			t.Fatalf("%d bytes, error %v", n, err)
		}
		if w.direct != c.direct || !bytes.Equal(w.Bytes(), data[c.off:c.off+c.n]) {
			t.Fatalf("range %v: direct %v, %d bytes", c, w.direct, w.Len())
		}
	}
}

func TestServeOverHTTP(t *testing.T) {
	f, data := openSample(t, 300000)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		switch r.URL.Path {
		case "/all":
			_, err = io.Copy(w, f)
		case "/range":
			_, err = f.(host.RangeWriter).WriteRangeTo(w, 5, 200000)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	for path, want := range map[string][]byte{"/all": data, "/range": data[5:200005]} {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes, error %v", path, len(got), err)
		}
	}
}

func TestReceiveFromConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	data := bytes.Repeat([]byte("0123456789"), 20000)
	sent := make(chan error, 1)
	go func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			_, err = c.Write(data)
			c.Close()
		}
		sent <- err
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := real.FS{}.CreateUnnamed(t.TempDir(), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := io.Copy(f, c); err != nil || n != int64(len(data)) {
		t.Fatalf("%d bytes, error %v", n, err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(data))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("content differs, error %v", err)
	}
}

// TestRangeLocksMeetSQLite: SQLite in other programs takes the older kind of
// record lock, which conflicts with ours even within one process.
func TestRangeLocksMeetSQLite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "db")
	f, err := real.FS{}.OpenFile(name, host.ReadWrite|host.Create, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	try := func(kind int16) error {
		lk := unix.Flock_t{Type: kind, Start: 100, Len: 1}
		return unix.FcntlFlock(other.Fd(), unix.F_SETLK, &lk)
	}
	if err := f.TryLockRange(host.Exclusively, 100, 10); err != nil {
		t.Fatal(err)
	}
	if err := try(unix.F_RDLCK); err != unix.EAGAIN {
		t.Fatalf("got %v, want EAGAIN", err)
	}
	if err := f.TryLockRange(host.Unlocked, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := try(unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	if err := f.TryLockRange(host.Shared, 100, 10); err == nil {
		t.Fatal("two owners of one range")
	}
}
