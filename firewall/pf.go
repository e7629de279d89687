package firewall

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pf is the backend of the kind PF. It runs pfctl on the anchor "weir", which pf.conf has to refer to.
//
// pfctl changes an anchor in one transaction. What it prints is a normal form, so that a pf compares the rules with
// what was printed when it had put them there; one that has not can only count them.
type pf struct {
	run   runner
	sleep func(time.Duration)

	applied *Ruleset // by this process; nil: none, or removed
	shown   pfShown  // right after that
	base    Counters // of rules that were replaced
}

// pfShown is what pfctl prints of the anchor.
type pfShown struct {
	rules  []string
	tables map[string][]string // addresses by the name of the table, of Ruleset.Tables
}

// pfFarewell is how long rules stay that make states, before Remove takes them away: long enough for
// connections that run to send a packet.
const pfFarewell = time.Second

// Apply implements Backend.
func (p *pf) Apply(rs *Ruleset) error {
	base, err := p.Counters()
	if err != nil {
		return err
	}
	if err := p.load(rs, pfDiverting); err != nil {
		return err
	}
	p.base, p.applied, p.shown = base, rs, pfShown{}
	// States of an earlier Remove let connections pass by. In one call pfctl would kill before it loads.
	if _, err = p.pfctl("", "-q", "-k", "label", "-k", pfLabels[pfLeaving]); err == nil {
		p.shown, err = p.show(rs)
	}
	if err != nil {
		return fmt.Errorf("%w: the new rules are in place all the same", err)
	}
	return nil
}

// Pause implements Backend. Without an Apply of this process, it flushes the rules.
func (p *pf) Pause() error {
	base, err := p.Counters()
	if err != nil {
		return err
	}
	if p.applied == nil {
		err = p.flush("rules")
	} else {
		err = p.load(p.applied, pfPassing)
	}
	if err == nil {
		p.base = base
	}
	return err
}

// Remove implements Backend. After an Apply of this process, connections that run get states first: rules of pf.conf
// that want to see a first packet would cut them.
func (p *pf) Remove() error {
	if p.applied != nil && p.load(p.applied, pfLeaving) == nil { // if not, they are cut, and the rules must go all the same
		p.sleep(pfFarewell)
	}
	if err := errors.Join(p.flush("rules"), p.flush("Tables")); err != nil {
		return err
	}
	p.applied, p.shown, p.base = nil, pfShown{}, Counters{}
	return nil
}

// Verify implements Backend.
func (p *pf) Verify(rs *Ruleset) ([]Difference, error) {
	out, err := p.around()
	if err != nil {
		return nil, err
	}
	now, err := p.show(rs)
	if err != nil {
		return nil, err
	}
	if p.applied != rs || p.shown.rules == nil {
		return append(out, rs.countPF(now.rules)...), nil
	}
	out = append(out, differences("anchor "+pfAnchor, "rule", p.shown.rules, now.rules)...)
	for _, t := range rs.Tables {
		out = append(out, differences("table "+pfTable(t.Name), "address", p.shown.tables[t.Name], now.tables[t.Name])...)
	}
	return out, nil
}

// around compares what the anchor depends on.
func (p *pf) around() ([]Difference, error) {
	var out []Difference
	info, err := p.pfctl("", "-si")
	if err != nil {
		return nil, err
	}
	if !pfEnabled(info) {
		out = append(out, Difference{"pf", "it is switched off, so that nothing is diverted (pfctl -e switches it on)"})
	}
	main, err := p.pfctl("", "-sr")
	if err != nil {
		return nil, err
	}
	if anchor, _ := pfMain(main); !anchor {
		out = append(out, Difference{"pf.conf", `it no longer refers to anchor "` + pfAnchor + `", so that nothing is diverted`})
	}
	return out, nil
}

// countPF is what can be said of rules that nobody has seen being loaded.
func (rs *Ruleset) countPF(rules []string) []Difference {
	want := 0
	for _, d := range rs.Diversions {
		want += d.rules(PF)
	}
	where := "anchor " + pfAnchor
	var out []Difference
	if len(rules) != want {
		out = append(out, Difference{where, fmt.Sprintf("it has %d rules, not %d", len(rules), want)})
	}
	port := strconv.Itoa(int(rs.Port))
	for _, r := range rules {
		words := strings.Fields(r)
		i := slices.IndexFunc(words, func(w string) bool { return w == "divert-packet" || w == "divert-to" })
		if i < 0 || !slices.Contains(words[i:], port) {
			out = append(out, Difference{where, fmt.Sprintf("rule %q does not divert to port %s", r, port)})
		}
	}
	return out
}

// Counters implements Backend. OpenBSD counts packets after it has diverted them, that is not at all.
func (p *pf) Counters() (Counters, error) {
	sum := p.base
	out, err := p.anchor("-sl")
	if err != nil {
		return sum, err
	}
	for line := range strings.Lines(out) { // label evaluations packets bytes …
		f := strings.Fields(line)
		if len(f) < 4 || f[0] != pfLabels[pfDiverting] {
			continue
		}
		packets, err1 := strconv.ParseUint(f[2], 10, 64)
		octets, err2 := strconv.ParseUint(f[3], 10, 64)
		if err := cmp.Or(err1, err2); err != nil {
			return p.base, fmt.Errorf("firewall: counters of pf: %w", err)
		}
		sum[Queued].Packets += packets
		sum[Queued].Bytes += octets
	}
	return sum, nil
}

// load replaces the rules and tables of the anchor. Rules stay as many as they are: no optimizer.
func (p *pf) load(rs *Ruleset, m pfManner) error {
	_, err := p.pfctl(rs.pfText(m), "-q", "-a", pfAnchor, "-o", "none", "-f", "-")
	return err
}

func (p *pf) flush(what string) error {
	_, err := p.anchor("-q", "-F", what)
	return err
}

// show reads the anchor.
func (p *pf) show(rs *Ruleset) (pfShown, error) {
	s := pfShown{tables: map[string][]string{}}
	out, err := p.anchor("-sr")
	if err != nil {
		return s, err
	}
	s.rules = trimmedLines(out)
	for _, t := range rs.Tables {
		out, err := p.anchor("-t", tablePrefix+t.Name, "-T", "show")
		if err != nil {
			return s, err
		}
		s.tables[t.Name] = trimmedLines(out)
	}
	return s, nil
}

// anchor runs pfctl on our anchor. One that is not there is empty.
func (p *pf) anchor(args ...string) (string, error) {
	out, err := p.pfctl("", append([]string{"-a", pfAnchor}, args...)...)
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return "", nil
	}
	return out, err
}

func (p *pf) pfctl(stdin string, args ...string) (string, error) {
	out, err := p.run(stdin, pfctlPath, args...)
	if err != nil {
		return "", fmt.Errorf("firewall: %w", err)
	}
	return out, nil
}
