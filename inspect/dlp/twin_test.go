package dlp

import (
	"regexp"
	"strings"
)

// The twin finds what the scanner finds, slowly: a regexp for every shape, tried at every place.

var (
	twinCard = regexp.MustCompile(`^(?:[0-9]{12,19}|[0-9]{3,18}(?: [0-9]{3,18})* [0-9]{1,18}|[0-9]{3,18}(?:-[0-9]{3,18})*-[0-9]{1,18})$`)
	twinSSN  = regexp.MustCompile(`^(?:([0-9]{3})([ -])([0-9]{2})([ -])([0-9]{4}))$`)
	twinBare = regexp.MustCompile(`^[0-9]{9}$`)
	twinWord = regexp.MustCompile(`(?i)ssn|ss#|ss #|social security|social-security|social_security|socialsecurity|soc sec`)
)

type value struct {
	kind     kind
	off, end int
}

func twinScan(b string) (found []value) {
	for i := 0; i < len(b); {
		if v, ok := twinAt(b, i); ok {
			found = append(found, v)
			i = v.end
			continue
		}
		i++
	}
	return found
}

func twinDigit(b string, i int) bool { return i >= 0 && i < len(b) && b[i] >= '0' && b[i] <= '9' }

func twinAt(b string, i int) (value, bool) {
	if !twinDigit(b, i) || twinDigit(b, i-1) || i >= 2 && b[i-1] == '.' && twinDigit(b, i-2) {
		return value{}, false
	}
	for end := min(len(b), i+maxSpan); end > i; end-- {
		if !twinDigit(b, end) && twinCard.MatchString(b[i:end]) && twinIsCard(b[i:end]) &&
			!(end < len(b) && b[end] == '.' && twinDigit(b, end+1)) {
			return value{card, i, end}, true
		}
	}
	if end := i + 11; end <= len(b) && twinSSN.MatchString(b[i:end]) {
		m := twinSSN.FindStringSubmatch(b[i:end])
		longer := twinDigit(b, end) || end < len(b) && b[end] == m[2][0] && twinDigit(b, end+1) ||
			i > 0 && b[i-1] == m[2][0] && twinDigit(b, i-2)
		if m[2] == m[4] && !longer && twinIsSSN(m[1]+m[3]+m[5]) {
			return value{ssn, i, end}, true
		}
	}
	if end := i + 9; end <= len(b) && !twinDigit(b, end) && twinBare.MatchString(b[i:end]) && twinIsSSN(b[i:end]) &&
		twinWord.MatchString(b[max(0, i-contextBytes):i]) {
		return value{ssn, i, end}, true
	}
	return value{}, false
}

func twinIsCard(s string) bool {
	digits := strings.NewReplacer(" ", "", "-", "").Replace(s)
	n := len(digits)
	if n < 12 || n > 19 {
		return false
	}
	sum := 0
	for i := range digits {
		d := int(digits[n-1-i] - '0')
		if i%2 == 1 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	prefix := 0
	for _, c := range digits[:6] {
		prefix = prefix*10 + int(c-'0')
	}
	for _, r := range issuers {
		if sum%10 == 0 && r.first <= prefix && prefix <= r.last && r.min <= n && n <= r.max && r.skip&(1<<n) == 0 {
			return true
		}
	}
	return false
}

func twinIsSSN(d string) bool {
	for _, dummy := range []string{"078051120", "219099999", "457555462"} {
		if d == dummy {
			return false
		}
	}
	return d[0] != '9' && d[:3] != "000" && d[:3] != "666" && d[3:5] != "00" && d[5:] != "0000" &&
		strings.Trim(d, d[:1]) != ""
}
