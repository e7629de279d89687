package ids

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/rule"
)

// A compiler turns rules into signatures.
type compiler struct {
	solver  solver
	classes map[string]int // priority by classtype
}

// A building is a signature on its way: what the options so far have said.
type building struct {
	signature
	compiler *compiler
	current  buffer   // of the contents that follow
	last     *content // the modifiers behind it are about it
	lastIn   int      // index in matches of last's buffer
	options  map[string]bool
	priority int
	isData   bool // asks for file.data
	protoAt  rule.Pos
}

// compile returns the signature of r, or what is wrong with it as a *rule.Error.
func (c *compiler) compile(r *rule.Rule) (*signature, []byte, error) {
	b := &building{compiler: c, current: payload, options: map[string]bool{}}
	b.dir, b.gid, b.rev, b.lastIn = -1, 1, 1, -1
	if err := b.readHeader(r); err != nil {
		return nil, nil, err
	}
	for i := range r.Options {
		if err := b.option(&r.Options[i]); err != nil {
			return nil, nil, err
		}
	}
	return b.finish(r)
}

func wrong(at rule.Pos, hint, format string, args ...any) error {
	return &rule.Error{Pos: at, What: fmt.Sprintf(format, args...), Hint: hint}
}

func (b *building) readHeader(r *rule.Rule) error {
	n := slices.Index(rankNames[:], r.Action.Text)
	if n < 0 {
		return wrong(r.Action.Pos, "write alert, drop, reject or pass", "unsupported action %q", r.Action.Text)
	}
	b.rank, b.protoAt = rank(n), r.Proto.Pos
	switch r.Proto.Text {
	case "ip":
	case "tcp", "tcp-pkt", "tcp-stream":
		b.proto = tcp
	case "udp":
		b.proto = udp
	case "icmp":
		b.proto = icmp
	case "http":
		b.apps = http
	case "http1":
		b.apps = http1
	case "tls", "dns", "quic", "smtp", "ftp", "http2":
		b.apps = appOf(r.Proto.Text)
	default:
		return wrong(r.Proto.Pos, "write ip, tcp, udp, icmp, http, http1, http2, tls, dns, quic, smtp or ftp", "unsupported protocol %q", r.Proto.Text)
	}
	b.both = r.Both
	var errs [4]error
	s := &b.compiler.solver
	b.src, errs[0] = s.addrsOf(&r.Src)
	b.srcPort, errs[1] = s.portsOf(&r.SrcPort)
	b.dst, errs[2] = s.addrsOf(&r.Dst)
	b.dstPort, errs[3] = s.portsOf(&r.DstPort)
	for i, at := range []rule.Pos{r.Src.Pos, r.SrcPort.Pos, r.Dst.Pos, r.DstPort.Pos} {
		if errs[i] != nil {
			return wrong(at, "set it under variables, or write addresses and ports", "%v", errs[i])
		}
	}
	return nil
}

// plain are options that say nothing about what matches.
var plain = map[string]bool{"metadata": true, "reference": true, "target": true, "classtype": true, "priority": true}

// option reads one option.
func (b *building) option(o *rule.Option) error {
	if p, ok := sticky[o.Name]; ok && !o.HasValue {
		b.current, b.last = buffer{field: p.field}, nil
		return b.narrow(p.apps)
	}
	if id, ok := modifiers[o.Name]; ok && !o.HasValue {
		if err := b.moveLast(o, buffer{field: id}); err != nil {
			return err
		}
		return b.narrow(http)
	}
	if readsContent(o.Name) {
		return b.modify(o)
	}
	if b.options[o.Name] && !plain[o.Name] {
		return wrong(o.Pos, "remove one of them", "a second %s", o.Name)
	}
	b.options[o.Name] = o.Name != "content" && o.Name != "bsize"
	var err error
	switch o.Name {
	case "content":
		err = b.content(o)
	case "msg":
		b.msg = o.Text()
	case "sid":
		b.sid, err = number(o)
	case "rev":
		b.rev, err = number(o)
	case "gid":
		b.gid, err = number(o)
	case "classtype":
		b.class = o.Text()
		if b.priority == 0 {
			b.priority = b.compiler.classes[b.class]
		}
	case "priority":
		var n uint32
		n, err = number(o)
		b.priority = int(min(n, math.MaxInt32))
	case "metadata", "reference", "target":
	case "flow":
		err = b.flow(o)
	case "dsize":
		b.dsize, err = sizesOf(o)
	case "bsize":
		m := b.matchOf(b.current)
		b.matches[m].size, err = sizesOf(o)
	case "tls.version":
		err = b.tlsVersion(o)
	case "dotprefix":
		b.current.dotted = true
	case "file.data", "file_data":
		b.current, b.last, b.isData = buffer{field: field.HTTPResponseBody}, nil, true
		if b.apps == smtp {
			b.current.field = field.EmailBody
		}
	default:
		return wrong(o.Pos, "remove the rule, or turn strict off to have it skipped", "unsupported keyword %q", o.Name)
	}
	return err
}

// narrow makes it a rule about messages of the given protocols.
func (b *building) narrow(to apps) error {
	switch {
	case b.apps == 0 || to == 0:
		b.apps |= to
	case b.apps&to == 0:
		return wrong(b.protoAt, "write "+to.String(), "a rule about %v looks into a field of %v", b.apps, to)
	default:
		b.apps &= to
	}
	return nil
}

