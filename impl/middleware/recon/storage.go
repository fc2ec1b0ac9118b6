package recon

import (
	"context"
	"crypto/md5" //nolint:gosec // swift-recon compares MD5 sums
	"encoding/hex"
	"io"
	"log/slog"
	"path"
	"strings"

	"apus/impl/host"
)

// deviceList is what lies below devices.
func (f *filter) deviceList(ctx context.Context) any {
	entries, err := f.fs.ReadDir(f.devices)
	if err != nil {
		f.log.LogAttrs(ctx, slog.LevelError, "Error listing devices", slog.Any("error", err))
		return map[string]any{f.devices: nil}
	}
	names := []any{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return map[string]any{f.devices: names}
}

// eachDevice calls fn for every directory below devices and whether it is
// mounted.
func (f *filter) eachDevice(fn func(name string, mounted bool) error) error {
	entries, err := f.fs.ReadDir(f.devices)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := f.fs.Stat(path.Join(f.devices, e.Name()))
		if err != nil || !info.IsDir() {
			continue
		}
		if err := fn(e.Name(), f.isMounted(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// isMounted looks whatever mount_check says. A file .ismount stands for a mount
// where the system cannot tell, in containers for one.
func (f *filter) isMounted(device string) bool {
	if !plainName(device) {
		return false
	}
	dir := path.Join(f.devices, device)
	if yes, err := f.fs.IsMount(dir); err == nil && yes {
		return true
	}
	info, err := f.fs.Stat(path.Join(dir, ".ismount"))
	return err == nil && info.Mode().IsRegular()
}

// plainName reports a name that needs no escape in a URL.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_.-~", c) >= 0) {
			return false
		}
	}
	return true
}

func (f *filter) unmounted() (any, error) {
	list := []any{}
	err := f.eachDevice(func(name string, mounted bool) error {
		if !mounted {
			list = append(list, map[string]any{"device": name, "mounted": false})
		}
		return nil
	})
	return list, err
}

// diskUsage is bytes; what root alone may use counts as used.
func (f *filter) diskUsage() (any, error) {
	list := []any{}
	err := f.eachDevice(func(name string, mounted bool) error {
		if !mounted {
			list = append(list, map[string]any{"device": name, "mounted": false, "size": "", "used": "", "avail": ""})
			return nil
		}
		st, err := f.fs.StatFS(path.Join(f.devices, name))
		if err != nil {
			return err
		}
		list = append(list, map[string]any{
			"device": name, "mounted": true, "size": st.Total, "used": st.Total - st.Avail, "avail": st.Avail,
		})
		return nil
	})
	return list, err
}

// quarantined counts the directories in quarantine.
func (f *filter) quarantined() (any, error) {
	devices, err := f.fs.ReadDir(f.devices)
	if err != nil {
		return nil, err
	}
	total := map[string]int{"objects": 0, "containers": 0, "accounts": 0}
	policies := map[string]any{}
	for _, device := range devices {
		dir := path.Join(f.devices, device.Name(), "quarantined")
		kinds, err := f.fs.ReadDir(dir)
		if err != nil {
			continue // has none
		}
		for _, kind := range kinds {
			n, err := f.subdirectories(path.Join(dir, kind.Name()))
			if err != nil {
				return nil, err
			}
			count(kind.Name(), n, total, policies)
		}
	}
	return map[string]any{
		"objects": total["objects"], "containers": total["containers"], "accounts": total["accounts"], "policies": policies,
	}, nil
}

// count adds n of what a directory of a quarantine holds.
func count(kind string, n int, total map[string]int, policies map[string]any) {
	if n == 0 {
		return
	}
	if !strings.HasPrefix(kind, "objects") {
		if _, known := total[kind]; known {
			total[kind] += n
		}
		return
	}
	_, index, ok := strings.Cut(kind, "-")
	if !ok {
		index = "0"
	}
	sum, _ := policies[index].(map[string]any)
	if sum == nil {
		sum = map[string]any{"objects": 0}
		policies[index] = sum
	}
	sum["objects"] = sum["objects"].(int) + n
	total["objects"] += n
}

// subdirectories counts them by name; the link count of a directory, which
// upstream takes, is not kept by every file system.
func (f *filter) subdirectories(dir string) (n int, err error) {
	info, err := f.fs.Stat(dir)
	if err != nil || !info.IsDir() {
		return 0, err
	}
	entries, err := f.fs.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			n++
		}
	}
	return n, err
}

// ringSums is the MD5 of every ring file that exists.
func (f *filter) ringSums(ctx context.Context) any {
	sums := map[string]any{}
	for _, name := range f.rings {
		if _, err := f.fs.Stat(name); err != nil {
			continue
		}
		sums[name] = f.sum(ctx, name, "Error reading ringfile")
	}
	return sums
}

func (f *filter) confSum(ctx context.Context) any {
	name := path.Join(f.swiftDir, "swift.conf")
	return map[string]any{name: f.sum(ctx, name, "Error reading swift.conf")}
}

// sum is the MD5 of a file in hexadecimal, or nil.
func (f *filter) sum(ctx context.Context, name, complaint string) any {
	text, err := f.md5(name)
	if err == nil {
		return text
	}
	if !isAbsent(err) {
		f.log.LogAttrs(ctx, slog.LevelError, complaint, slog.Any("error", err))
	}
	return nil
}

func (f *filter) md5(name string) (string, error) {
	file, err := f.fs.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return "", err
	}
	defer file.Close() // read only
	h := md5.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
