package tls

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/weir-project/weir/packet"
)

// This file makes the fingerprint of a ClientHello that FoxIO calls JA4 (github.com/FoxIO-LLC/ja4,
// technical_details/JA4.md; BSD 3-Clause): carrier, version, whether there is a name, numbers of suites and
// extensions, first protocol; the hash of the sorted suites; the hash of the sorted extensions and the signature
// schemes.

// maxCodes is the number of suites, extensions or schemes beyond which there is no fingerprint: no client has
// as many.
const maxCodes = 512

// ja4 returns the fingerprint; nil iff the hello has more of something than maxCodes.
func (r *Reader) ja4(h *hello, over packet.Proto) []byte {
	if h.suites.len() > 2*maxCodes || h.signatures.len() > 2*maxCodes {
		return nil
	}
	from := len(r.text)
	carrier := byte('t')
	if over == packet.UDP {
		carrier = 'q'
	}
	name := byte('i')
	if h.seen[slotName] {
		name = 'd'
	}
	r.text = append(r.text, carrier)
	r.text = append(r.text, ja4Version(h)...)
	r.text = append(r.text, name)

	codes := r.suiteCodes(h)
	r.twoDigits(len(codes))
	suites := r.hash(codes, nil)
	codes, all := r.extensionCodes(h)
	if all > maxCodes {
		r.text = r.text[:from]
		return nil
	}
	r.twoDigits(all)
	first, last := h.firstProtocol()
	r.text = append(r.text, first, last, '_')
	r.text = append(r.text, suites[:]...)
	r.text = append(r.text, '_')
	extensions := r.hash(codes, h.msg[h.signatures.off:h.signatures.end])
	r.text = append(r.text, extensions[:]...)
	return r.since(from)
}

func ja4Version(h *hello) string {
	v, _ := h.version()
	switch v {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	}
	return "00"
}

func (r *Reader) twoDigits(n int) {
	n = min(n, 99)
	r.text = append(r.text, '0'+byte(n/10), '0'+byte(n%10))
}

// suiteCodes returns the suites in order.
func (r *Reader) suiteCodes(h *hello) []uint16 {
	r.codes = r.codes[:0]
	for b := h.msg[h.suites.off:h.suites.end]; len(b) >= 2; b = b[2:] {
		if c := binary.BigEndian.Uint16(b); !grease(c) {
			r.codes = append(r.codes, c)
		}
	}
	slices.Sort(r.codes)
	return r.codes
}

// extensionCodes returns the extensions in order, without name and protocols, which the fingerprint tells
// before, and how many they are with these.
func (r *Reader) extensionCodes(h *hello) (codes []uint16, all int) {
	r.codes = r.codes[:0]
	c := cursor{h.msg, h.extensions.off}
	for c.at < h.extensions.end {
		kind := binary.BigEndian.Uint16(h.msg[c.at:])
		c.skip(2)
		c.vector(2)
		if grease(kind) {
			continue
		}
		if all++; all > maxCodes {
			return nil, all
		}
		if kind != extName && kind != extALPN {
			r.codes = append(r.codes, kind)
		}
	}
	slices.Sort(r.codes)
	return r.codes, all
}

// firstProtocol returns the first and the last character of the first protocol, or of its hexadecimal form if one of
// them is no letter or digit.
func (h *hello) firstProtocol() (first, last byte) {
	for b := h.msg[h.alpn.off:h.alpn.end]; len(b) > 0; b = b[1+int(b[0]):] {
		p := b[1 : 1+int(b[0])]
		if len(p) == 2 && grease(binary.BigEndian.Uint16(p)) {
			continue
		}
		first, last = p[0], p[len(p)-1]
		if !alphanumeric(first) || !alphanumeric(last) {
			const digits = "0123456789abcdef"
			return digits[first>>4], digits[last&15]
		}
		return first, last
	}
	return '0', '0'
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// hash is the first half of the fingerprint's kind of hash: of codes in hexadecimal with commas and, behind an
// underscore, of the schemes in wire format.
func (r *Reader) hash(codes []uint16, schemes []byte) (text [12]byte) {
	r.plain = r.plain[:0]
	for _, c := range codes {
		r.code(c)
	}
	if len(codes) == 0 {
		copy(text[:], "000000000000")
		return text
	}
	sep := byte('_')
	for ; len(schemes) >= 2; schemes = schemes[2:] {
		if c := binary.BigEndian.Uint16(schemes); !grease(c) {
			r.plain[len(r.plain)-1] = sep
			r.code(c)
			sep = ','
		}
	}
	sum := sha256.Sum256(r.plain[:len(r.plain)-1])
	hex.Encode(text[:], sum[:6])
	return text
}

// code appends one code and a comma.
func (r *Reader) code(c uint16) {
	const digits = "0123456789abcdef"
	r.plain = append(r.plain, digits[c>>12], digits[c>>8&15], digits[c>>4&15], digits[c&15], ',')
}
