package divert_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// conforms runs all checks, each against a kernel of its own.
func conforms(t *testing.T, open func(t *testing.T) conform.Kernel) {
	for _, c := range conform.Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// udpOf is a datagram of the checks, between ends that are none of the machine's.
func udpOf(w conform.Way, payload []byte) []byte {
	if w.Inet6 {
		return craft.UDP("[2001:db8:9::9]:40000", "[2001:db8:1::7]:9000", payload)
	}
	return craft.UDP("203.0.113.9:40000", "198.51.100.7:9000", payload)
}

// A passingKernel has datagrams come along in a model of a BSD's kernel, on its interface em0.
type passingKernel struct {
	t      *testing.T
	open   func(...divert.Option) (divert.Socket, error)
	divert func(divert.Passing)
	next   func(time.Duration) (divert.Passing, bool)
}

func (k *passingKernel) Open(opts ...divert.Option) (divert.Socket, error) { return k.open(opts...) }

func (k *passingKernel) Ways() []conform.Way {
	return []conform.Way{{In: true}, {}, {In: true, Inet6: true}, {Inet6: true}}
}

func (k *passingKernel) Send(w conform.Way, payload []byte) error {
	k.divert(divert.Passing{Bytes: udpOf(w, payload), In: w.In, Interface: "em0"})
	return nil
}

func (k *passingKernel) Next(wait time.Duration) ([]byte, bool) {
	b, ok := k.next(wait)
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

func (k *passingKernel) Close()          {}
func (k *passingKernel) Allocates() bool { return true }

// modelKernel is a Model.
func modelKernel(t *testing.T, system string) *passingKernel {
	var m *divert.Model
	var passed []divert.Passing
	return &passingKernel{
		t: t,
		open: func(opts ...divert.Option) (s divert.Socket, err error) {
			m, err = divert.NewModel(system, opts...)
			return m, err
		},
		divert: func(p divert.Passing) { m.Divert(p) },
		next: func(time.Duration) (p divert.Passing, ok bool) {
			if passed = append(passed, m.Passed()...); len(passed) == 0 {
				return p, false
			}
			p, passed = passed[0], passed[1:]
			return p, true
		},
	}
}

// TestModelsConform has the socket that BSDs use do all that a backend must.
func TestModelsConform(t *testing.T) {
	for _, system := range divert.ModelSystems() {
		t.Run(system, func(t *testing.T) {
			conforms(t, func(t *testing.T) conform.Kernel { return modelKernel(t, system) })
		})
	}
}

// TestWiresConform has the two halves of such a socket, bound by one process and read by another, do the same.
func TestWiresConform(t *testing.T) {
	for _, system := range divert.ModelSystems() {
		t.Run(system, func(t *testing.T) {
			conforms(t, func(t *testing.T) conform.Kernel { return wireKernel(t, system) })
		})
	}
}

// wireKernel is a kernel of another process, as far as the socket is concerned.
func wireKernel(t *testing.T, system string) *passingKernel {
	path := filepath.Join(t.TempDir(), "kernel")
	k, stop, err := divert.ServeModel(system, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	var passed []divert.Passing
	return &passingKernel{
		t: t,
		open: func(opts ...divert.Option) (divert.Socket, error) {
			return divert.OpenSocket("fake:"+system+"@"+path, opts...)
		},
		divert: func(p divert.Passing) { k.Divert(p) },
		next: func(wait time.Duration) (p divert.Passing, ok bool) {
			for end := time.Now().Add(wait); len(passed) == 0; time.Sleep(time.Millisecond) {
				if passed = append(passed, k.Passed()...); len(passed) == 0 && time.Now().After(end) {
					return p, false
				}
			}
			p, passed = passed[0], passed[1:]
			return p, true
		},
	}
}

// A fakeKernel is a Fake.
type fakeKernel struct {
	t    *testing.T
	fake *divert.Fake
	out  [][]byte
}

func (k *fakeKernel) Open(opts ...divert.Option) (divert.Socket, error) {
	k.fake = divert.NewFake(opts...)
	return k.fake, nil
}

func (k *fakeKernel) Ways() []conform.Way { return []conform.Way{{}, {Inet6: true}} }

func (k *fakeKernel) Send(w conform.Way, payload []byte) error {
	k.fake.Push(udpOf(w, payload))
	return nil
}

func (k *fakeKernel) Next(time.Duration) ([]byte, bool) {
	for _, f := range k.fake.Out() {
		if !f.Verdict.Final() {
			k.out = append(k.out, f.Bytes)
		}
	}
	k.out = append(k.out, k.fake.Injected()...)
	if len(k.out) == 0 {
		return nil, false
	}
	var p packet.Packet
	p.Set(k.out[0])
	k.out = k.out[1:]
	p.Decode()
	if p.Malformed != packet.WellFormed || !p.VerifyChecksum() {
		k.t.Errorf("what has gone on is %v, or its checksum is wrong", p.Malformed)
	}
	return p.Payload(), true
}

func (k *fakeKernel) Close()          {}
func (k *fakeKernel) Allocates() bool { return true }

// TestFakeConforms has the model queue do all that a backend must.
func TestFakeConforms(t *testing.T) {
	conforms(t, func(t *testing.T) conform.Kernel { return &fakeKernel{t: t} })
}
