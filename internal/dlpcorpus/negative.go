package dlpcorpus

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// negative returns a text without any value.
func (r *source) negative() Case {
	sorts := []func(*source) Case{
		orders, uuids, timestamps, otherNumbers, hashes, versions, code, invented, neutral, wrongChecks, dumps, encoded, addresses,
		columns, references,
	}
	return sorts[r.IntN(len(sorts))](r)
}

func plain(sort, s string) Case { return Case{Sort: sort, Text: s} }

// orders are numbers that their word says what they are. One in three has a check digit that is right for a card.
func orders(r *source) Case {
	s := r.digits(r.between(8, 19))
	if r.chance(33) {
		s = withCheck(r.pick("4", "51", "37", "6011", "9", "1")+r.digits(13), luhn)
	}
	if r.chance(30) {
		s = grouped(s, r.pick("-", " "), r.between(3, 4))
	}
	word := r.pick("Order", "order number", "Invoice no.", "tracking", "Bestellung", "Rechnung Nr.", "commande", "Ticket", "order_id", "Shipment", "ref", "SKU", "parcel",
		"serial", "transaction id", "case")
	return plain("orders", r.pick("Your ", "", "Re: ")+word+r.pick(" ", ": ", " #", "=")+s+r.pick(" has been shipped.", "\n", "&x=1", ","))
}

func (r *source) uuid() string {
	s := r.of(hexadec, 32)
	if r.chance(20) { // what a careless detector takes for numbers
		s = r.of(digits, 32)
	}
	return grouped(s, "-", 8, 4, 4, 4, 12)
}

func uuids(r *source) Case {
	return plain("uuids", r.pick(`{"id":"`, "GET /v1/items/", "request ", "token: ", "urn:uuid:")+r.uuid()+r.pick(`"}`, " HTTP/1.1", "\n"))
}

func timestamps(r *source) Case {
	d := r.date()
	return plain("timestamps", r.pick("", "at ", `{"created":`, "backup-", "log.")+r.pick("1"+r.digits(9), "1"+r.digits(12), "1"+r.digits(15), "1"+r.digits(18),
		strings.ReplaceAll(d, "-", "")+r.pick("12", "23")+"3059", d+"T10:15:30.123456789Z", strings.ReplaceAll(d, "-", "")+"-2359",
		strings.ReplaceAll(d, "-", "")[2:]+"-1215", d+" 08:00:00,001 +0200", "Mon, 02 Jan 2006 15:04:05 -0700")+r.pick("", "}", ".tar.gz", " [INFO] started"))
}

// otherNumbers are identifiers with check digits of their own.
func otherNumbers(r *source) Case {
	return plain("other numbers", r.pick(
		"IMEI "+withCheck("35"+r.digits(12), luhn), "SIREN "+grouped(withCheck(r.digits(8), luhn), " ", 3), "ISBN 978-3-16-"+r.digits(6)+"-0",
		"EAN 400"+r.digits(10), "GPS 52."+r.digits(6)+", 13."+r.digits(6), "total: "+r.digits(9)+"."+r.digits(2), "VIN WVWZZZ1JZ"+r.digits(8),
		"ICCID "+withCheck("8949"+r.digits(14), luhn), "port "+r.digits(5), "pi is 3.14159265358979", "MAC 00:1b:44:11:3a:b7", "plot 12/345/6789",
		"population 8 336 817", "ISSN 2049-3630", "DOI 10.1000/"+r.digits(9), "EUR 1.234.567,89", "part A"+r.digits(7)+"B", "Δ +"+r.digits(6)))
}

func hashes(r *source) Case {
	h := r.of(hexadec, []int{7, 32, 40, 64, 128}[r.IntN(5)])
	return plain("hashes", r.pick("commit ", "sha256:", "ETag: \"", "md5=", "sha1 token ", "integrity=sha384-", `"etag":"`, "digest: ", "Merge ", "csrf_token=", `"hash":"`)+h+
		r.pick("\n", "\"", "", "-dirty"))
}

func versions(r *source) Case {
	return plain("versions", r.pick("v1.2.3", "jquery-3.6.0.min.js", "Chrome/120.0.6099.109", "1.0.0-rc.1+build.20240501", "libssl1.1_1.1.1n-0+deb11u5_amd64", "lodash@4.17.21",
		"python@3.12.1", "node:20.11.0-alpine3.19", "image@2x.png", "kernel 5.10.0-28-amd64 #1 SMP", "actions/checkout@v4", "go1.22.1", "@angular/core@17.0.8",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "user@localhost", "icon@3x.webp", "git@github.com:weir/weir.git")+" "+r.digits(r.between(1, 6)))
}

