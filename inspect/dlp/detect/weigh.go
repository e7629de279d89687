package detect

import "bytes"

const (
	raise  = 45 // what a word of context adds, up to 100
	lowers = 50 // what a word takes that says that a value is something else, unless a word of context stands nearer
	proven = 95 // what a form is worth that proves a value by itself
	madeUp = 45 // what a word takes that says that a value is made up
)

// stopBytes is how far before a value a word may end that lowers its score.
const stopBytes = 32

// propose puts a value into the queue if its score reaches Threshold. base is what its form alone is worth.
func (s *Scanner) propose(k Kind, off, end, base int) {
	if s.short || !s.set.Has(k) || off < 0 {
		return
	}
	from := s.from
	if f := &s.fold; f.on {
		off, end, from = f.at[f.first+off], f.at[f.first+end], f.at[max(0, f.first+from)]
		copied, before, more := s.text, s.before, s.more
		f.leave(s)
		defer func() { s.text, s.before, s.more, f.on = copied, before, more, true }()
	}
	if off < s.floor || off < s.account && counts(k) {
		return
	}
	score, told := s.weigh(k, off, base, off-from)
	if score < Threshold {
		return
	}
	m := Match{Kind: k, Off: off, End: end, Score: uint8(score), Context: told}
	w := s.weight(m)
	if k == IBAN && w != None {
		s.account = end
	}
	s.queue.add(m, w, from)
}

// weigh returns the score of a value of kind k that begins at off, and whether a word of context stands before it. What shows the value begins lead bytes
// before it.
func (s *Scanner) weigh(k Kind, off, base, lead int) (score int, told bool) {
	w := s.wordsBefore(off)
	context, stop, dummy := -1, -1, false
	for _, h := range w.hits[:w.n] {
		near := int(h.end) >= w.len-stopBytes && (!counts(k) || w.adjoins(int(h.end)))
		if named.has(k) {
			near = w.ofName(int(h.end), w.len-lead)
		}
		switch word := &vocabulary[h.word]; {
		case word.raises.has(k):
			context = max(context, int(h.end))
		case word.lowers.has(k) && near:
			stop = int(h.end)
		case word.madeUp.has(k) && near:
			dummy = true
		}
	}
	if context >= 0 && counts(k) && (w.endsFor(context) || w.inNext(context) || w.saysOther(context) || base < maxBare && unchecked.has(k) && w.linesApart(context)) {
		context = -1
	}
	score = base
	if context >= 0 {
		score = min(ceiling(k), base+raise)
	}
	if stop > context {
		if score -= lowers; base >= proven {
			score = max(score, Threshold) // whatever it is called
		}
	}
	if dummy {
		score -= madeUp
	}
	return score, context >= 0
}

// counts says whether k is a number, of which a word says what it is only if it stands beside it: "order no. 4711", not "this order is paid
// with 4711".
func counts(k Kind) bool { return numbers.has(k) || k == Phone }

// adjoins says whether the value stands beside the word that ends at end: in the same line, with two letters between them at most, and no number that
// the word may be one of: "order 12".
func (w *words) adjoins(end int) bool {
	letters := 0
	for i := end; i < w.len; i++ {
		switch c := w.window[i]; {
		case c == '\n', isDigit(c) && i > end && !isAlnum(w.window[i-1]):
			return false
		case isLetter(c):
			letters++
		}
	}
	return letters <= 2
}

// named are what is found by its name, so that a word says that it is something else or made up only if it belongs to the name: "test password: X",
// but not "env: test" in the line above.
var named = setOf(Secret, AWSSecretKey, TwilioKey, AzureStorageKey)

// ofName says whether the word that ends at end stands in the name that has a part at from, directly before it in the same field, or directly before the
// value.
func (w *words) ofName(end, from int) bool {
	first := min(max(from, 0), w.len)
	last := first
	for first > 0 && nameBytes.has(w.window[first-1]) {
		first--
	}
	for last < w.len && nameBytes.has(w.window[last]) {
		last++
	}
	switch {
	case end > last:
		first = w.len
	case end > first:
		return true
	}
	for _, c := range w.window[end:first] {
		if c != ' ' && c != '\t' && c != ':' && c != '_' && c != '-' && c != '(' && c != ')' {
			return false
		}
	}
	return w.isRemark(end)
}

// isRemark says whether the word that ends at end is none that is assigned to something, such as the name of a user: user=test.
func (w *words) isRemark(end int) bool {
	for end > 0 && isWord(w.window[end-1]) {
		end--
	}
	return end == 0 || w.window[end-1] != '='
}

// unchecked are numbers of which the digits alone say nothing, so that a word of context in another line is likely to be that of a column.
var unchecked = setOf(USSSN, USITIN)

// maxBare is above what a row of digits of theirs is worth.
const maxBare = 45

