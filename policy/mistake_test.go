package policy

import (
	"errors"
	"strings"
	"testing"
)

// wrong are policies and all that is said of them, without the name of the file in front.
var wrong = []struct{ name, src, want string }{
	{"empty", "", " the file is empty; have weir init write a policy"},
	{"only space", " \n\n", " the file is empty; have weir init write a policy"},
	{"only comments", "# mode: monitor\n", " the file says nothing; write at least mode: monitor, or have weir init write a policy"},
	{"null", "~\n", " the file says nothing; write at least mode: monitor, or have weir init write a policy"},
	{"binary", "mode: monitor\n\x7fELF", "2:1: the file is not text: byte 0x7f; a policy is UTF-8 text: is this the right file?"},
	{"nul", "mo\x00de", "1:3: the file is not text: byte 0x00; a policy is UTF-8 text: is this the right file?"},
	{"latin-1", "mode: monitor # caf\xe9\n", "1:20: the file is not text: byte 0xe9; a policy is UTF-8 text: is this the right file?"},
	{"utf-16", "\xff\xfem\x00o\x00", " the file is UTF-16 text; save it as UTF-8"},
	{"list", "- mode: monitor\n", "1:1: a policy is made of keys and values, not a list; begin with mode: monitor"},
	{"word", "monitor\n", `1:1: a policy is made of keys and values, not "monitor"; begin with mode: monitor`},
	{"two documents", "mode: monitor\n---\nmode: prevent\n", "2:1: a second document: a policy is one document; remove the line --- and what follows it"},
	{"tab", "divert:\n\ttraffic: local\n", "2:1: a tab indents this line, which YAML does not allow; use spaces, two for each level"},
	{"tab behind spaces", "limits:\n  flows: 2048\n  \theld: 1MiB\n", "3:3: a tab indents this line, which YAML does not allow; use spaces, two for each level"},
	{"list not closed", "management: [192.0.2.1\nmode: monitor\n", "2:5: the list is not closed (begun at 1:13); close it with ], and separate its items by commas"},
	{"braces not closed", "limits: {flows: 2048\n", "2:1: the braces are not closed (begun at 1:9); close them with }, and separate the keys by commas"},
	{"quotation not closed", "mode: \"monitor\n", "2:1: a quotation is not closed (begun at 1:7); close it with the quotation mark that it began with"},
	{"bracket alone", "mode: monitor\n  ]\n", `1:7: mode: "monitor ]" is none of the words known here; write monitor or prevent`},
	{"key without colon", "mode: monitor\nlimits\n", "3:1: a key without a colon (begun at 2:1); write key: value"},
	{"escape", "mode: \"mo\\qnitor\"\n", "1:10: an unknown escape in a quotation; write it in 'single' quotes, or double the backslash"},
	{"colon in value", "mode: monitor: yes\n", `1:14: ": " where no key can be; put a value that contains it into quotes, or check the indentation of the line`},
	{"indentation", "divert:\n  traffic: local\n queues: 0\n", "3:2: this line fits neither what is above it nor its indentation (begun at 1:1); indent it with as many spaces as the keys beside it"},
	{"item among keys", "- a\nmode: monitor\n", "2:1: this line is no item of the list above it (begun at 1:1); begin it with - , or indent it as the key that it belongs to"},
	{"character", "mode: @monitor\n", "1:7: a value cannot begin with this character; put the value into quotes"},
	{"anchor missing", "management: [*]\n", "1:15: a * or & without a name behind it; put it into quotes if the character is meant"},
	{"anchor unknown", "mode: *m\n", "1:7: *m names an anchor that is not there; put it into quotes if the star is meant"},
	{"bracket too many", "limits: {flows: 2048}}\n", "1:22: a bracket too many; leave it out"},
	{"too deep", "inspect: {probe: {any: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}}\n", "1:54: nested deeper than 32 levels; no policy needs that"},
	{"bomb", bomb(), "4:31: more than 100000 keys and values, aliases followed; write fewer aliases, or put long lists into files"},
	{"alias of itself", "inspect: &x {probe: {any: *x}}\n", "1:14: nested deeper than 32 levels; an anchor that contains an alias of itself?"},

	{"key unknown", "mod: monitor\n", `1:1: the policy has no key "mod"; did you mean mode?`},
	{"key of elsewhere", "overload: drop\n", `1:1: the policy has no key "overload"; overload belongs below outcomes`},
	{"key far off", "limits: {zebra: 1}\n", `1:10: limits has no key "zebra"; the keys here are memory, flows, when_full, fragments, fragment_pieces, fragment_timeout, held, edits, recognise, queue, event_ring, timeouts`},
	{"key twice", "mode: monitor\nlimits: {}\nmode: prevent\n", "3:1: the key mode appears twice: the first is on line 1; leave one of them"},
	{"key twice in a block", "limits:\n  flows: 2048\n  flows: 4096\n", "3:3: the key limits.flows appears twice: the first is on line 2; leave one of them"},
	{"key no word", "? [a, b]\n: 1\n", "1:3: the policy: a key is a word, not a list; write a word"},
	{"merge key", "limits: &l {flows: 2048}\ninspect: {probe: {<<: *l}}\n", "2:19: inspect.probe: merge keys (<<) are not read; write the keys out"},
	{"tag", "mode: !!str monitor\n", "1:7: mode: the tag !!str means nothing here; leave the tag out"},
	{"mode", "mode: monitr\n", `1:7: mode: "monitr" is none of the words known here; write monitor or prevent`},
	{"mode number", "mode: 1\n", `1:7: mode: "1" is none of the words known here; write monitor or prevent`},
	{"mode list", "mode: [monitor]\n", "1:7: mode: want one word, not a list; write monitor or prevent"},
	{"block is a word", "limits: none\n", `1:9: limits: want keys and values, not "none"; write {memory: …, flows: …}`},
	{"block is a list", "divert: [eth0]\n", "1:9: divert: want keys and values, not a list; write {traffic: …, queues: …}"},
	{"list is a word", "management: 192.0.2.1\n", `1:13: management: want a list, not "192.0.2.1"; write [192.0.2.1]`},
	{"list is a mapping", "refuse: {ip_options: true}\n", "1:9: refuse: want a list, not keys and values; write a list: [a, b]"},
	{"empty item", "management:\n  - 192.0.2.1\n  -\n", "3:4: management[1]: an empty item; leave it out"},

	{"traffic", "divert: {traffic: forward}\n", `1:19: divert.traffic: "forward" is none of the words known here; write forwarded, local or both`},
	{"queues", "divert: {queues: 3-1}\n", `1:18: divert.queues: "3-1": the last queue is before the first; write 1-3`},
	{"queues many", "divert: {queues: 0-99}\n", `1:18: divert.queues: "0-99": 100 queues, at most 64; write 0-63, or less`},
	{"queues word", "divert: {queues: all}\n", `1:18: divert.queues: "all" is not a range of queues; write a queue number from 0 to 65535, or a range such as 0-3`},
	{"queues list", "divert: {queues: [0, 1]}\n", "1:18: divert.queues: want one value, not a list; write a queue number from 0 to 65535, or a range such as 0-3"},
	{"queues large", "divert: {queues: 65536}\n", `1:18: divert.queues: "65536" is not a range of queues; write a queue number from 0 to 65535, or a range such as 0-3`},
	{"position", "divert: {position: before}\n", `1:20: divert.position: "before" is none of the words known here; write auto, after_filter or before_filter`},
	{"backend", "divert: {backend: nftables}\n", `1:19: divert.backend: "nftables" is none of the words known here; write auto, nft, nft-compat, iptables, ipfw, pf or bridge`},
	{"port of the socket", "divert: {port: 0}\n", "1:16: divert.port: 0 is out of range; write 1 to 65535"},
	{"rule number", "divert: {rule: 65534}\n", "1:16: divert.rule: 65534 is out of range; write 2 to 65533"},
	{"pf without in", "divert: {backend: pf, select: [{ports: [80]}]}\n", "1:32: divert.select[0]: pf needs the inside interfaces by name: there packets have the addresses that both ends know, before and after NAT, and no state of pf lets them pass by; write them under in; leave out what excludes it"},
	{"pf hands back", "divert: {backend: pf, select: [{in: [em1]}]}\nsettle: {hand_back: always}\n", "2:21: settle.hand_back: pf has no connection marks, and hands no flow back; write auto or never"},
	{"ipfw position", "divert: {backend: ipfw, position: after_filter}\n", "1:35: divert.position: with ipfw the place of the rules decides; leave it out"},
	{"interface long", "divert: {select: [{in: [abcdefghijklmnop]}]}\n", `1:25: divert.select[0].in[0]: "abcdefghijklmnop" is longer than the 15 bytes of an interface name; ip link shows the names`},
	{"interface slash", "divert: {select: [{in: [eth/0]}]}\n", `1:25: divert.select[0].in[0]: "eth/0" cannot be the name of an interface; write a name such as eth0, or "eth*" for all that begin so`},
	{"interface star", "divert: {select: [{out: ['*']}]}\n", `1:26: divert.select[0].out[0]: "*" names no interface; leave the list out for all interfaces`},
	{"loopback forwards", "divert: {select: [{in: [lo]}]}\n", "1:25: divert.select[0].in[0]: interface lo never forwards; write traffic: both, or leave it out"},
	{"protocol", "divert: {select: [{protocols: [tpc]}]}\n", `1:32: divert.select[0].protocols[0]: "tpc" is not a protocol; write a name such as tcp, udp, icmp, icmpv6 or sctp, or a number from 1 to 255`},
	{"protocol without ports", "divert:\n  select:\n    - protocols: [tcp, icmp]\n      ports: [80]\n", "3:24: divert.select[0].protocols[1]: icmp has no ports; put it into an item of its own, without ports"},
	{"port 0", "divert: {select: [{ports: [0]}]}\n", `1:28: divert.select[0].ports[0]: "0" is not a port; write a port from 1 to 65535, or a range such as 8000-8080`},
	{"port large", "divert: {select: [{ports: [80, 70000]}]}\n", `1:32: divert.select[0].ports[1]: "70000" is not a port; write a port from 1 to 65535, or a range such as 8000-8080`},
	{"port name", "divert: {select: [{ports: [http]}]}\n", `1:28: divert.select[0].ports[0]: "http" is not a port; write a port from 1 to 65535, or a range such as 8000-8080`},
	{"ports backwards", "divert: {select: [{ports: [90-80]}]}\n", `1:28: divert.select[0].ports[0]: "90-80": the last port is before the first; write 80-90`},
	{"network", "divert: {select: [{networks: [192.0.2.0/33]}]}\n", `1:31: divert.select[0].networks[0]: "192.0.2.0/33" is neither an address nor a network; write an address such as 192.0.2.1, or a network such as 192.0.2.0/24`},
	{"network host bits", "divert: {select: [{networks: [192.0.2.5/24]}]}\n", `1:31: divert.select[0].networks[0]: "192.0.2.5/24" has bits set behind the prefix; write 192.0.2.0/24 for the network, or 192.0.2.5 for the one address`},
	{"network mapped", "management: ['::ffff:192.0.2.1']\n", `1:14: management[0]: "::ffff:192.0.2.1" is an IPv4 address in IPv6 clothes, which no packet carries; write it as 192.0.2.1`},
	{"network zone", "management: ['fe80::1%eth0']\n", `1:14: management[0]: "fe80::1%eth0" is neither an address nor a network; write an address such as 192.0.2.1, or a network such as 192.0.2.0/24`},
	{"everything excepted", "divert:\n  select:\n    - networks: [192.0.2.0/24]\n      except: [192.0.0.0/16]\n", "3:7: divert.select[0]: the exceptions cover every network: nothing is left to divert; leave out what excludes it"},
	{"management everybody", "management: [198.51.100.7, 0.0.0.0/0]\n", "1:28: management[1]: 0.0.0.0/0 is everybody, so nothing would be diverted; name the addresses from which you administer the host"},
	{"iptables after the filter", "divert: {backend: iptables, position: after_filter}\n", "1:1: divert: iptables cannot divert after the filter: a queued packet would skip the rest of the filter's rules; leave the position to Weir; leave out what cannot go together"},

	{"outcome", "outcomes: {crash: reset}\n", `1:19: outcomes.crash: "reset" is none of the words known here; write pass or drop`},
	{"outcome unknown", "outcomes: {overlod: pass}\n", `1:12: outcomes has no key "overlod"; did you mean overload?`},
	{"outcome bool", "outcomes: {limit: yes}\n", `1:19: outcomes.limit: "yes" is none of the words known here; write pass or drop`},
	{"refuse", "refuse: [source_routes]\n", `1:10: refuse[0]: "source_routes" is none of the words known here; did you mean source_route?`},
	{"hops", "normalise: {min_ttl: 65}\n", "1:22: normalise.min_ttl: 65 is out of range; write 0 to 64"},
	{"hops word", "normalise: {min_ttl: none}\n", `1:22: normalise.min_ttl: want a whole number, not "none"; write digits only`},
	{"hops by another name", "normalise: {ttl: 3}\n", `1:13: normalise has no key "ttl"; the keys here are min_ttl`},
	{"hops elsewhere", "min_ttl: 3\n", `1:1: the policy has no key "min_ttl"; min_ttl belongs below normalise`},
	{"flows few", "limits: {flows: 10}\n", "1:17: limits.flows: 10 is out of range; write 1024 to 16777216"},
	{"flows word", "limits: {flows: many}\n", `1:17: limits.flows: want a whole number, not "many"; write digits only`},
	{"flows fraction", "limits: {flows: 2048.5}\n", `1:17: limits.flows: want a whole number, not "2048.5"; write digits only`},
	{"flows octal", "limits: {flows: 02047}\n", "1:17: limits.flows: 02047 may mean an octal number or a decimal one; write it without the leading 0"},
	{"flows huge", "limits: {flows: 99999999999999999999}\n", `1:17: limits.flows: want a whole number, not "99999999999999999999"; write digits only`},
	{"size unit", "limits: {held: 3MB}\n", `1:16: limits.held: "3MB" is not a size; write a number of bytes such as 64KiB or 16MiB`},
	{"size negative", "limits: {held: -1}\n", `1:16: limits.held: "-1" is not a size; write a number of bytes such as 64KiB or 16MiB`},
	{"size small", "limits: {fragments: 1KiB}\n", "1:21: limits.fragments: 1KiB is out of range; write 256KiB to 4GiB"},
	{"size huge", "limits: {held: 9999999TiB}\n", `1:16: limits.held: "9999999TiB" is more bytes than can be counted; write less`},
	{"time unit", "limits: {fragment_timeout: 30}\n", `1:28: limits.fragment_timeout: "30" has no unit; write 30s for seconds, or another unit (ms, m, h)`},
	{"time word", "limits: {timeouts: {tcp_closing: soon}}\n", `1:34: limits.timeouts.tcp_closing: "soon" is not a time; write a time such as 30s, 5m or 24h`},
	{"time short", "limits: {timeouts: {tcp_established: 1s}}\n", "1:38: limits.timeouts.tcp_established: 1s is out of range; write 10s to 168h"},
	{"time list", "limits: {timeouts: {udp_opening: [1s]}}\n", "1:34: limits.timeouts.udp_opening: want one value, not a list; write a time such as 30s, 5m or 24h"},
	{"share of lanes", "divert: {queues: 0-7}\nlimits: {flows: 1024, held: 1MiB}\n", "2:17: limits.flows: 8 lanes share it, and each needs 256 flows; write more, or use fewer queues\n2:29: limits.held: 8 lanes share it, and each needs 256KiB; write more, or use fewer queues"},
	{"hand back", "settle: {hand_back: on}\n", `1:21: settle.hand_back: "on" is none of the words known here; write auto, always or never`},
	{"mark", "marks: {pending: red}\n", `1:18: marks.pending: "red" is not a mask of 32 bits; write bits such as 0x01000000`},
	{"marks overlap", "marks: {pending: 0x02000000}\n", "1:1: marks: the packet mark fields overlap (injected 0x2000000, pending 0x2000000, translated 0x4000000, settle 0xf8000000); leave marks out for the defaults"},
	{"mark in pieces", "marks: {settle: 0xa0000000, connection: 0xa0000000}\n", "1:1: marks: the generation fields 0xa0000000 (packet) and 0xa0000000 (connection) must each be one unbroken run of bits; leave marks out for the defaults"},
	{"mark empty", "marks: {injected: 0}\n", "1:1: marks: the mark of injected packets is 0x0/0x0: it needs at least one bit set, or unmarked packets would pass for Weir's own; leave marks out for the defaults"},

	{"events word", "events: {eve: stdout}\n", `1:15: events.eve: want a list, not "stdout"; write [stdout]`},
	{"events relative", "events: {eve: [{to: eve.json}]}\n", `1:21: events.eve[0].to: "eve.json" is no place for events; write stdout, a full path such as /var/log/weir/eve.json, or unix:/path`},
	{"events nowhere", "events: {eve: [{rotate: {keep: 3}}]}\n", "1:16: events.eve[0]: nothing says where to; write to: stdout, a full path such as /var/log/weir/eve.json, or unix:/path"},
	{"events socket", "events: {eve: [{to: 'unix:eve.sock'}]}\n", `1:21: events.eve[0].to: "unix:eve.sock" is no place for events; write stdout, a full path such as /var/log/weir/eve.json, or unix:/path`},
	{"events twice", "events:\n  eve:\n    - to: stdout\n    - to: stdout\n", "4:11: events.eve[1].to: stdout is the target of item 0 already; leave one of them"},
	{"rotate stdout", "events: {eve: [{to: stdout, rotate: {keep: 3}}]}\n", "1:29: events.eve[0].rotate: only files are rotated; leave rotate out"},
	{"rotate keep", "events: {eve: [{to: /x, rotate: {keep: 0}}]}\n", "1:40: events.eve[0].rotate.keep: 0 is out of range; write 1 to 1000"},
	{"rotate every", "events: {eve: [{to: /x, rotate: {every: 24h}}]}\n", `1:34: events.eve[0].rotate has no key "every"; the keys here are size, age, keep`},

	{"inspector unknown", "inspect: {dnss: {}}\n", `1:11: inspect has no inspector "dnss"; did you mean dns?`},
	{"inspectors as a list", "inspect: [dlp, dns]\n", "1:10: inspect: want keys and values, not a list; write key: value"},
	{"inspector mode", "inspect: {probe: {mode: watch}}\n", `1:25: inspect.probe.mode: "watch" is none of the words known here; write monitor or prevent`},
	{"inspector key", "inspect: {probe: {clases: []}}\n", `1:19: inspect.probe has no key "clases"; did you mean classes?`},
	{"inspector key long", "inspect: {probe: {" + strings.Repeat("z", 90) + ": x}}\n", `1:19: inspect.probe has no key "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz…"; the keys here are lists, classes, rate, small, signed, yes, ttl, named, any, inner, wait, extra`},
	{"inspector key inlined", "inspect: {probe: {extr: x}}\n", `1:19: inspect.probe has no key "extr"; did you mean extra?`},
	{"inspector word", "inspect: {probe: on}\n", `1:18: inspect.probe: want keys and values, not "on"; write {lists: …, classes: …}`},
	{"inspector value", "inspect:\n  probe:\n    classes:\n      - {name: a, rate: 1}\n      - name: b\n        rate: -5\n", "6:15: inspect.probe.classes[1].rate: -5 is no rate; write 1 or more"},
	{"inspector value missing", "inspect:\n  probe:\n    classes:\n      - {name: a}\n", "4:9: inspect.probe.classes[0].rate: 0 is no rate; write 1 or more"},
	{"inspector value by alias", "inspect:\n  probe:\n    classes: [&c {name: a, rate: 0}, *c]\n", "3:34: inspect.probe.classes[0].rate: 0 is no rate; write 1 or more\n3:34: inspect.probe.classes[1].rate: 0 is no rate; write 1 or more"},
	{"uint8", "inspect: {probe: {small: 256}}\n", "1:26: inspect.probe.small: 256 is out of range; write a number from 0 to 255"},
	{"uint8 negative", "inspect: {probe: {small: -1}}\n", "1:26: inspect.probe.small: -1 is out of range; write a number from 0 to 255"},
	{"int16", "inspect: {probe: {signed: 40000}}\n", "1:27: inspect.probe.signed: 40000 is out of range; write a number from -32768 to 32767"},
	{"pointer", "inspect: {probe: {ttl: long}}\n", `1:24: inspect.probe.ttl: want a whole number, not "long"; write digits only`},
	{"float", "inspect: {probe: {rate: fast}}\n", `1:25: inspect.probe.rate: want a number, not "fast"; write a number such as 0.5`},
	{"float not a number", "inspect: {probe: {rate: .nan}}\n", `1:25: inspect.probe.rate: want a number, not ".nan"; write a number such as 0.5`},
	{"bool", "inspect: {probe: {yes: yes}}\n", `1:24: inspect.probe.yes: want true or false, not "yes"; write true or false`},
	{"text", "inspect: {probe: {extra: 5.5}}\n", `1:26: inspect.probe.extra: want text, not 5.5; write "5.5", in quotes`},
	{"map", "inspect: {probe: {named: [1]}}\n", "1:26: inspect.probe.named: want keys and values, not a list; write key: value"},
	{"map value", "inspect: {probe: {named: {a: 1, b: x}}}\n", `1:36: inspect.probe.named.b: want a whole number, not "x"; write digits only`},
	{"map key twice", "inspect: {probe: {named: {a: 1, a: 2}}}\n", "1:33: the key inspect.probe.named.a appears twice: the first is on line 1; leave one of them"},
	{"map of networks", "inspect: {probe: {inner: {a: nowhere}}}\n", `1:30: inspect.probe.inner.a: "nowhere" is neither an address nor a network; write an address such as 192.0.2.1, or a network such as 192.0.2.0/24`},
	{"file missing", "inspect:\n  probe:\n    lists: [block.txt, none.txt]\n", "3:24: inspect.probe.lists[1]: open none.txt: file does not exist"},
	{"file outside", "inspect:\n  probe:\n    lists: [../../../../etc/shadow]\n", "3:13: inspect.probe.lists[0]: open ../../../../etc/shadow: is not the name of a file"},
	{"file is a directory", "inspect: {probe: {lists: [lists]}}\n", "1:27: inspect.probe.lists[0]: open lists: is not a regular file"},
	{"file with mistakes", "mode: monitr\ninspect: {probe: {lists: [wrong.txt]}}\n", "1:7: mode: \"monitr\" is none of the words known here; write monitor or prevent\nwrong.txt:3:4: a space in a name; one name a line"},
	{"many at once", "divert:\n  traffic: forward\n  select:\n    - {ports: [http], in: [eth/0]}\nlimits: {held: 3MB, flows: 1}\noverload: drop\n", "2:12: divert.traffic: \"forward\" is none of the words known here; write forwarded, local or both\n4:16: divert.select[0].ports[0]: \"http\" is not a port; write a port from 1 to 65535, or a range such as 8000-8080\n4:28: divert.select[0].in[0]: \"eth/0\" cannot be the name of an interface; write a name such as eth0, or \"eth*\" for all that begin so\n5:16: limits.held: \"3MB\" is not a size; write a number of bytes such as 64KiB or 16MiB\n5:28: limits.flows: 1 is out of range; write 1024 to 16777216\n6:1: the policy has no key \"overload\"; overload belongs below outcomes"},
}

