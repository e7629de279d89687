package demo

import (
	"fmt"
	"strings"
	"time"
)

// An end is what the picture says of one host.
type end struct{ v4, v6 string }

// drawing is the network, in two colours; its lines are 94 columns wide with the margin.
const drawing = `
   private network                        router                          the Internet
  ┌────────────────┐    192.0.2.0/24    ┌──────────┐   198.51.100.0/24  ┌────────────────┐
  │ client         │  2001:db8:1::/64   │  ┌────┐  │  2001:db8:2::/64   │ server         │
  │ CLIENT4        ├────────────────────┼──┤WEIR├──┼────────────────────┤ SERVER4        │
  │ CLIENT6        │                    │  └────┘  │                    │ SERVER6        │
  └────────────────┘                    └──────────┘                    └────────────────┘`

// draw prints the headline, with what the demo is about, and the network.
func (s *story) draw(about string, client, server end) {
	s.screen.blank()
	s.screen.line("  " + s.screen.paint("weir demo", "1;36") + "   " + s.screen.paint(about, dim))
	text := strings.NewReplacer(
		"CLIENT4       ", fmt.Sprintf("%-14s", client.v4), "CLIENT6       ", fmt.Sprintf("%-14s", client.v6),
		"SERVER4       ", fmt.Sprintf("%-14s", server.v4), "SERVER6       ", fmt.Sprintf("%-14s", server.v6),
	).Replace(drawing)
	for _, l := range strings.Split(text, "\n") {
		before, after, found := strings.Cut(l, "WEIR")
		if found {
			l = before + s.screen.paint("WEIR", "1;36") + after
		}
		s.screen.line(l)
	}
	s.screen.blank()
}

// summary is how it went.
func (s *story) summary(took time.Duration) {
	s.screen.line("  " + s.screen.paint(strings.Repeat("═", width-2*margin), dim))
	total := s.proved + s.failed
	if s.failed == 0 {
		s.screen.line("  " + s.screen.paint(fmt.Sprintf("✓ All %d checks passed", total), "1;32") + fmt.Sprintf(" in %.1f s.", took.Seconds()))
		return
	}
	s.screen.line("  " + s.screen.paint(fmt.Sprintf("✗ %d of %d checks failed", s.failed, total), "1;31") + fmt.Sprintf(" in %.1f s.", took.Seconds()))
}

// next says what to try.
func (s *story) next() {
	s.screen.blank()
	s.screen.line("  " + s.screen.paint("Next", bold))
	for _, l := range [][2]string{
		{"weir demo --card NUMBER", "with another card"},
		{"weir demo --pcap DIR", "the packets of both ends, as captures"},
		{"weir demo --keep", "leave the lab open and try it yourself"},
		{"weir init > weir.yaml", "a first policy for this machine, which only watches"},
		{"weir doctor", "what this machine can do, and what is missing"},
	} {
		s.screen.line(fmt.Sprintf("    %-26s %s", l[0], s.screen.paint(l[1], dim)))
	}
	s.screen.blank()
}
