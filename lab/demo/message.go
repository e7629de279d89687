package demo

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// showAnswer prints each address record of a message, its text and its bytes.
func (s *story) showAnswer(label string, message []byte, st style) {
	m := new(dns.Msg)
	if err := m.Unpack(message); err != nil {
		s.fail("%s: %v", label, err)
		return
	}
	for _, rr := range m.Answer {
		a := address(rr)
		kind := dns.TypeToString[rr.Header().Rrtype]
		head := fmt.Sprintf("%s %3d IN %-4s ", rr.Header().Name, rr.Header().Ttl, kind)
		s.screen.row(label, span{head, plain}, span{fmt.Sprintf("%-15s", a), st}, span{" " + hex.EncodeToString(a.AsSlice()), dim})
		label = ""
	}
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

// firstLines returns the first n lines of a message, without its last line end.
func firstLines(b []byte, n int) []byte {
	for i, c := range b {
		if c == '\n' {
			if n--; n == 0 {
				return b[:i-1]
			}
		}
	}
	return b
}

// rule returns the rule of the policy with that number.
func rule(sid int) string {
	for line := range strings.Lines(policyText) {
		if strings.Contains(line, fmt.Sprintf("sid:%d;", sid)) {
			return strings.Trim(strings.TrimSpace(line), "-' ")
		}
	}
	return ""
}

// byName lists packets and bytes of some counters that are not zero.
func byName(counts map[string]int64, names ...string) string {
	var out []string
	for _, n := range names {
		if p := counts[n+".packets"]; p > 0 {
			out = append(out, fmt.Sprintf("%s %d", n, p))
		}
	}
	return strings.Join(out, ", ") + " packets"
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
