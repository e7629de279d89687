package detect

// raw are the kinds whose values are compared as they stand.
var raw = func() (s kindSet) {
	for k := range kinds {
		if !numbers.has(k) && k != Phone && k != Email && k != PrivateKey {
			s |= 1 << k
		}
	}
	return s
}()

// Value returns the value of the last match in its canonical form, which is compared with lists and fingerprinted:
// numbers without their separators and in capitals, phone numbers with their plus if they have one, mail addresses in
// lower case, a private key's Base64 without the lines around it (empty where headers stand before it), everything
// else as it stands. View, valid until the next Next.
func (s *Scanner) Value() []byte { return s.canonical(s.last) }

func (s *Scanner) canonical(m Match) []byte {
	text := s.text[m.Off:m.End]
	if raw.has(m.Kind) {
		return text
	}
	return appendCanonical(s.value[:0], text, m.Kind)
}

// appendCanonical appends the canonical form of a value of kind k that is not raw to dst.
func appendCanonical(dst, text []byte, k Kind) []byte {
	if k == PrivateKey {
		text = text[bodyOf(text):]
	}
	for _, c := range text {
		switch {
		case k == Email:
			dst = append(dst, lower(c))
		case k == PrivateKey:
			if base64std.has(c) {
				dst = append(dst, c)
			}
		case isAlnum(c):
			dst = append(dst, upper(c))
		case c == '+' && k == Phone:
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendMasked appends text, which is a match of kind k, to dst, with the characters of the value replaced by char.
// Its separators stay, so that a form remains a form, and the last keep characters. The line with which a private key
// begins stays as well.
func AppendMasked(dst, text []byte, k Kind, keep int, char byte) []byte {
	from := 0
	if k == PrivateKey {
		from = bodyOf(text)
	}
	left := -keep
	for _, c := range text[from:] {
		if isValue(c, k) {
			left++
		}
	}
	dst = append(dst, text[:from]...)
	for _, c := range text[from:] {
		if isValue(c, k) {
			if left > 0 {
				c = char
			}
			left--
		}
		dst = append(dst, c)
	}
	return dst
}

// isValue says whether c is a character of a value of kind k, and no separator.
func isValue(c byte, k Kind) bool {
	switch {
	case numbers.has(k), k == Phone:
		return isAlnum(c)
	case k == PrivateKey:
		return base64std.has(c)
	case k == Email:
		return c != '@' && c != '.'
	}
	return true
}
