package coding

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A layer is the decoders of one layer of a Stream, each made when it is first needed.
type layer struct {
	kind   Kind
	src    source // of zstd
	meter  zstdMeter
	framed *framed
	brotli *brDecoder
	zstd   *zstd.Decoder
}

// open returns a Reader of what r is when a coding is undone. Behind the end of the coding there must be nothing, but for br, of which
// receivers overlook it.
func (l *layer) open(s *Stream, k Kind, r io.Reader) (io.Reader, error) {
	l.kind = k
	switch k {
	case Gzip, Deflate:
		return l.openDeflate(s, r)
	case Brotli:
		return l.openBrotli(s, r)
	}
	l.meter.reset(s, r)
	l.src.reset(&l.meter)
	return l, l.openZstd(s)
}

// Read implements io.Reader, for zstd: it reads to the end of the coding.
func (l *layer) Read(b []byte) (int, error) {
	n, err := l.zstd.Read(b)
	if err != io.EOF {
		return n, err
	}
	switch _, extra := l.src.ReadByte(); {
	case extra == nil:
		return n, errTrailing
	case extra != io.EOF:
		return n, extra
	}
	return n, io.EOF
}

var errTrailing = errors.New("coding: bytes behind the end")

// openDeflate tells zlib's frame (RFC 1950 §2.2) from bare blocks by its first two bytes.
func (l *layer) openDeflate(s *Stream, r io.Reader) (io.Reader, error) {
	if l.framed == nil {
		l.framed = new(framed)
	}
	f := l.framed
	f.in.reset(r)
	kind := inGzip
	if l.kind == Deflate {
		head, err := f.in.peek(2)
		if err != nil {
			return nil, err
		}
		if kind = bare; isZlib(head) {
			kind = inZlib
		}
	}
	f.begin(s, kind)
	return f, nil
}

// openBrotli counts the window that the stream's header asks for (RFC 7932 §9.1).
func (l *layer) openBrotli(s *Stream, r io.Reader) (io.Reader, error) {
	if l.brotli == nil {
		l.brotli = new(brDecoder)
	}
	z := l.brotli
	z.in.reset(r)
	head, err := z.in.peek(1)
	if err != nil {
		return nil, err
	}
	bits := brotliWindow(head[0])
	if bits == 0 || 1<<bits > max(s.pool.limits.Window, 1<<24) {
		s.why = Window
		return nil, errWindow
	}
	if len(z.ring) > max(1<<bits, minRing) {
		z.ring = nil // it is more than is counted
	}
	if err := l.window(s, 1<<bits); err != nil {
		return nil, err
	}
	z.begin(s, bits)
	return z, nil
}

var errWindow = errors.New("coding: window too large")

// window counts the memory of a window.
func (l *layer) window(s *Stream, size int) error {
	if !s.pool.take(s, size) {
		s.why = Window
		return errWindow
	}
	return nil
}

// brotliWindow returns WBITS; 0 for the large windows that RFC 7932 does not know.
func brotliWindow(b byte) int {
	switch {
	case b&1 == 0:
		return 16
	case b>>1&7 != 0:
		return 17 + int(b>>1&7)
	case b>>4&7 == 0:
		return 17
	case b>>4&7 == 1:
		return 0
	}
	return 8 + int(b>>4&7)
}

// openZstd refuses windows beyond the limit when their frame begins; the library does so for all frames.
func (l *layer) openZstd(s *Stream) (err error) {
	head, err := l.src.peek(6) // magic number, descriptor and window of the first frame
	if err != nil && (err != io.ErrUnexpectedEOF || len(head) == 0) {
		return err
	}
	if err := l.window(s, zstdWindow(head, s.pool.limits.Window)); err != nil {
		return err
	}
	if l.zstd == nil {
		l.zstd, err = zstd.NewReader(&l.src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(uint64(s.pool.limits.Window)), zstd.WithDecoderMaxMemory(uint64(s.pool.limits.Window)))
	} else {
		err = l.zstd.Reset(&l.src)
	}
	return err
}

// zstdWindow is what the frame that head begins may need (RFC 8878 §3.1.1.1), at most limit, beyond which the library refuses.
func zstdWindow(head []byte, limit int) int {
	const magic, single = "\x28\xb5\x2f\xfd", 0x20
	if len(head) < 6 || string(head[:4]) != magic {
		return limit
	}
	switch how := head[4]; {
	case how&single == 0:
		size := 1 << (10 + head[5]>>3)
		return min(size+size/8*int(head[5]&7), limit)
	case how>>6 == 0: // one byte, or a dictionary, which will be refused
		return 256
	case how>>6 == 1:
		return 1<<16 + 256
	}
	return limit
}
