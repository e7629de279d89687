package divert

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

const (
	snapLen  = 256 << 10
	etherMin = 60 // bytes of the shortest Ethernet frame, without its check sequence
)

// A captureWriter writes a pcap file beside its final name, and moves it there at last.
// What stands there and is no regular file, such as a pipe or /dev/null, is written itself.
type captureWriter struct {
	name  string
	moves bool // file is another beside name
	file  *os.File
	buf   *bufio.Writer
	w     *pcapgo.Writer
	begun bool
	link  layers.LinkType // of the file; valid iff begun
	frame []byte
}

// createCapture begins a file whose timestamps are as fine as the input's.
func createCapture(name string, nano bool) (*captureWriter, error) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	info, err := os.Stat(name)
	moves := err != nil || info.Mode().IsRegular()
	var f *os.File
	switch {
	case moves:
		f, err = os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	case info.IsDir():
		err = errors.New("it is a directory")
	default:
		f, err = os.OpenFile(name, os.O_WRONLY, 0)
	}
	if err != nil {
		if e := (*os.PathError)(nil); errors.As(err, &e) {
			err = e.Err // its name is a temporary one
		}
		return nil, fmt.Errorf("pcap: create %s: %w", name, err)
	}
	w := &captureWriter{name: name, moves: moves, file: f, buf: bufio.NewWriterSize(f, 256<<10)}
	if w.w = pcapgo.NewWriter(w.buf); nano {
		w.w = pcapgo.NewWriterNanos(w.buf)
	}
	return w, nil
}

// begin writes the file header, with the link type of the first frame.
func (w *captureWriter) begin(link layers.LinkType) error {
	if w.begun {
		return nil
	}
	w.begun, w.link = true, link
	return w.w.WriteFileHeader(snapLen, link)
}

// write writes a frame as it came.
func (w *captureWriter) write(f *frame) error {
	if err := w.begin(f.link); err != nil {
		return w.wrap(err)
	}
	if f.link != w.link {
		if f.l2 < 0 {
			return nil
		}
		return w.writeDatagram(f, f.data[f.l2:f.end], f.info.Length-len(f.data))
	}
	info := f.info
	info.CaptureLength = len(f.data)
	return w.wrap(w.w.WritePacket(info, f.data))
}

// writeChanged writes a frame with another datagram in it.
func (w *captureWriter) writeChanged(f *frame, ip []byte) error {
	if err := w.begin(f.link); err != nil {
		return w.wrap(err)
	}
	return w.writeDatagram(f, ip, 0)
}

// writeDatagram writes the frame's link header, or a plain one, and the datagram. missing
// is how many bytes the capture had cut off.
func (w *captureWriter) writeDatagram(f *frame, ip []byte, missing int) error {
	if !carries(w.link, ip[0]>>4) {
		return nil
	}
	w.frame = w.frame[:0]
	if f.link == w.link {
		w.frame = append(w.frame, f.data[:f.l2]...)
	} else {
		w.frame = appendLinkHeader(w.frame, w.link, ip)
	}
	w.frame = append(w.frame, ip...)
	if w.link == linkEthernet && len(w.frame) < etherMin && len(f.data) >= etherMin {
		w.frame = append(w.frame, make([]byte, etherMin-len(w.frame))...)
	}
	info := gopacket.CaptureInfo{Timestamp: f.info.Timestamp, CaptureLength: len(w.frame), Length: len(w.frame) + max(missing, 0)}
	return w.wrap(w.w.WritePacket(info, w.frame))
}

// close puts the file in place if it is good, and removes it otherwise.
func (w *captureWriter) close(good bool) error {
	if w.moves {
		defer os.Remove(w.file.Name()) // fails after the rename, rightly
	}
	if !good {
		return w.file.Close()
	}
	err := w.begin(linkRaw) // an empty capture is one too
	err = errors.Join(err, w.buf.Flush())
	if w.moves {
		err = errors.Join(err, w.file.Chmod(0o644))
	}
	if err = errors.Join(err, w.file.Close()); err == nil && w.moves {
		err = os.Rename(w.file.Name(), w.name)
	}
	return w.wrap(err)
}

func (w *captureWriter) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("pcap: write %s: %w", w.name, err)
}
