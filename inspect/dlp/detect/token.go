package detect

import (
	"bytes"
	"hash/crc32"
	"strings"
)

// A token is a prefix and a body: so many bytes of a class, which are followed by none of it.
type token struct {
	kind     Kind
	prefix   string
	body     *class
	min, max int // bytes of the body
	base     int
	bare     bool                   // the prefix does not belong to the value
	check    func(body []byte) bool // of the body; nil: varied
}

var tokens = []token{
	{kind: AWSAccessKey, prefix: "AKIA", body: base32, min: 16, max: 16, base: 95, check: notExample}, // long-lived
	{kind: AWSAccessKey, prefix: "ASIA", body: base32, min: 16, max: 16, base: 95, check: notExample}, // of a session
	{kind: AWSAccessKey, prefix: "ABIA", body: base32, min: 16, max: 16, base: 90, check: notExample}, // bearer
	{kind: AWSAccessKey, prefix: "ACCA", body: base32, min: 16, max: 16, base: 90, check: notExample}, // context specific
	{kind: GitHubToken, prefix: "ghp_", body: base62, min: 36, max: 36, base: 99, check: summed},
	{kind: GitHubToken, prefix: "gho_", body: base62, min: 36, max: 36, base: 99, check: summed},
	{kind: GitHubToken, prefix: "ghu_", body: base62, min: 36, max: 36, base: 99, check: summed},
	{kind: GitHubToken, prefix: "ghs_", body: base62, min: 36, max: 36, base: 99, check: summed},
	{kind: GitHubToken, prefix: "ghr_", body: base62, min: 36, max: 36, base: 99, check: summed},
	{kind: GitHubToken, prefix: "github_pat_", body: base64url, min: 82, max: 82, base: 99, check: dotted(22, '_')},
	{kind: GitLabToken, prefix: "glpat-", body: gitLabBody, min: 20, max: 310, base: 95, check: routable},
	{kind: GitLabToken, prefix: "gldt-", body: gitLabBody, min: 20, max: 310, base: 95, check: routable},
	{kind: GitLabToken, prefix: "glrt-", body: gitLabBody, min: 20, max: 310, base: 95, check: routable},
	{kind: GitLabToken, prefix: "glcbt-", body: gitLabBody, min: 20, max: 310, base: 95},
	{kind: GitLabToken, prefix: "glptt-", body: base64url, min: 40, max: 40, base: 95},
	{kind: GitLabToken, prefix: "glsoat-", body: base64url, min: 20, max: 20, base: 95},
	{kind: GitLabToken, prefix: "glagent-", body: base64url, min: 50, max: 50, base: 95},
	{kind: GitLabToken, prefix: "glft-", body: base64url, min: 20, max: 30, base: 95},
	{kind: GitLabToken, prefix: "glffct-", body: base64url, min: 20, max: 30, base: 95},
	{kind: GitLabToken, prefix: "glimt-", body: base64url, min: 20, max: 30, base: 95},
	{kind: GitLabToken, prefix: "gloas-", body: lowerHex, min: 64, max: 64, base: 95},
	{kind: SlackToken, prefix: "xoxb-", body: slackBody, min: 30, max: 250, base: 95, check: slackParts},
	{kind: SlackToken, prefix: "xoxp-", body: slackBody, min: 30, max: 250, base: 95, check: slackParts},
	{kind: SlackToken, prefix: "xoxa-", body: slackBody, min: 30, max: 250, base: 95, check: slackParts},
	{kind: SlackToken, prefix: "xoxr-", body: slackBody, min: 30, max: 250, base: 95, check: slackParts},
	{kind: SlackToken, prefix: "xoxe-", body: slackBody, min: 30, max: 250, base: 95, check: slackParts},
	{kind: SlackToken, prefix: "xoxs-", body: slackBody, min: 30, max: 250, base: 95, check: slackParts},
	{kind: SlackToken, prefix: "xoxe.xoxb-", body: slackBody, min: 30, max: 245, base: 97, check: slackParts}, // that expires
	{kind: SlackToken, prefix: "xoxe.xoxp-", body: slackBody, min: 30, max: 245, base: 97, check: slackParts},
	{kind: SlackToken, prefix: "xapp-", body: slackBody, min: 60, max: 250, base: 95, check: slackParts},
	{kind: SlackWebhook, prefix: "hooks.slack.com/services/", body: classOf("/"), min: 40, max: 90, base: 95, check: webhookParts},
	{kind: SlackWebhook, prefix: "hooks.slack.com/workflows/", body: classOf("/"), min: 40, max: 90, base: 95, check: workflowParts},
	{kind: SlackWebhook, prefix: "hooks.slack.com/triggers/", body: classOf("/"), min: 40, max: 90, base: 95, check: workflowParts},
	{kind: StripeKey, prefix: "sk_live_", body: base62, min: 24, max: 247, base: 98},
	{kind: StripeKey, prefix: "rk_live_", body: base62, min: 24, max: 247, base: 98},
	{kind: StripeKey, prefix: "sk_test_", body: base62, min: 24, max: 247, base: 90},
	{kind: StripeKey, prefix: "rk_test_", body: base62, min: 24, max: 247, base: 90},
	{kind: StripeKey, prefix: "whsec_", body: base64std, min: 32, max: 64, base: 90},
	{kind: GoogleAPIKey, prefix: "AIza", body: base64url, min: 35, max: 35, base: 95},
	{kind: GoogleOAuth, prefix: "GOCSPX-", body: base64url, min: 28, max: 28, base: 95},
	{kind: GoogleOAuth, prefix: "ya29.", body: nameBytes, min: 30, max: 300, base: 95},
	{kind: NPMToken, prefix: "npm_", body: base62, min: 36, max: 36, base: 99, check: summed},
	{kind: PyPIToken, prefix: "pypi-AgEIcHlwaS5vcmc", body: base64url, min: 50, max: 230, base: 98},
	{kind: PyPIToken, prefix: "pypi-AgENdGVzdC5weXBpLm9yZw", body: base64url, min: 50, max: 220, base: 98},
	{kind: SendGridKey, prefix: "SG.", body: nameBytes, min: 66, max: 66, base: 97, check: dotted(22, '.')},
	{kind: TwilioKey, prefix: "SK", body: lowerHex, min: 32, max: 32, base: 85},
	{kind: OpenAIKey, prefix: "sk-", body: base64url, min: 48, max: 220, base: 98, check: hasOpenAI},
	{kind: AnthropicKey, prefix: "sk-ant-", body: base64url, min: 80, max: 130, base: 98, check: hasVersion},
	{kind: AzureStorageKey, prefix: "AccountKey=", body: base64std, min: 88, max: 88, base: 98, bare: true, check: is64Bytes},
}

