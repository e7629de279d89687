package evade

import (
	"bytes"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/lane"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/all"
)

// A weirKind is how a network inspects.
type weirKind struct {
	conntrack bool  // connection tracking is on, and reassembles fragments before Weir
	oneWay    bool  // what comes back is not inspected
	late      bool  // inspection begins with divert
	floor     uint8 // what is forwarded with fewer hops left is dropped
	flows     int   // room for flows; 0: the default
	apps      bool  // by the fields of messages, with the inspectors of a policy
}

// A weir is a lane on the router, with an inspector that drops a flow with the word.
type weir struct {
	*lane.Lane
	kind  weirKind
	watch *watch
}

func newWeir(l *lab.Lab, kind weirKind) (*weir, error) {
	w := &weir{kind: kind, watch: &watch{shown: map[talkKey][]byte{}}}
	chain, err := inspect.NewChain(1, &inspect.LabelTable{}, []inspect.Entry{{Inspector: w.watch}})
	var grammars []proto.Grammar
	if kind.apps {
		chain, err = policyChain()
		grammars = all.Grammars()
	}
	if err != nil {
		return nil, err
	}
	outcomes := lane.Strict
	outcomes.MinTTL = kind.floor
	outcomes.Refuse = packet.SourceRoute | packet.RoutingType0 | packet.UnknownExtension | packet.Tunnel
	w.Lane, err = lane.Start(l.Router(), firewall.Config{Inject: kind.conntrack}, engine.Config{
		Grammars: grammars,
		Program:  engine.Program{Chain: chain, Outcomes: outcomes},
		Limits:   engine.Limits{Flow: flow.Limits{Flows: kind.flows}},
	})
	if err != nil {
		return nil, err
	}
	if kind.oneWay {
		err = passAnswers(l.Router())
	}
	if err == nil && !kind.late {
		err = w.Divert()
	}
	return w, err
}

// passAnswers has what comes from the server carry the mark of packets that are Weir's own.
func passAnswers(n *lab.Node) error {
	c, err := nftables.New(nftables.WithNetNSFd(int(n.NetNS().Fd())))
	if err != nil {
		return err
	}
	for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		tab := c.AddTable(&nftables.Table{Family: family, Name: "oneway"})
		ch := c.AddChain(&nftables.Chain{
			Name: "answers", Table: tab, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityMangle,
		})
		name := make([]byte, 16)
		copy(name, n.Out.Interface)
		c.AddRule(&nftables.Rule{Table: tab, Chain: ch, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
			&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(firewall.DefaultMarks.Injected.Value)},
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true},
		}})
	}
	return c.Flush()
}

// A watch is an inspector that drops flows with the word, and remembers what it was shown.
type watch struct {
	mu    sync.Mutex
	shown map[talkKey][]byte
}

// A talkKey is one direction of a conversation: the port that is the attempt's own tells which.
type talkKey struct {
	port uint16
	dir  flow.Direction
}

func (w *watch) Name() string { return "ids" }

func (w *watch) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	port := cx.Flow.Client().Port()
	if cx.Flow.Server().Port() >= firstPort {
		port = cx.Flow.Server().Port()
	}
	k := talkKey{port, cx.Dir}
	w.mu.Lock()
	w.shown[k] = append(w.shown[k], b[cx.Seen:]...)
	w.mu.Unlock()
	if evade.Holds(b) {
		return inspect.Drop(inspect.ScopeFlow, "forbidden-word")
	}
	if n := partial(b); n > 0 {
		cx.Hold(n)
	}
	return inspect.Decision{}
}

// partial returns how many bytes at the end of b could begin the word.
func partial(b []byte) int {
	for n := min(len(evade.Forbidden)-1, len(b)); n > 0; n-- {
		if bytes.HasSuffix(b, []byte(evade.Forbidden[:n])) {
			return n
		}
	}
	return 0
}

// take returns what was shown of a direction, and forgets it.
func (w *watch) take(port uint16, dir flow.Direction) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := talkKey{port, dir}
	b := w.shown[k]
	delete(w.shown, k)
	return b
}
