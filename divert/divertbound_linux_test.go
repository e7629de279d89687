package divert

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/weir-project/weir/packet"
)

// served is a kernel for divert sockets of other processes, and its address.
func served(t *testing.T, system string) (*ModelKernel, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kernel")
	k, stop, err := ServeModel(system, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	return k, "fake:" + system + "@" + path
}

// attachDiverted is what a worker does with inherited descriptors.
func attachDiverted(t *testing.T, b *Bound) Socket {
	t.Helper()
	s, err := Attach(b.Address, b.Caps, copies(t, b))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// gone awaits the packets that go on.
func gone(k *ModelKernel, n int) (all []Passing) {
	for end := time.Now().Add(2 * time.Second); len(all) < n && time.Now().Before(end); time.Sleep(time.Millisecond) {
		all = append(all, k.Passed()...)
	}
	return all
}

// TestDivertSocketOutlivesItsReader: what a dead process had not read, the next one reads; what it had read is gone.
func TestDivertSocketOutlivesItsReader(t *testing.T) {
	for _, system := range ModelSystems() {
		t.Run(system, func(t *testing.T) {
			k, address := served(t, system)
			b, err := Bind(address)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if b.Caps.Reclaim || b.Caps.Bypass || b.Caps.Marks {
				t.Errorf("it can what no divert socket can: %+v", b.Caps)
			}
			for range 5 {
				k.Divert(Passing{Bytes: udp4, In: true, Interface: "em0"})
			}
			first := attachDiverted(t, b)
			recvAll(t, first, 2)
			first.Close()
			if l, err := b.Load(); l.Waiting != 1 || err != nil {
				t.Errorf("load %+v, %v while packets wait", l, err)
			}
			second := attachDiverted(t, b)
			ps := recvAll(t, second, 3)
			finish(t, second, packet.Accept, ps...)
			if all := gone(k, 3); len(all) != 3 || !all[0].In || all[0].Interface != "em0" {
				t.Errorf("%d have gone on: %+v", len(all), all)
			}
			if l, err := b.Load(); l.Waiting != 0 || err != nil {
				t.Errorf("load %+v, %v behind all packets", l, err)
			}
		})
	}
}

// TestDivertReleases: what nobody reads any more goes on as it came, or is dropped.
func TestDivertReleases(t *testing.T) {
	for _, system := range ModelSystems() {
		t.Run(system, func(t *testing.T) {
			k, address := served(t, system)
			b, err := Bind(address)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			for range 20 { // more than are read at once
				k.Divert(Passing{Bytes: udp6, Interface: "em1"})
				k.Divert(Passing{Bytes: udp4, In: true, Interface: "em0"})
			}
			if err := b.Release(packet.Accept); err != nil {
				t.Fatal(err)
			}
			in := 0
			all := gone(k, 40)
			for _, p := range all {
				if p.In {
					in++
				}
			}
			if len(all) != 40 || in != 20 {
				t.Errorf("%d have gone on, %d of them in", len(all), in)
			}
			k.Divert(Passing{Bytes: udp4})
			if err := b.Release(packet.Drop); err != nil {
				t.Fatal(err)
			}
			if l, _ := b.Load(); l.Waiting != 0 {
				t.Error("something still waits")
			}
			time.Sleep(20 * time.Millisecond)
			if all := k.Passed(); len(all) != 0 {
				t.Errorf("%d have gone on that were to be dropped", len(all))
			}
			if err := b.SetFailOpen(true); !errors.Is(err, ErrUnsupported) {
				t.Errorf("failing open: %v", err)
			}
		})
	}
}

func TestDivertBindingErrors(t *testing.T) {
	k, address := served(t, "openbsd")
	k.SetFaults(ModelFaults{Taken: true})
	if _, err := Bind(address); !errors.Is(err, ErrTaken) {
		t.Errorf("a port that is taken: %v", err)
	}
	k.SetFaults(ModelFaults{})
	b, err := Bind(address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(address, b.Caps, copies(t, b)[:1]); err == nil {
		t.Error("attached to one descriptor where there are two")
	}
	b.Close()
	if _, err := b.Load(); !errors.Is(err, ErrClosed) {
		t.Errorf("load after the end: %v", err)
	}
	if err := b.Release(packet.Accept); !errors.Is(err, ErrClosed) {
		t.Errorf("release after the end: %v", err)
	}
	for _, address := range []string{"fake:", "fake:openbsd", "fake:plan9@/x", "pcap:x", "x"} {
		if _, err := Bind(address); err == nil {
			t.Errorf("%s was bound", address)
		}
	}
}

// TestDivertKernelGoes: the reader is told that its socket is of no more use.
func TestDivertKernelGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernel")
	_, stop, err := ServeModel("openbsd", path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenSocket("fake:openbsd@" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_ = stop()
	if _, err := s.Recv(newPackets(1), 2*time.Second); err == nil {
		t.Error("it goes on waiting")
	}
}
