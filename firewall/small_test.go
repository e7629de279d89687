package firewall

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSession(t *testing.T) {
	addr := netip.MustParseAddr
	for in, want := range map[string]Session{
		"192.0.2.9 51022 192.0.2.1 22":               {addr("192.0.2.9"), addr("192.0.2.1"), 22},
		"::ffff:192.0.2.9 51022 ::ffff:192.0.2.1 22": {addr("192.0.2.9"), addr("192.0.2.1"), 22},
		"2001:db8::9%eth0 1 2001:db8::1%eth0 2222":   {addr("2001:db8::9"), addr("2001:db8::1"), 2222},
	} {
		if got, ok, err := ParseSession(in); got != want || !ok || err != nil {
			t.Errorf("%q: %v %v %v, want %v", in, got, ok, err, want)
		}
	}
	if _, ok, err := ParseSession(""); ok || err != nil {
		t.Errorf("empty: %v %v", ok, err)
	}
	for _, bad := range []string{"192.0.2.9", "a 1 b 2", "192.0.2.9 1 192.0.2.1 0", "192.0.2.9 x 192.0.2.1 22", "192.0.2.9 1 2001:db8::1 22", "192.0.2.9 1 192.0.2.1 65536"} {
		if _, ok, err := ParseSession(bad); ok || err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzParseSession(f *testing.F) {
	f.Add("192.0.2.9 51022 192.0.2.1 22")
	f.Add("2001:db8::9%eth0 1 ::ffff:192.0.2.1 2222")
	f.Fuzz(func(t *testing.T, in string) {
		s, ok, err := ParseSession(in)
		if ok && err != nil {
			t.Fatal("a session and an error")
		}
		if ok {
			c := Config{Traffic: Local, Sessions: []Session{s}}
			if _, err := Plan(c, AllFeatures()); err != nil {
				t.Fatalf("Plan refuses a parsed session: %v", err)
			}
		}
	})
}

// The canonical list covers an address iff the given one does, is disjoint and sorted.
func TestCanonicalCoversTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v6 := rapid.Bool().Draw(t, "v6")
		family, base := V4, netip.MustParseAddr("192.0.2.0")
		if v6 {
			family, base = V6, netip.MustParseAddr("2001:db8::")
		}
		near := func(name string) netip.Addr { // within the last byte
			b := base.AsSlice()
			b[len(b)-1] = rapid.Byte().Draw(t, name)
			a, _ := netip.AddrFromSlice(b)
			return a
		}
		var in []netip.Prefix
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			in = append(in, netip.PrefixFrom(near("net"), base.BitLen()-rapid.IntRange(0, 8).Draw(t, "bits")))
		}
		out := canonical(in, family)
		for i := 1; i < len(out); i++ {
			if out[i-1].Overlaps(out[i]) || out[i].Addr().Less(out[i-1].Addr()) {
				t.Fatalf("%v from %v: not sorted and disjoint", out, in)
			}
		}
		a := near("probe")
		contains := func(ps []netip.Prefix) bool {
			return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
		}
		if contains(in) != contains(out) {
			t.Fatalf("%v: given %v, canonical %v", a, in, out)
		}
	})
}

func TestCanonicalPortsCoverTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var in []PortRange
		var want [65536]bool
		for range r.IntN(8) {
			first := r.IntN(65536)
			last := min(65535, first+r.IntN(20000))
			in = append(in, PortRange{uint16(first), uint16(last)})
			for p := first; p <= last; p++ {
				want[p] = true
			}
		}
		var got [65536]bool
		out := canonicalPorts(in)
		for i, x := range out {
			if i > 0 && int(x.First) <= int(out[i-1].Last)+1 {
				t.Fatalf("%v: ranges touch", out)
			}
			for p := int(x.First); p <= int(x.Last); p++ {
				got[p] = true
			}
		}
		if got != want {
			t.Fatalf("%v became %v", in, out)
		}
	}
}

func TestGenerationsGoRound(t *testing.T) {
	seen := map[uint32]bool{}
	gen := uint32(1)
	for range DefaultMarks.Generations() {
		if gen == 0 || gen > 31 || seen[gen] {
			t.Fatalf("generation %d after %d others", gen, len(seen))
		}
		seen[gen] = true
		b := DefaultMarks.Settled(gen)
		if b.Value&^b.Mask != 0 || b.Value&DefaultMarks.Settle == 0 || b.Mask&DefaultMarks.Pending == 0 {
			t.Fatalf("generation %d: mark %+v", gen, b)
		}
		gen = DefaultMarks.Next(gen)
	}
	if gen != 1 {
		t.Errorf("after the last generation comes %d", gen)
	}
}

func TestMultiportCountsRangesTwice(t *testing.T) {
	var ranges []PortRange
	for i := range 20 {
		ranges = append(ranges, PortRange{uint16(i * 10), uint16(i*10 + i%2)})
	}
	var ports []string
	for _, words := range multiport("--dports", ranges) {
		_, list, _ := strings.Cut(words[0], "--dports ")
		if n := strings.Count(list, ",") + strings.Count(list, ":") + 1; n > multiportMax {
			t.Errorf("%d ports in one match: %s", n, list)
		}
		ports = append(ports, strings.Split(list, ",")...)
	}
	if len(ports) != len(ranges) {
		t.Errorf("%d of %d ranges printed", len(ports), len(ranges))
	}
}

func TestProtoNames(t *testing.T) {
	for p := 1; p < 256; p++ {
		if got, err := ParseProto(Proto(p).String()); err != nil || got != Proto(p) {
			t.Errorf("%d prints as %s, which reads as %d, %v", p, Proto(p), got, err)
		}
	}
	for _, bad := range []string{"", "0", "256", "-1", "tcpx"} {
		if p, err := ParseProto(bad); err == nil {
			t.Errorf("%q is protocol %d", bad, p)
		}
	}
}