var (
	gitLabBody = classOf("_-.")
	slackBody  = classOf("-")
)

func tokenLiterals() (all []literal) {
	for i := range tokens {
		t := &tokens[i]
		if t.check == nil {
			t.check = varied
		}
		l := literal{text: t.prefix, kinds: setOf(t.kind), probe: t.at, next: t.body}
		if t.kind == AWSAccessKey {
			l.kinds |= setOf(AWSSecretKey)
		}
		all = append(all, l)
	}
	return all
}

// at looks for the token whose prefix stands at i.
func (t *token) at(s *Scanner, i int) {
	if !s.fresh(i) {
		return
	}
	off := i + len(t.prefix)
	end := s.run(off, t.max+1, t.body)
	for end > off && s.text[end-1] == '.' && !s.short { // the end of a sentence
		end--
	}
	if n := end - off; s.short || n < t.min || n > t.max || isAlnum(s.byteAt(end)) || !t.check(s.text[off:end]) {
		return
	}
	if !t.bare {
		off = i
	}
	s.propose(t.kind, off, end, t.base)
	if t.kind == AWSAccessKey {
		s.secretBehind(end)
	}
}

// secretBehind looks for the secret key behind the access key that ends at i, in the next field: "AKIA…", "X".
func (s *Scanner) secretBehind(i int) {
	off := s.run(i, maxBetween, partsKeys)
	end := s.run(off, awsSecretLen+1, base64std)
	if v := s.text[i:min(end, len(s.text))]; s.short || off == i || end-off != awsSecretLen || isWord(s.byteAt(end)) || len(v) < awsSecretLen {
		return
	}
	if v := s.text[off:end]; random(v) && !all(v, lowerHex) && sorts(v) > 2 {
		s.propose(AWSSecretKey, off, end, 75)
	}
}

