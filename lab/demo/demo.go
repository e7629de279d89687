// Package demo tells what Weir does, on packets that are really diverted: it builds a lab, runs the
// daemon in the router, has real clients talk to real servers through it, and shows for each use
// what was sent beside what arrived.
//
// Its law: nothing is claimed that was not seen. Every block compares the bytes at both ends and
// the daemon's own event, and a demo in which one comparison failed fails as a whole. Where the
// kernel cannot divert it says why, and runs the same policy over a capture that it carries along.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

//go:embed demo.yaml
var policyText string

// DefaultCard is the number of a card that no bank has issued, as payment providers publish it.
const DefaultCard = "4111 1111 1111 1111"

// Options say how the demo is run.
type Options struct {
	Out   io.Writer
	Color bool
	Weir  string // the program to run as daemon; the demo adds the subcommand

	Card    string    // to be masked; must satisfy CheckCard
	PcapDir string    // where to leave client.pcap and server.pcap; empty: nowhere
	Keep    io.Reader // not nil: leave the lab open until a line comes from here, or ctx ends
	NoLab   error     // why there can be no lab, if that is known already
}

// ErrUnproved is the error of a demo that has run to its end, but not as it claims.
var ErrUnproved = errors.New("the demo did not show what it claims: see the lines marked ✗")

// errCannotDivert wraps the reason why this kernel cannot run the live demo.
var errCannotDivert = errors.New("cannot divert here")

// Run runs the demo. The error is ErrUnproved if something that was to be seen was not.
func Run(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "weir-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the daemon's children are other users
		return err
	}
	s := &story{Options: o, dir: dir, screen: screen{w: o.Out, color: o.Color}}
	why := o.NoLab
	if why == nil {
		why = s.live(ctx)
		if !errors.Is(why, errCannotDivert) {
			return s.verdict(why)
		}
	}
	err = s.replay(ctx, why)
	if o.PcapDir != "" || o.Keep != nil {
		s.screen.warn("There was no lab, so --pcap and --keep had nothing to work on.")
	}
	return s.verdict(err)
}

// A story is a demo on its way.
type story struct {
	Options
	dir    string // for the policy, the control socket and events
	screen screen

	proved, failed int
}

// verdict is what Run returns.
func (s *story) verdict(err error) error {
	if err == nil && s.failed > 0 {
		return ErrUnproved
	}
	return err
}

// check prints and counts one claim, and whether it was so.
func (s *story) check(ok bool, claim string, args ...any) bool {
	if !ok {
		s.fail("not so: "+claim, args...)
		return false
	}
	s.proved++
	s.screen.check(true, fmt.Sprintf(claim, args...))
	return true
}

// fail prints and counts one thing that kept a claim from being shown.
func (s *story) fail(why string, args ...any) {
	s.failed++
	s.screen.check(false, fmt.Sprintf(why, args...))
}

// policyFile writes the policy, with the place of events filled in.
func (s *story) policyFile(events string) (name string, err error) {
	name = filepath.Join(s.dir, "weir.yaml")
	return name, os.WriteFile(name, []byte(strings.ReplaceAll(policyText, "EVE", events)), 0o644)
}

// CheckCard says why number is none that the demo can use: it wants 13 to 19 digits, whole or in
// groups of at least three with single spaces or dashes between them, and the last digit as Luhn's
// formula has it.
func CheckCard(number string) error {
	group := 0
	var digits []int
	for i, c := range number {
		switch {
		case c >= '0' && c <= '9':
			digits = append(digits, int(c-'0'))
			group++
		case (c == ' ' || c == '-') && group >= 3 && i < len(number)-1:
			group = 0
		default:
			return fmt.Errorf("%q is no card number: write digits, in groups with single spaces or dashes between them if you like", number)
		}
	}
	if n := len(digits); n < 13 || n > 19 || group < 3 {
		return fmt.Errorf("%q is no card number: it has %d digits, and cards have 13 to 19", number, n)
	}
	last := len(digits) - 1
	if want := luhn(digits[:last]); want != digits[last] {
		return fmt.Errorf("%q is no card number: its last digit would be %d (Luhn's formula)", number, want)
	}
	return nil
}

// luhn returns the check digit that follows the given ones (ISO/IEC 7812-1).
func luhn(digits []int) int {
	sum := 0
	for i := range digits {
		d := digits[len(digits)-1-i]
		if i%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return (10 - sum%10) % 10
}

// masked is what is to become of a card number: its last four digits stay.
func masked(card string) string {
	b := []byte(card)
	kept := 0
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < '0' || b[i] > '9' {
			continue
		}
		if kept++; kept > 4 {
			b[i] = 'X'
		}
	}
	return string(b)
}
