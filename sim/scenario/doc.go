// Package scenario holds the simulations that apus-sim can run. Each boots a
// cluster (or one storage node), lets clients work and faults happen, heals,
// and judges what clients saw, what the disks hold and what is still open.
package scenario
