package flow

import (
	"testing"
	"time"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

// TestGoesOn: flags that look like an end end no flow whose connection may go on, and a SYN none that has a session.
func TestGoesOn(t *testing.T) {
	const a, z = "192.0.2.1:40000", "198.51.100.1:80"
	for _, c := range []struct {
		name string
		goes bool
		want time.Duration // for which it is remembered
	}{{"over", false, 10 * time.Second}, {"may go on", true, time.Minute}} {
		var ended []End
		w := wheel.New(0)
		table := NewTable(Limits{}, w, 1, func(_ *Flow, why End) { ended = append(ended, why) })
		see := func(src, dst string, flags packet.TCPFlags, now time.Duration) *Flow {
			var p packet.Packet
			p.Set(craft.TCP(src, dst, craft.Segment{Flags: flags}, nil))
			p.Decode()
			f, _, _ := table.Observe(&p, now)
			return f
		}
		f := see(a, z, packet.SYN, 0)
		see(z, a, packet.SYN|packet.ACK, 0)
		see(a, z, packet.ACK, 0)
		f.Session = 1
		table.GoesOn(f, true, 0)
		see(a, z, packet.RST|packet.ACK, time.Second)
		table.GoesOn(f, c.goes, time.Second)
		fire := func(timer *wheel.Timer) { table.Expire(timer, time.Second+c.want) }
		w.Advance(time.Second+c.want-time.Millisecond, func(timer *wheel.Timer) { t.Errorf("%s: forgotten early", c.name) })
		if again := see(a, z, packet.SYN, time.Second); len(ended) > 0 || again != f {
			t.Errorf("%s: a SYN ended %v", c.name, ended)
		}
		w.Advance(time.Second+c.want+wheel.Tick, fire)
		if len(ended) != 1 {
			t.Errorf("%s: still remembered after %v", c.name, c.want)
		}
	}
}
