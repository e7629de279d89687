package divert_test

import (
	"bytes"
	"fmt"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

// datagram is UDP from 192.0.2.1 to 198.51.100.1.
func datagram(payload string) []byte {
	var p packet.Packet
	p.Rewrite(append([]byte{
		0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1,
		0x30, 0x39, 0x13, 0x88, 0, 8, 0xff, 0xff,
	}, payload...))
	p.Repair()
	return p.Bytes()
}

// network stands for the firewall that diverts: it pushes packets and then ends.
func network(conn *divert.Conn, payloads ...string) *divert.Fake {
	fake := conn.Socket.(*divert.Fake)
	for _, p := range payloads {
		fake.Push(datagram(p))
	}
	fake.End()
	return fake
}

func show(fake *divert.Fake) {
	for _, o := range fake.Out() {
		fmt.Printf("%s %s\n", o.Verdict, o.Bytes[28:])
	}
}

// The loop looks at each packet, edits some in place, and drops one.
func ExampleConn_Packets() {
	conn, err := divert.Open("fake:") // on a Linux router: "nfqueue:0"
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fake := network(conn, "hello", "my secret is 42", "attack")

	for pkt := range conn.Packets() {
		if bytes.Contains(pkt.Payload(), []byte("attack")) {
			continue // not reinjected: dropped
		}
		if i := bytes.Index(pkt.Payload(), []byte("42")); i >= 0 {
			copy(pkt.Payload()[i:], "**")
		}
		conn.Reinject(pkt)
	}

	show(fake)
	// Output:
	// accept hello
	// accept my secret is **
	// drop attack
}

// The callback form: the bytes are yours, and go back whenever you like.
func ExampleConn_Each() {
	conn, err := divert.Open("fake:")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fake := network(conn, "one", "two", "three")

	type letter struct {
		data []byte
		tag  divert.Tag
	}
	var later []letter
	conn.Each(func(pkt []byte, tag divert.Tag) {
		later = append(later, letter{pkt, tag})
	})
	for i := len(later) - 1; i >= 0; i-- {
		conn.Put(later[i].data, later[i].tag)
	}

	show(fake)
	// Output:
	// accept three
	// accept two
	// accept one
}

// Batches, without an allocation per packet: the form below the others.
func ExampleSocket() {
	socket := divert.NewFake()
	socket.Push(datagram("a"))
	socket.Push(datagram("b"))
	socket.End()

	batch := []*packet.Packet{new(packet.Packet), new(packet.Packet)}
	for {
		n, err := socket.Recv(batch, -1)
		if err != nil {
			fmt.Println(err)
			break
		}
		for _, p := range batch[:n] {
			p.Decode()
			p.Verdict = packet.Accept
			if p.DstPort == 5000 {
				p.Mark = packet.Mark{Value: 1, Mask: 1}
			}
		}
		socket.Finish(batch[:n])
	}
	for _, o := range socket.Out() {
		fmt.Println(o.Verdict, o.Mark)
	}
	// Output:
	// EOF
	// accept 1
	// accept 1
}

func ExampleLanes() {
	lanes, err := divert.Lanes("nfqueue:0-2")
	fmt.Println(lanes, err)
	lanes, err = divert.Lanes("divert:700")
	fmt.Println(lanes, err)
	// Output:
	// [nfqueue:0 nfqueue:1 nfqueue:2] <nil>
	// [divert:700] <nil>
}
