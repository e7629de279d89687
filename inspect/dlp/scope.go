package dlp

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
)

// Fields that are looked at as what they mean. All else is looked at as it is on the wire.
var (
	fromClient = field.SetOf(field.HTTPRequestBody, field.EmailBody)
	fromServer = field.SetOf(field.HTTPResponseBody)
	texts      = fromClient.Union(fromServer)
)

// Fields that are looked at on the wire, where their grammar has found them. What is in none of them is called payload.
var (
	fromBoth = field.SetOf(field.HTTPHeaders, field.DNSQuery)
	named    = fromBoth.Union(field.SetOf(field.HTTPURI, field.SMTPHelo, field.SMTPMailFrom, field.SMTPRcptTo, field.EmailHeaders,
		field.FTPCommandData, field.FTPReply, field.DNSAnswer))
)

var fields = texts.Union(named)

// A scope is where a rule applies.
type scope struct {
	dirs             uint8          // bit per flow.Direction
	fields           field.Set      // field.Payload is one of them; empty: all
	clients, servers []netip.Prefix // empty: all
}

// A place is where a value was found.
type place struct {
	dir            flow.Direction
	field          field.ID
	client, server netip.Addr
}

// has reports whether p is in the scope.
func (s *scope) has(p place) bool {
	return s.dirs&(1<<p.dir) != 0 && (s.fields == 0 || s.fields.Has(p.field)) && contain(s.clients, p.client) && contain(s.servers, p.server)
}

// mayHave is has for some of what is looked at: of a payload, parts may be fields of other names.
func (s *scope) mayHave(p place) bool {
	return s.has(p) || p.field == field.Payload && s.fields&named != 0 && (&scope{dirs: s.dirs, clients: s.clients, servers: s.servers}).has(p)
}

func contain(nets []netip.Prefix, a netip.Addr) bool {
	for _, n := range nets {
		if n.Contains(a) {
			return true
		}
	}
	return len(nets) == 0
}

// covers reports whether all that is in o is in s.
func (s *scope) covers(o *scope) bool {
	return o.dirs&^s.dirs == 0 && (s.fields == 0 || o.fields != 0 && o.fields&^s.fields == 0) && within(s.clients, o.clients) && within(s.servers, o.servers)
}

// within reports whether each of the networks lies in one of those around it.
func within(around, nets []netip.Prefix) bool {
	if len(around) == 0 {
		return true
	}
	for _, n := range nets {
		if !slices.ContainsFunc(around, func(a netip.Prefix) bool { return a.Bits() <= n.Bits() && a.Contains(n.Addr()) }) {
			return false
		}
	}
	return len(nets) > 0
}

// looked is the fields that have to be shown for the scope.
func (s *scope) looked() field.Set {
	var looked field.Set
	if s.dirs&(1<<flow.ToServer) != 0 {
		looked = looked.Union(fromClient)
	}
	if s.dirs&(1<<flow.ToClient) != 0 {
		looked = looked.Union(fromServer)
	}
	if s.fields != 0 {
		looked &= s.fields
	}
	if s.fields == 0 || s.fields&field.SetOf(field.Payload, field.HTTPURI, field.HTTPHeaders) != 0 {
		looked = looked.Union(field.SetOf(field.HTTP2Head))
	}
	return looked
}

// asked is the fields that have to be made for the scope: those that are shown, and of the named ones those that no other makes a grammar look for.
func (s *scope) asked() field.Set {
	asked := s.looked().Union(field.SetOf(field.DNSQuery, field.DNSAnswer))
	return asked.Union(s.fields & named)
}

// directions reads a direction as bits.
func directions(name, path string, m *inspect.Mistakes) uint8 {
	switch name {
	case "", "both":
		return 1<<flow.ToServer | 1<<flow.ToClient
	case "to-server":
		return 1 << flow.ToServer
	case "to-client":
		return 1 << flow.ToClient
	}
	m.Add(path, "write to-server, to-client or both", "unknown direction %q", name)
	return 0
}

// networks reads addresses and networks.
func networks(texts []string, path string, m *inspect.Mistakes) (nets []netip.Prefix) {
	for i, t := range texts {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(t); err == nil && a.Zone() == "" {
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil || !p.IsValid() || p.Masked() != p {
			m.Add(fmt.Sprintf("%s[%d]", path, i), "write an address, or a network such as 192.0.2.0/24", "%q is neither", t)
			continue
		}
		nets = append(nets, p)
	}
	return nets
}
