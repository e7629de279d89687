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
		{"x\nINSERT INTO `users` (`id`, `ssn`, `note`) VALUES (1, '536224587', 'a, b (c)'),\n (2,'536224588','it\\'s'), (3, '536224589', 'x''y'); 4, '536224580'", "us-ssn 536224587, us-ssn 536224588, us-ssn 536224589"},
		{"INSERT INTO t (customer_id, ssn) VALUES ('756753956', '403477889');", "us-ssn 403477889"},
		{"insert into orders (bsn_flag, order_no) values (1, 111222333);", ""},
		{"INSERT INTO t(isbn10,nhs_no,password)VALUES('9434765919','9434765919','Winter245!');", "uk-nhs 9434765919, secret Winter245!"},
		{"COPY public.users (id, ssn, password) FROM stdin;\n1\t536224587\tWinter245!\n2\t536224588\t\\N\n\\.\n", "us-ssn 536224587, secret Winter245!, us-ssn 536224588"},
		{"<table>\n<thead><tr><th>Name</th>\n<th scope=\"col\">SSN</th></tr></thead>\n<tr><td>Bob</td><td class=\"n\">403477889</td></tr>\n<tr><td>403477888</td><td>403477887</td></tr></table> 403477886", "us-ssn 403477889, us-ssn 403477887"},
		{"<tr><th>Order</th><th>SSN</th></tr><tr><td>756753956</td><td>403477889</td></tr>", "us-ssn 403477889"},
		{"<tr><th>user</th><th>password</th></tr><tr><td>bob</td><td>Winter245!</td></tr>", "secret Winter245!"},
		{"<tr><th>SSN</th><td>403477889</td></tr>", "us-ssn 403477889"},
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

// TestTablesInTextsAreCutAnywhere makes texts in which tables begin and end, and cuts them.
func TestTablesInTextsAreCutAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(35, 36))
	pieces := []string{
		"INSERT INTO t (id, ssn, password) VALUES ", "insert into t(nhs_no,tfn)\n values\n", "INSERT INTO t (a", "COPY t (id, ssn, tfn) FROM stdin;\n", "1\t536224587\t123456782\n", "\\.\n",
		"(1, '536224587', 'Winter245!')", ", ('9434765919', 123456782)", "(536224587", "'it''s ()'", ";\n", "\n", "name,ssn\n", "Bob,536224587\n", " x ", "<table><tr><th>SSN</th><th>password</th></tr>",
		"<tr><td>536224587</td><td>Winter245!</td></tr>", "<tr><th>x</th><td>536224587</td></tr>", "</table>", "<th>a", "<td>", "536224587", "9434765919",
	}
	found := 0
	for range 600 {
		var b strings.Builder
		for range 1 + r.IntN(9) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		checkLaw(t, everything, b.String(), r)
		found += len(scan(everything, b.String()))
	}
	if found < 150 {
		t.Errorf("only %d values", found)
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
