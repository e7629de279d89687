package detect

// A class is a set of bytes.
type class [256]bool

func (c *class) has(b byte) bool { return c[b] }

// classOf returns the class of letters, digits and the bytes of others.
func classOf(others string) *class {
	c := new(class)
	for b := range 256 {
		c[b] = isAlnum(byte(b))
	}
	for i := range len(others) {
		c[others[i]] = true
	}
	return c
}

// members returns the bytes of the class: all, if there is none.
func (c *class) members() (all []byte) {
	for b := range 256 {
		if c == nil || c[b] {
			all = append(all, byte(b))
		}
	}
	return all
}

func classWhere(in func(byte) bool) *class {
	c := new(class)
	for b := range 256 {
		c[b] = in(byte(b))
	}
	return c
}

var (
	base62    = classOf("")
	base64std = classOf("+/=")
	base64url = classOf("-_")
	token68   = classOf("-._~+/=") // RFC 9110 §11.2
	digits    = classWhere(isDigit)
	letters   = classWhere(isLetter)
	lowerHex  = classWhere(func(c byte) bool { return isDigit(c) || c-'a' < 6 })
	base32    = classWhere(func(c byte) bool { return c-'A' < 26 || c-'2' < 6 }) // RFC 4648 §6
	nameBytes = classOf("_-.")
	visible   = classWhere(func(c byte) bool { return c > ' ' && c < 0x7f })
)
