package conform

import (
	"errors"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// A broken socket is a Fake that breaks one of the rules.
type broken struct {
	*divert.Fake
	how string
}

var sink []byte // so that what is allocated for it is

func (b *broken) Recv(ps []*packet.Packet, wait time.Duration) (int, error) {
	switch b.how {
	case "returns early":
		wait = 0
	case "allocates":
		sink = make([]byte, 100)
	case "does not wake":
		end := time.Now().Add(wait)
		n, err := b.Fake.Recv(ps, wait)
		time.Sleep(time.Until(end))
		return n, err
	case "has no end":
		n, err := b.Fake.Recv(ps, wait)
		if errors.Is(err, divert.ErrClosed) {
			err = nil
		}
		return n, err
	}
	return b.Fake.Recv(ps, wait)
}

func (b *broken) Finish(ps []*packet.Packet) error {
	for i, p := range ps {
		switch {
		case b.how == "drops one" && i == 2, b.how == "drops what is edited" && p.Changed():
			p.Verdict = packet.Drop
		case b.how == "drops none":
			p.Verdict = packet.Accept
		case b.how == "swaps" && i > 0:
			p.Token, ps[i-1].Token = ps[i-1].Token, p.Token
		}
	}
	if b.how == "stops at an error" {
		before := b.Stats().VerdictErrors
		err := b.Fake.Finish(ps)
		if b.Stats().VerdictErrors > before {
			err = errors.New("no such packet")
		}
		return err
	}
	err := b.Fake.Finish(ps)
	if b.how == "sends twice" {
		for _, p := range ps {
			err = errors.Join(err, b.Inject(p, divert.InjectOut))
		}
	}
	return err
}

// A faultyKernel is a Fake as a Kernel, whose socket is broken.
type faultyKernel struct {
	fake *divert.Fake
	how  string
	out  [][]byte
}

func (k *faultyKernel) Open(opts ...divert.Option) (divert.Socket, error) {
	if k.how == "keeps all" {
		opts = nil
	}
	k.fake = divert.NewFake(opts...)
	return &broken{k.fake, k.how}, nil
}

func (k *faultyKernel) Ways() []Way { return []Way{{}} }

func (k *faultyKernel) Send(_ Way, payload []byte) error {
	k.fake.Push(craft.UDP("192.0.2.1:1", "198.51.100.1:2", payload))
	return nil
}

func (k *faultyKernel) Next(time.Duration) ([]byte, bool) {
	for _, f := range k.fake.Out() {
		if !f.Verdict.Final() {
			k.out = append(k.out, f.Bytes)
		}
	}
	for _, b := range k.fake.Injected() {
		if k.out = append(k.out, b); k.how == "diverts again" {
			k.fake.Push(b)
		}
	}
	if len(k.out) == 0 {
		return nil, false
	}
	var p packet.Packet
	p.Set(k.out[0])
	p.Decode()
	k.out = k.out[1:]
	return p.Payload(), true
}

func (k *faultyKernel) Close() {}

// TestEachCheckCanFail breaks the rule that a check is for, and no other.
func TestEachCheckCanFail(t *testing.T) {
	soon = 100 * time.Millisecond
	breaks := map[string]string{
		"accepted packets go on as they came":                        "drops one",
		"dropped packets do not go on":                               "drops none",
		"edited packets go on edited, and their checksums are right": "drops what is edited",
		"each packet gets its own verdict, however late":             "swaps",
		"a packet that is finished twice goes on once":               "sends twice",
		"a verdict for no packet hurts nobody":                       "stops at an error",
		"Recv keeps to its time":                                     "returns early",
		"Wake ends a waiting Recv, or the next":                      "does not wake",
		"Close ends a waiting Recv, and all that follows says so":    "has no end",
		"what does not fit is dropped, and then it goes on":          "keeps all",
		"a datagram that is sent past the socket goes on":            "diverts again",
		"the small form loops, reinjects and puts back later":        "drops none",
		"receiving and finishing allocate nothing":                   "allocates",
	}
	for _, c := range Checks() {
		how, ok := breaks[c.Name]
		if !ok {
			t.Errorf("nothing breaks %q", c.Name)
			continue
		}
		if err := c.Run(&faultyKernel{how: how}); err == nil {
			t.Errorf("%q is content with a socket that %s", c.Name, how)
		} else {
			t.Logf("%s: %v", c.Name, err)
		}
	}
}
