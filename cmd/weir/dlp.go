package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/eve"
	"github.com/weir-project/weir/inspect/dlp"
)

func init() { commands = append(commands, newDLP) }

func newDLP() *cobra.Command {
	c := &cobra.Command{
		Use: "dlp", Short: "Look for sensitive values in files, and prepare lists of your own",
		Long: `Dlp looks through files, or standard input, as weir run looks through what is on its way: with the detectors of a
policy, or of templates. It needs no privilege, and shows no value that it finds.`,
	}
	c.AddCommand(newDLPScan(), newDLPExplain(), newDLPList(), newDLPHash())
	return c
}

// allTemplates are looked for where no policy says what.
var allTemplates = []string{"pci", "personal", "secrets"}

type scanFlags struct {
	policy     string
	templates  []string
	json, mask bool
}

func newDLPScan() *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use: "scan FILE…|-", Short: "Tell of each value by file, line and column",
		Long: `Scan prints each value that it finds as file:line:column with the detector, how sure it is, the codes that the value is
written in, and a masked sample. Exit code 0: there are none; 5: there are some.

With --mask it writes the text as it would arrive to standard output instead, and what it found to standard error.`,
		Example: `  weir dlp scan --template secrets *.go
  git diff | weir dlp scan -
  weir dlp scan -p weir.yaml --json customers.csv | jq .dlp
  weir dlp scan --template pci --mask - < order.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	fl := c.Flags()
	fl.StringVarP(&f.policy, "policy", "p", "", "policy `file` whose block inspect.dlp counts; without it the templates")
	fl.StringSliceVar(&f.templates, "template", allTemplates, "`templates`: pci, personal, health, secrets")
	fl.BoolVar(&f.json, "json", false, "print events as weir run writes them, EVE JSON")
	fl.BoolVar(&f.mask, "mask", false, "write the text with masks")
	c.MarkFlagsMutuallyExclusive("policy", "template")
	return c
}

func (f *scanFlags) run(c *cobra.Command, names []string) error {
	s, err := f.scan()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(c.OutOrStdout())
	told, masked := out, io.Writer(nil)
	if f.mask {
		told, masked = bufio.NewWriter(c.ErrOrStderr()), out
	}
	values := 0
	for _, name := range names {
		n, err := f.scanFile(c, s, name, told, masked)
		values += n
		if err != nil {
			out.Flush()
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := told.Flush(); err != nil {
		return err
	}
	if values > 0 {
		return fail(exitAiling, fmt.Errorf("%s in %s", count(values, "value"), count(len(names), "file")))
	}
	return nil
}

// scan makes the Scan that the flags ask for.
func (f *scanFlags) scan() (*dlp.Scan, error) {
	if f.policy == "" {
		s, mistakes := dlp.NewScan(dlp.Config{Templates: f.templates})
		if len(mistakes) > 0 {
			return nil, fail(exitUsage, fmt.Errorf("--template: %s: %s", mistakes[0].What, mistakes[0].Hint))
		}
		return s, nil
	}
	p, err := loadPolicy(f.policy, 1)
	if err != nil {
		return nil, err
	}
	chain, err := p.Chain(1)
	if err != nil {
		return nil, err
	}
	for _, e := range chain.Stream {
		if d, ok := e.I.(*dlp.Inspector); ok {
			return dlp.ScanBy(d), nil
		}
	}
	return nil, fail(exitPolicy, fmt.Errorf("%s: no block inspect.dlp", f.policy))
}

func (f *scanFlags) scanFile(c *cobra.Command, s *dlp.Scan, name string, told *bufio.Writer, masked io.Writer) (values int, err error) {
	r, shown := c.InOrStdin(), name
	if name == "-" {
		shown = "stdin"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		r = file
	}
	var line []byte
	err = s.Read(r, func(e *event.Event, at dlp.Place) {
		values++
		if f.json {
			e.Text("file", shown)
			e.Num("line", int64(at.Line))
			line = append(eve.Append(line[:0], e), '\n')
		} else {
			line = appendFound(line[:0], shown, at, e)
		}
		told.Write(line)
	}, masked)
	return values, err
}

// appendFound appends a line for people about a value.
func appendFound(dst []byte, name string, at dlp.Place, e *event.Event) []byte {
	dst = fmt.Appendf(dst, "%s:%d:%d: %s", name, at.Line, at.Col, e.Name)
	var more []string
	for _, p := range e.Pairs() {
		switch p.Key {
		case "sample":
			dst = fmt.Appendf(dst, "  %s", p.Text)
		case "score":
			more = append(more, fmt.Sprintf("score %d", p.Num))
		case "code":
			more = append(more, "in "+p.Text)
		}
	}
	if e.Verdict != "accept" {
		more = append(more, e.Verdict)
	}
	return fmt.Appendf(dst, "  (%s)\n", strings.Join(more, ", "))
}
