//go:build weirmodel

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/weir-project/weir/firewall"
)

// With the build tag weirmodel the program runs on a model of another system's kernel, which a test plays: for tests of the whole daemon with
// divert sockets. What it needs lies beside the program: the socket SYSTEM.kernel of divert.ServeModel, and the socket rules, which
// is told what becomes of the rules, a line a connection, and answers "ok" or an error.

func init() {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	dir := filepath.Dir(program)
	host = machine{
		detect: func(firewall.Options) firewall.Features {
			return firewall.Features{IPv6: true, PF: true, Anchor: true}
		},
		open: func(firewall.Kind, firewall.Features, firewall.Options) (firewall.Backend, error) {
			return modelRules(filepath.Join(dir, "rules")), nil
		},
		address: func(*firewall.Ruleset) string {
			kernels, _ := filepath.Glob(filepath.Join(dir, "*.kernel"))
			if len(kernels) != 1 {
				panic("model: not one kernel in " + dir)
			}
			return fmt.Sprintf("fake:%s@%s", strings.TrimSuffix(filepath.Base(kernels[0]), ".kernel"), kernels[0])
		},
	}
}

// modelRules is a backend whose rules are kept behind the socket of that name.
type modelRules string

func (m modelRules) tell(what string) error {
	c, err := net.Dial("unix", string(m))
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintln(c, what); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if answer = strings.TrimSpace(answer); err == nil && answer != "ok" {
		err = errors.New("model: " + answer)
	}
	return err
}

func (m modelRules) Apply(*firewall.Ruleset) error { return m.tell("apply") }
func (m modelRules) Pause() error                  { return m.tell("pause") }
func (m modelRules) Remove() error                 { return m.tell("remove") }

func (m modelRules) Verify(*firewall.Ruleset) ([]firewall.Difference, error) { return nil, nil }
func (m modelRules) Counters() (firewall.Counters, error)                    { return firewall.Counters{}, nil }
