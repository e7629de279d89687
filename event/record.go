package event

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unicode/utf8"
)

// A record is one Event as bytes, at most MaxBytes long, all numbers little-endian:
//
//	offset size
//	     0    1  version (1)
//	     1    1  Kind
//	     2    1  Severity
//	     3    1  flags: 1 Would, 2 ToServer, 4 Cut, 8 Src is IPv4, 16 Src is IPv6,
//	             32 Dst is IPv4, 64 Dst is IPv6
//	     4    1  Proto
//	     5    1  number of pairs
//	     6    2  source port
//	     8    2  destination port
//	    10    8  Time, seconds since 1970, signed
//	    18    4  Time, nanoseconds
//	    22    8  FlowID
//	    30    8  Packet
//	    38    4  Rule
//	    42    4  RuleRev
//	    46    4  Offset, signed
//	    50    4  Length, signed
//	    54       addresses: 0, 4 or 16 bytes each, Src then Dst
//	             Author Name Reason Verdict AppProto Class Field: a two-byte length,
//	             then the bytes
//	             pairs: one byte, the key's length and 128 iff a number follows; the key;
//	             then eight bytes signed, or a two-byte length and the text
//
// Every event has one record and every record that Decode takes is the only one of
// its event, so re-encoding gives the same bytes.
const (
	recordVersion = 1
	recordFixed   = 54
	numericPair   = 0x80
)

const (
	flagWould = 1 << iota
	flagToServer
	flagCut
	flagSrc4
	flagSrc6
	flagDst4
	flagDst6
)

// Limits of single strings in a record, in bytes. Together with the fixed part they
// stay below MaxBytes, so that only details compete for room.
const (
	MaxAuthor   = 64
	MaxName     = 512
	MaxReason   = 128
	MaxVerdict  = 16
	MaxAppProto = 32
	MaxClass    = 128
	MaxField    = 64
	MaxKey      = 64 // of a pair
)

// The span of Time that fits an RFC 3339 year, in seconds since 1970.
const (
	minSeconds = -62135596800 // 0001-01-01T00:00:00Z, the zero Time
	maxSeconds = 253402300799 // 9999-12-31T23:59:59Z
)

// Append appends e's record to dst and returns the extended slice. It never adds more
// than MaxBytes and allocates only if dst has less room than the record needs.
//
// What does not fit is shortened at a UTF-8 boundary, later details are left out, and
// the record says Cut. IPv6 zones are left out. A Time outside the years 1 to 9999
// becomes the zero Time, a Severity above Info becomes Info. The Kind is not checked:
// Decode refuses an invalid one.
func Append(dst []byte, e *Event) []byte {
	start := len(dst)
	dst = appendFixed(dst, e)
	dst = appendAddr(dst, e.Src.Addr())
	dst = appendAddr(dst, e.Dst.Addr())
	cut := e.Cut
	dst = appendString(dst, e.Author, MaxAuthor, &cut)
	dst = appendString(dst, e.Name, MaxName, &cut)
	dst = appendString(dst, e.Reason, MaxReason, &cut)
	dst = appendString(dst, e.Verdict, MaxVerdict, &cut)
	dst = appendString(dst, e.AppProto, MaxAppProto, &cut)
	dst = appendString(dst, e.Class, MaxClass, &cut)
	dst = appendString(dst, e.Field, MaxField, &cut)
	n := 0
	for i := range e.pairs[:e.npairs] {
		room := MaxBytes - (len(dst) - start)
		next, ok := appendPair(dst, &e.pairs[i], room, &cut)
		if !ok {
			cut = true
			break
		}
		dst = next
		n++
	}
	if cut {
		dst[start+3] |= flagCut
	}
	dst[start+5] = byte(n)
	return dst
}

func appendFixed(dst []byte, e *Event) []byte {
	sec, nsec := e.Time.Unix(), e.Time.Nanosecond()
	if sec < minSeconds || sec > maxSeconds {
		sec, nsec = minSeconds, 0
	}
	var h [recordFixed]byte
	h[0] = recordVersion
	h[1] = byte(e.Kind)
	h[2] = byte(min(e.Severity, Info))
	h[3] = flags(e)
	h[4] = e.Proto
	le := binary.LittleEndian
	le.PutUint16(h[6:], e.Src.Port())
	le.PutUint16(h[8:], e.Dst.Port())
	le.PutUint64(h[10:], uint64(sec))
	le.PutUint32(h[18:], uint32(nsec))
	le.PutUint64(h[22:], e.FlowID)
	le.PutUint64(h[30:], e.Packet)
	le.PutUint32(h[38:], e.Rule)
	le.PutUint32(h[42:], e.RuleRev)
	le.PutUint32(h[46:], uint32(e.Offset))
	le.PutUint32(h[50:], uint32(e.Length))
	return append(dst, h[:]...)
}

func flags(e *Event) byte {
	var f byte
	if e.Would {
		f |= flagWould
	}
	if e.ToServer {
		f |= flagToServer
	}
	return f | family(e.Src.Addr(), flagSrc4, flagSrc6) | family(e.Dst.Addr(), flagDst4, flagDst6)
}

func family(a netip.Addr, v4, v6 byte) byte {
	switch {
	case a.Is4():
		return v4
	case a.Is6():
		return v6
	}
	return 0
}

func appendAddr(dst []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		b := a.As4()
		return append(dst, b[:]...)
	case a.Is6():
		b := a.As16()
		return append(dst, b[:]...)
	}
	return dst
}

func appendString(dst []byte, s string, limit int, cut *bool) []byte {
	s = clip(s, limit, cut)
	dst = append(dst, byte(len(s)), byte(len(s)>>8))
	return append(dst, s...)
}

// appendPair appends p in at most room bytes; false means that it did not fit even
// without its text.
func appendPair(dst []byte, p *Pair, room int, cut *bool) ([]byte, bool) {
	key := clip(p.Key, MaxKey, cut)
	if p.IsNum {
		if room < 1+len(key)+8 {
			return dst, false
		}
		dst = append(dst, numericPair|byte(len(key)))
		dst = append(dst, key...)
		return binary.LittleEndian.AppendUint64(dst, uint64(p.Num)), true
	}
	room -= 1 + len(key) + 2
	if room < 0 {
		return dst, false
	}
	dst = append(dst, byte(len(key)))
	dst = append(dst, key...)
	return appendString(dst, p.Text, room, cut), true
}

// clip returns at most limit bytes of s, not ending inside a UTF-8 sequence.
func clip(s string, limit int, cut *bool) string {
	if len(s) <= limit {
		return s
	}
	*cut = true
	for n := limit; n >= max(0, limit-utf8.UTFMax+1); n-- {
		if utf8.RuneStart(s[n]) {
			return s[:n]
		}
	}
	return s[:limit]
}

func timeOf(sec int64, nsec uint32) time.Time { return time.Unix(sec, int64(nsec)).UTC() }
