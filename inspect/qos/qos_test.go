package qos

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
	"github.com/weir-project/weir/packet"
)

const client, server = "192.0.2.1:40000", "198.51.100.1:80"

var apps = []string{"dns", "http", "tls"}

func lanes(t testing.TB, c Config, n int) *inspecttest.Lane {
	t.Helper()
	labels := new(inspect.LabelTable)
	maker, mistakes := New(c, inspect.Env{Lanes: n, Labels: labels, Apps: apps})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return inspecttest.New(t, labels, maker())
}

func load(t testing.TB, text string) *inspecttest.Lane {
	t.Helper()
	return lanes(t, inspecttest.Load[Config](t, text), 1)
}

func udp(n int) *packet.Packet { return inspecttest.UDP(client, server, make([]byte, n-28)) }

func TestReadmeExamples(t *testing.T) {
	cs := inspecttest.Examples[Config](t, "README.md")
	l := lanes(t, cs[0], 1)
	voice := inspecttest.UDP(client, "198.51.100.1:10001", []byte("x"))
	l.Outcome(voice, inspect.Decision{})
	telnet := inspecttest.TCP(client, "198.51.100.1:23", nil)
	l.Outcome(telnet, inspect.Decision{})
	if voice.DSCP() != 46 || telnet.DSCP() != 0 || telnet.Mark != (packet.Mark{Value: 0x10, Mask: 0xf0}) || voice.Mark != (packet.Mark{}) {
		t.Errorf("voice %d %v, telnet %d %v", voice.DSCP(), voice.Mark, telnet.DSCP(), telnet.Mark)
	}
	if !voice.VerifyChecksum() {
		t.Error("the checksum is wrong")
	}
	social := inspecttest.TCP(client, server, make([]byte, 1000))
	l.Begin(social)
	social2, _ := l.Cx.Labels.Lookup("category=social")
	l.Cx.Label(social2)
	dropped := 0
	for range 300 {
		if l.Outcome(social, inspect.Decision{}).Verdict == packet.Drop {
			dropped++
		}
	}
	if social.DSCP() != 1 || dropped != 300-256000/1040 {
		t.Errorf("social: code point %d, %d dropped", social.DSCP(), dropped)
	}

	l = lanes(t, cs[1], 1)
	held := 0
	for range 30 {
		if l.Outcome(inspecttest.UDP("[2001:db8:1::9]:1", "[2001:db8::2]:2", make([]byte, 1400)), inspect.Decision{}).Verdict == packet.Delay {
			held++
		}
	}
	if held == 0 {
		t.Error("nothing was shaped")
	}
	p := inspecttest.UDP("198.51.100.7:1", "198.51.100.8:53", make([]byte, 1400))
	l.Begin(p)
	l.Cx.Flow.App = 1
	var d inspect.Decision
	for range 30 {
		d = l.Outcome(p, inspect.Decision{})
	}
	if d.Verdict != packet.Drop || !d.Monitor {
		t.Errorf("names: %v", d)
	}
}

func TestMatch(t *testing.T) {
	four := inspecttest.TCP(client, server, nil)
	six := inspecttest.UDP("[2001:db8::1]:5000", "[2001:db8:f::2]:53", nil)
	echo := inspecttest.Echo("2001:db8::1", "2001:db8::2")
	for _, c := range []struct {
		match string
		p     *packet.Packet
		want  bool
	}{
		{"{}", four, true},
		{"{protos: [tcp]}", four, true},
		{"{protos: [udp, '1']}", four, false},
		{"{protos: [icmp]}", echo, true},
		{"{ports: ['80']}", four, true},
		{"{ports: ['40000-40001']}", four, true},
		{"{ports: ['81-39999']}", four, false},
		{"{ports: ['0-65535']}", echo, false},
		{"{networks: [192.0.2.0/24]}", four, true},
		{"{networks: [198.51.100.1]}", four, true},
		{"{networks: [192.0.2.2, 198.51.100.128/25]}", four, false},
		{"{networks: [0.0.0.0/0]}", six, false},
		{"{networks: ['::/0']}", six, true},
		{"{networks: ['::/0']}", four, false},
		{"{networks: ['2001:db8:f::/48']}", six, true},
		{"{networks: ['2001:db8:f::2']}", six, true},
		{"{networks: ['2001:db8:f::3', '2001:db8:e::/48']}", six, false},
		{"{protos: [udp], ports: ['53'], networks: ['2001:db8::/32']}", six, true},
		{"{protos: [tcp], ports: ['53'], networks: ['2001:db8::/32']}", six, false},
		{"{labels: [x]}", four, false},
		{"{apps: [dns]}", six, false},
	} {
		l := load(t, "classes: [{name: x, match: "+c.match+", dscp: ef}]")
		p := new(packet.Packet)
		p.Set(append([]byte(nil), c.p.Bytes()...))
		p.Decode()
		l.Outcome(p, inspect.Decision{})
		if got := p.DSCP() == 46; got != c.want {
			t.Errorf("%s: %v, want %v", c.match, got, c.want)
		}
	}
}