// linesApart says whether the value stands in another line than the word that ends at end, and with something between but tags.
func (w *words) linesApart(end int) bool {
	between := w.window[end:w.len]
	tag := false
	for i := end; i < w.len; i++ {
		switch c := w.window[i]; {
		case c == '<' || c == '>':
			tag = c == '<'
		case !tag && isAlnum(c):
			if name := w.fieldName(i); name > i {
				i = name
				continue
			}
			return bytes.IndexByte(between, '\n') >= 0
		}
	}
	return false
}

// fieldName returns the end of the name at i, if it says nothing of what is assigned to it: "value"; otherwise i.
func (w *words) fieldName(i int) int {
	end := i
	for end < w.len && isWord(w.window[end]) {
		end++
	}
	if end > i && neutral(w.window[i:end]) && w.assigns(end) {
		return end
	}
	return i
}

// saysOther says whether the value stands in a later line than the word that ends at end, in which other words stand before it: "TFN 876543210", and below
// "var n=634332080".
func (w *words) saysOther(end int) bool {
	between := w.window[end:w.len]
	line := between[bytes.LastIndexByte(between, '\n')+1:]
	if len(line) == len(between) {
		return false
	}
	tag := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c == '<' || c == '>' {
			tag = c == '<'
		}
		if tag || !isLetter(c) {
			continue
		}
		from := i
		for i < len(line) && isWord(line[i]) {
			i++
		}
		if i-from > 2 && !neutral(line[from:i]) {
			return true
		}
	}
	return false
}

// endsFor says whether what the word says that ends at end holds no more: the record is over that is assigned to it, or another name follows to which
// something is assigned, behind what parts fields; or the element of XML ends that the word is the name of.
func (w *words) endsFor(end int) bool {
	if w.inEndTag(end) {
		return true
	}
	depth, parted := 0, false
	for i := end; i < w.len; i++ {
		switch c := w.window[i]; {
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case parts(c):
			parted = depth <= 0
		case c == '/' && w.window[i-1] == '<' && w.closes(i+1, end):
			return true
		case parted && isLetter(c):
			name := i
			for i < w.len && isInName(w.window[i]) {
				i++
			}
			if w.assigns(i) && !neutral(w.window[name:i]) {
				return true
			}
			i--
			parted = false
		case !isOpening(c):
			parted = false
		}
	}
	return false
}

// inNext says whether the value is assigned to another name than that with the word that ends at end, to which something else is, with spaces between:
// cpf_status=ok protocol=X.
func (w *words) inNext(end int) bool {
	if w.len == 0 || w.window[w.len-1] != '=' {
		return false
	}
	name := w.len - 1
	for name > end && isWord(w.window[name-1]) {
		name--
	}
	if name <= end || w.window[name-1] != ' ' || neutral(w.window[name:w.len-1]) {
		return false
	}
	assigned := bytes.IndexByte(w.window[end:name], '=')
	return assigned >= 0 && assigned < name-end-2
}

// inEndTag says whether the word that ends at end is the name of a tag that ends an element.
func (w *words) inEndTag(end int) bool {
	name := end
	for name > 0 && isWord(w.window[name-1]) {
		name--
	}
	return name > 1 && w.window[name-1] == '/' && w.window[name-2] == '<'
}

// parts says whether c stands between fields.
func parts(c byte) bool {
	switch c {
	case ',', ';', '&', '|', '\n':
		return true
	}
	return false
}

// isOpening says whether c may stand between what parts fields and a name.
func isOpening(c byte) bool {
	return isSpace(c) || isQuote(c) || c == '-' || c == '*' || c == '\\' || c == '$'
}

// isInName says whether c may stand in the name of a field.
func isInName(c byte) bool { return isWord(c) || c == '-' || c == '.' || c == ' ' || c >= 0x80 }

// assigns says whether behind a name that ends at i something is assigned to it.
func (w *words) assigns(i int) bool {
	for i < w.len && (isQuote(w.window[i]) || isSpace(w.window[i]) || w.window[i] == '\\' || w.window[i] == '*') {
		i++
	}
	return i < w.len && (w.window[i] == ':' || w.window[i] == '=')
}

// closes says whether the name at i, of a tag that ends an element, is that of the word that ends at end.
func (w *words) closes(i, end int) bool {
	n := 0
	for i+n < w.len && isWord(w.window[i+n]) {
		n++
	}
	return n > 1 && n <= end && i+n < w.len && w.window[i+n] == '>' && bytes.EqualFold(w.window[i:i+n], w.window[end-n:end])
}

