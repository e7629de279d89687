package urls

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// MaxLists is the number of lists in one policy.
const MaxLists = 64

// Config is the urls block of a policy.
type Config struct {
	// Lists are looked up in their order; the first one with an action other than alert decides.
	Lists []List `yaml:"lists"`

	// Allow is what passes, whatever lists say.
	Allow Names `yaml:"allow,omitempty"`

	// PageNote is what pages say below their reason, such as whom to ask. The page has 1200 bytes at most.
	PageNote string `yaml:"page_note,omitempty"`
}

// Names are domains, written here or in files.
type Names struct {
	// Domains are "example.com" (see Exact), "*.example.com" for all below it, ".example.com" for both. Other scripts than
	// Latin are turned into Punycode.
	Domains []string `yaml:"domains,omitempty"`

	// Files name files with one such domain in a line, or in the format of a hosts file, whose names are exact. # begins a
	// comment.
	Files []string `yaml:"files,omitempty"`

	// Exact says that "example.com" means that name only, and not also all below it.
	Exact bool `yaml:"exact,omitempty"`
}

// A List is names and what becomes of those who ask for them.
type List struct {
	// Name is for events. Default: the category, or "lists[n]".
	Name string `yaml:"name,omitempty"`

	// Domains are names to look for, written as those of allow.
	Domains []string `yaml:"domains,omitempty"`

	// Files name files of domains, in the formats of those of allow.
	Files []string `yaml:"files,omitempty"`

	// Exact says that "example.com" means that name only, and not also all below it.
	Exact bool `yaml:"exact,omitempty"`

	// Category becomes the label category=… of a flow, for other inspectors.
	Category string `yaml:"category,omitempty"`

	// Action is "reject" (default: the client is told), "page", "drop" or "alert". Reject and drop end the flow. Page answers a request of HTTP/1 by a
	// page that says on which list the name is; elsewhere, where a client would take no page, it is reject.
	Action string `yaml:"action,omitempty"`

	// Mode "monitor" only tells what would be done.
	Mode string `yaml:"mode,omitempty"`
}

type action uint8

const (
	reject action = iota
	drop
	page
	alert
)

var actionNames = []string{reject: "reject", drop: "drop", page: "page", alert: "alert"}

func (a action) verdict() string { return [...]string{"reject", "drop", "reject", "accept"}[a] }

// A list is a List, checked.
type list struct {
	name     string
	names    *set
	category string
	label    inspect.Label
	action   action
	page     *inspect.Page // iff action is page
	monitor  bool
}

func (l *list) decision() inspect.Decision {
	d := inspect.Decision{Scope: inspect.ScopeFlow, Reason: Blocked, Monitor: l.monitor}
	switch l.action {
	case reject, page:
		d.Verdict, d.Page = packet.Reject, l.page
	case drop:
		d.Verdict = packet.Drop
	default:
		return inspect.Decision{}
	}
	return d
}

// A filter is a Config, checked; lanes share it.
type filter struct {
	lists []list
	allow *set
}

// New checks c, reads its files from env.Files, and returns what makes the inspectors of it.
func New(c Config, env inspect.Env) (inspect.Maker, inspect.Mistakes) {
	var m inspect.Mistakes
	f := &filter{}
	if len(c.Lists) == 0 {
		m.Add("lists", "- {domains: [example.com]}", "no lists")
	}
	if len(c.Lists) > MaxLists {
		m.Add("lists", "join some of them", "more than %d lists", MaxLists)
	}
	for i := range c.Lists {
		f.lists = append(f.lists, newList(&c.Lists[i], i, env, &m))
	}
	f.addPages(c.PageNote, &m)
	f.allow = c.Allow.read("allow", env, &m)
	if len(m) > 0 {
		return nil, m
	}
	return func() inspect.Inspector { return &Inspector{set: f} }, nil
}

// addPages makes the pages of the lists that answer by one.
func (f *filter) addPages(note string, m *inspect.Mistakes) {
	pages := inspect.Pages{Note: note, Mistakes: m}
	for i := range f.lists {
		if l := &f.lists[i]; l.action == page {
			l.page = pages.New("This page was blocked", "Its name is on a list of this network: "+l.name+".", l.name)
		}
	}
	pages.End("list")
}

func newList(c *List, index int, env inspect.Env, m *inspect.Mistakes) list {
	path := fmt.Sprintf("lists[%d]", index)
	l := list{name: c.Name, category: c.Category}
	switch {
	case l.name == "" && c.Category != "":
		l.name = c.Category
	case l.name == "":
		l.name = path
	}
	if c.Action != "" {
		n := slices.Index(actionNames, c.Action)
		if n < 0 {
			m.Add(path+".action", "write reject, page, drop or alert", "unknown action %q", c.Action)
		}
		l.action = action(max(n, 0))
	}
	switch c.Mode {
	case "", "enforce":
	case "monitor":
		l.monitor = true
	default:
		m.Add(path+".mode", "write monitor, or remove it", "unknown mode %q", c.Mode)
	}
	if c.Category != "" {
		var err error
		if l.label, err = env.Labels.Define("category=" + c.Category); err != nil {
			m.Add(path+".category", "use fewer categories", "%v", err)
		}
	}
	if len(c.Domains) == 0 && len(c.Files) == 0 {
		m.Add(path, "write domains: [example.com] or files: [list.txt]", "an empty list")
	}
	names := Names{Domains: c.Domains, Files: c.Files, Exact: c.Exact}
	l.names = names.read(path, env, m)
	return l
}

// read returns the set of all names.
func (n *Names) read(path string, env inspect.Env, m *inspect.Mistakes) *set {
	r := reader{set: newSet(), bare: itself | below}
	if n.Exact {
		r.bare = itself
	}
	for i, d := range n.Domains {
		if what := r.domain(strings.TrimSpace(d)); what != "" {
			m.Add(fmt.Sprintf("%s.domains[%d]", path, i), "write example.com, *.example.com or .example.com", "%s", what)
		}
	}
	for i, name := range n.Files {
		at := fmt.Sprintf("%s.files[%d]", path, i)
		if env.Files == nil {
			m.Add(at, "write domains here", "no files can be read")
			continue
		}
		file, err := env.Files.Open(name)
		if err != nil {
			m.Add(at, "name a file that can be read", "%v", err)
			continue
		}
		r.file(file, name, at, m)
		_ = file.Close() // opened for reading: nothing can be lost
	}
	r.set.trim()
	return r.set
}
