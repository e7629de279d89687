package divert

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/checksum"
)

var captureTime = time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC)

// query is a UDP datagram with a right checksum.
func query(payload string) []byte {
	b := []byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1, 0x30, 0x39, 0, 53, 0, 8, 0xff, 0xff}
	var p packet.Packet
	p.Rewrite(append(b, payload...))
	p.Repair()
	return p.Bytes()
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var (
	macs = []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02")
	arp  = join(macs, []byte{8, 6}, make([]byte, 46))
)

// frames of every link type around the same datagram.
func framed(link layers.LinkType, ip []byte) []byte {
	switch link {
	case linkEthernet:
		return join(macs, []byte{0x81, 0, 0, 5, 0x88, 0xa8, 0, 6, 8, 0}, ip)
	case linkNull, linkLoop:
		return join([]byte{2, 0, 0, 0}, ip)
	case linkSLL:
		return join([]byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0}, ip)
	case linkSLL2:
		return join([]byte{8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0}, ip)
	}
	return ip
}

type record struct {
	data []byte
	orig int // bytes on the wire; 0 for len(data)
	link layers.LinkType
	at   time.Duration // since captureTime; valid in what was read
}

func (r record) info(at time.Time) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(r.data), Length: max(r.orig, len(r.data))}
}

func writePcap(t testing.TB, link layers.LinkType, rs ...record) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	err := w.WriteFileHeader(65536, link)
	for i, r := range rs {
		err = errors.Join(err, w.WritePacket(r.info(captureTime.Add(time.Duration(i)*time.Second)), r.data))
	}
	return writeFile(t, b.Bytes(), err)
}

// writeNg gives every record an interface of its own link type.
func writeNg(t testing.TB, rs ...record) string {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&b, pcapgo.NgInterface{LinkType: rs[0].link, SnapLength: 65536}, pcapgo.DefaultNgWriterOptions)
	for i, r := range rs {
		id := 0
		if i > 0 {
			var e error
			id, e = w.AddInterface(pcapgo.NgInterface{LinkType: r.link, SnapLength: 65536})
			err = errors.Join(err, e)
		}
		info := r.info(captureTime.Add(time.Duration(i) * time.Second))
		info.InterfaceIndex = id
		err = errors.Join(err, w.WritePacket(info, r.data))
	}
	err = errors.Join(err, w.Flush())
	return writeFile(t, b.Bytes(), err)
}

func writeFile(t testing.TB, b []byte, err error) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "in.pcap")
	if err = errors.Join(err, os.WriteFile(name, b, 0o644)); err != nil {
		t.Fatal(err)
	}
	return name
}

// replay runs a capture through decide and returns the output's records.
func replay(t *testing.T, in string, decide func(p *packet.Packet)) ([]record, *Pcap) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.pcap")
	s := openPcapTest(t, "pcap:"+in+">"+out)
	ps := newPackets(3)
	for {
		n, err := s.Recv(ps, -1)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ps[:n] {
			p.Decode()
			decide(p)
		}
		if err := s.Finish(ps[:n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return readPcap(t, out), s
}

func openPcapTest(t *testing.T, address string) *Pcap {
	t.Helper()
	s, err := OpenSocket(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*Pcap)
}

func newPackets(n int) []*packet.Packet {
	ps := make([]*packet.Packet, n)
	for i := range ps {
		ps[i] = new(packet.Packet)
	}
	return ps
}

func readPcap(t *testing.T, name string) (rs []record) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			return rs
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := captureTime.Add(time.Duration(info.Timestamp.Sub(captureTime).Round(time.Second))); !info.Timestamp.Equal(want) {
			t.Errorf("timestamp %v, want %v", info.Timestamp, want)
		}
		rs = append(rs, record{data, info.Length, r.LinkType(), info.Timestamp.Sub(captureTime)})
	}
}

