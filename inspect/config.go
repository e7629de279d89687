package inspect

import (
	"fmt"
	"io/fs"
)

// A Maker is an inspector's configuration, checked: it makes one Inspector per lane. All that can
// be wrong with a configuration is found when the Maker is made, not when traffic flows.
//
// Each room below inspect exports Config, with yaml tags, and
//
//	func New(c Config, env Env) (Maker, Mistakes)
type Maker func() Inspector

// Env is what an inspector may use of the world while its Maker is made.
type Env struct {
	Labels *LabelTable
	Lanes  int   // lanes that will share a rate or a budget; at least 1
	Files  fs.FS // rule files and lists, by the names used in the policy

	// Apps are the names of the grammars in the engine's order: flow.Flow.App is n+1 for Apps[n].
	Apps []string
}

// A Mistake is one thing wrong with a configuration. Path leads from the configuration to
// the value, in the notation of its YAML: "classes[2].rate". What says what is wrong, Hint what to
// write instead. File and Line are set iff the mistake lies in a file that the configuration
// names.
type Mistake struct {
	Path string
	What string
	Hint string
	File string
	Line int
	Col  int
}

// Mistakes are all things wrong with a configuration; none means that it is right.
type Mistakes []Mistake

// Add notes a mistake at path; hint may be empty.
func (m *Mistakes) Add(path, hint, format string, args ...any) {
	*m = append(*m, Mistake{Path: path, What: fmt.Sprintf(format, args...), Hint: hint})
}
