package dlpcorpus

import "strings"

// called are the names of what has no form of its own, as people and programs write them.
var called = map[string][]string{
	"aws-secret-key":    {"aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "awsSecretKey", "SecretAccessKey", "AWS secret access key"},
	"azure-storage-key": {"AccountKey", "AZURE_STORAGE_KEY", "azure_storage_account_key", "Azure storage key"},
	"twilio-key":        {"TWILIO_AUTH_TOKEN", "twilioAuthToken", "Twilio auth token"},
}

// paired puts a value of m's beside its name, and assigns it nowhere.
func (r *source) paired(m *maker) Case {
	v, _ := m.make(r)
	if m.kind == "twilio-key" {
		v = r.of(hexadec, 32)
	}
	name := r.pick(called[m.kind]...)
	if r.chance(30) && !strings.Contains(name, " ") {
		return r.set(m.kind, name, v)
	}
	return r.beside(m.kind, name, v)
}

// set puts a value behind its name in a command.
func (r *source) set(kind, name, v string) Case {
	before := r.pick("FROM alpine\nENV ", "aws configure set ", "setx ", "fly secret set ", "$ setenv ")
	return new(text).put(before+name+" ").value(kind, v, false).put("\n").done("command")
}

// beside puts a value into the field, the cell or the element behind that of its name.
func (r *source) beside(kind, name, v string) Case {
	t := new(text)
	switch r.IntN(11) {
	case 0:
		q := r.pick("", `"`)
		return t.put("env:\n  - name: PORT\n    value: \"80\"\n  - name: "+name+"\n    value: "+q).value(kind, v, false).put(q + "\n  - name: MODE\n").done("k8s")
	case 1:
		return t.put(`{"environment":[{"`+r.pick("name", "key", "Name")+`":"`+name+`","value":"`).value(kind, v, false).put(`"}]}`).done("json pair")
	case 2:
		return t.put("[\n  {\n    \"key\": \""+name+"\",\n    \"type\": \"text\",\n    \"value\": \"").value(kind, v, false).put("\"\n  }\n]").done("json pair")
	case 3:
		return t.put("variable \""+name+"\" {\n  type    = string\n  default = \"").value(kind, v, false).put("\"\n}\n").done("terraform")
	case 4:
		return t.put("# "+r.city()+"\n\n| Field | Value |\n|---|---|\n| user | "+r.person()+" |\n| "+name+" | ").value(kind, v, false).put(" |\n").done("markdown")
	case 5:
		return t.put("<table><tr><th>city</th><td>"+r.city()+"</td></tr>\n<tr><th>"+name+"</th><td class=\"x\">").value(kind, v, false).put("</td></tr></table>").done("html table")
	case 6:
		return t.put("<dl>\n<dt>"+name+"</dt>\n<dd>").value(kind, v, false).put("</dd>\n</dl>").done("html list")
	case 7:
		return t.put("<dict>\n\t<key>"+name+"</key>\n\t<string>").value(kind, v, false).put("</string>\n</dict>").done("plist")
	case 8:
		sep := r.pick(",", ";", "\t")
		return t.put("id"+sep+name+sep+"city\n"+r.digits(4)+sep).value(kind, v, false).put(sep + r.city() + "\n" + r.digits(4) + sep + sep + r.city() + "\n").done("column")
	case 9:
		return t.put(r.date()+"\n"+name+r.pick(" - ", "\t", " ..... ", "    ")).value(kind, v, false).put("\n").done("list")
	}
	return t.put("<property>\n  <name>"+name+"</name>\n  <value>").value(kind, v, false).put("</value>\n</property>").done("xml pair")
}

// secretly puts a password or a key where nothing is assigned, or where what stands around it speaks of something else.
func (r *source) secretly() Case {
	switch r.IntN(4) {
	case 0:
		return r.beside("secret", r.pick("password", "DB_PASSWORD", "admin_password", "Passwort"), r.strong())
	case 1:
		return r.beside("secret", r.pick("API_KEY", "client_secret", "auth token", "accessToken"), r.pick(r.of(alnum, r.between(24, 40)), r.of(hexadec, 40)))
	case 2:
		return r.told()
	}
	return r.commanded()
}

// told says what a password is, in one of several languages.
func (r *source) told() Case {
	before := r.pick("Ihr Passwort ist: ", "Das Kennwort lautet ", "Le mot de passe est ", "mot de passe temporaire : ",
		"mdp: ", "clave: ", "user: "+r.pick("bob", "test")+" / pass: ", "pw:", "Passord: ", "palavra-passe: ", "env: test\npassword: ", "sample of "+r.city()+"\nPasswort: ", "<sha256>x</sha256>\nPasswort: ")
	return new(text).put(before).value("secret", r.pick(r.strong(), r.dotted()), false).put("\n").done("sentence")
}

// commanded hands a password over to a program.
func (r *source) commanded() Case {
	forms := []string{
		"sshpass -p %s ssh root@db1", "mysqldump -u root -p%s shop", "requirepass %s", "ALTER USER app IDENTIFIED BY '%s';", "CREATE ROLE app LOGIN PASSWORD '%s';",
		`net use Z: \\fs01\hr %s /user:bob`, "db1:5432:shop:app:%s\n", "sqlplus app/%s@shop", `ConvertTo-SecureString "%s" -AsPlainText`, "    psk=\"%s\"", "ENV DB_PASSWORD %s\n",
		`u.setPassword("%s");`,
	}
	before, after, _ := strings.Cut(r.pick(forms...), "%s")
	return new(text).put(before).value("secret", r.strong(), false).put(after).done("command")
}

// strong is a password of three sorts of characters or more.
func (r *source) strong() string {
	return r.pick("Winter", "Falke", "Correct", "hunTer", "bLue") + r.digits(r.between(2, 4)) + r.of(alnum, r.between(0, 8)) + r.pick("!", "x", "-Q", "_z")
}

// dotted is a password with a dot that parts no words.
func (r *source) dotted() string {
	return "s" + r.digits(1) + r.of(lowers, 2) + "." + r.of(lowers, 2) + r.digits(2) + r.of(lowers, 1)
}

// references are lines that speak of secrets, and say where they are, how they are called or of what sort they are.
func references(r *source) Case {
	n := r.digits(r.between(1, 2))
	return plain("references", r.pick(
		"password=%DB_PASS%", "password: %DB_PASS"+n+"%", "password: vault:secret/data/app#pw", "password: !vault |", "password: !secret wifi_password"+n, "secret: projects/p"+n+"/secrets/db/versions/"+n,
		"tokenizer: bert-base-uncased-v"+n, "password=@Model.Password"+n, "PWD=/srv/bea/work"+n, "OLDPWD=/var/lib/app"+n, "pwd: ~/src/x"+n, "password: config.password"+n, "password: app"+n+".conf",
		"api_key: "+r.uuid(), "| Password policy | min-"+n+"chars |", "| password | varchar("+n+") |", "| Token | SHA256 |", "<td>Password</td><td>"+n+" characters</td>", "<th>Password</th><th>Created"+n+"</th>",
		"<label>Password:</label> <input name=\"q"+n+"\">", "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db-secret"+n+"\n      key: pw-key"+n, "- name: DB_PASSWORD\n- name: MODE\n  value: fast-mode"+n,
		`{"name":"csrf_token","value":"`+r.of(hexadec, 32)+`"}`, `"password": {"type": "string", "minLength": `+n+`}`, "please set password policy-"+n, "1st pass: x86-64", "pass: loop-unroll"+n, "--- PASS: TestFoo_"+n,
		"mysql -u root -p shop_db"+n, "mysql --port=3306 -protocol=tcp"+n, "daemon:*:1:1:Owner"+n+":/srv:/usr/bin/false", "root:*:18858:0:99999:7:::", "sqlplus -S / as sysdba", "modified by user"+n+"x",
		"sample_password=Winter"+n+"x!", "test password: hunTer"+n+"!x", "user,password_hash,city\nbob,"+r.of(hexadec, 32)+",Oslo\n", "user,password,city\nbob,changeme"+n+",Oslo\n", "aws etag token "+r.of(standard, 40)+"\n"))
}