const (
	awsSecretLen = 40 // characters
	maxBetween   = 12 // bytes between an access key and its secret one
)

// partsKeys are bytes that stand between these.
var partsKeys = classWhere(func(c byte) bool { return isSpace(c) || isQuote(c) || c == ',' || c == ':' || c == ';' || c == '|' })

// varied says whether b has many different bytes, as what is drawn at random: no placeholder of crosses or rows.
func varied(b []byte) bool {
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n >= min(8, len(b)/2)
}

// notExample says whether an AWS key is none of those of Amazon's own documentation.
func notExample(b []byte) bool { return varied(b) && !bytes.HasSuffix(b, []byte("EXAMPLE")) }

// summed says whether the last six of 36 characters are the CRC-32 of the others in base 62, the way GitHub and npm
// make their tokens (github.blog, "Behind GitHub's new authentication token formats", 2021).
func summed(b []byte) bool {
	sum := crc32.ChecksumIEEE(b[:30])
	for k := 35; k >= 30; k-- {
		if b[k] != base62Digits[sum%62] {
			return false
		}
		sum /= 62
	}
	return true
}

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// dotted returns a check for two varied parts, the first of n bytes, with sep between them and nowhere else.
func dotted(n int, sep byte) func([]byte) bool {
	return func(b []byte) bool {
		return b[n] == sep && bytes.IndexByte(b, sep) == n && bytes.LastIndexByte(b, sep) == n && varied(b[:n]) && varied(b[n+1:])
	}
}

// routable says whether b is the body of a GitLab token: 20 bytes, or more and the dots that part the route, version
// and checksum.
func routable(b []byte) bool {
	return varied(b) && (len(b) <= 26 && bytes.IndexByte(b, '.') < 0 || len(b) > 26 && bytes.IndexByte(b, '.') >= 20)
}

// slackParts says whether b is two parts or more with dashes, the first a number, the last random.
func slackParts(b []byte) bool {
	first := bytes.IndexByte(b, '-')
	last := bytes.LastIndexByte(b, '-')
	return first > 0 && decimalOnly(b[:first]) && len(b)-last > 20 && varied(b[last+1:])
}

func decimalOnly(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return len(b) > 0
}

// webhookParts says whether b is a team, a bot and a secret: T…/B…/….
func webhookParts(b []byte) bool {
	bot := bytes.Index(b, []byte("/B"))
	last := bytes.LastIndexByte(b, '/')
	return b[0] == 'T' && bot > 6 && last > bot+6 && len(b)-last > 20 && varied(b[last+1:])
}

// workflowParts says whether b is a team, with or without an application, a number and a secret: T…/A…/…/….
func workflowParts(b []byte) bool {
	last := bytes.LastIndexByte(b, '/')
	if last < 0 {
		return false
	}
	before := bytes.LastIndexByte(b[:last], '/')
	return b[0] == 'T' && before > 6 && decimalOnly(b[before+1:last]) && len(b)-last > 20 && varied(b[last+1:])
}

// hasOpenAI says whether b holds "OpenAI" in Base64, as all keys of theirs do.
func hasOpenAI(b []byte) bool { return bytes.Contains(b, []byte("T3BlbkFJ")) && varied(b) }

