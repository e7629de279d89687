package detect

const (
	raise  = 45 // what a word of context adds, up to 100
	lowers = 50 // what a word takes that says that a value is something else, unless a word of context stands nearer
	madeUp = 45 // what a word takes that says that a value is made up
)

// stopBytes is how far before a value a word may end that lowers its score.
const stopBytes = 32

// propose puts a value into the queue if its score reaches Threshold. base is what its form alone is worth.
func (s *Scanner) propose(k Kind, off, end, base int) {
	if s.short || !s.set.Has(k) || off < 0 {
		return
	}
	score, told := s.weigh(k, off, base)
	if score >= Threshold {
		s.queue.add(Match{Kind: k, Off: off, End: end, Score: uint8(score), Context: told}, s.from)
	}
}

// weigh returns the score of a value of kind k that begins at off, and whether a word of context stands before it.
func (s *Scanner) weigh(k Kind, off, base int) (score int, told bool) {
	w := s.wordsBefore(off)
	context, stop, dummy := -1, -1, false
	for _, h := range w.hits[:w.n] {
		near := int(h.end) >= w.len-stopBytes && (!counts(k) || w.adjoins(int(h.end)))
		switch word := &vocabulary[h.word]; {
		case word.raises.has(k):
			context = int(h.end)
		case word.lowers.has(k) && near:
			stop = int(h.end)
		case word.madeUp.has(k) && near:
			dummy = true
		}
	}
	score = base
	if context >= 0 {
		score = min(ceiling(k), base+raise)
	}
	if stop > context {
		score -= lowers
	}
	if dummy {
		score -= madeUp
	}
	return score, context >= 0
}

// counts says whether k is a number, of which a word says what it is only if it stands beside it: "order no. 4711", not "this order is paid
// with 4711".
func counts(k Kind) bool { return numbers.has(k) || k == Phone }

// adjoins says whether the value stands beside the word that ends at end: in the same line, and with two letters between them at most.
func (w *words) adjoins(end int) bool {
	letters := 0
	for _, c := range w.window[end:w.len] {
		if c == '\n' {
			return false
		}
		if isLetter(c) {
			letters++
		}
	}
	return letters <= 2
}

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

// ceiling is the highest score of a kind: what is only assigned to a word gives way to what has a form of its own.
func ceiling(k Kind) int {
	if k == Secret {
		return 80
	}
	return 100
}

// words are the words of the vocabulary in the ContextBytes before off.
type words struct {
	off  int // -1: none were looked for
	len  int // of what stands before off, ContextBytes at most
	n    int
	hits [ContextBytes]hit // the first n, by where they begin
	text [ContextBytes]byte

	window []byte // what stands before off, ContextBytes at most
}

type hit struct {
	word uint16
	end  uint8
}

// wordsBefore finds the words before off, once for all kinds that ask.
func (s *Scanner) wordsBefore(off int) *words {
	w := &s.words
	if w.off == off {
		return w
	}
	w.off, w.n = off, 0
	var window []byte
	if off >= ContextBytes {
		window = s.text[off-ContextBytes : off]
	} else {
		known := s.before[max(0, len(s.before)-(ContextBytes-off)):]
		n := copy(w.text[:], known)
		n += copy(w.text[n:], s.text[:off])
		window = w.text[:n]
	}
	w.len, w.window = len(window), window
	w.find(window)
	return w
}

// find notes the words of window. A word begins where no letter stands before, or a capital behind a small
// letter: customerSSN.
func (w *words) find(window []byte) {
	for i := 0; i+1 < len(window); i++ {
		c := window[i]
		if i > 0 && isLetter(window[i-1]) && (c-'A' >= 26 || window[i-1]-'A' < 26) {
			continue
		}
		for _, id := range wordsBy[wordHash(lower(c), lower(window[i+1]))] {
			if end, ok := vocabulary[id].match(window, i); ok && w.n < len(w.hits) {
				w.hits[w.n] = hit{id, uint8(end)}
				w.n++
			}
		}
	}
}

// A word of the vocabulary, in lower case and without the spaces, dashes and underscores that may stand in it.
type word struct {
	text                   string
	raises, lowers, madeUp kindSet
}

// match returns where the word ends that begins at i, and whether it is there. What is short must end there: "sin" is
// none in "since".
func (w *word) match(b []byte, i int) (end int, ok bool) {
	for k := range len(w.text) {
		if k > 0 && i+1 < len(b) && isJoint(b[i]) {
			i++
		}
		if i >= len(b) || lower(b[i]) != w.text[k] {
			return 0, false
		}
		i++
	}
	if len(w.text) <= maxShortWord && i < len(b) && isLetter(b[i]) && (b[i]-'A' >= 26 || b[i-1]-'A' < 26) {
		return 0, false
	}
	return i, true
}

// maxShortWord is the letters of the longest word that must stand alone.
const maxShortWord = 5

// isJoint says whether c may stand within a word of context.
func isJoint(c byte) bool { return c == ' ' || c == '_' || c == '-' || c == '.' }

const wordBuckets = 1 << 10

func wordHash(a, b byte) uint { return (uint(a)*31 + uint(b)) % wordBuckets }
