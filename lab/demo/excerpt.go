package demo

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// differs returns the smallest range in which a and b differ: both have [0, from) and what
// follows aEnd and bEnd in common.
func differs(a, b []byte) (from, aEnd, bEnd int) {
	for from < min(len(a), len(b)) && a[from] == b[from] {
		from++
	}
	aEnd, bEnd = len(a), len(b)
	for aEnd > from && bEnd > from && a[aEnd-1] == b[bEnd-1] {
		aEnd--
		bEnd--
	}
	return from, aEnd, bEnd
}

// differing counts the bytes in which a and b of equal length differ.
func differing(a, b []byte) int {
	n := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// excerpt returns what to show of a and b in n columns: the neighbourhood of where they differ,
// with the differing bytes styled. Without a difference it is their beginning.
func excerpt(a, b []byte, n int) (as, bs []span) {
	from, aEnd, bEnd := differs(a, b)
	if from == len(a) && from == len(b) {
		text := cut(printable(a), n)
		return []span{{text, plain}}, []span{{text, plain}}
	}
	start := max(0, from-n/2)
	if line := bytes.LastIndexByte(a[start:from], '\n'); line >= 0 {
		start += line + 1
	}
	return marked(a, b, start, from, aEnd, bEnd, n, gone), marked(b, a, start, from, bEnd, aEnd, n, fresh)
}

// marked is one side of an excerpt: x from start on, with the bytes of [from, end) styled that are
// others in y, or all of them if the two ranges are of different length.
func marked(x, y []byte, start, from, end, yEnd, n int, st style) []span {
	var spans []span
	lead := "…"
	if start == 0 {
		lead = ""
	}
	spans = append(spans, span{lead + printable(x[start:from]), plain})
	room := n - utf8.RuneCountInString(spans[0].text)
	aligned := end == yEnd
	for i := from; i < end && room > 0; {
		same := aligned && x[i] == y[i]
		j := i
		for j < end && j-i < room && (aligned && x[j] == y[j]) == same {
			j++
		}
		how := st
		if same {
			how = plain
		}
		spans = append(spans, span{printable(x[i:j]), how})
		room -= j - i
		i = j
	}
	if room > 0 {
		spans = append(spans, span{cut(printable(x[end:]), room), plain})
	}
	return spans
}

// printable shows each byte in one column: control characters and what is no ASCII as a symbol.
func printable(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		switch {
		case c == '\r':
			s.WriteRune('␍')
		case c == '\n':
			s.WriteRune('␊')
		case c < ' ' || c > '~':
			s.WriteRune('·')
		default:
			s.WriteByte(c)
		}
	}
	return s.String()
}

// cut returns the first n columns of s, the last one an ellipsis if there was more.
func cut(s string, n int) string {
	rs := []rune(s)
	if len(rs) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	return string(rs[:n-1]) + "…"
}
