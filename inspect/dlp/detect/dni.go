package detect

// dniForms are those of the Spanish DNI (eight digits and a letter) and of the NIE of foreigners (X, Y or Z before
// seven digits). One letter in 23 is right by chance, so that what is written without a dash needs a word of context.
var dniForms = []form{
	{kind: ESDNI, text: "99999999-A", base: 60, check: validDNI},
	{kind: ESDNI, text: "99.999.999-A", base: 80, check: validDNI},
	{kind: ESDNI, text: "99999999A", base: 45, check: validDNI},
	{kind: ESDNI, text: "99999999 A", base: 40, check: validDNI},
	{kind: ESDNI, text: "99.999.999A", base: 45, check: validDNI},
	{kind: ESDNI, text: "99.999.999 A", base: 45, check: validDNI},
	{kind: ESDNI, text: "A-9999999-A", base: 75, check: validDNI},
	{kind: ESDNI, text: "A9999999-A", base: 65, check: validDNI},
	{kind: ESDNI, text: "A9999999A", base: 45, check: validDNI},
}

const dniLetters = "TRWAGMYFPDXBNJZSQVHLCKE"

// validDNI says whether the letter is that of the number modulo 23, in which X, Y and Z are 0, 1 and 2 (Ministerio del
// Interior, "Cálculo del dígito de control del NIF/NIE").
func validDNI(v []byte) bool {
	var d [8]byte
	copy(d[:], v)
	if !isDigit(v[0]) {
		if v[0] < 'X' {
			return false
		}
		d[0] = v[0] - 'X' + '0'
	}
	return !same(d[:]) && dniLetters[decimal(d[:])%23] == v[8]
}
