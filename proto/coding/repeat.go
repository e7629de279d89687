package coding

import "encoding/binary"

// periods say how to make eight bytes of fewer that repeat: those are cut out, multiplied, and step is as many as are whole periods.
var periods = func() (p [9]struct {
	cut, times uint64
	step       int
},
) {
	for n := 1; n <= 8; n++ {
		p[n].cut = 1<<(8*n) - 1
		for at := 0; at < 8; at += n {
			p[n].times |= 1 << (8 * at)
		}
		p[n].step = 8 / n * n
	}
	return p
}()

// again writes at b[to] n bytes of those that begin at b[from], which is before it; where they overlap they repeat. It writes up to
// 7 bytes too many.
func again(b []byte, from, to, n int) {
	p := &periods[min(to-from, 8)]
	v := binary.LittleEndian.Uint64(b[from:]) & p.cut * p.times
	binary.LittleEndian.PutUint64(b[to:], v)
	if n <= 8 {
		return
	}
	end := to + n
	if to-from < 8 {
		for to += p.step; to < end; to += p.step {
			binary.LittleEndian.PutUint64(b[to:], v)
		}
		return
	}
	for to, from = to+8, from+8; to < end; to, from = to+8, from+8 {
		binary.LittleEndian.PutUint64(b[to:], binary.LittleEndian.Uint64(b[from:]))
	}
}
