package dlpcorpus

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Sorts are what Traffic is made of, in the shares that it has of each.
var Sorts = []string{"html", "json", "log", "base64", "noise", "source code", "what looks like values"}

const (
	minDocument   = 2 << 10  // bytes of the shortest document
	maxDocument   = 96 << 10 // of the longest
	betweenValues = 24 << 10 // bytes between two values, on average
)

// Traffic returns n bytes of documents, evenly of each of Sorts, one behind the other, with a text with a value of Generate's between two of their
// lines every 24 KiB or so, and how many such texts there are. The same seed gives the same bytes.
//
// It is clean for its most part, as traffic is; but nobody has counted of what sorts that of a network is, or how many values it holds.
func Traffic(seed uint64, n int) (text []byte, values int) {
	r := &source{rand.New(rand.NewPCG(seed, 0x747261666669))}
	next := r.IntN(2 * betweenValues)
	for len(text) < n {
		part := parts[r.IntN(len(parts))]
		for end := min(n, len(text)+r.between(minDocument, maxDocument)); len(text) < end; {
			text = append(text, part(r)...)
			if len(text) >= next {
				text = append(text, r.surround(&makers[r.IntN(len(makers))]).Text...)
				values++
				next = len(text) + r.IntN(2*betweenValues)
			}
		}
	}
	return text[:n], values
}

// parts write a line or so of each of Sorts.
var parts = []func(*source) string{
	(*source).page, (*source).row, (*source).logLine, (*source).blob, (*source).noise, (*source).program, func(r *source) string { return r.negative().Text },
}

func (r *source) page() string {
	return fmt.Sprintf("<div class=\"row row-%s\" id=\"%s\"><h2>%s</h2>\n<p>%s &amp; %s</p><a href=\"/%s/%s?page=%s&amp;sort=%s\">%s&#8230;</a><img src=\"/img/%s-%s.png\" width=\"%s\" alt=\"\"></div>\n",
		r.digits(1), r.of(lowers, 6), r.words(4), r.words(22), r.words(9), r.words(1), r.words(1), r.digits(2), r.words(1), r.words(2), r.words(1), r.digits(3), r.digits(3))
}

func (r *source) row() string {
	return fmt.Sprintf("{\"id\":%s,\"uuid\":%q,\"name\":%q,\"price\":%s.%s,\"stock\":%s,\"tags\":[%q,%q],\"created\":\"%sT12:%02d:%02dZ\",\"text\":\"%s\\n%s \\\"%s\\\"\"},\n",
		r.digits(6), r.uuid(), r.words(2), r.digits(3), r.digits(2), r.digits(2), r.words(1), r.words(1), r.date(), r.IntN(60), r.IntN(60), r.words(8), r.words(7), r.words(1))
}

func (r *source) logLine() string {
	return fmt.Sprintf("192.0.2.%d - - [10/Oct/2024:13:%02d:%02d +0000] \"GET /%s/%s.%s.js?v=%s HTTP/1.1\" %d %d \"https://www.weir.org/%s\" \"Mozilla/5.0 (X11; Linux x86_64; rv:%s.0) Gecko/20100101\"\n",
		r.IntN(256), r.IntN(60), r.IntN(60), r.words(1), r.words(1), r.of(hexadec, 8), r.digits(3), 200+r.IntN(5)*51, r.IntN(99999), r.words(1), r.digits(3))
}

// blob is a line of base64, as mails have it.
func (r *source) blob() string {
	return base64.StdEncoding.EncodeToString([]byte(r.noise())[:57]) + "\r\n"
}

// noise is what is compressed or encrypted.
func (r *source) noise() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func (r *source) program() string {
	name, other := r.words(1), r.words(1)
	return fmt.Sprintf("// %s %s.\nfunc (s *%s) %s(%s int) (string, error) {\n\tif s.%s[%s] == nil || len(s.%s) > %s {\n\t\treturn \"\", fmt.Errorf(\"%s: %%d\\n\", %s)\n\t}\n\treturn s.%s[%s+%s].%s(), nil\n}\n\n",
		name, r.words(9), r.words(1), name, other, r.words(1), other, r.words(1), r.digits(2), r.words(3), other, r.words(1), other, r.digits(1), r.words(1))
}

// words are n words in no order, some of which begin like what shows a value.
func (r *source) words(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = vocabulary[r.IntN(len(vocabulary))]
	}
	return strings.Join(all, " ")
}

var vocabulary = strings.Fields(`it was a bright cold day in April and the clocks were striking to pass time he kept secret diary at access gate they asked for token of his
	trust basic meal came noon private garden stayed closed party send please skill glass ask task service stream begins page the of and to in is that for on with as by at from
	this be are or an have not they which one you were all their has would what will there if can more when who so no out up into than them some could these other time first
	index value result buffer length offset error handle request response window table column update select render button image header footer content style`)
