package detect

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestColumnsAreNamed: in the record of a table each number is what the name of its column says, and only that. Each text has the numbers that are found behind it.
func TestColumnsAreNamed(t *testing.T) {
	for _, c := range []struct {
		text, want string
	}{
		{"name,ssn,note\nBob Smith,536224587,x\nAnn Lee,536224588,y\n", "us-ssn 536224587, us-ssn 536224588"},
		{"ssn,account\n536224587,536224588\n", "us-ssn 536224587"},
		{"id;Sozialversicherung;SSN\r\n1;2;536224587\r\n", "us-ssn 536224587"},
		{"\ufeff\"Name\"\t\"Tax File Number\"\nx\t123456782\n", "au-tfn 123456782"},
		{"name,city,tfn\n\"Smith, Bob\",\"Perth, WA\",123456782\n", "au-tfn 123456782"},
		{"name,tfn,city\n\"Smith, Bob\",Perth,123456782\n", ""},
		{"| name | tfn |\n|---|---|\n| Bob | 123456782 |\n", "au-tfn 123456782"},
		{"| Feld | Wert |\n|---|---|\n| name | Bob |\n| TFN | 123456782 |\n| zip | 876543210 |\n", "au-tfn 123456782"},
		{",tfn,name\n0,123456782,x\n", "au-tfn 123456782"},
		{"isbn10,nhsNo\n9434765919,x\n", ""},
		{"tracking,note\n4111111111111111,4111111111111111\n", "card 4111111111111111"},
		{"note,tracking\n\"her tfn is 123456782\",x\n", "au-tfn 123456782"},
		{"type,number\nTFN,123456782\n", "au-tfn 123456782"},
		{"name,tfn\n" + strings.Repeat("some,one\n", 500) + "Bob,123456782\n", "au-tfn 123456782"},
		{"name,tfn\nx," + strings.Repeat("y", maxRecord) + " 123456782\nx,123456783\nx,123456782", "au-tfn 123456782"},
		{"tfn\n" + strings.Repeat("x", ContextBytes) + "\n123456782\n", ""},                                         // one column is no table
		{"Hi Bob, your tfn\n" + strings.Repeat("x", ContextBytes) + ", 123456782\n", ""},                            // nor is a sentence
		{"a,tfn,4711\n" + strings.Repeat("x", ContextBytes) + ",123456782\n", ""},                                   // nor records without a header line
		{strings.Repeat("a", maxTitle+1) + ",tfn\n" + strings.Repeat("x", ContextBytes) + ",123456782\n", ""},       // nor what is too long for a name,
		{strings.Repeat("a,", maxColumns) + "tfn\n" + strings.Repeat("x,", maxColumns) + "123456782\n", ""},         // too many columns,
		{strings.Repeat("abcdefg,", maxHeader/8) + "tfn\n" + strings.Repeat("x,", maxHeader/8) + "123456782\n", ""}, // too long a line
	} {
		var got []string
		for _, f := range scan(everything, c.text) {
			got = append(got, f.Kind.String()+" "+f.text)
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%.120q: found %q, want %q", c.text, s, c.want)
		}
	}
}

// TestTablesAreCutAnywhere makes tables, some of them none, and cuts them.
func TestTablesAreCutAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	names := []string{"ssn", "TFN", "card number", "order_id", "name", "", `"nhs, no"`, "a1234", "tracking", "pesel", "password", "api key", "x:y", strings.Repeat("long", 9)}
	fields := []string{"536224587", "123456782", "4111111111111111", "9434765919", "Bob", "", `"Smith, ""Bob"""`, `"a` + "\n" + `b"`, "44051401359", "her ssn is 536224587", "TFN", "hunTer2!x", "`b2-x9_Q!`", "9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"}
	found := 0
	for range 300 {
		sep := []string{",", ";", "\t", "|"}[r.IntN(4)]
		end := []string{"\n", "\r\n"}[r.IntN(2)]
		columns := 1 + r.IntN(5)
		var b strings.Builder
		for row := range 1 + r.IntN(8) {
			for i := range columns {
				from := fields
				if row == 0 {
					from = names
				}
				if i > 0 {
					b.WriteString(sep)
				}
				b.WriteString(from[r.IntN(len(from))])
			}
			b.WriteString(end)
		}
		text := b.String()
		checkLaw(t, everything, text, r)
		for _, f := range scan(everything, text) {
			if f.Context {
				found++
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d values had a word of context", found)
	}
}

// TestTablesInPartsAreTheSame: it does not matter in what parts a table is written.
func TestTablesInPartsAreTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	for range 3000 {
		text := make([]byte, r.IntN(80))
		for i := range text {
			text[i] = "abtfn,;|\t\"\n\r 1:"[r.IntN(15)]
		}
		var whole, parts Table
		whole.Write(text)
		for rest := text; len(rest) > 0; {
			n := 1 + r.IntN(len(rest))
			parts.Write(rest[:n])
			rest = rest[n:]
		}
		if whole.None() != parts.None() || !whole.None() && whole != parts {
			t.Fatalf("%q: %+v at once, %+v in parts", text, whole, parts)
		}
	}
}

// TestColumnsOfSecrets: what stands in a column that is called as secrets are is found as if it were assigned to that name.
func TestColumnsOfSecrets(t *testing.T) {
	const aws, twilio = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzKq8mP3vLs", "3f9a1c7be4d2086b5a7cf1e9d3048b62"
	for _, c := range []struct {
		text, want string
	}{
		{"user,password,host\nbob,hunTer2!x,db1\nann,s3cr.et99,db2", "secret hunTer2!x, secret s3cr.et99"},
		{"user;Passwort\r\nbob;\"hunTer2,x\"\r\nann;\r\n", "secret hunTer2,x"},
		{"| user | password |\n|---|---|\n| bob | `hunTer2!x` |\n", "secret hunTer2!x"},
		{"id\tapi_key\tcity\n1\t9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c\tOslo\n", "secret 9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"},
		{"total,secretAccessKey,article\n38," + aws + ",2\n38,,2\n", "aws-secret-key " + aws},
		{"twilio_auth_token;x\n" + twilio + ";" + twilio + "\n", "twilio-key " + twilio},
		{
			"account,storage account key\nx,Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==\n",
			"azure-storage-key Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
		},
		{"user,password\n" + strings.Repeat("x,y\n", 200) + "bob,hunTer2!x\n", "secret hunTer2!x"},
		{"user,password_hash,csrf_token\nbob,hunTer2!x,9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c\n", ""},
		{"user,password,note\nbob,changeme1,hunTer2!x\nann,two words1,\n", ""},
		{"user,test password\nbob,hunTer2!x\n", ""},
		{"the password, they said\nbob, hunTer2!x\n", ""},
		{"password\nhunTer2!x\n", ""},
	} {
		var got []string
		for _, f := range scan(everything, c.text) {
			got = append(got, f.Kind.String()+" "+f.text)
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%.120q: found %q, want %q", c.text, s, c.want)
		}
		checkLaw(t, everything, c.text, rand.New(rand.NewPCG(35, 36)))
	}
}
