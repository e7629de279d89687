package firewall

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A modelIPFW answers as ipfw does.
type modelIPFW struct {
	off      bool
	rules    []modelRule
	disabled map[int]bool
	tables   map[string][]string
	refuse   string // a command or a line that has this in it fails
	steps    []string
}

type modelRule struct {
	number, set int
	body        string
	packets     int
}

func newModelIPFW() *modelIPFW {
	return &modelIPFW{
		rules:    []modelRule{{50, 0, "allow ip from any to any via lo0", 1}, {65535, 31, "deny ip from any to any", 1}},
		disabled: map[int]bool{}, tables: map[string][]string{"guests": {"203.0.113.0/24 0"}},
	}
}

func (m *modelIPFW) run(stdin, name string, args ...string) (string, error) {
	line := strings.Join(args, " ")
	switch {
	case m.refuse != "" && strings.Contains(line, m.refuse):
		return "", complain(errors.New("exit status 71"), "ipfw: no", name, args)
	case name == sysctlPath:
		return map[bool]string{false: "1\n1\n", true: "1\n0\n"}[m.off], nil
	case name == kldstatPath:
		return "", nil
	case line == "-q /dev/stdin":
		for _, l := range trimmedLines(stdin) { // one after the other: not atomic
			if m.refuse != "" && strings.Contains(l, m.refuse) {
				return "", complain(errors.New("exit status 71"), "Line 3: bad arguments", name, args)
			}
			if err := m.command(strings.Fields(l)); err != nil {
				return "", err
			}
			m.steps = append(m.steps, m.inForce())
		}
		return "", nil
	case args[0] == "-q":
		err := m.command(args[1:])
		m.steps = append(m.steps, m.inForce())
		return "", err
	}
	return m.print(line)
}

func (m *modelIPFW) command(f []string) error {
	switch line := strings.Join(f, " "); {
	case f[0] == "#":
	case f[0] == "table" && f[2] == "create":
		if m.tables[f[1]] != nil {
			return fmt.Errorf("ipfw: table %s exists", f[1])
		}
		m.tables[f[1]] = []string{}
	case f[0] == "table" && f[2] == "add":
		m.tables[f[1]] = append(m.tables[f[1]], f[3]+" 0")
	case f[0] == "table" && f[2] == "destroy":
		if slices.ContainsFunc(m.rules, func(r modelRule) bool { return strings.Contains(r.body, "table("+f[1]+")") }) {
			return fmt.Errorf("ipfw: table %s: Device busy", f[1])
		}
		delete(m.tables, f[1])
	case f[0] == "add" && f[2] == "set":
		number, _ := strconv.Atoi(f[1])
		set, _ := strconv.Atoi(f[3])
		m.rules = append(m.rules, modelRule{number, set, strings.Join(f[4:], " "), 0})
		slices.SortStableFunc(m.rules, func(a, b modelRule) int { return a.number - b.number })
	case f[0] == "delete" && f[1] == "set":
		m.rules = slices.DeleteFunc(m.rules, func(r modelRule) bool { return strconv.Itoa(r.set) == f[2] })
	case line == "set swap 23 24":
		for i, r := range m.rules {
			m.rules[i].set = map[int]int{23: 24, 24: 23, 0: 0, 31: 31}[r.set]
		}
	case f[0] == "set" && (f[1] == "enable" || f[1] == "disable"):
		for _, s := range f[2:] {
			n, _ := strconv.Atoi(s)
			m.disabled[n] = f[1] == "disable"
		}
	default:
		return fmt.Errorf("ipfw %s: not in the model", line)
	}
	return nil
}

func (m *modelIPFW) print(line string) (string, error) {
	out := ""
	switch {
	case line == "table all list":
		for name, entries := range m.tables {
			out += "--- table(" + name + "), set(0) ---\n" + strings.Join(entries, "\n") + "\n"
		}
	case line == "-S list":
		for _, r := range m.rules {
			out += fmt.Sprintf("%05d set %d %s\n", r.number, r.set, r.body)
		}
	case line == "-S set 23 show" || line == "-S set 24 show":
		for _, r := range m.rules {
			if strings.Contains(line, fmt.Sprintf("set %d ", r.set)) {
				out += map[bool]string{true: "# DISABLED "}[m.disabled[r.set]] + fmt.Sprintf("%05d %8d %8d set %d %s\n", r.number, r.packets, 100*r.packets, r.set, r.body)
			}
		}
	default:
		return "", fmt.Errorf("ipfw %s: not in the model", line)
	}
	return out, nil
}

// inForce is what packets meet: whose rules, told by their port.
func (m *modelIPFW) inForce() string {
	ports := map[string]int{}
	for _, r := range m.rules {
		if f := strings.Fields(r.body); f[0] == "divert" && !m.disabled[r.set] {
			ports[f[1]]++
		}
	}
	return fmt.Sprint(ports)
}

