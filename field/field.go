// Package field is the vocabulary of Weir: the names of what protocols carry.
// Parsers (package proto) make fields; inspectors ask for them by name and say
// which bytes of them to change. The same names are the IDS's sticky buffers, the
// DLP's scopes, the URL filter's inputs and the keys of statistics.
//
// It is a leaf: it imports nothing and knows no packet.
package field

// ID names one kind of field.
type ID uint8

// The fields. Payload is what remains when no grammar is known: the payload of one
// datagram, or the bytes of one direction of a stream.
const (
	None ID = iota
	Payload

	HTTPMethod
	HTTPURI
	HTTPHost
	HTTPUserAgent
	HTTPHeaders // whole header block, as received
	HTTPRequestBody
	HTTPStatus
	HTTPResponseBody
	HTTP2Head // all fields of one header block of HTTP/2, as lines: ":path: /", CR LF, …

	TLSSNI
	TLSALPN
	TLSVersion // highest version offered, or the one chosen: "1.3"
	TLSECH     // an encrypted ClientHello was offered, so TLSSNI is only its outer name: "outer" or "inner"
	TLSJA4     // fingerprint of the ClientHello: "t13d1516h2_8daaf6152771_e5627efa2ab1"

	// Of the server's own certificate, where it is sent in clear (TLS 1.2 and older).
	TLSCertSubject     // "C=DE, O=Example, CN=www.example.com"
	TLSCertIssuer      // likewise
	TLSCertSerial      // "5C:19:B7:B1:32:3B:1C:A1"
	TLSCertFingerprint // SHA-1 of the certificate: "4a:a3:66:76:…"

	QUICVersion // of the packet that a ClientHello ended in: "1" or "2"

	DNSQuery  // name asked for, lower case, without the final dot
	DNSType   // type asked for, as text: "A", "HTTPS", "TYPE65280"
	DNSRCode  // response code as text: "NOERROR"
	DNSAnswer // one resource record of the answer section; Value is its RDATA, Span the whole record

	SMTPHelo     // what the client calls itself, of EHLO, HELO or LHLO
	SMTPMailFrom // address of MAIL FROM, without the angle brackets; empty for a bounce
	SMTPRcptTo   // address of one RCPT TO, likewise

	EmailHeaders  // whole header block of a message or of a part of one, as received
	EmailSubject  // decoded (RFC 2047) and unfolded
	EmailFrom     // likewise
	EmailTo       // likewise
	EmailBody     // text of a part that has no parts, without its transfer encoding; in its own character set
	EmailFilename // name of an attachment, decoded (RFC 2183, RFC 2231, RFC 2047)

	FTPCommand     // verb of a command, as received: "RETR"
	FTPCommandData // what stands behind the verb; of PASS and ACCT empty: see Field.Detail
	FTPReply       // one whole reply, all its lines, without the last line end

	count // number of IDs
)

// Count is the number of field IDs, None included.
const Count = int(count)

var names = [...]string{
	None: "none", Payload: "payload",
	HTTPMethod: "http.method", HTTPURI: "http.uri", HTTPHost: "http.host", HTTPUserAgent: "http.user_agent",
	HTTPHeaders: "http.headers", HTTPRequestBody: "http.request_body", HTTPStatus: "http.stat_code",
	HTTPResponseBody: "http.response_body", HTTP2Head: "http2.head",
	TLSSNI: "tls.sni", TLSALPN: "tls.alpn", TLSVersion: "tls.version", TLSECH: "tls.ech", TLSJA4: "tls.ja4",
	TLSCertSubject: "tls.cert_subject", TLSCertIssuer: "tls.cert_issuer", TLSCertSerial: "tls.cert_serial",
	TLSCertFingerprint: "tls.cert_fingerprint", QUICVersion: "quic.version",
	DNSQuery: "dns.query", DNSType: "dns.type", DNSRCode: "dns.rcode", DNSAnswer: "dns.answer",
	SMTPHelo: "smtp.helo", SMTPMailFrom: "smtp.mail_from", SMTPRcptTo: "smtp.rcpt_to",
	EmailHeaders: "email.headers", EmailSubject: "email.subject", EmailFrom: "email.from", EmailTo: "email.to",
	EmailBody: "email.body", EmailFilename: "email.filename",
	FTPCommand: "ftp.command", FTPCommandData: "ftp.command_data", FTPReply: "ftp.reply",
}

