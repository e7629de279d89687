package ids

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/rule"
)

// Config is the ids block of a policy.
type Config struct {
	// Files name rule files.
	Files []string `yaml:"files,omitempty"`

	// Rules are rules written here, one in each.
	Rules []string `yaml:"rules,omitempty"`

	// Variables are the addresses and ports behind $NAMES in rules. Those of Suricata's default configuration are set
	// already: HOME_NET is the private networks of RFC 1918, EXTERNAL_NET everything else.
	Variables map[string]string `yaml:"variables,omitempty"`

	// Classification names a file in the format of Suricata's classification.config, which gives classtypes their
	// priorities.
	Classification string `yaml:"classification,omitempty"`

	// Strict makes a mistake of every rule that cannot be loaded. Otherwise such rules are skipped and counted; see
	// Check.
	Strict bool `yaml:"strict,omitempty"`

	// MaxAlerts is the number of events for one packet, payload or message; the last one says how many more rules
	// matched. Verdicts are not limited. Default 15.
	MaxAlerts int `yaml:"max_alerts,omitempty"`

	// Monitor lists sids of rules that only tell what they would do.
	Monitor []uint32 `yaml:"monitor,omitempty"`
}

// defaults are the variables of Suricata's default configuration.
var defaults = map[string]string{
	"HOME_NET": "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]", "EXTERNAL_NET": "!$HOME_NET",
	"HTTP_SERVERS": "$HOME_NET", "SMTP_SERVERS": "$HOME_NET", "SQL_SERVERS": "$HOME_NET", "DNS_SERVERS": "$HOME_NET",
	"TELNET_SERVERS": "$HOME_NET", "AIM_SERVERS": "$EXTERNAL_NET", "DC_SERVERS": "$HOME_NET", "DNP3_SERVER": "$HOME_NET",
	"DNP3_CLIENT": "$HOME_NET", "MODBUS_CLIENT": "$HOME_NET", "MODBUS_SERVER": "$HOME_NET", "ENIP_CLIENT": "$HOME_NET",
	"ENIP_SERVER": "$HOME_NET",
	"HTTP_PORTS":  "80", "SHELLCODE_PORTS": "!80", "ORACLE_PORTS": "1521", "SSH_PORTS": "22", "DNP3_PORTS": "20000",
	"MODBUS_PORTS": "502", "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]", "FTP_PORTS": "21", "GENEVE_PORTS": "6081",
	"VXLAN_PORTS": "4789", "TEREDO_PORTS": "3544", "SIP_PORTS": "[5060,5061]",
}

// New checks c, reads its files from env.Files, and returns what makes the inspectors of it.
func New(c Config, env inspect.Env) (inspect.Maker, inspect.Mistakes) {
	l := load(c, env)
	if c.Strict {
		l.mistakes = append(l.mistakes, l.refused...)
	}
	if len(l.mistakes) > 0 {
		return nil, l.mistakes
	}
	e := l.engine()
	return func() inspect.Inspector {
		d := newInspector(e)
		if e.bodies {
			return reader{d}
		}
		return d
	}, nil
}

// Check reads the rules of c and returns how many can be loaded, and for each of the others where it stands and why
// not. The mistakes are those of New without Strict.
func Check(c Config, env inspect.Env) (loaded int, refused, mistakes inspect.Mistakes) {
	l := load(c, env)
	return len(l.signatures), l.refused, l.mistakes
}

// A loader gathers the rules of a Config.
type loader struct {
	compiler   compiler
	signatures []*signature
	hints      [][]byte // by signature: the pattern to look for first; nil if none
	sids       map[uint64]bool
	monitor    map[uint32]bool
	maxAlerts  int
	refused    inspect.Mistakes
	mistakes   inspect.Mistakes
}

