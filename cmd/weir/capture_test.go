package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/miekg/dns"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/checksum"
)

// The captures of the stories are made here, when the tests run: an office whose hosts (MAC 02::1, 192.0.2.x) speak with
// servers behind a router (MAC 02::2).

const (
	client4, client6 = "192.0.2.10", "[2001:db8::10]"
	card             = "4111111111111111"
	ssn              = "536-22-1234"
)

var officeEpoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// A frame is one record of a capture that is being made.
type frame struct {
	at   time.Duration // since officeEpoch
	data []byte
}

// An office makes frames, a millisecond apart.
type office struct {
	frames []frame
}

// send adds a datagram; out says that it leaves the office.
func (o *office) send(out bool, ip []byte) {
	head := []byte("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00")
	if !out {
		head[5], head[11] = head[11], head[5]
	}
	if ip[0]>>4 == 6 {
		head[12], head[13] = 0x86, 0xdd
	}
	o.add(append(head, ip...))
}

func (o *office) add(f []byte) {
	o.frames = append(o.frames, frame{time.Duration(len(o.frames)) * time.Millisecond, f})
}

// talk is a TCP conversation: handshake, then what each side says in turn, the client first.
func (o *office) talk(client, server string, said ...string) {
	from, to := uint32(1000), uint32(5000)
	o.send(true, craft.TCP(client, server, craft.Segment{Flags: packet.SYN, Seq: from - 1}, nil))
	o.send(false, craft.TCP(server, client, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: to - 1, Ack: from}, nil))
	o.send(true, craft.TCP(client, server, craft.Segment{Flags: packet.ACK, Seq: from, Ack: to}, nil))
	for i, text := range said {
		seg := craft.Segment{Flags: packet.ACK | packet.PSH, Seq: from, Ack: to}
		if i%2 == 0 {
			o.send(true, craft.TCP(client, server, seg, []byte(text)))
			from += uint32(len(text))
		} else {
			seg.Seq, seg.Ack = to, from
			o.send(false, craft.TCP(server, client, seg, []byte(text)))
			to += uint32(len(text))
		}
	}
}

// resolve asks for a name and gets an answer.
func (o *office) resolve(client, server, name string, answer string) {
	var q, a dns.Msg
	q.SetQuestion(name, dns.TypeA)
	q.Id = 7
	a.SetReply(&q)
	rr, err := dns.NewRR(name + " 300 IN A " + answer)
	if err != nil {
		panic(err)
	}
	a.Answer = append(a.Answer, rr)
	ask, err1 := q.Pack()
	reply, err2 := a.Pack()
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	o.send(true, craft.UDP(client, server, ask))
	o.send(false, craft.UDP(server, client, reply))
}

