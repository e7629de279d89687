package dlp

// A run is the groups of digits in which a card may go on, from the one that it may begin with. It is kept from one
// beginning to the next, with sums from its start, so that each digit is read and summed once, however many
// numbers it could be a part of.
type run struct {
	groups [maxGroups]group // a ring
	head   uint
	n      int
	sep    byte // between the groups; valid iff there are two or more
}

// maxGroups is how many groups there can be, rounded up to a power of two: six of minGroup digits, and one with which
// there are more than maxDigits.
const maxGroups = 8

// A group is digits that stand together, and the sums of all digits of the run before it and up to its end.
//
// The sums are those of Luhn (ISO/IEC 7812-1 annex B), in which every second digit counts twice: in the upper half those at
// even places of the run, in the lower half those at odd ones.
type group struct {
	from, end      int32
	before, digits int32
	start, sum     int64
}

// addends is what a digit adds to the sums at an even place, and at an odd one.
var addends = func() (t [2][10]int64) {
	for d := range int64(10) {
		twice := 2*d - 9*(d/5)
		t[0][d] = twice<<32 + d
		t[1][d] = d<<32 + twice
	}
	return t
}()

// at returns the k-th group.
func (r *run) at(k int) *group { return &r.groups[(r.head+uint(k))%maxGroups] }

// begin makes [i, end) the first group.
func (r *run) begin(b []byte, i, end int) {
	for r.n > 0 && int(r.at(0).from) < i {
		r.head = (r.head + 1) % maxGroups
		r.n--
	}
	if r.n < 2 || int(r.at(0).from) != i {
		r.n = 0
		r.push(b, i, end, 0, 0)
	}
}

// push appends the group [from, end), behind so many digits with that sum.
func (r *run) push(b []byte, from, end int, before int32, start int64) {
	g := r.at(r.n)
	r.n++
	g.from, g.end, g.before, g.start = int32(from), int32(end), before, start
	place := before
	for _, c := range b[from:end] {
		start += addends[place&1][c-'0']
		place++
	}
	g.digits, g.sum = place, start
}

// extend appends the group behind the last one and reports whether there is one that a card may go on in.
func (r *run) extend(b []byte) bool {
	last := r.at(r.n - 1)
	at := int(last.end)
	if at+1 >= len(b) || at-int(last.from) < minGroup || !isSeparator(b[at]) || r.n > 1 && b[at] != r.sep || !isDigit(b[at+1]) {
		return false
	}
	r.sep = b[at]
	end := at + 2
	for end < len(b) && end-at <= maxDigits+1 && isDigit(b[end]) {
		end++
	}
	r.push(b, at+1, end, last.digits, last.sum)
	return true
}

// valid says whether the last digit of the number from first to last checks: counted from it, every second one counts
// twice.
func valid(first, last *group) bool {
	sums := last.sum - first.start
	if last.digits&1 == 0 {
		return uint32(sums>>32)%10 == 0
	}
	return uint32(sums)%10 == 0
}
