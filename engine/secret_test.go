package engine_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// secrets makes values that no other test uses: cards of which each has its own digits, and
// numbers.
type secrets struct{ cards, numbers []string }

func (s *secrets) card() string {
	digits := fmt.Sprintf("453271%09d", 902413370+7919*len(s.cards))
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	digits += fmt.Sprint((10 - sum%10) % 10)
	s.cards = append(s.cards, digits)
	return digits
}

func (s *secrets) number() string {
	digits := fmt.Sprintf("53%07d", 1234567+104729*len(s.numbers))
	s.numbers = append(s.numbers, digits)
	return digits[:3] + "-" + digits[3:5] + "-" + digits[5:]
}

func grouped(card, sep string) string {
	return card[:4] + sep + card[4:8] + sep + card[8:12] + sep + card[12:]
}

// panicky panics over a payload, with the payload.
type panicky struct{}

func (panicky) Name() string { return "panicky" }
func (panicky) InspectStream(_ *inspect.Context, b []byte) inspect.Decision {
	if bytes.Contains(b, []byte("panic")) {
		panic(string(b))
	}
	return inspect.Decision{}
}

// traffic puts the secrets wherever a client can, into names that the policy tells of too.
func (s *secrets) traffic(t testing.TB) (in []step) {
	n := 0
	next := func(port int) ends { n++; return pair(n, port) }
	add := func(d ...[]byte) { in = append(in, steps(d...)...) }
	for range 2 {
		add(next(9000).tcp("pay " + s.card() + " now"))
		add(next(9000).udp("pay " + grouped(s.card(), "-") + " needle"))
		add(next(9000).udp("I am " + s.number() + " panic"))
		add(next(9000).tcp("and " + grouped(s.card(), " ") + " panic"))
		add(next(80).tcp(get("www.example.org", s.card())))
		add(next(80).tcp(get("c-"+s.card()+".ads.example", s.number())))
		add(next(80).tcp(get("c-"+grouped(s.card(), "-")+".social.example", "")))
		add(next(80).tcp(strings.Replace(get("www.example.org", ""), "room/1", "BadBot "+s.card(), 1)))
		add(next(80).tcp("GET /" + s.card() + " HTTP/9.9\r\nHost: " + s.number() + "\r\n\r\n"))
		add(next(443).tcp(clientHello(t, "c-"+s.card()+".ads.example")))
		add(next(443).tcp(clientHello(t, "n-"+s.number()+".social.example")))
		for _, name := range []string{"c-" + s.card() + ".gone.example", "1." + s.card() + ".5.noted.example", "odd." + s.number() + ".noted.example"} {
			q, e := query(name, dns.TypeA), next(53)
			add(e.udp(pack(t, q)), e.back().udp(reply(t, q, "192.0.2.5")))
		}
		whole := next(9000).udp("some words, then " + grouped(s.card(), " ") + " and " + s.number() + " needle")
		for size := 8; size <= 32; size += 8 {
			add(craft.Fragments(whole, uint32(size), size)...)
		}
		lonely := craft.Fragments(next(9000).udp("lost "+s.card()+" lost "+s.number()), 99, 40)
		add(lonely[0], lonely[0], lonely[0][:30])
		broken := next(9000).udp("broken " + s.card())
		broken[len(broken)-1] ^= 1
		add(broken)
	}
	return in
}

// TestNoSecretInAnyEvent searches every event, as it would go to the reporter, for the digits.
func TestNoSecretInAnyEvent(t *testing.T) {
	for _, mode := range []string{"prevent", "monitor"} {
		var s secrets
		in := s.traffic(t)
		r := runLoosely(t, config(t, load(t, mode, everything), panicky{}), in)
		kinds := map[event.Kind]int{}
		for _, e := range r.events {
			kinds[e.Kind]++
		}
		for _, k := range []event.Kind{event.KindDLP, event.KindURL, event.KindDNS, event.KindAlert, event.KindAnomaly, event.KindEngine} {
			if kinds[k] == 0 {
				t.Errorf("%s: no event of kind %v: the test does not test it", mode, k)
			}
		}
		if r.counts.Panics != 4 {
			t.Errorf("%s: %d panics, want 4", mode, r.counts.Panics)
		}
		for _, rec := range r.raw {
			s.search(t, mode, rec)
		}
	}
}

// search looks for the secrets with and without what may stand between their digits.
func (s *secrets) search(t *testing.T, mode string, rec []byte) {
	t.Helper()
	text := strings.NewReplacer(" ", "", "-", "", ".", "").Replace(string(rec))
	for _, digits := range append(append([]string{}, s.cards...), s.numbers...) {
		if bytes.Contains(rec, []byte(digits)) || strings.Contains(text, digits) {
			var e event.Event
			if err := event.Decode(rec, &e); err != nil {
				t.Fatal(err)
			}
			t.Errorf("%s: %s is in an event of %s: %s %v", mode, digits, e.Author, e.Name, e.Pairs())
		}
	}
}

// TestMaskedInTheTraffic holds against TestNoSecretInAnyEvent that the secrets were there to be
// found.
func TestMaskedInTheTraffic(t *testing.T) {
	var s secrets
	r := run(t, config(t, load(t, "prevent", everything)), s.traffic(t))
	before, after := 0, 0
	for _, f := range r.out {
		if f.Verdict == packet.Accept && f.Rewritten {
			after++
		}
	}
	for _, e := range r.events {
		if e.Kind == event.KindDLP && e.Verdict == "edit" {
			before++
		}
	}
	if before < 34 || after < 20 {
		t.Errorf("%d values found, %d packets rewritten", before, after)
	}
}
