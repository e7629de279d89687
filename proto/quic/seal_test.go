package quic

import (
	"encoding/binary"
	"strings"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/prototest"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// A sealer makes Initial packets of one side of a connection.
type sealer struct {
	version    uint8
	dcid, scid string
	keys       *keys
	number     uint32
	token      string
}

// dial returns a client that begins a connection to the given identifier.
func dial(version uint8, dcid, scid string) *sealer {
	return &sealer{version: version, dcid: dcid, scid: scid, keys: keysOf(version, []byte(dcid), client)}
}

// accept returns the server of a client's connection, that calls itself scid.
func (s *sealer) accept(scid string) *sealer {
	return &sealer{version: s.version, dcid: s.scid, scid: scid, keys: keysOf(s.version, []byte(s.dcid), server)}
}

// seal returns an Initial packet with a payload, and counts on.
func (s *sealer) seal(payload string) string {
	return s.sealAs(initial, payload)
}

func (s *sealer) sealAs(kind uint8, payload string) string {
	version := uint32(version1)
	if s.version == 2 {
		version, kind = version2, (kind+1)&3
	}
	if pad := 20 - len(payload); pad > 0 {
		payload += strings.Repeat("\x00", pad)
	}
	h := binary.BigEndian.AppendUint32([]byte{0xc3 | kind<<4}, version)
	h = append(append(append(h, byte(len(s.dcid))), s.dcid...), byte(len(s.scid)))
	h = append(h, s.scid...)
	if (kind-s.version+1)&3 == initial {
		h = append(append(h, byte(len(s.token))), s.token...)
	}
	h = binary.BigEndian.AppendUint16(h, 0x4000|uint16(4+len(payload)+16))
	number := len(h)
	h = binary.BigEndian.AppendUint32(h, s.number)
	nonce := s.keys.iv
	binary.BigEndian.PutUint32(nonce[8:], binary.BigEndian.Uint32(nonce[8:])^s.number)
	s.number++
	out := s.keys.aead.Seal(h, nonce[:], []byte(payload), h)
	var mask [16]byte
	s.keys.mask.Encrypt(mask[:], out[number+4:number+20])
	out[0] ^= mask[0] & 0x0f
	for i := range 4 {
		out[number+i] ^= mask[1+i]
	}
	return string(out)
}

func varint(n int) string { return string(binary.BigEndian.AppendUint32(nil, 0x80000000|uint32(n))) }

// crypto is a CRYPTO frame with bytes [off, end) of a message.
func crypto(msg string, off, end int) string {
	return "\x06" + varint(off) + varint(end-off) + msg[off:end]
}

// hello is a ClientHello with a server name and more bytes in an extension that nobody knows.
func hello(name string, more int) string {
	v16 := func(s string) string { return string(binary.BigEndian.AppendUint16(nil, uint16(len(s)))) + s }
	ext := func(kind uint16, body string) string {
		return string(binary.BigEndian.AppendUint16(nil, kind)) + v16(body)
	}
	extensions := ext(0, v16("\x00"+v16(name))) + ext(43, "\x02\x03\x04")
	if more > 0 {
		extensions += ext(51, strings.Repeat("k", more))
	}
	body := "\x03\x03" + strings.Repeat("r", 32) + "\x00" + "\x00\x02\x13\x01" + "\x01\x00" + v16(extensions)
	return message(clientHello, body)
}

const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

func serverSays(random string) string {
	return message(serverHello, "\x03\x03"+random+"\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04")
}

func message(kind byte, body string) string {
	n := len(body)
	return string([]byte{kind, byte(n >> 16), byte(n >> 8), byte(n)}) + body
}

var peer = proto.Peer{Transport: packet.UDP, ServerPort: 40000}

// A talker feeds datagrams to conversations of a grammar as the engine does.
type talker struct {
	g     *Grammar
	c     proto.Conversation
	want  field.Set
	shown []string
	heard proto.Heard
	count int
	quiet bool
}

func talk() *talker {
	g := New()
	return &talker{g: g, want: g.Fields() &^ field.SetOf(field.TLSJA4)}
}

func (t *talker) Show(m *field.Message, _ field.Phase) proto.Answer {
	t.count++
	if !t.quiet {
		t.shown = append(t.shown, prototest.Text(m))
	}
	return proto.Answer{}
}

// say delivers a datagram and returns what is wrong with it.
func (t *talker) say(dir flow.Direction, datagram string) packet.Reason {
	t.heard = proto.Heard{}
	if t.g.Recognise([]byte(datagram), peer) != proto.Yes {
		return ""
	}
	if t.c == nil {
		if t.c = t.g.Converse(); t.c == nil {
			return "no conversation"
		}
	}
	t.heard = t.c.Hear([]byte(datagram), dir, t.want, t)
	if t.heard.Over {
		t.c.Close()
		t.c = nil
	}
	return t.heard.Why
}
