package detect

import (
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestNamesAreUniqueAndParse(t *testing.T) {
	seen := map[string]bool{}
	for k, info := range Bundled() {
		got, ok := Parse(info.Name)
		if !ok || got != Kind(k) || got.String() != info.Name || seen[info.Name] {
			t.Errorf("kind %d: %q parses as %v, %v", k, info.Name, got, ok)
		}
		seen[info.Name] = true
		if info.Title == "" || info.MaxLen == 0 || len(info.Sources) == 0 || info.Shown > 4 {
			t.Errorf("%s is not described: %+v", info.Name, info)
		}
		if !slices.Contains([]string{checkDigit, structure, pattern, context}, info.Class) {
			t.Errorf("%s has the class %q", info.Name, info.Class)
		}
	}
	if _, ok := Parse("none"); ok {
		t.Error("parsed a kind that does not exist")
	}
}

func TestBundledIsTheCallers(t *testing.T) {
	Bundled()[Card].Name = "x"
	if Card.String() != "card" {
		t.Error("a caller changed the table")
	}
}

// TestOneKindFindsWhatAllFind wants a set of one kind to find its values where no other kind takes them.
func TestOneKindFindsWhatAllFind(t *testing.T) {
	for k := range kinds {
		only := NewSet(k)
		for _, text := range positives[k] {
			n := 0
			for _, f := range scan(only, text) {
				if f.Kind != k {
					t.Errorf("%v found %v", k, f)
				}
				if !f.Part {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%v alone finds %d in %q", k, n, text)
			}
		}
	}
}

func TestEmptySetFindsNothing(t *testing.T) {
	for _, text := range fragments() {
		if found := scan(NewSet(), text); found != nil {
			t.Errorf("found %v", found)
		}
	}
}

func TestMatchesAreWithinTheirBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	parts := fragments()
	for range 3000 {
		text := ""
		for range 10 {
			text += parts[r.IntN(len(parts))]
		}
		for _, f := range scan(everything, text) {
			if f.End-f.Off > infos[f.Kind].MaxLen || f.Score < Threshold || f.Score > 100 || f.value == "" && f.Kind != PrivateKey {
				t.Errorf("%v is out of bounds (value %q)", f, f.value)
			}
		}
	}
}

// TestNothingIsReadBehindTheEnd: a text may end within whatever is looked at, with nothing behind it in memory.
func TestNothingIsReadBehindTheEnd(t *testing.T) {
	s := everything.Scanner()
	for _, text := range append(fragments(), "password\xd8\xa8: hunTer2!x") {
		for end := range len(text) + 1 {
			for _, tail := range []string{"", "\xc3", "\xe2\x80"} {
				b := slices.Clip([]byte(text[:end] + tail))
				s.Reset(nil, b, false)
				s.Under(new(Table))
				collect(s, b, 0)
			}
		}
	}
}

func TestWarmScannerAllocatesNothing(t *testing.T) {
	text := []byte("user,password,api key\n" + strings.Join(fragments(), " "))
	s, table := everything.Scanner(), new(Table)
	n := 0
	allocs := testing.AllocsPerRun(20, func() {
		s.Reset(nil, text, true)
		s.Under(table)
		for _, ok := s.Next(); ok; _, ok = s.Next() {
			n += len(s.Value())
		}
	})
	if allocs != 0 || n == 0 {
		t.Errorf("%v allocations for %d bytes of values", allocs, n)
	}
}

func TestMasksKeepTheForm(t *testing.T) {
	for _, c := range []struct {
		text string
		k    Kind
		keep int
		want string
	}{
		{"4111 1111 1111 1111", Card, 4, "**** **** **** 1111"},
		{"123-45-6789", USSSN, 0, "***-**-****"},
		{"DE89 3704 0044", IBAN, 4, "**** **** 0044"},
		{"12.345.678-Z", ESDNI, 0, "**.***.***-*"},
		{"alice@weir.org", Email, 0, "*****@****.***"},
		{"+1 (212) 555-0123", Phone, 2, "+* (***) ***-**23"},
		{"s3cr3t!", Secret, 0, "*******"},
		{"ab", Secret, 9, "ab"},
		{"-----BEGIN RSA PRIVATE KEY-----\nMIIE==", PrivateKey, 0, "-----BEGIN RSA PRIVATE KEY-----\n******"},
		{"MIIE", PrivateKey, 0, "****"},
	} {
		if got := string(AppendMasked(nil, []byte(c.text), c.k, c.keep, '*')); got != c.want {
			t.Errorf("%v %q masked is %q, want %q", c.k, c.text, got, c.want)
		}
	}
}

func TestValuesAreCanonical(t *testing.T) {
	for _, c := range []struct {
		k          Kind
		text, want string
	}{
		{Card, "4111-1111-1111-1111", "4111111111111111"},
		{IBAN, "de89 3704 0044 0532 0130 00", "DE89370400440532013000"},
		{ESDNI, "12.345.678-Z", "12345678Z"},
		{Email, "Alice@Weir.ORG", "alice@weir.org"},
		{Phone, "+1 (212) 555-0123", "+12125550123"},
		{Secret, "password=Hunter2!x", "Hunter2!x"},
		{PrivateKey, "-----BEGIN EC PRIVATE KEY-----\n" + key64, key64},
	} {
		found := scan(NewSet(c.k), c.text)
		if len(found) != 1 || found[0].value != c.want {
			t.Errorf("%v in %q: %v, want the value %q", c.k, c.text, found, c.want)
		}
	}
}

// TestPrivateKeyIsMaskedWhole cuts a long key at every offset, masks match by match, and looks for what is left of it.
func TestPrivateKeyIsMaskedWhole(t *testing.T) {
	body := ""
	r := rand.New(rand.NewPCG(10, 11))
	for range 9 {
		for range 64 {
			body += base62Digits[:62][r.IntN(62):][:1]
		}
		body += "\n"
	}
	body += "Ab3dE5==\n"
	for _, text := range []string{
		"x -----BEGIN RSA PRIVATE KEY-----\n" + body + "-----END RSA PRIVATE KEY-----\nafter Words",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123\n\n" + body + "-----END RSA PRIVATE KEY-----\nafter Words",
		"{\"k\":\"" + strings.ReplaceAll("-----BEGIN PRIVATE KEY-----\n"+body+"-----END PRIVATE KEY-----\n", "\n", "\\n") + "\"} after Words",
		"{\"k\":\"" + strings.ReplaceAll("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123\n\n"+body+"-----END RSA PRIVATE KEY-----\n", "\n", "\\n") + "\"} after Words",
		"{\"k\":\"" + strings.ReplaceAll("PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPublic-Lines: 9\n"+body+"Private-Lines: 9\n"+body+"Private-MAC: 0123\n", "\n", "\\\\n") + "\"} after Words",
		"> " + strings.ReplaceAll("-----BEGIN PRIVATE KEY-----\n"+body+"-----END PRIVATE KEY-----\n", "\n", "\n> ") + "after Words",
		"\"-----BEGIN PRIVATE KEY-----" + strings.ReplaceAll(body, "\n", "") + "-----END PRIVATE KEY-----\" after Words",
		"-----BEGIN PRIVATE KEY----- " + strings.ReplaceAll(body, "\n", "") + " -----END PRIVATE KEY----- after Words",
		"PuTTY-User-Key-File-3: ssh-rsa\r\nEncryption: none\r\nPublic-Lines: 9\r\n" + body + "Private-Lines: 9\r\n" + body + "Private-MAC: 0123\r\n\r\nafter Words",
	} {
		for cut := range len(text) {
			got := maskInParts(t, text, cut)
			for line := range strings.Lines(body) {
				if strings.Contains(got, strings.TrimSpace(line)[:8]) {
					t.Fatalf("cut at %d leaves %q of\n%s", cut, line, got)
				}
			}
			if !strings.HasSuffix(got, "after Words") || len(got) != len(text) {
				t.Fatalf("cut at %d gives\n%s", cut, got)
			}
		}
	}
}

func maskInParts(t *testing.T, text string, cut int) string {
	t.Helper()
	out := []byte(text)
	for _, f := range scanInParts(t, NewSet(PrivateKey), text, []int{cut}) {
		copy(out[f.Off:], AppendMasked(nil, []byte(f.text), f.Kind, 0, '*'))
	}
	return string(out)
}

// TestHeadersOfKeysAreTheirs: what is hidden in the headers of a private key is masked with it, and only known headers are headers.
func TestHeadersOfKeysAreTheirs(t *testing.T) {
	set := NewSet(PrivateKey, Card, Email)
	for text, want := range map[string]string{
		"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: joe@corp.com 4000 0000 0000 0002\n":            "4000|joe",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nComment: 4000 0000 0000 0002\n\n" + key64 + "\n": "4000",
		"-----BEGIN RSA PRIVATE KEY-----\nX-Card: 4000 0000 0000 0002\n":                                           "4000",
		"It begins with -----BEGIN PRIVATE KEY-----\nCard: 4000 0000 0000 0002\nMail: joe@corp.com\n":              "4000|joe",
	} {
		left := []byte(text)
		for _, f := range scan(set, text) {
			copy(left[f.Off:], AppendMasked(nil, []byte(f.text), f.Kind, 0, '*'))
		}
		for value := range strings.SplitSeq(want, "|") {
			if strings.Contains(string(left), value) {
				t.Errorf("%q leaves %q", text, left)
			}
		}
	}
	if found := scan(set, "It begins with -----BEGIN PRIVATE KEY-----\nNIF: 74.052.666-N\n"); len(found) > 0 {
		t.Errorf("found %v where there is no key", found)
	}
}

// TestNothingIsPushedOut fills the queue with beginnings of passwords, in a text that is one segment of 8 KiB.
func TestNothingIsPushedOut(t *testing.T) {
	text := strings.Repeat(strings.Repeat("pw=", 18)+"Ab1xyz\n", 120) + " card 4000 0000 0000 0002"
	for _, more := range []bool{false, true} {
		s := everything.Scanner()
		s.Reset(nil, []byte(text+strings.Repeat(" nothing", 800)), more)
		cards := 0
		for m, ok := s.Next(); ok; m, ok = s.Next() {
			if m.Kind == Card {
				cards++
			}
		}
		if cards != 1 {
			t.Errorf("more %v: %d cards", more, cards)
		}
	}
}

// TestWordsOfOtherLines: a word of context holds in the next line unless other words stand there.
func TestWordsOfOtherLines(t *testing.T) {
	set := NewSet(AUTFN)
	for text, want := range map[string]int{
		"TFN\n123456782\n876543210":                                2,
		"TFN:\n  value: 123456782":                                 1,
		"<dt>TFN</dt>\n<dd class=\"number\">123456782</dd>":        1,
		"my TFN is 123456782\n!function(e,t){var n=876543210;":     1,
		"TFN 123456782\nAs of today the meter stands at 876543210": 1,
	} {
		if found := scan(set, text); len(found) != want {
			t.Errorf("%q: found %v, want %d", text, found, want)
		}
	}
}

// TestBetterOfTwoThatOverlap wants the rule by which one of two overlapping values is chosen.
func TestBetterOfTwoThatOverlap(t *testing.T) {
	a := &candidate{Match{Kind: Card, Off: 0, End: 10, Score: 60}, Told, 0}
	for _, b := range []*candidate{
		{Match{Kind: Card, Off: 5, End: 8, Score: 61}, Told, 0},
		{Match{Kind: Card, Off: 5, End: 16, Score: 60}, Told, 0},
		{Match{Kind: Card, Off: 5, End: 8, Score: 50}, Counted, 0},
	} {
		if better(a, b) || !better(b, a) {
			t.Errorf("%v rather than %v", a, b)
		}
	}
	if later := (&candidate{Match{Kind: Card, Off: 5, End: 15, Score: 60}, Told, 0}); !better(a, later) || better(later, a) {
		t.Error("not the earlier of two that are alike")
	}
}

// TestBetterTakesThePlace wants the last of a row of values of which each overlaps the next and is worse, and every second one before it.
func TestBetterTakesThePlace(t *testing.T) {
	s := everything.Scanner()
	s.Reset(nil, make([]byte, 100), false)
	for i := range 4 {
		s.queue.add(Match{Kind: Card, Off: 8 * i, End: 8*i + 10, Score: uint8(60 + i)}, Told, 8*i)
	}
	s.queue.add(Match{Kind: Card, Off: 40, End: 50, Score: 55}, Told, 40)
	s.done = true
	var found []int
	for m, ok := s.settle(); ok; m, ok = s.settle() {
		found = append(found, m.Off)
	}
	if !slices.Equal(found, []int{8, 24, 40}) {
		t.Errorf("found at %d", found)
	}
}

func TestCardsInARowAreFound(t *testing.T) {
	if found := scan(everything, "4111 1111 1111 1111 5555 5555 5555 4444 4012 8888 8888 1881"); len(found) != 3 {
		t.Errorf("found %v", found)
	}
}

func TestTheNearerWordCounts(t *testing.T) {
	for text, want := range map[string]int{
		"4111111111111111":                                     65,
		"card 4111111111111111":                                100,
		"order 12, card 4111111111111111":                      100,
		"card of order 4111111111111111":                       50,
		"order 4111-1111-1111-1111":                            0,
		"dummy card 4111111111111111":                          100,
		"order" + strings.Repeat(" ", 40) + "4111111111111111": 65,
	} {
		got := 0
		for _, f := range scan(NewSet(Card), text) {
			got = int(f.Score)
		}
		if got != want {
			t.Errorf("%q scores %d, want %d", text, got, want)
		}
	}
}

// TestWordsAreThoseOfARegexp compares the words before a value with what a regexp finds.
func TestWordsAreThoseOfARegexp(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 15))
	atoms := []string{"ssn", "SSN", "social security", "social_security", "sin", "since", "order", "border", "customerSSN", "sSn", "SSn", "s.S.n", "SS N", "o rD.er", "Ssn", "OrDer", "tests", " ", ":", "1", "x", "id"}
	for range 2000 {
		text := ""
		for range r.IntN(8) {
			text += atoms[r.IntN(len(atoms))]
		}
		text = text[:min(len(text), ContextBytes)]
		var w words
		w.find([]byte(text))
		for _, word := range []string{"ssn", "sin", "order", "test", "id", "socialsecurity"} {
			want := naiveWord(text, word)
			got := slices.ContainsFunc(w.hits[:w.n], func(h hit) bool { return vocabulary[h.word].text == word })
			if got != want {
				t.Fatalf("%q in %q: %v, want %v", word, text, got, want)
			}
		}
	}
}

