package diskfile

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/groupcommit"
	"apus/impl/host"
	"apus/impl/policy"
	"apus/impl/swift"
)

// Config holds the tunables of a Manager.
type Config struct {
	Devices    string // parent of the devices' mount points
	MountCheck bool   // refuse devices that are not mounted
	// Reserve is what must stay free on a device, in bytes or, with
	// ReservePercent, in percent of its size.
	Reserve        float64
	ReservePercent bool
	Preallocate    bool
	ReclaimAge     time.Duration // tombstones older than this may go
	BytesPerSync   int64         // sync a large upload every so many bytes
	KeepCacheSize  int64         // bodies at least this large leave the page cache
	DiskChunk      int64         // the least that is read of a large body at a time
	NetworkChunk   int64         // what servers take from a connection at a time
	// ValidatePercent of whole reads are checked against the ETag.
	ValidatePercent float64
}

// DefaultConfig is OpenStack Swift's.
func DefaultConfig() Config {
	return Config{
		Devices: "/srv/node", MountCheck: true, Reserve: 1, ReservePercent: true, Preallocate: true,
		ReclaimAge: 7 * 24 * time.Hour, BytesPerSync: 512 << 20, KeepCacheSize: 5 << 20,
		DiskChunk: 64 << 10, NetworkChunk: 64 << 10, ValidatePercent: 100,
	}
}

