package ids

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/weir-project/weir/rule"
)

func number(o *rule.Option) (uint32, error) {
	n, err := strconv.ParseUint(o.Value, 10, 32)
	if err != nil {
		return 0, wrong(o.ValuePos, "write a number", "%s:%s is not a number from 0 to %d", o.Name, o.Value, uint32(math.MaxUint32))
	}
	return uint32(n), nil
}

// sizesOf reads n, <n, >n, or a<>b, which leaves both out.
func sizesOf(o *rule.Option) (sizes, error) {
	bad := func() (sizes, error) {
		return sizes{}, wrong(o.ValuePos, "write 10, <10, >10 or 10<>20", "%s:%s is no size", o.Name, o.Value)
	}
	v := strings.ReplaceAll(o.Value, " ", "")
	lo, hi, isRange := strings.Cut(v, "<>")
	if isRange {
		a, err1 := strconv.ParseUint(lo, 10, 31)
		b, err2 := strconv.ParseUint(hi, 10, 31)
		if errors.Join(err1, err2) != nil || b < a+2 {
			return bad()
		}
		return sizes{true, int(a) + 1, int(b) - 1}, nil
	}
	op := strings.TrimRight(v, "0123456789")
	n, err := strconv.ParseUint(v[len(op):], 10, 31)
	switch {
	case err != nil || op == "<" && n == 0:
	case op == "":
		return sizes{true, int(n), int(n)}, nil
	case op == "<":
		return sizes{true, 0, int(n) - 1}, nil
	case op == "<=":
		return sizes{true, 0, int(n)}, nil
	case op == ">":
		return sizes{true, int(n) + 1, math.MaxInt}, nil
	case op == ">=":
		return sizes{true, int(n), math.MaxInt}, nil
	}
	return bad()
}
