//go:build freebsd || openbsd

package divert_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// A systemKernel is this system's own divert socket, whose system calls a model serves.
type systemKernel struct {
	t        *testing.T
	address  string
	channels *divert.Channels
}

func (k *systemKernel) Open(opts ...divert.Option) (divert.Socket, error) {
	return divert.OpenSocket(k.address, opts...)
}

func (k *systemKernel) Ways() []conform.Way {
	return []conform.Way{{In: true}, {}, {In: true, Inet6: true}, {Inet6: true}}
}

func (k *systemKernel) Send(w conform.Way, payload []byte) error {
	from, to := "203.0.113.9:40000", "198.51.100.7:9000"
	if w.Inet6 {
		from, to = "[2001:db8:9::9]:40000", "[2001:db8:1::7]:9000"
	}
	k.channels.Divert(divert.Passing{Bytes: craft.UDP(from, to, payload), In: w.In, Interface: "em0"})
	return nil
}

func (k *systemKernel) Next(wait time.Duration) ([]byte, bool) {
	b, ok := k.channels.Next(wait)
	if !ok {
		return nil, false
	}
	var p packet.Packet
	p.Set(b.Bytes)
	p.Decode()
	if b.BadChecksum || p.Malformed != packet.WellFormed || b.Interface != "em0" && b.In {
		k.t.Errorf("what has gone on is %v, bad checksum %v, on %q", p.Malformed, b.BadChecksum, b.Interface)
	}
	return p.Payload(), true
}

func (k *systemKernel) Allocates() bool { return true }

func (k *systemKernel) Close() {}

// TestSystemConforms has the system calls of this system do all that a backend must.
func TestSystemConforms(t *testing.T) {
	addresses := map[string]string{"openbsd": "divert:700"}
	if runtime.GOOS == "freebsd" {
		addresses = map[string]string{"freebsd-ipfw": "divert:700", "freebsd-pf": "divert:700,pf"}
	}
	for dialect, address := range addresses {
		t.Run(dialect, func(t *testing.T) {
			conforms(t, func(t *testing.T) conform.Kernel {
				return &systemKernel{t: t, address: address, channels: divert.ServeChannels(t, dialect)}
			})
		})
	}
}
