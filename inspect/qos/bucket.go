package qos

import "time"

// A bucket is a token bucket. It counts in byte-microseconds, tokens times 10⁶, so that no rate loses a fraction; the limits
// below keep that inside 64 bits. It reads no clock. The zero bucket is full when first asked.
//
// A full bucket lets any packet through and goes into debt for it: offload-sized packets are larger than many a burst, and
// would otherwise never pass. The rate holds on average all the same.
type bucket struct {
	left   int64 // byte-microseconds; below 0 in debt
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
	maxBurst = 1 << 32 // bytes
	second   = int64(time.Second / time.Microsecond)
)

func (r rate) full() int64 { return r.burstBytes * second }

// fill adds what came in since the last time.
func (b *bucket) fill(r rate, now time.Duration) {
	if !b.isUsed {
		b.left, b.at, b.isUsed = r.full(), now, true
		return
	}
	since := int64((now - b.at) / time.Microsecond)
	if since <= 0 {
		return
	}
	b.at += time.Duration(since) * time.Microsecond
	if since > (r.full()-b.left)/r.bytesPerSecond {
		b.left = r.full()
		return
	}
	b.left += since * r.bytesPerSecond
}

// take takes n bytes if the bucket holds as many, or is full, and reports whether it did.
func (b *bucket) take(r rate, now time.Duration, n int) bool {
	b.fill(r, now)
	need := int64(n) * second
	if b.left < need && b.left < r.full() {
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
	if left < 0 && b.left < r.full() {
		wait = time.Duration((-left+r.bytesPerSecond-1)/r.bytesPerSecond) * time.Microsecond
	}
	if wait > most {
		return 0, false
	}
	b.left = left
	return wait, true
}
