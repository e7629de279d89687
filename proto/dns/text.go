package dns

import "strconv"

// typeNames are the types by name (IANA, DNS Parameters); others are TYPEn (RFC 3597 §5).
var typeNames = texts(map[uint16]string{
	1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS", 12: "PTR",
	13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 19: "X25", 20: "ISDN", 21: "RT", 22: "NSAP",
	23: "NSAP-PTR", 24: "SIG", 25: "KEY", 26: "PX", 27: "GPOS", 28: "AAAA", 29: "LOC", 30: "NXT", 33: "SRV", 35: "NAPTR",
	36: "KX", 37: "CERT", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC",
	48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 58: "TALINK", 59: "CDS",
	60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 104: "NID", 105: "L32",
	106: "L64", 107: "LP", 108: "EUI48", 109: "EUI64", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 253: "MAILB",
	254: "MAILA", 255: "ANY", 256: "URI", 257: "CAA", 258: "AVC", 260: "AMTRELAY", 32768: "TA", 32769: "DLV",
})

// rcodeNames are the response codes by name (IANA, DNS Parameters); others are RCODEn.
var rcodeNames = texts(map[uint16]string{
	0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
	8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI", 16: "BADVERS", 17: "BADKEY", 18: "BADTIME", 19: "BADMODE",
	20: "BADNAME", 21: "BADALG", 22: "BADTRUNC", 23: "BADCOOKIE",
})

func texts(names map[uint16]string) map[uint16][]byte {
	t := make(map[uint16][]byte, len(names))
	for n, s := range names {
		t[n] = []byte(s)
	}
	return t
}

func (g *Grammar) typeText(t uint16) []byte { return g.numbered(typeNames, "TYPE", t) }

func (g *Grammar) rcodeText(c uint16) []byte { return g.numbered(rcodeNames, "RCODE", c) }

func (g *Grammar) numbered(names map[uint16][]byte, prefix string, n uint16) []byte {
	if s, ok := names[n]; ok {
		return s
	}
	from := len(g.text)
	g.text = strconv.AppendUint(append(g.text, prefix...), uint64(n), 10)
	return g.text[from:len(g.text):len(g.text)]
}
