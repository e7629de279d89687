package firewall

import (
	"fmt"
	"strings"
)

// A Choice is the backend that rules are printed for.
type Choice struct {
	Kind     Kind     // never Auto
	Features Features // to plan with: those of this system where Kind works here, else AllFeatures
	Why      string   // a sentence
}

// Choose says what Open would take for want on a system with features f, and why. It always has an answer, since
// rules can be printed for another system: what want names, and native nft where f knows of nothing that works.
func Choose(want Kind, f Features) Choice {
	all := AllFeatures()
	all.DivertTo = f.DivertTo
	best, err := f.Best()
	here := "Here nothing would work."
	if err == nil {
		here = fmt.Sprintf("Here %s would work.", best)
	}
	switch {
	case want == Auto && err == nil:
		return Choice{best, f, strings.Join(append([]string{"the best that works here"}, f.worse(best)...), "; ")}
	case want == Auto:
		return Choice{NFT, all, "nothing that works was found here: " + orUnknown(strings.Join(f.Missing, "; "))}
	case f.Has(want):
		return Choice{want, f, "as asked for; it works here"}
	}
	return Choice{want, all, fmt.Sprintf("as asked for; it does not work here: %s. %s", orUnknown(f.Lacks(want)), here)}
}

// worse says what keeps the kinds that would be better than k, on a system that has k, from working.
func (f Features) worse(k Kind) []string {
	var out []string
	for better := NFT; better < k; better++ {
		if better.Sockets() != k.Sockets() {
			continue
		}
		out = append(out, fmt.Sprintf("not %s: %s", better, orUnknown(f.Lacks(better))))
	}
	return out
}

// Lacks returns the sentence of Missing that says why rules of kind k cannot be installed; "" if it says nothing.
func (f Features) Lacks(k Kind) string {
	words := [...]string{NFT: "queue statement", NFTCompat: "target NFQUEUE", IPTables: "tables-restore", IPFW: "ipfw ", PF: "pf "}
	if k == Auto || int(k) >= len(words) {
		return ""
	}
	for _, word := range []string{words[k], "nf_tables does not answer"} {
		for _, s := range f.Missing {
			if strings.Contains(s, word) && (k < IPTables || word == words[k]) {
				return s
			}
		}
	}
	return ""
}

func orUnknown(why string) string {
	if why == "" {
		return "the reason is not known"
	}
	return why
}
