package divert

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A captureReader reads a capture file record by record; of the file it holds one
// buffer.
type captureReader struct {
	name  string
	file  *os.File
	size  int64
	read  atomic.Int64
	count int // records so far
	nano  bool
	link  layers.LinkType // of a pcap file
	pcap  *pcapgo.Reader
	ng    *pcapgo.NgReader
}

const (
	magicMicro = 0xa1b2c3d4
	magicNano  = 0xa1b23c4d
	magicNg    = 0x0a0d0d0a
)

func openCapture(name string) (*captureReader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("pcap: %w", err)
	}
	r := &captureReader{name: name, file: f}
	if err := r.begin(); err != nil {
		f.Close()
		return nil, fmt.Errorf("pcap: %s: %w", name, err)
	}
	return r, nil
}

// begin reads the file header.
func (r *captureReader) begin() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errors.New("is a directory, not a capture file")
	}
	r.size = info.Size()
	b := bufio.NewReaderSize(countingReader{r}, 1<<20)
	head, err := b.Peek(4)
	switch {
	case len(head) == 0 && err == io.EOF:
		return errors.New("the file is empty, there is not even a capture header")
	case err == io.EOF:
		return errors.New("the file ends within its header")
	case err != nil:
		return err
	}
	little, bigEnd := binary.LittleEndian.Uint32(head), binary.BigEndian.Uint32(head)
	switch {
	case little == magicNg:
		r.nano = true
		r.ng, err = pcapgo.NewNgReader(b, pcapgo.NgReaderOptions{WantMixedLinkType: true})
		return headerError(err)
	case little == magicMicro || bigEnd == magicMicro || little == magicNano || bigEnd == magicNano:
		r.nano = little == magicNano || bigEnd == magicNano
		if r.pcap, err = pcapgo.NewReader(b); err != nil {
			return headerError(err)
		}
		r.link = r.pcap.LinkType()
		return knownLink(r.link)
	}
	return fmt.Errorf("not a capture file: it begins with %x (wanted pcap or pcapng; decompress it first if it is compressed)", head)
}

func headerError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends within its header")
	}
	return err
}

func knownLink(link layers.LinkType) error {
	if linkNames[link] == "" {
		return fmt.Errorf("link type %d is not supported (Ethernet, RAW, IPv4, IPv6, NULL, LOOP and Linux cooked are)", link)
	}
	return nil
}

// next appends the next record to buf.
func (r *captureReader) next(buf []byte) (data []byte, info gopacket.CaptureInfo, link layers.LinkType, err error) {
	var view []byte // valid until the next read
	if r.ng != nil {
		view, info, err = r.ng.ZeroCopyReadPacketData()
	} else {
		view, info, err = r.pcap.ZeroCopyReadPacketData()
	}
	link = r.link
	if err == nil && r.ng != nil {
		link, err = r.ngLink(info.InterfaceIndex)
	}
	if err == io.EOF && info.CaptureLength > 0 { // cut right behind a record's header
		err = io.ErrUnexpectedEOF
	}
	switch {
	case err == io.EOF:
		return nil, info, link, err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, info, link, fmt.Errorf("pcap: %s: the file is cut off within record %d, at byte %d", r.name, r.count+1, r.size)
	case err != nil:
		return nil, info, link, fmt.Errorf("pcap: %s: record %d, before byte %d: %w", r.name, r.count+1, r.read.Load(), err)
	}
	r.count++
	return append(buf, view...), info, link, nil
}

// ngLink returns the link type of a pcapng interface.
func (r *captureReader) ngLink(index int) (layers.LinkType, error) {
	i, err := r.ng.Interface(index)
	if err != nil {
		return 0, err
	}
	return i.LinkType, knownLink(i.LinkType)
}

func (r *captureReader) progress() (done, total int64) { return r.read.Load(), r.size }

func (r *captureReader) close() { r.file.Close() }

// A countingReader counts what is read of the file.
type countingReader struct{ r *captureReader }

func (c countingReader) Read(b []byte) (int, error) {
	n, err := c.r.file.Read(b)
	c.r.read.Add(int64(n))
	return n, err
}
