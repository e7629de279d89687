package divert

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

func TestBridgeAddresses(t *testing.T) {
	for _, c := range []struct {
		rest string
		want bridgeAddress
		err  string
	}{
		{rest: "eth0,eth1", want: bridgeAddress{[2]string{"eth0", "eth1"}, 0, 1}},
		{rest: "eth0,eth1/1of1", want: bridgeAddress{[2]string{"eth0", "eth1"}, 0, 1}},
		{rest: "br-lan,wan.7/3of4", want: bridgeAddress{[2]string{"br-lan", "wan.7"}, 2, 4}},
		{rest: "eth0,eth0", err: "named twice"},
		{rest: "eth0", err: "not two interfaces"},
		{rest: ",eth1", err: "not two interfaces"},
		{rest: "a,b,c", err: "not two interfaces"},
		{rest: "a,b/4", err: "a socket of its own"},
		{rest: "a,b/0of4", err: "no lane of 4"},
		{rest: "a,b/5of4", err: "no lane of 4"},
		{rest: "a,b/1of65", err: "no number of lanes"},
		{rest: "a,b/1of0", err: "no number of lanes"},
	} {
		got, err := parseBridge(c.rest)
		if c.err == "" && (err != nil || got != c.want) {
			t.Errorf("%q: %+v, %v, want %+v", c.rest, got, err, c.want)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: error %v, want one with %q", c.rest, err, c.err)
		}
	}
}

