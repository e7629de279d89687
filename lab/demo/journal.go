package demo

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"time"
)

// An eveEvent is one line of EVE JSON, as far as the demo reads it.
type eveEvent struct {
	Type  string          `json:"event_type"`
	Src   string          `json:"src_ip"`
	Dst   string          `json:"dest_ip"`
	Proto string          `json:"proto"`
	Alert *eveAlert       `json:"alert,omitempty"`
	DLP   map[string]any  `json:"dlp,omitempty"`
	URL   map[string]any  `json:"url,omitempty"`
	DNS   map[string]any  `json:"dns,omitempty"`
	QoS   map[string]any  `json:"qos,omitempty"`
	Drop  map[string]any  `json:"drop,omitempty"`
	Stats json.RawMessage `json:"stats,omitempty"`
	Weir  eveWeir         `json:"weir"`
}

type eveAlert struct {
	Action    string `json:"action"`
	ID        int    `json:"signature_id"`
	Signature string `json:"signature"`
}

type eveWeir struct {
	Author  string `json:"author,omitempty"`
	Name    string `json:"name,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Verdict string `json:"verdict,omitempty"`
	Field   string `json:"field,omitempty"`
	Offset  int    `json:"offset,omitempty"`
	Length  int    `json:"length,omitempty"`
}

// text is the event as the demo prints it: EVE JSON without the keys that every event has, and
// without what it says twice.
func (e *eveEvent) text() string {
	w := e.Weir
	w.Author = ""
	if w.Reason == w.Name {
		w.Reason = ""
	}
	short := struct {
		Type  string         `json:"event_type"`
		Alert *eveAlert      `json:"alert,omitempty"`
		DLP   map[string]any `json:"dlp,omitempty"`
		URL   map[string]any `json:"url,omitempty"`
		DNS   map[string]any `json:"dns,omitempty"`
		QoS   map[string]any `json:"qos,omitempty"`
		Drop  map[string]any `json:"drop,omitempty"`
		Weir  eveWeir        `json:"weir"`
	}{e.Type, e.Alert, e.DLP, e.URL, e.DNS, e.QoS, e.Drop, w}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(short); err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), `,"`, `, "`)
}

// A journal reads the daemon's file of events as it grows.
type journal struct {
	path   string
	read   int64
	rest   []byte // of a line that is not whole yet
	events []eveEvent
	broken int // lines that are no JSON
}

// journalEvery is how often the file is looked at.
const journalEvery = 10 * time.Millisecond

// refresh reads what has come. A file that is not there yet is an empty one.
func (j *journal) refresh() {
	f, err := os.Open(j.path)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() <= j.read {
		return
	}
	more := make([]byte, info.Size()-j.read)
	n, _ := f.ReadAt(more, j.read)
	j.read += int64(n)
	j.rest = append(j.rest, more[:n]...)
	for {
		line, rest, whole := bytes.Cut(j.rest, []byte("\n"))
		if !whole {
			return
		}
		j.rest = rest
		var e eveEvent
		if err := json.Unmarshal(line, &e); err != nil {
			j.broken++
			continue
		}
		j.events = append(j.events, e)
	}
}

// await waits until an event from number from on is as wanted; nil if none comes in time.
func (j *journal) await(from int, within time.Duration, want func(*eveEvent) bool) *eveEvent {
	deadline := time.Now().Add(within)
	for {
		j.refresh()
		for ; from < len(j.events); from++ {
			if want(&j.events[from]) {
				return &j.events[from]
			}
		}
		if time.Now().After(deadline) {
			return nil
		}
		time.Sleep(journalEvery)
	}
}

// now is the number of the next event.
func (j *journal) now() int {
	j.refresh()
	return len(j.events)
}