// String returns the field's name in policies, rules and events, such as "tls.sni".
func (id ID) String() string {
	if int(id) < len(names) {
		return names[id]
	}
	return "invalid"
}

// Parse returns the field with the given name.
func Parse(name string) (ID, bool) {
	for id := Payload; id < count; id++ {
		if names[id] == name {
			return id, true
		}
	}
	return None, false
}

// A Set is a set of field IDs. The zero Set is empty.
type Set uint64

// SetOf returns the set of the given fields.
func SetOf(ids ...ID) Set {
	var s Set
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

// Has reports whether id is in s.
func (s Set) Has(id ID) bool { return s&(1<<id) != 0 }

// Union returns the fields that are in s or in t.
func (s Set) Union(t Set) Set { return s | t }

// A Span is a range of bytes [Off, End) of the unit that a message was parsed from:
// a datagram's payload, or a segment of a stream.
type Span struct{ Off, End int }

// Len returns the number of bytes in the span.
func (s Span) Len() int { return s.End - s.Off }

// Overlaps reports whether s and t share a byte, or one is empty and lies strictly
// inside the other.
func (s Span) Overlaps(t Span) bool { return s.Off < t.End && t.Off < s.End }

// A Named is where in a unit a field was read.
type Named struct {
	ID   ID
	Span Span
}

// A Field is one named value of a message.
type Field struct {
	ID    ID
	Value []byte // read-only view; valid for the call that shows it. Normalised or decoded iff !Editable
	Span  Span   // where the value came from; of the whole record for DNSAnswer
	// Editable says that Value is byte for byte what lies in Span (or, for a record,
	// that its grammar can repair the message around a new record), so that an Edit by
	// byte range is meaningful.
	Editable bool
	// Resizable says that an edit of a part of a value may change its length: what frames it can be put right yet.
	Resizable bool
	Detail    uint32 // grammar's own word: DNS record type<<16 | class for DNSAnswer; bytes kept back for FTPCommandData; else 0

	// A value of any length, such as a body, comes in parts.
	Offset int64 // place of Value[0] in the whole; 0 for the first part, and where there is but one
	Seen   int   // bytes at the head of Value that the part before has shown: somebody held them
	Left   int   // of those, bytes at the head that have left meanwhile, and cannot be edited
	More   bool  // another part follows, maybe an empty one
}

// Phase is the part of a message's life that is shown.
type Phase uint8

const (
	MessageWhole Phase = iota // start and end in one
	MessageStart
	MessageEnd
	MessagePart // of its body; message inspectors do not see it, field inspectors do
)

// A Message is what a grammar found in one unit: a DNS message, an HTTP request
// head, a ClientHello. Its fields stand in the order of the wire.
type Message struct {
	Proto  string // "dns", "http", "tls", "smtp"; "" for a plain payload
	Unit   []byte // the bytes that spans count in; read-only view
	Fields []Field
	// Complete says that the message ended inside Unit; otherwise more may follow.
	Complete bool
	// Response says that the server speaks.
	Response bool
	// Last says that the connection is to end behind this message: nothing that either side sends after it is read.
	Last bool
	// Stream tells messages apart that come interleaved in one direction: parts of a body are of the message that began with the
	// same Stream. 0 where messages follow each other.
	Stream uint32
	Detail uint32 // grammar's own word: bytes of length prefix before the message for DNS; else 0
}

// Reset empties m and keeps its memory.
func (m *Message) Reset(proto string, unit []byte) {
	*m = Message{Proto: proto, Unit: unit, Fields: m.Fields[:0]}
}

// Add appends a field.
func (m *Message) Add(f Field) { m.Fields = append(m.Fields, f) }

// Get returns the value of the first field with the given ID, or nil.
func (m *Message) Get(id ID) []byte {
	for i := range m.Fields {
		if m.Fields[i].ID == id {
			return m.Fields[i].Value
		}
	}
	return nil
}

// An Edit replaces the bytes of Span by New. Spans count in the message's unit.
type Edit struct {
	Span   Span
	New    []byte // owned by the edit list until the edits are applied
	Author uint8  // index of the inspector in its chain; lower wins an overlap
	Field  ID
}
