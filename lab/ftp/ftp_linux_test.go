// Package ftp_test renames what curl asks an FTP server for: a lane on the router reads the control connection, and the data connection passes by it.
package ftp_test

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/lab/lane"
	"github.com/weir-project/weir/proto/all"
)

func TestMain(m *testing.M) { labtest.Main(m) }

const servicePort = 7021

// A renamer has the client get another file than it asks for, and remembers all fields.
type renamer struct {
	mu   sync.Mutex
	seen []string
}

var fields = field.SetOf(field.FTPCommand, field.FTPCommandData, field.FTPReply)

func (r *renamer) Name() string       { return "dlp" }
func (r *renamer) Fields() field.Set  { return fields }
func (r *renamer) Resizes() field.Set { return field.SetOf(field.FTPCommandData) }

func (r *renamer) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, string(f.Value))
	if string(f.Value) == "a" {
		cx.Edit(f, 0, 1, []byte("another"))
	}
	return inspect.Decision{}
}

// serve answers one client, whose files hold their names.
func serve(ln, data net.Listener) {
	c, err := ln.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	say := func(line string) { _, _ = fmt.Fprint(c, line+"\r\n") }
	say("220-an FTP\r\n220 server")
	for in := bufio.NewScanner(c); in.Scan(); {
		verb, arg, _ := strings.Cut(in.Text(), " ")
		switch verb {
		case "USER":
			say("331 who are you")
		case "PASS":
			say("230 welcome")
		case "PWD":
			say(`257 "/"`)
		case "EPSV":
			say(fmt.Sprintf("229 ok (|||%d|)", data.Addr().(*net.TCPAddr).Port))
		case "RETR":
			say("150 here")
			if d, err := data.Accept(); err == nil {
				_, _ = d.Write([]byte(arg))
				_ = d.Close()
			}
			say("226 that was all")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("200 well")
		}
	}
}

func TestRename(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: no curl")
	}
	l := labtest.New(t, lab.Topology{})
	host := l.Server().In.Addr(false).String()
	ln, err := l.Server().Listen("tcp", fmt.Sprintf("%s:%d", host, servicePort))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	data, err := l.Server().Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	go serve(ln, data) // ends with the client or the listener
	r := &renamer{}
	weir := labtest.Lane(t, l.Router(), firewall.Config{Inject: true, MayGrow: true, Select: lane.Port(servicePort)}, engine.Config{
		Program: labtest.Alone(t, new(inspect.LabelTable), r), Grammars: all.Grammars(),
	})
	out, err := l.Client().Command("curl", "-sS", "--max-time", "20", "-u", "user:secret", fmt.Sprintf("ftp://%s:%d/a", host, servicePort)).Output()
	if err != nil || string(out) != "another" {
		t.Errorf("curl got %q, %v", out, err)
	}
	if err := weir.End(); err != nil {
		t.Error(err)
	}
	asked := uint64(0) // of SIZE and of RETR
	for _, v := range r.seen {
		if v == "a" {
			asked++
		}
	}
	if c := weir.Snapshot(); asked == 0 || c.Edits != asked || len(c.Anomalies) > 0 {
		t.Errorf("asked for %d times, %d edits, anomalies %v", asked, c.Edits, c.Anomalies)
	}
	seen := strings.Join(r.seen, "|")
	for _, want := range []string{"220-an FTP\r\n220 server", "USER|user", "331 who are you", "PASS||230 welcome", "RETR|a", "226 that was all"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is not in %q", want, seen)
		}
	}
	if strings.Contains(seen, "secret") {
		t.Errorf("a field holds the password: %q", seen)
	}
}
