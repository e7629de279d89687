//go:build !linux && !freebsd && !openbsd

package firewall

// Open returns ErrUnsupported: the backends of this system are not written here yet.
func Open(Kind, Features, Options) (Backend, error) { return nil, ErrUnsupported }

// RemoveOthers does nothing: no rules were ever written here.
func RemoveOthers(Kind, Features, Options) error { return nil }

// Detect reports that no firewall that Weir knows is here.
func Detect(Options) Features {
	return Features{Missing: []string{"this is neither Linux nor FreeBSD nor OpenBSD: there is no firewall that Weir knows"}}
}