func TestBestPrefersNative(t *testing.T) {
	f := AllFeatures()
	for _, want := range []Kind{NFT, NFTCompat, IPTables, IPFW, PF} {
		if k, err := f.Best(); k != want || err != nil {
			t.Errorf("best is %s, %v; want %s", k, err, want)
		}
		switch want {
		case NFT:
			f.NativeQueue = false
		case NFTCompat:
			f.CompatQueue = false
		case IPTables:
			f.IP6Tables = ""
		case IPFW:
			f.IPFW = false
		case PF:
			f.PF = false
		}
	}
	if k, err := f.Best(); err == nil {
		t.Errorf("with nothing left, best is %s", k)
	}
}

// fakeBackend records calls and fails as often as told.
type fakeBackend struct {
	applied *Ruleset
	removed int
	fail    int
}

func (f *fakeBackend) Apply(rs *Ruleset) error {
	if f.fail--; f.fail >= 0 {
		return errors.New("busy")
	}
	f.applied = rs
	return nil
}
func (f *fakeBackend) Pause() error                          { return nil }
func (f *fakeBackend) Remove() error                         { f.removed++; return nil }
func (f *fakeBackend) Verify(*Ruleset) ([]Difference, error) { return nil, nil }
func (f *fakeBackend) Counters() (c Counters, _ error)       { return c, nil }

func TestConfirm(t *testing.T) {
	const start, window = 5 * time.Second, time.Minute
	previous := &Ruleset{}

	c := NewConfirm(start, window, previous)
	if c.Due(start+window-1) || !c.Due(start+window) || c.Left(start) != window {
		t.Error("the deadline is not start + window")
	}
	if err := c.Confirm(start + window); !errors.Is(err, ErrTooLate) {
		t.Errorf("confirmed at the deadline: %v", err)
	}
	b := &fakeBackend{fail: 1}
	if err := c.Revert(b); err == nil || !c.Due(start+window) {
		t.Error("a failed revert must stay due")
	}
	if err := c.Revert(b); err != nil || b.applied != previous || c.Due(start+window) {
		t.Error("the previous ruleset did not come back")
	}

	c = NewConfirm(start, window, nil)
	if err := c.Revert(b); err != nil || b.removed != 1 {
		t.Error("without previous rules, revert must remove")
	}

	c = NewConfirm(start, window, previous)
	if err := c.Confirm(start + window - 1); err != nil || c.Due(start+10*window) || c.Left(start) != 0 {
		t.Error("confirmed rules must stay")
	}
	if err := c.Confirm(start); !errors.Is(err, ErrTooLate) {
		t.Error("confirmed twice")
	}
}

func TestHooksTableIsWhole(t *testing.T) {
	seen := map[[2]uint8]bool{}
	for _, r := range Hooks() {
		key := [2]uint8{uint8(r.Path), uint8(r.From)}
		if seen[key] {
			t.Errorf("%s from %s twice", r.Path, r.From)
		}
		seen[key] = true
		if r.Exists == (r.Original == NoHook) || r.Exists == (r.Reply == NoHook) || r.Exists == (r.Tuple == "") || !r.Exists && r.Note == "" {
			t.Errorf("%s from %s is half filled: %+v", r.Path, r.From, r)
		}
	}
	if len(seen) != len(pathNames)*2 {
		t.Errorf("%d rows, want %d", len(seen), len(pathNames)*2)
	}
}

func TestParseSaveRefusesWhatItWouldLose(t *testing.T) {
	for _, bad := range []string{"-A X -j Y", "*mangle\nhello", "*mangle\n[1] -A X -j Y", "*mangle\n[1:2]"} {
		if _, err := parseSave(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzParseSave(f *testing.F) {
	rs, err := Plan(planCases["router"], AllFeatures())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("# x\n*mangle\n:WEIR-DIVERT - [0:0]\n[3:99] -A WEIR-DIVERT -m comment --comment \"weir:queued\" -j NFQUEUE --queue-num 0\nCOMMIT\n")
	f.Fuzz(func(t *testing.T, in string) {
		saved, err := parseSave(in)
		if err != nil {
			return
		}
		if len(compareSave(rs.iptChains(V4), saved, "ip")) == 0 && !strings.Contains(in, "WEIR-AFTER-FORWARD") {
			t.Fatal("a ruleset without our chains passes for ours")
		}
		savedCounters(saved)
	})
}

// What iptables-restore would install for a plan is what Verify expects, and removal
// text names every chain.
func TestRestoreTextComparesEqual(t *testing.T) {
	for _, name := range caseNames() {
		c := planCases[name]
		c.Backend = IPTables
		rs, err := Plan(c, AllFeatures())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []Family{V4, V6} {
			saved, err := parseSave(strings.ReplaceAll(rs.iptablesText(f), "-I INPUT 1 ", "-A INPUT "))
			if err != nil {
				t.Fatal(err)
			}
			if d := compareSave(rs.iptChains(f), saved, "ip"); len(d) > 0 {
				t.Errorf("%s: %v", name, d)
			}
			removal := iptText(nil, saved, Counters{})
			for _, ch := range rs.iptChains(f) {
				if !strings.Contains(removal, "-X "+ch.name+"\n") || ch.caller != "" && !strings.Contains(removal, "-D "+ch.caller+" -j "+ch.name+"\n") {
					t.Errorf("%s: removal forgets %s:\n%s", name, ch.name, removal)
				}
			}
		}
	}
}
