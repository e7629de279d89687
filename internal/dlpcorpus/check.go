package dlpcorpus

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// withCheck returns s followed by the one digit of all ten with which it is valid.
func withCheck(s string, valid func(string) bool) string {
	for _, c := range digits {
		if valid(s + string(c)) {
			return s + string(c)
		}
	}
	return ""
}

// luhn adds up the digits from behind, by what a digit at an even place counts, which is written out.
func luhn(s string) bool {
	const twice = "0246813579"
	sum := 0
	for i := range len(s) {
		c := s[len(s)-1-i]
		if i%2 == 1 {
			c = twice[c-'0']
		}
		sum += int(c - '0')
	}
	return sum%10 == 0
}

// mod97 is the remainder of the whole number, letters written as numbers.
func mod97(s string) int {
	var b strings.Builder
	for _, c := range s {
		if c >= 'A' {
			b.WriteString(strconv.Itoa(int(c-'A') + 10))
		} else {
			b.WriteRune(c)
		}
	}
	n, _ := new(big.Int).SetString(b.String(), 10)
	return int(new(big.Int).Mod(n, big.NewInt(97)).Int64())
}

// iban returns the country, the check digits and the account.
func iban(country, account string) string {
	return fmt.Sprintf("%s%02d%s", country, 98-mod97(account+country+"00"), account)
}

// scalar is the sum of the digits of s by weights.
func scalar(s string, weights ...int) (sum int) {
	for i, w := range weights {
		d, _ := strconv.Atoi(s[i : i+1])
		sum += w * d
	}
	return sum
}

// nhs: eleven less the remainder of the weighted sum is the last digit, eleven is written as 0, ten is never given
// out.
func nhs(s string) bool {
	check := 11 - scalar(s, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11
	return check%11 == int(s[9]-'0') && check != 10
}

// bsn: the remainder of the weighted sum of the first eight is the ninth.
func bsn(s string) bool { return scalar(s, 9, 8, 7, 6, 5, 4, 3, 2)%11 == int(s[8]-'0') }

// tfn: the weighted sum of all nine leaves nothing.
func tfn(s string) bool { return scalar(s, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0 }

// steuer: the procedure of the Bundeszentralamt für Steuern, step by step as its leaflet has it.
func steuer(s string) bool {
	product := 10
	for i := range 10 {
		sum := (int(s[i]-'0') + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	check := 11 - product
	if check == 10 {
		check = 0
	}
	return check == int(s[10]-'0')
}

// cpf: a remainder under two is 0, others are taken from eleven.
func cpf(nine string) string {
	for _, weights := range [][]int{{10, 9, 8, 7, 6, 5, 4, 3, 2}, {11, 10, 9, 8, 7, 6, 5, 4, 3, 2}} {
		check := 0
		if rest := scalar(nine, weights...) % 11; rest >= 2 {
			check = 11 - rest
		}
		nine += strconv.Itoa(check)
	}
	return nine
}

// verhoeff looks up the products and permutations that Verhoeff printed.
func verhoeff(s string) bool {
	product := [10]string{"0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043", "8765932104", "9876543210"}
	permuted := [8]string{"0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"}
	c := byte('0')
	for i := range len(s) {
		c = product[c-'0'][permuted[i%8][s[len(s)-1-i]-'0']-'0']
	}
	return c == '0'
}

// pesel: the last digit fills the weighted sum up to a ten.
func pesel(s string) bool {
	return (10-scalar(s, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10 == int(s[10]-'0')
}

// codice returns the check letter of the first fifteen characters, by the table of the decree.
func codice(s string) string {
	odd := map[rune]int{
		'0': 1, '1': 0, '2': 5, '3': 7, '4': 9, '5': 13, '6': 15, '7': 17, '8': 19, '9': 21, 'A': 1, 'B': 0, 'C': 5, 'D': 7, 'E': 9, 'F': 13,
		'G': 15, 'H': 17, 'I': 19, 'J': 21, 'K': 2, 'L': 4, 'M': 18, 'N': 20, 'O': 11, 'P': 3, 'Q': 6, 'R': 8, 'S': 12, 'T': 14, 'U': 16,
		'V': 10, 'W': 22, 'X': 25, 'Y': 24, 'Z': 23,
	}
	sum := 0
	for i, c := range s {
		switch {
		case i%2 == 0:
			sum += odd[c]
		case c >= 'A':
			sum += int(c - 'A')
		default:
			sum += int(c - '0')
		}
	}
	return uppers[sum%26 : sum%26+1]
}

// crc62 is the CRC-32 of s, bit by bit, in six digits to the base of 62.
func crc62(s string) string {
	crc := ^uint32(0)
	for i := range len(s) {
		crc ^= uint32(s[i])
		for range 8 {
			lowest := crc & 1
			crc >>= 1
			if lowest == 1 {
				crc ^= 0xedb88320
			}
		}
	}
	n := ^crc
	out := ""
	for range 6 {
		out = string(alnum[n%62]) + out
		n /= 62
	}
	return out
}
