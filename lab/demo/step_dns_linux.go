package demo

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/lab"
)

// showDNS has a name resolve to another address.
func (r *live) showDNS() {
	r.screen.title(2, "dns", "The answer to a DNS question is another one, and longer")
	r.resolve(dns.TypeA, r.server(false), "192.0.2.80", "192.0.2.81")
	r.resolve(dns.TypeAAAA, r.server(true), "2001:db8:1::80")
	if installed("dig") {
		out, err := r.lab.Client().Command("dig", "+short", "+time=2", "+tries=2", "@"+r.server(false), "www.example.com", "A").Output()
		got := strings.Fields(string(out))
		slices.Sort(got)
		r.check(err == nil && slices.Equal(got, []string{"192.0.2.80", "192.0.2.81"}), "the same by dig: %s", oneLine(out))
	}
}

// resolve asks the server for www.example.com, and wants these addresses instead of the server's.
func (r *live) resolve(qtype uint16, server string, want ...string) {
	from := r.journal.now()
	conn, err := r.lab.Client().Dial("udp", net.JoinHostPort(server, portDNS))
	if err != nil {
		r.check(false, "%v", err)
		return
	}
	tape := lab.NewTape(conn)
	defer tape.Close()
	_ = tape.SetDeadline(time.Now().Add(patience))
	q := new(dns.Msg).SetQuestion("www.example.com.", qtype)
	query, err := q.Pack()
	if err == nil {
		_, err = tape.Write(query)
	}
	buf := make([]byte, 4096)
	n := 0
	if err == nil {
		n, err = tape.Read(buf)
	}
	if err != nil {
		r.check(false, "no answer: %v", err)
		return
	}
	sent, got := r.internet.dns.sent(), buf[:n]
	r.showAnswer("server answered", sent, gone)
	r.showAnswer("client received", got, fresh)
	r.event(from, "dns", func(e *eveEvent) bool { return e.Type == "dns" && strings.Contains(e.Weir.Name, "replace") })
	addrs, err := addresses(got)
	r.check(err == nil && slices.Equal(addrs, want), "over %s the client resolves www.example.com to %s: a datagram of %d bytes became one of %d",
		family(server), strings.Join(addrs, " and "), len(sent), len(got))
	r.check(bytes.Equal(got[:2], query[:2]), "and it still answers question %s", hex.EncodeToString(query[:2]))
}

// showAnswer prints each address record of a message, its text and its bytes.
func (r *live) showAnswer(label string, message []byte, st style) {
	m := new(dns.Msg)
	if err := m.Unpack(message); err != nil {
		r.check(false, "%s: %v", label, err)
		return
	}
	for _, rr := range m.Answer {
		a := address(rr)
		kind := dns.TypeToString[rr.Header().Rrtype]
		head := fmt.Sprintf("%s %d IN %-4s ", rr.Header().Name, rr.Header().Ttl, kind)
		r.screen.row(label, span{head, plain}, span{fmt.Sprintf("%-15s", a), st}, span{"  " + spaced(a.AsSlice()), dim})
		label = ""
	}
}

// spaced is bytes in hexadecimal, in groups of two.
func spaced(b []byte) string {
	s := hex.EncodeToString(b)
	var out []string
	for i := 0; i < len(s); i += 4 {
		out = append(out, s[i:min(i+4, len(s))])
	}
	return strings.Join(out, " ")
}

func address(rr dns.RR) netip.Addr {
	var ip net.IP
	switch rr := rr.(type) {
	case *dns.A:
		ip = rr.A.To4()
	case *dns.AAAA:
		ip = rr.AAAA
	}
	a, _ := netip.AddrFromSlice(ip)
	return a
}

func addresses(message []byte) ([]string, error) {
	m := new(dns.Msg)
	if err := m.Unpack(message); err != nil {
		return nil, err
	}
	var out []string
	for _, rr := range m.Answer {
		out = append(out, address(rr).String())
	}
	slices.Sort(out)
	return out, nil
}
