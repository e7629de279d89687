package dlpcorpus

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// A maker makes values of a kind.
type maker struct {
	kind  string
	names []string // what people and programs call it
	// make returns a value, and whether it needs its name to be told from other numbers.
	make func(r *source) (value string, bare bool)
}

var makers = []maker{
	{"card", []string{"card number", "credit card", "cc", "kreditkarte", "carte bancaire", "tarjeta"}, makeCard},
	{"iban", []string{"IBAN", "account", "Konto"}, makeIBAN},
	{"uk-nhs", []string{"NHS number", "NHS no", "nhs"}, func(r *source) (string, bool) {
		s := until(func() string { return r.digits(10) }, nhs)
		return r.pick(s, grouped(s, " ", 3, 3, 4), grouped(s, "-", 3, 3, 4)), true
	}},
	{"ca-sin", []string{"SIN", "social insurance number", "NAS"}, func(r *source) (string, bool) {
		s := withCheck(r.of("12345679", 1)+r.digits(7), luhn)
		return r.pick(s, grouped(s, " ", 3), grouped(s, "-", 3)), true
	}},
	{"de-steuerid", []string{"Steuer-ID", "Steueridentifikationsnummer", "IdNr", "tax id"}, makeSteuerID},
	{"fr-nir", []string{"NIR", "numéro de sécurité sociale", "sécu"}, makeNIR},
	{"es-dni", []string{"DNI", "NIE", "NIF"}, makeDNI},
	{"it-codicefiscale", []string{"codice fiscale", "CF"}, makeCodice},
	{"br-cpf", []string{"CPF", "CPF do contribuinte"}, func(r *source) (string, bool) {
		s := cpf(r.digits(9))
		if r.chance(30) {
			return s, true
		}
		return s[:3] + "." + s[3:6] + "." + s[6:9] + "-" + s[9:], false
	}},
	{"in-aadhaar", []string{"Aadhaar", "aadhaar number", "UIDAI"}, func(r *source) (string, bool) {
		s := withCheck(r.of("23456789", 1)+r.digits(10), verhoeff)
		if r.chance(30) {
			return s, true
		}
		return grouped(s, r.pick(" ", "-"), 4), false
	}},
	{"pl-pesel", []string{"PESEL", "nr PESEL"}, func(r *source) (string, bool) {
		century := r.pick("0", "2")
		year := r.between(0, 99)
		if century == "2" {
			year %= 25
		}
		month := r.between(1, 12)
		return withCheck(fmt.Sprintf("%02d%c%d%02d", year, century[0]+byte(month/10), month%10, r.between(1, 28))+r.digits(4), pesel), true
	}},
	{"nl-bsn", []string{"BSN", "burgerservicenummer", "sofinummer"}, func(r *source) (string, bool) {
		return until(func() string { return r.digits(9) }, bsn), true
	}},
	{"se-personnummer", []string{"personnummer", "pnr"}, makePerson},
	{"au-tfn", []string{"TFN", "tax file number"}, func(r *source) (string, bool) {
		s := until(func() string { return r.digits(9) }, tfn)
		return r.pick(s, grouped(s, " ", 3)), true
	}},
	{"us-ssn", []string{"SSN", "social security number", "ssn_number"}, func(r *source) (string, bool) {
		area := until(func() string { return r.digits(3) }, func(s string) bool { return s[0] != '9' && s != "666" && s != "000" })
		return r.social(area, fmt.Sprintf("%02d", r.between(1, 99)))
	}},
	{"us-itin", []string{"ITIN", "taxpayer identification number", "taxpayer id"}, func(r *source) (string, bool) {
		return r.social("9"+r.digits(2), fmt.Sprintf("%02d", until2(func() int { return r.between(50, 99) })))
	}},
	{"private-key", []string{"key", "identity"}, func(r *source) (string, bool) {
		label := r.pick("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "DSA PRIVATE KEY")
		return "-----BEGIN " + label + "-----" + r.pick("\n", "\r\n", "\\n") + r.of(standard, 64), false
	}},
	token("aws-access-key", "AKIA|ASIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, 16),
	{"aws-secret-key", []string{"aws_secret_access_key", "AWS_SECRET_KEY", "aws.secretKey", "awsSecretAccessKey"}, func(r *source) (string, bool) {
		return r.of(standard, 40), true
	}},
	{"github-token", []string{"token", "GITHUB_TOKEN"}, func(r *source) (string, bool) {
		if r.chance(20) {
			return "github_pat_" + r.of(alnum, 22) + "_" + r.of(alnum, 59), false
		}
		s := r.of(alnum, 30)
		return r.pick("ghp_", "gho_", "ghu_", "ghs_", "ghr_") + s + crc62(s), false
	}},
	token("gitlab-token", "glpat-|gldt-|glrt-|glsoat-", urlSafe, 20, 20),
	{"slack-token", []string{"slack", "bot token"}, func(r *source) (string, bool) {
		return r.pick("xoxb-", "xoxp-") + r.digits(12) + "-" + r.digits(13) + "-" + r.of(alnum, 24), false
	}},
	{"slack-webhook", []string{"webhook", "url"}, func(r *source) (string, bool) {
		return "hooks.slack.com/services/T" + r.of(digits+uppers, 10) + "/B" + r.of(digits+uppers, 10) + "/" + r.of(alnum, 24), false
	}},
	token("stripe-key", "sk_live_|rk_live_|sk_test_", alnum, 24, 99),
	token("google-api-key", "AIza", urlSafe, 35, 35),
	token("google-oauth", "GOCSPX-", urlSafe, 28, 28),
	{"npm-token", []string{"token", "_authToken"}, func(r *source) (string, bool) {
		s := r.of(alnum, 30)
		return "npm_" + s + crc62(s), false
	}},
	token("pypi-token", "pypi-AgEIcHlwaS5vcmc", urlSafe, 100, 160),
	{"sendgrid-key", []string{"SENDGRID_API_KEY", "key"}, func(r *source) (string, bool) {
		return "SG." + r.of(urlSafe, 22) + "." + r.of(urlSafe, 43), false
	}},
	token("twilio-key", "SK", hexadec, 32, 32),
	{"discord-token", []string{"token", "DISCORD_TOKEN"}, func(r *source) (string, bool) {
		id := base64.RawURLEncoding.EncodeToString([]byte(r.of("123456789", 1) + r.digits(r.between(16, 18))))
		return id + "." + r.of(urlSafe, 6) + "." + r.of(urlSafe, 38), false
	}},
	{"telegram-token", []string{"token", "bot"}, func(r *source) (string, bool) {
		return r.of("123456789", 1) + r.digits(r.between(8, 9)) + ":AA" + r.of(urlSafe, 33), false
	}},
	{"openai-key", []string{"OPENAI_API_KEY", "key"}, func(r *source) (string, bool) {
		if r.chance(50) {
			return "sk-" + r.of(alnum, 20) + "T3BlbkFJ" + r.of(alnum, 20), false
		}
		return "sk-proj-" + r.of(urlSafe, 74) + "T3BlbkFJ" + r.of(urlSafe, 74), false
	}},
	{"anthropic-key", []string{"ANTHROPIC_API_KEY", "key"}, func(r *source) (string, bool) {
		return "sk-ant-api03-" + r.of(urlSafe, 93) + "AA", false
	}},
	{"azure-storage-key", []string{"AccountKey", "azure_storage_key", "AZURE_STORAGE_ACCOUNT_KEY"}, func(r *source) (string, bool) {
		return r.of(standard, 85) + r.of("AQgw", 1) + "==", true
	}},
	{"jwt", []string{"token", "session"}, func(r *source) (string, bool) {
		header := fmt.Sprintf(`{"alg":%q,"typ":"JWT","kid":%q}`, r.pick("HS256", "RS256", "ES256"), r.of(alnum, r.between(1, 20)))
		body := fmt.Sprintf(`{"sub":%q,"iat":%s}`, r.digits(10), r.digits(10))
		e := base64.RawURLEncoding
		return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(body)) + "." + r.of(urlSafe, 43), false
	}},
}

func until2(draw func() int) int {
	for {
		if n := draw(); n <= 65 || n >= 70 && n != 89 && n != 93 {
			return n
		}
	}
}

// token is a maker of a prefix, one of those in prefixes, and min to max characters of the alphabet.
func token(kind, prefixes, alphabet string, min, max int) maker {
	return maker{kind, []string{"key", "value", "token"}, func(r *source) (string, bool) {
		return r.pick(strings.Split(prefixes, "|")...) + r.of(alphabet, r.between(min, max)), false
	}}
}

// designs are cards of the networks. What begins like a common one can be told by its digits alone.
var designs = []struct {
	prefixes []string
	n        int
	lens     []int
	common   bool
}{
	{[]string{"4"}, 16, []int{4}, true},
	{[]string{"51", "52", "53", "54", "55"}, 16, []int{4}, true},
	{[]string{"34", "37"}, 15, []int{4, 6, 5}, true},
	{[]string{"6011"}, 16, []int{4}, true},
	{[]string{"2221", "2500", "2720"}, 16, []int{4}, false},
	{[]string{"65", "644"}, 16, []int{4}, false},
	{[]string{"3528", "3589"}, 16, []int{4}, false},
	{[]string{"6250", "6288"}, 16, []int{4}, false},
	{[]string{"36", "38"}, 14, []int{4, 6, 4}, false},
	{[]string{"6759", "5018"}, 16, []int{4}, false},
}

func makeCard(r *source) (string, bool) {
	d := designs[r.IntN(len(designs))]
	prefix := r.pick(d.prefixes...)
	s := withCheck(prefix+r.digits(d.n-1-len(prefix)), luhn)
	if r.chance(40) {
		return s, !d.common
	}
	return grouped(s, r.pick(" ", "-"), d.lens...), false
}

func makeIBAN(r *source) (string, bool) {
	var s string
	switch r.IntN(8) {
	case 0:
		s = iban("DE", r.digits(18))
	case 1:
		s = iban("GB", r.of(uppers, 4)+r.digits(14))
	case 2:
		s = iban("FR", r.digits(10)+r.of(digits+uppers, 11)+r.digits(2))
	case 3:
		s = iban("NL", r.of(uppers, 4)+r.digits(10))
	case 4:
		s = iban("NO", r.digits(11))
	case 5:
		s = iban("PL", r.digits(24))
	case 6:
		s = iban("MT", r.of(uppers, 4)+r.digits(5)+r.of(digits+uppers, 18))
	case 7:
		s = iban("CH", r.digits(5)+r.of(digits+uppers, 12))
	}
	if r.chance(50) {
		return s, false
	}
	return grouped(s, " ", 4), false
}

// makeSteuerID draws ten digits of which one occurs twice, and the check digit.
func makeSteuerID(r *source) (string, bool) {
	p := r.Perm(10)
	p[9] = p[r.IntN(9)]
	r.Shuffle(10, func(i, j int) { p[i], p[j] = p[j], p[i] })
	if p[0] == 0 {
		return makeSteuerID(r)
	}
	s := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(p)), ""), "[]")
	s = withCheck(s, steuer)
	if r.chance(50) {
		return s, true
	}
	return grouped(s, " ", 2, 3), false
}