// neutral says whether a name says nothing of what is assigned to it: that of a part of a record, or one of several.
func neutral(name []byte) bool {
	var l [maxNeutral]byte
	name = bytes.TrimRight(name, " ")
	if len(name) > len(l) {
		return false
	}
	for k, c := range name {
		l[k] = lower(c)
	}
	switch string(l[:len(name)]) {
	case "number", "value", "val", "no", "nr", "num", "numero", "nummer", "text", "data", "type", "kind", "label", "country", "home", "work", "office", "private",
		"privat", "main", "primary", "business", "emergency", "voice", "cell", "pref",
		"str", "string", "default", "parametervalue":
		return true
	}
	return false
}

const maxNeutral = 14 // bytes

// told says whether a word of context for k ends in the last max bytes before off.
func (s *Scanner) told(k Kind, off, max int) bool {
	w := s.wordsBefore(off)
	for _, h := range w.hits[:w.n] {
		if vocabulary[h.word].raises.has(k) && int(h.end) >= w.len-max {
			return true
		}
	}
	return false
}

// toldOutside says whether a word of context for k ends in the ContextBytes before off, and not in the last n of them.
func (s *Scanner) toldOutside(k Kind, off, n int) bool {
	w := s.wordsBefore(off)
	for _, h := range w.hits[:w.n] {
		if vocabulary[h.word].raises.has(k) && int(h.end) <= w.len-n {
			return true
		}
	}
	return false
}

// ceiling is the highest score of a kind: what is only assigned to a word gives way to what has a form of its own.
func ceiling(k Kind) int {
	if k == Secret {
		return 80
	}
	return 100
}

// words are the words of the vocabulary in the ContextBytes before off, or in the record and the name of the column in which it lies.
type words struct {
	off  int // -1: none were looked for
	len  int // of what stands before off, ContextBytes at most
	n    int
	hits [ContextBytes]hit // the first n, by where they begin
	text [ContextBytes]byte

	record [ContextBytes]byte
	window []byte // what stands before off, ContextBytes at most; in a table, with the name of the column

	seen seen
}

type hit struct {
	word uint16
	end  uint8
}

// seen are the words of a part of the text, so that many values near each other find each once.
type seen struct {
	from, to int // the text in which they begin
	n        int
	words    [4 * ContextBytes]spelled
}

// A spelled is a word at its place in the text.
type spelled struct {
	begin, end int
	word       uint16
}

// wordsBefore finds the words before off, once for all kinds that ask.
func (s *Scanner) wordsBefore(off int) *words {
	w := &s.words
	if w.off == off {
		return w
	}
	w.off, w.n = off, 0
	name, at, titled := s.column(off)
	switch {
	case titled:
		w.window = s.cell.table.compose(w.record[:0], w.textBefore(s, off), name, at)
		w.find(w.window)
	case off < ContextBytes:
		w.window = w.textBefore(s, off)
		w.find(w.window)
	default:
		w.window = s.text[off-ContextBytes : off]
		w.recall(s.text, off)
	}
	w.len = len(w.window)
	return w
}

// textBefore is what stands before off, ContextBytes at most.
func (w *words) textBefore(s *Scanner, off int) []byte {
	if off >= ContextBytes {
		return s.text[off-ContextBytes : off]
	}
	known := s.before[max(0, len(s.before)-(ContextBytes-off)):]
	n := copy(w.text[:], known)
	n += copy(w.text[n:], s.text[:off])
	return w.text[:n]
}

// find notes the words of window.
func (w *words) find(window []byte) {
	for i := 0; i+1 < len(window); i++ {
		if i == 0 && len(window) == ContextBytes || !mayBeWord(window, i) { // what stands before the window is not known
			continue
		}
		for _, id := range wordsAt(window, i) {
			if end, ok := vocabulary[id].match(window, i); ok {
				w.note(window, i, end, id)
			}
		}
	}
}

// recall is find for the ContextBytes of text before off, with what is known of the text from other values.
func (w *words) recall(text []byte, off int) {
	k := &w.seen
	from := off - ContextBytes + 1 // what stands before the window is not known
	if from < k.from || from > k.to {
		k.from, k.to, k.n = from, from, 0
	}
	for ; k.to+1 < off; k.to++ {
		if !mayBeWord(text, k.to) {
			continue
		}
		for _, id := range wordsAt(text, k.to) {
			if end, ok := vocabulary[id].spell(text, k.to); ok {
				k.add(spelled{k.to, end, id}, from)
			}
		}
	}
	window := text[off-ContextBytes : off]
	for i := range k.n {
		if one := &k.words[i]; one.begin >= from && one.end <= off && one.begin+1 < off && vocabulary[one.word].ends(text[:off], one.end) {
			w.note(window, one.begin-(off-ContextBytes), one.end-(off-ContextBytes), one.word)
		}
	}
}

