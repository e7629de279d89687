package detect

import (
	"strings"
	"testing"
)

// Tokens in tests are written with a bar in them, which is taken out, so that those who look for leaked tokens in this
// repository find none.
func unbar(s string) string { return strings.ReplaceAll(s, "¦", "") }

const key64 = "MIIEpAIBAAKCAQEA7bq2hPRZx0dVvVYc3T1mF5k8oWnJ6sLQeGu9yXtK4rBaHzDi"

// positives are texts by kind in which exactly one value of that kind is found. Numbers are published examples of the
// authority, or made from them by another implementation of the check.
var positives = map[Kind][]string{
	Card: {
		"SE03 4111 1111 1111 1111",
		"3530111333300000", "\"card\": {\"brand\": \"x\", \"exp\": \"12/27\", \"number\": \"6759649826438453\"}", "order 12, 4111 1111 1111 1111", "\"type\":\"maestro\",\"card\":{\"number\":\"6759649826438453\"}",
		"Card No......4111111111111111", "“4111 1111 1111 1111”", "卡号4111111111111111", "«4111-1111-1111-1111»", "pay\u00a04111111111111111", "/card/4111111111111111", "/pay/4111-1111-1111-1111",
		"4111\u00a01111\u00a01111\u00a01111", "4111\u20131111\u20131111\u20131111", "6510000000001230", "card 4111 1111 1111 1111 123",
		"1 4111 1111 1111 1111", "this order is paid with 4111 1111 1111 1111", "a line\n4111 1111 1111 1111",
		"4111 1111 1111 1111", "card=4111111111111111&x=1", "5555-5555-5555-4444", "3782 822463 10005", "378282246310005", "2223 0031 2200 3222",
		"pay with 6011111111111117 now", "cc: 3530111333300000", "Maestro card 6759649826438453", "\"pan\":\"30569309025904\"", "4111 1111 1111 1111 12/27",
	},
	IBAN: {
		"\u201eDE89 3704 0044 0532 0130 00\u201c", "IBAN:\u00a0DE89370400440532013000", "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "DE89\u20133704\u20130044\u20130532\u20130130\u201300",
		"DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NL91 ABNA 0417 1643 00", "iban:no9386011117947",
		"MT84MALT011000012345MTLCAST001S", "BE68-5390-0754-7034", "BR1800360305000010009795493C1",
	},
	UKNHS:           {"NHSNo: 9434765919", "nhs_id: 9434765919", "NHS 943\u00a0476\u00a05919", "NHS number: 943 476 5919", "nhs_no=9434765919", "Patient 401 023 2137"},
	CASIN:           {"SIN: 130 692 544", "numéro d'assurance sociale 130-692-544", "\"sin\": \"130692544\""},
	DESteuerID:      {"Identifikationsnr.: 86095742719", "steuerliche ID: 86095742719", "Tax ID (Germany): 86095742719", "IdNr. 86095742719", "Steuer-ID 47 036 892 816", "IdNr. 65929970489"},
	FRNIR:           {"1\u202f85\u202f05\u202f78\u202f006\u202f084\u202f91", "1 85 05 78 006 084 91", "255081416802538", "1 84 12 2A 451 089 33"},
	ESDNI:           {"D.N.I.: 12345678Z", "N.I.F. 12345678Z", "DNI 12345678Z", "12345678-Z", "12.345.678-Z", "NIE: X1234567L", "X-1234567-L"},
	ITCodiceFiscale: {"codice fiscale RSS MRA 85T10 A562 S", "cf=RSS+MRA+85T10+A562+S&x=1", "C.F. RSSMRA85T10A562S", "RSSMRA85T10A562S", "cf: MRTMTT91D08F205J", "rssmra85t10a562s"},
	BRCPF:           {"C.P.F.: 52998224725", "529.982.247-25", "CPF 52998224725", "111444777-35"},
	INAadhaar:       {"aadhaar_id: 234123412346", "2341 2341 2346", "aadhaar: 234123412346"},
	PLPESEL:         {"nr ewid. 44051401359", "nr pesel 44051401359", "PESEL: 02070803628"},
	NLBSN:           {"<span>bsn</span><span>123456782</span>", "{\"ParameterKey\": \"bsn\", \"ParameterValue\": \"123456782\"}", "variable \"bsn\" {\n  type = string\n  default = \"123456782\"\n}", "bsn 111.222.333", "BSN 111222333", "burgerservicenummer: 123456782"},
	SEPersonnummer:  {"person_no: 198112189876", "personalNumber: 198112189876", "811218-9876", "19811218-9876", "personnummer 198112189876", "640823-3234", "811228+9874"},
	AUTFN:           {"TFN: 123 456 782", "tax file number 876543210"},
	USSSN:           {"let ssn: &str = \"403477889\";", "{\"name\": \"ssn\",\n \"value\": \"403477889\"}", "- name: ssn\n  value: 403477889", "\"system\": \"http://hl7.org/fhir/sid/us-ssn\",\n \"value\": \"402764972\"", "ss_number: 536907399", "account 12, SSN 536907399", "SSN verified: 536907399", "Soc. Sec. No.: 536907399", "SSN 536\u201390\u20137399", "\"ssn\": {\"value\": \"536907399\"}", "SSN: number 536907399", "SSN:\n536907399", "<b>SSN</b>\n <b>536907399</b>", "123-45-6788", "SSN: 219-09-9998", "ssn 536907399", "social security number 536 90 7399"},
	USITIN:          {"- name: itin\n  value: 912701234", "912-70-1234", "ITIN 912701234"},
	PrivateKey: {
		"-----BEGIN PRIVATE KEY-----MIIEpAIBAAKCAQEA7bq2hPRZx0dVvVYc3T1mF5k8oWnJ6sLQeGu9yXtK4rBaHzDi", "> -----BEGIN EC PRIVATE KEY-----\n> MIIEpAIBAAKCAQEA7bq2hPRZx0dVvVYc3T1mF5k8oWnJ6sLQeGu9yXtK4rBaHzDi", "PuTTY-User-Key-File-3: ssh-rsa\\nEncryption: none\\nPublic-Lines: 6\\n",
		"-----BEGIN RSA PRIVATE KEY-----\n" + key64, "-----BEGIN OPENSSH PRIVATE KEY-----\\n" + key64,
		"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v1\n",
	},
	AWSAccessKey: {unbar("\u201cAKIA¦IOSFODNN7ABCDEFG\u201d"), unbar("\u2014AKIA¦IOSFODNN7ABCDEFG"), unbar("AKIA¦IOSFODNN7ABCDEFG"), unbar("id = ASIA¦JEXAMPLEXEG2JICE"[:27])},
	AWSSecretKey: {
		unbar("Content-Disposition: form-data; name=\"secretAccessKey\"\r\n\r\nwJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs\r\n--x"), unbar("boto3.Session(\"AKIA¦PPGWKHCU3WQD32YW\", \"TdxA7¦byBNkTNq/nWJRQOIO2dXibtpg4DhHJJYCRq\")"), unbar("MINIO_SECRET_KEY=TdxA7¦byBNkTNq/nWJRQOIO2dXibtpg4DhHJJYCRq"), unbar("secretKey: TdxA7¦byBNkTNq/nWJRQOIO2dXibtpg4DhHJJYCRq"), unbar("AKIA¦PPGWKHCU3WQD32YW:TdxA7¦byBNkTNq/nWJRQOIO2dXibtpg4DhHJJYCRq"),
		unbar("aws configure set aws_secret_access_key wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs"), unbar("ENV AWS_SECRET_ACCESS_KEY wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs"), unbar("- name: AWS_SECRET_KEY\n  value: \"wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs\""), unbar("{\"name\":\"SecretAccessKey\",\"value\":\"wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs\"}"), unbar("| AWS secret | wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs |"),
		unbar("<dt>awsSecretKey</dt><dd>wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs</dd>"), unbar("<tr><th>secretAccessKey</th><td class=\"v\">wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs</td>"), unbar("user,AWS_SECRET_KEY,x\nbob,wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs,1"), unbar("AWS secret\twJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs"), unbar("aws_secret_access_key wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs"),
		unbar("AWS secret access key: wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs"), unbar("AWS Secret Access Key [None]: wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs"), unbar("var aws_secret_access_key string = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs\""), unbar("--aws-secret-access-key wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs"), unbar("AWS secret:              wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs"),
		unbar("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY¦zKq8mP3vLs"),
		unbar("\"SecretAccessKey\": \"je7MtGbClwBF/2Zp9Utk/h3yCo8n¦vb1KqLmN4RsT\""),
	},
	GitHubToken: {
		unbar("\ufeffghp_¦zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"), unbar("token:\u00a0ghp_¦zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"),
		unbar("ghp_¦zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"), unbar("GITHUB_TOKEN=ghp_¦zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"),
		unbar("github_pat_¦11AAQ2XYZ0aB3cD4eF5gH6_iJ7kL8mN9oP0qR1sT2uV3wX4yZ5aB6cD7eF8gH9iJ0kL1mN2oP3qR4sT5uV"),
	},
	GitLabToken:  {unbar("glft-¦x7Kq9Zr2Lm4Tn6Wp8Ys1"), unbar("glimt-¦x7Kq9Zr2Lm4Tn6Wp8Ys1abcde"), unbar("glffct-¦x7Kq9Zr2Lm4Tn6Wp8Ys1"), unbar("glpat-¦x7Kq9Zr2Lm4Tn6Wp8Ys1"), unbar("glrt-¦x7Kq9Zr2Lm4Tn6Wp8Ys1")},
	SlackToken:   {unbar("xoxb-¦123456789012-AbCdEfGhIjKlMnOpQrStUvWx"), unbar("xoxe.xoxp-¦1-" + strings.Repeat("aB3dE5fG7hJ9", 12)), unbar("xoxe-¦1-" + strings.Repeat("aB3dE5fG7hJ9", 12)), unbar("xoxb-¦123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"), unbar("xapp-¦1-A0123456789-1234567890123-" + strings.Repeat("0a1b2c3d4e5f6789", 4))},
	SlackWebhook: {unbar("https://hooks.slack.com/workflows/¦T01ABCDEFGH/A02ABCDEFGH/123456789012345678/aBcDeFgHiJkLmNoPqRsTuVwX"), unbar("https://hooks.slack.com/triggers/¦T01ABCDEFGH/1234567890123/0123456789abcdef0123456789abcdef"), unbar("https://hooks.slack.com/services/¦T01ABCDEFGH/B02ABCDEFGH/aBcDeFgHiJkLmNoPqRsTuVwX")},
	StripeKey:    {unbar("sk_¦live_4eC39HqLyjWDarjtT1zdp7dc"), unbar("rk_¦live_51H8aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789")},
	GoogleAPIKey: {unbar("AIza¦SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe"), unbar("?key=AIza¦SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe&v=3")},
	GoogleOAuth:  {unbar("GOCSPX-¦a1B2c3D4e5F6g7H8i9J0k1L2m3N4"), unbar("ya29.¦a0AfH6SMBx7Kq9Zr2Lm4Tn6Wp8Ys1QwErTyUiOp")},
	NPMToken:     {unbar("npm_¦qkJaB6MffYVzZXWqmcoF49yrUxP3wf0LsakP")},
	PyPIToken:    {unbar("pypi-¦AgEIcHlwaS5vcmcCJDU2ZTUzYWE1LTQ0NDItNGVlMi1iODRhLTc4ZTE5NjZkZDg5MwACKlszLCJhYmM")},
	SendGridKey:  {unbar("SG.¦aB3dE5fG7hJ9kL1mN3pQ5r.aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9f")},
	TwilioKey: {
		unbar("account_sid: AC0123456789abcdef0123456789abcdef\nauth_token: ¦3f9a1c7be4d2086b5a7cf1e9d3048b62"),
		unbar("ENV TWILIO_AUTH_TOKEN ¦3f9a1c7be4d2086b5a7cf1e9d3048b62"), unbar("- name: TWILIO_AUTH_TOKEN\n  value: ¦3f9a1c7be4d2086b5a7cf1e9d3048b62"), unbar("| Twilio auth token | ¦3f9a1c7be4d2086b5a7cf1e9d3048b62 |"), unbar("<dt>twilioAuthToken</dt><dd>¦3f9a1c7be4d2086b5a7cf1e9d3048b62</dd>"), unbar("twilio: auth token ¦3f9a1c7be4d2086b5a7cf1e9d3048b62 rotated"),
		unbar("Twilio auth token:      ¦3f9a1c7be4d2086b5a7cf1e9d3048b62"), unbar("SK¦0123456789abcdef0123456789abcdef"), unbar("TWILIO_AUTH_TOKEN=¦3f9a1c7be4d2086b5a7cf1e9d3048b62"),
	},
	DiscordToken: {unbar("MTk4¦NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs")},
	TelegramToken: {
		unbar("110201543:¦AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"),
		unbar("https://api.telegram.org/bot110201543:¦AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1/getMe"),
	},
	OpenAIKey: {unbar("sk-¦Q7xR2mT9vK4nL8pW3zYcT3BlbkFJa5Bd6Cf7Dg8Eh9Fi0Gjk"), unbar("OPENAI_API_KEY=sk-proj-¦" +
		"Q7xR2mT9vK4nL8pW3zYcQ7xR2mT9vK4nL8pW3zYcT3BlbkFJa5Bd6Cf7Dg8Eh9Fi0Gjka5Bd6Cf7Dg8")},
	AnthropicKey: {unbar("sk-ant-¦api03-" + strings.Repeat("aB3-dE5_fG7hJ9k", 6) + "abcAA")},
	AzureStorageKey: {
		unbar("primary_access_key = \"¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==\""),
		unbar("ENV AZURE_STORAGE_KEY ¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="), unbar("- name: STORAGE_ACCOUNT_KEY\n  value: \"¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==\""), unbar("| AccountKey | ¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw== |"), unbar("<td>AZURE_STORAGE_KEY</td><td>¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==</td>"),
		unbar("Azure storage key: ¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="), unbar("Storage account key:    ¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="), unbar("azure account-key=¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="),
		unbar("AccountName=weir;AccountKey=¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"),
		unbar("azure_storage_account_key: ¦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="),
	},
	JWT: {
		unbar("eyJ¦hbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"),
		unbar("Authorization: Bearer eyJ¦hbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0."),
	},
	ConnectionString: {"Server=db01;Uid=sa;Pwd=j.c13rmCXo;", "Server=db;Database=x;User Id=sa;Password=PodeBQwrAo;", "host=db port=5432 dbname=app user=u password=copper-orion-maple-river sslmode=require", "jdbc:oracle:thin:scott/Str0ngPass9@db:1521:x", "jdbc:mysql://db/x?user=u&password=Str0ngPass9", "postgres://app:s3cr3t@db.internal:5432/x", "https://user:Tr0ub4dor@files.invalid/", "Server=db;User Id=app;Password=Wint3r!sComing;"},
	Email: {
		"\u201cbob.m@acme.io\u201d", "\u2022bob.m@acme.io\u00bb",
		"mail to alice@weir.org.", "<bob.smith+x@mail.weir.co.uk>", "\"email\":\"O'Brien@weir.net\"", "x@xn--bcher-kva.xn--p1ai",
		"'carol@weir.de'",
	},
	Phone: {
		"<b>Phone:</b> 07825944088", "<key>phone</key>\n<string>07825944088</string>", "<input name=\"phone\" type=\"hidden\" value=\"07825944088\">", "<ns:phone xsi:type=\"xsd:string\">07825944088</ns:phone>", "<label>phone</label><span>07825944088</span>", "let phone: &str = \"07825944088\";", "{\n  \"Name\": \"phone\",\n  \"Value\": \"07825944088\"\n}", "Dim phone As String = \"07825944088\"", "id,phone,city\n1,917740849,Recife", "id;phone;city\n1;0612027640;R", "<th>Telefono</th><td>937387468</td>", "<dt>phone</dt><dd>0508714980</dd>", "<Phone type=\"x\">07825944088</Phone>", "<phone><![CDATA[07825944088]]></phone>", "TEL;TYPE=WORK,VOICE:07825944088", "TEL;HOME;VOICE:07825944088", "Meine Handynummer lautet 01512345678.", "mi Tel. es 07412363292", "msisdn: 07825944088", "Festnetz: 07825944088", "numer telefonu: 917740849", "a\n+4647378288\nb", "-- \n+4647378288\n",
		"+201001234567", "0049 221 5935609", "00 49 221 5935609", "Tel.:                   0637065681", "\"phoneNumbers\":[{\"type\":\"home\",\"number\":\"212 555-4321\"", "Phone numbers\nHome: 212-555-0123", "tel: (21) 2989-7709", "Telefono: 333 1826000", "Phone: 71560 87126", "Tel\u00e9fono: 629 59 19 81", "Telefon: 0049 221 6209166", "phone: 0033642839157", "+33 (0)6 42 83 91 57", "+49 89 / 2318 4427", "T\u00e9l. 01.42.68.53.00", "Mob: 07838 308928", "+49\u00a030\u00a0901820", "+33 6\u202f12\u202f34\u202f56\u202f78", "phone number is 2127365000", "order 12 +49 30 23125000", "+1 212-555-0123", "+442079460958", "+49 30 901820", "tel: (212) 555-0123", "Telefon 030 901820-11", "Phone: 020 7946 0958", "móvil 612 345 678",
	},
	Secret: {
		"New password Winter245! for VPN", "La contraseña del VPN es Winter245!", "Content-Disposition: form-data; name=\"password\"\r\n\r\nWinter245!\r\n--x", "Content-Disposition: form-data; name=\"password\"\r\nContent-Type: text/plain\r\n\r\nWinter245!\r\n--x", "SECRET_KEY = 'p@8ix#4%@e#a4q9om-4894z%jo%j7y=a&)ek+@ct)br4#_y-1z'", "SECRET_KEY = 'django-insecure-p@8ix#4%@e#a4q9om-4894z%jo%j7y=a&)ek+@ct)br4#_y-1z'", "secret: N*O5cgwO3$x+BvLYDY", "JWT_SECRET=S3cr3t!d3icEG", "CLIENT_SECRET=Winter245!", "machine h\n  login bot\n  password Winter245!", "The password for the VPN is Winter245!", "Passwort für WLAN: Winter245!", "Das Kennwort für Ihr Konto lautet: Winter245!", "Mot de passe pour le wifi : Falcon689!", "user: admin pass: Winter245!", "Benutzer admin, Passwort Winter245!", "login admin / password Winter245!", "password (temporary): Winter245!", "docker login -u bot -p Winter245! reg", "var password = @\"Winter245!\";", "let password: &str = \"Winter245!\";", "<password><![CDATA[Winter245!]]></password>", "DB_PASSWORD ?= Winter245!", "Dim password As String = \"Winter245!\"", "password: >-\n  Winter245!", "<label>password</label><span>Winter245!</span>", "  DBPassword:\n    Type: String\n    Default: Winter245!", "<ns:password xsi:type=\"xsd:string\">Winter245!</ns:password>", "pswd: Winter245!", "heslo: Winter245!", "bindpw Winter245!", "bindpw = Winter245!",
		"<td><b>Password:</b></td>\n  <td><code>hunTer2!x</code></td>", "<th>password</th><td class=\"v\">hunTer2!x</td>", "<dt>password</dt><dd>hunTer2!x</dd>", "<b>Password:</b> hunTer2!x<br>", "<strong>Passwort</strong>: hunTer2!x",
		"<key>password</key>\n<string>hunTer2!x</string>", "<span class=\"label\">Password</span> <span class=\"val\">hunTer2!x</span>", "| password | hunTer2!x |", "a: b\n| **DB password** | `hunTer2!x` |",
		"{\"key\":\"password\",\"value\":\"hunTer2!x\"}", "{\n  \"name\": \"DB_PASSWORD\",\n  \"type\": \"a b\",\n  \"value\": \"hunTer2!x\"\n}", "- name: DB_PASSWORD\n  value: R60dKyH9vX77", "- key: DB_PASSWORD\r\n  value: \"R60dKyH9vX77\"",
		"variable \"db_password\" {\n  type = string\n  description = \"The one of the db\"\n  default = \"hunTer2!x\"\n}", "\"adminPassword\": {\"value\": \"hunTer2!x\"}", "ParameterKey=DBPassword,ParameterValue=hunTer2!x",
		"ENV DB_PASSWORD hunTer2!x", "configure set auth_token 9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c", "IDENTIFIED BY 'hunTer2!x'", "identified by password \"hunTer2!x\"", "LOGIN PASSWORD 'hunTer2!x'", "= PASSWORD('hunTer2!x')", "u.setPassword(\"hunTer2!x\")",
		"ConvertTo-SecureString \"hunTer2!x\" -AsPlainText", "ConvertTo-SecureString -String 'hunTer2!x'", "sshpass -p hunTer2!x ssh h", "mysqldump -u root -phunTer2!x shop", "requirepass hunTer2!x", "net use \\\\srv\\x hunTer2!x /user:bob",
		"net use Z: \\\\srv\\x /user:HR\\bob hunTer2!x", "db.host:5432:shop:app:hunTer2!x", "*:*:*:app:hunTer2!x\n", "sqlplus app/hunTer2!x@db", "mdp: hunTer2!x", "clave: hunTer2!x", "user: bea / pass: hunTer2!x", "pw:hunTer2!x",
		"PW = hunTer2!x", "psk=\"hunTer2!x\"", "Passord: hunTer2!x", "palavra-passe: hunTer2!x", "Passwort ist: hunTer2!x", "La password \u00e8 hunTer2!x.", "A sua senha \u00e9 hunTer2!x", "mot de passe temporaire : hunTer2!x",
		"env: test\npassword: \"hunTer2!x\"", "{\"env\":\"test\",\"password\":\"hunTer2!x\"}", "user=test password=hunTer2!x", "<sha256>x</sha256>\n<password>hunTer2!x</password>", "password: s3cr.et99", "pwd = B_nanO4Q.wBqgD",
		"Passwort - Anchor8691!", "Contrase\u00f1a \u2013 tiger-copper-dragon-bamboo", "API key \u2013 3f0e6ad7243c79931ea9170dfcc80ac78d49bbc3", "token ........ 3f0e6ad7243c79931ea9170dfcc80ac78d49bbc3", "^token=3f0e6ad7243c79931ea9170dfcc80ac78d49bbc3^x=1",
		"API key: 9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c", "PW: Sommer2024!", "Mot de passe : Hiver2024!", "Contrase\u00f1a: Verano2024!", "Wachtwoord: Zomer2024!", "has\u0142o: Lato2024!", "DB_PASSWORD=/ncZUMKi8d+Q7xR2mT9", "password=%n!95l8O8UF~L6j", "password: \u00c4rgerT\u00fcr99", "var password string = \"Wint3r!sComing\"", "client.set(\"password\", \"Wint3r!sComing\")", "name=\"password\" value=\"Wint3r!sComing\"", "--password Wint3r!sComing", "curl -u admin:Wint3r!sComing https://h/", "machine h.io login bob password Wint3r!sComing", "password: \u201chunter2zz\u201d", "password:\u00a0hunter2zz", "password: Tr0ub4dor&3", "**Password**: `Wint3r!sComing`", "password=copper-orion-maple-monkey", "?sv=2022-11-02&sp=r&sig=aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9f%3D",
		"user=a&pass=Secret123!", "DB_PASS: Password1!", "my password is Winter2024!", "password=Hunter2!x", "\"password\": \"correct7Horse\"", "<password>Wint3r!sComing</password>", "api_key: 9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c",
		"client_secret = 'dGhpcyBpcyBhIHNlY3JldA9xZ3k'", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Bearer mF_9.B5f-4.1JqMx7",
		"{\\\"password\\\":\\\"Wint3r!sComing\\\"}",
	},
}

