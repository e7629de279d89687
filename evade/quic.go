package evade

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"

	"github.com/weir-project/weir/packet"
)

// This file is A6: Initial packets of QUIC (RFC 9000 §17.2.2, RFC 9001 §5, RFC 9369 §3), whose keys anybody can know.

// A quicVersion is what versions differ in.
type quicVersion struct {
	number uint32
	first  byte // of an Initial packet
	salt   string
	label  string
}

var (
	quicV1 = quicVersion{1, 0xc0, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "quic "}
	quicV2 = quicVersion{0x6b3343cf, 0xd0, "0dede3def700a6db819381be6e269dcbf9bd2ed9", "quicv2 "}
)

// An initial makes the packets of one client.
type initial struct {
	version  quicVersion
	dcid     []byte
	aead     cipher.AEAD
	iv       []byte
	header   cipher.Block
	next     uint32 // packet number
	datagram int    // bytes that each has at least
}

// must is for what fails on wrong lengths alone.
func must[T any](v T, err error) T {
	if err != nil {
		panic("evade: " + err.Error())
	}
	return v
}

func newInitial(v quicVersion, port uint16) *initial {
	q := &initial{version: v, dcid: binary.BigEndian.AppendUint16([]byte("attempt"), port), datagram: 1200}
	salt := must(hex.DecodeString(v.salt))
	secret := expand(must(hkdf.Extract(sha256.New, q.dcid, salt)), "client in", 32)
	q.aead = must(cipher.NewGCM(must(aes.NewCipher(expand(secret, v.label+"key", 16)))))
	q.iv = expand(secret, v.label+"iv", 12)
	q.header = must(aes.NewCipher(expand(secret, v.label+"hp", 16)))
	return q
}

// expand is HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
func expand(secret []byte, label string, n int) []byte {
	info := append(binary.BigEndian.AppendUint16(nil, uint16(n)), byte(len("tls13 ")+len(label)))
	info = append(append(info, "tls13 "+label...), 0)
	return must(hkdf.Expand(sha256.New, secret, string(info), n))
}

// packet is a datagram with frames.
func (q *initial) packet(frames []byte) []byte {
	b := append([]byte{q.version.first | 1}, binary.BigEndian.AppendUint32(nil, q.version.number)...)
	b = append(append(b, byte(len(q.dcid))), q.dcid...)
	b = append(b, 8)
	b = append(append(b, "from me!"...), 0)                   // no token
	for len(b)+4+len(frames)+q.aead.Overhead() < q.datagram { // the padding frame is 0
		frames = append(frames, 0)
	}
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(2+len(frames)+q.aead.Overhead()))
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, uint16(q.next))
	nonce := append([]byte{}, q.iv...)
	nonce[11] ^= byte(q.next)
	q.next++
	b = q.aead.Seal(b, nonce, frames, b)
	var mask [16]byte
	q.header.Encrypt(mask[:], b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	b[at] ^= mask[1]
	b[at+1] ^= mask[2]
	return b
}

// crypto is a CRYPTO frame with bytes [from, to) of a message.
func crypto(message []byte, from, to int) []byte {
	b := binary.BigEndian.AppendUint16([]byte{6}, 0x4000|uint16(from))
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(to-from))
	return append(b, message[from:to]...)
}

// quicHello is a client's hello as QUIC carries it.
func quicHello(host string, curves ...tls.CurveID) []byte {
	c := tls.QUICClient(&tls.QUICConfig{TLSConfig: &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS13, NextProtos: []string{"evade"}, InsecureSkipVerify: true, CurvePreferences: curves,
	}})
	defer c.Close()
	c.SetTransportParameters([]byte{15, 8, 'f', 'r', 'o', 'm', ' ', 'm', 'e', '!'}) // initial_source_connection_id
	if c.Start(context.Background()) != nil {
		return nil
	}
	for {
		switch e := c.NextEvent(); e.Kind {
		case tls.QUICWriteData:
			return append([]byte{}, e.Data...)
		case tls.QUICNoEvent:
			return nil
		}
	}
}

// join puts frames one behind the other.
func join(frames ...[]byte) (b []byte) {
	for _, f := range frames {
		b = append(b, f...)
	}
	return b
}

