package holder_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/holder"
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
