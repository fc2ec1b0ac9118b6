package diskfile

import (
	"errors"
	"hash/fnv"
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

// invalidate tells the replicators that the hash of the object's suffix is out
// of date. A partition that does not exist has no hashes.
func (o *Object) invalidate() error {
	return o.addInvalid(func(host.File) error { return nil })
}

// invalidateDurably is invalidate for a change that no write of the other
// replicas goes with: were the mark lost to a power cut their hashes would
// agree with the old one here for ever.
func (o *Object) invalidateDurably() error {
	return o.addInvalid(func(f host.File) error {
		if err := f.Sync(); err != nil {
			return err
		}
		return o.dev.fs.SyncDir(o.partitionDir())
	})
}

// addInvalid appends to the journal and calls then, before it is closed.
func (o *Object) addInvalid(then func(host.File) error) error {
	d, part := o.dev, o.partitionDir()
	unlock, err := d.lockPartition(part)
	if notExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	f, err := d.fs.OpenFile(path.Join(part, invalidFile), host.ReadWrite|host.Create|host.Append, filePerm)
	if err != nil {
		return err
	}
	err = appendLine(f, path.Base(o.suffixDir()))
	if err == nil {
		err = then(f)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// appendLine appends a line, on a line of its own: a power cut may have left
// the end of another.
func appendLine(f host.File, line string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if at := info.Size() - 1; at >= 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, at); err != nil || last[0] != '\n' {
			line = "\n" + line // which is right for one that cannot be read as well
		}
	}
	_, err = f.Write([]byte(line + "\n"))
	return err
}
