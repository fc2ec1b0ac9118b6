package interop

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"apus/ci/interop/peer"
	"apus/impl/pickle"
)

// files lists the files below dir whose name matches.
func files(t *testing.T, dir, pattern string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if ok, _ := filepath.Match(pattern, filepath.Base(name)); ok && err == nil && !d.IsDir() {
			out = append(out, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTheirAudit has upstream's auditors and info tools look at what each
// make wrote. Theirs is the control.
func TestTheirAudit(t *testing.T) {
	for _, m := range makes {
		t.Run("written by "+string(m), func(t *testing.T) {
			n := newNode(t)
			n.serve(m)
			n.doAll(n.writes(roomy(n.dir)))
			n.doAll(append(containerReads(), accountReads()...))
			n.stop()
			if len(files(t, n.device(), "*.data")) < 30 || len(files(t, n.device(), "*.db")) < 8 {
				t.Fatal("the device is nearly empty")
			}
			for _, kind := range []string{"object", "container", "account"} {
				out := n.once(peer.Theirs, kind+"-auditor", kind)
				if bad := regexp.MustCompile(`(?i)traceback|quarantined: [1-9]|errors: [1-9]|failed audit: [1-9]`).FindString(out); bad != "" {
					t.Errorf("%s-auditor says %q:\n%s", kind, bad, out)
				}
			}
			if q := files(t, filepath.Join(n.device(), "quarantined"), "*"); len(q) > 0 {
				t.Errorf("quarantined: %v", q)
			}
			n.inspect()
		})
	}
}

// inspect has upstream's info tools print every object and database.
func (n *node) inspect() {
	n.t.Helper()
	swiftDir := n.node().SwiftDir
	for kind, pattern := range map[string]string{"object": "*.data", "container": "*.db", "account": "*.db"} {
		found := files(n.t, filepath.Join(n.device(), kind+"s"), pattern)
		out := command(n.t, append(append(n.bin.Python(swiftDir), "info.py", kind, swiftDir), found...)...)
		for i, text := range strings.Split(out, "\f\n")[:len(found)] {
			if !strings.Contains(text, "Account: ") || kind == "object" && !strings.Contains(text, "(valid)") {
				n.t.Errorf("swift-%s-info %s prints\n%s", kind, found[i], text)
			}
		}
	}
}

// TestPendingUpdates leaves updates of containers on the disk through one
// make and has the updater of the other deliver them.
func TestPendingUpdates(t *testing.T) {
	var all []answer
	reads := []call{
		{"container", "GET", "/AUTH_a/c?format=json", "", ""}, {"container", "HEAD", "/AUTH_a/c", "", ""},
	}
	for i, m := range makes {
		n := newNode(t)
		n.serve(m)
		n.doAll(n.writes(false))
		n.stop()
		pending := len(files(t, filepath.Join(n.device(), "async_pending"), "*"))
		if pending < 10 {
			t.Fatalf("%s left %d updates", m, pending)
		}
		other := makes[1-i]
		n.serve(m, "container", "account")
		out := n.once(other, "object-updater", "object")
		if left := files(t, filepath.Join(n.device(), "async_pending"), "*"); len(left) > 0 {
			t.Errorf("the updater of %s leaves %d of %d updates of %s: %v\n%s", other, len(left), pending, m, left, out)
		}
		all = append(all, n.doAll(reads)...)
		n.stop()
	}
	for i := range all {
		all[i].header = slices.DeleteFunc(all[i].header, func(h string) bool {
			return strings.Contains(h, "X-Timestamp:") || strings.Contains(h, "X-Backend-Timestamp:")
		})
	}
	compare(t, "listings after updates", reads, all[:2], all[2:], "left by ours, delivered by theirs", "left by theirs, delivered by ours")
}

// TestHashes asks object servers of both makes for the hashes of every
// partition of the same device, first as they find it, then after changes.
func TestHashes(t *testing.T) {
	n := newNode(t)
	n.serve(peer.Theirs)
	n.doAll(n.writes(false))
	n.stop()
	fresh := n.keep()
	var got []map[string]string
	for i, m := range append(makes, makes...) {
		if i < 2 {
			n.put(fresh) // each computes by itself, then from what the other has left
		}
		n.serve(m, "object")
		got = append(got, n.hashes())
		n.stop()
	}
	for i := 1; i < len(got); i++ {
		for part, want := range got[0] {
			if got[i][part] != want {
				t.Errorf("run %d: hashes of partition %s are %s, not %s", i, part, got[i][part], want)
			}
		}
	}
	known := 0
	for _, hashes := range got[0] {
		known += strings.Count(hashes, ":")
	}
	if known < 30 {
		t.Errorf("only %d hashes", known)
	}
	t.Logf("%d hashes of %d partitions, %d times", known, len(got[0]), len(got))
}

// hashes are the answers to REPLICATE of every partition, as text.
func (n *node) hashes() map[string]string {
	n.t.Helper()
	parts, err := os.ReadDir(filepath.Join(n.device(), "objects"))
	if err != nil {
		n.t.Fatal(err)
	}
	out := map[string]string{}
	for _, p := range parts {
		if !p.IsDir() {
			continue
		}
		a := n.at(call{"object", "REPLICATE", "", "X-Backend-Storage-Policy-Index: 0", ""}, "/"+n.node().Devices[0]+"/"+p.Name())
		if a.status != 200 {
			n.t.Fatalf("REPLICATE of partition %s: %v", p.Name(), a)
		}
		v, err := pickle.Decode([]byte(a.body))
		if err != nil {
			n.t.Fatalf("REPLICATE of partition %s: %v", p.Name(), err)
		}
		d, ok := v.(pickle.Dict)
		if !ok {
			n.t.Errorf("REPLICATE of partition %s answers %v", p.Name(), v)
		}
		hashes := map[any]any{}
		for _, item := range d {
			hashes[item.Key] = item.Value
		}
		out[p.Name()] = fmt.Sprint(hashes) // sorted, "map[suffix:hash …]"
	}
	return out
}
