package dlp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/view"
	"github.com/weir-project/weir/internal/inspecttest"
)

// A holder is a lane that shows a text in parts, and what is held once more.
type holder struct {
	*inspecttest.Lane
	d    *Inspector
	last bool
	held int
	at   int // of the text: where what is shown begins
	told []string
	left []byte
}

func (h *holder) Hold(_ *inspect.Context, n int) bool {
	h.held = max(h.held, n)
	return !h.last
}

func (h *holder) Keep(cx *inspect.Context, n int) bool { return h.Hold(cx, n) }

func (h *holder) Edit(_ *inspect.Context, _ field.ID, s field.Span, with []byte) bool {
	old := string(h.left[h.at+s.Off : h.at+s.End])
	if strings.Contains(old, "X") {
		h.told = append(h.told, "twice")
	}
	h.told = append(h.told, fmt.Sprintf("%s at %d", old, h.at+s.Off))
	copy(h.left[h.at+s.Off:], with)
	return true
}

// newHolder is a holder of an inspector that maker makes, on a connection of its own.
func newHolder(t testing.TB, maker inspect.Maker, text string) *holder {
	d := maker().(*Inspector)
	h := &holder{Lane: inspecttest.New(t, new(inspect.LabelTable), d), d: d, left: []byte(text)}
	h.Quiet = true
	h.Begin(inspecttest.TCP(client, server, nil))
	h.Cx.Host = h
	return h
}

// show shows the text in the given parts, as bytes or as a body. Somebody else holds more, as extra says.
func show(t testing.TB, text string, cuts []int, body bool, extra int) *holder {
	maker, _ := New(Config{Detectors: []Detector{{Name: "card", Action: "mask"}, {Name: "us-ssn", Action: "mask"}}}, inspect.Env{Lanes: 1})
	h := newHolder(t, maker, text)
	seen := 0
	for i, cut := range append(slices.Clone(cuts), len(text)) {
		h.last, h.held = i == len(cuts), 0
		part := []byte(text)[h.at:cut]
		if body {
			f := field.Field{ID: field.HTTPRequestBody, Value: part, Span: field.Span{End: len(part)}, Editable: true, Offset: int64(h.at), Seen: seen, More: !h.last}
			h.d.InspectField(&h.Cx, &f)
		} else {
			h.Cx.Seen = seen
			h.d.InspectStream(&h.Cx, part)
		}
		seen = min(max(h.held, extra), len(part))
		h.at = cut - seen
	}
	return h
}

// TestWhateverTheParts: a text that is shown in parts is masked as if it came at once, whoever else holds bytes of it. The pieces
// have numbers of all kinds, and what tells them from each other.
func TestWhateverTheParts(t *testing.T) {
	pieces := []string{
		"4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "501800000009", "536-22-1234", "536221234", "ssn ", "SS#",
		"0", "4", "11", "356", "-", " ", ".", "x", ", and then, for a while, nothing at all; ", "12345678901234567890123456789012345678901234567890",
	}
	rapid.Check(t, func(rt *rapid.T) { sameInParts(t, rt, pieces, 500) })
}

// TestWhateverThePartsOfCodes is the same for texts with escapes, so short that all is near enough to be remembered: what stands before a cut is
// remembered as it is written.
func TestWhateverThePartsOfCodes(t *testing.T) {
	pieces := []string{
		"4111111111111111", "4111 1111 1111 1111", "501800000009", "536221234", "ssn ", "card ", "+", "card%3A+", "card+", "%20", `\t`, `\u0034`, "%34", "%",
		"4", "11", "-", " ", ".", "x",
	}
	rapid.Check(t, func(rt *rapid.T) { sameInParts(t, rt, pieces, view.Context) })
}

// TestWhateverThePartsOfTables is the same for tables, whose header line is shown long before their records.
func TestWhateverThePartsOfTables(t *testing.T) {
	pieces := []string{
		"name", "ssn", "us ssn", "order id", ",", ",", ";", "\t", "\n", "\n", "\r\n", "536221234", "4111111111111111", "536-22-1234", `"a, b"`, `"`, "x", " ",
		"a value of some length that stands in between;", "),(", "'", "<td>", "</tr><tr>",
	}
	rapid.Check(t, func(rt *rapid.T) {
		head := rapid.SampledFrom([]string{"", "name,ssn,note\n", "ssn;card;order\r\n", "x INSERT INTO t (ssn, card) VALUES (", "<tr><th>ssn</th><th>x</th></tr><tr><td>"}).Draw(rt, "head")
		text := head + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 40).Draw(rt, "text"), "")
		sameCut(rt, t, text)
	})
}

