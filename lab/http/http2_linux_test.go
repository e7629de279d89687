package http_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-project/weir/lab"
)

// inTheClear are the protocols of ends that speak HTTP/2 and nothing else, without TLS.
func inTheClear() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// TestSecretsInHTTP2: net/http at both ends of one connection of HTTP/2, on which much is said and heard, and then by two at once: no card arrives, in
// whatever field or body, and all else does. What two say at once is less than a sender may have on its way before anything is acknowledged: beyond that it
// could not go on with a card that a frame's end has cut, for which Weir waits, if the other stream's frames come first.
func TestSecretsInHTTP2(t *testing.T) {
	for _, s := range []setting{
		{name: "plain"},
		{name: "masquerade v6", v6: true, topology: lab.Topology{Masquerade: true}},
		{name: "loss", topology: lab.Topology{Loss: 0.01, PlainPackets: true}},
	} {
		t.Run(s.name, func(t *testing.T) {
			n := newLab(t, s)
			l := n.mask(t)
			n.trade(t, s.topology.Loss == 0)
			if err := l.End(); err != nil {
				t.Error(err)
			}
			c := l.Snapshot()
			t.Logf("%d packets, %d edits, dropped %v, anomalies %v, %+v", c.Packets, c.Edits, c.Drops, c.Anomalies, c.Streams)
			if c.Edits == 0 || s.topology.Loss == 0 && len(c.Anomalies) > 0 {
				t.Errorf("%d edits, anomalies %v", c.Edits, c.Anomalies)
			}
		})
	}
}

// few and many are how many purchases a text has, and the bytes of a frame of it: cards are cut by their ends.
var few, many = batch{80, 701}, batch{2000, 7001}

type batch struct{ n, frame int }

// counter is the server: it says purchases, and what is wrong about those that it hears.
func counter(w http.ResponseWriter, r *http.Request) {
	b := many
	if r.URL.Path == "/few" {
		b = few
	}
	sent, want := purchases(b.n)
	if r.ProtoMajor != 2 {
		_, _ = fmt.Fprint(w, "spoken is ", r.Proto)
		return
	}
	if r.Method == http.MethodPost {
		got, err := io.ReadAll(r.Body)
		wrong := same(got, want)
		if err != nil {
			wrong += err.Error()
		}
		if q := r.URL.RawQuery; q != "card="+strings.ReplaceAll(masked, " ", "") {
			wrong += " query " + q
		}
		if h := r.Header.Get("X-Card"); h != masked {
			wrong += " field " + h
		}
		if tr := r.Trailer.Get("X-Trailer"); tr != masked {
			wrong += " trailer " + tr
		}
		_, _ = fmt.Fprint(w, wrong)
		return
	}
	w.Header().Set("X-Card", card)
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		sent = zipped(sent)
	}
	for at := 0; at < len(sent); at += b.frame {
		_, _ = w.Write(sent[at:min(at+b.frame, len(sent))])
		w.(http.Flusher).Flush()
	}
}

// trade has a client at the counter, and then two at once, all on one connection.
func (n *network) trade(t *testing.T, atOnce bool) {
	t.Helper()
	ln, err := n.Server().Listen("tcp", n.real.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadTimeout: time.Minute, Handler: http.HandlerFunc(counter), Protocols: inTheClear()}
	go func() { _ = s.Serve(ln) }() // ends with the server
	defer s.Close()
	var dials atomic.Int32
	tr := &http.Transport{Protocols: inTheClear(), DialContext: func(_ context.Context, network, _ string) (net.Conn, error) {
		dials.Add(1)
		return n.Client().Dial(network, n.dial.String())
	}}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: time.Minute}
	for range 3 {
		n.hear(t, c, "/many", many)
		n.tell(t, c, "/many", many)
	}
	for i := range 20 {
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				if i%2 == 0 {
					n.hear(t, c, "/few", few)
				} else {
					n.tell(t, c, "/few", few)
				}
			})
			if !atOnce {
				group.Wait()
			}
		}
		group.Wait()
	}
	if dials.Load() != 1 {
		t.Errorf("%d connections", dials.Load())
	}
}

// A parts is read in parts of a size, each of which leaves in a frame of its own.
type parts struct {
	b    []byte
	size int
}

func (s *parts) Read(b []byte) (n int, err error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n = copy(b[:min(len(b), s.size)], s.b)
	s.b = s.b[n:]
	return n, nil
}

