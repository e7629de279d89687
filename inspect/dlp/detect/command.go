package detect

// This file reads passwords that commands are given without a name, and those in the files of programs that know them by their place.

func commandLiterals() []literal {
	return []literal{
		{text: "securestring", fold: true, kinds: setOf(Secret), probe: secureAt},
		{text: "ysql", kinds: setOf(Secret), probe: mysqlAt},
		{text: "qlplus ", fold: true, kinds: setOf(Secret), probe: sqlplusAt},
		{text: " \\\\", late: true, kinds: setOf(Secret), probe: shareAt},
		{text: "ied by ", fold: true, kinds: setOf(Secret), probe: identifiedAt},
		{text: ":543", late: true, kinds: setOf(Secret), probe: pgpassAt},
		{text: ":*:", late: true, kinds: setOf(Secret), probe: pgpassAt},
	}
}

// proposeBare proposes text[off:end], that stands where a password is expected, if it may be one. It is not asked for more than a name is.
func (s *Scanner) proposeBare(off, end int, quoted bool) {
	if off < 0 || s.short || end-off < minPassword || end-off > maxTestedBytes {
		return
	}
	if v := s.text[off:end]; !placeholder(v) && !reference(v, quoted, passwords) && (chosen(v) || phrase(v)) {
		s.propose(Secret, off, end, 70)
	}
}

// word returns the value at i, in quotes or without.
func (s *Scanner) word(i int) (off, end int, quoted bool) {
	if off = s.quote(i); off > i {
		return s.quotedValue(off)
	}
	return i, s.until(i, endsBare), false
}

// secureAt looks for what PowerShell makes a secure string of, with "SecureString" at i: ConvertTo-SecureString "X".
func secureAt(s *Scanner, i int) {
	const before = "convertto-"
	at := s.spaces(i + len("securestring"))
	if !s.saysFolded(i-len(before), before) {
		return
	}
	if s.saysFolded(at, "-string ") {
		at = s.spaces(at + len("-string "))
	}
	if off := s.quote(at); off > at {
		s.proposeBare(s.quotedValue(off))
	}
}

// mysqlAt looks for the password that a client of MySQL is given directly behind -p, with the "ysql" of its name at i: mysqldump -u root -pX shop.
func mysqlAt(s *Scanner, i int) {
	if s.byteAt(i-1) != 'm' {
		return
	}
	for at := s.run(i, maxName, base62); at-i < maxCommand; at++ {
		switch c := s.byteAt(at); {
		case c == 0 || c == '\n' || c == '\r':
			return
		case c == ' ' && s.byteAt(at+1) == '-' && s.byteAt(at+2) == 'p':
			if end := s.run(at+2, maxName, letters); s.byteAt(end) != '=' { // -protocol=tcp
				s.proposeBare(s.word(at + 3))
			}
			return
		}
	}
}

const maxCommand = 80 // bytes between the name of a program and its password

// sqlplusAt looks for the password that a client of Oracle is given behind the user, with the "qlplus" of its name at i: sqlplus app/X@db.
func sqlplusAt(s *Scanner, i int) {
	user := s.spaces(i + len("qlplus "))
	for s.byteAt(user) == '-' { // -S, -L
		user = s.spaces(s.run(user, maxName, nameBytes))
	}
	slash := s.run(user, maxUser+1, nameBytes)
	end := s.run(slash+1, maxTestedBytes+1, sqlplusBytes)
	if s.byteAt(slash) == '/' && slash > user && s.byteAt(end) == '@' {
		s.proposeBare(slash+1, end, false)
	}
}

// sqlplusBytes are those of a password on a command line, in front of the @.
var sqlplusBytes = classWhere(func(c byte) bool { return visible.has(c) && !isQuote(c) && c != '@' && c != '/' })

// shareAt looks for the password with which a share is mounted on Windows, with the two backslashes of its path at i+1: net use Z: \\srv\x X /user:u.
func shareAt(s *Scanner, i int) {
	at := i
	if s.byteAt(at-1) == ':' && isLetter(s.byteAt(at-2)) && s.byteAt(at-3) == ' ' { // a drive
		at -= 3
	}
	const use = "net use"
	if !s.saysFolded(at-len(use), use) {
		return
	}
	at = s.run(i+1, maxCommand, visible)
	for at = s.spaces(at); s.byteAt(at) == '/'; {
		at = s.spaces(s.run(at, maxCommand, visible))
	}
	s.proposeBare(s.word(at))
}

// identifiedAt looks for the password of a statement of SQL, with the end of its "identified by" at i.
func identifiedAt(s *Scanner, i int) {
	const before = "identif"
	if !s.saysFolded(i-len(before), before) {
		return
	}
	at := i + len("ied by ")
	if s.saysFolded(at, "password ") {
		at += len("password ")
	}
	s.proposeBare(s.word(at))
}

// pgpassAt looks for the password in a line of a .pgpass file, with the port and the colons around it at i: host:port:database:user:password
// (PostgreSQL documentation, "The Password File").
func pgpassAt(s *Scanner, i int) {
	at := s.run(i+1, len("65535"), digits)
	if s.byteAt(at) == '*' {
		at++
	}
	host := i
	for i-host < maxUser-1 && nameBytes.has(s.byteAt(host-1)) || s.byteAt(host-1) == '*' && host == i {
		host--
	}
	if c := s.byteAt(host - 1); host == i || c != 0 && c != '\n' {
		return
	}
	for range 2 { // the database and its user
		from := at + 1
		if s.byteAt(at) != ':' {
			return
		}
		if at = s.run(from, maxName, pgpassBytes); at == from {
			return
		}
	}
	end := s.until(at+1, ':')
	if c := s.byteAt(end); s.byteAt(at) == ':' && (c == 0 || c == '\n' || c == '\r') {
		s.proposeBare(at+1, end, false)
	}
}

// pgpassBytes are those of the name of a database or a user in such a file.
var pgpassBytes = classOf("_-.*")
