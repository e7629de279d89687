package holder_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// modelProgram builds weir for a model's kernel, once.
var modelProgram = sync.OnceValues(func() (string, error) {
	name := filepath.Join(filepath.Dir(program), "weir-model")
	return name, build(name, "-tags", "weirmodel")
})

// A world is a model of another system's kernel, with a weir that runs on it: three real processes, and a guard.
type world struct {
	*daemon
	kernel *divert.ModelKernel
	begins func() // a weir, and waits until it diverts

	mu    sync.Mutex
	asked []string // of the rules, in order
	rules bool     // they divert
	fails int      // so many more changes are made, and said to have failed
}

// diverting is the rule that stands for all of Weir's.
var diverting = divert.ModelRule{Number: 100, In: true, Out: true, Port: 700}

// modelPolicy masks cards of all that em1 forwards.
func modelPolicy(dir, more string) string {
	return fmt.Sprintf(`
mode: prevent
divert:
  backend: pf
  traffic: forwarded
  select: [{in: [em1], protocols: [tcp, udp]}]
inspect:
  dlp:
    detectors: [{name: card, action: mask, keep: 4}]
events:
  eve: [{to: %s/events/eve.json}]
%s`, dir, more)
}

// newWorld runs a weir with more of a policy, and waits until it diverts.
func newWorld(t *testing.T, system, more string, flags ...string) *world {
	t.Helper()
	l := newLab(t) // for a network namespace of its own: there it is alone
	if os.Getenv("WEIR_TEST_BINARY") != "" {
		t.Skip("SKIPPED: no weir for a model's kernel, where the program is given")
	}
	weir, err := modelProgram()
	if err != nil {
		t.Fatal(err)
	}
	dir := newDir(t)
	w := new(world)
	kernel, end, err := divert.ServeModel(system, filepath.Join(dir, system+".kernel"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = end() })
	w.kernel = kernel
	kernel.SetRules()
	w.keepRules(t, filepath.Join(dir, "rules"))
	mine := filepath.Join(dir, "weir")
	if err := os.Link(weir, mine); err != nil {
		t.Fatal(err)
	}
	w.begins = func() {
		w.daemon = beginBy(t, l.Router(), dir, modelPolicy(dir, more), []string{mine}, flags...)
		w.ready()
	}
	w.begins()
	return w
}

// keepRules is the firewall of the world.
func (w *world) keepRules(t *testing.T, path string) {
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			what, _ := bufio.NewReader(c).ReadString('\n')
			fmt.Fprintln(c, w.change(strings.TrimSpace(what)))
			c.Close()
		}
	}()
}

// change does what is asked of the rules, and returns the answer.
func (w *world) change(what string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, what)
	if w.rules = what == "apply"; w.rules {
		w.kernel.SetRules(diverting)
	} else {
		w.kernel.SetRules()
	}
	if w.fails > 0 {
		w.fails--
		return "the last step has failed"
	}
	return "ok"
}

// fail has the next change of the rules fail in its last step.
func (w *world) fail() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fails = 1
}

func (w *world) diverts() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rules
}

func (w *world) changes() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.asked, " ")
}

// Ends of what passes through the world.
const (
	here  = "192.0.2.10:4000"
	there = "198.51.100.20:9000"
)

// sends has a datagram leave by em1; false if the kernel dropped it.
func (w *world) sends(b []byte) bool {
	return w.kernel.Divert(divert.Passing{Bytes: b, Interface: "em0"})
}

// passed returns what has gone on since the last call.
func (w *world) passed() (out [][]byte) {
	for _, p := range w.kernel.Passed() {
		if p.BadChecksum {
			w.t.Errorf("with a bad checksum: %x", p.Bytes)
		}
		out = append(out, p.Bytes)
	}
	return out
}

// through sends a datagram and waits for what goes on in its place.
func (w *world) through(b []byte) []byte {
	w.t.Helper()
	if !w.sends(b) {
		w.t.Fatalf("the kernel dropped %x", b)
	}
	var got [][]byte
	w.until("a datagram goes on", 5*time.Second, func() bool { got = append(got, w.passed()...); return len(got) > 0 })
	if len(got) != 1 {
		w.t.Fatalf("%d datagrams went on in place of one", len(got))
	}
	return got[0]
}

