package demo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/weir-project/weir/packet"
)

//go:generate go run ./gen

// capture is what the clients of the live demo send and what servers answer, written by gen.
//
//go:embed testdata/demo.pcap
var capture []byte

// replayed is a capture before and after the policy.
type replayed struct {
	*story
	in, out []*packet.Packet
	journal *journal
}

// replay tells the story on the bundled capture, and why there is no lab.
func (s *story) replay(ctx context.Context, why error) error {
	begun := time.Now()
	s.draw("six uses of packet inspection, on a capture", end{"192.0.2.10", ""}, end{"198.51.100.10", ""})
	s.screen.warn("This is a replay, not live traffic: " + strings.TrimPrefix(why.Error(), errCannotDivert.Error()+": ") + ".")
	s.screen.note("So the same policy runs over a capture that weir carries along, by weir replay. The packets take the same route through the same inspectors; they are not diverted, and nobody sends or receives them.")
	r, err := s.runReplay(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func(){r.showDLP, r.showDNS, r.showURLs, r.showIDS, r.showQoS, r.showStats} {
		step()
	}
	s.screen.blank()
	s.summary(time.Since(begun))
	s.screen.note("Replayed from a capture: nothing was diverted.")
	s.next()
	return nil
}

// runReplay has weir replay the capture.
func (s *story) runReplay(ctx context.Context) (*replayed, error) {
	file := func(name string) string { return filepath.Join(s.dir, name) }
	if err := os.WriteFile(file("in.pcap"), capture, 0o644); err != nil {
		return nil, err
	}
	policy, err := s.policyFile(file("unused.json"))
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, s.Weir, "replay", file("in.pcap"), "--policy", policy, "--write", file("out.pcap"), "--eve", file("eve.json"), "--diff=false")
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("weir replay: %w: %s", err, bytes.TrimSpace(out))
	}
	r := &replayed{story: s, journal: &journal{path: file("eve.json")}}
	if r.in, err = readPackets(file("in.pcap")); err != nil {
		return nil, err
	}
	if r.out, err = readPackets(file("out.pcap")); err != nil {
		return nil, err
	}
	r.journal.refresh()
	return r, nil
}

// readPackets reads a capture of bare IP datagrams.
func readPackets(name string) (ps []*packet.Packet, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		return nil, err
	}
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return ps, nil
		}
		if err != nil {
			return nil, err
		}
		p := new(packet.Packet)
		p.Set(data)
		p.Decode()
		p.Meta.Captured = time.Duration(info.Timestamp.UnixNano())
		ps = append(ps, p)
	}
}

// sent returns the first packet of the capture whose payload has the text, and what became of it:
// nil if it was dropped.
func (r *replayed) sent(text string) (before, after *packet.Packet) {
	for _, p := range r.in {
		if bytes.Contains(p.Payload(), []byte(text)) {
			return p, r.after(p)
		}
	}
	return new(packet.Packet), nil
}

// after finds a packet among those that left: the times of the capture tell them apart.
func (r *replayed) after(before *packet.Packet) *packet.Packet {
	for _, p := range r.out {
		if p.Meta.Captured == before.Meta.Captured && p.SrcPort == before.SrcPort && !p.TCPFlags.Has(packet.RST) {
			return p
		}
	}
	return nil
}

// event prints the event that a step is about, and counts whether it is there.
func (r *replayed) event(what string, want func(*eveEvent) bool) {
	if e := r.journal.await(0, 0, want); e != nil {
		r.screen.wrapped("event", e.text(), blue)
		return
	}
	r.fail("no event says so (%s)", what)
}

func (r *replayed) showDLP() {
	r.screen.title(1, "dlp", "A card number leaves the private network, masked")
	if r.Card != DefaultCard {
		r.screen.warn("The capture has its own card: " + DefaultCard)
	}
	before, after := r.sent(DefaultCard)
	if after == nil {
		r.fail("the request did not leave")
		return
	}
	r.screen.compare("client sent", "server receives", before.Payload(), after.Payload())
	r.event("dlp", func(e *eveEvent) bool { return e.Type == "dlp" && e.Weir.Name == "card" })
	want := bytes.Replace(before.Payload(), []byte(DefaultCard), []byte(masked(DefaultCard)), 1)
	r.check(bytes.Equal(after.Payload(), want), "%d bytes go in and come out: %d differ, and they are digits of the card", len(want), differing(before.Payload(), want))
}

func (r *replayed) showDNS() {
	r.screen.title(2, "dns", "The server answers one thing, the client reads another")
	for _, p := range r.in {
		if p.SrcPort != 53 {
			continue
		}
		after := r.after(p)
		if after == nil {
			r.fail("the answer did not leave")
			return
		}
		r.showAnswer("server answered", p.Payload(), gone)
		r.showAnswer("client receives", after.Payload(), fresh)
		r.event("dns", func(e *eveEvent) bool { return e.Type == "dns" && strings.Contains(e.Weir.Name, "replace") })
		got, err := addresses(after.Payload())
		r.check(err == nil && slices.Equal(got, []string{"192.0.2.80", "192.0.2.81"}), "%d bytes go in, %d come out, and they parse", len(p.Payload()), len(after.Payload()))
	}
}

