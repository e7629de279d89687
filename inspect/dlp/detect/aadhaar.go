package detect

// aadhaarForms are those of Indian Aadhaar numbers: twelve digits in groups of four.
var aadhaarForms = []form{
	{kind: INAadhaar, text: "9999 9999 9999", base: 60, check: validAadhaar},
	{kind: INAadhaar, text: "9999-9999-9999", base: 60, check: validAadhaar},
	{kind: INAadhaar, text: "999999999999", base: 40, check: validAadhaar},
}

// validAadhaar says whether the number begins with 2 to 9 (UIDAI, "A UID Numbering Scheme"), checks, and does not read
// the same from behind.
func validAadhaar(d []byte) bool { return d[0] >= '2' && !mirrored(d) && verhoeff(d) }

func mirrored(d []byte) bool {
	for i := range len(d) / 2 {
		if d[i] != d[len(d)-1-i] {
			return false
		}
	}
	return true
}

// verhoeff says whether d checks by the dihedral group of order 10 (J. Verhoeff, Error Detecting Decimal Codes, 1969).
// The product of a and b in that group is computed rather than looked up: rotations are 0 to 4, reflections 5 to 9.
func verhoeff(d []byte) bool {
	sum := 0
	for i := range d {
		sum = dihedral(sum, verhoeffPermuted[i%8][d[len(d)-1-i]-'0'])
	}
	return sum == 0
}

func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b)%5
	case b < 5:
		return 5 + (a-b)%5
	}
	return (a - b + 5) % 5
}

// verhoeffPermuted is Verhoeff's permutation, applied no times, once, twice …
var verhoeffPermuted = func() (p [8][10]int) {
	once := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	for d := range 10 {
		p[0][d] = d
	}
	for i := 1; i < len(p); i++ {
		for d := range 10 {
			p[i][d] = once[p[i-1][d]]
		}
	}
	return p
}()
