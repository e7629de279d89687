package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Colours of a terminal (ECMA-48 SGR).
const (
	red    = 31
	green  = 32
	yellow = 33
)

func paint(on bool, colour int, s string) string {
	if !on {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, s)
}

// colourful says whether to use colours on w: a terminal, and the user has not asked for none (no-color.org).
func colourful(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth is the columns of w, within what is pleasant to read; 100 where w is no terminal.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return min(max(columns, 60), 120)
		}
	}
	return 100
}

// A meter shows on standard error how far a long task is, in one line that other output does not run into.
type meter struct {
	mu    sync.Mutex
	shown bool
	quit  chan struct{}
	gone  chan struct{}
}

// startMeter shows what say returns, four times a second; nothing while that is empty, and nothing at all if standard error is no
// terminal.
func startMeter(say func() string) *meter {
	m := &meter{quit: make(chan struct{}), gone: make(chan struct{})}
	if !isTerminal(os.Stderr) {
		close(m.gone)
		return m
	}
	go func() {
		defer close(m.gone)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-m.quit:
				m.clear()
				return
			case <-tick.C:
				m.draw(say())
			}
		}
	}()
	return m
}

// stop takes the line away.
func (m *meter) stop() {
	close(m.quit)
	<-m.gone
}

func (m *meter) draw(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if text != "" {
		m.shown = true
		fmt.Fprint(os.Stderr, "\r\x1b[K"+text)
	}
}

func (m *meter) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown {
		m.shown = false
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

// besides returns w, whose output then takes the meter's line away first, until the meter is drawn again.
func (m *meter) besides(w io.Writer) io.Writer {
	if !isTerminal(w) {
		return w
	}
	return meteredWriter{m, w}
}

type meteredWriter struct {
	m *meter
	w io.Writer
}

func (w meteredWriter) Write(b []byte) (int, error) {
	w.m.clear()
	return w.w.Write(b)
}
