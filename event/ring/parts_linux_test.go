package ring

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
)

// The test binary is also the other process: with this variable set it plays a part.
const partEnv = "WEIR_RING_TEST_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(partEnv) {
	case "writer":
		playWriter()
	case "reader":
		playReader()
	default:
		os.Exit(m.Run())
	}
}

func inherited() *Mem {
	m, err := Map(os.NewFile(3, "ring"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return m
}

// numbered is the n-th event of a writer's life. Everything in it follows from the two
// numbers, so that a mixture of two events shows.
func numbered(life, n uint64) event.Event {
	e := event.Event{Kind: event.KindAlert, FlowID: life, Packet: n, Author: "ring-test"}
	e.Text("text", strings.Repeat(string(rune('a'+(life+n)%26)), int((life*31+n*7)%700)))
	e.Num("sum", int64(life+n))
	return e
}

// playWriter puts events as fast as it can until it is killed, or until its standard
// input ends; it tells its first Put on standard output.
func playWriter() {
	w, err := inherited().Writer()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	var life uint64
	fmt.Sscan(os.Args[len(os.Args)-1], &life)
	for n := uint64(1); ; n++ {
		e := numbered(life, n)
		w.Put(&e)
		if n == 1 {
			os.Stdout.WriteString("\n")
		}
		select {
		case <-stop:
			os.Exit(0)
		default:
		}
	}
}

// playReader writes each event's number to standard output, releasing after every ten.
func playReader() {
	r, err := inherited().Reader()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var e event.Event
	for n := 1; ; {
		switch err := r.Next(&e); err {
		case ErrEmpty:
			time.Sleep(100 * time.Microsecond) // as a reporter polls
		case nil:
			_ = binary.Write(os.Stdout, binary.LittleEndian, e.Packet)
			if n++; n%10 == 0 {
				r.Release()
			}
		default:
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// part starts the other process with the ring as descriptor 3.
func part(t *testing.T, f *os.File, name string, life int) (cmd *exec.Cmd, in io.Closer, out io.Reader) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^$", fmt.Sprint(life))
	cmd.Env = append(os.Environ(), partEnv+"="+name)
	cmd.ExtraFiles = []*os.File{f}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, in, out
}

func numbers(in io.Reader) (all []uint64) {
	b := bufio.NewReader(in)
	for {
		var v uint64
		if binary.Read(b, binary.LittleEndian, &v) != nil {
			return all
		}
		all = append(all, v)
	}
}
