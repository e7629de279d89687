package policy

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/weir-project/weir/firewall"
)

// check finds what each key alone cannot show: contradictions, as mistakes, and what is
// hardly meant, as warnings.
func (l *loader) check(lanes int, entries []entry) {
	l.checkDivert()
	l.checkSockets()
	l.checkLimits(lanes)
	l.checkEvents()
	if len(l.notes.mistakes) == 0 {
		l.checkRules() // names what is wrong less exactly, so it has the last word
	}
	l.warnOutcomes(entries)
	l.warnInspectors(entries)
}

// at returns the place of a key in the policy.
func (l *loader) at(path string) *yaml.Node { return locate(l.root, path) }

func (l *loader) checkDivert() {
	for i, s := range l.doc.Divert.Select {
		here := index("divert.select", i)
		for j, p := range s.Protocols {
			proto := firewall.Proto(p)
			if len(s.Ports) > 0 && proto != 0 && !proto.HasPorts() {
				where := index(here+".protocols", j)
				l.notes.add(l.at(where), "put it into an item of its own, without ports", "%s: %s has no ports", where, proto)
			}
		}
		for _, side := range []struct {
			key   string
			names []Interface
		}{{"in", s.In}, {"out", s.Out}} {
			for j, name := range side.names {
				if name == "lo" && l.doc.Divert.Traffic == "forwarded" {
					where := index(here+"."+side.key, j)
					l.notes.add(l.at(where), "write traffic: both, or leave it out", "%s: interface lo never forwards", where)
				}
			}
		}
	}
	for i, n := range l.doc.Management {
		if n.IsValid() && n.Bits() == 0 {
			where := index("management", i)
			l.notes.add(l.at(where), "name the addresses from which you administer the host", "%s: %s is everybody, so nothing would be diverted", where, n)
		}
	}
}

// backend is the firewall of the policy, as far as it is known.
func (l *loader) backend() firewall.Kind {
	if k := l.doc.firewall().Backend; k != firewall.Auto {
		return k
	}
	return l.options.Backend
}

// checkSockets finds what bridges, and the firewalls with divert sockets, have not.
func (l *loader) checkSockets() {
	backend := l.backend()
	if backend.Marks() {
		return
	}
	if l.doc.Settle.HandBack == "always" {
		l.notes.add(l.at("settle.hand_back"), "write auto or never", "settle.hand_back: %s has no connection marks, and hands no flow back", backend)
	}
	if l.doc.Divert.Position != "auto" && backend.Sockets() {
		l.notes.add(l.at("divert.position"), "leave it out", "divert.position: with %s the place of the rules decides", backend)
	}
	for _, path := range l.marks {
		l.notes.add(l.at(path), "leave it out, or write dscp", "%s: with %s a packet goes back without a mark", path, backend)
	}
	if at := l.at("outcomes.overload"); at.Value == string(Pass) { // it is written there, and no default of monitor's
		room, who := "the socket's buffer", "a divert socket"
		if backend == firewall.Bridge {
			room, who = "its ring", "a bridge"
		}
		l.notes.warn(at, "", "outcomes.overload: with %s, packets are dropped while %s is full: %s does not fail open", backend, room, who)
	}
}

// checkRules has package firewall plan the rules for a kernel that lacks nothing.
func (l *loader) checkRules() {
	whole := l.doc.firewall()
	whole.Backend = l.backend()
	if whole.Backend.Marks() {
		whole.HandBack, whole.Generation = true, 1
	}
	probe := func(path, hint string, c firewall.Config) bool {
		_, err := firewall.Plan(c, firewall.AllFeatures())
		if err == nil {
			return true
		}
		for line := range strings.Lines(err.Error()) {
			what := strings.TrimPrefix(strings.TrimSpace(line), "firewall: ")
			what = strings.TrimPrefix(what, "selection 1: ")
			l.notes.add(l.at(path), hint, "%s: %s", path, what)
		}
		return false
	}
	ok := probe("marks", "leave marks out for the defaults", firewall.Config{Traffic: firewall.Both, Queues: whole.Queues, Marks: whole.Marks, HandBack: true, Generation: 1})
	for i, s := range whole.Select {
		ok = probe(index("divert.select", i), "leave out what excludes it", firewall.Config{Backend: socketOnly(whole.Backend), Traffic: whole.Traffic, Queues: whole.Queues, Select: []firewall.Selection{s}}) && ok
	}
	if ok {
		probe("divert", "leave out what cannot go together", whole)
	}
}

