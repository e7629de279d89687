package http2

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

const (
	settingSize      = 6
	maxSettings      = 256 // of a frame
	maxUnanswered    = 8   // frames of SETTINGS that wait for their acknowledgement
	settingTableSize = 1
	settingMaxFrame  = 5
)

// demands are what one end has said in SETTINGS, which the other heeds from the moment on at which it acknowledges them (§6.5.3).
type demands struct {
	maxFrame int // the largest that was ever said
	waiting  [maxUnanswered]uint32
	n        int    // of waiting
	table    uint32 // size that was acknowledged
}

// last is the table's size that was said last.
func (d *demands) last() uint32 {
	if d.n > 0 {
		return d.waiting[d.n-1]
	}
	return d.table
}

// hear reads a frame of SETTINGS.
func (d *demands) hear(payload []byte) packet.Reason {
	if d.n == maxUnanswered {
		return tooManySets
	}
	size := d.last()
	for ; len(payload) >= settingSize; payload = payload[settingSize:] {
		value := binary.BigEndian.Uint32(payload[2:])
		switch binary.BigEndian.Uint16(payload) {
		case settingTableSize:
			size = value
		case settingMaxFrame:
			if value < minFrame || value >= 1<<24 {
				return badFrame
			}
			d.maxFrame = max(d.maxFrame, int(value))
		}
	}
	d.waiting[d.n] = size
	d.n++
	return ""
}

// acknowledged notes that the other end has taken the first of those that wait.
func (d *demands) acknowledged() {
	if d.n > 0 {
		d.table = d.waiting[0]
		d.n--
		copy(d.waiting[:d.n], d.waiting[1:])
	}
}

// largest is what the size of the other end's table may be.
func (d *demands) largest() uint32 {
	size := d.table
	for _, v := range d.waiting[:d.n] {
		size = max(size, v)
	}
	return size
}

// heed has the decoder of the other end's blocks know what it may find in them. One that was acknowledged and is smaller than the table must
// be heeded at once (RFC 7541 §4.2).
func (d *demands) heed(c *decoder, acknowledged bool) {
	c.limit = d.largest()
	c.must = c.must || acknowledged && c.table.max > c.limit
}
