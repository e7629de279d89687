package http_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
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

const (
	card   = "4000 0000 0000 0002"
	masked = "XXXX XXXX XXXX 0002"
)

// masking is a policy as an operator writes it. Its rules and outcomes are those that it means.
const masking = `
mode: prevent
divert: {select: [{protocols: [tcp], ports: [7007]}]}
inspect: {dlp: {detectors: [{name: card, action: mask, keep: 4}]}}
`

// purchases is a text with cards in it, and what is to arrive of it.
func purchases(n int) (sent, want []byte) {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "purchase %d, by card %s, and %x\n", i, card, i*i*7919)
	}
	return []byte(b.String()), []byte(strings.ReplaceAll(b.String(), card, masked))
}

// TestSecrets: net/http at both ends, and a policy between that masks cards: none arrives, in whatever body, and all else does.
func TestSecrets(t *testing.T) {
	for _, s := range []setting{
		{name: "plain"},
		{name: "masquerade v6", v6: true, topology: lab.Topology{Masquerade: true}},
		{name: "loss", topology: lab.Topology{Loss: 0.01, PlainPackets: true}},
	} {
		t.Run(s.name, func(t *testing.T) {
			n := newLab(t, s)
			l := n.mask(t)
			n.sell(t)
			if err := l.End(); err != nil {
				t.Error(err)
			}
			if c := l.Snapshot(); c.Edits == 0 || s.topology.Loss == 0 && len(c.Anomalies) > 0 {
				t.Errorf("%d edits, anomalies %v", c.Edits, c.Anomalies)
			}
		})
	}
}

// mask has the router mask cards.
func (n *network) mask(t *testing.T) *lane.Lane {
	t.Helper()
	files := fstest.MapFS{"weir.yaml": {Data: []byte(masking)}}
	p, err := policy.Load(files, "weir.yaml", policy.Options{Lanes: 1})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := p.Chain(1)
	if err != nil {
		t.Fatal(err)
	}
	rules := firewall.Config{Inject: true, MayGrow: p.Firewall(firewall.AllFeatures(), 1).MayGrow, Select: lane.Port(servicePort)}
	l := labtest.Lane(t, n.Router(), rules, engine.Config{
		Program: engine.Program{Chain: chain, Outcomes: p.Outcomes()}, Grammars: all.Grammars(), Limits: engine.Limits{Hold: 20 * time.Second, Edits: 20_000},
	})
	for _, c := range l.Plan.Sysctls { // the holder's work: without it, what grows does not pass the masquerade
		if err := n.Router().Sysctl(strings.ReplaceAll(c.Name, "/", "."), c.Value); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// sell has a server say and hear purchases, and a client hear and say them.
func (n *network) sell(t *testing.T) {
	t.Helper()
	ln, err := n.Server().Listen("tcp", n.real.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, want := purchases(2000)
		if r.Method == http.MethodPost {
			got, err := io.ReadAll(r.Body)
			_, _ = fmt.Fprint(w, map[bool]any{true: "", false: err}[err == nil], same(got, want), r.Header.Get("Content-Encoding"))
			return
		}
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			sent = zipped(sent)
		}
		for at := 0; at < len(sent); at += 7001 { // chunks
			_, _ = w.Write(sent[at:min(at+7001, len(sent))])
			w.(http.Flusher).Flush()
		}
	})}
	go func() { _ = s.Serve(ln) }() // ends with the server
	defer s.Close()
	tr := &http.Transport{DisableCompression: true, DialContext: func(_ context.Context, network, _ string) (net.Conn, error) {
		return n.Client().Dial(network, n.dial.String())
	}}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: time.Minute}
	sent, want := purchases(2000)
	for _, how := range []string{"plain", "gzip"} {
		r, err := c.Get("http://" + n.dial.String() + "/" + how)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if why := same(got, want); err != nil || why != "" || r.Header.Get("Content-Encoding") != "" {
			t.Errorf("get, %s: %v %s, %v", how, err, why, r.Header)
		}
		body := sent
		if how == "gzip" {
			body = zipped(sent)
		}
		for _, chunked := range []bool{false, true} {
			var reader io.Reader = bytes.NewReader(body)
			if chunked {
				reader = struct{ io.Reader }{reader}
			}
			q, err := http.NewRequest(http.MethodPost, "http://"+n.dial.String()+"/", reader)
			if err != nil {
				t.Fatal(err)
			}
			if how == "gzip" {
				q.Header.Set("Content-Encoding", "gzip")
			}
			r, err := c.Do(q)
			if err != nil {
				t.Fatalf("post, %s, chunks %v: %v", how, chunked, err)
			}
			got, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if err != nil || len(got) > 0 {
				t.Errorf("post, %s, chunks %v: %v, server: %s", how, chunked, err, got)
			}
		}
	}
}
