//go:build freebsd || openbsd

package firewall

import "runtime"

// Detect asks pf and ipfw what they are and do here. It changes nothing, and needs root; without, everything is
// missing.
func Detect(Options) Features {
	f := Features{IPv6: true}
	if runtime.GOOS == "freebsd" {
		f.detectIPFW(runCommand)
	} else {
		f.Missing = append(f.Missing, "ipfw is not on this system")
	}
	f.detectPF(runCommand, runtime.GOOS == "freebsd")
	return f
}

// Open returns the backend of kind k, which f must have (Features.Has). It touches
// nothing yet.
func Open(k Kind, f Features, _ Options) (Backend, error) { return openSocket(k, f, runCommand) }

// RemoveOthers takes away what any backend but that of kind k has written, of whatever process; with k
// Auto what any has. It looks where f says that there can be something.
func RemoveOthers(k Kind, f Features, _ Options) error { return removeOtherSockets(k, f, runCommand) }
