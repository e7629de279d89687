package detect

import "testing"

// TestChecksKnowPublishedNumbers holds each check against numbers that authorities print in their forms and leaflets,
// or that are passed on as examples, and against the same with the last character changed.
func TestChecksKnowPublishedNumbers(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func([]byte) bool
		valid []string
	}{
		{"codice fiscale", validCodice, []string{
			"RSSMRA85T10A562S", "MRTNTN23M02D969P", "MRSMSR81D60Z611H", "CNTCHR83T41D969D", "FOXDRA26C24H872Y",
			"RSSMRA45C12F205C", "RSSMRA45C12F20RX", "RSSMRA45C12F2L5N", "RSSMRA45C12F2LRI",
		}},
		{"Steuer-ID", validSteuerID, []string{"86095742719", "47036892816", "65929970489", "11234567890"}},
		{"TFN", validTFN, []string{"123456782", "112474082", "459599230", "565051603", "812239321", "865414088", "876543210", "907974668"}},
		{"Aadhaar", validAadhaar, []string{"234123412346"}},
		{"personnummer", validPersonnummer, []string{"8112189876", "6709199530", "8112289874", "8803200016", "8803200420", "191705120424", "1212121212"}},
		{"PESEL", validPESEL, []string{"44051401359", "02070803628"}},
		{"NHS", validNHS, []string{"9434765919", "4010232137"}},
		{"SIN", validSIN, []string{"130692544"}},
		{"BSN", validBSN, []string{"111222333", "123456782"}},
		{"CPF", validCPF, []string{"39053344705", "52998224725", "11144477735"}},
		{"NIR", validNIR, []string{"255081416802538", "185057800608491"}},
		{"DNI", validDNI, []string{"12345678Z", "X1234567L", "Y1234567X"}},
	} {
		for _, number := range c.valid {
			b := []byte(number)
			if !c.check(b) {
				t.Errorf("%s %s does not check", c.name, number)
			}
			if last := &b[len(b)-1]; *last == '0' || *last == 'A' {
				*last++
			} else {
				*last--
			}
			if c.check(b) {
				t.Errorf("%s %s checks", c.name, b)
			}
		}
	}
}

// TestIBANCountriesAreAsLongAsTheRegistrySays looks at lengths that other sources print beside the structure.
func TestIBANCountriesAreAsLongAsTheRegistrySays(t *testing.T) {
	for country, want := range map[string]int{
		"NO": 15, "BE": 16, "DK": 18, "NL": 18, "AT": 20, "EE": 20, "CH": 21, "CR": 22, "DE": 22, "GB": 22, "IE": 22, "AE": 23, "ES": 24, "SE": 24, "PT": 25,
		"IS": 26, "TR": 26, "FR": 27, "IT": 27, "GR": 27, "PL": 28, "HU": 28, "BR": 29, "KW": 30, "MU": 30, "MT": 31, "SC": 31, "LC": 32, "RU": 33,
	} {
		if got := 4 + len(ibans[ibanCountry(country[0], country[1])]); got != want {
			t.Errorf("an IBAN of %s has %d characters, want %d", country, got, want)
		}
	}
}