// stopped prints and checks a packet that must not leave.
func (r *replayed) stopped(text string, want func(*eveEvent) bool) {
	before, after := r.sent(text)
	r.screen.row("client sent", span{cut(printable(before.Payload()), columns), gone})
	r.screen.row("server receives", span{"nothing", fresh})
	r.event(text, want)
	r.check(len(before.Payload()) > 0 && after == nil, "the packet does not leave")
}

func (r *replayed) showURLs() {
	r.screen.title(3, "urls", "Blocked by name: the Host of HTTP")
	r.stopped("Host: ads.example.com", func(e *eveEvent) bool { return e.Type == "url" && e.URL["host"] == "ads.example.com" })
	resets, pages := 0, 0
	for _, p := range r.out {
		switch {
		case p.TCPFlags.Has(packet.RST) && p.SrcPort == 40002:
			resets++
		case p.DstPort == 40002 && strings.HasPrefix(string(p.Payload()), "HTTP/1.1 403 Forbidden"):
			pages++
			r.screen.row("client receives", span{cut(printable(firstLines(p.Payload(), 1)), columns), fresh})
		}
	}
	r.check(resets == 1 && pages == 1, "the client is sent a page that says why, and the server a reset")
}

func (r *replayed) showIDS() {
	r.screen.title(4, "ids", "Suricata rules: one tells, one stops the flow")
	r.screen.wrapped("rule", rule(1000001), dim)
	before, after := r.sent("/etc/passwd")
	if after != nil {
		r.screen.compare("client sent", "server receives", firstLines(before.Payload(), 2), firstLines(after.Payload(), 2))
	}
	r.event("alert", func(e *eveEvent) bool { return e.Alert != nil && e.Alert.ID == 1000001 && e.Alert.Action == "allowed" })
	r.check(after != nil && bytes.Equal(before.Payload(), after.Payload()), "all bytes leave as they were: this rule only tells")
	r.screen.blank()
	r.screen.wrapped("rule", rule(1000002), dim)
	r.stopped("/bin/sh -i", func(e *eveEvent) bool { return e.Alert != nil && e.Alert.ID == 1000002 && e.Alert.Action == "blocked" })
}

func (r *replayed) showQoS() {
	r.screen.title(5, "qos", "Voice is marked, backup is held to 1 Mbit/s")
	in, out, marked := r.class(5060)
	r.screen.row("voice", span{fmt.Sprintf("%d datagrams with DSCP 0 go in, ", in), plain}, span{fmt.Sprintf("%d leave with DSCP 46 (expedited forwarding)", marked[46]), fresh})
	r.check(in > 0 && out == in && marked[46] == in, "all of them")
	in, out, _ = r.class(9000)
	r.screen.row("backup", span{fmt.Sprintf("%d datagrams of 1028 bytes go in within 0.1 s, ", in), plain}, span{fmt.Sprintf("%d leave", out), fresh})
	// 16 kB at once, and 125 kB/s for 99 ms.
	allowed := (16000 + 12375) / 1028
	r.event("qos", func(e *eveEvent) bool { return e.Type == "qos" && e.QoS["class"] == "backup" })
	r.check(out == allowed, "1 Mbit/s and a burst of 16 kB allow %d", allowed)
}

// class counts the packets to a port, those that leave, and those by code point.
func (r *replayed) class(port uint16) (in, out int, dscp [64]int) {
	for _, p := range r.in {
		if p.DstPort == port {
			in++
		}
	}
	for _, p := range r.out {
		if p.DstPort == port {
			out++
			dscp[p.DSCP()]++
		}
	}
	return in, out, dscp
}

func (r *replayed) showStats() {
	r.screen.title(6, "stats", "Who talked, how much, and what Weir could read of it")
	var traffic, talkers map[string]int64
	for i := range r.journal.events {
		switch e := &r.journal.events[i]; {
		case e.Type == "stats" && e.Weir.Name == "traffic":
			traffic = counts(e)
		case e.Type == "stats" && e.Weir.Name == "top-talkers":
			talkers = counts(e)
		}
	}
	r.screen.row("packets", span{fmt.Sprintf("%d in all, %s; %d flows", traffic["total.packets"], bytesText(traffic["total.bytes"]), traffic["total.flows"]), bold})
	r.screen.row("by protocol", span{byName(traffic, "tcp", "udp"), plain})
	label := "top talkers"
	for _, who := range []string{"192.0.2.10", "198.51.100.10"} {
		r.screen.row(label, span{fmt.Sprintf("%-14s %10s", who, bytesText(talkers[who])), plain})
		label = ""
	}
	r.check(traffic["total.packets"] == int64(len(r.in)), "as many packets as the capture has")
}

func counts(e *eveEvent) (n map[string]int64) {
	_ = json.Unmarshal(e.Stats, &n) // nil is no counts
	return n
}
