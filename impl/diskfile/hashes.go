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
func (o *Object) invalidate() error { return o.dev.invalidateSuffix(o.suffixDir()) }

func (d *Device) invalidateSuffix(suffixDir string) error {
	part := path.Dir(suffixDir)
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
	_, err = f.Write([]byte(path.Base(suffixDir) + "\n"))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
