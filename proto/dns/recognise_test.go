package dns

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

func TestRecognise(t *testing.T) {
	onPort53, tcpPort53 := proto.Peer{Transport: packet.UDP, ServerPort: 53}, proto.Peer{Transport: packet.TCP, ServerPort: 53}
	exampleQuery := string(message(0x0100, 1, 0, 0, 0, exampleA))
	framed := func(messages ...string) (b []byte) {
		for _, m := range messages {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(m))), m...)
		}
		return b
	}
	for _, c := range []struct {
		name string
		unit []byte
		from proto.Peer
		want proto.Match
	}{
		{"query", message(0x0100, 1, 0, 0, 0, exampleA), udp, proto.Yes},
		{"query with EDNS", message(0x0100, 1, 0, 0, 1, exampleA, optEmpty), udp, proto.Yes},
		{"query with the reserved bit set", message(0x0140, 1, 0, 0, 0, exampleA), udp, proto.Yes},
		{"notify", message(0x2400, 1, 0, 0, 0, exampleA), udp, proto.Yes},
		{"multicast response", message(0x8400, 0, 1, 0, 0, "\x01a\x00\x00\x01\x80\x01\x00\x00\x00\x78\x00\x04\xc0\x00\x02\x01"), udp, proto.Yes},
		{"cookie query without question", message(0, 0, 0, 0, 1, optEmpty), udp, proto.Yes},
		{"stateful operation", message(0x3000, 1, 0, 0, 0, exampleA), udp, proto.No},
		{"class 0", message(0, 1, 0, 0, 0, "\x00\x00\x01\x00\x00"), udp, proto.No},
		{"bytes behind", message(0, 1, 0, 0, 0, exampleA, "!"), udp, proto.No},
		{"bytes behind, on port 53", message(0, 1, 0, 0, 0, exampleA, "!"), onPort53, proto.Yes},
		{"broken name", message(0, 1, 0, 0, 0, "\xc0\x0c\x00\x01\x00\x01"), udp, proto.No},
		{"broken name, on port 53", message(0, 1, 0, 0, 0, "\xc0\x0c\x00\x01\x00\x01"), onPort53, proto.Yes},
		{"header only", message(0x8181, 0, 0, 0, 0), udp, proto.No},
		{"header only, on port 53", message(0x8181, 0, 0, 0, 0), onPort53, proto.Yes},
		{"zeros", make([]byte, 64), udp, proto.No},
		{"zeros of a header", make([]byte, 12), udp, proto.No},
		{"empty", nil, udp, proto.No},
		{"STUN", unhex("000100002112a442" + "0102030405060708090a0b0c"), udp, proto.No},
		{"NTP", unhex("230000000000000000000000" + strings.Repeat("00", 36)), udp, proto.No},
		{"RTP", unhex("8000000100000000deadbeef" + strings.Repeat("d5", 160)), udp, proto.No},
		{"WireGuard", unhex("04000000010000000000000000000000" + strings.Repeat("5a", 32)), udp, proto.No},
		{"SIP", []byte("OPTIONS sip:a@example.com SIP/2.0\r\n\r\n"), udp, proto.No},
		{"QUIC on port 53", unhex("c00000000108" + strings.Repeat("a7", 40)), onPort53, proto.No},
		{"TCP, TLS", unhex("1603010200010001fc0303" + strings.Repeat("7e", 40)), tcp, proto.No},
		{"TCP, HTTP", []byte("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"), tcp, proto.No},
		{"TCP, HTTP first bytes", []byte("GET /"), tcp, proto.Maybe},
		{"TCP, SSH", []byte("SSH-2.0-OpenSSH_9.9\r\n"), tcp, proto.No},
		{"TCP, no length", []byte{0}, tcp, proto.Maybe},
		{"TCP, short length", []byte{0, 11}, tcp, proto.No},
		{"TCP, an empty message before", framed("", exampleQuery), tcp, proto.Yes},
		{"TCP, empty messages", make([]byte, 8), tcp, proto.Maybe},
		{"TCP, a short message before", framed("short", exampleQuery), tcp, proto.Yes},
		{"TCP, a short message cut, on port 53", framed("short", exampleQuery)[:5], tcpPort53, proto.Maybe},
		{"TCP, an unknown opcode before, on port 53", framed(string(message(0x4800, 1, 0, 0, 0, exampleA)), exampleQuery), tcpPort53, proto.Yes},
		{"TCP, an unknown opcode cut, on port 53", framed(string(message(0x4800, 1, 0, 0, 0, exampleA)))[:9], tcpPort53, proto.Maybe},
		{"TCP, SSH on port 53", []byte("SSH-2.0-OpenSSH_9.9\r\n"), tcpPort53, proto.No},
		{"TCP, PostgreSQL", unhex("0000000804d2162f"), tcp, proto.No},
		{"TCP, SMB", unhex("00000054ff534d4272000000001843c8"), tcp, proto.No},
		{"TCP, Kerberos", unhex("000005b06c8205ac308205a8a103020105a20302010c"), tcp, proto.No},
	} {
		if got := New().Recognise(c.unit, c.from); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// TestRandomPayloadsAreNotRecognised estimates the rate of false positives. Uniform bytes pass the counts alone with
// probability C(68,4)/2^64 ≈ 4e-14, so none may pass. Payloads that are mostly zeros and small numbers, as binary
// protocols are, are the hard case: there at most 1 in 10,000 may.
func TestRandomPayloadsAreNotRecognised(t *testing.T) {
	const tries = 200_000
	g := New()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, from := range []proto.Peer{udp, tcp} {
		uniform, sparse := 0, 0
		for range tries {
			unit := make([]byte, 12+rng.IntN(120))
			for i := range unit {
				unit[i] = byte(rng.Uint32())
			}
			if g.Recognise(unit, from) == proto.Yes {
				uniform++
			}
			zeros := rng.Float64()
			for i := range unit {
				if rng.Float64() < zeros {
					unit[i] = 0
				} else if rng.IntN(2) == 0 {
					unit[i] %= 8
				}
			}
			if from.Transport == packet.TCP {
				binary.BigEndian.PutUint16(unit, uint16(len(unit)-2))
			}
			if g.Recognise(unit, from) == proto.Yes {
				sparse++
			}
		}
		t.Logf("transport %v: of %d, recognised %d uniform and %d sparse", from.Transport, tries, uniform, sparse)
		if uniform > 0 || sparse > tries/10_000 {
			t.Errorf("transport %v: of %d, recognised %d uniform and %d sparse", from.Transport, tries, uniform, sparse)
		}
	}
}

// TestZerosAreNotKeptWaiting: where DNS is not expected, a stream of zeros is told from empty messages before long.
func TestZerosAreNotKeptWaiting(t *testing.T) {
	zeros := make([]byte, 64)
	for n := range zeros {
		got := New().Recognise(zeros[:n], proto.Peer{Transport: packet.TCP, ServerPort: 5001})
		if want := n < 2*maxSkipped+2; (got == proto.Maybe) != want {
			t.Errorf("%d zeros: %v", n, got)
		}
	}
}
