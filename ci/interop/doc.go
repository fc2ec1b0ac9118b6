// Package interop proves, with the distribution's OpenStack Swift as the
// witness, that rings, builder files, disks and the backend protocol are the
// same bytes in both: what one writes the other reads, serves, audits and
// goes on with, and servers of both makes work in one cluster.
//
// "make interop" installs what is needed and runs the tests; plain "go test"
// skips them.
package interop
