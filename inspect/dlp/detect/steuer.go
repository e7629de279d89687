package detect

// steuerForms are those of German tax identification numbers. One number of eleven digits in 290 is valid, so that a bare one needs a word of context.
var steuerForms = []form{
	{kind: DESteuerID, text: "99 999 999 999", base: 85, check: validSteuerID},
	{kind: DESteuerID, text: "99999999999", base: 45, check: validSteuerID},
}

// validSteuerID follows "Steuerliches Info-Center, Prüfziffernberechnung" of the Bundeszentralamt für Steuern: of the
// first ten digits exactly one occurs twice or three times (not three times in a row), every other at most once; the
// eleventh is that of ISO 7064 MOD 11,10.
func validSteuerID(d []byte) bool {
	var count [10]int
	for _, c := range d[:10] {
		count[c-'0']++
	}
	repeated := 0
	for _, n := range count {
		if n > 3 {
			return false
		}
		if n > 1 {
			repeated++
		}
	}
	return d[0] != '0' && repeated == 1 && !tripled(d[:10]) && mod11and10(d)
}

func tripled(d []byte) bool {
	for i := 2; i < len(d); i++ {
		if d[i] == d[i-1] && d[i] == d[i-2] {
			return true
		}
	}
	return false
}

// mod11and10 says whether the last digit checks the others: ISO 7064, hybrid system MOD 11,10.
func mod11and10(d []byte) bool {
	p := 10
	for _, c := range d[:len(d)-1] {
		sum := (p + int(c-'0')) % 10
		if sum == 0 {
			sum = 10
		}
		p = 2 * sum % 11
	}
	return (p+int(d[len(d)-1]-'0'))%10 == 1
}
