package main

import (
	"fmt"

	"github.com/weir-project/weir/firewall"
)

// diagnoseSockets draws the findings for a system whose firewall diverts to sockets.
func diagnoseSockets(system string, uid int, f firewall.Features) *diagnosis {
	d := newDiagnosis(system)
	add := func(group, name string, m mark, text string, hints ...string) {
		d.Findings = append(d.Findings, finding{group, name, m, text, hints})
	}
	add("Diverting", "divert socket", markNote, "whether this kernel's does all that Weir relies on can be tried", "weir doctor --divert-selftest divert:700")
	best, err := f.Best()
	for _, k := range []firewall.Kind{firewall.IPFW, firewall.PF} {
		switch why := f.Lacks(k); {
		case f.Has(k) && k == firewall.PF && !f.Anchor:
			add("Firewall", k.String(), markMissing, "pf.conf does not refer to Weir's rules",
				`add the line  anchor "weir"  at its end, behind nat-to and behind rules that block quick`, "pfctl -f /etc/pf.conf")
		case f.Has(k):
			add("Firewall", k.String(), markOK, "rules that divert can be put in place")
		case system == "freebsd" || k == firewall.PF:
			add("Firewall", k.String(), lacking(err != nil), why)
		}
	}
	add("Privileges", "without a worker", markNote, "a divert socket has no fail-open: with outcomes.absent: pass the holder pauses the rules, and a guard takes them away if it is killed")
	if uid != 0 {
		add("Privileges", "user", markMissing, fmt.Sprintf("user %d can neither see nor make rules, nor open a divert socket", uid), "run weir as root: it gives up what it does not need")
	}
	able := err == nil && uid == 0 && (best != firewall.PF || f.Anchor)
	if d.Host, d.Router = able, able; able {
		d.Backend = best.String()
		d.Advice, d.Next = "Policies can run here. Next:", []string{"weir init -o weir.yaml", "weir check weir.yaml", "weir run -p weir.yaml --confirm 60s"}
	} else {
		d.Advice, d.Next = "No policy can run here until what is missing above is there. Captures can be replayed:", []string{"weir replay in.pcap -p weir.yaml -w out.pcap"}
	}
	return d
}

// lacking is what an absent backend means: nothing if another is there.
func lacking(all bool) mark {
	if all {
		return markMissing
	}
	return markNote
}