func TestLinkHeadersAreStrippedAndRestored(t *testing.T) {
	for link, name := range linkNames {
		if link == linkIPv6 {
			continue // an IPv4 datagram is used
		}
		t.Run(name, func(t *testing.T) {
			a, b := framed(link, query("same")), framed(link, query("edit"))
			out, _ := replay(t, writePcap(t, link, record{data: a}, record{data: b}), func(p *packet.Packet) {
				if string(p.Payload()) == "edit" {
					p.ReplacePayload(make([]byte, 200), []byte("other length"))
				} else if string(p.Payload()) != "same" {
					t.Errorf("payload %q", p.Payload())
				}
			})
			want := []record{{data: a}, {}}
			want[1].data = framed(link, query("other length"))
			for i, w := range want {
				if !bytes.Equal(out[i].data, w.data) || out[i].link != link {
					t.Errorf("record %d: link %v\n%x, want\n%x", i, out[i].link, out[i].data, w.data)
				}
			}
		})
	}
}

func TestFramesWithoutIPKeepTheirPlace(t *testing.T) {
	eth := func(s string) []byte { return join(macs, []byte{8, 0}, query(s)) }
	in := []record{{data: arp}, {data: eth("1")}, {data: arp}, {data: arp}, {data: eth("2")}, {data: eth("drop")}, {data: eth("3")}, {data: arp}}
	out, s := replay(t, writePcap(t, linkEthernet, in...), func(p *packet.Packet) {
		if string(p.Payload()) == "drop" {
			p.Verdict = packet.Drop
		}
	})
	want := slices.Delete(slices.Clone(in), 5, 6)
	if len(out) != len(want) {
		t.Fatalf("%d records, want %d", len(out), len(want))
	}
	for i := range want {
		if !bytes.Equal(out[i].data, want[i].data) {
			t.Errorf("record %d is %x", i, out[i].data)
		}
	}
	if st := s.Stats(); s.Skipped() != 4 || st.Received != 4 || st.Accepted != 3 || st.Dropped != 1 {
		t.Errorf("%d skipped, %+v", s.Skipped(), st)
	}
	if done, total := s.Progress(); done != total || total == 0 {
		t.Errorf("progress %d of %d", done, total)
	}
}

// A short frame is padded: the padding is no part of the datagram, and is kept.
func TestPaddingIsKept(t *testing.T) {
	short := join(macs, []byte{8, 0}, query("x"), make([]byte, 60-14-29))
	out, _ := replay(t, writePcap(t, linkEthernet, record{data: short}, record{data: short}), func(p *packet.Packet) {
		if len(p.Bytes()) != 29 || p.Truncated() {
			t.Errorf("%d bytes", len(p.Bytes()))
		}
		if p.Token.ID == 2 {
			p.MutablePayload()[0] = 'y'
		}
	})
	if !bytes.Equal(out[0].data, short) || len(out[1].data) != 60 || out[1].data[42] != 'y' {
		t.Errorf("%x\n%x", out[0].data, out[1].data)
	}
}

func TestTruncatedRecords(t *testing.T) {
	whole := query(strings.Repeat("long ", 50))
	in := writePcap(t, linkRaw, record{data: whole[:100], orig: len(whole)}, record{data: whole[:100], orig: len(whole)})
	out, s := replay(t, in, func(p *packet.Packet) {
		if !p.Truncated() || p.Meta.OrigLen != len(whole) || p.Meta.Captured < time.Duration(captureTime.UnixNano()) {
			t.Errorf("meta %+v", p.Meta)
		}
		if p.Token.ID == 2 {
			p.MarkDirty()
		}
	})
	if len(out) != 1 || !bytes.Equal(out[0].data, whole[:100]) || out[0].orig != len(whole) {
		t.Errorf("%d records", len(out))
	}
	if st := s.Stats(); st.Truncated != 2 || st.VerdictErrors != 1 {
		t.Errorf("%+v", st)
	}
}