// add keeps a word. If there is no room, those in front of from are forgotten.
func (k *seen) add(one spelled, from int) {
	if k.n == len(k.words) {
		first := 0
		for first < k.n && k.words[first].begin < from {
			first++
		}
		k.n = copy(k.words[:], k.words[first:])
		k.from = from
	}
	if k.n < len(k.words) {
		k.words[k.n] = one
		k.n++
	}
}

func (w *words) note(window []byte, i, end int, id uint16) {
	if w.n < len(w.hits) && !inAddress(window, i, end) && !isSpan(window, i, end) {
		w.hits[w.n] = hit{id, uint8(end)}
		w.n++
	}
}

// mayBeWord says whether a word may begin at i: where no letter or digit stands before, or a capital behind a small letter: customerSSN.
func mayBeWord(b []byte, i int) bool {
	return i == 0 || !isAlnum(b[i-1]) || b[i]-'A' < 26 && b[i-1]-'a' < 26
}

// wordsAt returns the words that may begin at i, where two bytes are.
func wordsAt(b []byte, i int) []uint16 {
	second := b[i+1]
	if isJoint(second) && i+2 < len(b) { // D.N.I.
		second = b[i+2]
	}
	return wordsBy[wordHash(lower(b[i]), lower(second))]
}

// inAddress says whether the word [i, end) may be a byte of a hardware address: d4:cc.
func inAddress(b []byte, i, end int) bool {
	return end-i == 2 && i > 0 && (b[i-1] == ':' || b[i-1] == '-') && (i == 1 || isHex(b[i-2])) && isHex(b[i]) && isHex(b[i+1])
}

// isSpan says whether the word [i, end) is the name of a tag that says nothing of what is in it, rather than that of a part of a trace.
func isSpan(window []byte, i, end int) bool {
	return end-i == len("span") && i > 0 && (window[i-1] == '<' || i > 1 && window[i-1] == '/' && window[i-2] == '<') && bytes.EqualFold(window[i:end], []byte("span"))
}

// A word of the vocabulary, in lower case and without the spaces, dashes and underscores that may stand in it.
type word struct {
	text                   string
	raises, lowers, madeUp kindSet
}

// match returns where the word ends that begins at i, and whether it is there. What is short must end there: "sin" is
// none in "since", and "cc" none in "cc0f3a". A single digit may stand behind it: "tel1". And it must be written as words are: "nHs" is none.
func (w *word) match(b []byte, i int) (end int, ok bool) {
	end, ok = w.spell(b, i)
	return end, ok && w.ends(b, end)
}

// spell is match whatever stands behind the word.
func (w *word) spell(b []byte, i int) (end int, ok bool) {
	letters, capitals, written := 0, uint(0), true
	for k := range len(w.text) {
		for j := 0; k > 0 && j < maxJoints && i+1 < len(b) && isJoint(b[i]); j++ {
			written = written && humps(capitals, letters)
			letters, capitals = 0, 0
			i++
		}
		if i >= len(b) || lower(b[i]) != w.text[k] {
			return 0, false
		}
		if isLetter(b[i]) {
			if b[i] != w.text[k] {
				capitals |= 1 << letters
			}
			letters++
		}
		i++
	}
	return i, len(w.text) > maxShortWord || written && humps(capitals, letters)
}

// ends says whether the word may end at end, if it must stand alone.
func (w *word) ends(b []byte, end int) bool {
	return len(w.text) > maxShortWord || end == len(b) || endsShort(b[end-1:])
}

// humps says whether n letters, of which those of the bits are capitals, are written as words are: SSN, Ssn, idNr, IdNr.
func humps(capitals uint, n int) bool {
	if capitals == 1<<n-1 || capitals >= 1<<minAcronym-1 && capitals&(capitals+1) == 0 { // NHSNo
		return true
	}
	for k := 1; k < n; k++ {
		last, this := capitals>>(k-1)&1 != 0, capitals>>k&1 != 0
		if !last && this && (k < 2 || k == n-1) || last && this {
			return false
		}
	}
	return true
}

const minAcronym = 3 // capitals in front of small letters

// endsShort says whether a short word may end with the first byte of b, behind which stands another.
func endsShort(b []byte) bool {
	if isDigit(b[1]) {
		return len(b) == 2 || !isAlnum(b[2])
	}
	return !isLetter(b[1]) || b[1]-'A' < 26 && b[0]-'A' >= 26
}

// maxJoints is how many joints may stand between two letters of a word: "Soc. Sec.".
const maxJoints = 2

// maxShortWord is the letters of the longest word that must stand alone.
const maxShortWord = 5

// isJoint says whether c may stand within a word of context.
func isJoint(c byte) bool { return c == ' ' || c == '_' || c == '-' || c == '.' }

const wordBuckets = 1 << 10

func wordHash(a, b byte) uint { return (uint(a)*31 + uint(b)) % wordBuckets }