func TestIPFWLivesItsLife(t *testing.T) {
	m := newModelIPFW()
	before := fmt.Sprint(m.rules, m.tables)
	b := &ipfw{run: m.run}
	rs := planSocket(t, socketCases["router"], IPFW, freeBSD())
	must(t, b.Remove())
	for range 3 { // the tables change names each time
		must(t, b.Apply(rs))
		wantNoDifference(t, b, rs)
		if len(m.tables) != 4 {
			t.Errorf("tables %v", slices.Collect(maps.Keys(m.tables)))
		}
	}
	must(t, b.Pause())
	if m.inForce() != "map[]" {
		t.Errorf("paused: %s", m.inForce())
	}
	wantDifference(t, b, rs, "disabled")
	must(t, b.Apply(rs))
	wantNoDifference(t, b, rs)
	must(t, b.Remove())
	if after := fmt.Sprint(m.rules, m.tables); after != before || m.disabled[ipfwSet] || m.disabled[ipfwNext] {
		t.Errorf("after removal %s, before %s", after, before)
	}
	must(t, b.Remove())
}

// Packets meet the old rules or the new ones, never some of either, also where a command fails.
func TestIPFWChangesInOneStep(t *testing.T) {
	old := planSocket(t, socketCases["router"], IPFW, freeBSD())
	c := socketCases["router"]
	c.Port = 701
	next := planSocket(t, c, IPFW, freeBSD())
	for _, refuse := range []string{"", "701 ip6", "set disable 24", "table weir_net0_b create", "set swap", "-q delete set 24"} {
		m := newModelIPFW()
		b := &ipfw{run: m.run}
		must(t, b.Apply(old))
		m.steps, m.refuse = nil, refuse
		err := b.Apply(next)
		if (err == nil) != (refuse == "") {
			t.Errorf("%q: %v", refuse, err)
		}
		for _, s := range m.steps {
			if s != "map[700:8]" && s != "map[701:8]" {
				t.Errorf("%q: in force: %s", refuse, s)
			}
		}
		m.refuse = ""
		if refuse == "" {
			continue
		}
		wantNoDifference(t, b, old)
		must(t, b.Apply(next))
		wantNoDifference(t, b, next)
		if len(m.tables) != 4 {
			t.Errorf("%q: tables are left: %v", refuse, m.tables)
		}
	}
}

func TestIPFWSeesTampering(t *testing.T) {
	rs := planSocket(t, socketCases["router"], IPFW, freeBSD())
	at := func(m *modelIPFW, n int) int {
		return slices.IndexFunc(m.rules, func(r modelRule) bool { return r.number == n })
	}
	for want, tamper := range map[string]func(*modelIPFW){
		"switched off":  func(m *modelIPFW) { m.off = true },
		"is disabled":   func(m *modelIPFW) { m.disabled[ipfwSet] = true },
		"is missing":    func(m *modelIPFW) { m.rules = slices.Delete(m.rules, at(m, 100), at(m, 100)+1) },
		"is not Weir's": func(m *modelIPFW) { must(t, m.command(strings.Fields("add 100 set 23 allow ip from any to any"))) },
		`table weir_management_a: entry "0.0.0.0/0 0"`: func(m *modelIPFW) { must(t, m.command(strings.Fields("table weir_management_a add 0.0.0.0/0"))) },
	} {
		m := newModelIPFW()
		b := &ipfw{run: m.run}
		must(t, b.Apply(rs))
		tamper(m)
		wantDifference(t, b, rs, want)
	}
}

func TestIPFWOfAnotherProcess(t *testing.T) {
	rs := planSocket(t, socketCases["router"], IPFW, freeBSD())
	m := newModelIPFW()
	must(t, (&ipfw{run: m.run}).Apply(rs))
	fresh := &ipfw{run: m.run}
	wantNoDifference(t, fresh, rs)
	c := socketCases["router"]
	c.Port = 701
	wantDifference(t, fresh, planSocket(t, c, IPFW, freeBSD()), "does not divert to port 701")
	must(t, fresh.Apply(rs))
	wantNoDifference(t, fresh, rs)
	m.rules = slices.DeleteFunc(m.rules, func(r modelRule) bool { return r.number == 99 })
	wantDifference(t, &ipfw{run: m.run}, rs, "10 rules, not 11")
}

