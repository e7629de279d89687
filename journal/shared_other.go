//go:build !linux && !freebsd && !openbsd

package journal

import (
	"errors"
	"os"
)

var errUnsupported = errors.New("journal: memory that outlives a process is not made on this system yet")

// Create fails on this system.
func Create(string, Config) (*os.File, error) { return nil, errUnsupported }

// Open fails on this system.
func Open(*os.File) (*Journal, error) { return nil, errUnsupported }
