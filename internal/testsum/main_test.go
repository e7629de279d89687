package main

import (
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	const in = `{"Action":"run","Package":"x/weir/a","Test":"TestGood"}
{"Action":"output","Package":"x/weir/a","Test":"TestGood","Output":"chatter\n"}
{"Action":"pass","Package":"x/weir/a","Test":"TestGood"}
{"Action":"output","Package":"x/weir/a","Test":"TestSkip","Output":"    a_test.go:1: needs root\n"}
{"Action":"skip","Package":"x/weir/a","Test":"TestSkip"}
{"Action":"output","Package":"x/weir/a","Test":"TestMoot","Output":"    a_test.go:2: n/a: iptables has no sets\n"}
{"Action":"skip","Package":"x/weir/a","Test":"TestMoot"}
{"Action":"output","Package":"x/weir/a","Test":"TestTag","Output":"    a_test.go:3: make qemu: no VLAN\n"}
{"Action":"skip","Package":"x/weir/a","Test":"TestTag"}
{"Action":"output","Package":"x/weir/a","Output":"ok  \tx/weir/a\t0.1s\n"}
{"Action":"pass","Package":"x/weir/a"}
{"Action":"output","Package":"x/weir/b","Test":"TestBad","Output":"    b_test.go:1: wrong\n"}
{"Action":"fail","Package":"x/weir/b","Test":"TestBad"}
{"Action":"fail","Package":"x/weir/b"}
a build error
`
	var out strings.Builder
	s := &summary{out: &out, lines: map[key][]string{}}
	if err := s.read(strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	if s.close(false) {
		t.Error("a failed test is no success")
	}
	for _, want := range []string{"ok  \tx/weir/a", "a.TestSkip: a_test.go:1: needs root", "a.TestTag: a_test.go:3: make qemu: no VLAN", "b_test.go:1: wrong", "FAILED b.TestBad", "a build error", "1 passed, 1 failed, 1 skipped"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "chatter") {
		t.Error("what a good test says is shown")
	}
	s.add(action{Action: "output", Package: "x/weir/a", Test: "TestLong", Output: "=== RUN TestLong\n"})
	if s.close(false); !strings.Contains(out.String(), "FAILED a.TestLong: it did not end") {
		t.Error("a test that did not end is not told of")
	}
	s.failed, s.lines = nil, nil
	if !s.close(false) || s.close(true) {
		t.Error("a skip is a failure iff strict")
	}
	s.skipped = nil
	if !s.close(true) {
		t.Error("what make qemu insists on is no failure")
	}
}
