package firewall

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A modelPF answers as pfctl does, of one anchor.
type modelPF struct {
	enabled bool
	main    string   // pf.conf, as pfctl -sr prints it
	rules   []string // of the anchor, as pfctl -sr prints them
	tables  map[string][]string
	packets int    // that each rule has counted since it was loaded
	refuse  string // a command that has this among its arguments fails
	calls   []string
}

func newModelPF() *modelPF {
	return &modelPF{enabled: true, main: "block drop all\npass out all flags S/SA\nanchor \"weir\" all\n", tables: map[string][]string{}}
}

func (m *modelPF) run(stdin, name string, args ...string) (string, error) {
	line := strings.Join(args, " ")
	m.calls = append(m.calls, line)
	switch what, ok := strings.CutPrefix(line, "-a weir "); {
	case name != pfctlPath:
		return "", fmt.Errorf("%s: who is that?", name)
	case m.refuse != "" && strings.Contains(line+stdin, m.refuse):
		return "", complain(errors.New("exit status 1"), "stdin:3: syntax error", name, args)
	case line == "-si":
		return map[bool]string{true: "Status: Enabled for 0 days", false: "Status: Disabled"}[m.enabled], nil
	case line == "-sr":
		return m.main, nil
	case line == "-sI":
		return "all\nem0\nlo\nlo0\n", nil
	case line == "-q -k label -k weir-left":
		return "", nil
	case line == "-q -a weir -o none -f -":
		return "", m.load(stdin)
	case !ok:
		return "", fmt.Errorf("pfctl %s: not in the model", line)
	default:
		return m.anchor(what)
	}
}

func (m *modelPF) anchor(what string) (string, error) {
	if m.rules == nil {
		return "", errors.New("pfctl: Anchor 'weir' does not exist")
	}
	switch f := strings.Fields(what); {
	case what == "-sr":
		return strings.Join(m.rules, "\n"), nil
	case what == "-sl":
		out := ""
		for _, r := range m.rules {
			_, label, _ := strings.Cut(r, `label "`)
			label, _, _ = strings.Cut(label, `"`)
			out += fmt.Sprintf("%s 9 %d %d 0 0 0 0 0\n", label, m.packets, 100*m.packets)
		}
		return out, nil
	case what == "-q -F rules":
		m.rules = []string{}
	case what == "-q -F Tables":
		m.tables = map[string][]string{}
	case f[0] == "-t" && what == "-t "+f[1]+" -T show":
		return "   " + strings.Join(m.tables[f[1]], "\n   ") + "\n", nil
	default:
		return "", fmt.Errorf("pfctl %s: not in the model", what)
	}
	return "", nil
}

// load takes a file as a whole or not at all.
func (m *modelPF) load(text string) error {
	rules, tables := []string{}, map[string][]string{}
	for _, line := range trimmedLines(text) {
		switch words := strings.Fields(line); words[0] {
		case "#":
		case "table":
			_, list, _ := strings.Cut(strings.TrimSuffix(line, " }"), "{ ")
			tables[strings.Trim(words[1], "<>")] = strings.Split(strings.ReplaceAll(list, "self", "192.0.2.1"), ", ")
		case "pass":
			for _, r := range expand(line) {
				rules = append(rules, strings.ReplaceAll(r, "from any to any", "all"))
			}
		default:
			return fmt.Errorf("stdin: %q: syntax error", line)
		}
	}
	m.rules, m.tables, m.packets = rules, tables, 0
	return nil
}

// expand makes a rule for each item in braces.
func expand(line string) []string {
	before, rest, ok := strings.Cut(line, "{ ")
	if !ok {
		return []string{line}
	}
	list, after, _ := strings.Cut(rest, " }")
	var out []string
	for _, item := range strings.Split(list, ", ") {
		out = append(out, expand(before+item+after)...)
	}
	return out
}

func (m *modelPF) backend() (*pf, *time.Duration) {
	slept := new(time.Duration)
	return &pf{run: m.run, sleep: func(d time.Duration) {
		*slept += d
		if !strings.Contains(strings.Join(m.rules, "\n"), "keep state (sloppy)") {
			panic("slept without rules that make states")
		}
	}}, slept
}

func routerPF(t *testing.T, f Features) *Ruleset { return planSocket(t, socketCases["router"], PF, f) }

func TestPFLivesItsLife(t *testing.T) {
	for _, f := range []Features{AllFeatures(), freeBSD()} {
		m := newModelPF()
		b, slept := m.backend()
		rs := routerPF(t, f)
		if err := b.Remove(); err != nil {
			t.Fatalf("nothing to remove is an error: %v", err)
		}
		must(t, b.Apply(rs))
		wantNoDifference(t, b, rs)
		if len(m.rules) != 12 || !strings.Contains(m.rules[0], "divert-") {
			t.Errorf("rules %q", m.rules)
		}
		load, kill := slices.Index(m.calls, "-q -a weir -o none -f -"), slices.Index(m.calls, "-q -k label -k weir-left")
		if load < 0 || kill < load {
			t.Errorf("states of an earlier removal are not killed after the load: %q", m.calls)
		}
		must(t, b.Pause())
		for _, r := range m.rules {
			if strings.Contains(r, "divert-") || !strings.Contains(r, "no state") {
				t.Errorf("paused: %s", r)
			}
		}
		if d, err := b.Verify(rs); err != nil || len(d) == 0 {
			t.Errorf("a pause is no difference: %v", err)
		}
		must(t, b.Apply(rs))
		wantNoDifference(t, b, rs)
		must(t, b.Remove())
		if len(m.rules)+len(m.tables) != 0 || *slept != pfFarewell {
			t.Errorf("after removal: %q, %q, after %v", m.rules, m.tables, *slept)
		}
		must(t, b.Remove())
		if *slept != pfFarewell {
			t.Error("the second removal waits for nobody")
		}
	}
}

