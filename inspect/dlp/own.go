package dlp

import (
	"crypto/rand"
	"fmt"
	"io/fs"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/inspect/dlp/exact"
	"github.com/weir-project/weir/inspect/dlp/pattern"
)

// A source is values of one's own. One of its fields is set; lanes share it.
type source struct {
	table   *exact.Table
	pattern *pattern.Pattern
}

// An owner makes sources of what a policy says.
type owner struct {
	files fs.FS
	key   string
}

// source returns the values of one's own that d is about; nil if it is a bundled detector, or wrong.
func (o owner) source(d Detector, path string, m *inspect.Mistakes) *source {
	given := 0
	for _, is := range []bool{len(d.Keywords) > 0, d.Regex != "", d.Exact != ""} {
		if is {
			given++
		}
	}
	if given == 0 {
		return nil
	}
	if _, bundled := detect.Parse(d.Name); bundled || d.Name == "" {
		m.Add(path+".name", "write a name of your own", "keywords, regex and exact make a detector of your own, and %q is not a name for one", d.Name)
	}
	switch {
	case given > 1:
		m.Add(path, "make an entry of each", "keywords, regex and exact in one entry")
	case d.Regex != "":
		p, err := pattern.Compile(d.Regex)
		if err != nil {
			m.Add(path+".regex", "write another expression", "%s", err)
		}
		return &source{pattern: p}
	case d.Exact != "":
		return &source{table: o.table(d.Exact, path+".exact", m)}
	default:
		return &source{table: keywords(d.Keywords, path+".keywords", m)}
	}
	return &source{}
}

// table reads a table of hashes.
func (o owner) table(name, path string, m *inspect.Mistakes) *exact.Table {
	key, err := exact.NewKey([]byte(o.key))
	if err != nil {
		m.Add(path, "write exact_key, the secret that the table was made with", "%s", err)
		return nil
	}
	if o.files == nil {
		m.Add(path, "", "there are no files here")
		return nil
	}
	b, err := fs.ReadFile(o.files, name)
	if err != nil {
		m.Add(path, "write the name of a file that weir dlp hash has made", "%s", err)
		return nil
	}
	t, err := exact.Read(b, key)
	if err != nil {
		m.Add(path, "make it anew: weir dlp hash", "%s: %s", name, err)
	}
	return t
}

// keywords makes a table of words, under a key that nobody knows.
func keywords(words []string, path string, m *inspect.Mistakes) *exact.Table {
	secret := make([]byte, 32)
	rand.Read(secret)
	key, _ := exact.NewKey(secret)
	b := exact.NewBuilder(key)
	b.Least = minKeyword
	for i, w := range words {
		if err := b.Add(w); err != nil {
			m.Add(fmt.Sprintf("%s[%d]", path, i), "write a word or a phrase", "%q: %s", w, err)
		}
	}
	return b.Table()
}

// minKeyword is how many letters and digits a keyword has at least.
const minKeyword = 3

// An ownScanner finds the values of one rule.
type ownScanner struct {
	rule    *rule
	exact   *exact.Scanner
	pattern *pattern.Scanner
}

func (s *ruleSet) ownScanners() (all []ownScanner) {
	for _, r := range s.own {
		o := ownScanner{rule: r}
		if r.own.table != nil {
			o.exact = r.own.table.Scanner()
		} else {
			o.pattern = r.own.pattern.Scanner()
		}
		all = append(all, o)
	}
	return all
}

func (o *ownScanner) reset(before, text []byte, more bool) {
	if o.exact != nil {
		o.exact.Reset(before, text, more)
	} else {
		o.pattern.Reset(before, text, more)
	}
}

func (o *ownScanner) next() (off, end int, ok bool) {
	if o.exact != nil {
		return o.exact.Next()
	}
	return o.pattern.Next()
}

func (o *ownScanner) open() int {
	if o.exact != nil {
		return o.exact.Open()
	}
	return o.pattern.Open()
}

// appendMasked appends a value of one's own with its letters and digits replaced by char, the last keep of them excepted.
func appendMasked(dst, value []byte, keep int, char byte) []byte {
	from := len(dst)
	dst = append(dst, value...)
	for i := len(dst) - 1; i >= from; i-- {
		switch c := dst[i]; {
		case c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' && c < 0x80:
		case keep > 0:
			keep--
		default:
			dst[i] = char
		}
	}
	return dst
}
