package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/eve"
)

// An eventFile counts the events of a replay and writes them, if a file was named: under another name first, so that after
// an error there is none, or whatever was there before.
type eventFile struct {
	name   string
	file   *os.File // nil for standard output and for no output
	moves  bool     // file is another beside name
	writer *eve.Writer
	lost   error // why an event could not be written

	kinds [256]int
	would int
}

// openEventFile opens the file of that name; "-" is stdout, and "" none.
func openEventFile(name string, stdout io.Writer) (*eventFile, error) {
	e := &eventFile{name: name}
	switch name {
	case "":
		return e, nil
	case "-":
		e.writer = eve.NewWriter(eve.NewStream(stdout), eve.Format{}, 0)
		return e, nil
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		e.name = real
	}
	info, err := os.Stat(e.name)
	if e.moves = err != nil || info.Mode().IsRegular(); e.moves {
		e.file, err = os.CreateTemp(filepath.Dir(e.name), "."+filepath.Base(e.name)+".*")
	} else {
		e.file, err = os.OpenFile(e.name, os.O_WRONLY, 0)
	}
	if err != nil {
		if e := (*os.PathError)(nil); errors.As(err, &e) {
			err = e.Err // its name is a temporary one
		}
		return nil, fmt.Errorf("events: create %s: %w", name, err)
	}
	e.writer = eve.NewWriter(eve.NewStream(e.file), eve.Format{}, 0)
	return e, nil
}

// Put implements event.Queue. In a replay nothing is lost for want of time.
func (e *eventFile) Put(ev *event.Event) bool {
	e.kinds[ev.Kind]++
	if ev.Would {
		e.would++
	}
	if e.writer == nil {
		return true
	}
	err := e.writer.Write(ev)
	if errors.Is(err, eve.ErrFull) {
		if err = e.writer.Flush(); err == nil {
			err = e.writer.Write(ev)
		}
	}
	if err != nil && e.lost == nil {
		e.lost = err
	}
	return err == nil
}

// flush writes out what waits. The error says why the file is not complete.
func (e *eventFile) flush() error {
	if e.writer == nil {
		return nil
	}
	return errors.Join(e.lost, e.writer.Flush())
}

// close puts the file in place if it is good, and removes it otherwise.
func (e *eventFile) close(good bool) error {
	if e.file == nil {
		return nil
	}
	if e.moves {
		defer os.Remove(e.file.Name()) // fails after the rename, rightly
	}
	if !good {
		return e.file.Close()
	}
	var err error
	if e.moves {
		err = e.file.Chmod(0o644)
	}
	if err = errors.Join(err, e.file.Close()); err == nil && e.moves {
		err = os.Rename(e.file.Name(), e.name)
	}
	if err != nil {
		return fmt.Errorf("events: write %s: %w", e.name, err)
	}
	return nil
}
