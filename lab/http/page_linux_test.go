package http_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/lab/lane"
	"github.com/weir-project/weir/policy"
	"github.com/weir-project/weir/proto/all"
)

const paging = `
mode: prevent
divert: {select: [{protocols: [tcp], ports: [7007]}]}
inspect: {dlp: {page_note: "Ask the helpdesk & quote <the time>.", detectors: [{name: card, action: page}]}}
`

// TestPage: whoever sends a card reads why it was stopped, curl and net/http, from a short request to an upload that goes on long after; the server is reset, and
// never has the card whole.
func TestPage(t *testing.T) {
	for _, s := range []setting{
		{name: "plain"},
		{name: "v6", v6: true},
		{name: "masquerade", topology: lab.Topology{Masquerade: true}},
		{name: "loss", topology: lab.Topology{Loss: 0.05, PlainPackets: true}},
	} {
		t.Run(s.name, func(t *testing.T) {
			n := newLab(t, s)
			p, err := policy.Load(fstest.MapFS{"weir.yaml": {Data: []byte(paging)}}, "weir.yaml", policy.Options{Lanes: 1})
			if err != nil {
				t.Fatal(err)
			}
			chain, err := p.Chain(1)
			if err != nil {
				t.Fatal(err)
			}
			l := labtest.Lane(t, n.Router(), firewall.Config{Inject: true, Select: lane.Port(servicePort)}, engine.Config{
				Program: engine.Program{Chain: chain, Outcomes: p.Outcomes()}, Grammars: all.Grammars(), Limits: engine.Limits{Hold: 20 * time.Second},
			})
			n.sendCards(t)
			if err := l.End(); err != nil {
				t.Error(err)
			}
			if c := l.Snapshot(); len(c.Anomalies) > 0 || c.InjectErrors > 0 {
				t.Errorf("anomalies %v, %d errors of injection", c.Anomalies, c.InjectErrors)
			}
		})
	}
}

// sendCards sends cards in every way and wants a page each time.
func (n *network) sendCards(t *testing.T) {
	t.Helper()
	ln, err := n.Server().Listen("tcp", n.real.String())
	if err != nil {
		t.Fatal(err)
	}
	var cards, resets atomic.Int64
	s := &http.Server{ReadTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if bytes.Contains(got, []byte(card)) || strings.Contains(fmt.Sprint(r.URL, r.Header), card) {
			cards.Add(1)
		}
		if err != nil {
			resets.Add(1)
		}
		_, _ = fmt.Fprint(w, "the server's own answer")
	})}
	go func() { _ = s.Serve(ln) }() // ends with the server
	defer s.Close()
	tr := &http.Transport{DialContext: func(_ context.Context, network, _ string) (net.Conn, error) {
		return n.Client().Dial(network, n.dial.String())
	}}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: time.Minute}
	url := "http://" + n.dial.String() + "/"
	if got := get(t, c, url, http.StatusOK); got != "the server's own answer" {
		t.Errorf("an innocent request: %q", got)
	}
	if got := get(t, c, url+"?pay="+strings.ReplaceAll(card, " ", "+"), http.StatusForbidden); !isPage(got) {
		t.Errorf("in a target, on a connection that is used again: %q", got)
	}
	long := strings.Repeat("nothing of interest\n", 1<<16)
	for name, body := range map[string]string{"short": "pay by " + card + ".", "at the end": long + card + ".", "at the begin": "pay by " + card + ".\n" + long} {
		for _, more := range [][]string{{}, {"--expect100-timeout", "1", "-H", "Expect: 100-continue"}, {"--http1.0"}} {
			got, err := n.curl(body, append(more, url)...)
			if err != nil || !isPage(got) || !strings.HasSuffix(got, "\n403") {
				t.Errorf("%s, curl %v: %v: %.300q", name, more, err, got)
			}
		}
	}
	if cards.Load() > 0 {
		t.Errorf("%d cards have arrived", cards.Load())
	}
}

func isPage(s string) bool {
	return strings.Contains(s, "<h1>This request was blocked</h1>") && strings.Contains(s, "payment card number") && strings.Contains(s, "helpdesk &amp; quote &lt;the") && !strings.Contains(s, "0002")
}

func get(t *testing.T, c *http.Client, url string, want int) string {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != want {
		t.Errorf("%s, want %d: %v", r.Status, want, err)
	}
	return string(got)
}

// curl posts a body, and returns what it shows, with the status behind it.
func (n *network) curl(body string, args ...string) (string, error) {
	cmd := n.Client().Command("curl", append([]string{"-sS", "-m", "60", "-w", "\n%{http_code}", "--data-binary", "@-", "-H", "Content-Type: text/plain"}, args...)...)
	cmd.Stdin = strings.NewReader(body)
	out, err := cmd.Output()
	return string(out), err
}
