package urls

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/weir-project/weir/inspect"
)

const maxLine = 4096 // bytes of a line in a list

// maxMistakes is how many lines of one file are reported; a file of another format would fill the screen.
const maxMistakes = 10

// A reader fills a set from text: one domain in a line, or lines of a hosts file.
type reader struct {
	set  *set
	bare byte // what a name without a star or dot covers
	line []byte
}

// file reads a list. Mistakes are noted with file and line, under path.
func (r *reader) file(in io.Reader, name, path string, m *inspect.Mistakes) {
	scan := bufio.NewScanner(in)
	scan.Buffer(make([]byte, 0, maxLine), maxLine)
	wrong := 0
	for n := 1; scan.Scan(); n++ {
		what := r.text(scan.Text(), n == 1)
		if what == "" {
			continue
		}
		if wrong++; wrong <= maxMistakes {
			m.Add(path, "write one domain in a line, or lines of a hosts file; # begins a comment", "%s", what)
			at := &(*m)[len(*m)-1]
			at.File, at.Line, at.Col = name, n, 1
		}
	}
	if wrong > maxMistakes {
		m.Add(path, "", "%s has %d more lines that cannot be read", name, wrong-maxMistakes)
	}
	if err := scan.Err(); err != nil {
		m.Add(path, "write one domain in a line", "%s: %v", name, err)
	}
}

// text reads one line; what says what is wrong with it, or is empty.
func (r *reader) text(line string, isFirst bool) (what string) {
	if isFirst {
		line = strings.TrimPrefix(line, "\ufeff")
	}
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	if len(words) == 0 {
		return ""
	}
	if _, err := netip.ParseAddr(words[0]); err == nil && len(words) > 1 {
		return r.hosts(words[1:])
	}
	if len(words) > 1 {
		return fmt.Sprintf("%q is not a domain", strings.TrimSpace(line))
	}
	return r.domain(words[0])
}

// local are the names that hosts files give to the machine itself.
var local = map[string]bool{
	"localhost": true, "localhost.localdomain": true, "local": true, "broadcasthost": true, "ip6-localhost": true,
	"ip6-loopback": true, "ip6-localnet": true, "ip6-mcastprefix": true, "ip6-allnodes": true, "ip6-allrouters": true,
	"ip6-allhosts": true, "0.0.0.0": true,
}

// hosts adds the names of one line of a hosts file, each exactly, as such files mean them.
func (r *reader) hosts(names []string) (what string) {
	for _, name := range names {
		if local[strings.ToLower(name)] {
			continue
		}
		if what := r.add(name, itself); what != "" {
			return what
		}
	}
	return ""
}

// domain adds "example.com", "*.example.com" (all below it) or ".example.com" (it and all below).
func (r *reader) domain(text string) (what string) {
	switch {
	case strings.HasPrefix(text, "*."):
		return r.add(text[2:], below)
	case strings.HasPrefix(text, "."):
		return r.add(text[1:], itself|below)
	}
	return r.add(text, r.bare)
}

func (r *reader) add(name string, covers byte) (what string) {
	ascii := strings.TrimSuffix(name, ".")
	if !isASCII(ascii) {
		var err error
		if ascii, err = idna.Lookup.ToASCII(ascii); err != nil {
			return fmt.Sprintf("%q is not a domain: %v", name, err)
		}
	}
	r.line = appendLower(r.line[:0], ascii)
	if !isDomain(r.line) {
		return fmt.Sprintf("%q is not a domain", name)
	}
	if !r.set.add(r.line, covers) {
		return "the list is longer than 4 GiB"
	}
	return ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isDomain says whether name, in lower case, can be a host's: labels of 1 to 63 letters, digits, hyphens and
// underscores. An IPv4 address is one in this sense.
func isDomain(name []byte) bool {
	label := 0
	for _, c := range name {
		switch {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_':
		default:
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return label > 0 && len(name) <= maxName
}

func appendLower[S string | []byte](dst []byte, s S) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}
