package policy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
)

// Options are what Load must know that no policy says.
type Options struct {
	// Name is what mistakes call the policy; empty means the name by which it was read.
	Name string
	// Lanes is the number of lanes that will share rates and memory; 0 means one for each queue, or the one of a divert
	// socket. A replay has one.
	Lanes int
	// Backend is what the system that the policy is for takes for divert.backend: auto; Auto if that is not known.
	Backend firewall.Kind
	// Apps are the names of the engine's grammars; see inspect.Env.
	Apps []string
}

// LoadFile reads a policy from the file system of this machine. Relative names of other
// files count from its directory.
func LoadFile(name string, opt Options) (*Policy, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return nil, &Error{Mistakes: []Mistake{{File: name, What: err.Error()}}}
	}
	if opt.Name == "" {
		opt.Name = name
	}
	return Load(os.DirFS("/"), full, opt)
}

// Load reads the policy name and the files that it names from root, the whole file system. The
// error, if any, is an *Error with every mistake; a Policy is returned iff there is none.
func Load(root fs.FS, name string, opt Options) (*Policy, error) {
	return load(root, name, opt, rooms)
}

func load(root fs.FS, name string, opt Options, rooms []room) (*Policy, error) {
	if opt.Name == "" {
		opt.Name = name
	}
	l := loader{notes: notes{file: opt.Name}, options: opt, rooms: rooms}
	name = strings.TrimPrefix(name, "/")
	l.library = library{root: root, dir: path.Dir(name), files: make(map[string]File)}
	src, err := readAtMost(root, name, MaxBytes)
	switch {
	case errors.Is(err, errTooLong):
		l.notes.add(&yaml.Node{}, "put long lists into files of their own", "the file is longer than %d bytes", MaxBytes)
		return nil, l.notes.err()
	case err != nil:
		hint := "name a policy that can be read"
		if errors.Is(err, fs.ErrNotExist) {
			hint = "weir init writes a policy"
		}
		l.notes.add(&yaml.Node{}, hint, "%s", reason(err))
		return nil, l.notes.err()
	}
	l.policy = File{Name: name, SHA256: sha256.Sum256(src), Data: src}
	return l.load()
}

// loader is one policy on its way.
type loader struct {
	notes   notes
	options Options
	rooms   []room
	library library
	policy  File
	root    *yaml.Node
	doc     Document
	marks   []string // keys that set packet marks
}

func (l *loader) load() (*Policy, error) {
	l.root = parse(l.policy.Data, &l.notes)
	if l.root == nil {
		return nil, l.notes.err()
	}
	l.doc = Default()
	decoder{&l.notes}.value(l.root, "", reflect.ValueOf(&l.doc).Elem(), bounds{})
	l.doc.fill()
	lanes := l.options.Lanes
	if lanes <= 0 {
		lanes = l.doc.Divert.Queues.Total()
		if l.backend().Sockets() {
			lanes = 1
		}
	}
	labels := new(inspect.LabelTable)
	env := inspect.Env{Labels: labels, Lanes: lanes, Files: &l.library, Apps: l.options.Apps}
	l.inspectorNames()
	entries := l.makeInspectors(l.doc.Inspect, l.doc.Mode, env)
	l.check(lanes, entries)
	if err := l.notes.err(); err != nil {
		return nil, err
	}
	p := &Policy{Warnings: l.notes.warnings, doc: l.doc, lanes: lanes, labels: labels, entries: entries}
	p.files = l.library.list(l.policy)
	text, err := render(l.doc)
	if err != nil {
		return nil, &Error{Mistakes: []Mistake{{File: l.options.Name, What: fmt.Sprintf("cannot be printed again: %v", err)}}}
	}
	p.text = text
	return p, nil
}

// inspectorNames refuses inspectors that do not exist.
func (l *loader) inspectorNames() {
	names := make([]string, len(l.rooms))
	for i, r := range l.rooms {
		names[i] = r.name
	}
	_, block := member(l.root, "inspect")
	for name := range l.doc.Inspect {
		if !slices.Contains(names, name) {
			key, _ := member(resolve(block), name)
			l.notes.add(key, suggest(name, "inspect", names), "inspect has no inspector %s", quote(name))
		}
	}
}