func load(c Config, env inspect.Env) *loader {
	l := &loader{sids: map[uint64]bool{}, monitor: map[uint32]bool{}, maxAlerts: 15}
	if len(c.Files)+len(c.Rules) == 0 {
		l.mistakes.Add("files", "write files: [local.rules]", "no rules")
	}
	l.setVariables(c.Variables)
	l.readClasses(c.Classification, env.Files)
	switch {
	case c.MaxAlerts < 0:
		l.mistakes.Add("max_alerts", "write a number from 1 up", "%d is negative", c.MaxAlerts)
	case c.MaxAlerts > 0:
		l.maxAlerts = c.MaxAlerts
	}
	for _, sid := range c.Monitor {
		l.monitor[sid] = true
	}
	for i, name := range c.Files {
		path := fmt.Sprintf("files[%d]", i)
		text, err := read(env.Files, name)
		if err != nil {
			l.mistakes.Add(path, "name a file that can be read", "%v", err)
			continue
		}
		l.read(text, name, path)
	}
	for i, text := range c.Rules {
		if name := strings.TrimSpace(text); strings.HasSuffix(name, ".rules") && !strings.ContainsAny(name, " \t\n(") {
			l.mistakes.Add(fmt.Sprintf("rules[%d]", i), "write files: ["+name+"]", "%q is the name of a file, and rules are given here", name)
			continue
		}
		l.read(text, "", fmt.Sprintf("rules[%d]", i))
	}
	if len(l.mistakes) == 0 && len(l.signatures) == 0 {
		where := "files"
		if len(c.Files) == 0 {
			where = "rules"
		}
		l.mistakes.Add(where, "see which keywords are supported", "none of %d rules can be loaded", len(l.refused))
		l.mistakes = append(l.mistakes, l.refused[:min(len(l.refused), 10)]...)
	}
	for i, sid := range c.Monitor {
		if !slices.ContainsFunc(l.signatures, func(s *signature) bool { return s.sid == sid }) {
			l.mistakes.Add(fmt.Sprintf("monitor[%d]", i), "remove it, or load the rule", "no rule has sid %d", sid)
		}
	}
	return l
}

func read(files fs.FS, name string) (string, error) {
	if files == nil {
		return "", fmt.Errorf("open %s: no files can be read here", name)
	}
	text, err := fs.ReadFile(files, name)
	return string(text), err
}

// read compiles the rules of one text.
func (l *loader) read(text, file, path string) {
	rules, errs := rule.Parse(text)
	for _, e := range errs {
		l.refuse(e, file, path)
	}
	for i := range rules {
		s, hint, err := l.compiler.compile(&rules[i])
		if err == nil && l.sids[uint64(s.gid)<<32|uint64(s.sid)] {
			err = wrong(rules[i].Pos, "give it a sid of its own", "a second rule with sid %d", s.sid)
		}
		if err != nil {
			l.refuse(err.(*rule.Error), file, path)
			continue
		}
		l.sids[uint64(s.gid)<<32|uint64(s.sid)] = true
		s.monitor = l.monitor[s.sid]
		l.signatures, l.hints = append(l.signatures, s), append(l.hints, hint)
	}
}

func (l *loader) refuse(e *rule.Error, file, path string) {
	l.refused = append(l.refused, inspect.Mistake{Path: path, What: e.What, Hint: e.Hint, File: file, Line: e.Pos.Line, Col: e.Pos.Col})
}

func (l *loader) setVariables(own map[string]string) {
	s := &l.compiler.solver
	*s = solver{map[string]rule.Addresses{}, map[string]rule.Ports{}, map[string]*addrs{}, map[string]*ports{}}
	all := maps.Clone(defaults)
	maps.Copy(all, own)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a, errA := rule.ParseAddresses(all[name])
		if errA == nil {
			s.addresses[name] = a
		}
		p, errP := rule.ParsePorts(all[name])
		if errP == nil {
			s.ports[name] = p
		}
		if errA != nil && errP != nil {
			l.mistakes.Add("variables."+name, "write addresses, [lists] of them, or ports", "%v", errA)
		}
	}
}

// readClasses reads "config classification: name,description,priority" lines.
func (l *loader) readClasses(name string, files fs.FS) {
	l.compiler.classes = map[string]int{}
	if name == "" {
		return
	}
	text, err := read(files, name)
	if err != nil {
		l.mistakes.Add("classification", "name a file that can be read", "%v", err)
		return
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rest, ok := strings.CutPrefix(line, "config classification:")
		parts := strings.Split(rest, ",")
		priority, err := strconv.Atoi(strings.TrimSpace(parts[len(parts)-1]))
		if !ok || len(parts) < 3 || err != nil || priority < 1 {
			l.mistakes = append(l.mistakes, inspect.Mistake{
				Path: "classification", File: name, Line: n, Col: 1,
				What: "not a classification", Hint: "config classification: name,description,priority",
			})
			continue
		}
		l.compiler.classes[strings.TrimSpace(parts[0])] = priority
	}
}
