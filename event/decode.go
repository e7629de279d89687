package event

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// ErrRecord says that bytes are not the record of any event.
var ErrRecord = errors.New("event: not a valid record")

// Decode fills e from the record rec, which it does not keep. Whoever wrote rec is not
// trusted: anything but a whole, canonical record of a known version gives ErrRecord,
// and then e is undefined. It allocates once, at most len(rec) bytes, which the strings
// of e share; whoever keeps one for long should clone it.
func Decode(rec []byte, e *Event) error {
	if len(rec) < recordFixed || len(rec) > MaxBytes || rec[0] != recordVersion {
		return ErrRecord
	}
	if !Kind(rec[1]).Valid() || Severity(rec[2]) > Info || int(rec[5]) > MaxPairs {
		return ErrRecord
	}
	if !decodeFixed(rec, e) {
		return ErrRecord
	}
	d := decoder{rec: rec, off: recordFixed, ok: true}
	e.Src = netip.AddrPortFrom(d.addr(rec[3], flagSrc4, flagSrc6), binary.LittleEndian.Uint16(rec[6:]))
	e.Dst = netip.AddrPortFrom(d.addr(rec[3], flagDst4, flagDst6), binary.LittleEndian.Uint16(rec[8:]))
	if !d.ok {
		return ErrRecord
	}
	d.text, d.base = string(rec[d.off:]), d.off
	e.Author = d.string(MaxAuthor)
	e.Name = d.string(MaxName)
	e.Reason = d.string(MaxReason)
	e.Verdict = d.string(MaxVerdict)
	e.AppProto = d.string(MaxAppProto)
	e.Class = d.string(MaxClass)
	e.Field = d.string(MaxField)
	e.npairs = int(rec[5])
	for i := range e.pairs[:e.npairs] {
		e.pairs[i] = d.pair()
	}
	if !d.ok || d.off != len(rec) {
		return ErrRecord
	}
	return nil
}

func decodeFixed(rec []byte, e *Event) bool {
	le := binary.LittleEndian
	sec, nsec := int64(le.Uint64(rec[10:])), le.Uint32(rec[18:])
	if sec < minSeconds || sec > maxSeconds || nsec > 999_999_999 || rec[3]&0x80 != 0 {
		return false
	}
	e.Kind = Kind(rec[1])
	e.Severity = Severity(rec[2])
	e.Would = rec[3]&flagWould != 0
	e.ToServer = rec[3]&flagToServer != 0
	e.Cut = rec[3]&flagCut != 0
	e.Proto = rec[4]
	e.Time = timeOf(sec, nsec)
	e.FlowID = le.Uint64(rec[22:])
	e.Packet = le.Uint64(rec[30:])
	e.Rule = le.Uint32(rec[38:])
	e.RuleRev = le.Uint32(rec[42:])
	e.Offset = int32(le.Uint32(rec[46:]))
	e.Length = int32(le.Uint32(rec[50:]))
	return true
}

// A decoder walks the variable part of a record. After the first violation ok is false
// and all further results are zero.
type decoder struct {
	rec  []byte
	off  int    // next byte to read, in rec
	text string // rec[base:], owned
	base int
	ok   bool
}

// take returns the offset of the next n bytes and steps over them.
func (d *decoder) take(n int) (int, bool) {
	if !d.ok || n > len(d.rec)-d.off {
		d.ok = false
		return 0, false
	}
	off := d.off
	d.off += n
	return off, true
}

func (d *decoder) addr(flags, v4, v6 byte) netip.Addr {
	switch flags & (v4 | v6) {
	case 0:
		return netip.Addr{}
	case v4:
		if off, ok := d.take(4); ok {
			return netip.AddrFrom4([4]byte(d.rec[off:]))
		}
	case v6:
		if off, ok := d.take(16); ok {
			return netip.AddrFrom16([16]byte(d.rec[off:]))
		}
	}
	d.ok = false
	return netip.Addr{}
}

func (d *decoder) string(limit int) string {
	off, ok := d.take(2)
	if !ok {
		return ""
	}
	return d.bytes(int(binary.LittleEndian.Uint16(d.rec[off:])), limit)
}

func (d *decoder) bytes(n, limit int) string {
	if n > limit {
		d.ok = false
		return ""
	}
	off, ok := d.take(n)
	if !ok {
		return ""
	}
	return d.text[off-d.base:][:n]
}

func (d *decoder) pair() Pair {
	off, ok := d.take(1)
	if !ok {
		return Pair{}
	}
	head := d.rec[off]
	p := Pair{Key: d.bytes(int(head&^numericPair), MaxKey), IsNum: head&numericPair != 0}
	if !p.IsNum {
		p.Text = d.string(MaxBytes)
		return p
	}
	if off, ok := d.take(8); ok {
		p.Num = int64(binary.LittleEndian.Uint64(d.rec[off:]))
	}
	return p
}
