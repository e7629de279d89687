package packet

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet/checksum"
)

const ipv4MinHeader = 20

// IPv4Header is a view of an IPv4 header (RFC 791 §3.1) of at least 20 bytes. Read-only.
type IPv4Header []byte

// IPv4 returns the IP header; nil unless Version is 4.
func (p *Packet) IPv4() IPv4Header {
	if p.Version != 4 {
		return nil
	}
	return IPv4Header(p.data[:p.l4])
}

// HeaderLen returns the header's length in bytes, as it claims.
func (h IPv4Header) HeaderLen() int { return int(h[0]&15) * 4 }

// TotalLength returns the datagram's length in bytes, as it claims.
func (h IPv4Header) TotalLength() uint16 { return wire.Uint16(h[2:]) }

// ID returns the identification. It means something only for fragments (RFC 6864).
func (h IPv4Header) ID() uint16 { return wire.Uint16(h[4:]) }

// Checksum returns the header checksum.
func (h IPv4Header) Checksum() uint16 { return wire.Uint16(h[10:]) }

// Options returns the options with their padding.
func (h IPv4Header) Options() []byte { return h[ipv4MinHeader:] }

func (p *Packet) decodeIPv4() {
	d := p.data
	if len(d) < ipv4MinHeader {
		p.Malformed = ShortHeader
		return
	}
	p.Version, p.Proto = 4, Proto(d[9])
	headerLen := int(d[0]&15) * 4
	if headerLen < ipv4MinHeader || headerLen > len(d) {
		p.Malformed = BadIHL
		p.span(ipv4MinHeader, ipv4MinHeader)
		return
	}
	total := int(wire.Uint16(d[2:]))
	if total == 0 && p.Meta.GSO {
		total = len(d) // an offload packet beyond 64 KiB: iph_totlen, include/net/ip.h
	}
	if total < headerLen {
		p.Malformed = BadTotalLength
		p.span(headerLen, headerLen)
		return
	}
	end := total
	if total != len(d) {
		end = p.checkEnd(total)
	}
	if headerLen > ipv4MinHeader {
		p.readOptions(d[:headerLen])
	} else if !headerSumValid((*[ipv4MinHeader]byte)(d)) {
		p.spoil(BadHeaderChecksum)
	}
	word := wire.Uint16(d[6:])
	p.Traits |= Traits(word >> 14) // DontFragment and ReservedBit stand as they do on the wire
	if word&0x3fff != 0 {
		id := uint32(wire.Uint16(d[4:]))
		p.setFragment(Fragment{ID: id, Offset: word << 3, More: word&0x2000 != 0}, headerLen, end)
	}
	p.decodeUpper(p.Proto, headerLen, end)
}

// IPv4 options that matter here (RFC 791 §3.1).
const (
	optEnd         = 0
	optNop         = 1
	optLooseRoute  = 131
	optStrictRoute = 137
)

// readOptions verifies the checksum of a header with options, and notes source routes
// and options that cannot be walked.
func (p *Packet) readOptions(h []byte) {
	p.Traits |= IPOptions
	if !checksum.Valid(checksum.Sum(h, 0)) {
		p.spoil(BadHeaderChecksum)
	}
	o := h[ipv4MinHeader:]
	for len(o) > 0 && o[0] != optEnd {
		if o[0] == optNop {
			o = o[1:]
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			p.spoil(BadIPOption)
			return
		}
		if o[0] == optLooseRoute || o[0] == optStrictRoute {
			p.Traits |= SourceRoute
		}
		o = o[o[1]:]
	}
}

// headerSumValid verifies the checksum of an IPv4 header without options.
func headerSumValid(h *[ipv4MinHeader]byte) bool {
	// All ones is all ones in either byte order.
	le := binary.LittleEndian
	s := uint64(le.Uint32(h[:])) + uint64(le.Uint32(h[4:])) + uint64(le.Uint32(h[8:])) +
		uint64(le.Uint32(h[12:])) + uint64(le.Uint32(h[16:]))
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return s == 0xffff
}
