package divert_test

import (
	"testing"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
)

// TestNFQueueConforms has Linux's queue, on the kernel that we run on, do all that a backend must: in a network namespace, where datagrams on
// loopback to one port are diverted at the output hook, those to another at the input hook.
func TestNFQueueConforms(t *testing.T) {
	t.Run("usual", func(t *testing.T) { nfqueueConforms(t) })
	t.Run("keeps the processor", func(t *testing.T) { nfqueueConforms(t, divert.WithKeptProcessor()) })
}

func nfqueueConforms(t *testing.T, also ...divert.Option) {
	ports := map[conform.Way]int{{}: 9000, {In: true}: 9001, {Inet6: true}: 9000, {In: true, Inet6: true}: 9001}
	conforms(t, func(t *testing.T) conform.Kernel {
		divert.NewNamespace(t)
		k, err := conform.NewLoopback(func(opts ...divert.Option) (divert.Socket, error) {
			s, err := divert.OpenSocket("nfqueue:0", append(opts, also...)...)
			if err == nil {
				divert.DivertTo(t, 9000, 9001, 0)
			}
			return s, err
		}, ports)
		if err != nil {
			t.Fatal(err)
		}
		if len(k.Ways()) != len(ports) {
			t.Fatalf("only %v", k.Ways())
		}
		return k
	})
}