// TestTablesGoOn: the columns of a table are known in parts that come long after they were named, and nothing but these says what its numbers are.
func TestTablesGoOn(t *testing.T) {
	for head, row := range map[string][2]string{
		"name;ssn;note\n": {"Bob;", ";x\n"},
		"-- people\nINSERT INTO t (name, ssn, note) VALUES\n": {"('Bob', '", "', 'a longer note'),\n"},
		"COPY t (name, ssn, note) FROM stdin;\n":              {"Bob\t", "\tx\n"},
		"<table><tr><th>name</th><th>SSN</th></tr>\n":         {"<tr><td>Bob</td><td>", "</td></tr>\n"},
	} {
		text := head + strings.Repeat(row[0]+"none"+row[1], 20) + row[0] + "536221234" + row[1]
		for cut := len(head); cut < len(text); cut += 7 {
			for _, body := range []bool{false, true} {
				if h := show(t, text, []int{cut}, body, 0); strings.Contains(string(h.left), "536221234") {
					t.Errorf("%q, body %v, cut at %d: %q", head, body, cut, h.left)
				}
			}
		}
	}
}

// TestLittleBehindMuch sends byte by byte behind kilobytes that are undecided, since each value in them overlaps the next: it is not all looked at with
// each byte.
func TestLittleBehindMuch(t *testing.T) {
	maker, mistakes := New(Config{Detectors: []Detector{
		{Name: "secret", Action: "mask"}, {Name: "card", Action: "mask"}, {Name: "email", Action: "mask"}, {Name: "connection-string", Action: "mask"},
	}}, inspect.Env{Lanes: 1})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	chain := strings.Repeat("ssword=pw=\"t=4", 600)
	text := chain + strings.Repeat("\n", 80) + "card 4000 0000 0000 0002 " + chain[:700]
	left := func(cuts []int) (masked string, looks int) {
		h, seen := newHolder(t, maker, text), 0
		d := h.d
		for i, cut := range append(slices.Clone(cuts), len(text)) {
			h.last, h.held, h.Cx.Seen = i == len(cuts), 0, seen
			part := []byte(text)[h.at:cut]
			d.found = append(d.found[:0], finding{off: -1})
			d.InspectStream(&h.Cx, part)
			if len(d.found) != 1 || d.found[0].off >= 0 {
				looks++
			}
			seen = min(h.held, len(part))
			h.at = cut - seen
		}
		return string(h.left), looks
	}
	var cuts []int
	for at := 5800; at < len(text); at++ {
		cuts = append(cuts, at)
	}
	masked, looks := left(cuts)
	// The chain is longer than may be shown once more: the value behind those that are decided early is lost.
	if strings.Count(masked, "t=4ss") > 1 || strings.Contains(masked, "0000 0002") {
		t.Errorf("left %q", masked)
	}
	if looks > len(cuts)/3 {
		t.Errorf("%d looks at %d bytes", looks, len(cuts))
	}
}

// sameInParts wants a text of at most so many bytes to be masked in the same way at once and in parts.
func sameInParts(t testing.TB, rt *rapid.T, pieces []string, most int) {
	text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(rt, "text"), "")
	sameCut(rt, t, text[:min(most, len(text))])
}

// sameCut is sameInParts for a text.
func sameCut(rt *rapid.T, t testing.TB, text string) {
	cuts := rapid.SliceOfN(rapid.IntRange(0, len(text)), 0, 8).Draw(rt, "cuts")
	slices.Sort(cuts)
	extra := rapid.IntRange(0, 60).Draw(rt, "extra")
	for _, body := range []bool{false, true} {
		whole, parts := show(t, text, nil, body, 0), show(t, text, cuts, body, extra)
		if string(whole.left) != string(parts.left) || !slices.Equal(whole.told, parts.told) {
			rt.Fatalf("%q, body %v, at once %q, %q; cut at %v, %q, %q", text, body, whole.left, whole.told, cuts, parts.left, parts.told)
		}
	}
}

