package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

// A differ is a socket that shows what became of the packets that changed or were dropped.
//
// It keeps a copy of each packet from Recv to Finish. A lane finishes every packet, and what it holds meanwhile is bounded by
// the policy's limits (held, fragments), so the copies are too.
type differ struct {
	divert.Socket
	out      io.Writer
	colour   bool
	original bool // show replaced bytes too
	number   uint64
	seen     map[packet.Token]arrived
	free     [][]byte
}

// arrived is a packet as it came.
type arrived struct {
	number uint64
	bytes  []byte
}

func newDiffer(s divert.Socket, out io.Writer, colour, original bool) *differ {
	return &differ{Socket: s, out: out, colour: colour, original: original, seen: make(map[packet.Token]arrived)}
}

func (d *differ) Recv(ps []*packet.Packet, wait time.Duration) (int, error) {
	n, err := d.Socket.Recv(ps, wait)
	for _, p := range ps[:n] {
		d.number++
		var buf []byte
		if k := len(d.free); k > 0 {
			buf, d.free = d.free[k-1][:0], d.free[:k-1]
		}
		d.seen[p.Token] = arrived{d.number, append(buf, p.Bytes()...)}
	}
	return n, err
}

func (d *differ) Finish(ps []*packet.Packet) error {
	for _, p := range ps {
		was := d.seen[p.Token]
		switch {
		case p.Verdict.Final():
			fmt.Fprintf(d.out, "#%d %s\n  %s\n", was.number, endpoints(p), d.paint(red, fmt.Sprintf("%s: %s", p.Verdict, p.Reason)))
		case p.Changed():
			p.Repair()
			d.show(was, p)
		}
		delete(d.seen, p.Token)
		d.free = append(d.free, was.bytes)
	}
	return d.Socket.Finish(ps)
}

// Inject shows what is sent to the sender of a rejected packet.
func (d *differ) Inject(p *packet.Packet, how divert.Injection) error {
	var shown packet.Packet
	shown.Set(p.Bytes())
	shown.Decode()
	what := shown.Proto.String()
	if shown.Proto == packet.TCP {
		what = "reset"
	}
	fmt.Fprintf(d.out, "   %s\n  %s\n", endpoints(&shown), d.paint(yellow, "injected: "+what))
	return d.Socket.Inject(p, how)
}

// show prints the payload before and after around the range in which they differ.
func (d *differ) show(was arrived, p *packet.Packet) {
	var before packet.Packet
	before.Set(was.bytes)
	before.Decode()
	fmt.Fprintf(d.out, "#%d %s\n", was.number, endpoints(p))
	if before.DSCP() != p.DSCP() {
		fmt.Fprintf(d.out, "  dscp %d → %d\n", before.DSCP(), p.DSCP())
	}
	old, now := before.Payload(), p.Payload()
	if bytes.Equal(old, now) {
		if before.DSCP() == p.DSCP() {
			fmt.Fprintln(d.out, "  headers only")
		}
		return
	}
	from, oldEnd, nowEnd := differs(old, now)
	const short = 16
	text := nowEnd-from > short || asText(now[from:nowEnd]) && asText(old[from:oldEnd])
	if d.original {
		fmt.Fprintf(d.out, "  %s %s\n", d.paint(red, "-"), d.around(old, from, oldEnd, red, text))
	} else {
		now = hideNumbers(now)
	}
	fmt.Fprintf(d.out, "  %s %s\n", d.paint(green, "+"), d.around(now, from, nowEnd, green, text))
	fmt.Fprintf(d.out, "    %s at offset %d became %d\n", count(oldEnd-from, "byte"), from, nowEnd-from)
}

// around shows a range of a payload in colour: text with its surroundings, a few other bytes as hexadecimal digits.
func (d *differ) around(b []byte, from, end, colour int, text bool) string {
	const context = 24
	if !text {
		return d.paint(colour, hexadecimal(b[from:end]))
	}
	head, tail := b[max(0, from-context):from], b[end:min(len(b), end+context)]
	return printable(head) + d.paint(colour, printable(b[from:end])) + printable(tail)
}

// differs returns the range in which two payloads differ.
func differs(old, now []byte) (from, oldEnd, nowEnd int) {
	for from < min(len(old), len(now)) && old[from] == now[from] {
		from++
	}
	oldEnd, nowEnd = len(old), len(now)
	for oldEnd > from && nowEnd > from && old[oldEnd-1] == now[nowEnd-1] {
		oldEnd--
		nowEnd--
	}
	return from, oldEnd, nowEnd
}

func endpoints(p *packet.Packet) string {
	if p.Version == 0 {
		return "no IP header"
	}
	if !p.HasPorts() {
		return fmt.Sprintf("%s %s > %s", p.Proto, p.SrcAddr(), p.DstAddr())
	}
	return fmt.Sprintf("%s %s > %s", p.Proto, netip.AddrPortFrom(p.SrcAddr(), p.SrcPort), netip.AddrPortFrom(p.DstAddr(), p.DstPort))
}

func (d *differ) paint(colour int, s string) string { return paint(d.colour, colour, s) }
