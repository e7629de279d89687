package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/packet"
	"pgregory.net/rapid"
)

const full = `
mode: prevent
divert:
  traffic: both
  queues: 2-5
  position: before_filter
  backend: nft
  select:
    - {in: [lan0, "vlan*"], out: [wan0], protocols: [tcp, 132], ports: [80, 8000-8080], networks: [192.0.2.0/24], except: [192.0.2.9]}
    - {protocols: [icmp]}
management: [198.51.100.7, "2001:db8::/32"]
outcomes: {absent: drop, crash: drop, overload: drop, malformed: pass, limit: drop, error: drop, edit: pass}
refuse: [ip_options, routing_header]
limits: {flows: 8192, when_full: refuse, fragments: 4MiB, fragment_pieces: 10, fragment_timeout: 10s, held: 8MiB, edits: 9, recognise: 2, timeouts: {tcp_opening: 5s, udp_established: 2m}}
settle: {hand_back: always}
inspect: {probe: {mode: monitor, classes: [{name: a, rate: 1}]}}
events: {eve: [{to: /var/log/e.json, rotate: {size: 1MiB, age: 1h, keep: 2}}, {to: "unixgram:/run/s"}, {to: stdout}]}
`

func TestFirewall(t *testing.T) {
	p := mustLoad(t, full)
	got := p.Firewall(firewall.AllFeatures(), 7)
	want := firewall.Config{
		Backend: firewall.NFT, Traffic: firewall.Both, Position: firewall.BeforeFilter,
		Select: []firewall.Selection{
			{In: []string{"lan0", "vlan*"}, Out: []string{"wan0"}, Protocols: []firewall.Proto{firewall.TCP, firewall.SCTP},
				Ports:    []firewall.PortRange{{First: 80, Last: 80}, {First: 8000, Last: 8080}},
				Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Except: []netip.Prefix{netip.MustParsePrefix("192.0.2.9/32")}},
			{Protocols: []firewall.Proto{firewall.ICMP}},
		},
		Queues:     firewall.Queues{First: 2, Last: 5},
		Management: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8::/32")},
		Marks:      firewall.DefaultMarks, HandBack: true, Generation: 7, CountUninspected: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestHandBackWhereTheKernelCan(t *testing.T) {
	without := firewall.AllFeatures()
	without.ConnMark, without.CompatConnMark = false, false
	for _, c := range []struct {
		word     string
		features firewall.Features
		want     bool
	}{
		{"auto", firewall.AllFeatures(), true}, {"auto", without, false}, {"never", firewall.AllFeatures(), false}, {"always", without, true},
	} {
		p := mustLoad(t, "divert: {backend: nft}\nsettle: {hand_back: "+c.word+"}\n")
		got := p.Firewall(c.features, 3)
		mark := SettleMark(got).Mark
		if got.HandBack != c.want || (got.Generation != 0) != c.want || (mark.Mask != 0) != c.want {
			t.Errorf("%s: hand back %v, generation %d, mark %+v", c.word, got.HandBack, got.Generation, mark)
		}
		if c.want && mark != (packet.Mark{Value: 3 << 26, Mask: 0xfd000000}) {
			t.Errorf("%s: mark %#x/%#x", c.word, mark.Value, mark.Mask)
		}
	}
}

func TestOutcomesAndLimits(t *testing.T) {
	p := mustLoad(t, full)
	if got, want := p.Outcomes(), (engine.Outcomes{Malformed: packet.Accept, Limit: packet.Drop, Error: packet.Drop, Edit: packet.Accept, Refuse: packet.IPOptions | packet.RoutingHeader}); got != want {
		t.Errorf("outcomes %+v, want %+v", got, want)
	}
	if p.Crash() != packet.Drop || p.FailOpen() {
		t.Errorf("crash %v, fail-open %v", p.Crash(), p.FailOpen())
	}
	l := p.Limits()
	if l.Flow.Flows != 2048 || !l.Flow.RefuseNew || l.Fragments.Bytes != 1<<20 || l.Fragments.Pieces != 10 || l.HeldBytes != 2<<20 || l.Edits != 9 || l.Tries != 2 {
		t.Errorf("a lane of four gets %+v", l)
	}
	if l.Flow.TCP != [3]time.Duration{5 * time.Second, time.Hour, 10 * time.Second} || l.Flow.UDP != [2]time.Duration{30 * time.Second, 2 * time.Minute} {
		t.Errorf("timeouts %v %v", l.Flow.TCP, l.Flow.UDP)
	}
}

// TestDefaultsAreSafe spells out what a policy that says nothing does when things go wrong.
func TestDefaultsAreSafe(t *testing.T) {
	for mode, failOpen := range map[string]bool{"monitor": true, "prevent": false} {
		p := mustLoad(t, "mode: "+mode+"\n")
		want := engine.Outcomes{Malformed: packet.Drop, Limit: packet.Accept, Error: packet.Accept, Edit: packet.Drop, Refuse: packet.SourceRoute | packet.RoutingType0, Monitor: mode == "monitor"}
		if got := p.Outcomes(); got != want {
			t.Errorf("%s: %+v, want %+v", mode, got, want)
		}
		if p.FailOpen() != failOpen || p.Crash() != packet.Accept || !p.Firewall(firewall.AllFeatures(), 1).Queues.Bypass {
			t.Errorf("%s: fail-open %v, crash %v", mode, p.FailOpen(), p.Crash())
		}
	}
}

func TestEvents(t *testing.T) {
	got := mustLoad(t, full).Events()
	if len(got) != 3 || got[0].File.Path != "/var/log/e.json" || got[0].File.MaxBytes != 1<<20 || got[0].File.MaxAge != time.Hour || got[0].File.Keep != 2 ||
		got[1].Kind != "unixgram" || got[1].Path != "/run/s" || got[2].Kind != "stdout" {
		t.Errorf("%+v", got)
	}
	for i := range got {
		if got[i].Kind == "file" {
			got[i].File.Path = filepath.Join(t.TempDir(), "e.json")
		}
		out, err := got[i].Open(io.Discard)
		if err != nil {
			t.Errorf("%s: %v", got[i].Name, err)
			continue
		}
		out.Close()
	}
	if s := mustLoad(t, "events: {eve: []}\n").Events(); len(s) != 0 {
		t.Errorf("nobody was to be told: %+v", s)
	}
	if s := mustLoad(t, "events: {eve: [{to: /x}]}\n").Events(); s[0].File.Keep != 7 || s[0].File.MaxBytes != 100<<20 {
		t.Errorf("an item without rotate: %+v", s[0])
	}
}

func TestChainIsFreshForEachLane(t *testing.T) {
	p := mustLoad(t, full)
	a, err := p.Chain(4)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Chain(4)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Entries) != 1 || !a.Entries[0].Monitor || a.Generation != 4 || a.Entries[0].Inspector == b.Entries[0].Inspector {
		t.Errorf("%+v and %+v", a.Entries, b.Entries)
	}
	if !p.Monitors() || p.Lanes() != 4 || !slices.Equal(p.Inspectors(), []string{"probe"}) {
		t.Errorf("monitors %v, %d lanes, %v", p.Monitors(), p.Lanes(), p.Inspectors())
	}
}

// TestFilesAreReadOnce wants lists to count from the policy's directory or from the root, and to be
// part of the fingerprint.
func TestFilesAreReadOnce(t *testing.T) {
	p := mustLoad(t, "inspect: {probe: {lists: [block.txt, /srv/lists/block.txt, ./lists/../block.txt, lists/a.txt]}}\n")
	var names []string
	for _, f := range p.Files() {
		names = append(names, f.Name)
	}
	if want := []string{"etc/weir/weir.yaml", "etc/weir/block.txt", "etc/weir/lists/a.txt", "srv/lists/block.txt"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	other := testFiles("inspect: {probe: {lists: [block.txt]}}\n")
	load1, err1 := load(other, "etc/weir/weir.yaml", Options{}, []room{probeRoom})
	other["etc/weir/block.txt"].Data = []byte("other\n")
	load2, err2 := load(other, "etc/weir/weir.yaml", Options{}, []room{probeRoom})
	if err1 != nil || err2 != nil || load1.Fingerprint() == load2.Fingerprint() {
		t.Errorf("a changed list does not change the fingerprint (%v, %v)", err1, err2)
	}
	changes, effect := load2.Changes(load1)
	if len(changes) != 1 || changes[0].Key != "files.etc/weir/block.txt" || effect != EffectChain {
		t.Errorf("changes %+v", changes)
	}
}

func TestFileBounds(t *testing.T) {
	l := library{root: testFiles(""), dir: "etc/weir", files: make(map[string]File)}
	b, err := fs.ReadFile(&l, "block.txt")
	if err != nil || string(b) != "one\ntwo\n" {
		t.Fatalf("%q, %v", b, err)
	}
	l.bytes = MaxAllBytes
	if _, err := l.Open("lists/a.txt"); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("beyond all bytes: %v", err)
	}
	if f, err := l.Open("block.txt"); err != nil {
		t.Errorf("what was read is there: %v", err)
	} else if info, err := f.Stat(); err != nil || info.Name() != "block.txt" || info.Size() != 8 {
		t.Errorf("%v, %v", info, err)
	}
	l.bytes = 0
	for i := len(l.files); i < MaxFiles; i++ {
		l.files[fmt.Sprint(i)] = File{}
	}
	if _, err := l.Open("lists/a.txt"); err == nil || !strings.Contains(err.Error(), "one file too many") {
		t.Errorf("beyond the number of files: %v", err)
	}
}

func TestLoadFileOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "weir.yaml")
	if err := os.WriteFile(name, []byte(InitText(Host{})), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFile(name, Options{}); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(name, []byte("mod: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFile(name, Options{}); err == nil || !strings.HasPrefix(err.Error(), name+":1:1: ") {
		t.Errorf("got %v", err)
	}
}

// TestEffects changes one key after the other and wants each to say what it takes.
func TestEffects(t *testing.T) {
	base := mustLoad(t, "inspect: {probe: {}}\n")
	if c, e := base.Changes(base); len(c) != 0 || e != 0 {
		t.Errorf("a policy differs from itself: %+v", c)
	}
	for _, c := range []struct{ src, key, effect string }{
		{"inspect: {probe: {rate: 2}}", "inspect.probe", "chain"},
		{"inspect: {probe: {mode: monitor}}", "inspect.probe", "chain"},
		{"inspect: {probe: }\nmanagement: [192.0.2.1]", "management", "rules"},
		{"inspect: {probe: }\ndivert: {traffic: both}", "divert.traffic", "rules"},
		{"inspect: {probe: }\ndivert: {queues: 1}", "divert.queues", "restart"},
		{"inspect: {probe: }\noutcomes: {limit: drop}", "outcomes.limit", "worker"},
		{"inspect: {probe: }\noutcomes: {absent: drop}", "outcomes.absent", "rules"},
		{"inspect: {probe: }\noutcomes: {overload: drop}", "outcomes.overload", "restart"},
		{"inspect: {probe: }\nlimits: {timeouts: {tcp_closing: 5s}}", "limits.timeouts.tcp_closing", "worker"},
		{"inspect: {probe: }\nlimits: {queue: 100}", "limits.queue", "restart"},
		{"inspect: {probe: }\nsettle: {hand_back: never}", "settle.hand_back", "rules+worker"},
		{"inspect: {probe: }\nevents: {eve: []}", "events.eve", "reporter"},
	} {
		changes, effect := mustLoad(t, c.src).Changes(base)
		if len(changes) != 1 || changes[0].Key != c.key || effect.String() != c.effect {
			t.Errorf("%s: %+v, %v; want %s, %s", c.src, changes, effect, c.key, c.effect)
		}
	}
}

// TestEveryKeyHasAnEffect wants no key to fall through to a restart for want of a line in the table.
func TestEveryKeyHasAnEffect(t *testing.T) {
	for _, f := range fieldsOf(reflect.TypeFor[Document]()) {
		if _, ok := effects[f.name]; !ok {
			t.Errorf("the key %s has no effect", f.name)
		}
	}
}

// TestPrintedPolicyMeansTheSame holds every good policy against itself, printed.
func TestPrintedPolicyMeansTheSame(t *testing.T) {
	goods := goodPolicies(t)
	goods["full"] = []byte(full)
	goods["anchors"] = []byte("inspect:\n  probe:\n    any: &a {x: ['1', 1, ~, 1.5, \"a\\tb\", true]}\n    named: {'a b': 1, '2': 2}\n    classes: [&c {name: 'yes', rate: 0x10}, *c]\nmanagement: [&m 192.0.2.1, 192.0.2.2]\n")
	for name, src := range goods {
		p := mustLoad(t, string(src))
		again := mustLoad(t, p.Text())
		if again.Text() != p.Text() || again.Fingerprint() != p.Fingerprint() {
			t.Errorf("%s: printed again:\n%s\nfirst:\n%s", name, again.Text(), p.Text())
		}
		if c, _ := again.Changes(p); len(c) != 0 {
			t.Errorf("%s: differs from itself, printed: %+v", name, c)
		}
	}
}

// TestCommentsAndOrderMeanNothing shuffles the blocks of a policy.
func TestCommentsAndOrderMeanNothing(t *testing.T) {
	blocks := strings.SplitAfter(strings.TrimSpace(strings.ReplaceAll(full, "\ndivert", "\x00divert")), "\n")
	want := mustLoad(t, full).Fingerprint()
	rapid.Check(t, func(t *rapid.T) {
		var top []string // a block is a line without indentation and the lines below it that have one
		for _, line := range blocks {
			line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\x00", "\n")
			if strings.HasPrefix(line, " ") {
				top[len(top)-1] += "\n" + line
			} else {
				top = append(top, strings.Split(line, "\n")...)
			}
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		r.Shuffle(len(top), func(i, j int) { top[i], top[j] = top[j], top[i] })
		src := "# " + rapid.StringMatching(`[a-z :]*`).Draw(t, "comment") + "\n" + strings.Join(top, "\n\n") + "\n"
		p, err := load(testFiles(src), "etc/weir/weir.yaml", Options{}, []room{probeRoom})
		if err != nil {
			t.Fatal(err)
		}
		if p.Fingerprint() != want {
			t.Fatalf("another fingerprint:\n%s", src)
		}
	})
}

// TestMistakesAreDeterministic loads what is wrong in many ways many times.
func TestMistakesAreDeterministic(t *testing.T) {
	for _, c := range wrong {
		_, first := loadText(t, c.src)
		for range 5 {
			if _, err := loadText(t, c.src); err.Error() != first.Error() {
				t.Fatalf("%s: %v, then %v", c.name, first, err)
			}
		}
	}
}

// TestBoundsAreReadable reads every tag of bounds, and wants the defaults to lie within.
func TestBoundsAreReadable(t *testing.T) {
	seen := 0
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for _, f := range fieldsOf(v.Type()) {
			x := v.FieldByIndex(f.index)
			if x.Kind() == reflect.Struct {
				walk(x)
			}
			if f.within != (bounds{}) {
				seen++
				if low, high := f.within.of(f.kind); low >= high || number(x) < low || number(x) > high {
					t.Errorf("%s: %d is not within %d to %d", f.name, number(x), low, high)
				}
			}
		}
	}
	walk(reflect.ValueOf(Default()))
	walk(reflect.ValueOf(EVE{Rotate: defaultRotate()}))
	if seen < 15 {
		t.Errorf("only %d bounds", seen)
	}
}

func TestInitText(t *testing.T) {
	for name, h := range map[string]Host{
		"init-router.yaml": {Inside: []string{"lan0", "wlan0"}, Outside: []string{"wan0"}, Management: []string{"2001:db8::7"}, Queues: 2},
		"init-host.yaml":   {Local: true, Outside: []string{"eth0@if3"}},
		"init-bare.yaml":   {},
	} {
		text := InitText(h)
		golden(t, filepath.Join("testdata", name), []byte(text))
		p, err := loadText(t, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(p.Warnings) > 0 || !p.Monitors() || p.Lanes() != max(1, h.Queues) {
			t.Errorf("%s: warnings %v, monitors %v, lanes %d", name, p.Warnings, p.Monitors(), p.Lanes())
		}
	}
}

func TestExamplesLoadWithoutWarnings(t *testing.T) {
	for name, src := range goodPolicies(t) {
		if p := mustLoad(t, string(src)); strings.HasPrefix(name, "examples/") && len(p.Warnings) > 0 {
			t.Errorf("%s: %v", name, p.Warnings)
		}
	}
}

func TestNearestIsWhatWasMeant(t *testing.T) {
	words := []string{"mode", "divert", "management", "outcomes", "inspect"}
	for s, want := range map[string]string{"mod": "mode", "Mode": "mode", "dviert": "divert", "managment": "management", "zebra": "", "": "", "inspector": "inspect"} {
		if got := nearest(s, words); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// TestDistance holds the table against the recursion that defines it.
func TestDistance(t *testing.T) {
	var slow func(a, b string) int
	slow = func(a, b string) int {
		if a == "" || b == "" {
			return len(a) + len(b)
		}
		cost := 1
		if a[len(a)-1] == b[len(b)-1] {
			cost = 0
		}
		d := min(slow(a[:len(a)-1], b)+1, slow(a, b[:len(b)-1])+1, slow(a[:len(a)-1], b[:len(b)-1])+cost)
		if len(a) > 1 && len(b) > 1 && a[len(a)-1] == b[len(b)-2] && a[len(a)-2] == b[len(b)-1] {
			d = min(d, slow(a[:len(a)-2], b[:len(b)-2])+1)
		}
		return d
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringMatching(`[abc]{0,6}`).Draw(t, "a"), rapid.StringMatching(`[abc]{0,6}`).Draw(t, "b")
		if got, want := distance(a, b), slow(a, b); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}

// FuzzLoad wants every input to end in a policy or in mistakes with places inside the file.
func FuzzLoad(f *testing.F) {
	for _, c := range wrong {
		if len(c.src) < 1000 {
			f.Add(c.src)
		}
	}
	f.Add(full)
	f.Add(InitText(Host{}))
	f.Fuzz(func(t *testing.T, src string) {
		p, err := loadText(t, src)
		if err == nil {
			again, err := loadText(t, p.Text())
			if err != nil || again.Text() != p.Text() {
				t.Fatalf("printed policy: %v\n%s", err, p.Text())
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || len(e.Mistakes) == 0 || p != nil {
			t.Fatalf("%v", err)
		}
		lines := 1 + strings.Count(src, "\n") + strings.Count(src, "\r") + strings.Count(src, "\u0085") + strings.Count(src, "\u2028") + strings.Count(src, "\u2029")
		for _, m := range e.Mistakes {
			if m.What == "" || m.File == "weir.yaml" && m.Line > lines+1 || strings.ContainsAny(m.What+m.Hint, "\n\r") {
				t.Fatalf("%q", m.String())
			}
		}
	})
}