// Sets that somebody else uses are left to him.
func TestIPFWLeavesForeignSetsAlone(t *testing.T) {
	for _, set := range []int{ipfwSet, ipfwNext} {
		m := newModelIPFW()
		must(t, m.command(strings.Fields(fmt.Sprintf("add 700 set %d allow ip from any to any", set))))
		before := fmt.Sprint(m.rules)
		b := &ipfw{run: m.run}
		for _, err := range []error{b.Apply(planSocket(t, socketCases["router"], IPFW, freeBSD())), b.Remove()} {
			if err == nil || !strings.Contains(err.Error(), "00700 allow ip") || fmt.Sprint(m.rules) != before {
				t.Errorf("set %d: %v, %v", set, err, m.rules)
			}
		}
	}
}

func TestIPFWCountersGoOn(t *testing.T) {
	m := newModelIPFW()
	b := &ipfw{run: m.run}
	rs := planSocket(t, socketCases["router"], IPFW, freeBSD())
	must(t, b.Apply(rs))
	for i := range m.rules {
		m.rules[i].packets = 2
	}
	for i, change := range []func() error{func() error { return nil }, func() error { return b.Apply(rs) }, b.Pause} {
		must(t, change())
		if c, err := b.Counters(); err != nil || c[Queued] != (Count{16, 1600}) || c[Management] != (Count{4, 400}) {
			t.Errorf("change %d: %+v, %v", i, c, err)
		}
	}
	must(t, b.Remove())
	if c, err := b.Counters(); err != nil || c != (Counters{}) {
		t.Errorf("after removal %+v, %v", c, err)
	}
}

func TestDetectIPFW(t *testing.T) {
	m := newModelIPFW()
	must(t, (&ipfw{run: m.run}).Apply(planSocket(t, socketCases["router"], IPFW, freeBSD())))
	var f Features
	f.detectIPFW(m.run)
	if !f.IPFW || f.Lower != 50 || len(f.Missing) != 0 {
		t.Errorf("%+v", f)
	}
	f.IPv6 = true
	if rs := planSocket(t, socketCases["router"], IPFW, f); !strings.Contains(strings.Join(rs.Notes, "\n"), "such as 50") {
		t.Errorf("notes %q", rs.Notes)
	}
	m.rules = slices.DeleteFunc(m.rules, func(r modelRule) bool { return r.number == 50 })
	f = Features{}
	if f.detectIPFW(m.run); f.Lower != 65535 {
		t.Errorf("Weir's own rules count as others': %d", f.Lower)
	}
	m.off = true
	f = Features{}
	if f.detectIPFW(m.run); f.IPFW || !strings.Contains(f.Lacks(IPFW), "switched off") {
		t.Errorf("%+v", f)
	}
	m.refuse = "list"
	f = Features{}
	if f.detectIPFW(m.run); f.IPFW || !strings.Contains(f.Lacks(IPFW), "ipfw: no") {
		t.Errorf("%+v", f)
	}
}

func TestParseIPFWRefuses(t *testing.T) {
	for _, bad := range []string{"", "00100", "00100 1 2", "x 1 2 allow", "00100 x 2 allow", "00100 1 x allow"} {
		if r, err := parseIPFW(bad); err == nil {
			t.Errorf("%q became %+v", bad, r)
		}
	}
}

func TestOpenSocket(t *testing.T) {
	m := newModelIPFW()
	f := Features{IPFW: true}
	b, err := openSocket(Auto, f, m.run)
	if _, ok := b.(*ipfw); !ok || err != nil {
		t.Errorf("%T, %v", b, err)
	}
	if b, err := openSocket(PF, f, m.run); err != nil {
		t.Errorf("%T, %v", b, err)
	}
	for _, f := range []Features{{}, {NFTables: true, NativeQueue: true}} {
		if b, err := openSocket(Auto, f, m.run); err == nil {
			t.Errorf("%T was opened", b)
		}
	}
	must(t, b.Apply(planSocket(t, socketCases["host-unnamed"], IPFW, freeBSD())))
	must(t, removeOtherSockets(IPFW, f, m.run))
	if m.inForce() == "map[]" {
		t.Error("RemoveOthers has removed this one")
	}
	must(t, removeOtherSockets(PF, f, m.run))
	if m.inForce() != "map[]" {
		t.Errorf("left: %s", m.inForce())
	}
}

// Errors say what the command complained of, and what to do.
func TestCommandsComplain(t *testing.T) {
	_, err := runCommand("", "/bin/sh", "-c", "echo 'pfctl: /dev/pf: Permission denied' >&2; exit 1")
	if err == nil || !strings.Contains(err.Error(), "/dev/pf: Permission denied (run weir as root)") {
		t.Errorf("%v", err)
	}
	if out, err := runCommand("in", "/bin/cat"); out != "in" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := runCommand("", "/nonexistent/pfctl"); err == nil || !strings.Contains(err.Error(), "nonexistent") {
		t.Errorf("%v", err)
	}
}
