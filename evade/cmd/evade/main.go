// Command evade makes every attempt of package evade against the kernel's own stack in a lab, with Weir
// between and without, and prints what came of them as a table:
//
//	go run ./evade/cmd/evade                   all, in about two minutes
//	go run ./evade/cmd/evade -only 'T10 2'     those whose row and name match, each with what happened
//	go run ./evade/cmd/evade -write FILE       writes the document of evasions
//
// It exits with 1 if one passed, or an allowed twin broke, of which that is not known.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"

	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/lab"
	labevade "github.com/weir-project/weir/lab/evade"
)

func main() {
	only := flag.String("only", "", "make those attempts alone whose row and name match this expression")
	write := flag.String("write", "", "write the table, with what it means, to this file")
	flag.Parse()
	failed, err := run(*only, *write)
	if err != nil {
		fmt.Fprintln(os.Stderr, "evade:", err)
	}
	if err != nil || failed {
		os.Exit(1)
	}
}

func run(only, write string) (failed bool, err error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return false, err
	}
	if err := lab.Enter(); err != nil {
		return false, err
	}
	o := labevade.Options{Only: func(a *evade.Attempt) bool { return wanted.MatchString(a.Row + " " + a.Name) }}
	if only != "" {
		o.Say = os.Stdout
	}
	results, err := labevade.Run(o)
	if err != nil {
		return false, err
	}
	var table bytes.Buffer
	if err := evade.WriteTable(&table, results); err != nil {
		return false, err
	}
	fmt.Print(&table)
	for i := range results {
		if r := &results[i]; r.Bad() {
			failed = failed || r.Failed()
			fmt.Println(r)
		}
	}
	if write != "" && !failed {
		var doc bytes.Buffer
		if err := evade.WriteDocument(&doc, results); err != nil {
			return failed, err
		}
		return failed, os.WriteFile(write, doc.Bytes(), 0o644)
	}
	return failed, nil
}
