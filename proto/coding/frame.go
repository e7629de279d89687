package coding

import (
	"encoding/binary"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"
	"math/bits"
)

// A framed undoes gzip (RFC 1952), its members one behind the other, and deflate with the frame of RFC 1950 or without one. Nothing may
// follow.
type framed struct {
	s      *Stream
	in     bitReader
	blocks inflater
	kind   frame
	open   bool        // between the head of a frame and its tail
	crc    uint32      // of a gzip member's text, or of its head
	size   uint32      // of a gzip member's text
	adler  hash.Hash32 // of zlib's text
	err    error
}

// A frame is what is around bare blocks.
type frame uint8

const (
	bare frame = iota
	inZlib
	inGzip
)

// begin begins with the frame's head, which comes from in.
func (f *framed) begin(s *Stream, kind frame) {
	f.s, f.kind, f.open = s, kind, false
	if f.adler == nil && kind == inZlib {
		f.adler = adler32.New()
	}
	f.err = f.head()
}

// Read implements io.Reader.
func (f *framed) Read(b []byte) (n int, err error) {
	for n == 0 && f.err == nil {
		if !f.open {
			f.err = f.next()
			continue
		}
		if n, err = f.blocks.Read(b); n > 0 {
			f.sum(b[:n])
		} else if err == io.EOF {
			f.open = false
			err = f.tail()
		}
		f.err = err
	}
	return n, f.err
}

// next goes on behind a frame's tail.
func (f *framed) next() error {
	switch end, err := f.in.atEnd(); {
	case err != nil:
		return err
	case end:
		return io.EOF
	case f.kind != inGzip:
		return errTrailing
	}
	return f.head()
}

// head reads what is in front of the blocks.
func (f *framed) head() (err error) {
	switch f.kind {
	case inZlib:
		err = f.zlibHead()
	case inGzip:
		err = f.gzipHead()
	}
	f.crc, f.size = 0, 0
	f.open = true
	f.blocks.reset(f.s, &f.in)
	return err
}

// zlibHead reads the head of RFC 1950 §2.2. There is no dictionary that we would know.
func (f *framed) zlibHead() error {
	f.adler.Reset()
	h, err := f.in.bits(16)
	if err == nil && (!isZlib([]byte{byte(h), byte(h >> 8)}) || h>>8&0x20 != 0) {
		return errCorrupt
	}
	return err
}

// gzipHead reads the head of RFC 1952 §2.3.
func (f *framed) gzipHead() error {
	if err := f.s.spend(headSteps); err != nil {
		return err
	}
	f.crc = ^uint32(0)
	var h [10]byte
	if err := f.headBytes(h[:]); err != nil {
		return err
	}
	const sum, extra, name, comment, reserved = 2, 4, 8, 16, 0xe0
	how := h[3]
	if h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 || how&reserved != 0 {
		return errCorrupt
	}
	if how&extra != 0 {
		var n [2]byte
		if err := f.headBytes(n[:]); err != nil {
			return err
		}
		for range binary.LittleEndian.Uint16(n[:]) {
			if err := f.headByte(&h[0]); err != nil {
				return err
			}
		}
	}
	for _, what := range [...]byte{name, comment} {
		for h[0] = 1; how&what != 0 && h[0] != 0; {
			if err := f.headByte(&h[0]); err != nil {
				return err
			}
		}
	}
	if how&sum != 0 {
		want := ^f.crc & 0xffff
		var n [2]byte
		if err := f.headBytes(n[:]); err != nil {
			return err
		}
		if uint32(binary.LittleEndian.Uint16(n[:])) != want {
			return errCorrupt
		}
	}
	return nil
}

func (f *framed) headBytes(b []byte) error {
	for i := range b {
		if err := f.headByte(&b[i]); err != nil {
			return err
		}
	}
	return nil
}

// headByte reads one byte of a head into b.
func (f *framed) headByte(b *byte) error {
	v, err := f.in.bits(8)
	*b = byte(v)
	f.crc = crc32.IEEETable[byte(f.crc)^*b] ^ f.crc>>8
	return err
}

// sum takes text into the sum that follows it.
func (f *framed) sum(text []byte) {
	switch f.kind {
	case inZlib:
		f.adler.Write(text)
	case inGzip:
		f.crc = crc32.Update(f.crc, crc32.IEEETable, text)
		f.size += uint32(len(text))
	}
}

// tail reads what follows the blocks.
func (f *framed) tail() error {
	var want [2]uint32
	switch f.kind {
	case inZlib:
		want[0] = bits.ReverseBytes32(f.adler.Sum32())
	case inGzip:
		want = [2]uint32{f.crc, f.size}
	}
	for i := range want[:f.kind] {
		got, err := f.in.bits(32)
		if err != nil {
			return err
		}
		if got != want[i] {
			return errCorrupt
		}
	}
	return nil
}
