package policy

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// scalar decodes one value of a plain Go type.
func (d decoder) scalar(at, n *yaml.Node, path string, v reflect.Value, within bounds) {
	if n.Kind != yaml.ScalarNode {
		d.notes.add(at, hintFor(v), "%s: want %s, not %s", path, wanted(v), describe(n))
		return
	}
	var err error
	before := reflect.ValueOf(v.Interface())
	switch kind := v.Kind(); {
	case v.Type() == reflect.TypeFor[time.Duration]():
		var t Duration
		err = t.UnmarshalText([]byte(n.Value))
		v.SetInt(int64(t))
	case kind == reflect.String:
		err = setString(n, v)
	case kind == reflect.Bool:
		err = setBool(n, v)
	case v.CanInt() || v.CanUint():
		err = setWhole(n, v)
	case v.CanFloat():
		err = setFloat(n, v)
	default:
		err = n.Decode(v.Addr().Interface())
	}
	d.accept(at, path, v, before, within, err)
}

func setString(n *yaml.Node, v reflect.Value) error {
	w, ok := v.Interface().(worded)
	if !ok {
		if tag := n.ShortTag(); tag != "!!str" && tag != "!!int" { // a port or a code point is a fine text
			return wrongf(`write "`+n.Value+`", in quotes`, "want text, not %s", n.Value)
		}
		v.SetString(n.Value)
		return nil
	}
	if slices.Contains(w.Words(), n.Value) {
		v.SetString(n.Value)
		return nil
	}
	hint := "write " + alternatives(w.Words())
	if best := nearest(n.Value, w.Words()); best != "" && len(w.Words()) > 7 {
		hint = "did you mean " + best + "?"
	}
	return wrongf(hint, "%s is none of the words known here", quote(n.Value))
}

func setBool(n *yaml.Node, v reflect.Value) error {
	if n.ShortTag() != "!!bool" {
		return wrongf("write true or false", "want true or false, not %s", quote(n.Value))
	}
	v.SetBool(strings.EqualFold(n.Value, "true"))
	return nil
}

// setWhole sets an integer of any size.
func setWhole(n *yaml.Node, v reflect.Value) error {
	text := strings.ReplaceAll(n.Value, "_", "")
	if n.ShortTag() != "!!int" {
		return wrongf(hintFor(v), "want a whole number, not %s", quote(n.Value))
	}
	if digits := strings.TrimLeft(text, "+-"); len(digits) > 1 && digits[0] == '0' && digits[1] <= '9' {
		return wrongf("write it without the leading 0", "%s may mean an octal number or a decimal one", n.Value)
	}
	x, err := strconv.ParseInt(text, 0, 64)
	if err != nil || v.CanInt() && v.OverflowInt(x) || v.CanUint() && (x < 0 || v.OverflowUint(uint64(x))) {
		lo, hi := span(v.Type())
		return wrongf(fmt.Sprintf("write a number from %d to %d", lo, hi), "%s is out of range", n.Value)
	}
	if v.CanInt() {
		v.SetInt(x)
	} else {
		v.SetUint(uint64(x))
	}
	return nil
}

// span returns what an integer type holds, of unsigned 64-bit ones only the lower half.
func span(t reflect.Type) (lo, hi int64) {
	if k := t.Kind(); k >= reflect.Uint && k <= reflect.Uint64 {
		return 0, int64(min(math.MaxInt64, uint64(1)<<min(63, t.Bits())-1))
	}
	return -1 << (t.Bits() - 1), 1<<(t.Bits()-1) - 1
}

func setFloat(n *yaml.Node, v reflect.Value) error {
	tag := n.ShortTag()
	x, err := strconv.ParseFloat(n.Value, 64)
	if tag != "!!int" && tag != "!!float" || err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return wrongf("write a number such as 0.5", "want a number, not %s", quote(n.Value))
	}
	v.SetFloat(x)
	return nil
}

// bounds are the smallest and the largest number, size or duration that a key takes, as its tag
// says: bounds:"1s..24h". The zero bounds take any.
type bounds struct{ low, high string }

func parseBounds(tag string) bounds {
	low, high, _ := strings.Cut(tag, "..")
	return bounds{low, high}
}

// accept keeps the value that was read into v, or, if it is wrong or beyond the bounds, notes that
// and puts the value from before back, so that no second mistake follows from the first.
func (d decoder) accept(at *yaml.Node, path string, v, before reflect.Value, b bounds, err error) {
	if err != nil {
		d.wrong(at, path, err)
		v.Set(before)
		return
	}
	if b == (bounds{}) || !v.CanInt() && !v.CanUint() {
		return
	}
	x := number(v)
	if low, high := b.of(v.Type()); x < low || x > high {
		d.notes.add(at, fmt.Sprintf("write %s to %s", b.low, b.high), "%s: %s is out of range", path, resolve(at).Value)
		v.Set(before)
	}
}

func number(v reflect.Value) int64 {
	if v.CanUint() {
		return int64(min(v.Uint(), math.MaxInt64))
	}
	return v.Int()
}

// of returns the bounds in the unit of t: bytes, nanoseconds or one. The tags are constants of this
// package; a wrong one is a bug, and a test reads them all.
func (b bounds) of(t reflect.Type) (low, high int64) {
	parse := func(s string) int64 {
		switch {
		case isDuration(t):
			var x Duration
			if err := x.UnmarshalText([]byte(s)); err != nil {
				panic("policy: bounds " + s)
			}
			return int64(x)
		case t == reflect.TypeFor[Size]():
			var x Size
			if err := x.UnmarshalText([]byte(s)); err != nil {
				panic("policy: bounds " + s)
			}
			return int64(x)
		}
		x, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			panic("policy: bounds " + s)
		}
		return x
	}
	return parse(b.low), parse(b.high)
}

// wanted says what kind of value v takes.
func wanted(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Bool:
		return "true or false"
	case isDuration(v.Type()):
		return "a time"
	case v.CanInt() || v.CanUint():
		return "a whole number"
	case v.CanFloat():
		return "a number"
	}
	return "one word"
}

// hintFor shows what may be written for v.
func hintFor(v reflect.Value) string {
	if e, ok := v.Interface().(interface{ example() string }); ok {
		return "write " + e.example()
	}
	if w, ok := v.Interface().(worded); ok {
		return "write " + alternatives(w.Words())
	}
	switch {
	case isDuration(v.Type()):
		return "write " + Duration(0).example()
	case v.CanInt() || v.CanUint():
		return "write digits only"
	}
	return ""
}

// alternatives joins words as people do: a, b or c.
func alternatives(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}
