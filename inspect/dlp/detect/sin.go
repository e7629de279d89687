package detect

// sinForms are those of Canadian social insurance numbers. French companies write their SIREN in the same way and with
// the same check, so a word of context is needed.
var sinForms = []form{
	{kind: CASIN, text: "999 999 999", base: 48, check: validSIN},
	{kind: CASIN, text: "999-999-999", base: 48, check: validSIN},
	{kind: CASIN, text: "999999999", base: 40, check: validSIN},
}

// validSIN says whether the check digit is right. No region has 0 or 8 (Employment and Social Development Canada, SIN
// Code of Practice).
func validSIN(d []byte) bool { return d[0] != '0' && d[0] != '8' && !same(d) && luhn(d) }
