//go:build !linux

package firewall

import (
	"context"
	"os"
)

// Options says where a Backend works. This system has no network namespaces of
// Linux's kind.
type Options struct{ NetNS *os.File }

// Open returns ErrUnsupported: the backends of this system are not written here yet.
func Open(Kind, Features, Options) (Backend, error) { return nil, ErrUnsupported }

// RemoveOthers does nothing: no rules were ever written here.
func RemoveOthers(Kind, Features, Options) error { return nil }

// Detect reports that no Linux firewall is here.
func Detect(Options) Features {
	return Features{Missing: []string{"this is not Linux: there is no nftables and no iptables"}}
}

// Offloads returns none: no Linux firewall is here.
func Offloads(Options) []Offload { return nil }

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
