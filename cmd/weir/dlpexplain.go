package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect/dlp"
	"github.com/weir-project/weir/inspect/dlp/detect"
)

func newDLPExplain() *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use: "explain TEXT|-", Short: "Say why a text matches",
		Long: `Explain looks through a text and says of each value what it rests on: what a detector checks and whose rules it follows, how sure
it is, in which codes the value is written, and what the policy does about it. It shows the text but for the values.`,
		Example: `  weir dlp explain 'IBAN: DE89 3704 0044 0532 0130 00'
  weir dlp explain -p weir.yaml - < letter.txt`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.explain(c, args[0]) },
	}
	fl := c.Flags()
	fl.StringVarP(&f.policy, "policy", "p", "", "policy `file` whose block inspect.dlp counts; without it the templates")
	fl.StringSliceVar(&f.templates, "template", allTemplates, "`templates`: pci, personal, health, secrets")
	c.MarkFlagsMutuallyExclusive("policy", "template")
	return c
}

func (f *scanFlags) explain(c *cobra.Command, text string) error {
	s, err := f.scan()
	if err != nil {
		return err
	}
	in := io.Reader(strings.NewReader(text))
	if text == "-" {
		in = c.InOrStdin()
	}
	out, values := c.OutOrStdout(), 0
	err = s.Read(in, func(e *event.Event, at dlp.Place) {
		values++
		explain(out, e, at)
	}, nil)
	if err == nil && values == 0 {
		fmt.Fprintln(out, "nothing matches")
	}
	return err
}

// explain says all that is known of a value.
func explain(w io.Writer, e *event.Event, at dlp.Place) {
	fmt.Fprintf(w, "%d:%d  %s\n", at.Line, at.Col, e.Name)
	line := func(what, text string) { fmt.Fprintf(w, "    %-9s %s\n", what, text) }
	for _, p := range e.Pairs() {
		switch p.Key {
		case "sample":
			line("value", fmt.Sprintf("%s, %d bytes", p.Text, e.Length))
		case "score":
			line("score", fmt.Sprintf("%d of 100", p.Num))
		case "context":
			line("context", "a word before it says what it is")
		case "code":
			line("written", "in "+strings.ReplaceAll(p.Text, "/", ", and in that in "))
		}
	}
	if k, ok := detect.Parse(e.Name); ok {
		i := detect.Bundled()[k]
		line("is", i.Title)
		line("rests on", i.Class)
		line("by", strings.Join(i.Sources, "; "))
	} else {
		line("is", "a value of your own")
	}
	does := map[string]string{"accept": "tell", "edit": "mask it", "drop": "drop it, and its connection", "reject": "end its connection"}[e.Verdict]
	if e.Would {
		does += " (only monitored)"
	}
	line("does", does)
}
