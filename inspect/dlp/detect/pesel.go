package detect

// peselForms is that of the Polish PESEL. With the date of birth one row of eleven digits in 200 is valid, so that a word of context is needed.
var peselForms = []form{
	{kind: PLPESEL, text: "99999999999", base: 45, check: validPESEL},
}

// validPESEL says whether the first six digits are a day from 1900 to 2039, in which 20 is added to the months of this
// century, and the last digit checks (Ustawa o ewidencji ludności, art. 15).
func validPESEL(d []byte) bool {
	month, day := int(decimal(d[2:4])), int(decimal(d[4:6]))
	if month > 20 && decimal(d[:2]) < 40 {
		month -= 20
	}
	return isDate(month, day) && weighted(d, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0
}
