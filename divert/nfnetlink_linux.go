package divert

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The kernel's words: include/uapi/linux/netfilter/nfnetlink_queue.h and
// nfnetlink.h. Attribute payloads are big endian, netlink's own headers native.
const (
	subsysQueue = 3 // NFNL_SUBSYS_QUEUE

	msgPacket       = subsysQueue << 8
	msgVerdict      = subsysQueue<<8 | 1
	msgConfig       = subsysQueue<<8 | 2
	msgVerdictBatch = subsysQueue<<8 | 3

	attrPacketHdr  = 1
	attrVerdictHdr = 2
	attrMark       = 3
	attrInDev      = 5
	attrOutDev     = 6
	attrPayload    = 10
	attrCapLen     = 13
	attrSkbInfo    = 14

	cfgCmd    = 1
	cfgParams = 2
	cfgMaxLen = 3
	cfgMask   = 4
	cfgFlags  = 5

	cmdBind    = 1
	cmdUnbind  = 2
	copyPacket = 2

	flagFailOpen  = 1 << 0
	flagConntrack = 1 << 1
	flagGSO       = 1 << 2

	skbCsumNotReady    = 1 << 0
	skbGSO             = 1 << 1
	skbCsumNotVerified = 1 << 2

	nfDrop   = 0
	nfAccept = 1
	nfRepeat = 4

	nlHdrLen  = 16 // struct nlmsghdr
	msgHdrLen = 20 // and struct nfgenmsg
	attrMask  = 0x3fff
)

var (
	native = binary.NativeEndian
	big    = binary.BigEndian
)

// appendHeader starts a message about a queue; its length is filled in by endMessage.
func appendHeader(b []byte, typ, flags uint16, seq uint32, queue uint16) []byte {
	b = native.AppendUint32(b, 0)
	b = native.AppendUint16(b, typ)
	b = native.AppendUint16(b, unix.NLM_F_REQUEST|flags)
	b = native.AppendUint32(b, seq)
	b = native.AppendUint32(b, 0)
	b = append(b, unix.AF_UNSPEC, 0)
	return big.AppendUint16(b, queue)
}

func appendAttr(b []byte, typ uint16, data []byte) []byte {
	b = native.AppendUint16(b, uint16(4+len(data)))
	b = native.AppendUint16(b, typ)
	b = append(b, data...)
	return append(b, make([]byte, -len(data)&3)...)
}

func appendAttr32(b []byte, typ uint16, v uint32) []byte {
	b = native.AppendUint16(b, 8)
	b = native.AppendUint16(b, typ)
	return big.AppendUint32(b, v)
}

// appendVerdict appends the verdict header attribute, NFQA_VERDICT_HDR.
func appendVerdict(b []byte, verdict, id uint32) []byte {
	b = native.AppendUint16(b, 12)
	b = native.AppendUint16(b, attrVerdictHdr)
	b = big.AppendUint32(b, verdict)
	return big.AppendUint32(b, id)
}

// bareVerdict is a whole verdict message without mark or payload.
func bareVerdict(typ, queue uint16, verdict, id uint32) []byte {
	b := appendHeader(make([]byte, 0, 32), typ, 0, uint32(queue), queue)
	b = appendVerdict(b, verdict, id)
	native.PutUint32(b, uint32(len(b)))
	return b
}

// idBefore reports whether packet id a was given before b. Ids are 32 bits and wrap.
func idBefore(a, b uint32) bool { return int32(a-b) < 0 }
