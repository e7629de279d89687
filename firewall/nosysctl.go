//go:build !linux

package firewall

import (
	"context"
	"os"
)

// Options says where a Backend works. This system has no network namespaces of
// Linux's kind.
type Options struct{ NetNS *os.File }

// SetSysctls returns ErrUnsupported where there is something to set.
func SetSysctls(_ string, settings []Sysctl, _ Options) error {
	if len(settings) == 0 {
		return nil
	}
	return ErrUnsupported
}

// RestoreSysctls does nothing: SetSysctls never changes anything here.
func RestoreSysctls(string, Options) error { return nil }

// listen has no events on this system; Watch polls.
func listen(context.Context, Backend, chan<- string) {}

// Offloads returns none: flow tables are Linux's.
func Offloads(Options) []Offload { return nil }
