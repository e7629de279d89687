package divert_test

import (
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

// A modelKernel has datagrams come along in a Model.
type modelKernel struct {
	t      *testing.T
	system string
	model  *divert.Model
	passed []divert.Passing
}

func (k *modelKernel) Open(opts ...divert.Option) (divert.Socket, error) {
	m, err := divert.NewModel(k.system, opts...)
	k.model = m
	return m, err
}

func (k *modelKernel) Ways() []conform.Way {
	return []conform.Way{{In: true}, {}, {In: true, Inet6: true}, {Inet6: true}}
}

func (k *modelKernel) Send(w conform.Way, payload []byte) error {
	from, to := "203.0.113.9:40000", "198.51.100.7:9000"
	if w.Inet6 {
		from, to = "[2001:db8:9::9]:40000", "[2001:db8:1::7]:9000"
	}
	k.model.Divert(divert.Passing{Bytes: craft.UDP(from, to, payload), In: w.In, Interface: "em0"})
	return nil
}

func (k *modelKernel) Next(time.Duration) ([]byte, bool) {
	if k.passed = append(k.passed, k.model.Passed()...); len(k.passed) == 0 {
		return nil, false
	}
	b := k.passed[0]
	k.passed = k.passed[1:]
	var p packet.Packet
	p.Set(b.Bytes)
	p.Decode()
	if b.BadChecksum || p.Malformed != packet.WellFormed || b.Interface != "em0" && b.In {
		k.t.Errorf("what has gone on is %v, bad checksum %v, on %q", p.Malformed, b.BadChecksum, b.Interface)
	}
	return p.Payload(), true
}

func (k *modelKernel) Close()          {}
func (k *modelKernel) Allocates() bool { return true }

// TestModelsConform has the socket that BSDs use do all that a backend must.
func TestModelsConform(t *testing.T) {
	for _, system := range divert.ModelSystems() {
		t.Run(system, func(t *testing.T) {
			conforms(t, func(t *testing.T) conform.Kernel { return &modelKernel{t: t, system: system} })
		})
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
	from, to := "203.0.113.9:40000", "198.51.100.7:9000"
	if w.Inet6 {
		from, to = "[2001:db8:9::9]:40000", "[2001:db8:1::7]:9000"
	}
	k.fake.Push(craft.UDP(from, to, payload))
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
