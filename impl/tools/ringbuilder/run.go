// Package ringbuilder is swift-ring-builder: it creates builder files, adds,
// changes and removes devices, rebalances, and writes ring files. Arguments,
// tables and exit codes are those that scripts know from Swift's own tool.
package ringbuilder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"apus/impl/host"
	"apus/impl/ring/builder"
	"apus/impl/tools"
)

// Exit codes.
const (
	exitOK = iota
	exitWarning
	exitError
)

// lockTimeout is how long the safe variant waits for another one.
const lockTimeout = 15 * time.Second

// session is one call of the tool.
type session struct {
	h   *host.Host
	std tools.Std

	builderFile, ringFile string // as they are shown
	command               string
	args                  []string // after the command
	b                     *builder.Builder
}

// Run is the tool swift-ring-builder.
func Run(ctx context.Context, h *host.Host, args []string, std tools.Std) int {
	return run(ctx, h, args, std, false)
}

// RunSafe is Run with the directory of the builder file locked, as
// swift-ring-builder-safe does, so that calls at the same time follow one
// another.
func RunSafe(ctx context.Context, h *host.Host, args []string, std tools.Std) int {
	return run(ctx, h, args, std, true)
}

func run(ctx context.Context, h *host.Host, args []string, std tools.Std, safe bool) int {
	s := &session{h: h, std: std, command: "default"}
	if len(args) == 0 {
		return s.help()
	}
	s.files(args[0])
	if len(args) > 1 {
		s.command, s.args = args[1], args[2:]
	}
	if s.builderFile != args[0] && s.command != "write_builder" && s.command != "version" {
		s.say("Note: using %s instead of %s as builder file", s.builderFile, args[0])
	}
	if !safe {
		return s.work()
	}
	// Another holder may change the builder, so it is read under the lock.
	unlock, err := s.lock(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.say("Ring/builder dir currently locked.")
		return exitError
	}
	if err != nil {
		return s.broken(err)
	}
	defer unlock()
	return s.work()
}

func (s *session) work() int {
	if code := s.load(); code != exitOK {
		return code
	}
	if err := s.makeBackupDir(); err != nil {
		return s.broken(err)
	}
	do := commands()[s.command]
	if do == nil {
		s.say("Unknown command: %s", s.command)
		return exitError
	}
	return do(s)
}

func commands() map[string]func(*session) int {
	return map[string]func(*session) int{
		"default": (*session).show, "create": (*session).create, "version": (*session).version,
		"search": (*session).search, "list_parts": (*session).listParts, "add": (*session).add,
		"remove": (*session).remove, "set_weight": (*session).setWeight, "set_region": (*session).setRegion,
		"set_zone": (*session).setZone, "set_info": (*session).setInfo, "rebalance": (*session).rebalance,
		"dispersion": (*session).dispersion, "validate": (*session).validate,
		"write_ring": (*session).writeRing, "write_builder": (*session).writeBuilder,
		"pretend_min_part_hours_passed":    (*session).pretend,
		"set_min_part_hours":               (*session).setMinPartHours,
		"set_replicas":                     (*session).setReplicas,
		"set_overload":                     (*session).setOverload,
		"prepare_increase_partition_power": (*session).prepareIncrease,
		"increase_partition_power":         (*session).increase,
		"cancel_increase_partition_power":  (*session).cancelIncrease,
		"finish_increase_partition_power":  (*session).finishIncrease,
	}
}

// files derives both file names from either.
func (s *session) files(name string) {
	if base, ok := strings.CutSuffix(name, ".ring.gz"); ok {
		s.builderFile, s.ringFile = base+".builder", name
		return
	}
	s.builderFile, s.ringFile = name, strings.TrimSuffix(name, ".builder")+".ring.gz"
}

// load reads the builder file; commands that make one do without.
func (s *session) load() int {
	b, err := builder.Load(s.h.FS, s.h.Clock.Now, s.std.Abs(s.builderFile))
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err == nil:
		s.b = b
	case missing || errors.Is(err, fs.ErrPermission):
		switch s.command {
		case "create", "write_builder", "version":
			return exitOK
		}
		if missing {
			s.say("Ring Builder file does not exist: %s", s.builderFile)
		} else {
			s.say("Ring Builder file cannot be accessed: %s", s.builderFile)
		}
		return exitError
	default:
		s.say("Ring Builder file is invalid: %s", s.builderFile)
		s.warn("%s", why(err))
		return exitError
	}
	return exitOK
}

// say prints a line.
func (s *session) say(format string, args ...any) {
	fmt.Fprintf(s.std.Out, format+"\n", args...)
}

// warn prints a line that is no result.
func (s *session) warn(format string, args ...any) {
	fmt.Fprintf(s.std.Err, format+"\n", args...)
}

// failed prints why a command could not be done.
func (s *session) failed(err error) int {
	s.say("%s", why(err))
	return exitError
}

// broken reports an error of the surroundings, such as a full disk.
func (s *session) broken(err error) int {
	s.warn("swift-ring-builder: %v", err)
	return exitError
}

// misused reports options that cannot be understood.
func (s *session) misused(err error) int {
	if errors.Is(err, pflag.ErrHelp) {
		s.usage(s.command, false)
		return exitOK
	}
	s.warn("Usage: %s\n\nswift-ring-builder: error: %v", strings.SplitN(usages()[s.command], "\n", 2)[0], err)
	return exitError
}

func (s *session) backup(name string) string {
	return path.Join(s.backupDir(), fmt.Sprintf("%d.%s", s.h.Clock.Now().Unix(), path.Base(name)))
}

func (s *session) backupDir() string {
	return path.Join(path.Dir(s.std.Abs(s.builderFile)), "backups")
}

func (s *session) makeBackupDir() error {
	dir := s.backupDir()
	if err := s.h.FS.Mkdir(dir, 0o777); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	return s.h.FS.SyncDir(path.Dir(dir))
}

// save writes the builder file and succeeds.
func (s *session) save() int {
	if err := s.b.Save(s.h.FS, s.std.Abs(s.builderFile)); err != nil {
		return s.broken(err)
	}
	return exitOK
}

// lock takes the lock of the builder file's directory.
func (s *session) lock(ctx context.Context) (unlock func(), err error) {
	name := path.Join(path.Dir(s.std.Abs(s.builderFile)), ".lock")
	f, err := s.h.FS.OpenFile(name, host.ReadWrite|host.Create, 0o644)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	for {
		err := f.TryLock(host.Exclusively)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing unlocks; nothing was written
		}
		if !errors.Is(err, host.ErrWouldBlock) {
			return nil, errors.Join(err, f.Close())
		}
		again := time.NewTimer(10 * time.Millisecond)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil, errors.Join(ctx.Err(), f.Close())
		}
	}
}