// TestPoliceKeepsTheRate offers packets at random moments: what passes fits the burst and the rate, and what is dropped would not have.
func TestPoliceKeepsTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rate{rapid.Int64Range(1, 1<<30).Draw(t, "rate"), rapid.Int64Range(2000, 1<<20).Draw(t, "burst")}
		var b bucket
		var now time.Duration
		twin := new(big.Rat).SetInt64(r.burstBytes)
		for range 60 {
			step := time.Duration(rapid.Int64Range(0, 1_000_000).Draw(t, "µs")) * time.Microsecond
			n := rapid.IntRange(20, 2000).Draw(t, "bytes")
			now += step
			twin.Add(twin, new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(r.bytesPerSecond), big.NewInt(int64(step))), big.NewInt(1e9)))
			if full := new(big.Rat).SetInt64(r.burstBytes); twin.Cmp(full) > 0 {
				twin.Set(full)
			}
			need := new(big.Rat).SetInt64(int64(n))
			want := twin.Cmp(need) >= 0
			if want {
				twin.Sub(twin, need)
			}
			if got := b.take(r, now, n); got != want {
				t.Fatalf("%d bytes at %v: %v, want %v", n, now, got, want)
			}
		}
	})
}

func TestExtremes(t *testing.T) {
	for _, r := range []rate{{maxRate, maxBurst}, {1, maxBurst}, {maxRate, 1}, {1, 1}} {
		var b bucket
		now := time.Duration(0)
		for range 100 {
			b.take(r, now, 1<<16)
			b.owe(r, now, 1<<16, 2*time.Second)
			now += 1000 * time.Hour
			if b.fill(r, now); b.left != r.full() && r.bytesPerSecond > 1 {
				t.Fatalf("%+v: %d of %d after a long time", r, b.left, r.full())
			}
		}
		if b.left > r.full() {
			t.Errorf("%+v holds more than it can", r)
		}
	}
}

// TestLargePacketsPass offers packets larger than the burst: the rate holds on average.
func TestLargePacketsPass(t *testing.T) {
	r := rate{bytesPerSecond: 100_000, burstBytes: 2000}
	var b bucket
	passed := 0
	for ms := range 10_000 {
		if b.take(r, time.Duration(ms)*time.Millisecond, 50_000) {
			passed += 50_000
		}
	}
	if passed < 900_000 || passed > 1_060_000 {
		t.Errorf("%d bytes in 10 s at 100 kB/s", passed)
	}
}

func TestShape(t *testing.T) {
	l := load(t, "classes: [{name: x, shape: {rate: 100kB, burst: 2048B, max_delay: 50ms}}]")
	var until []time.Duration
	var last inspect.Decision
	for range 10 {
		last = l.Outcome(udp(1000), inspect.Decision{})
		if last.Verdict != packet.Delay {
			break
		}
		until = append(until, last.Until)
	}
	if len(until) != 0 {
		t.Fatalf("the burst was held: %v", until)
	}
	l.Outcome(udp(1000), inspect.Decision{})
	for range 10 {
		last = l.Outcome(udp(1000), inspect.Decision{})
		if last.Verdict != packet.Delay {
			break
		}
		until = append(until, last.Until)
	}
	// 3000 of 2048 bytes at 100 kB/s: 9.52 ms, and 10 ms more for each packet.
	want := []time.Duration{9520, 19520, 29520, 39520, 49520}
	for i := range want {
		if i >= len(until) || until[i] != want[i]*time.Microsecond {
			t.Fatalf("held until %v", until)
		}
	}
	if last.Verdict != packet.Drop || last.Reason != Full || len(until) != 5 {
		t.Errorf("then %v after %d", last, len(until))
	}
	l.At(time.Second)
	if d := l.Outcome(udp(1000), inspect.Decision{}); d.Verdict != packet.Pass {
		t.Errorf("a second later: %v", d)
	}
	if d := l.Outcome(udp(1000), inspect.DelayUntil(2*time.Second, "x")); d.Verdict != packet.Pass {
		t.Errorf("held twice: %v", d)
	}
}

func TestRateIsShared(t *testing.T) {
	for _, n := range []int{1, 4} {
		l := lanes(t, Config{Classes: []Class{{Name: "x", Police: &Police{Rate: "80kB", Burst: "80kB"}}}}, n)
		passed := 0
		for range 100 {
			if l.Outcome(udp(1000), inspect.Decision{}).Verdict == packet.Pass {
				passed++
			}
		}
		if passed != 80/n {
			t.Errorf("%d lanes: %d packets passed in one", n, passed)
		}
	}
}

func TestDroppedPacketsUseNoRate(t *testing.T) {
	l := load(t, "classes: [{name: x, dscp: ef, police: {rate: 1kB, burst: 2048B}}]")
	for range 10 {
		l.Outcome(udp(1000), inspect.Drop(inspect.ScopePacket, "x"))
	}
	if d := l.Outcome(udp(1000), inspect.Decision{}); d.Verdict != packet.Pass {
		t.Error(d)
	}
}

