package divert

import (
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// SetLanesHash changes lanesHash for the rest of a test.
func SetLanesHash(t testing.TB, hash uint32) {
	was := lanesHash
	t.Cleanup(func() { lanesHash = was })
	lanesHash = hash
}

// NewNamespace is newNamespace, for tests from outside.
func NewNamespace(t testing.TB) { newNamespace(t) }

// DivertTo diverts UDP of both families to a queue: to one port at the output hook, to the other at the input hook.
func DivertTo(t *testing.T, out, in, queue uint16) {
	for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		divertFamily(t, family, nftables.ChainHookOutput, unix.IPPROTO_UDP, out, queue)
		divertFamily(t, family, nftables.ChainHookInput, unix.IPPROTO_UDP, in, queue)
	}
}
