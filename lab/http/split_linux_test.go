package http_test

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/internal/canary"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/lab/lane"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/policy"
	"github.com/weir-project/weir/proto/all"
)

// splitting masks cards and tokens, on the port of the service.
const splitting = `
mode: prevent
divert: {select: [{protocols: [tcp], ports: [7007]}]}
inspect: {dlp: {detectors: [{name: card, action: mask}, {name: github-token, action: mask}]}}
`

// each value is split so often in each carrier.
const splits = 40

// TestSplits has a host without a kernel's stack send values cut anyhow, in any order, again and overlapping, through a lane to a server of
// Linux's own: it reads what it reads of the same text in one segment, with a mask in place of the value.
func TestSplits(t *testing.T) {
	l := labtest.New(t, lab.Topology{PlainPackets: true})
	p, err := policy.Load(fstest.MapFS{"weir.yaml": {Data: []byte(splitting)}}, "weir.yaml", policy.Options{Lanes: 1})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := p.Chain(1)
	if err != nil {
		t.Fatal(err)
	}
	rules := firewall.Config{Inject: true, MayGrow: true, Select: lane.Port(servicePort)}
	weir := labtest.Lane(t, l.Router(), rules, engine.Config{
		Program: engine.Program{Chain: chain, Outcomes: p.Outcomes()}, Grammars: all.Grammars(), Limits: engine.Limits{Hold: 20 * time.Second},
	})
	h := newRawClient(t, l)
	r := rand.New(rand.NewPCG(7, 7))
	const token = "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"
	for _, c := range canary.Carriers {
		if !slices.Contains([]string{"TCP", "form", "multipart", "gzip", "JSON"}, c.Name) {
			continue
		}
		for _, v := range []struct{ text, secret string }{
			{"card 4000-0000-0000-0002", "4000-0000-0000-0002"},
			{"token " + token, token},
			{canary.Codes[2].In("card: 4000-0000-0000-0002"), "LTAwMDAtMDAwM"},
		} {
			text := c.Say(v.text)[0].Text
			want := readBody(t, h.send(t, text, []span{{0, len(text)}}))
			if strings.Contains(want, v.secret) || want == "" {
				t.Fatalf("%s in one segment: %q arrives", c.Name, want)
			}
			for range splits {
				pieces := cutAnyhow(r, len(text))
				if got := readBody(t, h.send(t, text, pieces)); got != want {
					t.Errorf("%s as %v: %q arrives, want %q", c.Name, pieces, got, want)
				}
			}
		}
	}
	if err := weir.End(); err != nil {
		t.Error(err)
	}
	if n := weir.Snapshot(); n.Edits < 15*splits {
		t.Errorf("%d edits, drops %v, anomalies %v", n.Edits, n.Drops, n.Anomalies)
	}
}

// readBody is what a server reads of a message of HTTP; of anything else, all.
func readBody(t *testing.T, said string) string {
	t.Helper()
	if !strings.HasPrefix(said, "POST") {
		return said
	}
	q, err := http.ReadRequest(bufio.NewReader(strings.NewReader(said)))
	if err != nil {
		t.Fatalf("%v: %q", err, said)
	}
	b, err := io.ReadAll(q.Body)
	if err != nil {
		t.Fatalf("%v: %q", err, said)
	}
	return string(b) + q.Header.Get("Content-Encoding")
}

// A span is bytes of a text in one segment.
type span struct{ off, end int }

// cutAnyhow cuts n bytes in two to four, in any order, some overlapping with those before, some twice.
func cutAnyhow(r *rand.Rand, n int) (all []span) {
	at := []int{0, n}
	for range 1 + r.IntN(3) {
		at = append(at, 1+r.IntN(n-1))
	}
	slices.Sort(at)
	for i := range at[1:] {
		s := span{max(0, at[i]-r.IntN(6)), at[i+1]}
		if all = append(all, s); r.IntN(4) == 0 {
			all = append(all, s)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// A rawClient is a host that opens connections and says what it is told, in the segments that it is told; and the server at their other end.
type rawClient struct {
	raw    *lab.Raw
	me     netip.Addr
	server netip.AddrPort
	port   uint16
	in     chan packet.Packet

	mu    sync.Mutex
	heard map[uint16]chan string // by client's port: all that came, at the end
}

func newRawClient(t *testing.T, l *lab.Lab) *rawClient {
	t.Helper()
	h := &rawClient{me: netip.MustParseAddr("192.0.2.200"), server: netip.AddrPortFrom(l.Server().In.V4, servicePort), port: 30000, in: make(chan packet.Packet, 1024), heard: map[uint16]chan string{}}
	ln, err := l.Server().Listen("tcp", h.server.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go h.serve(ln) // ends with the listener
	if h.raw, err = l.Client().Raw(h.me); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.raw.Close() })
	go h.receive() // ends with the host
	return h
}

func (h *rawClient) serve(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			text, _ := io.ReadAll(c)
			h.mu.Lock()
			defer h.mu.Unlock()
			h.heard[c.RemoteAddr().(*net.TCPAddr).AddrPort().Port()] <- string(text)
		}()
	}
}

func (h *rawClient) receive() {
	buf := make([]byte, 65536)
	for {
		n, err := h.raw.Recv(buf)
		if err != nil {
			return
		}
		var p packet.Packet
		p.Set(slices.Clone(buf[:n]))
		if p.Decode(); p.Proto == packet.TCP && p.DstAddr() == h.me {
			h.in <- p
		}
	}
}

// send opens a connection and says the text in pieces, and what of it has not been acknowledged once more, until all is. It returns what the server has
// read.
func (h *rawClient) send(t *testing.T, text string, pieces []span) string {
	t.Helper()
	h.port++
	heard := make(chan string, 1)
	h.mu.Lock()
	h.heard[h.port] = heard
	h.mu.Unlock()
	const first = 1001
	ack := uint32(0)
	say := func(flags packet.TCPFlags, off int, payload string) {
		s := craft.Segment{Flags: flags, Seq: uint32(first + off), Ack: ack, Window: 60000}
		d := craft.TCP(netip.AddrPortFrom(h.me, h.port).String(), h.server.String(), s, []byte(payload))
		if err := h.raw.Send(d, false); err != nil {
			t.Fatal(err)
		}
	}
	acked := 0
	// await reports whether so much is acknowledged in time.
	await := func(n int, within time.Duration) bool {
		late := time.After(within)
		for acked < n {
			select {
			case p := <-h.in:
				if p.DstPort == h.port && p.TCPFlags.Has(packet.ACK) {
					acked = max(acked, int(int32(uint32(p.TCP().Ack())-first)))
					ack = uint32(p.TCP().Seq())
					if p.TCPFlags.Has(packet.SYN) {
						ack++
						return true
					}
				}
			case <-late:
				return false
			}
		}
		return true
	}
	for try := 0; ack == 0; try++ {
		if say(packet.SYN, -1, ""); !await(1, 200*time.Millisecond<<try) && try == 5 {
			t.Fatal("no connection")
		}
	}
	say(packet.ACK, 0, "")
	for _, s := range pieces {
		say(packet.ACK|packet.PSH, s.off, text[s.off:s.end])
	}
	for try := 0; !await(len(text), 50*time.Millisecond<<try); try++ {
		if try == 6 {
			t.Fatalf("%d of %d bytes are acknowledged", acked, len(text))
		}
		say(packet.ACK|packet.PSH, acked, text[acked:])
	}
	say(packet.ACK|packet.FIN, len(text), "")
	select {
	case said := <-heard:
		return said
	case <-time.After(10 * time.Second):
		t.Fatal("the connection does not end")
	}
	return ""
}
