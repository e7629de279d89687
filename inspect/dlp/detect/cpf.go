package detect

// cpfForms are those of the Brazilian CPF. One row of eleven digits in a hundred checks, and phone numbers have as
// many: a bare one needs a word of context.
var cpfForms = []form{
	{kind: BRCPF, text: "999.999.999-99", base: 95, check: validCPF},
	{kind: BRCPF, text: "999999999-99", base: 75, check: validCPF},
	{kind: BRCPF, text: "99999999999", base: 45, check: validCPF},
}

// validCPF says whether both check digits are right: each is eleven less the weighted sum modulo 11, and 0 where that
// has two digits (Receita Federal). Eleven equal digits check and are not issued.
func validCPF(d []byte) bool {
	first := weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	second := weighted(d, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	return !same(d) && first == int(d[9]-'0') && second == int(d[10]-'0')
}