// TestChecksumsThatTheCardWasToComplete are those of a capture on the sending host. Where nothing is
// edited they stay; and a wrong checksum is no such one.
func TestChecksumsThatTheCardWasToComplete(t *testing.T) {
	for name, ip := range map[string][]byte{
		"UDP over IPv4": craft.UDP("192.0.2.1:1025", "198.51.100.1:53", []byte("edit")),
		"UDP over IPv6": craft.UDP("[2001:db8::1]:1025", "[2001:db8::2]:53", []byte("edit")),
		"TCP over IPv4": craft.TCP("192.0.2.1:1025", "198.51.100.1:80", craft.Segment{Flags: packet.ACK}, []byte("edit")),
		"TCP over IPv6": craft.TCP("[2001:db8::1]:1025", "[2001:db8::2]:80", craft.Segment{Flags: packet.ACK}, []byte("edit")),
	} {
		t.Run(name, func(t *testing.T) {
			proto, at, upper := uint8(17), len(ip)-len("edit")-2, 8+len("edit")
			if strings.HasPrefix(name, "TCP") {
				proto, at, upper = 6, len(ip)-len("edit")-4, 20+len("edit")
			}
			addrs := ip[12:20]
			if ip[0]>>4 == 6 {
				addrs = ip[8:40]
			}
			half := len(addrs) / 2
			partial, wrong := bytes.Clone(ip), bytes.Clone(ip)
			sum := checksum.Pseudo(addrs[:half], addrs[half:], proto, upper)
			binary.BigEndian.PutUint16(partial[at:], sum)
			binary.BigEndian.PutUint16(wrong[at:], sum+1)
			var states []packet.ChecksumState
			var right []bool
			out, _ := replay(t, writePcap(t, linkRaw, record{data: ip}, record{data: partial}, record{data: wrong}, record{data: partial}), func(p *packet.Packet) {
				states, right = append(states, p.Meta.Checksum), append(right, p.VerifyChecksum())
				if len(states) == 4 {
					p.ReplacePayload(make([]byte, 200), []byte("tide"))
				}
			})
			if want := []packet.ChecksumState{packet.ChecksumUnknown, packet.ChecksumPartial, packet.ChecksumUnknown, packet.ChecksumPartial}; !slices.Equal(states, want) {
				t.Errorf("states %v, want %v", states, want)
			}
			if want := []bool{true, true, false, true}; !slices.Equal(right, want) {
				t.Errorf("right %v, want %v", right, want)
			}
			if !bytes.Equal(out[1].data, partial) {
				t.Errorf("an unchanged packet left as\n%x, came as\n%x", out[1].data, partial)
			}
			var p packet.Packet
			p.Set(out[3].data)
			p.Decode()
			if string(p.Payload()) != "tide" || !p.VerifyChecksum() {
				t.Errorf("the edited packet left as %x", out[3].data)
			}
		})
	}
}

func TestPcapngWithSeveralLinkTypes(t *testing.T) {
	in := writeNg(t,
		record{data: framed(linkEthernet, query("ether")), link: linkEthernet},
		record{data: query("raw"), link: linkRaw},
		record{data: framed(linkSLL2, query("cooked")), link: linkSLL2},
		record{data: arp, link: linkEthernet})
	var seen []string
	out, s := replay(t, in, func(p *packet.Packet) { seen = append(seen, string(p.Payload())) })
	if !slices.Equal(seen, []string{"ether", "raw", "cooked"}) || s.Skipped() != 1 {
		t.Errorf("seen %q, %d skipped", seen, s.Skipped())
	}
	plain := func(s string) []byte { return join(make([]byte, 12), []byte{8, 0}, query(s)) }
	for i, want := range [][]byte{framed(linkEthernet, query("ether")), plain("raw"), plain("cooked"), arp} {
		if !bytes.Equal(out[i].data, want) || out[i].link != linkEthernet {
			t.Errorf("record %d is %x, want %x", i, out[i].data, want)
		}
	}
}

