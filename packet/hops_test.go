package packet

import "testing"

// TestExpires tries all pairs against what hosts and paths do.
func TestExpires(t *testing.T) {
	for before := range 256 {
		for ttl := range 256 {
			want := ttl <= 23 && before-ttl >= 16
			if got := Expires(uint8(ttl), uint8(before)); got != want {
				t.Fatalf("%d hops left after %d: %v", ttl, before, got)
			}
		}
	}
}
