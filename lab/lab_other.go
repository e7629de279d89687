//go:build !linux

package lab

// Enter returns ErrUnsupported.
func Enter() error { return ErrUnsupported }