// TestBridgeLanes has each lane be one that can be parsed, and all of them different.
func TestBridgeLanes(t *testing.T) {
	for _, c := range []struct{ address, want string }{
		{"bridge:a,b", "bridge:a,b"},
		{"bridge:a,b/1", "bridge:a,b"},
		{"bridge:a,b/2of3", "bridge:a,b/2of3"},
		{"bridge:a,b/3", "bridge:a,b/1of3 bridge:a,b/2of3 bridge:a,b/3of3"},
	} {
		got, err := Lanes(c.address)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v, want %s", c.address, got, err, c.want)
		}
		for i, lane := range got {
			a, err := parseBridge(strings.TrimPrefix(lane, "bridge:"))
			if err != nil || len(got) > 1 && (a.lane != i || a.lanes != len(got)) {
				t.Errorf("%s: %+v, %v", lane, a, err)
			}
		}
	}
	for _, address := range []string{"bridge:a", "bridge:a,b/65", "bridge:a,a/2", "bridge:a,b/x", "bridge:a,b/0", "bridge:a,b/4of2"} {
		if got, err := Lanes(address); err == nil {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// vnetOf is a header as a kernel makes it for an offload-sized packet.
func vnetOf(flags, kind byte, hdr, segment, start, offset int) vnet {
	v := vnet{flags, kind}
	for _, n := range []int{hdr, segment, start, offset} {
		v = binary.NativeEndian.AppendUint16(v, uint16(n))
	}
	return v
}

// TestHeadPutsTheTagBack compares with the frame as it was on the wire.
func TestHeadPutsTheTagBack(t *testing.T) {
	addresses := []byte{1, 2, 3, 4, 5, 6, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf}
	for _, c := range []struct {
		name, link string // behind the addresses, without the tag
		tag        tag
		want       string
	}{
		{"none", "\x08\x00", tag{}, "\x08\x00"},
		{"one", "\x86\xdd", tag{true, 0x8100, 0x6007}, "\x81\x00\x60\x07\x86\xdd"},
		{"priority alone", "\x08\x00", tag{true, 0x8100, 0}, "\x81\x00\x00\x00\x08\x00"},
		{"two", "\x81\x00\x00\x05\x08\x00", tag{true, 0x88a8, 0x0abc}, "\x88\xa8\x0a\xbc\x81\x00\x00\x05\x08\x00"},
		{"as many as are looked through", strings.Repeat("\x81\x00\x00\x05", maxTags) + "\x08\x00", tag{true, 0x88a8, 1}, "\x88\xa8\x00\x01" + strings.Repeat("\x81\x00\x00\x05", maxTags) + "\x08\x00"},
	} {
		var h head
		link := append(bytes.Clone(addresses), c.link...)
		h.set(vnetOf(vnetNeedsChecksum, 1, 54, 1448, 34, 16), link, c.tag)
		if got := string(h.link()); got != string(addresses)+c.want {
			t.Errorf("%s: %x, want %x", c.name, got, string(addresses)+c.want)
		}
		moved := 0
		if c.tag.there {
			moved = 4
		}
		if want := vnetOf(vnetNeedsChecksum, 1, 54+moved, 1448, 34+moved, 16); !bytes.Equal(h.vnet(), want) {
			t.Errorf("%s: header %x, want %x", c.name, h.vnet(), want)
		}
		h.turn()
		if got := h.link(); !bytes.Equal(got[:6], addresses[6:]) || !bytes.Equal(got[6:12], addresses[:6]) || string(got[12:]) != c.want {
			t.Errorf("%s: turned %x", c.name, got)
		}
		if h.plain(); !bytes.Equal(h.vnet(), nothingLeftThere) {
			t.Errorf("%s: plain %x", c.name, h.vnet())
		}
	}
}

var nothingLeftThere = make([]byte, vnetLen)

// TestHeadWithoutTasksHasNone: what the header does not name has no place to move.
func TestHeadWithoutTasksHasNone(t *testing.T) {
	var h head
	h.set(nothingLeftThere, make([]byte, 14), tag{true, 0x8100, 1})
	if !bytes.Equal(h.vnet(), nothingLeftThere) {
		t.Errorf("header %x", h.vnet())
	}
}

// TestHeaderAfterAnEdit edits packets that a device was to cut or to complete, and looks at what is left to it, and at the checksum.
func TestHeaderAfterAnEdit(t *testing.T) {
	const segment = 1000
	for _, c := range []struct {
		name    string
		from    string
		to      string
		gso     bool
		payload int
		left    bool // to the device
	}{
		{"still larger than a piece", "192.0.2.1:1", "198.51.100.1:2", true, 3000, true},
		{"still larger than a piece, IPv6", "[2001:db8::1]:1", "[2001:db8::2]:2", true, 1001, true},
		{"a piece at most", "192.0.2.1:1", "198.51.100.1:2", true, 1000, false},
		{"nothing", "[2001:db8::1]:1", "[2001:db8::2]:2", true, 0, false},
		{"never to be cut", "192.0.2.1:1", "198.51.100.1:2", false, 900, false},
	} {
		p := new(packet.Packet)
		p.Set(craft.TCP(c.from, c.to, craft.Segment{}, bytes.Repeat([]byte("x"), 2000)))
		p.Meta.Checksum, p.Meta.GSO = packet.ChecksumPartial, c.gso
		p.Decode()
		v := vnetOf(vnetNeedsChecksum, 0, 0, 0, 0, 16)
		if c.gso {
			v = vnetOf(vnetNeedsChecksum, 1|gsoECN, 54, segment, 34, 16)
		}
		if !p.ReplacePayload(make([]byte, 4000), bytes.Repeat([]byte("y"), c.payload)) {
			t.Fatal(c.name, ": cannot be edited")
		}
		p.Repair()
		v.edited(p, 18)
		q := new(packet.Packet)
		q.Set(p.Bytes())
		q.Decode()
		if !c.left {
			if !bytes.Equal(v, nothingLeftThere) || !q.VerifyChecksum() {
				t.Errorf("%s: header %x, checksum right: %v", c.name, v, q.VerifyChecksum())
			}
			continue
		}
		at := 18 + len(q.Header())
		if want := vnetOf(vnetNeedsChecksum, 1|gsoECN, at+len(q.TransportHeader()), segment, at, 16); !bytes.Equal(v, want) {
			t.Errorf("%s: header %x, want %x", c.name, v, want)
		}
		if !q.PartialChecksum() || q.VerifyChecksum() {
			t.Errorf("%s: the checksum is not that of the pseudo-header", c.name)
		}
	}
}

func TestHeaderTellsOfChecksums(t *testing.T) {
	for flags, want := range map[byte]packet.ChecksumState{0: packet.ChecksumUnknown, vnetNeedsChecksum: packet.ChecksumPartial, vnetDataValid: packet.ChecksumVerified, 3: packet.ChecksumPartial} {
		if got := vnetOf(flags, 0, 0, 0, 0, 0).checksumState(); got != want {
			t.Errorf("flags %d: %v, want %v", flags, got, want)
		}
	}
	for kind, want := range map[byte]bool{0: false, gsoECN: false, 1: true, 1 | gsoECN: true, 4: true, 5: true} {
		if got := vnetOf(0, kind, 0, 0, 0, 0).gso(); got != want {
			t.Errorf("type %d: %v, want %v", kind, got, want)
		}
	}
}
