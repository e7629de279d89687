package policy

import (
	"reflect"

	"go.yaml.in/yaml/v4"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp"
	"github.com/weir-project/weir/inspect/dns"
	"github.com/weir-project/weir/inspect/ids"
	"github.com/weir-project/weir/inspect/qos"
	"github.com/weir-project/weir/inspect/stats"
	"github.com/weir-project/weir/inspect/urls"
)

// A room is one of the inspectors that a policy can name.
type room struct {
	name   string
	config reflect.Type
	build  func(config any, env inspect.Env) (inspect.Maker, inspect.Mistakes)

	// skipped says, of a configuration without mistakes, how many of its rules are used, and why
	// the others are not. Nil where an inspector uses all it is given.
	skipped func(config any, env inspect.Env) (used int, others inspect.Mistakes)

	// marks returns the keys, below its block, by which a configuration sets packet marks. Nil where there are none.
	marks func(config any) []string
}

// rooms are the inspectors, in chain order. To add one is to add a line.
var rooms = []room{
	inspector("urls", urls.New),
	withSkipped(inspector("ids", ids.New), ids.Check),
	inspector("dns", dns.New),
	inspector("dlp", dlp.New),
	withMarks(inspector("qos", qos.New), qos.Config.Marks),
	inspector("stats", stats.New),
}

// inspector puts a room's own Config and New into the table.
func inspector[C any](name string, build func(C, inspect.Env) (inspect.Maker, inspect.Mistakes)) room {
	return room{
		name:   name,
		config: reflect.TypeFor[C](),
		build:  func(config any, env inspect.Env) (inspect.Maker, inspect.Mistakes) { return build(config.(C), env) },
	}
}

// withSkipped adds to a room what says which rules it leaves out.
func withSkipped[C any](r room, check func(C, inspect.Env) (used int, others, mistakes inspect.Mistakes)) room {
	r.skipped = func(config any, env inspect.Env) (int, inspect.Mistakes) {
		used, others, _ := check(config.(C), env)
		return used, others
	}
	return r
}

// withMarks adds to a room what says where it sets packet marks.
func withMarks[C any](r room, marks func(C) []string) room {
	r.marks = func(config any) []string { return marks(config.(C)) }
	return r
}

// makeInspectors builds the inspectors that the policy names.
func (l *loader) makeInspectors(blocks map[string]*yaml.Node, mode Mode, env inspect.Env) []entry {
	var out []entry
	for _, r := range l.rooms {
		block, named := blocks[r.name]
		if !named {
			continue
		}
		own := l.modeOf(r.name, &block, mode)
		config := reflect.New(r.config)
		before := len(l.notes.mistakes)
		decoder{&l.notes}.value(block, "inspect."+r.name, config.Elem(), bounds{})
		if len(l.notes.mistakes) > before {
			continue // what New would say of half a configuration misleads
		}
		maker, mistakes := r.build(config.Elem().Interface(), env)
		l.tell(r.name, mistakes)
		if len(mistakes) == 0 {
			out = append(out, entry{r.name, own == Monitor, maker})
			l.warnSkipped(r, config.Elem().Interface(), env)
			l.noteMarks(r, config.Elem().Interface())
		}
	}
	return out
}

// noteMarks keeps where an inspector sets packet marks.
func (l *loader) noteMarks(r room, config any) {
	if r.marks == nil {
		return
	}
	for _, key := range r.marks(config) {
		l.marks = append(l.marks, "inspect."+r.name+"."+key)
	}
}

// modeOf takes the key mode, which every inspector has, out of its block.
func (l *loader) modeOf(name string, block **yaml.Node, whole Mode) Mode {
	rest, value := without(resolve(*block), "mode")
	if value == nil {
		return whole
	}
	*block = rest
	own := whole
	decoder{&l.notes}.value(value, "inspect."+name+".mode", reflect.ValueOf(&own).Elem(), bounds{})
	if whole == Monitor && own == Prevent {
		l.notes.warn(value, "write mode: prevent for the policy, and mode: monitor for the inspectors that are only to watch", "inspect.%s.mode: the whole policy monitors, so this inspector does too", name)
		own = Monitor
	}
	return own
}

// maxSkipped is how many skipped rules are named; a summary counts all.
const maxSkipped = 20

// warnSkipped says which rules of an inspector are left out.
func (l *loader) warnSkipped(r room, config any, env inspect.Env) {
	if r.skipped == nil {
		return
	}
	used, others := r.skipped(config, env)
	if len(others) == 0 {
		return
	}
	at := "inspect." + r.name
	l.notes.warn(locate(l.root, at), "", "%s: %d rules are used, %d are left out", at, used, len(others))
	for _, m := range others[:min(len(others), maxSkipped)] {
		m.Hint = "" // speaks to those who want the rule taken or nothing
		l.notes.warnings = append(l.notes.warnings, l.placed(r.name, m))
	}
}

// tell notes an inspector's mistakes.
func (l *loader) tell(name string, mistakes inspect.Mistakes) {
	for _, m := range mistakes {
		l.notes.mistakes = append(l.notes.mistakes, l.placed(name, m))
	}
}

// placed gives an inspector's mistake its place in the policy, or in the file that it is in.
func (l *loader) placed(name string, m inspect.Mistake) Mistake {
	if m.File != "" {
		return Mistake{File: m.File, Line: m.Line, Col: m.Col, What: m.What, Hint: m.Hint}
	}
	at := "inspect." + name
	if m.Path != "" {
		at = join(at, m.Path)
	}
	n := locate(l.root, at)
	return Mistake{File: l.notes.file, Line: n.Line, Col: n.Column, What: at + ": " + m.What, Hint: m.Hint}
}
