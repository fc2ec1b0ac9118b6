// Package e2e tests the commands from outside, as real processes on loopback.
package e2e
