package examples

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/checksum"
)

// A story is one packet on its way through an example, and what comes out: nil if nothing does.
type story struct{ in, out []byte }

func same(b []byte) story { return story{b, b} }

// A family is the addresses of one IP version.
type family struct {
	name           string
	version        int
	client, server string
}

var families = []family{
	{"IPv4", 4, "192.0.2.1", "198.51.100.1"},
	{"IPv6", 6, "2001:db8::1", "2001:db8:1::1"},
}

// tcp and udp go from the client's port 40000 to the server, reply comes from its port 53.
func (f family) tcp(port, payload string) []byte {
	seg := craft.Segment{Flags: packet.ACK | packet.PSH, Seq: 7}
	return craft.TCP(net.JoinHostPort(f.client, "40000"), net.JoinHostPort(f.server, port), seg, []byte(payload))
}

func (f family) udp(port, payload string) []byte {
	return craft.UDP(net.JoinHostPort(f.client, "40000"), net.JoinHostPort(f.server, port), []byte(payload))
}

func (f family) reply(message string) []byte {
	return craft.UDP(net.JoinHostPort(f.server, "53"), net.JoinHostPort(f.client, "40000"), []byte(message))
}

// examples has one entry for each directory.
var examples = map[string]struct {
	args    []string
	stories func(t *testing.T, f family) []story
	prints  func(f family) string // on both outputs; nil for nothing
}{
	"mask":       {nil, cards, nil},
	"dnsrewrite": {[]string{"-to", "203.0.113.9"}, responses, nil},
	"blockhost":  {nil, requests, blocked},
	"ids":        {[]string{"-drop"}, attacks, alerts},
	"qos":        {[]string{"-rate", "512", "-burst", "320"}, classed, func(family) string { return "class: 5 packets passed, 1 dropped\n" }},
	"top":        {[]string{"-n", "2"}, talks, talkers},
	"loop":       {nil, anything, lines},
	"callback":   {nil, words, nil},
}

func cards(_ *testing.T, f family) []story {
	const filler = "24 bytes of other things"
	whole := craft.Fragments(f.udp("80", "4111111111111111 early.."+filler+filler), 5, 32)
	early := craft.Fragments(f.udp("80", "************1111 early.."+filler+filler), 5, 32)
	late := craft.Fragments(f.udp("80", filler+"4111111111111111 late"), 6, 32)
	return []story{
		{f.tcp("80", "card=4111111111111111&x"), f.tcp("80", "card=************1111&x")},
		{f.tcp("80", "4111 1111 1111 1111, 5500-0000-0000-0004"), f.tcp("80", "**** **** **** 1111, ****-****-****-0004")},
		{f.udp("80", "378282246310005"), f.udp("80", "***********0005")},
		same(f.tcp("80", "card=4111111111111112")),        // fails Luhn's check
		same(f.tcp("80", "12345678901234567894")),         // 20 digits that satisfy it
		same(f.tcp("80", "4111  1111  1111  1111 and 4")), // two spaces separate numbers
		same(f.tcp("80", "")),
		{whole[0], early[0]}, // the checksum, which is here, follows
		same(whole[1]),
		same(late[0]),
		{late[1], nil}, // the checksum is elsewhere: cannot be masked
	}
}

// resource is a resource record of the name in the question.
func resource(kind byte, data string) string {
	return "\xc0\x0c\x00" + string(kind) + "\x00\x01\x00\x00\x00\x3c" + string(binary.BigEndian.AppendUint16(nil, uint16(len(data)))) + data
}

// about is a DNS message with a question about a name in wire form.
func about(name string, records ...string) string {
	return "\x12\x34\x81\x80\x00\x01\x00" + string([]byte{byte(len(records))}) + "\x00\x00\x00\x00" + name + "\x00\x00\x01\x00\x01" + strings.Join(records, "")
}

func responses(_ *testing.T, f family) []story {
	const www, other, old, to = "\x03www\x07example\x03com", "\x03ftp\x07example\x03com", "\xc6\x33\x64\x07", "\xcb\x00\x71\x09"
	const mixed, sixteen = "\x03wWw\x07eXAmple\x03coM", "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07"
	query := []byte(about(www, resource(1, old))) // one that carries an answer
	query[2] = 1
	long := www + "\x00" + resource(1, old)[2:] // the owner written out
	return []story{
		{f.reply(about(www, resource(1, old))), f.reply(about(www, resource(1, to)))},
		{f.reply(about(mixed, resource(28, sixteen), resource(1, old), resource(1, old))), f.reply(about(mixed, resource(28, sixteen), resource(1, to), resource(1, to)))},
		{f.reply(about(www, long)), f.reply(about(www, resource(1, to)))}, // shorter by compression
		same(f.reply(about(www, resource(28, sixteen)))),
		same(f.reply(about(www))),
		same(f.reply(about(other, resource(1, old)))),
		same(f.reply(about(www, resource(1, old))[:45])),
		same(f.reply(string(query))),
		same(f.udp("53", about(www, resource(1, old)))), // not from port 53
		same(f.reply("")),
	}
}

