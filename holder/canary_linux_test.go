package holder_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/internal/canary"
	"github.com/weir-project/weir/lab"
)

// Secrets, as no event, log, status or crash may show them. The last four digits may be seen: the policy keeps them.
var secrets = []string{"4111 1111 1111 1111", "4111111111111111", "536-22-1234", "536221234"}

const canaryPolicy = `
mode: prevent
divert: {traffic: forwarded, queues: 0-1, select: [{protocols: [tcp, udp]}]}
inspect:
  urls:
    lists: [{category: ads, domains: [ads.example.com], action: reject}]
  ids:
    rules:
      - 'alert http any any -> any any (msg:"paid"; flow:to_server; http.uri; content:"/pay"; sid:1; rev:1;)'
      - 'drop tcp any any -> any any (msg:"shell"; flow:to_server; content:"/bin/sh -i"; sid:2; rev:1;)'
      - 'alert udp any any -> any any (msg:"datagram"; content:"pay"; sid:3; rev:1;)'
  dns:
    answers: [{name: .example.com, replace: [192.0.2.80], ttl: 60}]
  dlp:
    detectors: [{name: card, action: mask, keep: 4}, {name: us-ssn, action: mask}]
  stats: {interval: 1s}
events:
  eve: [{to: %s/events/eve.json}]
`

// TestSecretsAreNowhere sends secrets wherever another inspector has something to tell as well, ends a worker in the middle
// of it with a crash, and looks for them in everything that Weir has said.
func TestSecretsAreNowhere(t *testing.T) {
	l := newLab(t)
	server := l.Server().In.V4
	dir := newDir(t)
	d := begin(t, l.Router(), dir, fmt.Sprintf(canaryPolicy, dir))
	d.ready()
	mirror(t, l, server, 80)
	mirror(t, l, server, 7000)
	serveNames(t, l, server, lab.Zone{"4111111111111111.example.com.": {netip.MustParseAddr("198.51.100.7")}})

	var said strings.Builder // what came of weir status
	for round := range 2 {
		for _, s := range secrets {
			masked := "pay " + strings.Repeat("x", len(s)) + " now"
			if got, err := say(l, server, 7000, "pay "+s+" now"); err == nil && strings.Contains(got, s) {
				if s != "536221234" { // without dashes it is no SSN
					t.Errorf("%q arrived as it was, want something as %q", s, masked)
				}
			}
			_, _ = say(l, server, 80, get("www.example.com", "/pay?to="+s)+s)
			_, _ = say(l, server, 80, get("ads.example.com", "/pay?to="+s)+s)
			_, _ = say(l, server, 7000, "exec /bin/sh -i "+s)
			if c, err := l.Client().Dial("udp", netip.AddrPortFrom(server, 9).String()); err == nil {
				fmt.Fprint(c, "pay "+s)
				c.Close()
			}
		}
		_, _ = resolve(l, "udp", server, "4111111111111111.example.com.", dns.TypeA)
		_, _ = resolve(l, "tcp", server, "4111111111111111.example.com.", dns.TypeA)
		for _, kind := range []string{"dlp", "url", "alert"} {
			d.wrote(`"event_type":"` + kind + `"`)
		}
		if s, err := d.ask(holder.Status); err == nil {
			text, _ := json.Marshal(s)
			said.Write(text)
		}
		if round == 0 { // a crash with all that in its memory
			worker := d.ready().WorkerPID
			signalPID(t, worker, syscall.SIGABRT)
			d.until("another worker", 10*time.Second, func() bool { s := d.status(); return s.Ready && s.WorkerPID != worker })
		}
	}
	d.told("worker-crashed", 1)
	_ = d.stop(syscall.SIGTERM)

	said.WriteString(d.log())
	files, _ := filepath.Glob(dir + "/events/*")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(text)
	}
	cores, _ := filepath.Glob(dir + "/*core*")
	if len(cores) > 0 {
		t.Errorf("a core was dumped: %v", cores)
	}
	for line := range strings.Lines(said.String()) {
		for _, s := range secrets[:3] { // the last one is no secret without its dashes
			if strings.Contains(line, s) {
				t.Errorf("%q is told: %s", s, line)
			}
		}
	}
}

