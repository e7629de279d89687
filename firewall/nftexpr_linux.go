package firewall

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// nftDialect says which of two spellings the kernel understands.
type nftDialect struct {
	xtQueue    bool // xtables target NFQUEUE in place of the queue expression
	xtConnMark bool // xtables connmark and CONNMARK in place of ct mark
}

// exprs returns the kernel's expressions for r in a table of family t. They are the
// ones that nft(8) generates for the same rule as nftText prints it.
func (d nftDialect) exprs(r Rule, t table) []expr.Any {
	m := r.Match
	var out []expr.Any
	add := func(es ...expr.Any) { out = append(out, es...) }
	if m.Family != AnyFamily && Family(t) == AnyFamily {
		proto := byte(unix.NFPROTO_IPV4)
		if m.Family == V6 {
			proto = unix.NFPROTO_IPV6
		}
		add(meta(expr.MetaKeyNFPROTO), equal([]byte{proto}))
	}
	add(m.In.exprs(expr.MetaKeyIIFNAME)...)
	add(m.Out.exprs(expr.MetaKeyOIFNAME)...)
	if m.Proto != 0 {
		add(meta(expr.MetaKeyL4PROTO), equal([]byte{byte(m.Proto)}))
	}
	add(addrExprs(m.Family, addrOffsets[m.Family].src, m.Src, m.SrcSet)...)
	add(addrExprs(m.Family, addrOffsets[m.Family].dst, m.Dst, m.DstSet)...)
	add(portExprs(0, m.Sport, m.SportSet)...)
	add(portExprs(2, m.Dport, m.DportSet)...)
	if m.Neighbour {
		add(payload(expr.PayloadBaseTransportHeader, 0, 1),
			&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: []byte{ndFirst}},
			&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: []byte{ndLast}})
	}
	if m.LaterFragment {
		add(fragmentExprs(m.Family)...)
	}
	add(m.Mark.exprs(meta(expr.MetaKeyMARK))...)
	add(d.connMark(m.ConnMark)...)
	add(m.Translation.exprs()...)
	if m.HasUID {
		add(meta(expr.MetaKeySKUID), equal(binaryutil.NativeEndian.PutUint32(m.UID)))
	}
	if r.Counter != NoCounter {
		add(&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: r.Counter.String()})
	}
	return append(out, d.action(r.Action)...)
}

var addrOffsets = [...]struct{ src, dst uint32 }{V4: {12, 16}, V6: {8, 24}}

func meta(key expr.MetaKey) expr.Any { return &expr.Meta{Key: key, Register: 1} }

func equal(data []byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data}
}

func notEqual(data []byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: data}
}

func payload(base expr.PayloadBase, off, length uint32) expr.Any {
	return &expr.Payload{DestRegister: 1, Base: base, Offset: off, Len: length}
}

func lookup(set string) expr.Any { return &expr.Lookup{SourceRegister: 1, SetName: set} }

func (i Iface) exprs(key expr.MetaKey) []expr.Any {
	if i.Name == "" {
		return nil
	}
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, i.Name)
	if base, ok := strings.CutSuffix(i.Name, "*"); ok {
		name = []byte(base) // compared up to its length only
	}
	if i.Not {
		return []expr.Any{meta(key), notEqual(name)}
	}
	return []expr.Any{meta(key), equal(name)}
}

func addrExprs(f Family, off uint32, one netip.Prefix, set string) []expr.Any {
	length := uint32(4)
	if f == V6 {
		length = 16
	}
	switch {
	case set != "":
		return []expr.Any{payload(expr.PayloadBaseNetworkHeader, off, length), lookup(set)}
	case one.IsValid():
		// Plan makes single addresses only, never wider prefixes.
		return []expr.Any{payload(expr.PayloadBaseNetworkHeader, off, length), equal(one.Addr().AsSlice())}
	}
	return nil
}

func portExprs(off uint32, one uint16, set string) []expr.Any {
	switch {
	case set != "":
		return []expr.Any{payload(expr.PayloadBaseTransportHeader, off, 2), lookup(set)}
	case one != 0:
		return []expr.Any{payload(expr.PayloadBaseTransportHeader, off, 2), equal(binary.BigEndian.AppendUint16(nil, one))}
	}
	return nil
}

// fragmentExprs tests the offset in the IPv4 header, or the presence of the IPv6
// fragment header (RFC 8200 §4.5), which the first fragment has too.
func fragmentExprs(f Family) []expr.Any {
	if f == V4 {
		return []expr.Any{
			payload(expr.PayloadBaseNetworkHeader, 6, 2),
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 2, Mask: []byte{0x1f, 0xff}, Xor: []byte{0, 0}},
			notEqual([]byte{0, 0}),
		}
	}
	return []expr.Any{
		&expr.Exthdr{DestRegister: 1, Type: unix.IPPROTO_FRAGMENT, Len: 1, Flags: unix.NFT_EXTHDR_F_PRESENT, Op: expr.ExthdrOpIpv6},
		equal([]byte{1}),
	}
}

