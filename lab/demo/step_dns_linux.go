package demo

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/lab"
)

// showDNS has a name resolve to another address.
func (r *live) showDNS() {
	r.screen.title(2, "dns", "The server answers one thing, the client reads another")
	r.resolve(dns.TypeA, r.server(false), "192.0.2.80", "192.0.2.81")
	r.screen.blank()
	r.resolve(dns.TypeAAAA, r.server(true), "2001:db8:1::80")
	if installed("dig") {
		out, err := r.lab.Client().Command("dig", "+short", "+time=2", "+tries=2", "@"+r.server(false), "www.example.com", "A").Output()
		got := strings.Fields(string(out))
		slices.Sort(got)
		r.check(err == nil && slices.Equal(got, []string{"192.0.2.80", "192.0.2.81"}), "dig reads the same: %s", oneLine(out))
	}
}

// resolve asks the server for www.example.com, and wants these addresses instead of the server's.
func (r *live) resolve(qtype uint16, server string, want ...string) {
	from := r.journal.now()
	conn, err := r.lab.Client().Dial("udp", net.JoinHostPort(server, portDNS))
	if err != nil {
		r.fail("%v", err)
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
		r.fail("no answer: %v", err)
		return
	}
	sent, got := r.internet.dns.sent(), buf[:n]
	r.showAnswer("server answered", sent, gone)
	r.showAnswer("client received", got, fresh)
	r.event(from, "dns", func(e *eveEvent) bool { return e.Type == "dns" && strings.Contains(e.Weir.Name, "replace") })
	addrs, err := addresses(got)
	r.check(err == nil && slices.Equal(addrs, want) && bytes.Equal(got[:2], query[:2]),
		"over %s: %d bytes were sent, %d received, and they parse", family(server), len(sent), len(got))
}
