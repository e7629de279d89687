package detect

// nirForms are those of French social security numbers: sex, year, month, département, commune, order, and a key of
// two digits, with or without spaces. C is the letter of Corsica's départements 2A and 2B. Of rows of fifteen digits one in 2000 is a number with a month
// that there is; one whose month is not known, or of somebody who was not born there (7, 8), needs a word of context.
var nirForms = []form{
	{kind: FRNIR, text: "9 99 99 99 999 999 99", base: 95, check: validNIR},
	{kind: FRNIR, text: "9 99 99 9C 999 999 99", base: 95, check: validNIR},
	{kind: FRNIR, text: "9999999999999 99", base: 90, check: validNIR},
	{kind: FRNIR, text: "999999C999999 99", base: 90, check: validNIR},
	{kind: FRNIR, text: "999999999999999", base: 75, check: native(validNIR)},
	{kind: FRNIR, text: "999999C99999999", base: 75, check: native(validNIR)},
	{kind: FRNIR, text: "999999999999999", base: 45, check: validNIR},
	{kind: FRNIR, text: "999999C99999999", base: 45, check: validNIR},
}

// validNIR says whether the parts may be those of a person and the key is 97 less the number modulo 97, in which 2A is
// 19 and 2B is 18 (INSEE). Months from 20 on stand for one that is not known.
func validNIR(d []byte) bool {
	var n [13]byte
	copy(n[:], d)
	switch {
	case d[6] == 'A' && d[5] == '2':
		n[5], n[6] = '1', '9'
	case d[6] == 'B' && d[5] == '2':
		n[5], n[6] = '1', '8'
	case !isDigit(d[6]):
		return false
	}
	month, where, key := decimal(d[3:5]), decimal(n[5:7]), decimal(d[13:15])
	sexes := d[0] == '1' || d[0] == '2' || d[0] == '7' || d[0] == '8'
	months := month >= 1 && month <= 12 || month >= 20 && month <= 42 || month >= 50
	return sexes && months && where > 0 && decimal(d[7:10]) > 0 && decimal(d[10:13]) > 0 && key == 97-decimal(n[:])%97
}

// native is check for numbers of those born there, in a month of the year.
func native(check func([]byte) bool) func([]byte) bool {
	return func(d []byte) bool { return d[0] <= '2' && decimal(d[3:5]) <= 12 && check(d) }
}