func bitwise(mask, xor uint32) expr.Any {
	return &expr.Bitwise{
		SourceRegister: 1, DestRegister: 1, Len: 4,
		Mask: binaryutil.NativeEndian.PutUint32(mask), Xor: binaryutil.NativeEndian.PutUint32(xor),
	}
}

func (t MarkTest) exprs(load expr.Any) []expr.Any {
	if t.Mask == 0 {
		return nil
	}
	value := binaryutil.NativeEndian.PutUint32(t.Value)
	if t.Not {
		return []expr.Any{load, bitwise(t.Mask, 0), notEqual(value)}
	}
	return []expr.Any{load, bitwise(t.Mask, 0), equal(value)}
}

// Bits of the conntrack status (enum ip_conntrack_status) and values of its direction
// (enum ip_conntrack_dir).
const (
	statusSNAT, statusDNAT = 1 << 4, 1 << 5
	dirOriginal, dirReply  = 0, 1
)

func (t Translation) exprs() []expr.Any {
	if t == AnyTranslation {
		return nil
	}
	dir, status := byte(dirOriginal), uint32(statusDNAT)
	if t == ReplySNAT {
		dir, status = dirReply, statusSNAT
	}
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1}, equal([]byte{dir}),
		&expr.Ct{Key: expr.CtKeySTATUS, Register: 1}, bitwise(status, 0), notEqual(make([]byte, 4)),
	}
}

func (d nftDialect) connMark(t MarkTest) []expr.Any {
	if !d.xtConnMark || t.Mask == 0 {
		return t.exprs(&expr.Ct{Key: expr.CtKeyMARK, Register: 1})
	}
	// struct xt_connmark_mtinfo1: mark, mask, invert
	info := slices.Concat(binaryutil.NativeEndian.PutUint32(t.Value), binaryutil.NativeEndian.PutUint32(t.Mask), make([]byte, 8))
	if t.Not {
		info[8] = 1
	}
	return []expr.Any{&expr.Match{Name: "connmark", Rev: 1, Info: unknown(info)}}
}

func unknown(info []byte) *xt.Unknown {
	u := xt.Unknown(info)
	return &u
}

func (d nftDialect) action(a Action) []expr.Any {
	switch a.Kind {
	case Return:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
	case Jump:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: a.Target}}
	case Goto:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: a.Target}}
	case SetMark:
		return []expr.Any{meta(expr.MetaKeyMARK), bitwise(^a.Bits.Mask, a.Bits.Value), &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1}}
	case SetConnMark:
		return d.setConnMark(a.Bits)
	case NoTrack:
		return []expr.Any{&expr.Notrack{}}
	case Queue:
		return []expr.Any{d.queue(a.Queues)}
	}
	return nil
}

func (d nftDialect) setConnMark(b Bits) []expr.Any {
	if !d.xtConnMark {
		return []expr.Any{&expr.Ct{Key: expr.CtKeyMARK, Register: 1}, bitwise(^b.Mask, b.Value), &expr.Ct{Key: expr.CtKeyMARK, SourceRegister: true, Register: 1}}
	}
	// struct xt_connmark_tginfo1: ctmark, ctmask, nfmask, mode (0: set); ctmask is
	// the part that the mark loses before ctmark is XORed in.
	info := slices.Concat(binaryutil.NativeEndian.PutUint32(b.Value), binaryutil.NativeEndian.PutUint32(b.Mask), make([]byte, 8))
	return []expr.Any{&expr.Target{Name: "CONNMARK", Rev: 1, Info: unknown(info)}}
}

func (d nftDialect) queue(q Queues) expr.Any {
	if !d.xtQueue {
		e := &expr.Queue{Num: q.First, Total: uint16(q.Total())}
		if q.Bypass {
			e.Flag = expr.QueueFlagBypass
		}
		return e
	}
	// struct xt_NFQ_info_v3: queuenum, queues_total, flags; padded to 8 bytes
	info := make([]byte, 8)
	binary.NativeEndian.PutUint16(info, q.First)
	binary.NativeEndian.PutUint16(info[2:], uint16(q.Total()))
	if q.Bypass {
		binary.NativeEndian.PutUint16(info[4:], 1) // NFQ_FLAG_BYPASS
	}
	return &expr.Target{Name: "NFQUEUE", Rev: 3, Info: unknown(info)}
}