func bomb() string {
	var b strings.Builder
	b.WriteString("inspect:\n  probe:\n    any:\n      - &a [x, x, x, x, x, x, x, x, x, x]\n")
	for c := 'b'; c < 'i'; c++ {
		b.WriteString("      - &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 10) + "x]\n")
	}
	return b.String()
}

func TestMistakes(t *testing.T) {
	if len(wrong) < 100 {
		t.Errorf("only %d wrong policies", len(wrong))
	}
	for _, c := range wrong {
		_, err := loadText(t, c.src)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: taken: %v", c.name, err)
			continue
		}
		got := strings.ReplaceAll(e.Error(), "weir.yaml:", "")
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// warned are policies that are taken, and what is said of them.
var warned = []struct{ name, src, want string }{
	{"no inspector", "mode: prevent\n", "1:1: no inspector is named: packets are diverted and pass unread; name inspectors below inspect, such as stats: {}"},
	{"fail-open", "mode: prevent\noutcomes: {overload: pass}\ninspect: {probe: {}}\n", "2:22: outcomes.overload: pass lets packets go by unread while the queue is full, also those that would be stopped, and those of flows that are being edited, which corrupts them; write drop: what TCP loses is sent again"},
	{"fail-open and nobody acts", "outcomes: {overload: pass}\ninspect: {probe: {}}\n", ""},
	{"edit", "mode: prevent\noutcomes:\n  edit: pass\ninspect: {probe: {}}\n", "3:9: outcomes.edit: pass sends what was to be masked or replaced as it is; write drop"},
	{"drop in monitor", "outcomes: {absent: drop, overload: drop}\ninspect: {probe: {}}\n", "1:20: outcomes.absent: mode monitor is to drop nothing, yet this drops packets while Weir is not running; write pass\n1:36: outcomes.overload: mode monitor is to drop nothing, yet this drops packets while the queue is full; write pass"},
	{"prevent in monitor", "inspect: {probe: {mode: prevent}}\n", "1:25: inspect.probe.mode: the whole policy monitors, so this inspector does too; write mode: prevent for the policy, and mode: monitor for the inspectors that are only to watch"},
	{"prevent without effect", "mode: prevent\ninspect: {probe: {mode: monitor}}\n", "1:7: mode: prevent has no effect on inspectors: each of them has mode: monitor; write mode: monitor for the policy, or take it away from an inspector"},
	{"locked out", "mode: prevent\ndivert: {traffic: local}\ninspect: {probe: {}}\n", "2:19: divert.traffic: the host's own traffic is diverted and may be dropped, and only the SSH session that starts Weir is exempt; name the addresses from which you administer this host in management"},
	{"management named", "mode: prevent\ndivert: {traffic: local}\nmanagement: [192.0.2.1]\ninspect: {probe: {}}\n", ""},
	{"byte order mark", "\xef\xbb\xbfinspect: {probe: {}}\n", "1:1: the file begins with a byte order mark, which is left out; save it as UTF-8 without BOM"},
	{"rules left out", "inspect:\n  ids:\n    rules:\n      - 'alert tcp any any -> any any (content:\"x\"; sid:1;)'\n      - 'alert tcp any any -> any any (content:\"x\"; lua:y; sid:2;)'\n", "2:3: inspect.ids: 1 rules are used, 1 are left out\n5:9: inspect.ids.rules[1]: unsupported keyword \"lua\""},
	{"windows", "mode: monitor\r\ninspect: {probe: {}}\r\n", ""},
}

func TestWarnings(t *testing.T) {
	for _, c := range warned {
		p := mustLoad(t, c.src)
		var lines []string
		for _, w := range p.Warnings {
			lines = append(lines, strings.TrimPrefix(w.String(), "weir.yaml:"))
		}
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestMistakesAreBounded has more mistakes than are told.
func TestMistakesAreBounded(t *testing.T) {
	_, err := loadText(t, "management: ["+strings.Repeat("nowhere, ", MaxMistakes+20)+"]\n")
	var e *Error
	if !errors.As(err, &e) || len(e.Mistakes) != MaxMistakes || e.More != 20 {
		t.Fatalf("%d mistakes and %d more", len(e.Mistakes), e.More)
	}
	if !strings.HasSuffix(e.Error(), "\n… and 20 more") {
		t.Errorf("the end is %q", e.Error()[len(e.Error())-40:])
	}
}

func TestPolicyTooLong(t *testing.T) {
	_, err := loadText(t, "mode: monitor\n#"+strings.Repeat("x", MaxBytes))
	if want := "weir.yaml: the file is longer than 1048576 bytes; put long lists into files of their own"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNoPolicy(t *testing.T) {
	_, err := Load(testFiles(""), "/etc/weir/none.yaml", Options{})
	if want := "/etc/weir/none.yaml: file does not exist; weir init writes a policy"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = Load(testFiles(""), "/etc/weir", Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "/etc/weir: ") || !strings.HasSuffix(err.Error(), "; name a policy that can be read") {
		t.Errorf("a directory: %v", err)
	}
}
