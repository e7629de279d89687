package codingtest

import (
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// zstdHead begins a frame with a window of 1 MiB.
const zstdHead = "\x28\xb5\x2f\xfd\x00\x50"

func zstdBlockOf(kind, size int, data string) string {
	v := kind<<1 | size<<3
	return string([]byte{byte(v), byte(v >> 8), byte(v >> 16)}) + data
}

// zstdBlockWith is a block in which an encoder puts n bytes of text that needs codes and tables of its own.
func zstdBlockWith(t testing.TB, n int) string {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		t.Fatal(err)
	}
	b := e.EncodeAll(Sample(n), nil)
	b = b[len("magic")+1+int(b[4]>>6):] // and a size of one byte or two
	b[0] &^= 1                          // it is not the last
	return string(b)
}

// Zstd are frames of n bytes.
func Zstd(t testing.TB, n int) map[string][]byte {
	fill := func(head, again string) []byte { return []byte((head + strings.Repeat(again, n/len(again)+1))[:n]) }
	coded := func(data string) string { return zstdBlockOf(2, len(data), data) }
	sequences := func(count int, modes byte, rest string) string {
		if count < 128 {
			return string([]byte{byte(count), modes}) + rest
		}
		if count < 0x7f00 {
			return string([]byte{byte(count>>8 + 128), byte(count), modes}) + rest
		}
		return string([]byte{255, byte(count - 0x7f00), byte((count - 0x7f00) >> 8), modes}) + rest
	}
	return map[string][]byte{
		"empty-blocks":        fill(zstdHead, zstdBlockOf(0, 0, "")),
		"runs":                fill(zstdHead, zstdBlockOf(1, 128<<10, "a")),
		"runs-of-1":           fill(zstdHead, zstdBlockOf(1, 1, "a")),
		"raw-of-1":            fill(zstdHead, zstdBlockOf(0, 1, "a")),
		"frames":              fill("", zstdHead+"\x01\x00\x00"),
		"skipped":             fill(zstdHead+"\x01\x00\x00", "\x50\x2a\x4d\x18\x00\x00\x00\x00"),
		"sequences-of-0-bits": fill(zstdHead, zstdBlockOf(0, 8, "abcdefgh")+coded("\x00"+sequences(40000, 0x54, "\x00\x00\x00\x01"))),
		"blocks-of-150":       fill(zstdHead, zstdBlockWith(t, 150)),
		"blocks-of-300":       fill(zstdHead, zstdBlockWith(t, 300)),
		"blocks-of-1000":      fill(zstdHead, zstdBlockWith(t, 1000)),
	}
}
