// Package containers tests apus in containers: the static binary in an image
// made FROM scratch, a proxy and three storage nodes on a network of their
// own. The conformance cases run against it; then nodes are paused, killed and
// cut off while clients work, by the same fault plans and under the same checks
// as in the simulator.
//
// It is a module of its own because the container client brings many
// dependencies that nothing else needs.
package containers
