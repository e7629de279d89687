package detect

// personForms are those of Swedish personal identity numbers: the day of birth, a dash (from the hundredth birthday on
// a plus) and four digits. What can be the time of a day behind a day is left to words of context.
var personForms = []form{
	{kind: SEPersonnummer, text: "999999-9999", base: 75, check: untimely(validPersonnummer)},
	{kind: SEPersonnummer, text: "99999999-9999", base: 85, check: untimely(validPersonnummer)},
	{kind: SEPersonnummer, text: "999999+9999", base: 75, check: validPersonnummer},
	{kind: SEPersonnummer, text: "999999-9999", base: 45, check: validPersonnummer},
	{kind: SEPersonnummer, text: "99999999-9999", base: 45, check: validPersonnummer},
	{kind: SEPersonnummer, text: "999999999999", base: 40, check: validPersonnummer},
	{kind: SEPersonnummer, text: "9999999999", base: 40, check: validPersonnummer},
}

// validPersonnummer says whether the first digits are a day, or one to which 60 is added (a coordination number), in
// this century or the last, and the last ten digits check (Skatteverket, SKV 704).
func validPersonnummer(d []byte) bool {
	if len(d) == 12 {
		if c := string(d[:2]); c != "19" && c != "20" {
			return false
		}
		d = d[2:]
	}
	month, day := int(decimal(d[2:4])), int(decimal(d[4:6]))
	if day > 60 {
		day -= 60
	}
	return isDate(month, day) && luhn(d)
}

// untimely is check for numbers whose last four digits are no time of day, or whose first are a day before there were logs.
func untimely(check func([]byte) bool) func([]byte) bool {
	return func(d []byte) bool {
		hour, minute := decimal(d[len(d)-4:len(d)-2]), decimal(d[len(d)-2:])
		early := len(d) == 12 && d[0] == '1' || len(d) == 10 && d[0] >= '4' && d[0] <= '8'
		return (hour > 23 || minute > 59 || early) && check(d)
	}
}