// TestBodiesInStreams: what was shown as a body is left out of the stream, and what is on both sides of it does not belong together.
func TestBodiesInStreams(t *testing.T) {
	const text = "a 4111111111111111 b 4111111111111111 c 411111111111111|1 d 4111111111111111"
	l := lane(t, detecting("card", "mask"))
	bar := strings.IndexByte(text, '|')
	b := []byte(strings.Replace(text, "|", "1", 1)) // 17 digits, and of the body only the last but one
	l.Begin(inspecttest.TCP(client, server, nil))
	l.Cx.Bodies = []field.Span{{Off: 19, End: 39}, {Off: bar, End: bar + 1}}
	l.Chain.Stream[0].I.InspectStream(&l.Cx, b)
	want := "a XXXXXXXXXXXXXXXX b 4111111111111111 c 41111111111111111 d XXXXXXXXXXXXXXXX"
	if got := string(l.Apply(b)); got != want || len(l.Events) != 2 {
		t.Errorf("%q, %d events", got, len(l.Events))
	}
}

// TestFieldsAskedFor: the bodies of the directions that are looked at, and heads that are coded, which are altered only if something is masked; and what
// makes a grammar say where in a datagram its fields are.
func TestFieldsAskedFor(t *testing.T) {
	up, down := field.SetOf(field.HTTPRequestBody, field.EmailBody, field.HTTP2Head), field.SetOf(field.HTTPResponseBody, field.HTTP2Head)
	for _, c := range []struct {
		yaml          string
		fields, edits field.Set
	}{
		{"detectors: [{name: card, action: mask}]", up | down, up | down},
		{"detectors: [{name: card}, {name: us-ssn, action: mask}]", up | down, up | down},
		{"detectors: [{name: card, fields: [http.uri, ftp.reply]}]", field.SetOf(field.HTTP2Head, field.HTTPURI, field.FTPReply), 0},
		{"detectors: [{name: card, action: drop}]", up | down, 0},
		{"detectors: [{name: card, action: mask, mode: monitor}]", up | down, 0},
		{"{direction: to-server, detectors: [{name: card, action: mask}]}", up, up},
		{"{direction: to-client, detectors: [{name: card, action: mask}]}", down, down},
		{"detectors: [{name: card, action: mask, fields: [http.request_body]}]", field.SetOf(field.HTTPRequestBody), field.SetOf(field.HTTPRequestBody)},
		{"detectors: [{name: card, action: mask, fields: [payload]}]", field.SetOf(field.HTTP2Head), field.SetOf(field.HTTP2Head)},
	} {
		maker, _ := New(inspecttest.Load[Config](t, c.yaml), inspect.Env{Lanes: 1})
		c.fields |= field.SetOf(field.DNSQuery, field.DNSAnswer)
		if d := maker().(*Inspector); d.Fields() != c.fields || d.Edits() != c.edits {
			t.Errorf("%s: %b, %b", c.yaml, d.Fields(), d.Edits())
		}
	}
}

// TestBodyEvents: where in the body, under the body's name; and what cannot be edited is dropped, unless the policy lets it pass.
func TestBodyEvents(t *testing.T) {
	for _, unable := range []string{"drop", "pass"} {
		for _, editable := range []bool{false, true} {
			c := detecting("card", "mask")
			c.Unable = unable
			l := lane(t, c)
			p := inspecttest.TCP(server, client, nil)
			l.Begin(inspecttest.TCP(client, server, nil))
			d := l.Field(p, &field.Field{
				ID: field.HTTPResponseBody, Value: []byte("pay 4111111111111111"), Span: field.Span{End: 20}, Editable: editable, Offset: 1000, Seen: 3,
			})
			want := inspect.Decision{}
			if unable == "drop" && !editable {
				want = inspect.Drop(inspect.ScopePacket, MaskFailed)
			}
			e := l.Events[0]
			if d != want || len(l.Events) != 1 || e.Field != "http.response_body" || e.Offset != 1004 || l.Cx.Dir != flow.ToClient {
				t.Errorf("%s, editable %v: %v, %+v", unable, editable, d, e)
			}
		}
	}
}
