package ids

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
)

func parts(of ...string) (out []inspecttest.Part) {
	for i := 0; i < len(of); i += 2 {
		id, _ := field.Parse(of[i])
		out = append(out, inspecttest.Part{ID: id, Value: of[i+1]})
	}
	return out
}

// TestHellosAndCertificates: which keywords look into what of TLS and of QUIC, as Suricata's do.
func TestHellosAndCertificates(t *testing.T) {
	const ja4, ja4q = "t13d1516h2_8daaf6152771_e5627efa2ab1", "q13d0310h3_55b375c5d22e_cd85d2d88918"
	hello := inspecttest.Message("tls", false, parts("tls.version", "1.3", "tls.sni", "www.example.com", "tls.ja4", ja4)...)
	answer := inspecttest.Message("tls", true, parts("tls.version", "1.2")...)
	cert := inspecttest.Message("tls", true, parts("tls.cert_subject", "C=DE, O=Example, CN=www.example.com", "tls.cert_issuer", "CN=Example CA",
		"tls.cert_serial", "5C:19:B7:B1", "tls.cert_fingerprint", "4a:a3:66:76:82:cb:6b:23:bb:c3:58:47:23:a4:63:a7:78:a4:a1:18")...)
	one := inspecttest.Message("quic", false, parts("tls.version", "1.3", "tls.sni", "www.example.com", "tls.ja4", ja4q, "quic.version", "1")...)
	two := inspecttest.Message("quic", false, parts("tls.version", "1.3", "tls.sni", "www.example.org", "tls.ja4", ja4q, "quic.version", "2")...)
	draft := inspecttest.Message("tls", false, parts("tls.version", "0x7f12")...)
	all := []*field.Message{hello, answer, cert, one, two, draft}
	for _, c := range []struct {
		rule string
		want []*field.Message
	}{
		{`tls any any -> any any (`, []*field.Message{hello, answer, draft}},
		{`quic any any -> any any (`, []*field.Message{one, two}},
		{`tls any any -> any any (tls.sni; content:"example";`, []*field.Message{hello}},
		{`ip any any -> any any (tls.sni; content:"example";`, []*field.Message{hello}},
		{`quic any any -> any any (quic.sni; content:"example.com"; endswith;`, []*field.Message{one}},
		{`ip any any -> any any (quic.sni; dotprefix; content:".example.org"; endswith;`, []*field.Message{two}},
		{`udp any any -> any any (quic.version; content:"|00 00 00 01|"; startswith; endswith;`, []*field.Message{one}},
		{`quic any any -> any any (quic.version; content:"|6b 33 43 cf|"; bsize:4;`, []*field.Message{two}},
		{`quic any any -> any any (quic.version; content:"1";`, nil},
		{`ip any any -> any any (ja4.hash; content:"13d";`, []*field.Message{hello, one, two}},
		{`tls any any -> any any (ja4_hash; content:"13d";`, []*field.Message{hello}},
		{`quic any any -> any any (ja4.hash; content:"` + ja4q + `"; quic.sni; content:"www";`, []*field.Message{one, two}},
		{`ip any any -> any any (ja4.hash; content:!"x"; tls.sni; content:"www";`, []*field.Message{hello}},
		{`ip any any -> any any (ja4.hash; content:!"x";`, []*field.Message{hello, one, two}},
		{`tls any any -> any any (tls.version:1.2;`, []*field.Message{answer}},
		{`ip any any -> any any (tls.version:"1.3";`, []*field.Message{hello}},
		{`tls any any -> any any (tls.version:0x0304; tls.sni; content:"www";`, []*field.Message{hello}},
		{`tls any any -> any any (tls.sni; tls.version:1.3; content:"www";`, []*field.Message{hello}},
		{`tls any any -> any any (tls.version:0x7F12;`, []*field.Message{draft}},
		{`tls any any -> any any (tls.version; content:"1.";`, []*field.Message{hello, answer}},
		{`tls any any -> any any (tls.cert_subject; content:"CN=www.example.com"; endswith; tls.cert_issuer; content:"example ca"; nocase;`, []*field.Message{cert}},
		{`tls any any -> any any (tls_cert_subject; content:"CN=WWW";`, nil},
		{`tls any any -> any any (tls.cert_serial; content:"5c:19:b7:b1";`, []*field.Message{cert}},
		{`tls any any -> any any (tls.cert_fingerprint; content:"4A:A3:66:76";`, []*field.Message{cert}},
		{`tls any any -> any any (tls_cert_fingerprint; content:"a1:18"; endswith; tls_cert_serial; content:"5C"; startswith; tls_cert_issuer; content:"CN";`, []*field.Message{cert}},
	} {
		l := rules(t, "alert "+c.rule+" sid:1;)")
		var got []*field.Message
		for _, m := range all {
			if l.Message(inspecttest.UDP(client, server, m.Unit), m, inspect.MessageWhole); len(sids(l)) > 0 {
				got = append(got, m)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s\n%s", c.rule, d)
		}
	}
}
