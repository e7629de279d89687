package main

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

// A differ is a socket that shows what became of the packets that changed or were dropped.
type differ struct {
	divert.Socket
	out      io.Writer
	colour   bool
	original bool
	number   uint64
	seen     map[packet.Token]arrived
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
		d.seen[p.Token] = arrived{d.number, bytes.Clone(p.Bytes())}
	}
	return n, err
}

func (d *differ) Finish(ps []*packet.Packet) error {
	for _, p := range ps {
		was := d.seen[p.Token]
		delete(d.seen, p.Token)
		switch {
		case p.Verdict.Final():
			fmt.Fprintf(d.out, "#%d %s\n  %s\n", was.number, endpoints(p), d.paint(31, fmt.Sprintf("%s: %s", p.Verdict, p.Reason)))
		case p.Changed():
			p.Repair()
			d.show(was, p)
		}
	}
	return d.Socket.Finish(ps)
}

// show prints the payload before and after around each place where they differ.
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
		return
	}
	from, oldEnd, nowEnd := differs(old, now)
	const context = 24
	head := printable(now[max(0, from-context):from])
	tail := printable(now[nowEnd:min(len(now), nowEnd+context)])
	if d.original {
		fmt.Fprintf(d.out, "  %s %s%s%s\n", d.paint(31, "-"), head, d.paint(31, printable(old[from:oldEnd])), tail)
	}
	fmt.Fprintf(d.out, "  %s %s%s%s\n", d.paint(32, "+"), head, d.paint(32, printable(now[from:nowEnd])), tail)
	fmt.Fprintf(d.out, "    %d bytes at offset %d became %d\n", oldEnd-from, from, nowEnd-from)
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

// printable shows bytes as text; what is none, as dots.
func printable(b []byte) string {
	const most = 160
	cut := ""
	if len(b) > most {
		b, cut = b[:most], "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '·'
		}
		return r
	}, string(latin1(b))) + cut
}

func latin1(b []byte) []rune {
	rs := make([]rune, len(b))
	for i, c := range b {
		rs[i] = rune(c)
	}
	return rs
}

func endpoints(p *packet.Packet) string {
	if p.Version == 0 {
		return "no IP header"
	}
	if !p.HasPorts() {
		return fmt.Sprintf("%s %s > %s", p.Proto, p.SrcAddr(), p.DstAddr())
	}
	return fmt.Sprintf("%s %s.%d > %s.%d", p.Proto, p.SrcAddr(), p.SrcPort, p.DstAddr(), p.DstPort)
}

func (d *differ) paint(code int, s string) string {
	if !d.colour {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, s)
}

// colourful says whether to use colours on w: a terminal, and the user has not asked for none (no-color.org).
func colourful(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// sortedReasons yields reasons and counts in the order of the alphabet.
func sortedReasons(m map[packet.Reason]uint64) iter.Seq2[packet.Reason, uint64] {
	return func(yield func(packet.Reason, uint64) bool) {
		for _, why := range slices.Sorted(maps.Keys(m)) {
			if !yield(why, m[why]) {
				return
			}
		}
	}
}
