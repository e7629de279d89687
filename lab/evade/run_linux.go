package evade

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/flow"
)

// A setting is a pair of networks, and the attempts that are made there.
type setting struct {
	by     string
	kind   weirKind
	wants  func(*evade.Attempt) bool
	single bool // one attempt at a time
}

// byWeir is Result.By where nothing comes before Weir.
const byWeir = "Weir"

var settings = []setting{
	{by: byWeir, wants: func(a *evade.Attempt) bool { return !a.Late && !a.OneWay && !a.Crowded && a.Row[0] != 'A' }},
	{by: evade.ByKernel, kind: weirKind{conntrack: true}, wants: func(a *evade.Attempt) bool { return a.Fragments() }},
	{by: byWeir, kind: weirKind{apps: true}, wants: func(a *evade.Attempt) bool { return a.Row[0] == 'A' && !a.Floor }},
	{by: byWeir, kind: weirKind{apps: true, floor: 2}, wants: func(a *evade.Attempt) bool { return a.Row[0] == 'A' && a.Floor }},
	{by: byWeir, kind: weirKind{oneWay: true}, wants: func(a *evade.Attempt) bool { return a.OneWay }},
	{by: byWeir, kind: weirKind{flows: evade.CrowdedFlows}, single: true, wants: func(a *evade.Attempt) bool { return a.Crowded }},
	{by: byWeir, kind: weirKind{late: true}, single: true, wants: func(a *evade.Attempt) bool { return a.Late && !a.Floor }},
	{by: byWeir, kind: weirKind{late: true, floor: 2}, single: true, wants: func(a *evade.Attempt) bool { return a.Late && a.Floor }},
}

// Run makes attempts, and returns what came of each, in their order. The error is the lab's.
func Run(o Options) (results []evade.Result, err error) {
	var all []evade.Attempt
	for _, a := range evade.All() {
		if o.Only == nil || o.Only(&a) {
			all = append(all, a)
		}
	}
	// Each setting has networks of its own, and attempts wait most of the time.
	parts, errs := make([][]evade.Result, len(settings)), make([]error, len(settings))
	var group sync.WaitGroup
	for i := range settings {
		s := &settings[i]
		group.Go(func() { parts[i], errs[i] = s.run(s.jobs(all), o) })
	}
	group.Wait()
	return slices.Concat(parts...), errors.Join(errs...)
}

// jobs are the attempts of a setting, over each of their families.
func (s *setting) jobs(all []evade.Attempt) (jobs []job) {
	for k := range all {
		if !s.wants(&all[k]) {
			continue
		}
		for _, f := range []evade.Family{evade.IPv4, evade.IPv6} {
			if all[k].Families&f != 0 {
				jobs = append(jobs, job{attempt: &all[k], family: f})
			}
		}
	}
	return jobs
}

// saying is held by whoever writes to Options.Say.
var saying sync.Mutex

// A job is one attempt over one family.
type job struct {
	attempt *evade.Attempt
	family  evade.Family
}

func (s *setting) run(jobs []job, o Options) (results []evade.Result, err error) {
	width := o.Width
	if width == 0 {
		width = 48
	}
	if s.single {
		width = 1
	}
	// Identifications of datagrams are used once in a network.
	for chunk := range slices.Chunk(jobs, 1500) {
		part, err := s.batch(chunk, width, o)
		if err != nil {
			return nil, err
		}
		results = append(results, part...)
	}
	return results, nil
}

// batch runs jobs in a fresh pair of networks.
func (s *setting) batch(jobs []job, width int, o Options) (results []evade.Result, err error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	p := pair{by: s.by}
	defer func() { err = errors.Join(err, p.close()) }()
	tunnels := slices.ContainsFunc(jobs, func(j job) bool { return j.attempt.Tunnel })
	if p.plain, err = newNetwork(nil, tunnels); err != nil {
		return nil, err
	}
	if s.kind.conntrack {
		if err := track(p.plain.lab.Router()); err != nil {
			return nil, err
		}
	}
	if p.inspected, err = newNetwork(&s.kind, tunnels); err != nil {
		return nil, err
	}
	results = make([]evade.Result, len(jobs))
	errs := make([]error, len(jobs))
	todo := make(chan int)
	var group sync.WaitGroup
	for range width {
		group.Go(func() {
			for i := range todo {
				results[i], errs[i] = p.judge(jobs[i])
				if o.Say != nil {
					saying.Lock()
					fmt.Fprintln(o.Say, results[i].String())
					saying.Unlock()
				}
			}
		})
	}
	for i := range jobs {
		todo <- i
	}
	close(todo)
	group.Wait()
	if s.by == byWeir {
		errs = append(errs, p.moved(jobs))
	}
	errs = append(errs, p.inspected.service.late())
	return results, errors.Join(errs...)
}