func (o *office) arp() {
	o.add(append([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06\x00\x01"), make([]byte, 44)...))
}

// newOffice is the day that the stories tell of: a card number in a form, one in fragments, names asked for, a blocked site,
// a number that is only watched, a flood that is shaped, wrong checksums, and a frame without IP.
func newOffice() *office {
	o := &office{}
	o.arp()
	o.talk(client4+":40000", "198.51.100.1:80", "POST /pay HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 39\r\n\r\nname=A.+User&card="+card+"&go=1",
		"HTTP/1.1 204 No Content\r\n\r\n")
	o.resolve(client4+":40001", "198.51.100.53:53", "www.example.com.", "198.51.100.7")
	o.resolve(client6+":40001", "[2001:db8:1::53]:53", "other.example.com.", "198.51.100.8")
	o.talk(client4+":40002", "198.51.100.2:80", "GET /banner HTTP/1.1\r\nHost: ads.example.net\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n")
	o.talk(client6+":40003", "[2001:db8:1::2]:80", "GET /banner HTTP/1.1\r\nHost: ads.example.net\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n")
	o.send(true, craft.UDP(client4+":40004", "198.51.100.3:9000", []byte("the number is "+ssn+", the card "+card+".")))
	o.arp()
	long := append(bytes.Repeat([]byte("."), 1200), []byte(card)...)
	pieces := craft.Fragments(craft.UDP(client4+":40005", "198.51.100.3:9000", long), 77, 640)
	for i := range pieces {
		o.send(true, pieces[len(pieces)-1-i])
	}
	o.send(true, pieces[0]) // again, and alone
	for range 8 {
		o.send(true, craft.UDP(client4+":40006", "198.51.100.4:5000", bytes.Repeat([]byte("x"), 700)))
	}
	broken := craft.UDP(client4+":40007", "198.51.100.3:9000", []byte("broken"))
	broken[len(broken)-1] ^= 1
	o.send(true, broken)
	o.send(true, []byte{0x45, 0, 0, 40, 0, 0})
	o.talk(client4+":40008", "198.51.100.5:7777", "a needle in a haystack\n")
	for i := range 130 { // more than one batch of any size that is tried
		o.send(true, craft.UDP(fmt.Sprintf("%s:%d", client4, 50000+i%9), "198.51.100.6:9001", fmt.Appendf(nil, "card %s, call %d", card, i)))
	}
	return o
}

// seenBySender is the capture of hosts that leave the checksums of what they send to their cards.
func (o *office) seenBySender() *office {
	for _, f := range o.frames {
		ip := f.data[14:]
		var p packet.Packet
		p.Set(ip)
		p.Decode()
		if f.data[5] != 2 || p.Malformed != packet.WellFormed || p.Fragment.IsFragment() || !p.VerifyChecksum() {
			continue
		}
		addrs, at := ip[12:20], 20
		if p.Version == 6 {
			addrs, at = ip[8:40], 40
		}
		half, upper := len(addrs)/2, len(ip)-at
		at += 6 // of UDP
		if p.Proto == packet.TCP {
			at += 10
		}
		binary.BigEndian.PutUint16(ip[at:], checksum.Pseudo(addrs[:half], addrs[half:], uint8(p.Proto), upper))
	}
	return o
}

func (o *office) pcap() []byte {
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	must(w.WriteFileHeader(65536, layers.LinkTypeEthernet))
	for _, f := range o.frames {
		must(w.WritePacket(f.info(), f.data))
	}
	return b.Bytes()
}

func (o *office) pcapng() []byte {
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	must(err)
	for _, f := range o.frames {
		must(w.WritePacket(f.info(), f.data))
	}
	must(w.Flush())
	return b.Bytes()
}

func (f frame) info() gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: officeEpoch.Add(f.at), CaptureLength: len(f.data), Length: len(f.data)}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// makeCapture is the program "capture KIND FILE".
func makeCapture(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: capture KIND FILE")
	}
	whole := newOffice().pcap()
	var b []byte
	switch args[0] {
	case "office":
		b = whole
	case "pcapng":
		b = newOffice().pcapng()
	case "cut":
		b = whole[:len(whole)-7]
	case "sender":
		b = newOffice().seenBySender().pcap()
	case "linktype":
		b = bytes.Clone(whole)
		binary.LittleEndian.PutUint32(b[20:], 147)
	case "snaplen":
		b = bytes.Clone(whole)
		binary.LittleEndian.PutUint32(b[16:], 0xffffffff)
	case "hugerecord":
		b = bytes.Clone(whole)
		binary.LittleEndian.PutUint32(b[24+8:], 0x7fffffff)
	case "header":
		b = whole[:24]
	case "empty":
	default:
		return fmt.Errorf("no capture of kind %q", args[0])
	}
	return os.WriteFile(args[1], b, 0o644)
}

// printCapture is the program "packets FILE": a line for each record, with milliseconds since the first packet of the office,
// addresses, and the payload.
func printCapture(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: packets FILE")
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		return err
	}
	for {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		at := info.Timestamp.Sub(officeEpoch).Milliseconds()
		var p packet.Packet
		if data[12] == 8 && data[13] == 6 {
			fmt.Printf("%d arp\n", at)
			continue
		}
		p.Set(data[14:])
		p.Decode()
		fmt.Printf("%d %x>%x %s %s %s %.120q\n", at, data[11], data[5], endpoints(&p), p.TCPFlags, sound(&p), bytes.TrimLeft(p.Payload(), "."))
	}
}

// sound says what is wrong with a packet, "ok" if nothing.
func sound(p *packet.Packet) string {
	switch {
	case p.Malformed != packet.WellFormed:
		return string(p.Malformed.Reason())
	case p.Fragment.IsFragment():
		return "fragment"
	case p.PartialChecksum():
		return "partial"
	case !p.VerifyChecksum():
		return "bad-checksum"
	}
	return "ok"
}
