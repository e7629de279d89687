package smtp

import (
	"encoding/base64"
	"mime/quotedprintable"
	"strings"
)

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// lines breaks s into lines of n bytes.
func lines(s string, n int) string {
	var b strings.Builder
	for len(s) > n {
		b.WriteString(s[:n] + "\n")
		s = s[n:]
	}
	return b.String() + s
}

// encodeQuoted writes s as the standard library does.
func encodeQuoted(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}