func TestHeldPacketOutlastsItsBatch(t *testing.T) {
	in := writePcap(t, linkRaw, record{data: query("first")}, record{data: query("second")})
	out := filepath.Join(t.TempDir(), "out.pcap")
	s := openPcapTest(t, "pcap:"+in+">"+out)
	ps := newPackets(1)
	var held []*packet.Packet
	for range 2 {
		if n, err := s.Recv(ps, -1); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		p := new(packet.Packet)
		p.Set(bytes.Clone(ps[0].Bytes()))
		p.Token = ps[0].Token
		held = append(held, p)
	}
	if _, err := s.Recv(ps, -1); err != io.EOF {
		t.Fatal(err)
	}
	slices.Reverse(held)
	if err := errors.Join(s.Finish(held), s.Close()); err != nil {
		t.Fatal(err)
	}
	rs := readPcap(t, out)
	if len(rs) != 2 || !bytes.Equal(rs[0].data, query("second")) || !bytes.Equal(rs[1].data, query("first")) {
		t.Errorf("%d records", len(rs))
	}
}

// Each bad capture gives a sentence and leaves no output behind.
func TestBadCaptures(t *testing.T) {
	good, err := os.ReadFile(writePcap(t, linkRaw, record{data: query("one")}, record{data: query("two")}))
	if err != nil {
		t.Fatal(err)
	}
	link := bytes.Clone(good)
	binary.LittleEndian.PutUint32(link[20:], 147)
	huge := bytes.Clone(good)
	binary.LittleEndian.PutUint32(huge[24+8:], 1<<30)
	ng, err := os.ReadFile(writeNg(t, record{data: query("one"), link: linkRaw}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "the file is empty"},
		{"two bytes", good[:2], "ends within its header"},
		{"half a header", good[:20], "ends within its header"},
		{"no capture", []byte("GIF89a, more or less"), "not a capture file: it begins with 47494638"},
		{"link type", link, "link type 147 is not supported"},
		{"cut in a record header", good[:30], "cut off within record 1"},
		{"cut behind a record header", good[:40], "cut off within record 1"},
		{"cut in a record", good[:len(good)-3], "cut off within record 2"},
		{"absurd length", huge, "record 1"},
		{"cut pcapng header", ng[:10], "ends within its header"},
		{"cut pcapng block", ng[:len(ng)-9], "cut off within record 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			conn, err := Open("pcap:" + writeFile(t, c.file, nil) + ">" + filepath.Join(dir, "out.pcap"))
			if err == nil {
				for pkt := range conn.Packets() {
					conn.Reinject(pkt)
				}
				err = conn.Err()
				if cerr := conn.Close(); cerr != nil {
					t.Error(cerr)
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%s is left behind", left[0].Name())
			}
		})
	}
}

func TestEveryCutOfACaptureIsNoticed(t *testing.T) {
	for _, name := range []string{
		writePcap(t, linkRaw, record{data: query("one")}, record{data: query("two")}),
		writeNg(t, record{data: query("one"), link: linkRaw}, record{data: query("two"), link: linkRaw}),
	} {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		packets, silent := 0, 0
		for cut := range len(whole) {
			n, err := count(writeFile(t, whole[:cut], nil))
			if n < packets {
				t.Errorf("cut at %d: %d packets, %d with less of the file", cut, n, packets)
			}
			if packets = n; err == nil {
				silent++
			}
		}
		if silent > 4 { // behind the header, an interface, a record: whole files all
			t.Errorf("%d cuts were not noticed", silent)
		}
		if n, err := count(name); n != 2 || err != nil {
			t.Errorf("%d packets, %v", n, err)
		}
	}
}

// count reads a capture to its end.
func count(name string) (n int, err error) {
	s, err := openPcap(name, nil)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	ps := newPackets(8)
	for {
		k, err := s.Recv(ps, -1)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n += k
		if err := s.Finish(ps[:k]); err != nil {
			return n, err
		}
	}
}

func FuzzCapture(f *testing.F) {
	for _, name := range []string{
		writePcap(f, linkEthernet, record{data: framed(linkEthernet, query("x"))}, record{data: arp}),
		writeNg(f, record{data: query("x"), link: linkRaw}),
	} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := count(writeFile(t, b, nil))
		if n*16 > len(b) {
			t.Errorf("%d packets of %d bytes, %v", n, len(b), err)
		}
	})
}