// negatives are texts in which a plain regexp finds a value of that kind and there is none.
var negatives = map[Kind][]string{
	Card: {
		"SE03 3001 5937 5247 9276 0428",
		"card: 6762-9973-4886-4658", "4605-7127-6379-5904-820", "5020 5849 0671 3274 20", "a9cc0f 4009706427322", "9a:d4:cc\n4009706427322", "9pan7 672843456278206454", "\"card\":\"x\",\"ean\":\"4009706427322\"",
		"creditor_iban=\"DE29 2480 1471 6685 7296 72\"", "creditor_iban = 'FR76 2561 1430 2464 1701 6243 503'", "é4111111111111111", "1..4111111111111111", "30/4111111111111111", "/u/4111111111111111/p", "4111 4111 1111 1111 1111", "order no. 4111 1111 1111 1111",
		"4111 1111 1111 1112", "order 4111111111111111", "tracking: 4111 1111 1111 1111", "0.4111111111111111", "x4111111111111111", "1714561234567890",
		"4012 2013 2014 2015 2016", "1017 4111 1111 1111 1111", "4111 1111 1111 1111 2222", "id=4111111111111111", "4111111111111111.50", "4006381333931", "550e8400-e29b-41d4-a716-446655440000",
	},
	IBAN:            {"\u00e9DE89370400440532013000", "\u1ec7DE89370400440532013000", "DE89 3704 0044 0532 0130 01", "GB29NWBK6016133192681", "XX89370400440532013000", "DE8937040044053201300", "DE89370400440532013000X"},
	UKNHS:           {"R.nHs) 9434765919", "943 476 5919", "call 943 476 5919", "9434765919", "NHS 943 476 5918"},
	CASIN:           {"SIN: n/a, BSN: 130692544", "130 692 544", "SIN 046 454 286", "SIREN 732 829 320", "since 130692544", "SIN 130 692 545"},
	DESteuerID:      {"86095742719", "part 12 86095742719", "86095742718", "12345678901", "order 86095742719"},
	FRNIR:           {"1 85 05 78 006 084 92", "255081416802539", "3 85 05 78 006 084 91"},
	ESDNI:           {"12345678Z", "DNI 12345678A", "X1234567L", "part 12345678-A"},
	ITCodiceFiscale: {"RSS MRA 85T10 A562 T", "the new 85T10 A562 S", "RSSMRA85T10A562T", "RSSMRA85T99A562S", "ABCDEF12G34H567I"},
	BRCPF:           {"cpf_status=ok protocolo=16429455793", "529.982.247-26", "111.111.111-11", "52998224725", "CPF 52998224724"},
	INAadhaar:       {"2341 2341 2347", "0x0040:  4000 4001 3617 ac10 0101", "3f7e 2341 2341 2346", "1341 2341 2346", "234123412346"},
	PLPESEL:         {"44051401359", "44051401358", "44951401359", "order 44051401359"},
	NLBSN:           {"bsn trace, span 123456782", "BSN ontbreekt in dossier 123456782", "111.222.333", "sha=ab12bsn34 111222333", "111222333", "BSN 111222334", "phone 123456782"},
	SEPersonnummer:  {"811218-9877", "20240501-1234", "811318-9876", "1981121898760"},
	AUTFN:           {"123 456 782", "TFN 123 456 783"},
	USSSN: {
		"Model no 241-37-0523", "SSN verified for account 536907399", "ssn_verified=true account=536907399", "Part 539-41-4642", "PO 241-37-0523", "{\"name\": \"ssn\",\n \"amount\": \"403477889\"}",
		"\"ssn\":null,\"account\":536907399", "ssn=&customer_no=536907399", "DK7Q6SSN90C8,536907399", "<ssn></ssn><n>536907399</n>", "ssn,city\n,Oslo,536907399", "SSN: n/a\ncustomer: 536907399",
		"000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "078-05-1120", "536907399", "1-536-90-7399", "536-90-7399-1", "536-90 7399",
		"part no. 536-90-73991", "order id 536-90-7399",
	},
	USITIN:       {"912-69-1234", "912-93-1234", "812-70-1234", "912701234"},
	PrivateKey:   {"-----BEGIN PUBLIC KEY-----\n" + key64, "if line == \"-----BEGIN RSA PRIVATE KEY-----\" {", "-----BEGIN CERTIFICATE-----\n" + key64},
	AWSAccessKey: {unbar("\u00e9AKIA¦IOSFODNN7ABCDEFG"), unbar("AKIA¦IOSFODNN7EXAMPLE"), unbar("AKIA¦iosfodnn7abcdefg"), unbar("AKIA¦IOSFODNN7ABCDEFGH"), unbar("XAKIA¦IOSFODNN7ABCDEFG"), "AKIAAAAAAAAAAAAAAAAA"},
	AWSSecretKey: {unbar("AKIA¦PPGWKHCU3WQD32YW, 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"), unbar("AKIA¦PPGWKHCU3WQD32YW is TdxA7byBNkTNq/nWJRQOIO2dXibtpg4DhHJJYCRq"), "aws csrf_token=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzKq8mP3vLs", "aws token etag wJalrXUtnFEMI/K7MDENG/bPxRfiCYzKq8mP3vLs", "aws commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", "sha1 wJalrXUtnFEMI/K7MDENG/bPxRfiCYzKq8mP3vLs"},
	GitHubToken:  {unbar("ghp_¦zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18"), "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
	GitLabToken:  {"glpat-xxxxxxxxxxxxxxxxxxxx", "glpat-short"},
	SlackToken:   {"xoxb-your-token-here", "xoxb-not-a-real-token-this-will-not-work-at-all"},
	StripeKey:    {"sk_live_xxxxxxxxxxxxxxxxxxxxxxxx", "task_live_4eC39HqLyjWDarjtT1zdp7dc"},
	GoogleAPIKey: {unbar("AIza¦SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQ"), unbar("AIza¦SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQeX")},
	NPMToken:     {unbar("npm_¦qkJaB6MffYVzZXWqmcoF49yrUxP3wf0LsakQ"), "npm_config_registry_something_very_long_"},
	SendGridKey:  {unbar("SG.¦aB3dE5fG7hJ9kL1mN3pQ5r.short")},
	TwilioKey:    {"SK0123456789ABCDEF0123456789ABCDEF", "md5 3f9a1c7be4d2086b5a7cf1e9d3048b62", "twilio sha256 token 3f9a1c7be4d2086b5a7cf1e9d3048b62"},
	DiscordToken: {"MTIz.MTIz.MTIz", "MTAbCdEfGhIjKlMnOpQrStUv.AbCdEf.AbCdEfGhIjKlMnOpQrStUvWxYz0"},
	JWT:          {unbar("eyJ¦mb28iOiJiYXIifQ.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"), "eyJhbGciOiJIUzI1NiJ9"},
	ConnectionString: {
		"Server=db;Uid=sa;Password=config.password;x", "Server=db;Password={0};User=app", "Server=db;Password=$(DB_PASSWORD);User=app", "jdbc:mysql://db/x?user=u&password=${PW}",
		"http://localhost:8080/@scope/pkg", "https://weir.org:443/a@b", "postgres://user:${PASS}@db/x", "postgres://user:password@db/x",
		"mailto://a@b",
	},
	Email: {
		"bob.m@acme.io\u00fc",
		"user@localhost", "image@2x.png", "lodash@4.17.21", "git@github.com:x/y.git", "@app.route", "a..b@weir.org", "x@y.z", "icon@3x.svg",
		strings.Repeat("a", 65) + "@weir.org", "foo@bar.service",
	},
	Phone: {
		"call foo > 07825944088", "<phone/>07825944088x", "<phone type=\"a\"/> <n>07825944088</n>", "<td>Phone</td><td>order</td><td>07825944088</td>", "@@ -1 +1 @@\n+4647378288\n+4647378288\n+4647378288\n", "@@ -1 +1 @@\n-foo\n+4647378288\n+bar", "@@ -1 +1 @@\n+201001234567\n", "<phone></phone><id>07825944088</id>", "<td>Phone</td><td>x</td><td>937387468</td>", "-a\n+4647378288\n", "id,phone,order\n1,x,917740849,R",
		"@@ -1 +1 @@\n+202403011259\n", "0049221 5935609", "0010 221 5935609", "0049 5935609", "Tel.: is of the home or the office 0637065681",
		"x=a[3]+3999738487*b", "+12025550123 bytes", "call log 9876543210", "Tel. n/a, Vertrag 7712338910", "phone 0000 12345678", "mobile 12 2024 1234", "call 36 1234 5678",
		"+1 111-555-0123", "+999 123456789", "a +12125550123x", "212-555-0123", "2024-05-01 12:34:56", "+12 34", "C++17 20240501", "call\n0 1 3 6 10 15 21", "fax version 1.2.3.4",
		"192.168.100.200",
	},
	Secret: {
		"oauth_token_secret=secret%3Dpassword&x=1",
		"New password policy-2 for VPN", "password reset?x=1", "password_last_changed: 2024-03-11T10:15:00Z", "secret: arn:aws:secretsmanager:eu-west-1:12345:secret:x-AbCdEf", "secret: db-secret-v2", "JWT_SECRET=${SECRET_2!}", "secret_name: Winter245!", "Content-Disposition: form-data; name=\"password\"\r\nX: y\r\n\r\n", "The password for the VPN is required.", "password for the account: see-intranet", "user bob needs password policy-2", "the user, password hashes2", "password (optional): string", "docker login -u bot -p $PASS1 reg", "<label>password</label><span>required</span>", "password:\n  type: string\n  description: x1", "<password type=\"text1\"/>next1!", "password:\ndefault: x1y2z3", "let password: &str = x1;", "secret = a1b2c3d4", "login page / password reset-1", "password: |\n",
		"| Password | 8-20 chars |", "| password | SHA256 |", "<td>Password</td><td>SHA256</td>", "<th>Password</th><th>Created2024</th>", "<label>Password:</label> <input name=\"q1\">",
		"{\"name\":\"csrf_token\",\"value\":\"9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c\"}", "- name: DB_PASSWORD\n  valueFrom:\n    name: db-secret1\n    key: pw-key1", "- name: DB_PASSWORD\n- name: MODE\n  value: fast-mode2",
		"\"password\": {\"type\": \"string\", \"minLength\": 12}", "please set password policy-2", "identified by values 'S:8F1A2B3C4D5E6F7A8B9C0D'", "modified by user1x", "u.getPassword(\"key_name1\")",
		"\"Bad password \"+user.name1+\"!\"", "1st pass: x86-64", "pass: loop-unroll2", "Pass: 12 Fail: 3", "you can pass `spec=True1`", "sshpass -f file1.txt ssh", "mysql -u root -p shop_db1", "mysql -protocol=tcp1",
		"net use Z: \\\\srv\\x /persistent:no1", "daemon:*:1:1:Owner2:/srv:/usr/bin/false", "root:*:18858:0:99999:7:::", "http://h:5432:x", "sqlplus -S / as sysdba", "test password: hunTer2!x", "sample_password=hunTer2!x",
		"password: config.password2", "password: app2.conf", "password=settings.API_KEY_2", "password = k8s.Password1", "password=%DB_PASS%", "password=\xdb_PASS%", "password=@Model.Password2", "PWD=/srv/bea/work2", "OLDPWD=/srv/b3a/w0rk2",
		"password: !vault |", "password: !secret wifi_password", "secret: projects/p/secrets/db1/versions/3", "password: vault:secret/data/app#pw", "tokenizer: bert-base-uncased-v2", "api_key=502018a1-1c2d-4e3f-8a9b-0c1d2e3f4a5b",
		"password - required-1", "password   SHA256-Bcrypt", "token - see RFC-6750-section-2.1", "the token a1b2c3d4e5f6a7b8c9d0 is invalid",
		"password=vault:secret/data/app#password", "password: #{password}", "password=@file.txt", "password_min=8chars", "\"password\": \"Contrase\u00f1a\"", "password: must-have-eight-signs", "password=$ecret_2024", "password=%DB_PASS1%", "password: /run/secrets/db_password1", "(\"password\", \"passwd\")", "token: \"server-valid-token-1\"", "(\"HTTPPasswordMgr\", \"urllib2\")", "$PASSWORD = $CPAN::Config->{password}", "ATTR_PASSWORD = C.NL80211_ATTR_SAE_PASSWORD", "docker run -u app:grp1", "--password -u", "placeholder=\"password\" value=\"\"", "password: $2b$12$KIXQ4q1mVYp0v0n0V6vJxeO3o7l5c4g7s8d9f0a1b2c3d4e5f6g7h",
		"--- PASS: TestAllocs/ipv4", "key_password=certs[0][2]", "x(private_key: ed25519.Ed25519PrivateKey,", "<password>@host2<b>",
		"c.password = password_data->user2", "passport: X1234567", "compass: 12-NNW", "password: password", "the password is required by rule 7", "password=${DB_PASSWORD}", "password: string", "password = getPassword()", "token: 550e8400-e29b-41d4-a716-446655440000", "password=user.password",
		"\"password\": \"changeme1\"", "password_hash=5f4dcc3b5aa765d61d8327deb882cf99", "max_tokens: 4096000000000000", "secret/path/to/file1",
		"sha256 token: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "type=\"password\" name=\"password1\"", "token_type=bearer123456789012",
		"password == \"Wint3r!sComing\"", "secret: <your-secret-1234567890>", "basic understanding of tokens: 3",
	},
}

func TestPositives(t *testing.T) {
	for k := range kinds {
		if len(positives[k]) == 0 {
			t.Errorf("%v has no positives", k)
		}
		for _, text := range positives[k] {
			n := 0
			found := scan(everything, text)
			for _, f := range found {
				if f.Kind == k && !f.Part {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%v in %q: found %v", k, text, found)
			}
		}
	}
}

func TestNegatives(t *testing.T) {
	for k := range kinds {
		for _, text := range negatives[k] {
			for _, f := range scan(everything, text) {
				if f.Kind == k {
					t.Errorf("%v in %q: found %v", k, text, f)
				}
			}
		}
	}
}
