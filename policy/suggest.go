package policy

import "strings"

// nearest returns the word of words that was probably meant by s, or "".
func nearest(s string, words []string) string {
	s = plain(s)
	best, least := "", max(1, len(s)/3)+1
	for _, w := range words {
		if d := distance(s, plain(w)); d < least {
			best, least = w, d
		}
	}
	return best
}

func plain(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// distance counts the letters to insert, remove, replace or swap with their neighbour in order to
// get from a to b (optimal string alignment). Long strings are cut: nobody mistypes those.
func distance(a, b string) int {
	const most = 40
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	var rows [3][most + 1]int
	for j := range len(b) + 1 {
		rows[1][j] = j
	}
	older, old, row := &rows[0], &rows[1], &rows[2]
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}
