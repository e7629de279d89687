package divert

import (
	"os"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// holderLab is a bound queue 0 that takes UDP to port 9000.
func holderLab(t *testing.T) (*Bound, *udpPair) {
	newNamespace(t)
	b, err := Bind("nfqueue:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	divertTo(t, nftables.ChainHookOutput, unix.IPPROTO_UDP, 9000, 0)
	return b, newUDPPair(t, 9000)
}

// attach is what a worker does with inherited descriptors.
func attach(t *testing.T, b *Bound) *NFQueue {
	t.Helper()
	s, err := Attach(b.Address, b.Caps, copies(t, b))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*NFQueue)
}

// copies are the descriptors of b as another process gets them.
func copies(t *testing.T, b *Bound) (files []*os.File) {
	t.Helper()
	for _, f := range b.Files() {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, os.NewFile(uintptr(fd), f.Name()))
	}
	return files
}

func TestReclaimAfterACrash(t *testing.T) {
	for _, c := range []struct {
		name        string
		read        int // by the one that crashes
		answered    int // of those
		unread      int
		count, asks int // what Reclaim can tell, and what comes again
	}{
		{"all read", 5, 0, 0, 5, 5},
		{"some answered", 5, 2, 0, 3, 5 - 2},
		{"some unread", 3, 0, 3, -1, 6},
		{"some answered, some unread", 4, 2, 3, -1, 5},
		{"none", 0, 0, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, u := holderLab(t)
			var all []string
			for i := range c.read + c.unread {
				all = append(all, string(rune('a'+i)))
			}
			u.send(all...)
			first := attach(t, b)
			if ps := recvAll(t, first, c.read); c.answered > 0 {
				finish(t, first, packet.Accept, ps[:c.answered]...)
			}
			u.want(all[:c.answered]...)
			first.Close() // the packets stay: the holder keeps the socket

			second := attach(t, b)
			if n, err := second.Reclaim(); n != c.count || err != nil {
				t.Fatalf("Reclaim is %d, %v, want %d", n, err, c.count)
			}
			seen := map[string]int{}
			for _, p := range recvAll(t, second, c.asks) {
				finish(t, second, packet.Accept, p)
				got, ok := u.next(0)
				if !ok {
					got, _ = u.next(1e9)
				}
				seen[got]++
			}
			for _, p := range all[c.answered:] {
				if seen[p] != 1 {
					t.Errorf("packet %q arrived %d times", p, seen[p])
				}
			}
			if st := second.Stats(); st.KernelQueued != 0 || st.VerdictErrors != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// Where the table of queues cannot be read, the packets are released all the same.
func TestReleaseWithoutKnowingIDs(t *testing.T) {
	b, u := holderLab(t)
	u.send("a", "b", "c")
	recvAll(t, attach(t, b), 2)
	if err := b.keeper.(*nfqBound).releaseBlindly(nfAccept); err != nil {
		t.Fatal(err)
	}
	u.want("a", "b", "c")
	u.send("d")
	if err := b.keeper.(*nfqBound).releaseBlindly(nfDrop); err != nil {
		t.Fatal(err)
	}
	u.want()
	if err := b.keeper.(*nfqBound).releaseBlindly(nfDrop); err != nil {
		t.Errorf("nothing to release: %v", err)
	}
}

func TestReleaseByTheHolderAlone(t *testing.T) {
	b, u := holderLab(t)
	u.send("a", "b", "c")
	recvAll(t, attach(t, b), 2)
	if err := b.Release(packet.Accept); err != nil {
		t.Fatal(err)
	}
	u.want("a", "b", "c")
	u.send("d")
	if err := b.Release(packet.Drop); err != nil {
		t.Fatal(err)
	}
	u.want()
	if err := b.Release(packet.Drop); err != nil {
		t.Errorf("nothing waits, and yet: %v", err)
	}
}

// Rules may be in place already when the queues are bound, one after the other.
func TestPacketsDuringBindAreNotLost(t *testing.T) {
	newNamespace(t)
	divertTo(t, nftables.ChainHookOutput, unix.IPPROTO_UDP, 9000, 0)
	u := newUDPPair(t, 9000)
	fd, err := netfilterSocket(defaultRecvBuffer, new(Caps))
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "test")
	c := binder{fd: fd, cfg: configure(nil), caps: new(Caps), buf: make([]byte, slotBytes)}
	if err := c.bindQueue(0); err != nil {
		t.Fatal(err)
	}
	u.send("early", "bird")
	if err := c.bindQueue(1); err != nil {
		t.Fatal(err)
	}
	if len(c.seen) != 2 {
		t.Fatalf("%d packets seen before the acknowledgement, want 2", len(c.seen))
	}
	if err := c.repeatSeen(); err != nil {
		t.Fatal(err)
	}
	table, err := openQueueTable(c.caps)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Attach("nfqueue:0-1", *c.caps, []*os.File{f, table})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	finish(t, s, packet.Accept, recvAll(t, s, 2)...)
	u.want("early", "bird")
}
