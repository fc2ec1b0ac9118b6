package interop

import (
	"os/exec"
	"testing"

	"apus/ci/interop/peer"
)

// TestMixedClusters runs the conformance cases through each proxy of clusters
// whose servers are of both makes. The cluster that is all theirs is the
// control: what fails there is a wrong case.
func TestMixedClusters(t *testing.T) {
	ours, theirs := peer.Ours, peer.Theirs
	for _, c := range []struct {
		name             string
		storage, proxies []peer.Make
	}{
		{"control", []peer.Make{theirs, theirs, theirs, theirs}, []peer.Make{theirs}},
		{"their proxy, our storage", []peer.Make{ours, ours, ours, ours}, []peer.Make{theirs}},
		{"our proxy, their storage", []peer.Make{theirs, theirs, theirs, theirs}, []peer.Make{ours}},
		{"both storages, both proxies", []peer.Make{ours, theirs, ours, theirs}, []peer.Make{ours, theirs}},
	} {
		t.Run(c.name, func(t *testing.T) { mixed(t, c.storage, c.proxies) })
	}
}

func mixed(t *testing.T, storage, proxies []peer.Make) {
	b, dir := need(t)
	c, err := peer.Up(t.Context(), b, ports(), peer.Plan{Dir: dir, Storage: storage, Proxies: proxies, Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Down()
		if t.Failed() {
			t.Log(c.Logs())
		}
	})
	for i, auth := range c.Auth {
		out, err := exec.CommandContext(t.Context(), b.Path("apus-conform"), "--quiet", "--jobs", "2", "--auth", auth).CombinedOutput()
		t.Logf("through the proxy of %s:\n%s", proxies[i], out)
		if err != nil {
			t.Errorf("conformance through the proxy of %s: %v", proxies[i], err)
		}
	}
}
