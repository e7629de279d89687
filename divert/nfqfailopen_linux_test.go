package divert

import (
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// TestSetFailOpen changes its mind while another reads from the queue, and packets wait in it.
func TestSetFailOpen(t *testing.T) {
	newNamespace(t)
	b, err := Bind("nfqueue:0-1", WithQueueLen(2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	divertTo(t, nftables.ChainHookOutput, unix.IPPROTO_UDP, 9000, 1)
	u := newUDPPair(t, 9000)
	s := attach(t, b)
	u.send("a", "b", "dropped")
	for _, c := range []struct {
		open  bool
		sends string
		want  []string
	}{
		{true, "c", []string{"c"}},
		{true, "d", []string{"d"}},
		{false, "e", nil},
		{true, "f", []string{"f"}},
		{false, "g", nil},
	} {
		if err := b.SetFailOpen(c.open); err != nil {
			t.Fatal(err)
		}
		u.send(c.sends)
		u.want(c.want...)
	}
	finish(t, s, packet.Accept, recvAll(t, s, 2)...)
	u.want("a", "b")
	if st := s.Stats(); st.KernelDropped != 3 || st.VerdictErrors != 0 || st.RecvErrors != 0 || !s.Caps().GSO {
		t.Errorf("stats %+v, caps %+v", st, s.Caps())
	}
	b.Close()
	if err := b.SetFailOpen(true); err != ErrClosed {
		t.Errorf("when closed: %v", err)
	}
}