func TestPFKeepsTheFormerRulesOnError(t *testing.T) {
	m := newModelPF()
	b, _ := m.backend()
	rs := routerPF(t, AllFeatures())
	must(t, b.Apply(rs))
	m.refuse = "port 701"
	c := socketCases["router"]
	c.Port = 701
	err := b.Apply(planSocket(t, c, PF, AllFeatures()))
	if err == nil || !strings.Contains(err.Error(), "stdin:3: syntax error") {
		t.Errorf("the error does not say what pfctl says: %v", err)
	}
	wantNoDifference(t, b, rs)
	// Rules must go also where they cannot be left politely.
	m.refuse = "sloppy"
	must(t, b.Remove())
	if len(m.rules) != 0 {
		t.Errorf("left behind: %q", m.rules)
	}
}

func TestPFSeesTampering(t *testing.T) {
	rs := routerPF(t, AllFeatures())
	for want, tamper := range map[string]func(*modelPF){
		"switched off":        func(m *modelPF) { m.enabled = false },
		"no longer refers":    func(m *modelPF) { m.main = "pass all\nanchor \"weirder\" all\n" },
		"is missing":          func(m *modelPF) { m.rules = m.rules[1:] },
		"is not Weir's":       func(m *modelPF) { m.rules = append(m.rules, "pass quick all") },
		"another":             func(m *modelPF) { m.rules[0], m.rules[1] = m.rules[1], m.rules[0] },
		`address "0.0.0.0/0"`: func(m *modelPF) { m.tables["weir_skip0"] = append(m.tables["weir_skip0"], "0.0.0.0/0") },
	} {
		m := newModelPF()
		b, _ := m.backend()
		must(t, b.Apply(rs))
		tamper(m)
		wantDifference(t, b, rs, want)
	}
}

// A process that has not loaded the rules itself counts them and looks for the port.
func TestPFOfAnotherProcess(t *testing.T) {
	rs := routerPF(t, AllFeatures())
	m := newModelPF()
	b, _ := m.backend()
	must(t, b.Apply(rs))
	fresh, slept := m.backend()
	wantNoDifference(t, fresh, rs)
	m.rules[0] = strings.ReplaceAll(m.rules[0], "port 700", "port 7000")
	wantDifference(t, fresh, rs, "does not divert to port 700")
	m.rules = m.rules[1:]
	wantDifference(t, fresh, rs, "11 rules, not 12")
	must(t, fresh.Pause())
	must(t, fresh.Remove())
	if len(m.rules) != 0 || *slept != 0 {
		t.Errorf("after removal: %q, after %v", m.rules, *slept)
	}
}

func TestPFCountersGoOn(t *testing.T) {
	m := newModelPF()
	b, _ := m.backend()
	rs := planSocket(t, socketCases["host-unnamed"], PF, freeBSD()) // two rules
	must(t, b.Apply(rs))
	m.packets = 3
	for i, change := range []func() error{func() error { return nil }, func() error { return b.Apply(rs) }, b.Pause} {
		must(t, change())
		if c, err := b.Counters(); err != nil || c[Queued] != (Count{6, 600}) {
			t.Errorf("change %d: %+v, %v", i, c[Queued], err)
		}
	}
	must(t, b.Remove())
	if c, err := b.Counters(); err != nil || c != (Counters{}) {
		t.Errorf("after removal %+v, %v", c, err)
	}
}

func TestDetectPF(t *testing.T) {
	m := newModelPF()
	var f Features
	f.detectPF(m.run, false)
	if !f.PF || !f.Anchor || f.DivertTo || !slices.Equal(f.Blocks, []string{"block drop all"}) || len(f.Missing) != 0 || !slices.Contains(f.Ifaces, "em0") {
		t.Errorf("%+v", f)
	}
	rs := routerPF(t, f)
	if !strings.Contains(strings.Join(rs.Notes, "\n"), `"block drop all"`) {
		t.Errorf("notes %q", rs.Notes)
	}
	m.main = "pass all\n"
	f = Features{}
	if f.detectPF(m.run, false); !f.PF || f.Anchor || len(f.Missing) != 1 {
		t.Errorf("without anchor: %+v", f)
	}
	m.enabled = false
	f = Features{}
	if f.detectPF(m.run, false); f.PF || !strings.Contains(f.Lacks(PF), "switched off") {
		t.Errorf("switched off: %+v", f)
	}
	f = Features{} // the model has no kldstat
	if f.detectPF(m.run, true); f.PF || !f.DivertTo || !strings.Contains(f.Lacks(PF), "kldload ipdivert") {
		t.Errorf("without ipdivert: %+v", f)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantNoDifference(t *testing.T, b Backend, rs *Ruleset) {
	t.Helper()
	if d, err := b.Verify(rs); err != nil || len(d) != 0 {
		t.Errorf("differences %v, %v", d, err)
	}
}

func wantDifference(t *testing.T, b Backend, rs *Ruleset, want string) {
	t.Helper()
	d, err := b.Verify(rs)
	if err != nil || !strings.Contains(fmt.Sprint(d), want) {
		t.Errorf("want a difference with %q, got %v, %v", want, d, err)
	}
}
