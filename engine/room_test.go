package engine_test

import (
	"bytes"
	"testing"
	"testing/fstest"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/policy"
	"github.com/weir-project/weir/proto/all"
)

// The tests in this package take a whole policy with all six inspectors, as an operator would write
// it, and generated traffic of every kind through a lane on the fake socket.

const everything = `
divert: {queues: 0, select: [{protocols: [tcp, udp]}]}
outcomes: {malformed: drop, limit: drop, error: drop, edit: drop}
inspect:
  urls:
    lists:
      - {category: ads, domains: [.ads.example], action: reject}
      - {category: social, domains: [.social.example], action: alert}
  ids:
    rules:
      - 'alert tcp any any -> any any (msg:"a needle"; content:"needle"; nocase; sid:1;)'
      - 'drop udp any any -> any any (msg:"a pin"; content:"pin|00|"; sid:2;)'
      - 'alert http any any -> any any (msg:"agent"; http.user_agent; content:"BadBot"; sid:3;)'
      - 'alert dns any any -> any any (msg:"odd name"; dns.query; content:"odd."; startswith; sid:4;)'
      - 'alert tls any any -> any any (msg:"odd server"; tls.sni; content:"odd."; startswith; sid:5;)'
  dns:
    answers:
      - {name: nas.example, replace: [192.0.2.77, "2001:db8::77"]}
      - {name: .gone.example, action: drop}
      - {name: .noted.example, action: alert}
  dlp:
    detectors:
      - {name: card, action: mask, keep: 4}
      - {name: us-ssn, action: mask}
  qos:
    classes:
      - {name: calls, match: {protos: [udp], ports: ["5060"]}, dscp: ef, mark: 0x10/0xf0}
      - {name: slow, match: {protos: [udp], ports: ["5070"]}, shape: {rate: 100kbit, burst: 2kB, max_delay: 1s}}
      - {name: less, match: {protos: [udp], ports: ["5080"]}, police: {rate: 80kbit, burst: 2kB}}
  stats: {flows: true}
`

func load(t testing.TB, mode, text string) *policy.Policy {
	t.Helper()
	var apps []string
	for _, g := range all.Grammars() {
		apps = append(apps, g.Name())
	}
	files := fstest.MapFS{"weir.yaml": {Data: []byte("mode: " + mode + "\n" + text)}}
	p, err := policy.Load(files, "weir.yaml", policy.Options{Lanes: 1, Apps: apps})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// config returns what a lane is made of by the policy, with more inspectors behind its own.
func config(t testing.TB, p *policy.Policy, more ...inspect.Inspector) engine.Config {
	t.Helper()
	chain, err := p.Chain(1)
	if err == nil && len(more) > 0 {
		entries := chain.Entries
		for _, in := range more {
			entries = append(entries, inspect.Entry{Inspector: in})
		}
		chain, err = inspect.NewChain(1, chain.Labels, entries)
	}
	if err != nil {
		t.Fatal(err)
	}
	return engine.Config{
		Grammars: all.Grammars(), Limits: p.Limits(), Program: engine.Program{Chain: chain, Outcomes: p.Outcomes()},
	}
}

// records is a queue that keeps events both as they are and as bytes.
type records struct {
	events event.Buffer
	raw    [][]byte
}

func (r *records) Put(e *event.Event) bool {
	r.raw = append(r.raw, event.Append(nil, e))
	return r.events.Put(e)
}

// A result is what became of some packets.
type result struct {
	out      []divert.Finished // in the order of release
	injected [][]byte
	events   []event.Event
	raw      [][]byte
	counts   *engine.Snapshot
}

// by returns what became of the packet that was pushed as the n-th, from 0.
func (r *result) by(n int) divert.Finished {
	for _, f := range r.out {
		if f.Token.ID == uint32(n+1) {
			return f
		}
	}
	return divert.Finished{}
}

// A step is one packet, some time after the one before.
type step struct {
	after    time.Duration
	datagram []byte
}

func steps(datagrams ...[]byte) (s []step) {
	for _, d := range datagrams {
		s = append(s, step{time.Millisecond, d})
	}
	return s
}

const start = 1_700_000_000 * time.Second

// run takes the packets through a lane; each must be answered exactly once, and nothing may panic.
func run(t testing.TB, c engine.Config, in []step) *result {
	t.Helper()
	r := runLoosely(t, c, in)
	if r.counts.Panics != 0 {
		t.Errorf("%d panics", r.counts.Panics)
	}
	return r
}

func runLoosely(t testing.TB, c engine.Config, in []step) *result {
	t.Helper()
	fake, queue := divert.NewFake(divert.WithQueueLen(1<<20)), &records{}
	at := start
	for _, s := range in {
		at += s.after
		if _, ok := fake.PushMeta(s.datagram, packet.Meta{Captured: at, Mark: 0x1000}); !ok {
			t.Fatal("the fake queue is full")
		}
	}
	fake.End()
	c.Socket, c.Events = fake, queue
	lane := engine.New(c)
	if err := lane.Run(); err != nil {
		t.Fatal(err)
	}
	if err := fake.Check(); err != nil {
		t.Error(err)
	}
	r := &result{fake.Out(), fake.Injected(), queue.events.Take(), queue.raw, lane.Snapshot()}
	if s := r.counts; s.Packets != s.Accepted+s.Dropped || int(s.Packets) != len(in) || len(r.out) != len(in) {
		t.Errorf("%d packets pushed, %d taken, %d accepted, %d dropped, %d answered", len(in), s.Packets, s.Accepted, s.Dropped, len(r.out))
	}
	return r
}

// untouched reports whether the packet left as it came.
func untouched(f divert.Finished, in []byte) bool {
	return f.Verdict == packet.Accept && !f.Rewritten && f.Mark == 0x1000 && bytes.Equal(f.Bytes, in)
}
