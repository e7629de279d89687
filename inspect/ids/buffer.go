package ids

import (
	"strings"

	"github.com/weir-project/weir/field"
)

// A buffer is what a content is looked for in: a field, or the payload, and whether a dot is put before it (the
// dotprefix transform, which makes "endswith" a test for a domain).
type buffer struct {
	field  field.ID
	dotted bool
}

var payload = buffer{field: field.Payload}

// index is the place of b among the two buffers of its field.
func (b buffer) index() int {
	if b.dotted {
		return 1
	}
	return 0
}

// A place is what a keyword chooses: a field, in messages of some protocols.
type place struct {
	field field.ID
	apps  apps
}

// sticky are the keywords that choose the buffer of the contents behind them. Of a hello that QUIC carries, Suricata's tls
// keywords see nothing.
var sticky = map[string]place{
	"http.method": {field.HTTPMethod, http}, "http.uri": {field.HTTPURI, http}, "http.host": {field.HTTPHost, http},
	"http.user_agent": {field.HTTPUserAgent, http}, "http.header": {field.HTTPHeaders, http}, "http.header.raw": {field.HTTPHeaders, http},
	"http.request_body": {field.HTTPRequestBody, http}, "http.stat_code": {field.HTTPStatus, http},
	"http.response_body": {field.HTTPResponseBody, http},
	"tls.sni":            {field.TLSSNI, tls}, "tls_sni": {field.TLSSNI, tls}, "tls.version": {field.TLSVersion, tls},
	"tls.cert_subject": {field.TLSCertSubject, tls}, "tls_cert_subject": {field.TLSCertSubject, tls},
	"tls.cert_issuer": {field.TLSCertIssuer, tls}, "tls_cert_issuer": {field.TLSCertIssuer, tls},
	"tls.cert_serial": {field.TLSCertSerial, tls}, "tls_cert_serial": {field.TLSCertSerial, tls},
	"tls.cert_fingerprint": {field.TLSCertFingerprint, tls}, "tls_cert_fingerprint": {field.TLSCertFingerprint, tls},
	"ja4.hash": {field.TLSJA4, tls | quic}, "ja4_hash": {field.TLSJA4, tls | quic},
	"quic.sni": {field.TLSSNI, quic}, "quic.version": {field.QUICVersion, quic},
	"dns.query": {field.DNSQuery, dns}, "dns_query": {field.DNSQuery, dns},
	"smtp.helo": {field.SMTPHelo, smtp}, "smtp.mail_from": {field.SMTPMailFrom, smtp}, "smtp.rcpt_to": {field.SMTPRcptTo, smtp},
	"email.subject": {field.EmailSubject, smtp}, "email.from": {field.EmailFrom, smtp}, "email.to": {field.EmailTo, smtp},
	"ftp.command": {field.FTPCommand, ftp}, "ftp.command_data": {field.FTPCommandData, ftp}, "ftp.reply": {field.FTPReply, ftp},
	"pkt_data": {field: field.Payload},
}

// modifiers are the older keywords that choose the buffer of the content before them; all are of HTTP.
var modifiers = map[string]field.ID{
	"http_method": field.HTTPMethod, "http_uri": field.HTTPURI, "http_host": field.HTTPHost,
	"http_user_agent": field.HTTPUserAgent, "http_header": field.HTTPHeaders, "http_client_body": field.HTTPRequestBody,
	"http_stat_code": field.HTTPStatus, "http_server_body": field.HTTPResponseBody,
}

// apps is a set of protocols of messages. The empty set is what is no message: packets and payloads.
type apps uint8

const (
	http1 apps = 1 << iota
	tls
	dns
	quic
	smtp
	ftp
	http2

	http = http1 | http2
)

var appNames = [...]string{"http", "tls", "dns", "quic", "smtp", "ftp", "http2"}

// appOf is the protocol with the name; none if rules know no such.
func appOf(name string) apps {
	for i, n := range appNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// String is the names.
func (a apps) String() string {
	var names []string
	for i, n := range appNames {
		if a&(1<<i) != 0 && (i == 0 || a&http != http || 1<<i != http2) {
			names = append(names, n)
		}
	}
	return strings.Join(names, " or ")
}

// shown are the fields to ask for so that every message of a protocol is shown.
var shown = [len(appNames)]field.Set{
	field.SetOf(field.HTTPMethod, field.HTTPStatus), field.SetOf(field.TLSSNI, field.TLSVersion), field.SetOf(field.DNSQuery),
	field.SetOf(field.TLSVersion, field.QUICVersion), envelope | field.SetOf(field.EmailHeaders),
	field.SetOf(field.FTPCommand, field.FTPReply), field.SetOf(field.HTTPMethod, field.HTTPStatus),
}

// envelope are the fields of commands of SMTP, each of which is a message of its own.
var envelope = field.SetOf(field.SMTPHelo, field.SMTPMailFrom, field.SMTPRcptTo)

// alone are the fields that no other stands beside in a message.
var alone = envelope | field.SetOf(field.FTPReply)

// ofCertificate are the fields of certificates, which are messages of their own.
var ofCertificate = field.SetOf(field.TLSCertSubject, field.TLSCertIssuer, field.TLSCertSerial, field.TLSCertFingerprint)

// anyCase reports whether a buffer is in a case of its own: in Suricata patterns for it are brought to that.
func anyCase(id field.ID) bool { return id == field.TLSCertSerial || id == field.TLSCertFingerprint }

// wireVersion is a version of QUIC as packets have it, which is what rules look for (RFC 9000 §17.2, RFC 9369 §3.1).
func wireVersion(name []byte) []byte {
	switch string(name) {
	case "1":
		return version1
	case "2":
		return version2
	}
	return nil
}

var version1, version2 = []byte{0, 0, 0, 1}, []byte{0x6b, 0x33, 0x43, 0xcf}

// An instance is one value that a buffer has in what is looked at: a message can hold several queries.
type instance struct {
	buffer buffer
	text   text
	hasLow bool
}

// instances are the values of the message or payload that is looked at.
type instances struct {
	all     []instance
	scratch []byte // what instances point into, where they are no views
}

func (s *instances) reset() { s.all, s.scratch = s.all[:0], s.scratch[:0] }

func (s *instances) add(b buffer, value []byte) {
	if b.dotted {
		from := len(s.scratch)
		s.scratch = append(append(s.scratch, '.'), value...)
		value = s.scratch[from:]
	}
	s.all = append(s.all, instance{buffer: b, text: text{plain: value}})
}

// lower gives an instance its lower-case copy.
func (s *instances) lower(i *instance) {
	if i.hasLow {
		return
	}
	i.hasLow = true
	from := len(s.scratch)
	for _, c := range i.text.plain {
		s.scratch = append(s.scratch, lower(c))
	}
	i.text.low = s.scratch[from:]
}
