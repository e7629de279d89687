package inspect

import (
	"bytes"
	"fmt"
	"html/template"
)

// A Page is what a client gets in its server's place, when its request is rejected: a whole response of HTTP/1.1, after which the connection ends. It
// is immutable, and lanes share it.
type Page struct{ response []byte }

// MaxPage is the bytes of a page with its head: one segment on every path, since with all headers it is less than the least MTU of IPv6 (RFC 8200 §5).
const MaxPage = 1200

// NewPage returns a page with status 403 (RFC 9110 §15.5.4). title says what happened, why the reason, and note, which may be empty, what to do about it. Nothing
// in them is taken for HTML. It must not say what the request was. excess is how many bytes it is too long; then there is none.
func NewPage(title, why, note string) (p *Page, excess int) {
	var body, all bytes.Buffer
	if err := page.Execute(&body, struct{ Title, Why, Note string }{title, why, note}); err != nil {
		panic("inspect: " + err.Error()) // a template of constants
	}
	fmt.Fprintf(&all, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n", body.Len())
	all.Write(body.Bytes())
	if all.Len() > MaxPage {
		return nil, all.Len() - MaxPage
	}
	return &Page{all.Bytes()}, 0
}

// Pages makes the pages of one configuration, all with its page_note.
type Pages struct {
	Note     string
	Mistakes *Mistakes

	made    int
	tooLong bool // one was
}

// New returns a page about what the configuration calls name; nil if it is too long, which is noted once.
func (p *Pages) New(title, why, name string) *Page {
	p.made++
	page, excess := NewPage(title, why, p.Note)
	if excess > 0 && !p.tooLong {
		p.tooLong = true
		p.Mistakes.Add("page_note", "write less", "the page about %s is %d bytes too long", name, excess)
	}
	return page
}

// End notes a page_note that stands on no page. where is what could answer by one: "detector".
func (p *Pages) End(where string) {
	if p.Note != "" && p.made == 0 {
		p.Mistakes.Add("page_note", "write action: page in a "+where+", or remove it", "no %s answers by a page", where)
	}
}

// Response is the page with its head, as it is sent. It is not to be changed.
func (p *Page) Response() []byte { return p.response }

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<style>
:root { color-scheme: light dark }
body { font: 17px/1.5 system-ui, sans-serif; max-width: 34em; margin: 14vh auto; padding: 0 1.5em }
h1 { font-size: 1.5em; line-height: 1.25; border-top: 6px solid #c0392b; padding-top: .8em }
footer { margin-top: 2.5em; font-size: .85em; opacity: .65 }
</style>
<h1>{{.Title}}</h1>
<p>{{.Why}}</p>
{{with .Note}}<p>{{.}}</p>
{{end}}<footer>Your network stopped this request; the server has not answered it.</footer>
</html>
`))