func makeNIR(r *source) (string, bool) {
	where, number := fmt.Sprintf("%02d", r.between(1, 95)), ""
	if where == "20" {
		where = "21"
	}
	number = where
	if r.chance(20) {
		where, number = "2A", "19"
	}
	head, tail := fmt.Sprintf("%d%02d%02d", r.between(1, 2), r.between(0, 99), r.between(1, 12)), fmt.Sprintf("%03d%03d", r.between(1, 989), r.between(1, 999))
	s := head + where + tail + fmt.Sprintf("%02d", 97-mod97(head+number+tail))
	return r.pick(s, grouped(s, " ", 1, 2, 2, 2, 3, 3, 2), s[:13]+" "+s[13:]), false
}

func makeDNI(r *source) (string, bool) {
	letters := "TRWAGMYFPDXBNJZSQVHLCKE"
	if r.chance(40) {
		first := r.IntN(3)
		s := r.digits(7)
		letter := letters[mod23(fmt.Sprint(first)+s)]
		if r.chance(50) {
			return string("XYZ"[first]) + s + string(letter), true
		}
		return fmt.Sprintf("%c-%s-%c", "XYZ"[first], s, letter), false
	}
	s := r.digits(8)
	letter := letters[mod23(s)]
	if r.chance(50) {
		return s + string(letter), true
	}
	return s + "-" + string(letter), false
}

