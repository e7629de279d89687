package examples

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A record is a datagram of a capture, and the step of time at which it was taken.
type record struct {
	step int
	data []byte
}

// step is a binary fraction of a second, so that rates come out even.
const step = time.Second / 8

var begin = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func writeCapture(t *testing.T, name string, rs []record) {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	err := w.WriteFileHeader(65535, layers.LinkTypeRaw)
	for _, r := range rs {
		at := begin.Add(time.Duration(r.step) * step)
		err = errors.Join(err, w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(r.data), Length: len(r.data)}, r.data))
	}
	if err = errors.Join(err, os.WriteFile(name, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func readCapture(t *testing.T, name string) (rs []record) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return rs
		}
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, record{int(info.Timestamp.Sub(begin) / step), data})
	}
}

func compare(t *testing.T, got, want []record) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("packet of step %d is missing: %q", want[i].step, want[i].data)
		case i >= len(want):
			t.Errorf("packet of step %d is one too many: %q", got[i].step, got[i].data)
		case got[i].step != want[i].step || !bytes.Equal(got[i].data, want[i].data):
			t.Errorf("packet %d is of step\n%d: %q, want\n%d: %q", i, got[i].step, got[i].data, want[i].step, want[i].data)
		}
	}
}
