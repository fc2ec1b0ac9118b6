package cluster

import (
	"path"

	"apus/sim/disk"
)

// Device is the disk of a device of the i-th node.
func (c *Cluster) Device(node int, device string) *disk.Disk {
	return c.nodes[node].device(path.Join(devicesDir, device))
}

// Reboot cuts the power of the i-th node and boots it with d in the place of a
// device. Its other disks lose nothing. AwaitReady tells when it answers.
func (c *Cluster) Reboot(node int, device string, d *disk.Disk) {
	m := c.nodes[node]
	m.powerCut(disk.KeepAll)
	m.disks.Mount(path.Join(devicesDir, device), d)
	m.start()
}
