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
// word of context or the separators with which people write it. A word of context holds until another field begins
// (", name:", "&name="), and begins and ends at no letter or digit but that of a capital behind small ones.
//
// A value begins behind no letter, of whatever alphabet that parts words by spaces, and behind no digit; behind other
// punctuation, of ASCII or not, it may. Between the groups of a number may stand spaces and dashes, of ASCII or those
// that do not break, are thin or longer (U+00A0, U+2009, U+202F, U+2010 to U+2013), if they all stand for the same one.
//
// In a table the name of a column counts as if it stood in front of each of its fields, and what stands in other lines does not: see Table. Then what is a value depends on
// the header line too, and each part is to be shown with the Table of what came before.
//
// Where values overlap each other without end, over more than MaxOpen bytes, a cut may lose one that another has begun in.
//
// A secret is found by its name, to which it is assigned or beside which it stands: in the next field, cell or element, in the part of a form, behind a gap, behind the
// name of a user, or in a column that is called so. In a sentence words may stand between that say what it is for. What is called a secret may be one that
// somebody made up, if it has a sign that stands in no name and no path. A word that says that it is something else or made up counts for it only if it belongs to the name.
//
// Limits. It reads bytes, not encodings: text in UTF-16, Base64 or compressed must be decoded before. Words of context
// that stand behind a value are not seen; nor are header lines of lines with commas elsewhere than at the begin of a text, or columns that spaces line up. A value that is broken over lines is not
// found, private keys excepted; nor are digits of other scripts or of full width. Passwords of letters only are found
// in connection strings, and where they are four words with dashes; UUIDs nowhere. Of a name in a table only the column or the first cell of a row counts. Of a token longer than its kind's MaxLen only the beginning is found, or nothing where
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