// hasVersion says whether b begins with a kind and a version: api03-.
func hasVersion(b []byte) bool {
	dash := bytes.IndexByte(b, '-')
	return dash >= 5 && dash <= 8 && isDigit(b[dash-1]) && isDigit(b[dash-2]) && varied(b[dash:])
}

// is64Bytes says whether 88 characters are 64 bytes in Base64.
func is64Bytes(b []byte) bool {
	return bytes.IndexByte(b, '=') == 86 && b[87] == '=' && varied(b)
}

// telegramAt looks for a Telegram bot's token, whose number is [i, end).
func (s *Scanner) telegramAt(i, end int) {
	if n := end - i; n < 8 || n > 10 || !s.set.Has(TelegramToken) || !s.fresh(i) && !s.afterBot(i) {
		return
	}
	off := end + 1
	if s.byteAt(off) != 'A' {
		return
	}
	last := s.run(off, 36, base64url)
	if s.short || last-off != 35 || !varied(s.text[off:last]) {
		return
	}
	s.propose(TelegramToken, i, last, 95)
}

// afterBot says whether the path of a request to Telegram stands before i: /bot123456:….
func (s *Scanner) afterBot(i int) bool {
	return s.byteAt(i-1) == 't' && s.byteAt(i-2) == 'o' && s.byteAt(i-3) == 'b'
}

// discordLiterals are the first characters of a number in Base64, of which the first part of a Discord token is one: two
// digits, and half of the third.
func discordLiterals() (all []literal) {
	for _, a := range "MNO" {
		for _, b := range "DTjz" {
			all = append(all, literal{text: string([]rune{a, b}), kinds: setOf(DiscordToken), probe: discordAt, next: thirdOfNumber})
		}
	}
	return all
}

// thirdOfNumber are the last four bits of a digit and the first two of another, in Base64.
var thirdOfNumber = classWhere(func(c byte) bool { return strings.IndexByte("AEIMQUYcgk", c) >= 0 })

// discordAt looks for a Discord bot's token: its number, the time, and a signature, in Base64, with dots between.
func discordAt(s *Scanner, i int) {
	const timeLen = 6
	dot := s.run(i, 30, base64url)
	n := dot - i
	if n < 22 || n > 28 || s.byteAt(dot) != '.' || !s.fresh(i) || s.byteAt(i-1) == '.' || s.byteAt(i-1) == '/' {
		return
	}
	second := s.run(dot+1, timeLen+1, base64url)
	end := s.run(second+1, 41, base64url)
	if s.short || second-dot-1 != timeLen || s.byteAt(second) != '.' || end-second-1 < 27 || end-second-1 > 40 {
		return
	}
	var id [24]byte
	if m, ok := decode64(id[:], s.text[i:dot]); ok && m >= 16 && decimalOnly(id[:m]) {
		s.propose(DiscordToken, i, end, 98)
	}
}

// decode64 decodes src, which is of URL-safe Base64 without padding, into dst as far as there is room. It returns how
// many bytes that are, and whether all of src is of the alphabet.
func decode64(dst, src []byte) (n int, ok bool) {
	acc, bits := uint32(0), 0
	for _, c := range src {
		v := base64Value(c)
		if v < 0 {
			return n, false
		}
		acc, bits = acc<<6|uint32(v), bits+6
		if bits >= 8 && n < len(dst) {
			bits -= 8
			dst[n] = byte(acc >> bits)
			n++
		}
	}
	return n, true
}

// base64Value returns the value of a character of Base64, be it of RFC 4648 §4 or §5; -1 for others.
func base64Value(c byte) int {
	switch {
	case c-'A' < 26:
		return int(c - 'A')
	case c-'a' < 26:
		return int(c-'a') + 26
	case isDigit(c):
		return int(c-'0') + 52
	case c == '-' || c == '+':
		return 62
	case c == '_' || c == '/':
		return 63
	}
	return -1
}
