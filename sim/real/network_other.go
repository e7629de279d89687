//go:build !linux

// Package real runs seeds of package sim with Linux's own TCP in place of one of the two ends.
package real

import (
	"errors"

	"github.com/weir-project/weir/sim"
)

// Width is how many connections go on at the same time.
const Width = 1500

// A Network is a host and its link.
type Network struct{}

// Open fails: there is no such thing here.
func Open() (*Network, error) { return nil, errors.New("real: network namespaces exist on Linux only") }

// Close does nothing.
func (*Network) Close() {}

// Host is never called.
func (*Network) Host(sim.Part) sim.Host { return nil }
