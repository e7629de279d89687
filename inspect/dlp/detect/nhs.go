package detect

// nhsForms are those of NHS numbers (NHS Data Dictionary, "NHS NUMBER"): ten digits, 3-3-4. Phone numbers of North
// America look the same, and one in eleven of them checks, so a word of context is needed.
var nhsForms = []form{
	{kind: UKNHS, text: "999 999 9999", base: 48, check: validNHS},
	{kind: UKNHS, text: "999-999-9999", base: 45, check: validNHS},
	{kind: UKNHS, text: "9999999999", base: 45, check: validNHS},
}

// validNHS says whether the weighted sum of all ten digits is a multiple of 11; a check digit of ten is not
// issued, and cannot be written.
func validNHS(d []byte) bool {
	return !same(d) && weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}