func naiveWord(text, word string) bool {
	joined := regexp.MustCompile("^(?i:" + strings.Join(strings.Split(word, ""), "[-_. ]{0,2}") + ")")
	standsAlone := regexp.MustCompile("^(?:$|[^A-Za-z0-9]|[0-9](?:$|[^A-Za-z0-9]))")
	for at := range text {
		begins := at == 0 && len(text) < ContextBytes || at > 0 && regexp.MustCompile("[^A-Za-z0-9].$|[a-z][A-Z]$").MatchString(text[:at+1])
		m := joined.FindString(text[at:])
		if m == "" || !begins {
			continue
		}
		written := true
		for _, part := range regexp.MustCompile("[-_. ]+").Split(m, -1) {
			written = written && regexp.MustCompile("^(?:[A-Z]+|[a-z]|(?:[A-Z][a-z]+|[a-z]{2,})(?:[A-Z][a-z]+)*)$").MatchString(part)
		}
		if len(word) <= maxShortWord && !written {
			continue
		}
		end := at + len(m)
		if len(word) > maxShortWord || standsAlone.MatchString(text[end:]) || regexp.MustCompile("^[^A-Z][A-Z]").MatchString(text[end-1:]) {
			return true
		}
	}
	return false
}

// TestMod97IsThatOfTheNumber compares with arithmetic on the whole number, as ISO 13616 describes it.
func TestMod97IsThatOfTheNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 19))
	for range 500 {
		v := make([]byte, 5+r.IntN(30))
		for i := range v {
			v[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[r.IntN(36)]
		}
		number := ""
		for _, c := range append(slices.Clone(v[4:]), v[:4]...) {
			number += big.NewInt(int64(strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c))).String()
		}
		n, _ := new(big.Int).SetString(number, 10)
		if want := n.Mod(n, big.NewInt(97)).Int64(); int64(mod97(v)) != want {
			t.Fatalf("%s: %d, want %d", v, mod97(v), want)
		}
	}
}

