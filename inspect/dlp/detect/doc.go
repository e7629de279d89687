// Package detect finds sensitive values in a text: payment cards, bank accounts, national numbers, keys, tokens,
// passwords, addresses of mail and phone.
//
// Its law: the same values are found however a text is cut into parts, if each part is shown with the ContextBytes
// before it and begins where Open said that the undecided begins. So what is a value depends on nothing but its own
// bytes, at most ContextBytes before it, and the few bytes behind it that tell its end.
//
// A value has a score. What its form alone proves is its base: a check digit that lets one in a hundred through is
// worth less than a prefix and a checksum. A word of context before it ("IBAN", "mot de passe") raises the score, a
// word that says that it is something else ("order", "sha256") or is made up ("example", "dummy") lowers it. Below
// Threshold nothing is reported. Precision comes first: a number whose check lets many random ones through needs a
// word of context or the separators with which people write it.
//
// Limits. It reads bytes, not encodings: text in UTF-16, Base64 or compressed must be decoded before. Words of context
// that stand behind a value, or in the header line of a table, are not seen. A value that is broken over lines is not
// found, private keys excepted. Of a token longer than its kind's MaxLen only the beginning is found, or nothing where
// the end is needed to tell what it is.
//
// Whoever wants to hide a value can: by a word such as "order" before it, by other separators, by any encoding. What
// is found is what is sent carelessly.
//
// A text is read in blocks: see block. Each byte is read once, to find where digits and literals begin; what is there is looked at by itself, and
// given up by its first bytes if it can be.
//
// A scanner allocates nothing, takes no lock and reads no clock. The work per byte of text is bounded: what is looked
// at from one place is at most MaxOpen bytes long and begins with a digit or a literal.
package detect
