package recon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"apus/impl/host"
)

// maxProcBytes bounds what is read of a file of /proc.
const maxProcBytes = 4 << 20

func (f *filter) readProc(name string) (string, error) {
	file, err := f.fs.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return "", err
	}
	defer file.Close() // read only
	text, err := io.ReadAll(io.LimitReader(file, maxProcBytes))
	return string(text), err
}

// mounted is every mounted file system.
func (f *filter) mounted() (any, error) {
	text, err := f.readProc("/proc/mounts")
	if err != nil {
		return nil, err
	}
	return parseMounts(text), nil
}

func parseMounts(text string) []any {
	mounts := []any{}
	for line := range strings.Lines(text) {
		if w := strings.Fields(line); len(w) >= 2 {
			mounts = append(mounts, map[string]any{"device": w[0], "path": w[1]})
		}
	}
	return mounts
}

// load is the load averages and the number of the last process.
func (f *filter) load() (any, error) {
	text, err := f.readProc("/proc/loadavg")
	if err != nil {
		return nil, err
	}
	return parseLoad(text)
}

func parseLoad(text string) (any, error) {
	w := strings.Fields(text)
	const words = 5
	if len(w) != words {
		return nil, fmt.Errorf("/proc/loadavg: %q has not %d words", text, words)
	}
	out := map[string]any{"tasks": w[3]}
	for i, key := range []string{"1m", "5m", "15m"} {
		v, err := strconv.ParseFloat(w[i], 64)
		if err != nil {
			return nil, fmt.Errorf("/proc/loadavg: %w", err)
		}
		out[key] = v
	}
	n, err := strconv.Atoi(w[4])
	if err != nil {
		return nil, fmt.Errorf("/proc/loadavg: %w", err)
	}
	out["processes"] = n
	return out, nil
}

// memory is the lines of /proc/meminfo.
func (f *filter) memory() (any, error) {
	text, err := f.readProc("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[key] = strings.TrimSpace(value)
		}
	}
	return out, nil
}

// sockets is the use of TCP. A machine without IPv6 or without /proc has fewer
// figures.
func (f *filter) sockets() (any, error) {
	out := map[string]any{}
	for _, file := range []struct {
		name  string
		parse func(text string, out map[string]any) error
	}{
		{"/proc/net/sockstat", func(text string, out map[string]any) error { return parseSockstat(text, f.pageSize(), out) }},
		{"/proc/net/sockstat6", parseSockstat6},
	} {
		text, err := f.readProc(file.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = file.parse(text, out)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
	}
	return out, nil
}

func parseSockstat(text string, page int64, out map[string]any) error {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "TCP: inuse") {
			continue
		}
		w := strings.Fields(line)
		for key, at := range map[string]int{"tcp_in_use": 2, "orphan": 4, "time_wait": 6, "tcp_mem_allocated_bytes": 10} {
			n, err := wordInt(w, at)
			if err != nil {
				return err
			}
			if at == 10 {
				n *= page // the kernel counts pages
			}
			out[key] = n
		}
	}
	return nil
}

func parseSockstat6(text string, out map[string]any) error {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "TCP6: inuse") {
			n, err := wordInt(strings.Fields(line), 2)
			if err != nil {
				return err
			}
			out["tcp6_in_use"] = n
		}
	}
	return nil
}

func wordInt(words []string, at int) (int64, error) {
	if at >= len(words) {
		return 0, fmt.Errorf("%q has no word %d", strings.Join(words, " "), at)
	}
	return strconv.ParseInt(words[at], 10, 64)
}

// pageSize is the size of a page of memory in bytes, from the auxiliary
// vector: pairs of machine words, of which type 6 is it.
func (f *filter) pageSize() int64 {
	const usual, pageSizeType, pair = 4096, 6, 16
	text, err := f.readProc("/proc/self/auxv")
	for v := []byte(text); err == nil && len(v) >= pair; v = v[pair:] {
		if binary.NativeEndian.Uint64(v) == pageSizeType {
			return int64(binary.NativeEndian.Uint64(v[8:]))
		}
	}
	return usual
}
