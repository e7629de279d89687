package detect

// bsnForms are those of the Dutch burgerservicenummer. One row of nine digits in eleven checks, so a word of
// context is needed.
var bsnForms = []form{
	{kind: NLBSN, text: "999999999", base: 40, check: validBSN},
	{kind: NLBSN, text: "9999.99.999", base: 48, check: validBSN},
	{kind: NLBSN, text: "999 999 999", base: 40, check: validBSN},
	{kind: NLBSN, text: "999.999.999", base: 40, check: validBSN},
	{kind: NLBSN, text: "9999 99 999", base: 45, check: validBSN},
}

// validBSN is the elfproef: the weighted sum, in which the last digit counts negatively, is a multiple of 11 (Logisch
// Ontwerp BSN).
func validBSN(d []byte) bool {
	return !same(d) && weighted(d, 9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0
}