// payload is what a datagram carries for its application.
func payload(b []byte) string {
	var p packet.Packet
	p.Set(b)
	p.Decode()
	return string(p.Payload())
}

// A stream is a TCP connection through the world, of which the test plays both ends.
type stream struct {
	w        *world
	seq, ack uint32
}

func (w *world) connect() *stream {
	s := &stream{w: w, seq: 1000, ack: 5000}
	w.through(craft.TCP(here, there, craft.Segment{Flags: packet.SYN, Seq: s.seq}, nil))
	s.seq++
	w.through(craft.TCP(there, here, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: s.ack, Ack: s.seq}, nil))
	s.ack++
	w.through(craft.TCP(here, there, craft.Segment{Flags: packet.ACK, Seq: s.seq, Ack: s.ack}, nil))
	return s
}

// say sends a segment and returns what arrived of it. What else arrives, such as a new worker's question how far the receiver
// is, is answered as a receiver does (RFC 9293 §3.10.7.4).
func (s *stream) say(text string) string {
	s.w.t.Helper()
	if !s.w.sends(craft.TCP(here, there, craft.Segment{Flags: packet.ACK | packet.PSH, Seq: s.seq, Ack: s.ack}, []byte(text))) {
		s.w.t.Fatal("the kernel dropped a segment")
	}
	want, got := s.seq+uint32(len(text)), ""
	s.w.until("a segment arrives", 5*time.Second, func() bool {
		for _, b := range s.w.passed() {
			var p packet.Packet
			p.Set(b)
			p.Decode()
			if p.DstPort != 9000 || len(p.Payload()) == 0 {
				continue
			}
			if p.TCP().Seq() == seqnum.Value(s.seq) {
				got += string(p.Payload())
				s.seq += uint32(len(p.Payload()))
			}
			s.w.sends(craft.TCP(there, here, craft.Segment{Flags: packet.ACK, Seq: s.ack, Ack: s.seq}, nil))
		}
		return s.seq == want
	})
	return got
}

// A drip sends numbered datagrams, and notes which went on.
type drip struct {
	w    *world
	end  chan struct{}
	done chan struct{}
	sent int
	came []time.Time // of each, when it went on; zero if it did not
	cut  int         // the kernel dropped it: nobody listened
}

// dripEvery is slow enough for one to be read before the next.
const dripEvery = 2 * time.Millisecond

func (w *world) drip() *drip {
	d := &drip{w: w, end: make(chan struct{}), done: make(chan struct{})}
	go d.run()
	return d
}

func (d *drip) run() {
	defer close(d.done)
	for tick := time.NewTicker(dripEvery); ; <-tick.C {
		select {
		case <-d.end:
			for end := time.Now().Add(time.Second); time.Now().Before(end) && d.lost() > d.cut; time.Sleep(dripEvery) {
				d.note()
			}
			return
		default:
		}
		d.came = append(d.came, time.Time{})
		if !d.w.sends(craft.UDP(here, there, fmt.Appendf(binary.BigEndian.AppendUint32(nil, uint32(d.sent)), " pay 4111 1111 1111 1111 now"))) {
			d.cut++
		}
		d.sent++
		d.note()
	}
}

func (d *drip) note() {
	for _, b := range d.w.passed() {
		text := payload(b)
		if len(text) < 4 {
			continue
		}
		if n := int(binary.BigEndian.Uint32([]byte(text))); n < len(d.came) {
			d.came[n] = time.Now()
		}
	}
}

func (d *drip) lost() (n int) {
	for _, at := range d.came {
		if at.IsZero() {
			n++
		}
	}
	return n
}

// stop returns how many were sent and did not go on, and how many of these the kernel dropped at once.
func (d *drip) stop() (lost, cut int) {
	close(d.end)
	<-d.done
	return d.lost(), d.cut
}
