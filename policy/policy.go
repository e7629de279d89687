// Package policy reads weir.yaml, the operator's will, and turns it into everything that the
// processes are made of: inspector chains, outcomes, limits, firewall rules, sinks.
//
// Its law: a policy is taken whole or not at all. Every mistake is found before traffic
// flows, all of them at once, each with file, line and column, what is wrong and what to write
// instead. Reading is bounded in bytes, nodes, depth and files, and depends on nothing but
// what is read: the same files give the same Policy.
//
// What it does not do: it opens no socket, changes no rule, watches no file and asks the
// kernel nothing. Whether a policy can work on a given kernel is for package firewall to say.
package policy

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/weir-project/weir/inspect"
)

// A Policy is a policy that holds no mistake. It is immutable and may be used from any
// goroutine.
type Policy struct {
	// Warnings are what the policy may say, but hardly means.
	Warnings []Mistake

	doc     Document // defaults filled in
	lanes   int
	labels  *inspect.LabelTable
	entries []entry
	files   []File
	text    string
}

// entry is one inspector of the policy, ready to be made.
type entry struct {
	name    string
	monitor bool
	maker   inspect.Maker
}

// Chain makes fresh inspectors and sorts them into a chain: one for each lane, since a chain
// belongs to one goroutine.
func (p *Policy) Chain(generation uint32) (*inspect.Chain, error) {
	entries := make([]inspect.Entry, len(p.entries))
	for i, e := range p.entries {
		entries[i] = inspect.Entry{Inspector: e.maker(), Monitor: e.monitor}
	}
	return inspect.NewChain(generation, p.labels, entries)
}

// Document returns the policy as written, with the defaults in place of what was not. Its
// lists are shared: read only.
func (p *Policy) Document() Document { return p.doc }

// Lanes returns the number of lanes that the policy was made for: one for each queue, unless
// Options said otherwise.
func (p *Policy) Lanes() int { return p.lanes }

// Inspectors returns the names of the policy's inspectors, in the order of rooms.
func (p *Policy) Inspectors() []string {
	names := make([]string, len(p.entries))
	for i, e := range p.entries {
		names[i] = e.name
	}
	return names
}

// Monitors reports whether nothing that the inspectors decide is carried out: the mode of the
// whole policy, or of each inspector.
func (p *Policy) Monitors() bool {
	if p.doc.Mode == Monitor {
		return true
	}
	for _, e := range p.entries {
		if !e.monitor {
			return false
		}
	}
	return true
}

// Files returns what Load read, the policy itself first, the others in the order of their
// names.
func (p *Policy) Files() []File { return p.files }

// Text prints the policy as YAML with every default spelled out. Comments, anchors and the
// order of keys are gone; Load of it gives an equal policy, whose Text is the same.
func (p *Policy) Text() string { return p.text }

// Fingerprint names what the policy means in 16 hexadecimal digits: a hash of Text and of
// the files that it names. Comments and layout do not change it.
func (p *Policy) Fingerprint() string {
	h := sha256.New()
	h.Write([]byte(p.text))
	for _, f := range p.files[1:] {
		h.Write([]byte("\x00" + f.Name + "\x00"))
		h.Write(f.SHA256[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }
