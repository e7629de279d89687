package qos

import (
	"strconv"
	"strings"

	"github.com/weir-project/weir/inspect"
)

// dscps are the code points with names: RFC 2474 (cs), RFC 2597 (af), RFC 3246 (ef), RFC 5865 (va), RFC 8622 (le).
var dscps = func() map[string]uint8 {
	m := map[string]uint8{"ef": 46, "va": 44, "le": 1, "be": 0, "default": 0}
	for class := uint8(0); class < 8; class++ {
		m["cs"+strconv.Itoa(int(class))] = class << 3
	}
	for class := uint8(1); class <= 4; class++ {
		for drop := uint8(1); drop <= 3; drop++ {
			m["af"+strconv.Itoa(int(class*10+drop))] = class<<3 | drop<<1
		}
	}
	return m
}()

func dscpOf(s string) (uint8, bool) {
	if d, ok := dscps[strings.ToLower(s)]; ok {
		return d, true
	}
	n, err := strconv.ParseUint(s, 0, 6)
	return uint8(n), err == nil
}

// units are the sizes of a rate's units in bits. Prefixes are decimal, as on links.
var units = []struct {
	name string
	bits float64
}{
	{"kbit", 1e3},
	{"mbit", 1e6},
	{"gbit", 1e9},
	{"bit", 1},
	{"kb", 8e3},
	{"mb", 8e6},
	{"gb", 8e9},
	{"b", 8},
}

// bytesOf reads an amount with a unit, in bytes. Bits are written bit: "b" is a byte, in capitals or not.
func bytesOf(s string) (int64, bool) {
	s = strings.ToLower(strings.ReplaceAll(s, " ", ""))
	s = strings.TrimSuffix(strings.TrimSuffix(s, "/s"), "ps")
	for _, u := range units {
		number, found := strings.CutSuffix(s, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || !(n > 0) || n*u.bits/8 > maxRate {
			return 0, false
		}
		return int64(n * u.bits / 8), true
	}
	return 0, false
}

const (
	minBurst     = 16000 // bytes, of all lanes, where the policy says nothing
	minLaneBurst = 2048  // bytes: one packet of an Ethernet
)

// newRate returns one lane's share of a rate.
func newRate(perSecond, burst string, lanes int64, path string, m *inspect.Mistakes) rate {
	n, ok := bytesOf(perSecond)
	if !ok || n < 1 {
		m.Add(path+".rate", "write 10mbit, or 500kB for bytes per second", "%q is no rate", perSecond)
		return rate{1, 1}
	}
	b := max(n/10, minBurst)
	if burst != "" {
		if b, ok = bytesOf(burst); !ok || b < 1 || strings.Contains(strings.ToLower(burst), "bit") {
			m.Add(path+".burst", "write 64kB", "%q is no number of bytes", burst)
			return rate{1, 1}
		}
	}
	return rate{max(n/lanes, 1), min(max(b/lanes, minLaneBurst), maxBurst)}
}
