package engine_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/eve"
	"github.com/weir-project/weir/internal/canary"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/policy"
	"github.com/weir-project/weir/proto/all"
)

// canaryRules is a policy with something to tell of everything.
const canaryRules = `
divert: {queues: 0, select: [{protocols: [tcp, udp]}]}
inspect:
  urls:
    lists:
      - {category: ads, domains: [.ads.example], action: reject}
      - {category: social, domains: [.social.example], action: alert}
  ids:
    rules:
      - 'alert tcp any any -> any any (msg:"segment"; content:"e"; nocase; sid:1;)'
      - 'alert udp any any -> any any (msg:"datagram"; content:"e"; nocase; sid:2;)'
      - 'alert http any any -> any any (msg:"target"; http.uri; content:"/"; sid:3;)'
      - 'alert dns any any -> any any (msg:"name"; dns.query; content:"example"; sid:4;)'
      - 'alert tls any any -> any any (msg:"server"; tls.sni; content:"example"; sid:5;)'
  dns:
    answers:
      - {name: .noted.example, action: alert}
      - {name: .gone.example, action: drop}
      - {name: .other.example, replace: [192.0.2.77]}
  stats: {flows: true, interval: 1s}
`

// canaryPolicy looks for all values, and does the same about each.
func canaryPolicy(t testing.TB, mode, action string, values []canary.Value) *policy.Policy {
	t.Helper()
	block, hashes, err := canary.Block(action, values)
	if err != nil {
		t.Fatal(err)
	}
	var apps []string
	for _, g := range all.Grammars() {
		apps = append(apps, g.Name())
	}
	files := fstest.MapFS{"weir.yaml": {Data: []byte("mode: " + mode + "\n" + canaryRules + block)}, canary.HashFile: {Data: hashes}}
	p, err := policy.Load(files, "weir.yaml", policy.Options{Lanes: 1, Apps: apps})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A flight is a value on its way.
type flight struct {
	value *canary.Value
	how   string
	ends  ends
	found bool // it must be
	in    [][]byte
}

// flights are a value in all carriers and codes.
func flights(t testing.TB, v *canary.Value, n *int) (all []flight) {
	t.Helper()
	for i := range canary.Carriers {
		c := &canary.Carriers[i]
		for k := range canary.Codes {
			if code := &canary.Codes[k]; c.Takes(code) {
				e := pair(*n, c.Port)
				*n++
				in := conversation(e, c, code.In(v.Line))
				all = append(all, flight{v, c.Name + " in " + code.Name, e, true, in})
			}
		}
	}
	return append(all, names(t, v, n)...)
}

// conversation is the packets of a carrier.
func conversation(e ends, c *canary.Carrier, text string) (out [][]byte) {
	turns := c.Say(text)
	if c.UDP {
		return [][]byte{e.udp(turns[0].Text)}
	}
	out = e.handshake()
	seq := [2]uint32{1001, 5001}
	say := func(from int, flags packet.TCPFlags, text string) {
		d := e
		if from == 1 {
			d = e.back()
		}
		for first := true; first || text != ""; first = false {
			n := min(len(text), 1200)
			out = append(out, craft.TCP(d.client, d.server, craft.Segment{Flags: packet.ACK | flags, Seq: seq[from], Ack: seq[1-from], Window: 60000}, []byte(text[:n])))
			seq[from] += uint32(n)
			text = text[n:]
		}
	}
	for _, turn := range turns {
		from := 0
		if turn.Server {
			from = 1
		}
		say(from, 0, turn.Text)
	}
	say(0, packet.FIN, "")
	return out
}

// names are the value in names that clients ask for. In which of them it can be found depends on what it looks like.
func names(t testing.TB, v *canary.Value, n *int) (all []flight) {
	for _, code := range []canary.Code{canary.Codes[0], canary.Codes[2]} { // plain and base64
		for _, text := range []string{v.Text, v.Line} {
			label, ok := canary.Label(code.In(text))
			if !ok {
				continue
			}
			next := func(how string, port int, in func(e ends) [][]byte) {
				e := pair(*n, port)
				*n++
				all = append(all, flight{v, how + " in " + code.Name, e, false, in(e)})
			}
			for _, zone := range []string{".ads.example", ".social.example"} {
				next("host", 80, func(e ends) [][]byte { return append(e.handshake(), e.tcp(get(label+zone, ""))) })
				next("server name", 443, func(e ends) [][]byte { return append(e.handshake(), e.tcp(clientHello(t, label+zone))) })
			}
			if word, _, ok := strings.Cut(v.Line[len(canary.Before):], v.Text); ok {
				next("host behind its word", 80, func(e ends) [][]byte {
					return append(e.handshake(), e.tcp("GET /"+url.QueryEscape(word)+" HTTP/1.1\r\nHost: "+label+".social.example\r\n\r\n"))
				})
			}
			for _, zone := range []string{".noted.example", ".gone.example", ".other.example"} {
				q := query(label+zone, dns.TypeA)
				next("name", 53, func(e ends) [][]byte { return [][]byte{e.udp(pack(t, q)), e.back().udp(reply(t, q, "192.0.2.5"))} })
			}
		}
	}
	return all
}

// TestCanaries sends a value of each detector in each carrier and code, under each action, and looks for them in all that came of it: the
// events as they go through the ring, and as EVE JSON, and the counters. Each must have been found.
func TestCanaries(t *testing.T) {
	values := canary.Values(20260304, 2)
	finder := canary.NewFinder(values)
	for _, c := range []struct{ mode, action, verdict string }{
		{"prevent", "alert", "accept"},
		{"prevent", "mask", "edit"},
		{"prevent", "drop", "drop"},
		{"prevent", "reject", "reject"},
		{"prevent", "page", "reject"},
		{"monitor", "mask", "edit"},
	} {
		if testing.Short() && (c.action == "drop" || c.action == "reject" || c.action == "page") {
			continue
		}
		t.Run(c.mode+" "+c.action, func(t *testing.T) {
			p := canaryPolicy(t, c.mode, c.action, values)
			unseen := map[string]int{}
			kinds := map[event.Kind]int{}
			for i := range values {
				if testing.Short() && i%2 == 1 {
					continue // the other of its kind
				}
				n := 0
				all := flights(t, &values[i], &n)
				r := fly(t, p, all)
				for _, e := range r.events {
					kinds[e.Kind]++
				}
				told := toldOf(r, c.verdict)
				hidden := map[string]bool{}
				for _, f := range all {
					if hidden[f.ends.client] = !told[f.ends.client+f.value.Kind]; f.found && hidden[f.ends.client] {
						unseen[f.value.Kind+" by "+f.how]++
					}
				}
				for _, hit := range finder.Find(said(t, r, hidden)) {
					t.Errorf("%v", hit)
				}
			}
			for _, why := range slices.Sorted(maps.Keys(unseen)) {
				t.Errorf("not found: %s (%d values)", why, unseen[why])
			}
			for _, k := range []event.Kind{event.KindDLP, event.KindURL, event.KindDNS, event.KindAlert, event.KindFlow, event.KindStats} {
				if kinds[k] == 0 {
					t.Errorf("no event of kind %v: the test does not test it", k)
				}
			}
		})
	}
}

// fly takes all flights through a lane.
func fly(t testing.TB, p *policy.Policy, all []flight) *result {
	t.Helper()
	var in []step
	for _, f := range all {
		for _, d := range f.in {
			in = append(in, step{100 * time.Microsecond, d})
		}
	}
	return run(t, config(t, p), in)
}

// toldOf is of which clients what was told, in the way of the action.
func toldOf(r *result, verdict string) map[string]bool {
	told := map[string]bool{}
	for _, e := range r.events {
		if e.Kind == event.KindDLP && e.Verdict == verdict {
			told[e.Src.String()+e.Name], told[e.Dst.String()+e.Name] = true, true
		}
	}
	return told
}

// said is all that came of it but for the packets, and for what was told of clients from whom nothing was found.
func said(t testing.TB, r *result, hidden map[string]bool) []byte {
	t.Helper()
	var b []byte
	for i := range r.events {
		if e := &r.events[i]; !hidden[e.Src.String()] && !hidden[e.Dst.String()] {
			b = append(append(append(eve.Append(b, e), '\n'), r.raw[i]...), '\n')
		}
	}
	counts, err := json.Marshal(r.counts)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, counts...)
}