// ReadConfig takes the settings from a section of object-server.conf.
func ReadConfig(s *config.Section) Config {
	c := DefaultConfig()
	c.Devices = s.String("devices", c.Devices)
	c.MountCheck = s.Bool("mount_check", c.MountCheck)
	c.Preallocate = !s.Bool("disable_fallocate", false)
	c.ReclaimAge = s.Seconds("reclaim_age", c.ReclaimAge)
	c.BytesPerSync = s.Int("mb_per_sync", c.BytesPerSync>>20, 1, 1<<30) << 20
	c.KeepCacheSize = s.Int("keep_cache_size", c.KeepCacheSize, 0, 1<<50)
	c.DiskChunk = s.Int("disk_chunk_size", c.DiskChunk, 1, maxChunk)
	c.NetworkChunk = s.Int("network_chunk_size", c.NetworkChunk, 1, maxChunk)
	reserve := strings.TrimSpace(s.String("fallocate_reserve", "1%"))
	number, percent := strings.CutSuffix(reserve, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || v < 0 || percent && v > 100 {
		s.Fail("fallocate_reserve", "must be a number of bytes, or a percentage such as 1%")
	} else {
		c.Reserve, c.ReservePercent = v, percent
	}
	validate := strings.TrimSuffix(strings.TrimSpace(s.String("etag_validate_pct", "100")), "%")
	if v, err := strconv.ParseFloat(validate, 64); err != nil || v < 0 || v > 100 {
		s.Fail("etag_validate_pct", "must be a percentage from 0 to 100")
	} else {
		c.ValidatePercent = v
	}
	return c
}

// maxChunk bounds the sizes of buffers.
const maxChunk = 64 << 20

// Manager knows the devices of a machine.
type Manager struct {
	host   *host.Host
	hasher swift.Hasher
	cfg    Config
	events *event.Sink
	mu     struct {
		sync.Mutex
		devices map[string]*Device
	}
}

// New makes a Manager; it touches no disk.
func New(h *host.Host, hasher swift.Hasher, cfg Config, ev *event.Sink) *Manager {
	m := &Manager{host: h, hasher: hasher, cfg: cfg, events: ev}
	m.mu.devices = map[string]*Device{}
	return m
}

// Device is one disk of the machine.
type Device struct {
	Name string
	Path string

	m       *Manager
	fs      host.FS
	objects lockTable         // by object hash
	parts   lockTable         // by partition directory
	group   groupcommit.Group // if fs is no host.Committer
	names   nameState
	opened  chan struct{} // holds a token while the device is being prepared
	ready   bool          // guarded by opened
	sparse  atomic.Bool   // the last new object had no suffix directory
}

// Locks a device has. Objects that share one wait for each other, no more.
const (
	objectLocks = 1024
	partLocks   = 256
)

// maxDevices bounds what a Manager remembers of devices that were asked for.
const maxDevices = 4096

// Device is the device of that name. An error of kind swift.NoDevice says that
// it is absent, not mounted or broken.
func (m *Manager) Device(name string) (*Device, error) {
	const op = "diskfile.Device"
	if name == "" || name == "." || name == ".." || strings.ContainsRune(name, '/') {
		return nil, swift.E(op, name, swift.Invalid, errors.New("is not the name of a device"))
	}
	dir := path.Join(m.cfg.Devices, name)
	if err := m.check(dir); err != nil {
		return nil, swift.E(op, dir, swift.NoDevice, err)
	}
	d, err := m.device(name, dir)
	if err != nil {
		return nil, err
	}
	if err := d.prepare(); err != nil {
		return nil, swift.E(op, dir, swift.NoDevice, err)
	}
	return d, nil
}

func (m *Manager) check(dir string) error {
	if m.cfg.MountCheck {
		mounted, err := m.host.FS.IsMount(dir)
		if err == nil && !mounted {
			err = errors.New("is not mounted")
		}
		return err
	}
	info, err := m.host.FS.Stat(dir)
	if err == nil && !info.IsDir() {
		err = host.ErrNotDir
	}
	return err
}

func (m *Manager) device(name, dir string) (*Device, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.mu.devices[name]; d != nil {
		return d, nil
	}
	if len(m.mu.devices) >= maxDevices {
		return nil, swift.E("diskfile.Device", dir, swift.NoDevice, fmt.Errorf("there are %d devices already", maxDevices))
	}
	d := &Device{
		Name: name, Path: dir, m: m, fs: m.host.FS,
		objects: newLockTable(objectLocks), parts: newLockTable(partLocks),
		opened: make(chan struct{}, 1),
	}
	d.names.mu.hidden, d.names.mu.fresh = map[string]int{}, map[string]uint64{}
	m.mu.devices[name] = d
	return d, nil
}

// commit returns when everything the caller did before on the device is durable;
// alone syncs what the caller did and no more.
func (d *Device) commit(alone func() error) error {
	if c, ok := d.fs.(host.Committer); ok {
		return c.Commit(d.Path, alone)
	}
	return d.group.Commit(alone, d.syncAll)
}

func (d *Device) syncAll() error { return d.fs.SyncAll(d.Path) }

// prepare makes durable what an earlier incarnation left unsynced, once, so
// that nothing is shown that a power cut can take back.
func (d *Device) prepare() error {
	d.opened <- struct{}{}
	defer func() { <-d.opened }()
	if d.ready {
		return nil
	}
	if err := d.syncAll(); err != nil {
		return err
	}
	d.ready = true
	return nil
}

// Devices lists the names of the devices that can be used now.
func (m *Manager) Devices() ([]string, error) {
	entries, err := m.host.FS.ReadDir(m.cfg.Devices)
	if err != nil {
		return nil, swift.E("diskfile.Devices", m.cfg.Devices, swift.Other, err)
	}
	var out []string
	for _, e := range entries {
		if m.check(path.Join(m.cfg.Devices, e.Name())) == nil {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// Object is an object's place on a device.
type Object struct {
	Path   swift.Path // zero until opened, for one found by Walk
	Dir    string     // the hash directory
	Policy *policy.Policy
	// NextPartPower is that of the ring while the number of partitions is
	// being doubled, else 0. What is written then appears in both partitions.
	NextPartPower int

	dev  *Device
	hash swift.Hash
	// absent says that Open found no directory. The next write takes it as a
	// hint; out of date, it costs a sync of the directories above, and if that
	// fails, a write that failed may be there after a power cut.
	absent atomic.Bool
}

// Object is the place of an object; nothing need be there.
func (d *Device) Object(p *policy.Policy, partition uint32, name swift.Path) *Object {
	hash := d.m.hasher.Hash(name)
	dir := path.Join(d.Path, p.DataDir(), strconv.FormatUint(uint64(partition), 10), hash.Suffix(), hash.String())
	return &Object{Path: name, Dir: dir, Policy: p, dev: d, hash: hash}
}

func (o *Object) lock() (unlock func()) {
	return o.dev.objects.lock(uint32(o.hash[14])<<8 | uint32(o.hash[15]))
}

func (o *Object) suffixDir() string    { return path.Dir(o.Dir) }
func (o *Object) partitionDir() string { return path.Dir(path.Dir(o.Dir)) }

// lockTable is a fixed number of one-slot channels. They may be held across
// I/O, which a mutex may not.
type lockTable []chan struct{}

func newLockTable(n int) lockTable {
	t := make(lockTable, n)
	for i := range t {
		t[i] = make(chan struct{}, 1)
	}
	return t
}

func (t lockTable) lock(key uint32) (unlock func()) {
	slot := t[key%uint32(len(t))]
	slot <- struct{}{}
	return func() { <-slot }
}
