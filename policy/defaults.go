package policy

import (
	"time"

	"github.com/weir-project/weir/event/eve"
	"github.com/weir-project/weir/firewall"
)

// Default returns what a policy that says nothing means: all forwarded traffic, only
// monitored, and never cut.
func Default() Document {
	return Document{
		Mode:       Monitor,
		Divert:     Divert{Traffic: "forwarded", Select: []Selection{}, Position: "auto", Backend: "auto", Port: firewall.DefaultPort, Rule: firewall.DefaultRuleNumber},
		Management: []Network{},
		Outcomes:   Outcomes{Absent: Pass, Crash: Pass, Malformed: Drop, Limit: Pass, Error: Pass, Edit: Drop},
		Refuse:     []Trait{"source_route", "routing_header_0", "unknown_extension"},
		Limits:     defaultLimits(),
		Settle:     Settle{HandBack: "auto"},
		Marks: Marks{
			Injected: Mask(firewall.DefaultMarks.Injected.Value), Pending: Mask(firewall.DefaultMarks.Pending), Translated: Mask(firewall.DefaultMarks.Translated),
			Settle: Mask(firewall.DefaultMarks.Settle), Connection: Mask(firewall.DefaultMarks.Conn),
		},
		Events: Events{EVE: []EVE{{To: "/var/log/weir/eve.json", Rotate: defaultRotate()}}},
	}
}

func defaultLimits() Limits {
	return Limits{
		Flows: 65536, WhenFull: "evict",
		Fragments: 16 << 20, FragmentPieces: 64, FragmentTimeout: Duration(30 * time.Second),
		Memory: 512 << 20, Held: 32 << 20, Edits: 64, Recognise: 4, Queue: 65535, EventRing: 1 << 20,
		Timeouts: Timeouts{
			TCPOpening: Duration(time.Minute), TCPEstablished: Duration(time.Hour), TCPClosing: Duration(10 * time.Second),
			UDPOpening: Duration(30 * time.Second), UDPEstablished: Duration(5 * time.Minute),
			OtherOpening: Duration(30 * time.Second), OtherEstablished: Duration(time.Minute),
		},
	}
}

func defaultRotate() Rotate {
	return Rotate{Size: eve.DefaultMaxBytes, Age: Duration(24 * time.Hour), Keep: eve.DefaultKeep}
}

func (e *EVE) preset() { e.Rotate = defaultRotate() }

// fill gives the keys whose default depends on others their value.
func (d *Document) fill() {
	for i, e := range d.Events.EVE {
		if kind, _ := e.To.split(); kind != "file" {
			d.Events.EVE[i].Rotate = Rotate{}
		}
	}
	if d.Outcomes.Overload == "" {
		d.Outcomes.Overload = Pass
		if d.Mode == Prevent {
			d.Outcomes.Overload = Drop
		}
	}
}