// TestVerhoeffNoticesEverySlip wants what Verhoeff proves: no digit that is changed and no two neighbours that change
// places go unnoticed.
func TestVerhoeffNoticesEverySlip(t *testing.T) {
	for _, number := range []string{"2363", "234123412346", "84736430954837284567892"} { // the published examples
		if number == "2363" && !verhoeff([]byte(number)) || number == "234123412346" && !verhoeff([]byte(number)) {
			t.Fatalf("%s does not check", number)
		}
		if number == "84736430954837284567892" && !verhoeff([]byte(number)) {
			t.Fatalf("%s does not check", number)
		}
		for i := range number {
			for c := byte('0'); c <= '9'; c++ {
				b := []byte(number)
				b[i] = c
				if verhoeff(b) != (c == number[i]) {
					t.Errorf("%s checks", b)
				}
			}
			if b := []byte(number); i > 0 && b[i] != b[i-1] {
				if b[i], b[i-1] = b[i-1], b[i]; verhoeff(b) {
					t.Errorf("%s checks", b)
				}
			}
		}
	}
}

// TestIssuersAreFound makes a card at both ends of every range and of every length.
func TestIssuersAreFound(t *testing.T) {
	for i := range issuers {
		r := &issuers[i]
		for n := r.min; n <= r.max; n++ {
			for _, prefix := range []int{r.first, r.last} {
				b := append(big.NewInt(int64(prefix)).Append(nil, 10), strings.Repeat("7", n-7)+"0"...)
				for !luhn(b) {
					b[n-1]++
				}
				found := scan(NewSet(Card), "credit card "+string(b))
				if (len(found) == 1) != r.has(n) && !slices.ContainsFunc(issuers, func(o issuer) bool {
					return &o != r && prefix >= o.first && prefix <= o.last && o.has(n)
				}) {
					t.Errorf("%s: %v", b, found)
				}
			}
		}
	}
}
