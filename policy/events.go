package policy

import (
	"fmt"
	"io"
	"time"

	"github.com/weir-project/weir/event/eve"
)

// A Sink is one output of events.
type Sink struct {
	Name string         // as status and events call it: the target as the policy writes it
	Kind string         // "file", "stdout", "unix" or "unixgram"
	Path string         // of the socket; valid iff Kind is unix or unixgram
	File eve.FileConfig // valid iff Kind is file
}

// Events returns the outputs of events, none if nobody is to be told.
func (p *Policy) Events() []Sink {
	var out []Sink
	for _, e := range p.doc.Events.EVE {
		s := Sink{Name: string(e.To)}
		s.Kind, s.Path = e.To.split()
		if s.Kind == "file" {
			s.File = eve.FileConfig{Path: s.Path, MaxBytes: int64(e.Rotate.Size), MaxAge: time.Duration(e.Rotate.Age), Keep: e.Rotate.Keep}
			s.Path = ""
		}
		out = append(out, s)
	}
	return out
}

// Open opens the output; stdout is the stream that the Kind of that name writes to.
func (s Sink) Open(stdout io.Writer) (eve.Output, error) {
	switch s.Kind {
	case "file":
		return eve.OpenFile(s.File)
	case "stdout":
		return eve.NewStream(stdout), nil
	case "unix", "unixgram":
		return eve.NewSocket(s.Kind, s.Path, 0)
	}
	return nil, fmt.Errorf("policy: a sink of kind %q", s.Kind)
}
