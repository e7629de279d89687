package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/weir-project/weir/policy"
	"github.com/weir-project/weir/proto/all"
)

// grammarNames are the engine's grammars, in its order.
func grammarNames() []string {
	var names []string
	for _, g := range all.Grammars() {
		names = append(names, g.Name())
	}
	return names
}

// loadPolicy reads a policy and prints its warnings. lanes is 0 for as many as it has on this system, by whose firewall it
// is judged then.
func loadPolicy(name string, lanes int) (*policy.Policy, error) {
	opt := policy.Options{Lanes: lanes, Apps: grammarNames()}
	if lanes == 0 {
		opt.Backend = backendHere()
	}
	p, err := policy.LoadFile(name, opt)
	if err != nil {
		return nil, policyError(err)
	}
	for _, w := range p.Warnings {
		fmt.Fprintln(os.Stderr, "warning: "+w.String())
	}
	return p, nil
}

// loadBundled reads a policy from the files of a bundle.
func loadBundled(root fs.FS, name string, lanes int) (*policy.Policy, error) {
	return policy.Load(root, name, policy.Options{Lanes: lanes, Apps: grammarNames()})
}

// policyError prints each mistake on its line and returns what main has left to say.
func policyError(err error) error {
	var e *policy.Error
	if !errors.As(err, &e) {
		return fail(exitPolicy, err)
	}
	for _, m := range e.Mistakes {
		fmt.Fprintln(os.Stderr, m.String())
	}
	return fail(exitPolicy, fmt.Errorf("%s in the policy", count(len(e.Mistakes), "mistake")))
}