// code are lines of programs that speak of secrets and numbers and hold none.
func code(r *source) Case {
	return plain("source code", r.pick(
		`password = os.environ["DB_PASSWORD"]`, `const token = getToken(user.id);`, `if password == "" { return errEmpty }`, `secret: ${{ secrets.DEPLOY_KEY }}`,
		`password: <your-password>`, `private String password;`, `api_key = config.get("api_key")`, `token = parser.next_token()`, `passwordField.setText("")`,
		`type Token struct { Kind int }`, `<input type="password" name="password" autocomplete="current-password">`, `PASSWORD_RESET_TIMEOUT = 259200`,
		`var re = regexp.MustCompile("\\d{3}-\\d{2}-\\d{4}")`, `#define MAX_TOKENS 1000000000`, `x = arr[123456789] + 0x7fffffff`, `secretName: my-app-secret`,
		`Authorization: Bearer ${TOKEN}`, `curl -u user:$PASS https://weir.org`, `password := flag.String("password", "", "the password")`, `url = "http://%s:%s@%s/"`,
		`token_endpoint: https://login.weir.org/oauth2/token`, `mysql://root:password@localhost/db`, `$password = $_POST['password'];`, `assert token.type == NUMBER`,
		`@Override public String toString()`, `-----BEGIN CERTIFICATE-----`, `strings.HasPrefix(s, "-----BEGIN RSA PRIVATE KEY-----")`, `secret_key_base: <%= ENV["SECRET_KEY_BASE"] %>`,
		`export const PASSWORD_MIN_LENGTH = 12`, `"token": "string"`, `tokens = text.split(" ")`, `password=********`, `api_key: YOUR_API_KEY_1234567890`,
		`apiKey: process.env.API_KEY_PROD_2024`, `passwd: files systemd`, `"password": null, "token": undefined`, `credentials: "same-origin"`)+r.pick("", "\n", " // "+r.digits(3)))
}

// invented are values in the form of real ones, in texts that say that they are made up.
func invented(r *source) Case {
	return plain("test data", r.pick(
		"AKIAIOSFODNN7EXAMPLE", "password: changeme123", "api_key=xxxxxxxxxxxxxxxxxxxxxxxx", "ghp_"+strings.Repeat("x", 36), "sk_live_"+strings.Repeat("X", 24),
		"SSN 000-00-0000", "ssn: 078-05-1120", "ssn=123-45-6789", "AIza"+strings.Repeat("_", 35), "token=your-token-goes-here-1234", "dummy number "+r.digits(9),
		"test data: "+withCheck("4"+r.digits(14), luhn), "sample 9"+r.digits(10), "example "+r.digits(12), "secret=${SECRET_123456789abc}",
		"xoxb-your-bot-token-goes-right-here", "glpat-"+strings.Repeat("x", 20), "CPF 111.111.111-11", "card 0000 0000 0000 0000", "+1 000-000-0000"))
}

// neutral are numbers of which nothing is said. Some are valid by chance, as they would be in traffic.
func neutral(r *source) Case {
	s := r.digits(r.between(4, 19))
	return plain("random digits", r.pick("", "x=", "Total ", "<td>", "got ", "\"n\":", "value ")+s+r.pick("", "</td>", " units", "\n", ",", " of "+r.digits(5)))
}

// wrongChecks are values in the right form and with their word, one digit of which is wrong.
func wrongChecks(r *source) Case {
	checked := []string{"card", "iban", "uk-nhs", "ca-sin", "de-steuerid", "fr-nir", "br-cpf", "in-aadhaar", "pl-pesel", "nl-bsn", "au-tfn", "github-token", "npm-token"}
	kind := r.pick(checked...)
	for _, m := range makers {
		if m.kind != kind {
			continue
		}
		v, _ := m.make(r)
		b := []byte(v)
		i := len(b) - 1
		if strings.HasPrefix(v, "github_pat_") || b[i] > '9' {
			return wrongChecks(r)
		}
		b[i] = digits[(int(b[i]-'0')+1+r.IntN(8))%10]
		if b[i] == v[i] {
			return wrongChecks(r)
		}
		return plain("wrong check", m.names[0]+" "+string(b)+" ")
	}
	panic("dlpcorpus: no such kind")
}

// dumps are bytes as hexdump and xxd show them.
func dumps(r *source) Case {
	if r.chance(50) {
		return plain("hexdump", fmt.Sprintf("%08x: %s  ................\n", r.IntN(1<<20)*16, grouped(r.of(hexadec, 32), " ", 4)))
	}
	return plain("hexdump", fmt.Sprintf("%08x  %s  |................|\n", r.IntN(1<<20)*16, grouped(r.of(hexadec, 32), " ", 2)))
}

func encoded(r *source) Case {
	b := make([]byte, r.between(30, 300))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return plain("base64", r.pick("data:image/png;base64,", "", "Content: ", `"blob":"`)+base64.StdEncoding.EncodeToString(b)+r.pick("", "\"", "\n"))
}

func addresses(r *source) Case {
	return plain("addresses", r.pick(
		fmt.Sprintf("192.0.2.%d:%d -> 198.51.100.%d:443", r.IntN(256), r.IntN(65536), r.IntN(256)), "2001:db8::"+r.of(hexadec, 4)+":"+r.of(hexadec, 4),
		"http://weir.org:8080/a@b/c", "https://weir.org/u/"+r.digits(9)+"/p/"+r.digits(12), "ssh://git@weir.org:22/x", "/var/log/"+r.digits(10)+".log",
		"10.0.0.0/8 via 192.0.2.1 dev eth0", "GET /img/"+r.digits(16)+"_n.jpg HTTP/1.1", "Cookie: _ga=GA1.2."+r.digits(9)+"."+"1"+r.digits(9)))
}

// columns are tables of numbers, with spaces, tabs or commas between.
func columns(r *source) Case {
	var b strings.Builder
	sep := r.pick(" ", "\t", ", ", ";")
	n := r.between(2, 6)
	most, _ := strconv.Atoi("1" + strings.Repeat("0", n))
	for range r.between(2, 6) {
		for range r.between(3, 8) {
			fmt.Fprintf(&b, "%*d%s", n+1, r.IntN(most), sep)
		}
		b.WriteString("\n")
	}
	return plain("columns", b.String())
}
