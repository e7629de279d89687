package demo

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/weir-project/weir/lab"
)

// showIDS has one rule tell and another one stop.
func (r *live) showIDS() {
	r.screen.title(4, "ids", "Suricata rules: one tells, one stops the flow")
	r.alert()
	r.screen.blank()
	r.intercept()
}

func (r *live) alert() {
	const sid = 1000001
	r.screen.wrapped("rule", rule(sid), dim)
	from := r.journal.now()
	req, err := http.NewRequest("GET", "http://www.example.com/..%2f/etc/passwd", nil)
	if err != nil {
		r.fail("%v", err)
		return
	}
	x := r.request(r.server(true), req)
	if x.client == nil || x.err != nil {
		r.fail("the request failed: %v", x.err)
		return
	}
	sent, got := x.client.Sent(), x.received()
	r.screen.compare("client sent", "server received", firstLines(sent, 2), firstLines(got, 2))
	r.event(from, "alert", func(e *eveEvent) bool {
		return e.Type == "alert" && e.Alert != nil && e.Alert.ID == sid && e.Alert.Action == "allowed"
	})
	r.check(bytes.Equal(sent, got), "all %d bytes arrived as they were: this rule only tells", len(sent))
}

// silence is how long the client waits to see that nothing comes.
const silence = 300 * time.Millisecond

func (r *live) intercept() {
	const sid = 1000002
	r.screen.wrapped("rule", rule(sid), dim)
	from := r.journal.now()
	conn, err := r.lab.Client().Dial("tcp", net.JoinHostPort(r.server(false), portShell))
	if err != nil {
		r.fail("%v", err)
		return
	}
	tape := lab.NewTape(conn)
	defer tape.Close()
	greeting, attack := []byte("hello, echo\n"), []byte("exec /bin/sh -i <&3 >&3 2>&3\n")
	_ = tape.SetDeadline(time.Now().Add(patience))
	if _, err = tape.Write(greeting); err == nil {
		_, err = io.ReadFull(tape, make([]byte, len(greeting)))
	}
	if err != nil {
		r.fail("the echo does not answer: %v", err)
		return
	}
	_ = tape.SetDeadline(time.Now().Add(silence))
	_, err = tape.Write(attack)
	n := 0
	if err == nil {
		n, err = tape.Read(make([]byte, 1))
	}
	var got []byte
	if server := r.arrived(r.internet.shell, tape); server != nil {
		got = server.Received()
	}
	sent := tape.Sent()
	r.screen.row("client sent", span{printable(greeting), plain}, span{printable(attack), gone})
	r.screen.row("server received", span{printable(got), plain}, span{" and no more", fresh})
	r.event(from, "alert", func(e *eveEvent) bool { return e.Alert != nil && e.Alert.ID == sid && e.Alert.Action == "blocked" })
	r.check(n == 0 && err != nil && bytes.Equal(got, greeting), "%d of %d bytes arrived, the greeting; the rest was stopped, and the flow with it", len(got), len(sent))
}
