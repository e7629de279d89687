package demo

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"

	"github.com/weir-project/weir/lab"
)

// An exchange is one connection as both ends saw it.
type exchange struct {
	client, server *lab.Tape // server is nil if nothing arrived there
	status         string    // of the HTTP response
	err            error     // of the client
}

// received is what reached the server.
func (x *exchange) received() []byte {
	if x.server == nil {
		return nil
	}
	return x.server.Received()
}

// request sends an HTTP request from the client to the server's address, whatever host it names.
func (r *live) request(address string, req *http.Request) *exchange {
	x := &exchange{}
	var mu sync.Mutex
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := r.lab.Client().DialContext(ctx, network, net.JoinHostPort(address, portHTTP))
			if err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			x.client = lab.NewTape(c)
			return x.client, nil
		},
	}
	c := &http.Client{Transport: transport, Timeout: patience}
	resp, err := c.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		x.status = resp.Status
	}
	mu.Lock()
	defer mu.Unlock()
	x.err = err
	if x.client != nil {
		x.server = r.arrived(r.internet.http, x.client)
	}
	return x
}

// arrived returns the server's end of a client's connection.
func (r *live) arrived(ln *lab.TapeListener, client *lab.Tape) *lab.Tape {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return ln.From(client.LocalAddr(), ctx.Done())
}

// server is the server's address: IPv6 if that was asked for and is there.
func (r *live) server(v6 bool) string {
	if v6 && r.lab.IPv6 {
		return r.lab.Server().In.V6.String()
	}
	return r.lab.Server().In.V4.String()
}

// event prints the event that a step waited for, and counts whether it came.
func (r *live) event(from int, what string, want func(*eveEvent) bool) {
	e := r.journal.await(from, patience, want)
	if e == nil {
		r.fail("no event says so (%s)", what)
		return
	}
	r.screen.wrapped("event", e.text(), blue)
}

// showDLP has a card number leave the network.
func (r *live) showDLP() {
	r.screen.title(1, "dlp", "Card numbers leave the private network, masked: in a form, in JSON, in mail")
	from := r.journal.now()
	body := "name=Ada&card=" + r.Card + "&amount=42"
	req, err := http.NewRequest("POST", "http://www.example.com/order", strings.NewReader(body))
	if err != nil {
		r.fail("%v", err)
		return
	}
	x := r.request(r.server(false), req)
	if x.err != nil {
		r.fail("the request failed: %v", x.err)
		return
	}
	sent, got := x.client.Sent(), x.received()
	r.screen.compare("client sent", "server received", sent, got)
	r.event(from, "dlp", func(e *eveEvent) bool { return e.Type == "dlp" && e.Weir.Name == "card" })
	want := bytes.Replace(sent, []byte(r.Card), []byte(masked(r.Card)), 1)
	if !r.check(bytes.Equal(got, want), "%d bytes sent, %d received: %d differ, and they are digits of the card",
		len(sent), len(got), differing(sent, got)) && bytes.Equal(got, sent) {
		r.screen.note("The number arrived as it was: no issuer that Weir knows has cards that begin like it.")
	}
	r.curlCard()
	r.compressedCard()
	r.mailedCards()
}

// compressedCard sends the card in base64 in JSON in gzip.
func (r *live) compressedCard() {
	from := r.journal.now()
	document := func(card string) string {
		return `{"order":"A-17","note":"` + base64.StdEncoding.EncodeToString([]byte("my card is "+card)) + `"}`
	}
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	_, _ = io.WriteString(w, document(r.Card))
	_ = w.Close()
	req, err := http.NewRequest("POST", "http://www.example.com/order", &body)
	if err != nil {
		r.fail("%v", err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	x := r.request(r.server(false), req)
	if x.err != nil {
		r.fail("the request failed: %v", x.err)
		return
	}
	got := bodyOf(x.received())
	r.screen.blank()
	r.screen.compare("client zipped", "server received", []byte(document(r.Card)), got)
	r.event(from, "dlp", func(e *eveEvent) bool { return e.Type == "dlp" && e.Weir.Name == "card" && e.DLP["code"] == "base64" })
	r.check(string(got) == document(masked(r.Card)), "in base64, in JSON, in gzip: masked in its own code, and the JSON is whole")
}

// bodyOf is the body of a request as the server reads it; nil if that cannot be read.
func bodyOf(request []byte) []byte {
	q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(q.Body)
	if err != nil || q.Header.Get("Content-Encoding") != "" {
		return nil
	}
	return body
}

// curlCard does the same with a program that knows nothing of Weir, if it is installed.
func (r *live) curlCard() {
	if !installed("curl") {
		return
	}
	from := r.journal.now()
	address := "http://" + net.JoinHostPort(r.server(true), portHTTP) + "/order"
	c := r.lab.Client().Command("curl", "-sS", "-g", "--max-time", "5", "--data-raw", "card="+r.Card, address)
	out, err := c.CombinedOutput()
	ok := err == nil && bytes.Contains(out, []byte(masked(r.Card)))
	seen := r.journal.await(from, patience, func(e *eveEvent) bool { return e.Type == "dlp" && e.Weir.Name == "card" })
	r.check(ok && seen != nil, "curl, over %s, has its card masked too", family(r.server(true)))
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func family(address string) string {
	if strings.Contains(address, ":") {
		return "IPv6"
	}
	return "IPv4"
}

func oneLine(out []byte) string { return strings.Join(strings.Fields(string(out)), " ") }
