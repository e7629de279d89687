package tls

import (
	"crypto/sha1"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
)

// This file reads the server's own certificate, the first in a Certificate message (RFC 5246 §7.4.2), as far as its
// fields need it (RFC 5280 §4.1). What cannot be read has no field: certificates are for endpoints to judge.

var certificateFields = field.SetOf(field.TLSCertSubject, field.TLSCertIssuer, field.TLSCertSerial, field.TLSCertFingerprint)

// certificate makes the fields of msg, a whole Certificate message.
func (r *Reader) certificate(m *field.Message, msg []byte, want field.Set) packet.Reason {
	m.Reset(m.Proto, msg)
	m.Response, m.Complete = true, true
	r.text = r.text[:0]
	c := cursor{msg, 4}
	if list := c.vector(3); list.end != len(msg) || list.len() == 0 {
		return badCertificate
	}
	c.at = 4 + 3
	der := c.vector(3)
	if !c.ok() {
		return badCertificate
	}
	add := func(id field.ID, value []byte) {
		if want.Has(id) && value != nil {
			m.Add(field.Field{ID: id, Value: value, Span: field.Span{Off: der.off, End: der.end}})
		}
	}
	cert := msg[der.off:der.end]
	serial, issuer, subject := takeApart(cert)
	add(field.TLSCertSubject, r.distinguished(subject))
	add(field.TLSCertIssuer, r.distinguished(issuer))
	add(field.TLSCertSerial, r.octets(serial, "0123456789ABCDEF"))
	sum := sha1.Sum(cert)
	add(field.TLSCertFingerprint, r.octets(sum[:], "0123456789abcdef"))
	return ""
}

const badCertificate packet.Reason = "tls-bad-certificate" // lengths in its message do not add up

// takeApart returns the serial number and the two names of a certificate in DER; nil for what it cannot
// find.
func takeApart(der []byte) (serial, issuer, subject []byte) {
	in := cryptobyte.String(der)
	var cert, tbs, number, skipped, name cryptobyte.String
	if !in.ReadASN1(&cert, asn1.SEQUENCE) || !cert.ReadASN1(&tbs, asn1.SEQUENCE) {
		return nil, nil, nil
	}
	version := asn1.Tag(0).Constructed().ContextSpecific()
	if !tbs.SkipOptionalASN1(version) || !tbs.ReadASN1(&number, asn1.INTEGER) || !tbs.SkipASN1(asn1.SEQUENCE) {
		return nil, nil, nil
	}
	serial = number
	if len(serial) > 1 && serial[0] == 0 { // only says that the number is positive
		serial = serial[1:]
	}
	if !tbs.ReadASN1(&name, asn1.SEQUENCE) {
		return serial, nil, nil
	}
	issuer = name
	if !tbs.ReadASN1(&skipped, asn1.SEQUENCE) || !tbs.ReadASN1(&name, asn1.SEQUENCE) {
		return serial, issuer, nil
	}
	return serial, issuer, name
}

// octets is b in hexadecimal with colons.
func (r *Reader) octets(b []byte, digits string) []byte {
	if len(b) == 0 || len(b) > maxSerial {
		return nil
	}
	from := len(r.text)
	for i, c := range b {
		if i > 0 {
			r.text = append(r.text, ':')
		}
		r.text = append(r.text, digits[c>>4], digits[c&15])
	}
	return r.since(from)
}

const maxSerial = 64 // bytes; RFC 5280 §4.1.2.2 allows 20
