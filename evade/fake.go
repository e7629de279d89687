package evade

import "github.com/weir-project/weir/packet"

// A fake is a segment that the receiver does not take, in place of which it takes a later one.
type fake struct {
	row, name string
	make      func(from, to int) seg
	families  Family
	stamps    bool // the connection has timestamps
}

func flagged(f packet.TCPFlags) func(from, to int) seg {
	return func(from, to int) seg { return seg{from: from, to: to, lie: true, flags: f} }
}

// with is a fake like s.
func with(s seg) func(from, to int) seg {
	return func(from, to int) seg {
		s := s
		s.from, s.to, s.lie = from, to, true
		return s
	}
}

// badOption is an IPv6 option that a receiver must discard the datagram for (RFC 8200 §4.2).
var badOption = []byte{0x9e, 4, 0, 0, 0, 0}

func fakes() []fake {
	all := []fake{
		{row: "I7", name: "small TTL", make: with(seg{ip: ip{ttl: shortTTL}})},
		{row: "T14", name: "wrong checksum", make: with(seg{spoiled: true})},
		{row: "T2", name: "no flags", make: flagged(none)},
		{row: "T2", name: "xmas", make: flagged(packet.FIN | packet.PSH | packet.URG)},
		{row: "T2", name: "data without ACK", make: flagged(packet.PSH)},
		{row: "T2", name: "FIN without ACK", make: flagged(packet.FIN)},
		{row: "T2", name: "SYN and FIN", make: flagged(packet.SYN | packet.FIN)},
		{row: "T2", name: "SYN and RST", make: flagged(packet.SYN | packet.RST)},
		{row: "T2", name: "RST, FIN and ACK", make: with(seg{flags: packet.RST | packet.FIN | packet.ACK, ip: ip{ttl: shortTTL}})},
		{row: "T2", name: "all flags", make: with(seg{flags: 0x1ff, ip: ip{ttl: shortTTL}})},
		{row: "T12", name: "acknowledges what was never sent", make: with(seg{ack: 1 << 20})},
		{row: "T12", name: "acknowledges what was long ago", make: with(seg{ack: 1<<32 - 1<<24})},
		{row: "T12", name: "acknowledges half the sequence space away", make: with(seg{ack: 1 << 31})},
		{row: "T12", name: "beyond the window", make: with(seg{seq: 1 << 24})},
		{row: "T12", name: "half the sequence space away", make: with(seg{seq: 1 << 31})},
		{row: "T15", name: "data offset of 16 bytes", make: with(seg{offset: 4})},
		{row: "T15", name: "data offset 0", make: with(seg{mangle: func(tcp []byte) { tcp[12] &= 0x0f }})},
		{row: "T15", name: "data offset beyond the segment", make: with(seg{offset: 15})},
		{row: "T16", name: "old timestamp", make: with(seg{stamp: -1 << 28}), stamps: true},
		{row: "T16", name: "timestamp of almost half the space ago", make: with(seg{stamp: -1<<31 + 1000}), stamps: true},
		{row: "T17", name: "MD5 signature that nobody asked for", make: with(seg{options: md5Option})},
	}
	return append(all, headerFakes()...)
}

var md5Option = append([]byte{byte(packet.OptionNop), byte(packet.OptionNop), byte(packet.OptionMD5), 18}, make([]byte, 16)...)

// A placing is the place of a fake among the real segments.
type placing struct {
	name string
	make func(f fake) []step
}

// The word is at [8, 56) and the real segments are cut within it.
const (
	cut1 = 24
	cut2 = 48
)

var placings = []placing{
	{"before the first", func(f fake) []step {
		return steps(send(f.make(0, cut1)), real(0, cut1), real(cut1, cut2))
	}},
	{"between", func(f fake) []step {
		return steps(real(0, cut1), acked(cut1), send(f.make(cut1, cut2)), pause(moment), real(cut1, cut2))
	}},
	{"ahead of a gap", func(f fake) []step {
		return steps(send(f.make(cut1, cut2)), pause(moment), real(cut1, cut2), real(0, cut1))
	}},
	{"after the real ones", func(f fake) []step {
		return steps(real(cut1, cut2), send(f.make(cut1, cut2)), real(0, cut1), send(f.make(0, cut1)))
	}},
	{"everywhere", func(f fake) []step {
		return steps(send(f.make(0, cut1)), send(f.make(cut1, cut2)), real(0, cut1), send(f.make(0, cut1)), send(f.make(12, 36)),
			real(cut1, cut2), send(f.make(0, cut1)), send(f.make(cut2, 64)))
	}},
}

// faked are the attempts that fakes make: the ordinary ones under their rows, and in all other places as
// T29.
func faked() (all []Attempt) {
	for _, f := range fakes() {
		for i, p := range placings {
			row := f.row
			if i > 0 {
				row = "T29"
			}
			all = append(all, f.attempt(row, p, false))
			if i == 1 && f.name != "small TTL" && f.make(0, 8).ip.ttl == 0 { // there is no hop on the way back
				all = append(all, f.attempt(row, p, true))
			}
		}
	}
	return all
}

func (f fake) attempt(row string, p placing, reverse bool) Attempt {
	a := Attempt{Row: row, Name: f.name + ", " + p.name, Families: f.families, Reverse: reverse}
	if a.Families == 0 {
		a.Families = Both
	}
	open := start
	if f.stamps {
		open = startWithStamps
	}
	if reverse {
		a.Name += ", from the server"
	}
	a.steps = append(append(steps(open), p.make(f)...), finish)
	return a
}

func startWithStamps(t *talk) {
	t.stamps, t.stamp = true, 1<<30
	start(t)
}
