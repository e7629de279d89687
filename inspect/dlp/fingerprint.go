package dlp

import "crypto/sha256"

const printBytes = 8 // of the fingerprint in events, shown as twice as many hexadecimal digits

// A printKey makes fingerprints: HMAC-SHA256 (RFC 2104), written out so that it allocates nothing.
type printKey struct {
	isSet        bool
	inner, outer [sha256.BlockSize]byte
}

func newPrintKey(secret string) printKey {
	k := printKey{isSet: true}
	key := []byte(secret)
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	copy(k.inner[:], key)
	copy(k.outer[:], key)
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k
}

// appendPrint appends the fingerprint of a value in hexadecimal. It puts the value behind what is in scratch, and returns that.
func (k *printKey) appendPrint(dst, scratch, value []byte) (print, used []byte) {
	sum, used := k.sum(scratch, value)
	const hex = "0123456789abcdef"
	for _, b := range sum[:printBytes] {
		dst = append(dst, hex[b>>4], hex[b&15])
	}
	return dst, used
}

// sum is the HMAC of a value. It puts the value behind what is in scratch, and returns that.
func (k *printKey) sum(scratch, value []byte) (sum [sha256.Size]byte, used []byte) {
	scratch = append(append(scratch[:0], k.inner[:]...), value...)
	sum = sha256.Sum256(scratch)
	var out [sha256.BlockSize + sha256.Size]byte
	copy(out[:], k.outer[:])
	copy(out[sha256.BlockSize:], sum[:])
	return sha256.Sum256(out[:]), scratch
}