// socketOnly is k if selections are held against what it can, and otherwise any kind: those of Linux differ in nothing
// that a selection says.
func socketOnly(k firewall.Kind) firewall.Kind {
	if k.Sockets() {
		return k
	}
	return firewall.Auto
}

// The least that a lane can work with.
const (
	leastFlows = 256
	leastBytes = 256 << 10 // a few packets of 64 KiB
)

func (l *loader) checkLimits(lanes int) {
	share := func(path string, total, least int64, amount string) {
		if total > 0 && total/int64(lanes) < least {
			l.notes.add(l.at(path), "write more, or use fewer queues", "%s: %d lanes share it, and each needs %s", path, lanes, amount)
		}
	}
	share("limits.flows", int64(l.doc.Limits.Flows), leastFlows, "256 flows")
	share("limits.fragments", int64(l.doc.Limits.Fragments), leastBytes, "256KiB")
	share("limits.held", int64(l.doc.Limits.Held), leastBytes, "256KiB")
}

func (l *loader) checkEvents() {
	seen := make(map[Target]int)
	for i, e := range l.doc.Events.EVE {
		where := index("events.eve", i)
		kind, _ := e.To.split()
		switch first, twice := seen[e.To]; {
		case e.To == "":
			if !l.writtenIn(where, "to") {
				l.notes.add(l.at(where), "write to: "+e.To.example(), "%s: nothing says where to", where)
			}
			continue
		case twice:
			l.notes.add(l.at(where+".to"), "leave one of them", "%s.to: %s is the target of item %d already", where, e.To, first)
		case kind != "file" && l.writtenIn(where, "rotate"):
			l.notes.add(l.at(where+".rotate"), "leave rotate out", "%s.rotate: only files are rotated", where)
		}
		seen[e.To] = i
	}
}

// writtenIn reports whether the list item at path has the key.
func (l *loader) writtenIn(path, key string) bool {
	n := l.at(path + "." + key)
	return n != l.at(path) && !isNull(resolve(n))
}

// warnOutcomes says where the outcomes are at odds with the mode.
func (l *loader) warnOutcomes(entries []entry) {
	acts := false
	for _, e := range entries {
		acts = acts || !e.monitor
	}
	on := l.doc.Outcomes
	if acts && on.Overload == Pass {
		l.notes.warn(l.at("outcomes.overload"), "write drop: what TCP loses is sent again",
			"outcomes.overload: pass lets packets go by unread while the queue is full, also those that would be stopped, and those of flows that are being edited, which corrupts them")
	}
	if acts && on.Edit == Pass {
		l.notes.warn(l.at("outcomes.edit"), "write drop", "outcomes.edit: pass sends what was to be masked or replaced as it is")
	}
	if l.doc.Mode == Monitor {
		for _, o := range []struct {
			path    string
			outcome Outcome
			when    string
		}{
			{"outcomes.absent", on.Absent, "while Weir is not running"},
			{"outcomes.overload", on.Overload, "while the queue is full"},
		} {
			if o.outcome == Drop {
				l.notes.warn(l.at(o.path), "write pass", "%s: mode monitor is to drop nothing, yet this drops packets %s", o.path, o.when)
			}
		}
	}
	if acts && l.doc.Divert.Traffic != "forwarded" && len(l.doc.Management) == 0 {
		l.notes.warn(l.at("divert.traffic"), "name the addresses from which you administer this host in management",
			"divert.traffic: the host's own traffic is diverted and may be dropped, and only the SSH session that starts Weir is exempt")
	}
}

func (l *loader) warnInspectors(entries []entry) {
	if len(l.doc.Inspect) == 0 {
		l.notes.warn(l.at("inspect"), "name inspectors below inspect, such as stats: {}", "no inspector is named: packets are diverted and pass unread")
		return
	}
	if l.doc.Mode == Monitor || len(entries) == 0 {
		return
	}
	for _, e := range entries {
		if !e.monitor {
			return
		}
	}
	l.notes.warn(l.at("mode"), "write mode: monitor for the policy, or take it away from an inspector", "mode: prevent has no effect on inspectors: each of them has mode: monitor")
}
