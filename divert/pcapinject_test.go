package divert

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/weir-project/weir/packet"
)

// exchanged returns a datagram with source and destination exchanged.
func exchanged(ip []byte) []byte {
	out := bytes.Clone(ip)
	copy(out[12:16], ip[16:20])
	copy(out[16:20], ip[12:16])
	return out
}

// inject answers the second of three packets of a link type, and returns what the output holds.
func inject(t *testing.T, link layers.LinkType, batch int, answers func(of *packet.Packet) []*packet.Packet) []record {
	t.Helper()
	in := writePcap(t, link, record{data: framed(link, query("one"))}, record{data: framed(link, query("two"))}, record{data: framed(link, query("three"))})
	out := filepath.Join(t.TempDir(), "out.pcap")
	s := openPcapTest(t, "pcap:"+in+">"+out)
	ps := newPackets(batch)
	for {
		n, err := s.Recv(ps, -1)
		if err == io.EOF {
			break
		}
		for i, p := range ps[:n] {
			if string(p.Bytes()[28:]) == "two" {
				p.Verdict = packet.Reject
				err = errors.Join(err, s.Finish(ps[:i]))
				for _, a := range answers(p) {
					err = errors.Join(err, s.Inject(a, InjectOut))
				}
				ps[0], ps[i] = ps[i], ps[0]
				err = errors.Join(err, s.Finish(ps[:1]), s.Finish(ps[i+1:n]))
				n = 0
				break
			}
		}
		if err = errors.Join(err, s.Finish(ps[:n])); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Injected == 0 || st.Dropped != 1 || st.Accepted != 2 {
		t.Errorf("%+v", st)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return readPcap(t, out)
}

// An answer goes out behind what was decided before, whatever the batch: back with the Ethernet addresses exchanged, on with
// them as they are.
func TestInjectedDatagramsAreWritten(t *testing.T) {
	on := query("two, on")
	back := exchanged(query("two, back"))
	answers := func(of *packet.Packet) (out []*packet.Packet) {
		for _, ip := range [][]byte{back, on} {
			p := new(packet.Packet)
			p.Set(bytes.Clone(ip))
			p.Token, p.Meta.Captured = of.Token, of.Meta.Captured
			out = append(out, p)
		}
		return out
	}
	for _, link := range []layers.LinkType{linkEthernet, linkRaw, linkSLL, linkSLL2, linkNull} {
		for _, batch := range []int{1, 2, 3} {
			rs := inject(t, link, batch, answers)
			backFrame := framed(link, back)
			if link == linkEthernet {
				copy(backFrame, macs[6:])
				copy(backFrame[6:], macs[:6])
			}
			want := [][]byte{framed(link, query("one")), backFrame, framed(link, on), framed(link, query("three"))}
			if len(rs) != len(want) {
				t.Fatalf("link type %d, batch %d: %d records, want %d", link, batch, len(rs), len(want))
			}
			for i, r := range rs {
				if !bytes.Equal(r.data, want[i]) {
					t.Errorf("link type %d, batch %d, record %d: %x, want %x", link, batch, i, r.data, want[i])
				}
			}
			if rs[1].at != time.Second || rs[2].at != time.Second {
				t.Errorf("answers at %v and %v, want the second packet's time", rs[1].at, rs[2].at)
			}
		}
	}
}

func TestInjectedDatagramOfNoPacketGetsAPlainHeader(t *testing.T) {
	rs := inject(t, linkEthernet, 1, func(*packet.Packet) []*packet.Packet {
		p := new(packet.Packet)
		p.Set(query("of our own"))
		p.Meta.Captured = time.Duration(captureTime.Add(time.Second).UnixNano())
		return []*packet.Packet{p}
	})
	if want := join(make([]byte, 12), []byte{8, 0}, query("of our own")); len(rs) != 3 || !bytes.Equal(rs[1].data, want) {
		t.Errorf("%d records, %x", len(rs), rs[1].data)
	}
}

func TestInjectRefusesWhatIsNoDatagram(t *testing.T) {
	s := openPcapTest(t, "pcap:"+writePcap(t, linkRaw, record{data: query("one")}))
	defer s.Close()
	for _, b := range [][]byte{nil, {0x10, 0}} {
		var p packet.Packet
		p.Set(b)
		if err := s.Inject(&p, InjectOut); err == nil {
			t.Errorf("%x was accepted", b)
		}
	}
}

// A packet that was delayed is written with the time at which it leaves.
func TestDelayedPacketCarriesTheTimeOfItsRelease(t *testing.T) {
	in := writePcap(t, linkEthernet, record{data: framed(linkEthernet, query("one"))}, record{data: framed(linkEthernet, query("two"))})
	rs, _ := replay(t, in, func(p *packet.Packet) {
		p.Meta.Captured += 5 * time.Second
		if string(p.Payload()) == "two" {
			p.MutablePayload()[0] = 'T'
		}
	})
	if len(rs) != 2 || rs[0].at != 5*time.Second || rs[1].at != 6*time.Second {
		t.Fatalf("%+v", rs)
	}
}

// What is no regular file is written, not replaced.
func TestOutputThatIsNoRegularFile(t *testing.T) {
	in := writePcap(t, linkRaw, record{data: query("one")})
	dir := t.TempDir()
	target := filepath.Join(dir, "target.pcap")
	link := filepath.Join(dir, "link.pcap")
	if err := errors.Join(os.WriteFile(target, nil, 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{os.DevNull, link} {
		s := openPcapTest(t, "pcap:"+in+">"+out)
		ps := newPackets(1)
		_, err := s.Recv(ps, -1)
		if err = errors.Join(err, s.Finish(ps), s.Close()); err != nil {
			t.Fatal(out, err)
		}
	}
	if info, err := os.Lstat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s was replaced: %v", os.DevNull, info.Mode())
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the symbolic link was replaced")
	}
	if rs := readPcap(t, target); len(rs) != 1 {
		t.Errorf("%d records behind the link", len(rs))
	}
	if _, err := OpenSocket("pcap:" + in + ">" + dir); err == nil {
		t.Error("a directory was accepted")
	}
}

// Whoever finds at the very end that something else went wrong can still have no file.
func TestDiscardAfterTheEnd(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.pcap")
	s := openPcapTest(t, "pcap:"+writePcap(t, linkRaw, record{data: query("one")})+">"+out)
	ps := newPackets(1)
	_, err := s.Recv(ps, -1)
	err = errors.Join(err, s.Finish(ps))
	if _, end := s.Recv(ps, -1); end != io.EOF || err != nil {
		t.Fatal(end, err)
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 0 {
		t.Errorf("%s is there", left[0].Name())
	}
}