// initials is A6.
func initials() (all []Attempt) {
	type maker func(q *initial, h []byte) [][]byte
	add := func(name string, v quicVersion, curves []tls.CurveID, make maker) {
		// Which of two first datagrams is the fake does not show, if nothing was sent before.
		fake := name == "a fake with a small TTL before"
		all = append(all, Attempt{Row: "A6", Name: name, Families: Both, App: QUIC, UDP: true, Floor: fake, steps: steps(
			deliver(func(w string) string { return w + "example" }),
			func(t *talk) {
				q := newInitial(v, t.path.Me.Port())
				if !t.path.v4() {
					q.datagram = 1232
				}
				for i, d := range make(q, quicHello(string(t.text.Real), curves...)) {
					t.id++
					h := ip{id: t.id}
					if i == 0 && fake {
						h.ttl = shortTTL
					}
					t.link.Send(t.path.datagram(h, packet.UDP, t.path.udp(d)))
					t.listen(moment, nil)
				}
			})})
	}
	small := []tls.CurveID{tls.X25519}
	one := func(q *initial, h []byte) [][]byte { return [][]byte{q.packet(crypto(h, 0, len(h)))} }
	add("one datagram", quicV1, small, one)
	add("version 2", quicV2, small, one)
	add("two frames, backwards", quicV1, small, func(q *initial, h []byte) [][]byte {
		return [][]byte{q.packet(join(crypto(h, 90, len(h)), crypto(h, 0, 90)))}
	})
	add("frames of ten bytes, odd ones first", quicV1, small, func(q *initial, h []byte) [][]byte {
		var odd, even []byte
		for at, i := 0, 0; at < len(h); at, i = at+10, i+1 {
			f := crypto(h, at, min(at+10, len(h)))
			if i%2 == 1 {
				odd = append(odd, f...)
			} else {
				even = append(even, f...)
			}
		}
		return [][]byte{q.packet(append(odd, even...))}
	})
	add("frames that overlap", quicV1, small, func(q *initial, h []byte) [][]byte {
		return [][]byte{q.packet(join(crypto(h, 0, 120), crypto(h, 60, len(h)), crypto(h, 30, 100)))}
	})
	add("PING and padding between", quicV1, small, func(q *initial, h []byte) [][]byte {
		return [][]byte{q.packet(join([]byte{1, 0, 0}, crypto(h, 0, 80), []byte{0, 1, 0}, crypto(h, 80, len(h))))}
	})
	add("two datagrams", quicV1, small, func(q *initial, h []byte) [][]byte {
		return [][]byte{q.packet(crypto(h, 0, 80)), q.packet(crypto(h, 80, len(h)))}
	})
	add("two datagrams, backwards", quicV1, small, func(q *initial, h []byte) [][]byte {
		a, b := q.packet(crypto(h, 0, 80)), q.packet(crypto(h, 80, len(h)))
		return [][]byte{b, a}
	})
	add("two datagrams, each twice", quicV1, small, func(q *initial, h []byte) [][]byte {
		a, b := q.packet(crypto(h, 0, 80)), q.packet(crypto(h, 80, len(h)))
		return [][]byte{a, a, b, b}
	})
	add("post-quantum key shares, two datagrams", quicV1, nil, func(q *initial, h []byte) [][]byte {
		return [][]byte{q.packet(crypto(h, 0, len(h)/2)), q.packet(crypto(h, len(h)/2, len(h)))}
	})
	add("a packet with a wrong tag before", quicV1, small, func(q *initial, h []byte) [][]byte {
		lie := quicHello(Harmless+"example", tls.X25519)
		bad := q.packet(crypto(lie, 0, len(lie)))
		bad[len(bad)-1] ^= 1
		return [][]byte{bad, q.packet(crypto(h, 0, len(h)))}
	})
	add("a fake with a small TTL before", quicV1, small, func(q *initial, h []byte) [][]byte {
		lie := quicHello("a-name-that-is-of-no-interest-to-anybody-at-all.example", tls.X25519)
		return [][]byte{q.packet(crypto(lie, 0, len(lie))), q.packet(crypto(h, 0, len(h)))}
	})
	add("a version that is to be negotiated before", quicV1, small, func(q *initial, h []byte) [][]byte {
		odd := q.packet(crypto(h, 0, len(h)))
		copy(odd[1:], []byte{0x1a, 0x2a, 0x3a, 0x4a})
		return [][]byte{odd, q.packet(crypto(h, 0, len(h)))}
	})
	return all
}
