//go:build linux || freebsd || openbsd

package main

import (
	"bytes"
	"strings"
	"testing"
)

// crash is what children of an earlier weir have said, with values in registers, arguments and what was panicked with.
const crash = `weir: worker: lane 0: a queue is gone
panic: pay 4111 1111 1111 1111
by card [recovered]
	panic: 4111111111111111
[signal SIGSEGV: segmentation violation code=0x1 addr=0x8 pc=0x4f3a21]
SIGABRT: abort
PC=0x495781 m=0 sigcode=0

goroutine 25 gp=0x10e3a6e01e0 m=3 mp=0x10e3a70e008 [running]:
github.com/weir-project/weir/inspect/dlp/detect.(*Scanner).run(0xc000102030, {0x3131313131313131, 0x3131}, 0x10)
	/src/inspect/dlp/detect/scanner.go:120 +0x7b fp=0x10e3b603fe0 sp=0x10e3b603fa0 pc=0x41f4fb
runtime.goexit({})
created by worker.Run in goroutine 1

rax    0x3131312031313134
r10    0x3131313131313131
rflags 0x286
unexpected fault address 0x3131313131313131
fatal error: runtime: pointer 0x3131313131313131 to unallocated span
x0  0x3131313131313131 x1  0x3131313131313131
0000010e3b603fa0: 3131313131313131 0000000000000000
`

// TestChildLog shows a crash however it comes in pieces.
func TestChildLog(t *testing.T) {
	const want = `weir: worker: lane 0: a queue is gone
panic: what it was is not shown, it may be traffic
panic: what it was is not shown, it may be traffic
[signal SIGSEGV: segmentation violation code=0x1 addr=(...) pc=0x4f3a21]
SIGABRT: abort
PC=0x495781 m=0 sigcode=0

goroutine 25 gp=(...) m=3 mp=(...) [running]:
github.com/weir-project/weir/inspect/dlp/detect.(*Scanner).run(...)
	/src/inspect/dlp/detect/scanner.go:120 +0x7b fp=(...) sp=(...) pc=0x41f4fb
runtime.goexit({})
created by worker.Run in goroutine 1

unexpected fault address (...)
fatal error: runtime: pointer (...) to unallocated span
x0  (...) x1  (...)
(...): (...) (...)
`
	for size := 1; size <= len(crash); size++ {
		var out bytes.Buffer
		l := &childLog{to: &out}
		for at := 0; at < len(crash); at += size {
			if n, err := l.Write([]byte(crash[at:min(at+size, len(crash))])); err != nil || n == 0 {
				t.Fatal(n, err)
			}
		}
		if out.String() != want {
			t.Fatalf("in pieces of %d:\n%s", size, out.String())
		}
	}
}

// TestShortWordsOfChildren: an address of eight digits or fewer may be data as well, such as a number; what Weir says of itself holds none.
func TestShortWordsOfChildren(t *testing.T) {
	for line, want := range map[string]string{
		"[signal SIGSEGV: segmentation violation code=0x1 addr=0x1ff60232 pc=0x4a8b3c]": "[signal SIGSEGV: segmentation violation code=0x1 addr=(...) pc=0x4a8b3c]",
		"unexpected fault address 0x34333231":                                           "unexpected fault address (...)",
		"runtime: pointer 0x3433 to unallocated span span.base()=0xc000100000":          "runtime: pointer (...) to unallocated span span.base()=(...)",
		"runtime: marked free object, elemsize=536221234 freeindex=0":                   "runtime: marked free object, elemsize=(...) freeindex=0",
		"10e3b603: 31313131 34333231":                                                   "(...): (...) (...)",
		"\t/src/inspect/dlp/detect/scanner.go:120 +0x7b fp=0x34333231":                  "\t/src/inspect/dlp/detect/scanner.go:120 +0x7b fp=(...)",
		"PC=0x5581a0b1c2d3 m=0 sigcode=0":                                               "PC=0x5581a0b1c2d3 m=0 sigcode=0",
		"weir: worker: process has capabilities 0x1000, of 123456789":                   "weir: worker: process has capabilities 0x1000, of (...)",
	} {
		var out bytes.Buffer
		l := &childLog{to: &out}
		if _, _ = l.Write([]byte(line + "\n")); out.String() != want+"\n" {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}

// TestLongLinesOfChildren: a line without an end takes no more room than others.
func TestLongLinesOfChildren(t *testing.T) {
	var out bytes.Buffer
	l := &childLog{to: &out}
	for range 100 {
		_, _ = l.Write([]byte(strings.Repeat("x", 1000)))
	}
	if _, _ = l.Write([]byte("\nnext\n")); out.Len() != maxLogLine+len("\nnext\n") || cap(l.line) > 2*maxLogLine {
		t.Errorf("%d bytes left, %d are kept", out.Len(), cap(l.line))
	}
}
