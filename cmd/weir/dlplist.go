package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/inspect/dlp"
	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/inspect/dlp/exact"
)

func newDLPList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the detectors and templates",
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "DETECTOR\tRESTS ON\tTEMPLATES\tFINDS")
			in := dlp.TemplatesOf()
			for _, i := range detect.Bundled() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", i.Name, i.Class, strings.Join(in[i.Name], ","), i.Title)
			}
			return w.Flush()
		},
	}
}

type hashFlags struct {
	keyFile, output, separator string
	column                     int
	header                     bool
}

func newDLPHash() *cobra.Command {
	var f hashFlags
	c := &cobra.Command{
		Use: "hash VALUES.csv", Short: "Make a table of values of your own, as hashes under a key",
		Long: `Hash reads a column of a CSV file, or standard input, and writes a table by which weir run finds these values, without
the values: for each there is a hash under the key of --key-file, whose text stands in the policy as exact_key.

Who has the table but not the key learns how many values there are, how many first words those of several words have, and which lengths values have.
Who has both can try values: of a kind of which there are few, such as telephone numbers or names, all of them. Keep the key as you would keep the
values.`,
		Example: `  head -c 32 /dev/urandom | base64 > dlp.key
  weir dlp hash --key-file dlp.key --column 3 --header customers.csv -o customers.edm`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	fl := c.Flags()
	fl.StringVar(&f.keyFile, "key-file", "", "`file` with the key: its first line")
	fl.StringVarP(&f.output, "output", "o", "", "write the table to this `file`; never overwrites")
	fl.IntVar(&f.column, "column", 1, "which column, from 1")
	fl.BoolVar(&f.header, "header", false, "leave out the first line")
	fl.StringVar(&f.separator, "separator", ",", "between columns")
	_ = c.MarkFlagRequired("key-file")
	_ = c.MarkFlagRequired("output")
	return c
}

func (f *hashFlags) run(c *cobra.Command, name string) error {
	if f.column < 1 || len(f.separator) != 1 {
		return fail(exitUsage, errors.New("--column is from 1, --separator one character"))
	}
	if _, err := os.Lstat(f.output); err == nil {
		return fmt.Errorf("%s: file exists; it is not overwritten", f.output)
	}
	text, err := os.ReadFile(f.keyFile)
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	key, err := exact.NewKey([]byte(strings.TrimSpace(line)))
	if err != nil {
		return fmt.Errorf("%s: %w", f.keyFile, err)
	}
	in := c.InOrStdin()
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	b := exact.NewBuilder(key)
	left, err := f.read(b, in, c.ErrOrStderr(), name)
	if err != nil {
		return err
	}
	t := b.Table()
	if err := writeTable(f.output, t); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %s; left out: %d\n", f.output, count(t.Len(), "value"), left)
	return nil
}

// maxLeft is how many values that are left out are told of, by line and why.
const maxLeft = 20

// read adds the values of a CSV file to b, and returns how many cannot be looked for.
func (f *hashFlags) read(b *exact.Builder, in io.Reader, complaints io.Writer, name string) (left int, err error) {
	r := csv.NewReader(bufio.NewReader(in))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord, r.LazyQuotes = rune(f.separator[0]), -1, true, true
	for first := true; ; first = false {
		record, err := r.Read()
		switch {
		case err == io.EOF:
			return left, nil
		case err != nil:
			return left, fmt.Errorf("%s: %w", name, err)
		case first && f.header:
			continue
		}
		why := fmt.Errorf("no column %d", f.column)
		if f.column <= len(record) {
			why = b.Add(record[f.column-1])
		}
		if why != nil {
			if left++; left <= maxLeft {
				line, _ := r.FieldPos(0)
				fmt.Fprintf(complaints, "%s:%d: left out: %v\n", name, line, why) // the value itself is nobody's business
			}
		}
	}
}

func writeTable(name string, t *exact.Table) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(t.Write(w), w.Flush(), f.Close())
}
