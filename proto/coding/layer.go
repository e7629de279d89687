package coding

import (
	"errors"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// A layer is the decoders of one layer of a Stream, each made when it is first needed.
type layer struct {
	kind    Kind
	src     source
	gzip    *gzip.Reader
	zlib    io.ReadCloser
	flate   io.ReadCloser
	brotli  *brotli.Reader
	zstd    *zstd.Decoder
	current io.Reader
}

// open returns a Reader of what r is when a coding is undone.
func (l *layer) open(s *Stream, k Kind, r io.Reader) (io.Reader, error) {
	l.src.reset(r)
	l.kind = k
	var err error
	switch k {
	case Gzip:
		err = l.openGzip()
	case Deflate:
		err = l.openDeflate()
	case Brotli:
		err = l.openBrotli(s)
	default:
		err = l.openZstd(s)
	}
	return l, err
}

// Read implements io.Reader: it reads to the end of the coding, behind which there must be nothing.
func (l *layer) Read(b []byte) (int, error) {
	n, err := l.current.Read(b)
	if l.kind == Brotli && err != nil && err.Error() == excessive {
		err = io.EOF
	}
	if err != io.EOF || l.kind == Brotli {
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

// excessive is what package brotli says of bytes behind the end, but also where there are none, if the last came one by one. So what
// is behind the end of br is overlooked, as receivers do.
const excessive = "brotli: excessive input"

var errTrailing = errors.New("coding: bytes behind the end")

func (l *layer) openGzip() (err error) {
	if l.gzip == nil {
		l.gzip = new(gzip.Reader)
	}
	l.current = l.gzip
	if err = l.gzip.Reset(&l.src); err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// openDeflate tells zlib's frame (RFC 1950 §2.2) from bare blocks by its first two bytes.
func (l *layer) openDeflate() (err error) {
	head, err := l.src.peek(2)
	if err != nil {
		return err
	}
	if isZlib(head) {
		if l.zlib == nil {
			l.zlib, err = zlib.NewReader(&l.src)
		} else {
			err = l.zlib.(zlib.Resetter).Reset(&l.src, nil)
		}
		l.current = l.zlib
		return err
	}
	if l.flate == nil {
		l.flate = flate.NewReader(&l.src)
	} else if err = l.flate.(flate.Resetter).Reset(&l.src, nil); err != nil {
		return err
	}
	l.current = l.flate
	return nil
}

// openBrotli counts the window that the stream's header asks for (RFC 7932 §9.1).
func (l *layer) openBrotli(s *Stream) error {
	head, err := l.src.peek(1)
	if err != nil {
		return err
	}
	bits := brotliWindow(head[0])
	if bits == 0 || 1<<bits > max(s.pool.limits.Window, 1<<24) {
		s.why = Window
		return errWindow
	}
	if err := l.window(s, 1<<bits); err != nil {
		return err
	}
	if l.brotli == nil {
		l.brotli = brotli.NewReader(&l.src)
	} else if err := l.brotli.Reset(&l.src); err != nil {
		return err
	}
	l.current = l.brotli
	return nil
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
	l.current = l.zstd
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
