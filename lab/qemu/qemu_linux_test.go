package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// What the machine says becomes what go test -json says, also where the machine went down meanwhile.
func TestReport(t *testing.T) {
	const whole = "#room firewall\r\n\x16=== RUN   TestA\r\n\x16=== RUN   TestA/nft\r\n\x16--- PASS: TestA/nft (0.10s)\r\n\x16PASS\r\n#exit 0\r\n"
	const cut = "#room lab\r\n=== RUN   TestB\r\n"
	var out bytes.Buffer
	r, err := report(strings.NewReader(whole+cut), &out)
	if err != nil {
		t.Fatal(err)
	}
	if !r.passed["TestA/nft"] || r.ended != 1 {
		t.Errorf("passed %v in %d rooms, want TestA/nft in one", r.passed, r.ended)
	}
	for _, want := range []string{
		`"Action":"pass","Package":"github.com/weir-project/weir/firewall"`,
		`"Action":"fail","Package":"github.com/weir-project/weir/lab"`,
		"the machine went down",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, &out)
		}
	}
	if err := r.judge(); err == nil || !strings.Contains(err.Error(), "is not proved") || !strings.Contains(err.Error(), fmt.Sprintf("1 of %d rooms", len(jobs))) {
		t.Errorf("judged %v", err)
	}
}

func TestArchiveIsNewc(t *testing.T) {
	var out bytes.Buffer
	a := newArchive(&out)
	a.text("/a/b", "four5")
	a.text("/a/b", "not twice")
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	// Three entries: the directory, the file, the end; each begins at a multiple of four.
	rest, names := out.Bytes(), []string{}
	for len(rest) > 0 {
		if !bytes.HasPrefix(rest, []byte("070701")) || len(rest) < 110 {
			t.Fatalf("no header at %q", rest)
		}
		var field [13]int
		for i := range field {
			for _, c := range rest[6+8*i : 14+8*i] {
				field[i] = field[i]<<4 | strings.IndexByte("0123456789abcdef", c)
			}
		}
		size, nameSize := field[6], field[11]
		names = append(names, string(rest[110:110+nameSize-1]))
		next := (110+nameSize+3)&^3 + (size+3)&^3
		rest = rest[next:]
	}
	if got := strings.Join(names, " "); got != "a a/b TRAILER!!!" {
		t.Errorf("entries %q", got)
	}
}
