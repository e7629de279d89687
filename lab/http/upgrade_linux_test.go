package http_test

//lint:file-ignore SA1019 net/http does not know the upgrade, which is what is tried here.

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

// TestUpgradeInHTTP2: curl asks for HTTP/2 in HTTP/1.1, and goes on in it.
func TestUpgradeInHTTP2(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: there is no curl")
	}
	n := newLab(t, setting{})
	l := n.mask(t)
	ln, err := n.Server().Listen("tcp", n.real.String())
	if err != nil {
		t.Fatal(err)
	}
	handler := h2c.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s; and %s", r.Proto, r.URL.RawQuery, card)
	}), &http2.Server{})
	s := &http.Server{ReadTimeout: time.Minute, Handler: handler}
	go func() { _ = s.Serve(ln) }() // ends with the server
	defer s.Close()
	url := fmt.Sprintf("http://%v/?card=%s", n.dial, strings.ReplaceAll(card, " ", ""))
	got, err := n.Client().Command("curl", "-sS", "--fail", "--max-time", "20", "--http2", url, url).CombinedOutput()
	answer := " card=" + strings.ReplaceAll(masked, " ", "") + "; and " + masked
	if want := "HTTP/1.1" + answer + "HTTP/2.0" + answer; err != nil || string(got) != want { // the first asks for the upgrade
		t.Errorf("%v: %s", err, got)
	}
	if err := l.End(); err != nil {
		t.Error(err)
	}
	if c := l.Snapshot(); c.Edits == 0 || len(c.Anomalies) > 0 {
		t.Errorf("%d edits, anomalies %v", c.Edits, c.Anomalies)
	}
}
