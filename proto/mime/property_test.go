package mime

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// pieces cuts by seed; 0 cuts nothing.
func pieces(seed uint64) func(int) int {
	if seed == 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(seed, 1))
	scale := []int{2, 5, 40, 300}[r.IntN(4)]
	return func(int) int { return 1 + r.IntN(scale) }
}

var replacements = []string{"", "XY", "X", "<a longer one>", "a\r\n.b=", "-", "\r\n--b", "..", " "}

// FuzzReader: a message cut anyhow is shown as the same texts, for the same reasons, and leaves as one that is read the same. What is not
// edited leaves as it came. What is edited is read as the edited text.
func FuzzReader(f *testing.F) {
	f.Add(crlf(parted), uint64(3), uint8(1), true)
	f.Add(crlf(parted), uint64(4), uint8(3), true)
	f.Add(crlf("Content-Transfer-Encoding: base64\n\nYmFubmFubmFubm\nFubmFubmFubmFubg==\n"), uint64(5), uint8(2), true)
	f.Add(crlf("Content-Transfer-Encoding: quoted-printable\n\nann=6Eann =\n..nn nn\n-nn\n"), uint64(5), uint8(2), true)
	f.Add(crlf("Content-Type: multipart/x; boundary=b\n\nnn\n--b\n\nnn\n--b\nContent-Type: multipart/x; boundary=\"b b\"\n\n--b b\n\n--b b--\n--b--\nnn"), uint64(5), uint8(4), false)
	f.Add("a: b\r\n\r\n.nn\r\nnn.\r\n"+strings.Repeat("n", 3000)+"\r\n", uint64(5), uint8(6), true)
	g := NewPool("smtp")
	f.Fuzz(func(t *testing.T, text string, seed uint64, how uint8, stuffed bool) {
		if g.Used() > 0 {
			t.Fatal("a Reader was not given back")
		}
		if stuffed {
			text = wellFormed(text)
		}
		with := replacements[int(how)%len(replacements)]
		r := rand.New(rand.NewPCG(seed, 2))
		soft := func() bool { return r.IntN(3) == 0 }
		read := func(text string, seed uint64, edit bool, soft func() bool) *mail {
			w := newMail(t, g)
			defer w.r.Close()
			if w.stuffed = stuffed; edit {
				w.old, w.with = "nn", with
			}
			return w.read(text, pieces(seed), soft)
		}
		plain := read(text, 0, false, nil)
		for _, cut := range []*mail{read(text, seed|1, false, nil), read(text, seed|1, false, soft)} {
			if plain.log.String() != cut.log.String() || plain.why != cut.why {
				t.Fatalf("at once, %q\n%s\nin pieces, %q\n%s", plain.why, plain.log.String(), cut.why, cut.log.String())
			}
			if string(cut.out) != text {
				t.Fatalf("%q left as\n%q", text, cut.out)
			}
		}
		if plain.why != "" {
			return
		}
		if len(plain.told) > 0 {
			read(text, seed|1, true, soft)
			return // a reader may see something else, and so do we behind an edit
		}
		var read1 string
		for i, w := range []*mail{read(text, 0, true, nil), read(text, seed|1, true, nil), read(text, seed|1, true, soft)} {
			if len(w.told) > 0 || w.missed > 0 {
				continue
			}
			again := read(string(w.out), 0, false, nil)
			want := w.edited.String()
			if got := again.log.String(); got != want || len(again.told) > 0 || again.why != "" {
				t.Fatalf("%d: %q\nleft as %q\nis read, %q, %q, as\n%s\nwant\n%s", i, text, w.out, again.told, again.why, got, want)
			}
			if read1 == "" {
				read1 = want
			} else if read1 != want {
				t.Fatalf("%q\nnot alike:\n%s\n%s", text, read1, want)
			}
		}
	})
}

// wellFormed makes text as SMTP lets it pass: no NUL, CR LF only, each line that is a dot stuffed, a line end at the end.
func wellFormed(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "", "\x00", "").Replace(s)
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i := range lines {
		if lines[i] == "." {
			lines[i] = ".."
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}