// A pair is two networks that differ in whether somebody inspects.
type pair struct {
	by               string
	plain, inspected *network
}

func (p *pair) close() error {
	var errs []error
	for _, n := range []*network{p.plain, p.inspected} {
		if n != nil {
			errs = append(errs, n.close())
		}
	}
	return errors.Join(errs...)
}

// moved wants Weir's own counter of reassembled datagrams to have moved if there were fragments: otherwise
// somebody else has put them together, and nothing is proved.
func (p *pair) moved(jobs []job) error {
	if !slices.ContainsFunc(jobs, func(j job) bool { return j.attempt.Fragments() }) {
		return nil
	}
	if err := p.inspected.weir.End(); err != nil { // then the counters are the last
		return err
	}
	if n := p.inspected.weir.Snapshot().Fragments; n.Pieces == 0 || n.Reassembled == 0 {
		return fmt.Errorf("lab/evade: there were fragments, and Weir has seen %d and reassembled %d datagrams", n.Pieces, n.Reassembled)
	}
	return nil
}

// An outcome is what one try has come to.
type outcome struct {
	heard []byte // by the application
	shown []byte // to the inspector
	seen  bool   // one datagram held the word
}

// judge makes an attempt four times. A twin that did not arrive gets two more chances, and more time: the machine may
// have been busy.
func (p *pair) judge(j job) (r evade.Result, err error) {
	a := j.attempt
	r = evade.Result{Row: a.Row, Name: a.Name, Family: j.family, By: p.by, Open: a.Open}
	var without, with, twin outcome
	wait := 20 * time.Millisecond
	try := func(n *network, isTwin bool) (o outcome) {
		if err == nil {
			o, err = n.try(a, j.family, isTwin, wait)
		}
		return o
	}
	without = try(p.plain, false)
	with = try(p.inspected, false)
	r.Works, r.Missed, r.Passed = evade.Holds(without.heard), !without.seen, evade.Holds(with.heard)
	r.Unseen = p.unseen(a, &with)
	r.NoTwin = a.NoTwin
	for range 3 {
		if r.NoTwin != "" {
			break
		}
		plain := try(p.plain, true)
		twin = try(p.inspected, true)
		text := evade.NewText(true).Real
		r.Arrives = bytes.Contains(plain.heard, text) || a.Row[0] == 'A' && evade.HoldsTwin(plain.heard)
		r.Intact = bytes.Equal(twin.heard, plain.heard) || a.Inline && bytes.Equal(twin.heard, twin.shown) && len(twin.heard) > len(text)
		r.Unseen = r.Unseen || p.unseen(a, &twin)
		if !r.Arrives || r.Intact {
			break
		}
		wait *= 4
	}
	if r.Failed() {
		r.Note = fmt.Sprintf("word: heard %q, shown %q; twin: heard %q, shown %q", with.heard, with.shown, twin.heard, twin.shown)
	}
	return r, err
}

// unseen reports whether the application has read what the inspector was not shown.
func (p *pair) unseen(a *evade.Attempt, o *outcome) bool {
	return !a.UDP && !a.Late && a.Row[0] != 'A' && !bytes.Contains(o.shown, o.heard)
}

// try makes an attempt once, and gives the application some time at its end.
func (n *network) try(a *evade.Attempt, f evade.Family, twin bool, wait time.Duration) (o outcome, err error) {
	if n.weir != nil && n.weir.kind.late {
		if err := n.weir.Spare(); err != nil {
			return o, err
		}
	}
	port, id := n.next()
	l := &line{net: n, from: n.client, to: n.server, v6: f == evade.IPv6}
	path := evade.Path{
		Me:   netip.AddrPortFrom(pick(rawClient, f), port),
		Peer: netip.AddrPortFrom(pick(n.lab.Server().In, f), servicePort(a)), ID: id,
	}
	dir := flow.ToServer
	var client *caller
	if a.Reverse {
		l.from, l.to, dir = l.to, l.from, flow.ToClient
		path.Me, path.Peer = netip.AddrPortFrom(pick(rawServer, f), port), netip.AddrPortFrom(pick(n.lab.Client().Out, f), port)
	}
	l.in = l.from.join(port)
	defer l.from.leave(port)
	if a.Reverse {
		client = n.call(path.Peer, path.Me, a.App == evade.HTTP)
	}
	a.Play(l, path, evade.NewText(twin))
	l.Recv(wait) // the application reads what has come
	if client != nil {
		o.heard = client.hangUp()
	} else {
		o.heard = n.service.take(port)
	}
	if n.weir != nil {
		o.shown = n.weir.watch.take(port, dir)
	}
	o.seen = l.seen
	if l.problem != nil {
		return o, fmt.Errorf("lab/evade: %s %s: %w", a.Row, a.Name, l.problem)
	}
	return o, nil
}