// hear gets purchases.
func (n *network) hear(t *testing.T, c *http.Client, path string, b batch) {
	_, want := purchases(b.n)
	r, err := c.Get("http://" + n.dial.String() + path)
	if err != nil {
		t.Error(err)
		return
	}
	got, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if why := same(got, want); err != nil || why != "" || r.Header.Get("X-Card") != masked {
		t.Errorf("get: %v %s, %v", err, why, r.Header)
	}
}

// tell posts purchases.
func (n *network) tell(t *testing.T, c *http.Client, path string, b batch) {
	sent, _ := purchases(b.n)
	q, err := http.NewRequest(http.MethodPost, "http://"+n.dial.String()+path+"?card="+strings.ReplaceAll(card, " ", ""), &parts{sent, b.frame})
	if err != nil {
		t.Error(err)
		return
	}
	q.Header.Set("X-Card", card)
	q.Trailer = http.Header{"X-Trailer": {card}}
	r, err := c.Do(q)
	if err != nil {
		t.Error(err)
		return
	}
	got, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil || len(got) > 0 {
		t.Errorf("post: %v, server: %s", err, got)
	}
}

// TestCurlAndNginxInHTTP2: curl gets from nginx, which would compress, and puts to it.
func TestCurlAndNginxInHTTP2(t *testing.T) {
	for _, name := range []string{"curl", "nginx"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("SKIPPED: there is no %s", name)
		}
	}
	n := newLab(t, setting{})
	l := n.mask(t)
	sent, want := purchases(1000)
	dir := n.nginxOf(t, strings.Replace(nginxConf, "listen %[2]s;", "listen %[2]s http2;", 1), func(int) []byte { return sent })
	curl := []string{"-sS", "--fail", "--max-time", "60", "--http2-prior-knowledge"}
	for _, how := range []string{"--raw", "--compressed"} {
		got, err := n.Client().Command("curl", append(curl, how, fmt.Sprintf("http://%v/0?card=%s", n.dial, strings.ReplaceAll(card, " ", "")))...).Output()
		if why := same(got, want); err != nil || why != "" {
			t.Errorf("%s: %v %s", how, err, why)
		}
	}
	out, err := n.Client().Command("curl", append(curl, "-T", filepath.Join(dir, "root", "0"), fmt.Sprintf("http://%v/put/up", n.dial))...).CombinedOutput()
	if err != nil {
		t.Errorf("put: %v: %s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(dir, "root", "put", "up"))
	if why := same(got, want); err != nil || why != "" {
		t.Errorf("put: %v %s", err, why)
	}
	if err := l.End(); err != nil {
		t.Error(err)
	}
	if c := l.Snapshot(); c.Edits == 0 || len(c.Anomalies) > 0 {
		t.Errorf("%d edits, anomalies %v", c.Edits, c.Anomalies)
	}
}

// TestCodedUploadInHTTP2: what a client sends in a coding can only pass as it is, or not at all.
func TestCodedUploadInHTTP2(t *testing.T) {
	n := newLab(t, setting{})
	l := n.mask(t)
	ln, err := n.Server().Listen("tcp", n.real.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadTimeout: time.Minute, Protocols: inTheClear(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})}
	go func() { _ = s.Serve(ln) }() // ends with the server
	defer s.Close()
	for _, text := range []string{"nothing to hide", "a card: " + card} {
		tr := &http.Transport{Protocols: inTheClear(), DialContext: func(_ context.Context, network, _ string) (net.Conn, error) {
			return n.Client().Dial(network, n.dial.String())
		}}
		c := &http.Client{Transport: tr, Timeout: 3 * time.Second}
		sent := zipped([]byte(text))
		q, err := http.NewRequest(http.MethodPost, "http://"+n.dial.String()+"/", bytes.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Encoding", "gzip")
		r, err := c.Do(q)
		if secret := strings.Contains(text, card); secret != (err != nil) {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil {
			got, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if why := same(got, sent); err != nil || why != "" {
				t.Errorf("%q: %v %s", text, err, why)
			}
		}
		tr.CloseIdleConnections()
	}
	if err := l.End(); err != nil {
		t.Error(err)
	}
	if c := l.Snapshot(); c.Drops["dlp-mask-failed"] == 0 {
		t.Errorf("dropped %v", c.Drops)
	}
}
