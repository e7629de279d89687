//go:build linux || freebsd || openbsd

package main

import (
	"bytes"
	"io"
	"regexp"
)

// A childLog writes on what a child says on its standard error, line by line, without what its memory holds: GOTRACEBACK=none does not keep the
// runtime from showing the values of registers and arguments when it dies of a signal or throws, nor from showing what a goroutine has
// panicked with. A register holds eight digits of a card.
type childLog struct {
	to    io.Writer
	line  []byte // that is not whole yet, at most maxLogLine bytes of it
	muted bool   // it goes on with what was panicked with
}

// maxLogLine bounds a line; what is beyond is left out.
const maxLogLine = 4096

var (
	// registers are lines such as "rax    0x3131313131313131".
	registers = regexp.MustCompile(`^[a-z]+[0-9]*\s+0x[0-9a-f]+$`)
	// arguments are those of a call: "engine.route(0xc000102030, {0x7f, ...})".
	arguments = regexp.MustCompile(`\([^()]*\b0x[0-9a-f]+[^()]*\)$`)
	// words are addresses, which may be data that was taken for one, and what lies there, in lines of the runtime: 0x1ff60232 is nine digits of
	// a number, 0x34333231 four. Where the program was, and what stopped it, may be seen.
	words = regexp.MustCompile(`(pc=|PC=|code=|\+)?\b(0x[0-9a-f]+|[0-9a-f]{8,})\b`)
	// wordsOfOurs are those in lines of Weir's own, in which there are masks and marks as well.
	wordsOfOurs = regexp.MustCompile(`\b(0x)?[0-9a-f]{9,}\b`)
	ours        = []byte("weir: ")

	panicking = []byte("panic: ")
	tracing   = regexp.MustCompile(`^(goroutine [0-9]+ |\[signal |runtime(:| stack)|fatal error: |SIG[A-Z]+: )`)
)

// Write implements io.Writer. It fails as the writer behind it does.
func (l *childLog) Write(b []byte) (n int, err error) {
	n = len(b)
	for err == nil && len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			l.keep(b)
			return n, nil
		}
		l.keep(b[:end])
		err = l.flush()
		b = b[end+1:]
	}
	return n, err
}

func (l *childLog) keep(b []byte) {
	l.line = append(l.line, b[:min(len(b), maxLogLine-len(l.line))]...)
}

// flush writes the line on, or what may be shown of it.
func (l *childLog) flush() error {
	line := l.line
	l.line = l.line[:0]
	l.muted = l.muted && !tracing.Match(line)
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(line, "\t"), panicking):
		line, l.muted = []byte("panic: what it was is not shown, it may be traffic"), true
	case l.muted, registers.Match(line):
		return nil
	}
	line = arguments.ReplaceAll(line, []byte("(...)"))
	_, err := l.to.Write(append(hideWords(line), '\n'))
	return err
}

// hideWords leaves out of a line what may be data.
func hideWords(line []byte) []byte {
	if bytes.HasPrefix(line, ours) {
		return wordsOfOurs.ReplaceAll(line, []byte("(...)"))
	}
	return words.ReplaceAllFunc(line, func(w []byte) []byte {
		if w[0] == '+' || bytes.IndexByte(w, '=') >= 0 {
			return w
		}
		return []byte("(...)")
	})
}
