package ids

import "bytes"

// unset stands for a limit that a content does not have.
const unset = -1 << 31

// A content is one pattern with its place.
type content struct {
	pattern []byte // in lower case iff nocase
	nocase  bool
	not     bool
	ends    bool // endswith
	hinted  bool // fast_pattern

	// In the buffer: starts at offset or later, ends at offset+depth or earlier. Valid iff !relative.
	offset int
	depth  int // unset: no limit

	// From the end of the match before: starts distance bytes behind it or later, ends distance+within bytes behind it
	// or earlier. Valid iff relative.
	relative bool
	distance int
	within   int // unset: no limit

	feeds bool // a later content is relative to the matches of this one
}

// A text is a buffer to match in, and its lower-case copy for patterns without case.
type text struct{ plain, low []byte }

func (t text) of(c *content) []byte {
	if c.nocase {
		return t.low
	}
	return t.plain
}

// A matcher holds the scratch memory of matching: sets of places where matches end, ascending.
type matcher struct{ ends, next []int32 }

// match says whether all contents of one buffer match in t.
//
// A content that is relative may follow any match of the one before, so not one match is carried along but the set of all
// places where the match so far can end. Each step is one walk over the text and one over the set; there is nothing to go
// back to, so the time is linear in the text for each content, whatever the text.
func (m *matcher) match(t text, cs []content) bool {
	m.ends = append(m.ends[:0], 0)
	for i := range cs {
		c := &cs[i]
		var ok bool
		switch {
		case !c.relative:
			ok = m.absolute(t.of(c), c)
		case c.not:
			ok = m.relativeNot(t.of(c), c)
		default:
			ok = m.relative(t.of(c), c)
		}
		if !ok {
			return false
		}
	}
	return true
}

// absolute matches c in its own range, and makes its ends the set if they are asked for.
func (m *matcher) absolute(b []byte, c *content) bool {
	lo, hi := c.offset, len(b)
	if c.depth != unset {
		hi = min(hi, c.offset+c.depth)
	}
	if c.ends {
		lo = max(lo, len(b)-len(c.pattern))
	}
	if lo > hi {
		return c.not
	}
	at := bytes.Index(b[lo:hi], c.pattern)
	if c.not || at < 0 {
		return (at < 0) == c.not
	}
	if !c.feeds {
		return true
	}
	m.next = m.next[:0]
	for at >= 0 {
		lo += at + 1
		m.next = append(m.next, int32(lo-1+len(c.pattern)))
		at = bytes.Index(b[lo:hi], c.pattern)
	}
	m.ends, m.next = m.next, m.ends
	return true
}

// relative replaces the set by the ends of those matches of c that lie right for some end in the set.
func (m *matcher) relative(b []byte, c *content) bool {
	m.next = m.next[:0]
	lo := max(0, int(m.ends[0])+c.distance)
	if c.ends {
		lo = max(lo, len(b)-len(c.pattern))
	}
	k := 0 // the last end that leaves enough distance
	for lo <= len(b) {
		at := bytes.Index(b[lo:], c.pattern)
		if at < 0 {
			break
		}
		start := lo + at
		end := start + len(c.pattern)
		for k+1 < len(m.ends) && max(0, int(m.ends[k+1])+c.distance) <= start {
			k++
		}
		if c.within == unset || end <= int(m.ends[k])+c.distance+c.within {
			m.next = append(m.next, int32(end))
			if !c.feeds {
				break
			}
		}
		lo = start + 1
	}
	m.ends, m.next = m.next, m.ends
	return len(m.ends) > 0
}

// relativeNot keeps those ends in the set behind which c does not match.
func (m *matcher) relativeNot(b []byte, c *content) bool {
	m.next = m.next[:0]
	start := -1 // of the first match at or behind the present end
	for _, e := range m.ends {
		lo := max(0, int(e)+c.distance)
		if c.ends {
			lo = max(lo, len(b)-len(c.pattern))
		}
		if start < lo {
			start = len(b) + 1
			if lo <= len(b) {
				if at := bytes.Index(b[lo:], c.pattern); at >= 0 {
					start = lo + at
				}
			}
		}
		if end := start + len(c.pattern); end > len(b) || c.within != unset && end > int(e)+c.distance+c.within {
			m.next = append(m.next, e)
		}
	}
	m.ends, m.next = m.next, m.ends
	return len(m.ends) > 0
}

// link notes which contents of one buffer others are relative to.
func link(cs []content) {
	isAsked := false
	for i := len(cs) - 1; i >= 0; i-- {
		c := &cs[i]
		if !c.not {
			c.feeds = isAsked
			isAsked = false
		}
		isAsked = isAsked || c.relative
	}
}
