package policy

import (
	"reflect"

	"go.yaml.in/yaml/v4"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp"
	"github.com/weir-project/weir/inspect/dns"
	"github.com/weir-project/weir/inspect/urls"
)

// A room is one of the inspectors that a policy can name.
type room struct {
	name   string
	config reflect.Type
	build  func(config any, env inspect.Env) (inspect.Maker, inspect.Mistakes)
}

// rooms are the inspectors, in chain order. To add one is to add a line.
var rooms = []room{
	inspector("urls", urls.New),
	inspector("dns", dns.New),
	inspector("dlp", dlp.New),
}

// inspector puts a room's own Config and New into the table.
func inspector[C any](name string, build func(C, inspect.Env) (inspect.Maker, inspect.Mistakes)) room {
	return room{
		name:   name,
		config: reflect.TypeFor[C](),
		build:  func(config any, env inspect.Env) (inspect.Maker, inspect.Mistakes) { return build(config.(C), env) },
	}
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
		}
	}
	return out
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

// tell notes an inspector's mistakes, each at its place in the policy or in the file that it is in.
func (l *loader) tell(name string, mistakes inspect.Mistakes) {
	for _, m := range mistakes {
		if m.File != "" {
			l.notes.mistakes = append(l.notes.mistakes, Mistake{File: m.File, Line: m.Line, Col: m.Col, What: m.What, Hint: m.Hint})
			continue
		}
		at := "inspect." + name
		if m.Path != "" {
			at = join(at, m.Path)
		}
		l.notes.add(locate(l.root, at), m.Hint, "%s: %s", at, m.What)
	}
}
