package eve

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/weir-project/weir/event"
)

// IP protocol numbers (IANA) that matter here.
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132
)

// protoNames are as in Suricata (util-proto-name.c); the others are written as numbers.
var protoNames = [256]string{
	protoICMP: "ICMP", 2: "IGMP", 4: "IP-in-IP", protoTCP: "TCP", protoUDP: "UDP",
	41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH", protoICMPv6: "IPv6-ICMP", protoSCTP: "SCTP",
}

func addresses(o *object, e *event.Event) {
	ports := e.Proto != protoICMP && e.Proto != protoICMPv6
	always := e.Proto == protoTCP || e.Proto == protoUDP || e.Proto == protoSCTP
	endpoint(o, `,"src_ip":"`, `,"src_port":`, e.Src, ports, always)
	endpoint(o, `,"dest_ip":"`, `,"dest_port":`, e.Dst, ports, always)
	if e.Proto != 0 {
		o.plain(`,"proto":`, protoName(e.Proto))
	}
	o.some(`,"app_proto":`, e.AppProto)
	if e.FlowID != 0 {
		direction := `,"direction":"to_client"`
		if e.ToServer {
			direction = `,"direction":"to_server"`
		}
		o.key(direction)
	}
}

func endpoint(o *object, ip, port string, ap netip.AddrPort, ports, always bool) {
	if !ap.Addr().IsValid() {
		return
	}
	o.key(ip)
	o.b = appendAddr(o.b, ap.Addr())
	o.b = append(o.b, '"')
	if ports && (always || ap.Port() != 0) {
		o.uint(port, uint64(ap.Port()))
	}
}

// appendAddr writes IPv6 with all its zeros, as Suricata's PrintInet does, without zone.
func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		return a.AppendTo(b)
	}
	for i, c := range a.As16() {
		if i > 0 && i%2 == 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

var protoNumbers = func() (names [256]string) {
	for i := range names {
		names[i] = strconv.Itoa(1000 + i)[1:]
	}
	return names
}()

func protoName(p uint8) string {
	if name := protoNames[p]; name != "" {
		return name
	}
	return protoNumbers[p]
}

// appendTime writes t in quotes, in UTC; its year must have four digits.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(b, '"')
	b = appendTwo(b, year/100, 0)
	b = appendTwo(b, year%100, '-')
	b = appendTwo(b, int(month), '-')
	b = appendTwo(b, day, 'T')
	b = appendTwo(b, hour, ':')
	b = appendTwo(b, minute, ':')
	b = appendTwo(b, second, '.')
	micros := t.Nanosecond() / 1000
	b = appendTwo(b, micros/10000, 0)
	b = appendTwo(b, micros/100%100, 0)
	b = appendTwo(b, micros%100, 0)
	return append(b, `+0000"`...)
}

// appendTwo writes two digits and, unless it is 0, what comes after them.
func appendTwo(b []byte, n int, after byte) []byte {
	b = append(b, byte('0'+n/10), byte('0'+n%10))
	if after != 0 {
		b = append(b, after)
	}
	return b
}
