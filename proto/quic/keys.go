package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// A side is an end of a connection.
type side uint8

const (
	client side = iota
	server
)

// suites are what keys of Initial packets are derived with (RFC 9001 §5.2, RFC 9369 §3.3), by version.
var suites = [...]struct{ salt, key, iv, hp string }{
	1: {"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a", "quic key", "quic iv", "quic hp"},
	2: {"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9", "quicv2 key", "quicv2 iv", "quicv2 hp"},
}

var sideLabels = [...]string{client: "client in", server: "server in"}

// keys open the Initial packets of one side (RFC 9001 §5).
type keys struct {
	aead cipher.AEAD
	mask cipher.Block // header protection
	iv   [12]byte
}

// keysOf derives the keys of one side from the destination that the client's first packet names. It allocates:
// ciphers of the standard library cannot change their keys.
func keysOf(version uint8, dcid []byte, of side) *keys {
	s := &suites[version]
	first, err := hkdf.Extract(sha256.New, dcid, []byte(s.salt))
	must(err)
	secret := expand(first, sideLabels[of], sha256.Size)
	k := new(keys)
	copy(k.iv[:], expand(secret, s.iv, len(k.iv)))
	block, err := aes.NewCipher(expand(secret, s.key, 16))
	must(err)
	k.aead, err = cipher.NewGCM(block)
	must(err)
	k.mask, err = aes.NewCipher(expand(secret, s.hp, 16))
	must(err)
	return k
}

// expand is HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
func expand(secret []byte, label string, n int) []byte {
	info := string([]byte{0, byte(n), byte(6 + len(label))}) + "tls13 " + label + "\x00"
	out, err := hkdf.Expand(sha256.New, secret, info, n)
	must(err)
	return out
}

func must(err error) {
	if err != nil {
		panic("quic: keys of fixed sizes: " + err.Error())
	}
}

// A box opens packets. It is scratch memory of a Grammar.
type box struct {
	mask, nonce [16]byte
	header      []byte
	plain       []byte
}

// open returns the payload of an Initial packet and its number; nil iff the keys do not open it. largest is
// the largest number that was seen, or -1. The payload is valid until the next call.
func (x *box) open(k *keys, h *header, largest int64) (payload []byte, number int64) {
	if len(h.packet) < h.number+4+16 {
		return nil, 0
	}
	k.mask.Encrypt(x.mask[:], h.packet[h.number+4:h.number+20])
	x.header = append(x.header[:0], h.packet[:h.number+4]...)
	x.header[0] ^= x.mask[0] & 0x0f
	size := int(x.header[0]&3) + 1
	x.header = x.header[:h.number+size]
	short := int64(0)
	for i := range size {
		x.header[h.number+i] ^= x.mask[1+i]
		short = short<<8 | int64(x.header[h.number+i])
	}
	sealed := h.packet[h.number+size:]
	number = fullNumber(largest, short, size)
	if payload = x.unseal(k, sealed, number); payload == nil && number != short {
		number = short // what was seen may never have arrived
		payload = x.unseal(k, sealed, number)
	}
	return payload, number
}

func (x *box) unseal(k *keys, sealed []byte, number int64) []byte {
	copy(x.nonce[:], k.iv[:])
	for i := range 8 {
		x.nonce[11-i] ^= byte(number >> (8 * i))
	}
	if x.plain == nil {
		x.plain = make([]byte, 0, 1<<16)
	}
	b, err := k.aead.Open(x.plain[:0], x.nonce[:12], sealed, x.header)
	if err != nil {
		return nil
	}
	return b
}

// fullNumber is the packet number of which size bytes were sent (RFC 9000 §A.3).
func fullNumber(largest, short int64, size int) int64 {
	window := int64(1) << (8 * size)
	expected := largest + 1
	number := expected&^(window-1) | short
	switch {
	case number <= expected-window/2 && number < 1<<62-window:
		return number + window
	case number > expected+window/2 && number >= window:
		return number - window
	}
	return number
}
