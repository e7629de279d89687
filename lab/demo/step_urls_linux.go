package demo

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/weir-project/weir/lab"
)

// showURLs has two names blocked: one in an HTTP request, one in a TLS handshake.
func (r *live) showURLs() {
	r.screen.title(3, "urls", "Blocked by name: the Host of HTTP, the server name of TLS")
	r.blockedHost("ads.example.com")
	r.screen.blank()
	r.blockedSNI("tracker.example.net")
	r.allowedSNI("www.example.com")
}

func (r *live) blockedHost(host string) {
	from := r.journal.now()
	req, err := http.NewRequest("GET", "http://"+host+"/banner.js", nil)
	if err != nil {
		r.fail("%v", err)
		return
	}
	x := r.request(r.server(true), req)
	if x.client == nil {
		r.fail("no connection: %v", x.err)
		return
	}
	r.stoppedAt(string(firstLines(x.client.Sent(), 2)), x, from, host)
	said := x.client.Received()
	r.screen.row("client received", span{cut(printable(firstLines(said, 1)), columns), fresh})
	r.check(x.status == "403 Forbidden" && isPage(said), "over %s the client reads why, in the server's place: %s", family(r.server(true)), reason(said))
	if installed("curl") {
		url := "http://" + net.JoinHostPort(r.server(false), portHTTP) + "/banner.js"
		out, err := r.lab.Client().Command("curl", "-sS", "--max-time", "5", "-H", "Host: "+host, url).CombinedOutput()
		r.check(err == nil && isPage(out), "and so does curl, over IPv4")
	}
}

func isPage(b []byte) bool { return strings.Contains(string(b), "<h1>This page was blocked</h1>") }

// reason is the first paragraph of a page.
func reason(page []byte) string {
	_, rest, _ := strings.Cut(string(page), "<p>")
	why, _, _ := strings.Cut(rest, "</p>")
	return why
}

// stoppedAt prints and checks a connection that was ended before the server read a byte.
func (r *live) stoppedAt(sent string, x *exchange, from int, host string) {
	r.screen.row("client sent", span{cut(printable([]byte(sent)), columns), gone})
	r.screen.row("server received", span{fmt.Sprintf("nothing (%d bytes)", len(x.received())), fresh})
	r.event(from, "url", func(e *eveEvent) bool { return e.Type == "url" && e.URL["host"] == host })
}

// refused is that for a client that is reset.
func (r *live) refused(sent string, x *exchange, from int, host, over string) {
	r.stoppedAt(sent, x, from, host)
	reset := x.err != nil && strings.Contains(x.err.Error(), "reset")
	why := "no error at all"
	if x.err != nil {
		parts := strings.Split(x.err.Error(), ": ")
		why = strings.Join(parts[max(0, len(parts)-2):], ": ")
	}
	r.check(reset && len(x.received()) == 0, "over %s the client is refused at once: %s", over, why)
}

// handshake opens TLS to the server by a name.
func (r *live) handshake(name string) *exchange {
	x := &exchange{}
	conn, err := r.lab.Client().Dial("tcp", net.JoinHostPort(r.server(false), portHTTPS))
	if err != nil {
		x.err = err
		return x
	}
	x.client = lab.NewTape(conn)
	defer x.client.Close()
	_ = x.client.SetDeadline(time.Now().Add(patience))
	c := tls.Client(x.client, &tls.Config{ServerName: name, RootCAs: r.internet.pool})
	x.err = c.Handshake()
	x.server = r.arrived(r.internet.https, x.client)
	return x
}

func (r *live) blockedSNI(name string) {
	from := r.journal.now()
	x := r.handshake(name)
	if x.client == nil {
		r.fail("no connection: %v", x.err)
		return
	}
	hello := x.client.Sent()
	r.refused(fmt.Sprintf("ClientHello of %d bytes, server_name=%s", len(hello), name), x, from, name, family(r.server(false)))
}

func (r *live) allowedSNI(name string) {
	x := r.handshake(name)
	r.check(x.err == nil && len(x.received()) > 0, "TLS with %s goes through: certificate verified", name)
}