func mod23(s string) (n int) {
	for _, c := range s {
		n = (10*n + int(c-'0')) % 23
	}
	return n
}

func makeCodice(r *source) (string, bool) {
	day := r.between(1, 28)
	if r.chance(50) {
		day += 40
	}
	s := r.of("BCDFGLMNPRST", 6) + fmt.Sprintf("%02d%s%02d", r.between(30, 99), r.of("ABCDEHLMPRST", 1), day) + r.of("ABCDEFGHIL", 1) + r.digits(3)
	return s + codice(s), false
}

func makePerson(r *source) (string, bool) {
	s := withCheck(fmt.Sprintf("%02d%02d%02d", r.between(0, 99), r.between(1, 12), r.between(1, 28))+r.digits(3), luhn)
	timely := s[6:8] < "24" && s[8:] < "60"
	switch r.IntN(4) {
	case 0:
		return "19" + s, true
	case 1:
		return "19" + s[:6] + "-" + s[6:], timely
	}
	return s[:6] + "-" + s[6:], timely
}

// social writes a US number.
func (r *source) social(area, group string) (string, bool) {
	s := fmt.Sprintf("%s%s%04d", area, group, r.between(1, 9999))
	if r.chance(30) {
		return s, true
	}
	if r.chance(25) {
		return grouped(s, " ", 3, 2, 4), true
	}
	return grouped(s, "-", 3, 2, 4), false
}
