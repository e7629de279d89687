package firewall

import "fmt"

// Text prints the ruleset for people and for the tools: a file for nft -f (which, like
// Apply, replaces Weir's table in one transaction), or the input of iptables-restore
// --noflush, first for IPv4 and then for IPv6. NFTCompat prints as nft lists it, which the
// nft command cannot read. Files for pfctl -a weir -f, which is atomic, and for ipfw,
// which is not. Auto prints as rs.Backend; the kinds that Kind.Sockets names print their
// own rulesets only.
func (rs *Ruleset) Text(k Kind) (string, error) {
	if k == Auto {
		k = rs.Backend
	}
	if k != rs.Backend && (!k.Marks() || !rs.Backend.Marks()) {
		return "", fmt.Errorf("firewall: rules for %s cannot be printed as %s", rs.Backend, k)
	}
	switch k {
	case NFT:
		return rs.nftText(""), nil
	case NFTCompat:
		return "# To be put in place over netlink (weir run, weir rules apply): nft -f cannot read the xtables target.\n" + rs.nftText(compatQueue), nil
	case IPTables:
		text := "# iptables-restore --noflush\n" + rs.iptablesText(V4)
		if rs.IPv6 {
			text += "# ip6tables-restore --noflush\n" + rs.iptablesText(V6)
		}
		return text, nil
	case IPFW:
		return rs.ipfwText(ipfwSet, ipfwTables[0]), nil
	case PF:
		return rs.pfText(pfDiverting), nil
	case Bridge:
		return rs.gateText(), nil
	}
	return "", fmt.Errorf("firewall: no printer for %s", k)
}
