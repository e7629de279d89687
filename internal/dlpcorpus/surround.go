package dlpcorpus

import (
	"fmt"
	"strings"
)

func init() {
	makers = append(makers,
		maker{"connection-string", nil, nil}, maker{"email", []string{"email", "mail", "contact"}, makeEmail},
		maker{"phone", []string{"phone", "Tel", "mobile", "Telefon", "fax"}, makePhone}, maker{"secret", nil, nil})
}

// surround puts a value of m's into surroundings.
func (r *source) surround(m *maker) Case {
	switch m.kind {
	case "connection-string":
		return r.connection()
	case "secret":
		if r.chance(40) {
			return r.secretly()
		}
		return r.assigned()
	}
	if called[m.kind] != nil && r.chance(40) {
		return r.paired(m)
	}
	v, bare := m.make(r)
	name := r.pick(m.names...)
	snake := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(name))
	if m.kind == "azure-storage-key" || m.kind == "aws-secret-key" {
		snake = name
	}
	t := new(text)
	if m.kind != "private-key" && !strings.ContainsAny(v, ",;\t|'\"<>()\n") && r.chance(20) {
		return r.tabled(m.kind, v, snake)
	}
	switch r.IntN(7) {
	case 0:
		if !strings.ContainsAny(v, " +&\n") && m.kind != "private-key" {
			return t.put(r.filler("&", "=")+"&"+snake+"=").value(m.kind, v, false).put("&submit=1").done("form")
		}
		fallthrough
	case 1:
		return t.put(`{"user":"`+r.person()+`","`+snake+`":"`).value(m.kind, v, false).put(`","amount":` + r.digits(3) + `}`).done("json")
	case 2:
		if assignedOnly(m.kind) {
			return t.put(snake+" = ").value(m.kind, v, false).put("\n").done("config")
		}
		return t.put(r.person()+";"+r.city()+";").value(m.kind, v, bare).put(";" + r.date() + ";" + r.digits(2) + "\n").done("csv")
	case 3:
		return t.put("Dear "+r.person()+", my "+name+" is"+r.pick(": ", " = ", ":")).value(m.kind, v, false).put(r.pick(". Thanks!", ", please confirm.", "\n")).done("prose")
	case 4:
		if assignedOnly(m.kind) {
			return t.put("export "+snake+"=").value(m.kind, v, false).put("\n").done("shell")
		}
		return t.put("As agreed we use ").value(m.kind, v, bare).put(" from " + r.city() + " on.").done("prose without a word")
	case 5:
		return t.put(r.date()+"T12:00:00Z INFO user="+r.person()+" "+snake+"=").value(m.kind, v, false).put(" status=ok\n").done("log")
	}
	return t.put(name+":\t").value(m.kind, v, false).put("\r\n" + r.city() + "\r\n").done("form on paper")
}

// tabled puts a value into a column of that name, beside one with a number of another sort.
func (r *source) tabled(kind, v, name string) Case {
	t := new(text)
	other, n, person := r.pick("order_no", "zip", "invoice", "sku"), r.digits(r.between(8, 11)), r.person()
	switch r.IntN(4) {
	case 0:
		return t.put("INSERT INTO people (name, "+other+", "+name+") VALUES ('"+person+"', '"+n+"', '").value(kind, v, false).put("');\n").done("sql")
	case 1:
		head := "<table><tr><th>Name</th><th>" + other + "</th><th>" + name + "</th></tr>\n<tr><td>" + person + "</td><td>" + n + "</td><td>"
		return t.put(head).value(kind, v, false).put("</td></tr></table>").done("html table")
	}
	sep := r.pick(",", ";", "\t", "|")
	records := strings.Repeat(person+sep+"x"+sep+sep+"\n", r.IntN(9))
	return t.put("name"+sep+other+sep+name+sep+"city\n"+records+person+sep+n+sep).value(kind, v, false).put(sep + r.city() + "\n").done("table")
}

// assignedOnly says whether a value of that kind has no form of its own.
func assignedOnly(kind string) bool { return kind == "aws-secret-key" || kind == "azure-storage-key" }

func (r *source) person() string {
	return r.pick("Anna Meier", "john", "Søren", "Ngozi Okafor", "m.rossi", "李雷", "Zoë", "Ivan")
}

