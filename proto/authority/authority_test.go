package authority

import "testing"

func TestAppendHost(t *testing.T) {
	for _, c := range []struct {
		in, want string
		ok       bool
	}{
		{"example.com", "example.com", true},
		{"Example.COM:8080", "example.com", true},
		{"example.com.", "example.com", true},
		{"example.com.:80", "example.com", true},
		{"example.com:", "example.com", true},
		{"[2001:DB8::1]:443", "[2001:db8::1]", true},
		{"[2001:db8::1]", "[2001:db8::1]", true},
		{"", "", true},
		{".", ".", true},
		{"caf\xc3\xa9.example", "caf\xc3\xa9.example", true},
		{"user@example.com", "", false},
		{"a.example, b.example", "", false},
		{"a.example/b", "", false},
		{"a.example:80x", "", false},
		{"a.example:1234567890123456789", "", false},
		{"[2001:db8::1", "", false},
		{"[2001:db8::1]x", "", false},
		{"2001:db8::1", "", false},
		{"a#b", "", false},
		{"a|b", "", false},
		{"a`b^c", "", false},
	} {
		got, ok := AppendHost([]byte("> "), []byte(c.in))
		if ok != c.ok || ok && string(got) != "> "+c.want {
			t.Errorf("%q: %q, %v; want %q, %v", c.in, got, ok, c.want, c.ok)
		}
	}
}