func TestMonitorChangesNothing(t *testing.T) {
	for _, mode := range []string{"", "monitor"} {
		l := load(t, "classes: [{name: x, dscp: ef, mark: '1', mode: '"+mode+"'}]")
		l.Cx.Monitor = mode == ""
		p := udp(100)
		l.Outcome(p, inspect.Decision{})
		if p.DSCP() != 0 || p.Mark.Mask != 0 {
			t.Errorf("mode %q: %d %v", mode, p.DSCP(), p.Mark)
		}
	}
}

func TestFlowsInNoClassAreReleased(t *testing.T) {
	l := load(t, "classes: [{name: x, match: {ports: ['23']}, dscp: ef}]")
	if d := l.Outcome(udp(100), inspect.Decision{}); d != inspect.Release() {
		t.Error(d)
	}
	l.Cx.Author = 1
	l.Begin(udp(100))
	l.Cx.Flow.Interest, l.Cx.Author = 0b11, 1
	if d := l.Chain.Outcome[0].I.InspectOutcome(&l.Cx, udp(100), inspect.Decision{}); d != (inspect.Decision{}) {
		t.Errorf("released although an earlier inspector still looks: %v", d)
	}
	l = load(t, "classes: [{name: x, match: {apps: [http]}, dscp: ef}]")
	if d := l.Outcome(udp(100), inspect.Decision{}); d != (inspect.Decision{}) {
		t.Errorf("released before its protocol is known: %v", d)
	}
}

func TestIdleTellsWhatIsNew(t *testing.T) {
	l := load(t, "classes: [{name: x, match: {ports: ['80']}, police: {rate: 1kB, burst: 2048B}}, {name: y, dscp: ef}]")
	for range 5 {
		l.Outcome(udp(1000), inspect.Decision{})
	}
	l.Idle(false)
	l.Idle(true)
	if len(l.Events) != 1 {
		t.Fatalf("%d events", len(l.Events))
	}
	e := &l.Events[0]
	for key, want := range map[string]int64{"packets": 5, "bytes": 5000, "dropped": 3, "delayed": 0} {
		if got := inspecttest.Pair(e, key).Num; got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]int64{
		"8bit": 1, "10mbit": 1_250_000, "1.5 Gbit/s": 187_500_000, "64kB": 64000, "64 KBps": 64000, "2MB/s": 2_000_000, "1GB": 1e9, "17B": 17,
	} {
		if got, ok := bytesOf(text); !ok || got != want {
			t.Errorf("%s: %d %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "10", "mbit", "-1mbit", "0kB", "NaNkB", "1e30GB", "InfB"} {
		if got, ok := bytesOf(text); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	for text, want := range map[string]uint8{"ef": 46, "AF11": 10, "af43": 38, "cs7": 56, "le": 1, "0": 0, "63": 63, "0x2e": 46} {
		if got, ok := dscpOf(text); !ok || got != want {
			t.Errorf("%s: %d %v", text, got, ok)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ yaml, path string }{
		{"{}", "classes"},
		{"classes: [{dscp: ef}]", "classes[0].name"},
		{"classes: [{name: x}]", "classes[0]"},
		{"classes: [{name: x, dscp: '64'}]", "classes[0].dscp"},
		{"classes: [{name: x, mark: '0x100/0xff'}]", "classes[0].mark"},
		{"classes: [{name: x, mark: '1/0'}]", "classes[0].mark"},
		{"classes: [{name: x, police: {rate: fast}}]", "classes[0].police.rate"},
		{"classes: [{name: x, police: {rate: 1mbit, burst: 1mbit}}]", "classes[0].police.burst"},
		{"classes: [{name: x, shape: {rate: 1mbit, max_delay: 1h}}]", "classes[0].shape.max_delay"},
		{"classes: [{name: x, dscp: ef, mode: y}]", "classes[0].mode"},
		{"classes: [{name: x, dscp: ef, match: {protos: [tcp, x]}}]", "classes[0].match.protos[1]"},
		{"classes: [{name: x, dscp: ef, match: {ports: ['9-1']}}]", "classes[0].match.ports[0]"},
		{"classes: [{name: x, dscp: ef, match: {networks: [nowhere]}}]", "classes[0].match.networks[0]"},
		{"classes: [{name: x, dscp: ef, match: {apps: [gopher]}}]", "classes[0].match.apps[0]"},
	} {
		maker, m := New(inspecttest.Load[Config](t, c.yaml), inspect.Env{Lanes: 1, Labels: new(inspect.LabelTable), Apps: apps})
		if maker != nil || len(m) != 1 || m[0].Path != c.path || m[0].Hint == "" {
			t.Errorf("%s: %+v", c.yaml, m)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	l := load(t, "classes: [{name: a, match: {networks: ['2001:db8::/32', 198.51.100.9], labels: [x], apps: [http]}, dscp: ef}, {name: b, dscp: ef, mark: '1', police: {rate: 1mbit}, shape: {rate: 1mbit}}]")
	p := udp(1000)
	if n := testing.AllocsPerRun(200, func() { l.Outcome(p, inspect.Decision{}) }); n != 0 {
		t.Errorf("%v allocations for each packet", n)
	}
	if p.DSCP() != 46 {
		t.Error("nothing was done")
	}
}
