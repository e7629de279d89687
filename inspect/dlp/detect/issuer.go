package detect

const minCard = 12 // digits of the shortest card: Maestro

// An issuer is a range of the first six digits, and how many digits such cards have.
type issuer struct {
	first, last int
	min, max    int
	skip        uint32 // lengths between min and max that are not issued: bit n for n digits
	usual       uint32 // lengths with which a card needs neither a word nor groups, likewise
}

// Lengths as bits.
const (
	d14 = 1 << 14
	d15 = 1 << 15
	d16 = 1 << 16
	d19 = 1 << 19
)

// issuers are the ranges of the networks' published rules: ISO/IEC 7812; Visa "BIN attributes"; Mastercard "2-Series
// BIN Implementation"; American Express "CID and Card Format"; Discover Global Network "IIN Range Update" (with
// Diners Club, JCB and UnionPay co-branding); NPCI for RuPay; NSPK for Mir. They are collected with references
// in Wikipedia, "Payment card number", section "Issuer identification number".
var issuers = []issuer{
	{400000, 499999, 13, 19, 1<<14 | 1<<15 | 1<<17 | 1<<18, d16}, // Visa: 13, 16 or 19
	{510000, 559999, 16, 16, 0, d16},                             // Mastercard
	{222100, 272099, 16, 16, 0, d16},                             // Mastercard, 2-series
	{340000, 349999, 15, 15, 0, d15},                             // American Express
	{370000, 379999, 15, 15, 0, d15},
	{300000, 305999, 14, 19, 0, d14}, // Diners Club
	{309500, 309599, 14, 19, 0, d14},
	{360000, 369999, 14, 19, 0, d14},
	{380000, 389999, 14, 19, 0, d14},
	{390000, 399999, 14, 19, 0, 0},
	{601100, 601199, 16, 19, 0, d16}, // Discover
	{622126, 622925, 16, 19, 0, d16 | d19},
	{644000, 659999, 16, 19, 0, d16},
	{352800, 358999, 16, 19, 0, d16},       // JCB
	{620000, 629999, 16, 19, 0, d16 | d19}, // UnionPay
	{810000, 817199, 16, 19, 0, 0},         // UnionPay, 8-series
	{501800, 501899, 12, 19, 0, d16},       // Maestro
	{502000, 502099, 12, 19, 0, d16},
	{503800, 503899, 12, 19, 0, d16},
	{561200, 561299, 12, 19, 0, d16},
	{589300, 589399, 12, 19, 0, d16},
	{630400, 630499, 12, 19, 0, d16},
	{670000, 679999, 12, 19, 0, d16},
	{220000, 220499, 16, 19, 0, d16}, // Mir
	{508500, 508999, 16, 16, 0, d16}, // RuPay
	{606985, 607984, 16, 16, 0, d16},
	{608001, 608500, 16, 16, 0, d16},
	{636000, 636999, 16, 19, 0, 0},   // InterPayment
	{637000, 639999, 16, 16, 0, 0},   // InstaPayment
	{506099, 506198, 16, 19, 0, d16}, // Verve
	{979200, 979299, 16, 16, 0, d16}, // Troy
}

// has says whether the issuer has cards of n digits.
func (r *issuer) has(n int) bool { return n >= r.min && n <= r.max && r.skip>>n&1 == 0 }

// beginnings says for the first two digits how long cards that begin so can be: bit n for n digits. Most numbers end
// here.
var beginnings = func() (t [100]uint32) {
	for i := range issuers {
		r := &issuers[i]
		for first := r.first / 10000; first <= r.last/10000; first++ {
			for n := minCard; n <= maxDigits; n++ {
				if r.has(n) {
					t[first] |= 1 << n
				}
			}
		}
	}
	return t
}()

// mayIssue returns how long a card can be that begins with the digit a and, if it is one, b; as beginnings does.
func mayIssue(a, b byte) uint32 {
	if !isDigit(b) {
		return 0
	}
	return beginnings[(a-'0')*10+(b-'0')]
}
