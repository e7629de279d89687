package ids

import (
	"strconv"

	"github.com/weir-project/weir/rule"
)

// readsContent says whether the option changes the content before it.
func readsContent(name string) bool {
	switch name {
	case "nocase", "offset", "depth", "distance", "within", "startswith", "endswith", "fast_pattern", "rawbytes":
		return true
	}
	return false
}

// maxPlace bounds the numbers of a content's place, in bytes.
const maxPlace = 1 << 20

// modify applies a modifier to the last content.
func (b *building) modify(o *rule.Option) error {
	c := b.last
	if c == nil {
		return wrong(o.Pos, "write it behind a content", "%s belongs to no content", o.Name)
	}
	n := 0
	switch o.Name {
	case "offset", "depth", "distance", "within":
		var err error
		if n, err = strconv.Atoi(o.Value); err != nil || n < -maxPlace || n > maxPlace {
			return wrong(o.ValuePos, "write a number of bytes", "unsupported %s:%s", o.Name, o.Value)
		}
	case "fast_pattern":
		if o.HasValue && o.Value != "only" {
			return wrong(o.ValuePos, "write fast_pattern;", "unsupported fast_pattern:%s", o.Value)
		}
	default:
		if o.HasValue {
			return wrong(o.ValuePos, "remove the value", "%s has no value", o.Name)
		}
	}
	switch o.Name {
	case "nocase":
		c.nocase = true
	case "fast_pattern":
		c.hinted = true
	case "endswith":
		c.ends = true
	case "startswith":
		return c.absolute(o, 0, len(c.pattern))
	case "offset":
		return c.absolute(o, n, c.depth)
	case "depth":
		return c.absolute(o, c.offset, n)
	case "distance":
		return c.behind(o, n, c.within)
	case "within":
		return c.behind(o, c.distance, n)
	}
	return nil
}

// absolute gives the content a place in the buffer.
func (c *content) absolute(o *rule.Option, offset, depth int) error {
	switch {
	case c.relative:
		return wrong(o.Pos, "remove one of them", "%s beside distance or within", o.Name)
	case offset < 0 || depth != unset && depth < len(c.pattern):
		return wrong(o.Pos, "the depth is at least the length of the pattern", "%s:%s leaves no place for %d bytes", o.Name, o.Value, len(c.pattern))
	}
	c.offset, c.depth = offset, depth
	return nil
}

// behind gives the content a place behind the match before.
func (c *content) behind(o *rule.Option, distance, within int) error {
	switch {
	case c.offset != 0 || c.depth != unset:
		return wrong(o.Pos, "remove one of them", "%s beside offset, depth or startswith", o.Name)
	case within != unset && within < len(c.pattern):
		return wrong(o.Pos, "within is at least the length of the pattern", "%s:%s leaves no place for %d bytes", o.Name, o.Value, len(c.pattern))
	}
	c.relative, c.distance, c.within = true, distance, within
	return nil
}
