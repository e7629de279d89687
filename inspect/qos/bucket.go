package qos

import "time"

// A bucket is a token bucket. It counts in byte-nanoseconds, tokens times 10⁹, so that no rate and no interval loses a
// fraction; limits on both keep that inside 64 bits. It reads no clock. The zero bucket is full when first asked.
type bucket struct {
	left   int64 // byte-nanoseconds; below 0 for what shaping has promised
	at     time.Duration
	isUsed bool
}

// A rate is what fills a bucket.
type rate struct {
	bytesPerSecond int64 // 1 to maxRate
	burstBytes     int64 // 1 to maxBurst
}

const (
	maxRate  = 1 << 40 // bytes per second
	maxBurst = 1 << 32 // bytes: maxBurst·10⁹ < 2⁶³
	second   = int64(time.Second)
)

// fill adds what came in since the last time.
func (b *bucket) fill(r rate, now time.Duration) {
	full := r.burstBytes * second
	if !b.isUsed {
		b.left, b.at, b.isUsed = full, now, true
		return
	}
	since := int64(now - b.at)
	if since <= 0 {
		return
	}
	b.at = now
	if since >= (full-b.left)/r.bytesPerSecond+1 {
		b.left = full
		return
	}
	b.left += since * r.bytesPerSecond
}

// take takes n bytes if the bucket holds as many, and reports whether it did.
func (b *bucket) take(r rate, now time.Duration, n int) bool {
	b.fill(r, now)
	need := int64(n) * second
	if b.left < need {
		return false
	}
	b.left -= need
	return true
}

// owe takes n bytes, now or ahead of time, and returns how long to wait until they are there; false, and nothing is taken,
// if that is longer than most.
func (b *bucket) owe(r rate, now time.Duration, n int, most time.Duration) (wait time.Duration, ok bool) {
	b.fill(r, now)
	left := b.left - int64(n)*second
	if left < 0 {
		wait = time.Duration((-left + r.bytesPerSecond - 1) / r.bytesPerSecond)
	}
	if wait > most {
		return 0, false
	}
	b.left = left
	return wait, true
}
