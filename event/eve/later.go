package eve

// A Later is an Output that could not be opened yet. Each Write and each Reopen tries
// again; until one succeeds, their errors say why not.
type Later struct {
	open func() (Output, error)
	out  Output // nil until it was opened
}

// OpenLater returns an Output that open makes when it can.
func OpenLater(open func() (Output, error)) *Later { return &Later{open: open} }

func (l *Later) ready() error {
	if l.out != nil {
		return nil
	}
	out, err := l.open()
	if err == nil {
		l.out = out
	}
	return err
}

// Write opens the output if it is not open, and writes to it. See Output.
func (l *Later) Write(lines []byte) (done, lost int, err error) {
	if err := l.ready(); err != nil {
		return 0, 0, err
	}
	return l.out.Write(lines)
}

// Reopen opens the output, or opens it anew.
func (l *Later) Reopen() error {
	if l.out == nil {
		return l.ready()
	}
	return l.out.Reopen()
}

// Close closes the output, if it was opened.
func (l *Later) Close() error {
	if l.out == nil {
		return nil
	}
	return l.out.Close()
}