// tlsVersion reads a version as hellos have it, or as a number. It is matched whole, and chooses no buffer.
func (b *building) tlsVersion(o *rule.Option) error {
	v := strings.TrimSpace(o.Text())
	if n, err := strconv.ParseUint(v, 0, 16); strings.HasPrefix(v, "0x") && err == nil {
		if v = fmt.Sprintf("%#x", n); n >= 0x301 && n <= 0x304 {
			v = fmt.Sprintf("1.%d", n-0x301)
		}
	} else if len(v) != 3 || v < "1.0" || v > "1.3" {
		return wrong(o.ValuePos, "write 1.0, 1.1, 1.2, 1.3 or a number such as 0x7f12", "unsupported tls.version:%s", o.Value)
	}
	m := &b.matches[b.matchOf(buffer{field: field.TLSVersion})]
	m.contents = append(m.contents, content{pattern: []byte(v), depth: len(v), ends: true, within: unset})
	return b.narrow(tls)
}

// matchOf returns the index in matches of the given buffer.
func (b *building) matchOf(buf buffer) int {
	i := slices.IndexFunc(b.matches, func(m bufferMatch) bool { return m.buffer == buf })
	if i < 0 {
		i = len(b.matches)
		b.matches = append(b.matches, bufferMatch{buffer: buf})
	}
	return i
}

func (b *building) content(o *rule.Option) error {
	pattern, not, err := o.Content()
	if err != nil {
		return err
	}
	b.lastIn = b.matchOf(b.current)
	m := &b.matches[b.lastIn]
	m.contents = append(m.contents, content{pattern: pattern, not: not, depth: unset, within: unset})
	b.last = &m.contents[len(m.contents)-1]
	return nil
}

// moveLast moves the content before the modifier o into another buffer.
func (b *building) moveLast(o *rule.Option, to buffer) error {
	if b.last == nil {
		return wrong(o.Pos, "write it behind a content", "%s belongs to no content", o.Name)
	}
	c := *b.last
	from := &b.matches[b.lastIn]
	from.contents = from.contents[:len(from.contents)-1]
	b.lastIn = b.matchOf(to)
	m := &b.matches[b.lastIn]
	m.contents = append(m.contents, c)
	b.last = &m.contents[len(m.contents)-1]
	return nil
}

func (b *building) flow(o *rule.Option) error {
	for word := range strings.SplitSeq(o.Value, ",") {
		switch strings.TrimSpace(word) {
		case "to_server", "from_client":
			b.dir = int8(flow.ToServer)
		case "to_client", "from_server":
			b.dir = int8(flow.ToClient)
		case "established":
			b.mustBe = flow.Established
		case "stateless":
		default:
			return wrong(o.ValuePos, "write to_server, to_client and established", "unsupported flow:%s", o.Value)
		}
	}
	return nil
}

// finish checks the whole, and chooses the pattern to look for first; nil if there is none.
func (b *building) finish(r *rule.Rule) (*signature, []byte, error) {
	if b.sid == 0 {
		return nil, nil, wrong(r.Pos, "add sid:1000001;", "the rule has no sid")
	}
	if b.isData && (b.apps == 0 || b.apps&^http != 0 || b.dir == int8(flow.ToServer)) && (b.apps != smtp || b.dir == int8(flow.ToClient)) {
		return nil, nil, wrong(r.Pos, "use http.request_body, or make it a rule about http to the client or smtp to the server", "file.data here is no response of HTTP and no mail")
	}
	b.matches = slices.DeleteFunc(b.matches, func(m bufferMatch) bool { return len(m.contents) == 0 && !m.size.isSet })
	if err := b.chooseView(r); err != nil {
		return nil, nil, err
	}
	var hint *content
	for i := range b.matches {
		m := &b.matches[i]
		link(m.contents)
		for k := range m.contents {
			c := &m.contents[k]
			if c.nocase = c.nocase || anyCase(m.buffer.field); c.nocase {
				c.pattern, m.any = bytes.ToLower(c.pattern), true
			}
			if c.not || b.mixed && isBody(m.buffer.field) && hint != nil && !isBody(b.hint.field) {
				continue // in front of the body it is known earlier who waits for it
			}
			if b.mixed && hint != nil && isBody(b.hint.field) && !isBody(m.buffer.field) || c.isBetterHint(hint) {
				hint, b.hint = c, m.buffer
			}
		}
	}
	switch b.priority {
	case 0:
		b.severity = event.Low
	default:
		b.severity = event.Severity(min(b.priority, int(event.Info)))
	}
	s := b.signature
	if hint == nil {
		return &s, nil, nil
	}
	return &s, hint.pattern, nil
}

// isBetterHint says whether to look for c first rather than for old: for what the rule's author says, else for the
// longest pattern.
func (c *content) isBetterHint(old *content) bool {
	if old == nil || c.hinted != old.hinted {
		return old == nil || c.hinted
	}
	return len(c.pattern) > len(old.pattern)
}

func (b *building) chooseView(r *rule.Rule) error {
	var in field.Set
	for _, m := range b.matches {
		in |= field.SetOf(m.buffer.field)
		b.late = b.late || isBody(m.buffer.field)
	}
	if b.apps&tls != 0 && in&ofCertificate != 0 && in&^ofCertificate&^field.SetOf(field.Payload) != 0 {
		return wrong(r.Pos, "write two rules", "certificates and hellos are messages of their own, and a rule looks into one message")
	}
	if in&alone != 0 && bits.OnesCount64(uint64(in&^field.SetOf(field.Payload))) > 1 {
		return wrong(r.Pos, "write two rules", "commands, replies and mails are messages of their own, and a rule looks into one message")
	}
	b.mixed = b.late && b.asksHead()
	switch {
	case b.apps != 0:
		b.view = messages
	case len(b.matches) > 0:
		b.view = payloads
	default:
		b.once = !b.dsize.isSet
	}
	return nil
}
