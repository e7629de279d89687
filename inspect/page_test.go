package inspect

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestPagesAreOneSegment, or none.
func TestPagesAreOneSegment(t *testing.T) {
	_, excess := NewPage("Blocked", "It was.", strings.Repeat("&", 1000))
	p, none := NewPage("Blocked", "It was.", strings.Repeat("&", 1000-(excess+4)/5))
	if excess == 0 || none > 0 || len(p.Response()) > MaxPage || len(p.Response()) < MaxPage-10 {
		t.Errorf("%d and %d too long", excess, none)
	}
}

// TestPagesAreResponses: net/http reads one to its end, and what it says is no HTML of its own.
func TestPagesAreResponses(t *testing.T) {
	for _, note := range []string{"", `Ask <b>us</b> & "them"`} {
		p, _ := NewPage("Blocked <i>", "It was {{.Why}}.", note)
		in := bufio.NewReader(bytes.NewReader(p.Response()))
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if _, more := in.ReadByte(); err != nil || more != io.EOF || r.StatusCode != http.StatusForbidden || !r.Close {
			t.Errorf("%v, %v: %+v", err, more, r)
		}
		got := string(body)
		if !strings.Contains(got, "<h1>Blocked &lt;i&gt;</h1>") || !strings.Contains(got, "It was {{.Why}}.") || strings.Contains(got, "<b>") || strings.Contains(got, "us&lt;/b&gt;") != (note != "") {
			t.Errorf("%s", got)
		}
	}
}