// everywhere is a policy with something to tell of everything, but for its block dlp.
const everywhere = `
mode: prevent
divert: {traffic: forwarded, queues: 0-1, select: [{protocols: [tcp, udp]}]}
outcomes: {error: pass}
events:
  eve: [{to: %s/events/eve.json}]
inspect:
  urls:
    lists: [{category: ads, domains: [.example], action: alert}]
  ids:
    rules:
      - 'alert http any any -> any any (msg:"target"; http.uri; content:"/"; sid:1; rev:1;)'
      - 'alert tcp any any -> any any (msg:"segment"; content:"e"; sid:2; rev:1;)'
      - 'alert udp any any -> any any (msg:"datagram"; content:"e"; sid:3; rev:1;)'
  dns:
    answers: [{name: .example, action: alert}]
  stats: {interval: 1s, flows: true}
`

// TestCanaries sends a value of each detector in each carrier through a whole weir that masks them, and through one that only tells of them, has its worker
// crash and panic with values in its hands, and looks for them in all that it has said and kept: events, logs, statuses, rings, the journal.
func TestCanaries(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits for daemons, and is no other under the race detector")
	}
	values := canary.Values(20260306, 2)
	finder := canary.NewFinder(values)
	careless := carelessWeir(t)
	for _, c := range []struct {
		name, action string
		by           string
	}{{"masks", "mask", program}, {"alerts", "alert", program}, {"panics", "mask", careless["contained"]}, {"ends", "mask", careless["not contained"]}} {
		t.Run(c.name, func(t *testing.T) {
			if c.by == "" {
				t.Skip("SKIPPED: -short, or no lab")
			}
			l, dir := newLab(t), newDir(t)
			block, hashes, err := canary.Block(c.action, values)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, canary.HashFile), hashes, 0o644); err != nil {
				t.Fatal(err)
			}
			d := beginBy(t, l.Router(), dir, fmt.Sprintf(everywhere, dir)+block, []string{c.by})
			worker := d.ready().WorkerPID
			s := &stage{T: t, lab: l, server: l.Server().In.V4, listeners: map[int]net.Listener{}}
			for i := range values {
				if i%2 == 0 || c.by != program {
					s.play(&values[i], c.by == program)
				}
			}
			var said []byte
			switch c.name {
			case "masks":
				signalPID(t, worker, syscall.SIGABRT) // with all that in its memory
				d.until("another worker", 10*time.Second, func() bool { s := d.status(); return s.Ready && s.WorkerPID != worker })
			case "panics":
				d.wrote(`"name":"panic"`)
				if n := d.status(); n.WorkerPID != worker {
					t.Error("the worker has ended")
				}
			case "ends":
				d.until("another worker", 10*time.Second, func() bool { s, err := d.ask(holder.Status); return err == nil && s.Restarts > 0 })
			}
			if c.by == program {
				d.toldOfAll(values)
			}
			for _, format := range []string{"--json=false", "--json"} {
				out, _ := d.node.Command(program, "status", format, "--control", d.path("control.sock")).CombinedOutput()
				said = append(said, out...)
			}
			said = append(said, d.kept()...)
			_ = d.stop(syscall.SIGTERM)
			said = append(said, d.log()...)
			files, _ := filepath.Glob(dir + "/events/*")
			for _, f := range files {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				said = append(said, text...)
			}
			if cores, _ := filepath.Glob(dir + "/*core*"); len(cores) > 0 {
				t.Errorf("a core was dumped: %v", cores)
			}
			for _, hit := range finder.Find(said) {
				t.Errorf("%v", hit)
			}
			if len(finder.Find(append(said, values[0].Text...))) == 0 {
				t.Error("a value that was put there is not found")
			}
		})
	}
}

// toldOfAll waits for an event of each kind of value.
func (d *daemon) toldOfAll(values []canary.Value) {
	d.t.Helper()
	var missing []string
	if !eventually(10*time.Second, func() bool {
		text, _ := os.ReadFile(d.path("events/eve.json"))
		missing = nil
		for i := 0; i < len(values); i += 2 {
			if !strings.Contains(string(text), `"author":"dlp","name":"`+values[i].Kind+`"`) {
				missing = append(missing, values[i].Kind)
			}
		}
		return len(missing) == 0
	}) {
		d.t.Errorf("eve.json tells of no %v", missing)
	}
}

// kept is what lies in the memory files that the holder has open, but for the policy, which names what it looks for.
func (d *daemon) kept() (all []byte) {
	d.t.Helper()
	files := 0
	links, _ := filepath.Glob("/proc/" + strconv.Itoa(d.cmd.Process.Pid) + "/fd/*")
	for _, link := range links {
		name, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(name, "/memfd:weir-") || strings.HasPrefix(name, "/memfd:weir-policy") {
			continue
		}
		text, err := os.ReadFile(link)
		if err != nil {
			d.t.Error(err)
		}
		all = append(all, text...)
		files++
	}
	if files < 3 { // a ring for each lane and the holder, and the journal
		d.t.Errorf("the holder has %d memory files open", files)
	}
	return all
}