func (r *source) city() string {
	return r.pick("Bremen", "Lyon", "Oslo", "Nairobi", "São Paulo", "Toronto", "Kraków", "Pune")
}

func (r *source) date() string {
	return fmt.Sprintf("20%02d-%02d-%02d", r.between(10, 29), r.between(1, 12), r.between(1, 28))
}

// filler is a few fields of a form or of a log line.
func (r *source) filler(sep, assign string) string {
	all := []string{
		"name" + assign + "anna", "city" + assign + r.pick("Oslo", "Lyon"), "qty" + assign + r.digits(1), "lang" + assign + "en",
		"amount" + assign + r.digits(2) + "." + r.digits(2),
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all[:r.between(1, 4)], sep)
}

func (r *source) connection() Case {
	t := new(text)
	password := r.password()
	switch r.IntN(3) {
	case 0:
		return t.put("Server=db1;Database=shop;User Id=app;Password=").value("connection-string", password, false).put(";Encrypt=True").done("ado")
	case 1:
		return t.put("DATABASE_URL="+r.pick("postgres", "mysql", "mongodb+srv", "redis", "amqp")+"://app:").value("connection-string", password, false).
			put("@db.weir.internal:5432/shop\n").done("uri")
	}
	return t.put("curl https://deploy:").value("connection-string", password, false).put("@files.weir.org/x.tar").done("uri")
}

// password is one that people choose: letters, digits, and a sign.
func (r *source) password() string {
	return r.pick("Winter", "Sommer", "dragon", "Passau", "blue", "Correct", "monkey", "hallo") + r.of(digits, r.between(2, 4)) + r.pick("!", "", "-", "_x", "Q") + r.of(alnum, r.between(0, 6))
}

func (r *source) assigned() Case {
	t := new(text)
	name := r.pick("password", "db_password", "DB_PASSWD", "userPwd", "passphrase")
	v := r.password()
	if r.chance(60) {
		name = r.pick("api_key", "API-KEY", "client_secret", "auth_token", "accessToken", "secret_key", "apikey")
		v = r.pick(r.of(alnum, r.between(20, 48)), r.of(hexadec, 40), r.of(urlSafe, 43))
	}
	switch r.IntN(6) {
	case 0:
		return t.put(`{"user":"app","`+name+`":"`).value("secret", v, false).put(`","ttl":3600}`).done("json")
	case 1:
		return t.put("export "+strings.ToUpper(name)+"=").value("secret", v, false).put("\n").done("shell")
	case 2:
		return t.put("spring:\n  "+name+": ").value("secret", v, false).put("\n  port: 80\n").done("yaml")
	case 3:
		return t.put("GET /v1/items?page=2&"+name+"=").value("secret", v, false).put("&sort=asc HTTP/1.1").done("query")
	case 4:
		return t.put("const "+name+" = '").value("secret", v, false).put("';\n").done("source code")
	}
	return t.put("Authorization: Bearer ").value("secret", r.of(urlSafe, r.between(24, 60)), false).put("\r\nAccept: */*\r\n").done("header")
}

func makeEmail(r *source) (string, bool) {
	return r.pick("anna", "j.doe", "info", "bob_smith", "x1", "maria+news", "O'Brien") + r.pick("", r.digits(2)) + "@" +
		r.pick("weir.org", "mail.weir.co.uk", "uni-bremen.de", "corp.weir.io", "xn--bcher-kva.ch", "weir.photography"), false
}

func makePhone(r *source) (string, bool) {
	switch r.IntN(7) {
	case 0:
		return "+1" + r.pick(" ", "-", "") + "212-555-" + r.digits(4), false
	case 1:
		return "+44" + r.pick(" 20 7946 ", "207946") + r.digits(4), false
	case 2:
		return "+49 30 90" + r.digits(5) + r.of("123456789", 1), false
	case 3:
		return "+33" + r.pick(" 1 ", " 6 ") + grouped(r.digits(8), " ", 2), false
	case 4:
		return "(212) 555-" + r.digits(4), true
	case 5:
		return "0" + r.pick("30 ", "171/", "221-") + r.of("123456789", 1) + r.digits(6), true
	}
	return "+91" + r.pick(" ", "") + r.of("6789", 1) + r.digits(9), false
}