func requests(t *testing.T, f family) []story {
	cut := hello(t, "blocked.example")
	cut = cut[:strings.Index(cut, "blocked")+3]
	return []story{
		{f.tcp("80", "GET / HTTP/1.1\r\nAccept: */*\r\nhOST: blocked.example:8080\r\n\r\n"), nil},
		{f.tcp("80", "GET / HTTP/1.1\r\nHost: www.Blocked.Example.\r\n\r\n"), nil},
		same(f.tcp("80", "GET / HTTP/1.1\r\nHost: unblocked.example\r\n\r\n")),
		same(f.tcp("80", "POST / HTTP/1.0\r\nAccept: */*\r\n\r\nHost: blocked.example")),
		same(f.udp("80", "Host: blocked.example\r\n")),
		{f.tcp("443", hello(t, "blocked.example")), nil},
		{f.tcp("443", hello(t, "ads.blocked.example")), nil},
		same(f.tcp("443", hello(t, "blocked.example.org"))),
		same(f.tcp("443", cut)), // the rest of the name is in the next segment
		same(f.tcp("443", "\x16\x03\x01")),
	}
}

func blocked(f family) string {
	var text string
	for _, name := range []string{"blocked.example", "www.blocked.example.", "blocked.example", "ads.blocked.example"} {
		text += "blocked \"" + name + "\" for " + f.client + "\n"
	}
	return text
}

// hello is the first flight of a real TLS client.
func hello(t *testing.T, name string) string {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go tls.Client(near, &tls.Config{ServerName: name}).Handshake() // ends when far closes
	b := make([]byte, 16<<10)
	n, err := far.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func attacks(_ *testing.T, f family) []story {
	return []story{
		{f.tcp("80", "GET /a/../../etc/passwd HTTP/1.1\r\n\r\n"), nil},
		same(f.tcp("80", "GET /a/b HTTP/1.1\r\nReferer: /../\r\n\r\n")),
		{f.udp("80", "post /\x1b[2J../ HTTP/1.1"), nil},
	}
}

func alerts(f family) string {
	ends := net.JoinHostPort(f.client, "40000") + " > " + net.JoinHostPort(f.server, "80")
	return "alert tcp " + ends + " \"GET /a/../../\"\n" + "alert udp " + ends + " \"post /\\x1b[2J../\"\n"
}

// classed is six datagrams of 128 bytes, one each step, and one of another class. The bucket gains
// 64 bytes in a step: there are 320, 256, 192, 128, 64 and 128 when they come.
func classed(_ *testing.T, f family) []story {
	header := map[int]int{4: 28, 6: 48}[f.version]
	d := f.udp("5000", strings.Repeat("v", 128-header))
	marked := expedited(d)
	return []story{{d, marked}, {d, marked}, {d, marked}, {d, marked}, {d, nil}, {d, marked}, same(f.udp("5001", "other"))}
}

// expedited returns a datagram with code point 46.
func expedited(d []byte) []byte {
	d = append([]byte{}, d...)
	if d[0]>>4 == 6 {
		d[0], d[1] = 0x6b, 0x80
		return d
	}
	d[1], d[10], d[11] = 46<<2, 0, 0
	binary.BigEndian.PutUint16(d[10:], ^checksum.Sum(d[:20], 0))
	return d
}

func talks(_ *testing.T, f family) []story {
	return []story{
		same(f.udp("5000", strings.Repeat("x", 100))),
		same(f.reply(strings.Repeat("y", 50))),
		same(f.tcp("80", "")),
		same(craft.UDP(net.JoinHostPort(f.client, "1"), net.JoinHostPort(f.client, "2"), nil)),
		same(craft.UDP(net.JoinHostPort(f.server, "1"), net.JoinHostPort(f.server, "2"), nil)),
	}
}

// talkers leaves out the third pair, which has as many bytes as the second.
func talkers(f family) string {
	if f.version == 4 {
		return "       246 bytes        3 packets  192.0.2.1 - 198.51.100.1\n        28 bytes        1 packets  192.0.2.1 - 192.0.2.1\n"
	}
	return "       306 bytes        3 packets  2001:db8::1 - 2001:db8:1::1\n        48 bytes        1 packets  2001:db8::1 - 2001:db8::1\n"
}

func anything(_ *testing.T, f family) []story {
	return []story{same(f.tcp("80", "hello")), same(f.udp("5000", "")), same([]byte("\x00no IP at all"))}
}

func lines(f family) string {
	ends := f.client + " > " + f.server
	if f.version == 4 {
		return ends + " tcp 45 bytes\n" + ends + " udp 28 bytes\n"
	}
	return ends + " tcp 65 bytes\n" + ends + " udp 48 bytes\n"
}

func words(_ *testing.T, f family) []story {
	return []story{
		{f.udp("5000", "a secret, two secrets"), f.udp("5000", "a ******, two ******s")},
		same(f.udp("5000", "nothing")),
		{f.tcp("5000", "secret"), f.tcp("5000", "******")},
	}
}