// A stage is both ends of conversations.
type stage struct {
	*testing.T
	lab       *lab.Lab
	server    netip.Addr
	listeners map[int]net.Listener
}

// play has a value travel in each carrier, in names, and, if all is well, in base64.
func (s *stage) play(v *canary.Value, all bool) {
	for i := range canary.Carriers {
		c := &canary.Carriers[i]
		if !all && c.Name != "TCP" && c.Name != "UDP" && c.Name != "JSON" {
			continue
		}
		s.converse(c, v.Line)
		if c.Name == "TCP" {
			s.converse(c, canary.Codes[2].In(v.Line))
		}
	}
	if v.Named() && all {
		browse := canary.Carrier{Name: "host", Port: 80, Say: func(text string) []canary.Turn {
			return []canary.Turn{{Text: "GET / HTTP/1.1\r\nHost: " + text + ".social.example\r\n\r\n"}}
		}}
		s.converse(&browse, v.Text)
		ask, err := new(dns.Msg).SetQuestion(v.Text+".noted.example.", dns.TypeA).Pack()
		if err != nil {
			s.Fatal(err)
		}
		s.datagram(53, ask)
	}
}

func (s *stage) datagram(port int, b []byte) {
	c, err := s.lab.Client().Dial("udp", netip.AddrPortFrom(s.server, uint16(port)).String())
	if err != nil {
		s.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Write(b)
}

// converse has each end say what the carrier says, when something of what the other has said before has come.
func (s *stage) converse(c *canary.Carrier, text string) {
	turns := c.Say(text)
	if c.UDP {
		s.datagram(c.Port, []byte(turns[0].Text))
		return
	}
	address := netip.AddrPortFrom(s.server, uint16(c.Port)).String()
	if s.listeners[c.Port] == nil {
		ln, err := s.lab.Server().Listen("tcp", address)
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() { ln.Close() })
		s.listeners[c.Port] = ln
	}
	client, err := s.lab.Client().Dial("tcp", address)
	if err != nil {
		return // the worker is being replaced
	}
	defer client.Close()
	server, err := s.listeners[c.Port].Accept()
	if err != nil {
		s.Fatal(err)
	}
	defer server.Close()
	buf := make([]byte, 64<<10)
	for _, turn := range turns {
		from, to := client, server
		if turn.Server {
			from, to = server, client
		}
		_, _ = from.Write([]byte(turn.Text))
		_ = to.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := to.Read(buf); err != nil {
			return
		}
	}
}

// carelessWeir builds weirs whose dlp panics with what it looks at, where that is contained and where it is not. They are empty where there are no labs.
func carelessWeir(t *testing.T) map[string]string {
	t.Helper()
	if program == "" || testing.Short() {
		return nil
	}
	broken := map[string]map[string][2]string{
		"contained": {"../inspect/dlp/dlp.go": {"\td.begin(cx, nil)\n", "\tif len(b) > 20 {\n\t\tpanic(string(b))\n\t}\n\td.begin(cx, nil)\n"}},
	}
	broken["not contained"] = map[string][2]string{
		"../inspect/dlp/dlp.go": broken["contained"]["../inspect/dlp/dlp.go"],
		"../engine/contain.go":  {"\tif recover() == nil {\n\t\treturn\n\t}\n", "\tif v := recover(); v == nil {\n\t\treturn\n\t} else {\n\t\tpanic(v)\n\t}\n"},
	}
	programs := map[string]string{}
	for name, files := range broken {
		dir, err := os.MkdirTemp(filepath.Dir(program), "careless-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		replace := map[string]string{}
		for file, change := range files {
			source, err := os.ReadFile(file)
			if err != nil || strings.Count(string(source), change[0]) != 1 {
				t.Fatalf("%s: no one place for the panic (%v)", file, err)
			}
			path, _ := filepath.Abs(file)
			replace[path] = filepath.Join(dir, filepath.Base(file))
			if err := os.WriteFile(replace[path], []byte(strings.Replace(string(source), change[0], change[1], 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		overlay, _ := json.Marshal(map[string]any{"Replace": replace})
		if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644); err != nil {
			t.Fatal(err)
		}
		programs[name] = filepath.Join(dir, "weir")
		if err := build(programs[name], "-overlay", filepath.Join(dir, "overlay.json")); err != nil {
			t.Fatal(err)
		}
	}
	return programs
}
