package detect

// tfnForms are those of Australian tax file numbers. One row of nine digits in eleven checks, so a word of context
// is needed.
var tfnForms = []form{
	{kind: AUTFN, text: "999 999 999", base: 48, check: validTFN},
	{kind: AUTFN, text: "999-999-999", base: 45, check: validTFN},
	{kind: AUTFN, text: "999999999", base: 40, check: validTFN},
}

// validTFN says whether the weighted sum is a multiple of 11 (Australian Taxation Office).
func validTFN(d []byte) bool {
	return !same(d) && weighted(d, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0
}
