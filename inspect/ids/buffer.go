package ids

import "github.com/weir-project/weir/field"

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

// sticky are the keywords that choose the buffer of the contents behind them.
var sticky = map[string]field.ID{
	"http.method": field.HTTPMethod, "http.uri": field.HTTPURI, "http.host": field.HTTPHost,
	"http.user_agent": field.HTTPUserAgent, "http.header": field.HTTPHeaders, "http.header.raw": field.HTTPHeaders,
	"http.request_body": field.HTTPRequestBody, "http.stat_code": field.HTTPStatus,
	"http.response_body": field.HTTPResponseBody,
	"tls.sni":            field.TLSSNI, "tls_sni": field.TLSSNI, "tls.version": field.TLSVersion,
	"dns.query": field.DNSQuery, "dns_query": field.DNSQuery,
	"pkt_data": field.Payload,
}

// modifiers are the older keywords that choose the buffer of the content before them.
var modifiers = map[string]field.ID{
	"http_method": field.HTTPMethod, "http_uri": field.HTTPURI, "http_host": field.HTTPHost,
	"http_user_agent": field.HTTPUserAgent, "http_header": field.HTTPHeaders, "http_client_body": field.HTTPRequestBody,
	"http_stat_code": field.HTTPStatus, "http_server_body": field.HTTPResponseBody,
}

// appOf is the protocol whose messages have the field; "" for the payload.
func appOf(id field.ID) string {
	switch {
	case id >= field.HTTPMethod && id <= field.HTTPResponseBody:
		return "http"
	case id >= field.TLSSNI && id <= field.TLSVersion:
		return "tls"
	case id >= field.DNSQuery && id <= field.DNSAnswer:
		return "dns"
	}
	return ""
}

// shown are the fields to ask for so that every message of a protocol is shown.
var shown = map[string]field.Set{
	"http": field.SetOf(field.HTTPMethod, field.HTTPStatus),
	"tls":  field.SetOf(field.TLSSNI, field.TLSVersion),
	"dns":  field.SetOf(field.DNSQuery),
}

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
