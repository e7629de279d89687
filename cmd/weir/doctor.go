package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

func init() { commands = append(commands, newDoctor) }

func newDoctor() *cobra.Command {
	var asJSON, evasions bool
	var selftest string
	c := &cobra.Command{
		Use: "doctor", Short: "Say what works on this machine, and what to do where it does not",
		Long: `Doctor looks at kernel, privileges, firewall, connection tracking and interfaces. What can be tried is tried, in
a network namespace that is gone afterwards; nothing of the machine is changed, and no packet is sent.

  ok       it works
  note     worth knowing; nothing needs to be done
  warn     it works, but you should look at it
  missing  without it weir run cannot work

Exit code 0: a policy can run here, by this user; 4: it cannot. It sees more as root.

With --evade it tries instead to smuggle a word past Weir, by a few attempts of each kind that is known, against this
kernel's own TCP/IP in a lab of network namespaces (no root needed): which work where nobody inspects, whether one
passed, and whether an allowed message sent in the same way arrived whole. It takes less than a minute. Exit code 0:
nothing passed, and nothing allowed broke; 1: something did; 4: there can be no lab here.

With --divert-selftest=ADDRESS (nfqueue:7, divert:700, …) it tests instead whether this system's divert socket does all that
Weir relies on, with datagrams on the loopback interface. It needs rules that divert them, and prints the commands if there are
none; it changes no rule itself. Run it on a FreeBSD or OpenBSD and send us what it prints. Exit code 0: all checks passed;
1: some did not; 4: nothing is diverted, or the socket cannot be opened.`,
		Example: "  sudo weir doctor\n  weir doctor --json | jq '.findings[] | select(.mark == \"warn\")'",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case evasions:
				return doctorEvade(c.OutOrStdout())
			case selftest != "":
				return doctorSelftest(c.OutOrStdout(), selftest)
			}
			d := examine()
			if asJSON {
				out := json.NewEncoder(c.OutOrStdout())
				out.SetIndent("", "  ")
				out.SetEscapeHTML(false)
				if err := out.Encode(d); err != nil {
					return err
				}
			} else {
				d.print(c.OutOrStdout())
			}
			if !d.Host && !d.Router {
				return fail(exitSystem, errors.New("")) // the report has said it
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "for machines")
	c.Flags().BoolVar(&evasions, "evade", false, "try evasions in a lab of its own instead")
	c.Flags().StringVar(&selftest, "divert-selftest", "", "test the divert socket at this `address` instead")
	c.MarkFlagsMutuallyExclusive("json", "evade", "divert-selftest")
	return c
}

// A mark is what a finding means for weir run.
type mark string

const (
	markOK      mark = "ok"
	markNote    mark = "note"
	markWarn    mark = "warn"
	markMissing mark = "missing"
)

// A finding is one line of the report.
type finding struct {
	Group string   `json:"group"`
	Name  string   `json:"name"`
	Mark  mark     `json:"mark"`
	Text  string   `json:"text"`
	Hint  []string `json:"hint,omitempty"` // what to do: commands where possible
}

// A diagnosis is the whole report.
type diagnosis struct {
	Version  string    `json:"version"`
	System   string    `json:"system"`
	Host     bool      `json:"host"`              // policies of local traffic can run
	Router   bool      `json:"router"`            // policies of forwarded traffic can run
	Backend  string    `json:"backend,omitempty"` // how rules would be made
	Advice   string    `json:"advice"`
	Next     []string  `json:"next,omitempty"` // commands
	Findings []finding `json:"findings"`
}

func newDiagnosis(system string) *diagnosis {
	return &diagnosis{Version: version, System: system + ", " + runtime.GOARCH}
}

var markColours = map[mark]int{markOK: green, markWarn: yellow, markMissing: red}

// Columns of the printed report.
const (
	markWidth = 9
	nameWidth = 18
)

// print writes the report in groups, one finding a line, wrapped to the terminal.
func (d *diagnosis) print(o io.Writer) {
	colour, width := colourful(o), terminalWidth(o)
	fmt.Fprintf(o, "weir %s on %s\n", d.Version, d.System)
	group := ""
	for _, f := range d.Findings {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(o, "\n%s\n", group)
		}
		head := "  " + paint(colour && markColours[f.Mark] != 0, markColours[f.Mark], fmt.Sprintf("%-*s", markWidth, f.Mark)) + fmt.Sprintf("%-*s ", nameWidth, f.Name)
		indent := 2 + markWidth + nameWidth + 1
		fmt.Fprintln(o, head+wrap(f.Text, width, indent))
		for _, h := range f.Hint {
			fmt.Fprintln(o, strings.Repeat(" ", indent)+"→ "+h) // whole, to be copied
		}
	}
	fmt.Fprintf(o, "\n%s\n", wrap(d.Advice, width, 0))
	for _, next := range d.Next {
		fmt.Fprintf(o, "  %s\n", next)
	}
}

// wrap breaks text between words so that it stays within width columns, when its first line begins at column indent and so shall the
// others. A word that is too long stays whole.
func wrap(text string, width, indent int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
