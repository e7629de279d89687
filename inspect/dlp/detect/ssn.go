package detect

// ssnForms are those of US social security numbers, which have no check digit: without dashes they need a word of context. Rules: Social Security Administration, POMS RM 10201.035 ("Invalid
// Social Security Numbers") and 20 CFR 422.103.
var ssnForms = []form{
	{kind: USSSN, text: "999-99-9999", base: 85, check: validSSN},
	{kind: USSSN, text: "999 99 9999", base: 48, check: validSSN},
	{kind: USSSN, text: "999999999", base: 40, check: validSSN},
}

// validSSN says whether the number may have been issued, and is none of those that everybody knows from advertisements
// and leaflets.
func validSSN(d []byte) bool {
	area, group, serial := string(d[:3]), string(d[3:5]), string(d[5:])
	if area[0] == '9' || area == "000" || area == "666" || group == "00" || serial == "0000" {
		return false
	}
	switch string(d) {
	case "078051120", // Woolworth wallets, 1938
		"219099999", // SSA leaflet, 1940
		"457555462", // LifeLock
		"123456789":
		return false
	}
	return !same(d)
}

// itinForms are those of individual taxpayer identification numbers: IRS, Internal Revenue Manual 3.21.263.
var itinForms = []form{
	{kind: USITIN, text: "999-99-9999", base: 85, check: validITIN},
	{kind: USITIN, text: "999 99 9999", base: 48, check: validITIN},
	{kind: USITIN, text: "999999999", base: 40, check: validITIN},
}

// validITIN says whether the number begins with 9 and its fourth and fifth digits are of those that the IRS gives out.
func validITIN(d []byte) bool {
	group := decimal(d[3:5])
	if string(d[:8]) == "98765432" { // kept for advertisements
		return false
	}
	return d[0] == '9' && !same(d) &&
		(group >= 50 && group <= 65 || group >= 70 && group <= 88 || group >= 90 && group <= 92 || group >= 94)
}
