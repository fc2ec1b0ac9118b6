package diskfile

import (
	"bytes"
	"errors"
	"hash/fnv"
	"io"
	"path"
	"time"

	"apus/impl/host"
)

const (
	invalidFile = "hashes.invalid"
	lockFile    = ".lock"
	lockTimeout = 10 * time.Second
	lockPoll    = 10 * time.Millisecond
)

// errLockTimeout is what a partition that another process keeps locked gives.
var errLockTimeout = errors.New("the partition's lock is held by another process for too long")

// lockPartition takes the lock that Swift's daemons take on a partition.
// Processes share it through the lock file, goroutines through a channel, so
// that only the former have to poll.
func (d *Device) lockPartition(dir string) (unlock func(), err error) {
	key := fnv.New32a()
	key.Write([]byte(dir))
	release := d.parts.lock(key.Sum32())
	f, err := d.fs.OpenFile(path.Join(dir, lockFile), host.ReadWrite|host.Create, filePerm)
	if err == nil {
		err = waitForLock(f)
		if err == nil {
			return func() { _ = f.Close(); release() }, nil // nothing was written to it
		}
		_ = f.Close()
	}
	release()
	return nil, err
}

func waitForLock(f host.File) error {
	for waited := time.Duration(0); ; waited += lockPoll {
		err := f.TryLock(host.Exclusively)
		if !errors.Is(err, host.ErrWouldBlock) {
			return err
		}
		if waited >= lockTimeout {
			return errLockTimeout
		}
		time.Sleep(lockPoll)
	}
}

// invalidate tells the replicators, durably, that the hash of the object's
// suffix is out of date.
func (o *Object) invalidate() error {
	return o.dev.invalidateSuffix(o.partitionDir(), path.Base(o.suffixDir()))
}

func (d *Device) invalidateSuffix(part, suffix string) error {
	m := &mark{dev: d, part: part, entry: []byte(suffix + "\n")}
	defer m.close()
	return m.ensure()
}

// mark is an entry of hashes.invalid. A write makes it durable with its
// content and looks, when nothing can come in between any more, whether it is
// still there: hashing may have taken it meanwhile, before there was anything
// to hash.
type mark struct {
	dev   *Device
	part  string
	entry []byte    // "<suffix>\n"
	file  host.File // nil before the entry is written, or in a partition that does not exist
	at    int64     // where the entry is in file
	fresh bool      // the journal has just been made
}

func (o *Object) newMark() *mark {
	return &mark{dev: o.dev, part: o.partitionDir(), entry: []byte(path.Base(o.suffixDir()) + "\n")}
}

func (m *mark) close() {
	if m.file != nil {
		_ = m.file.Close() // it has been synced, or does not matter
	}
}

// write appends the entry. A partition that does not exist has no hashes yet,
// hence none that could be out of date.
func (m *mark) write() error {
	unlock, err := m.dev.lockPartition(m.part)
	if notExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if m.file == nil {
		if m.file, m.fresh, err = m.open(); err != nil {
			return err
		}
	}
	m.at, err = appendLine(m.file, m.entry)
	return err
}

// appendLine appends a line and says where it is. It gets a line of its own: a
// power cut may have left the end of another.
func appendLine(f host.File, line []byte) (at int64, err error) {
	if at, err = f.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	if at > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, at-1); err != nil || last[0] != '\n' {
			// A further line end is right for one that cannot be read as well.
			line = append([]byte{'\n'}, line...)
			_, err = f.Write(line)
			return at + 1, err
		}
	}
	_, err = f.Write(line)
	return at, err
}

func (m *mark) open() (f host.File, fresh bool, err error) {
	name := path.Join(m.part, invalidFile)
	f, err = m.dev.fs.OpenFile(name, host.ReadWrite|host.Append, filePerm)
	if notExist(err) {
		f, err = m.dev.fs.OpenFile(name, host.ReadWrite|host.Append|host.Create, filePerm)
		return f, err == nil, err
	}
	return f, false, err
}

// sync makes the entry durable.
func (m *mark) sync() error {
	if m.file == nil {
		return nil
	}
	if err := m.file.Sync(); err != nil {
		return err
	}
	if m.fresh {
		return m.dev.fs.SyncDir(m.part)
	}
	return nil
}

// ensure writes the entry again, durably, if it is not in the journal.
func (m *mark) ensure() error {
	if m.file != nil {
		found := make([]byte, len(m.entry))
		if n, _ := m.file.ReadAt(found, m.at); n == len(found) && bytes.Equal(found, m.entry) {
			return nil
		}
	}
	if err := m.write(); err != nil {
		return err
	}
	return m.sync()
}

// together runs two functions at the same time.
func together(a, b func() error) error {
	first := make(chan error, 1)
	go func() { first <- a() }()
	err := b()
	return errors.Join(<-first, err)
}
