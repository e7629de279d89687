package dlpcorpus

import "strings"

// Lines returns n texts with a value of each kind: what the value is called, and the value, in one line of printable ASCII. No
// two values are equal, and each has so much that is random that it stands nowhere else by chance. The same seed gives the same texts.
func Lines(seed uint64, n int) (lines []Case) {
	r := newSource(seed)
	taken := map[string]bool{}
	for _, m := range makers {
		for range n {
			for {
				c := r.line(&m)
				l := c.Labels[0]
				if v := c.Text[l.Off:l.End]; !taken[v] && !strings.ContainsAny(v, "\r\n") {
					taken[v] = true
					lines = append(lines, c)
					break
				}
			}
		}
	}
	return lines
}

// line is one text for Lines. Kinds of which people choose the values have some that nobody chose.
func (r *source) line(m *maker) Case {
	t := new(text)
	switch m.kind {
	case "connection-string":
		return t.put("DATABASE_URL=postgres://app:").value(m.kind, r.of(alnum, 16)+"7x", false).put("@db.weir.internal:5432/shop").done("line")
	case "secret":
		return t.put("api_key=").value(m.kind, r.of(alnum, 36), false).done("line")
	case "email":
		return t.put("mail: ").value(m.kind, r.of(lowers, 14)+"@"+r.of(lowers, 12)+".org", false).done("line")
	case "phone":
		return t.put("phone: ").value(m.kind, "+91 "+r.of("6789", 1)+r.digits(9), false).done("line")
	}
	v, _ := m.make(r)
	assign := ": "
	if assignedOnly(m.kind) {
		assign = "="
	}
	return t.put(m.names[0]+assign).value(m.kind, v, false).done("line")
}
