package main

// A mutant is one deliberate bug.
type mutant struct {
	name     string
	file     string // of package stream, unless it names a room
	old, new string
}

// of package dlp and the engine, where secrets must stay: TestCanaries and TestSplits notice.
var leaks = []mutant{
	{"events show values", "inspect/dlp/look.go", "f.sample = d.keepMasked(v.Text[m.Off:m.End], r, r.shown, 'X')", "f.sample = d.keep(v.Text[m.Off:m.End])"},
	{"events show most of a value", "inspect/dlp/look.go", "r, r.shown, 'X')", "r, 14, 'X')"},
	{"events show values for fingerprints", "inspect/dlp/tell.go", "borrow(d.print))", "borrow(d.bytes[f.value.off:f.value.end]))"},
	{"names that others tell are not looked at", "engine/host.go", "\tl.redact(e)\n", ""},
	{"names are looked at in lower case", "engine/redact.go", "\tl.asItCame(came)\n", ""},
	{"names are looked at as they stand", "inspect/dlp/redact.go", "v != nil; v = d.finder.Next() {", "v != nil; v = nil {"},
	{"numbers in names need a word", "inspect/dlp/redact.go", "end-i >= minNumber", "end-i >= 1000"},
	{"what stands in another code is known", "inspect/dlp/look.go", "if i < len(in) && in[i].off < end {", "if i >= 0 {"},
	{"base64 goes on in what follows a part", "inspect/dlp/view/base64.go", ` && !bytes.HasPrefix(v.Text[i+1:], []byte("--"))`, ` && !bytes.HasPrefix(v.Text[i+1:], []byte("---=-"))`},
	{"begins of values leave", "inspect/dlp/look.go", "return (wait == n || cx.Keep(n)) && cx.Hold(wait)", "return cx.Keep(n)"},
	{"codes that are cut leave", "inspect/dlp/look.go", "\t\t\topen = min(open, end) // the code is cut\n", ""},
}

// answers are of what takes the place of values and of answers.
var answers = []mutant{
	{"whoever waits for something else gets a page", "engine/reply.go", "if !ok || !w.Waits() || ", "if _ = w; !ok || "},
	{"strangers get pages", "engine/reply.go", "ss.flow.State != flow.Established || ss.conn.PickedUp()", "false"},
	{"strangers end pages", "engine/reply.go", " && r.begun && p.TCP().Seq() == r.next", ""},
	{"pages go to who asked for something else", "engine/reply.go", "l.reading.message || len(next) == 0", "len(next) >= 0"},
	{"bytes leave with those that have waited for long", "engine/session.go", "ss.place[d], ss.since[d] = at, 0", "ss.place[d] = at"},
	{"pages are sent for ever", "engine/reply.go", " && r.tries < replyTries", ""},
	{"pages are sent once", "engine/reply.go", "(fresh || l.now >= r.sent+replyPause)", "fresh"},
	{"pages carry old stamps", "engine/reply.go", "r.ts, r.echo = r.ts.Max(seqnum.Value(echo)), r.echo.Max(seqnum.Value(val))", "r.ts, r.echo = seqnum.Value(echo), seqnum.Value(val)"},
	{"who reads a page is reset", "engine/reply.go", "\tf.Answered = 1<<flow.ToServer | 1<<flow.ToClient\n", ""},
	{"what is ahead of a gap is acknowledged", "engine/reply.go", "h.Seq().LessEq(r.next) && r.next.Less(end)", "r.next.Less(end)"},
	{"what is kept waits", "engine/read.go", "\tconn.Spare(r.dir, stream.Payload, spared)\n", ""},
	{"what is kept is shown no more if nothing follows", "engine/read.go", "r.ss.kept[r.dir] = max(l.now, 1)", "r.ss.kept[r.dir] = 0"},
	{"fields have no names", "engine/read.go", "\tr.names = append(r.names, n)\n}", "\t_ = n\n}"},
	{"names are forgotten with what is kept", "engine/read.go", "*kept = keptName{last.ID,", "_ = keptName{last.ID,"},
	{"what waited and is dropped is not counted", "engine/session.go", "\tl.outcome(p, inspect.Decision{Verdict: packet.Drop, Reason: why})\n}", "}"},

	{"pseudonyms are somebody's number", "inspect/dlp/mask.go", "return ok && checked[found.Kind]", "return false && ok && checked[found.Kind]"},
	{"pseudonyms begin with zero", "inspect/dlp/mask.go", "case first && c-'1' < 9:", "case first && c-'1' < 0:"},
	{"texts in place of values grow where nothing may", "inspect/dlp/mask.go", "d.look.resizable && v.Code == view.Plain, goesOn)", "true, goesOn)"},
	{"each part of a key has its text", "inspect/dlp/mask.go", "case free && !goesOn:", "case free:"},
	{"alerts wait", "inspect/dlp/rule.go", "!r.monitor && r.action != alert && r.action != ignore", "true"},
	{"what is found in a code leaves with the text around it", "inspect/dlp/look.go", "from+f.off >= open && f.rule.waits()", "false"},
	{"all kinds wait", "inspect/dlp/detect/set.go", "\ts.waits, s.waitBegin = 0, [256]bool{}\n", ""},
	{"values in front of what is open leave", "inspect/dlp/detect/scanner.go", "c.End > s.open && s.set.waits.has(c.Kind)", "false"},
	{"alerts hide what is masked", "inspect/dlp/look.go", "f.rule.waits() && !kept[n].rule.waits()", "false"},
	{"alerts of detectors hide what is masked", "inspect/dlp/detect/queue.go", "return is\n", "_ = is\n"},
}

var mutants = []mutant{
	{"places behind a splice are not shifted", "seqadj.go", "return s.outEnd().Add(off - s.inLen)", "return s.out.Add(off)"},
	{"an acknowledgement inside an edit is for what it says", "seqadj.go", "\t\treturn m.list[lo].in\n", "\t\treturn v\n"},
	{"acknowledged splices leave no shift", "seqadj.go", "\t\tm.shift = s.inEnd().Size(s.outEnd())\n", "\t\t_ = s\n"},
	{"a splice that ends at a place is not there yet", "seqadj.go", "if m.list[mid].outEnd().LessEq(w) {", "if m.list[mid].outEnd().Less(w) {"},
	{"a range that begins in an edit begins before it", "seqadj.go", "\t\treturn m.list[i].inEnd()\n\t}\n\treturn m.toIn(w)", "\t}\n\treturn m.toIn(w)"},
	{"a part of an edit is sent again as a part", "seqadj.go", "\tif m.inside(v) {\n\t\treturn m.list[m.last(v, false)].outEnd()\n\t}\n", ""},
	{"joined splices forget what lies between", "seqadj.go", "last.outLen += gap + outLen", "last.outLen += outLen"},
	{"splices begin where they were received", "seqadj.go", "out: m.toOutEnd(in), inLen", "out: in, inLen"},
	{"a splice grows over the next", "seqadj.go", "return s.out.Add(min(off, s.outLen))", "return s.out.Add(off)"},

	{"windows shrink with what grows", "translate.go", "if h.offered.Less(edge) {", "if true {"},
	{"a SACK block may end inside an edit", "translate.go", "h.m.toInStart(left), h.m.toIn(right)", "h.m.toInStart(left), h.m.toInStart(right)"},
	{"SACK blocks are translated like acknowledgements", "translate.go", "h.m.toInStart(left), h.m.toIn(right)", "h.m.toIn(left), h.m.toIn(right)"},
	{"SACK blocks are not translated", "translate.go", "\t\th.translateSACK(p, o, ack, given)\n", "\t\t_ = o\n"},
	{"acknowledgements are not translated", "translate.go", "\tgiven := h.m.toIn(s.h.Ack())\n", "\tgiven := s.h.Ack()\n"},

	{"what the receiver has is sent again", "depart.go", "from := h.place(s.seq).Max(h.una).Min(h.sent)", "from := h.place(s.seq).Min(h.sent)"},
	{"segments leave a gap", "depart.go", "from := h.place(s.seq).Max(h.una).Min(h.sent)", "from := h.place(s.seq).Max(h.una)"},
	{"edited bytes leave as they came", "depart.go", "!h.m.identity() || s.seq.Less(h.edited) || h.sent.Less(s.seq)", "!h.m.identity() || h.sent.Less(s.seq)"},
	{"empty segments run ahead of held bytes", "depart.go", "case s.seq == h.next || h.ahead(s):", "case h.ahead(s):"},
	{"a nudge is no old byte", "depart.go", "return p.SetSeq(h.una.Sub(1))", "return p.SetSeq(h.una)"},
	{"a FIN leaves before its time", "depart.go", "fin = fin && to == h.m.toOutEnd(h.fin)", "fin = fin && true"},
	{"what grows exceeds the window", "depart.go", "\t\tto = h.allowed(to).Max(from)\n", ""},
	{"what grows exceeds the segment", "depart.go", "\treturn max(n, mss-options)\n", "\treturn max(n, mss-options) + 2000\n"},
	{"senders learn nothing of a narrow path", "narrow.go", "!c.stuck[dir].again(seq)", "true"},
	{"what comes again grows as before", "depart.go", "\tif h.m.toOut(s.seq).Less(h.sent) {\n\t\th.mss", "\tif false {\n\t\th.mss"},
	{"what had no room is forgotten", "depart.go", "\t\th.owe(to, all, wants)\n", "\t\t_, _ = all, wants\n"},
	{"old places are off by the last edits", "depart.go", "return h.una.Sub(v.Size(h.m.toIn(h.una)))", "return v.Add(h.m.shift)"},

	{"released bytes move when some are acknowledged", "kept.go", "\tk.skip += int(n)\n", ""},
	{"other bytes sent again are overlooked", "kept.go", "same := string(piece) == string(b[:len(piece)])", "same := true"},
	{"more is said to be kept than is", "kept.go", "return k.from.LessEq(from) && to.LessEq(k.end())", "return k.from.LessEq(from)"},

	{"bytes outside of the window are read", "arrive.go", "case h.edgeKnown && h.limit().Add(1).Less(s.end) && !h.toldBefore(s):", "case false:"},
	{"bytes that were read are read again", "arrive.go", "fresh := s.payload[s.seq.Size(h.next):]", "fresh := s.payload"},
	{"acknowledgements of what was never sent pass", "arrive.go", "\tif top.Less(ack) {\n", "\tif false {\n"},
	{"a FIN that was a fake is believed", "arrive.go", "if h.finSeen && h.fin.Less(s.end) {", "if false {"},
	{"flags of no endpoint are read", "arrive.go", "\tif badFlags(s.flags) {\n", "\tif false {\n"},
	{"gaps are skipped", "arrive.go", "\tcase h.next.Less(s.seq):\n\t\treturn Arrival{Action: Wait}\n", "\tcase h.next.Less(s.seq):\n\t\th.next = s.seq\n"},
	{"segments that waited say what was", "arrive.go", "\tcase int32(ts-h.ts) >= 0:\n", "\tcase int32(ts-h.ts) >= -1<<31:\n"},
	{"senders are taken back their word", "promise.go", "\t\tp.held = true\n\t\treturn r.from.Sub(1)\n", "\t\t_ = r\n\t\treturn ack\n"},
	{"what a sender was told of stays lost", "promise.go", "\tp.again, p.mended, p.sent = span{h.una, to}, to, h.sent\n", "\tp.mended, p.sent = to, h.sent\n"},
	{"what was lost again is sent again in bursts", "promise.go", "\t\tp.burst = 1\n\t}\n\th.sendAgain(next)", "\t}\n\th.sendAgain(next)"},
	{"what came twice is told as news", "translate.go", " && !(ack.Less(given) && r.LessEq(given))", ""},
	{"what is ahead of a gap tells the time", "arrive.go", "\tif h.taken(s.seq) && h.recent(s.seq) {\n", "\tif true {\n"},
	{"any place tells the time", "arrive.go", "\tif h.taken(s.seq) && h.recent(s.seq) {\n", "\tif h.taken(s.seq) {\n"},
	{"echoes of what was never sent count", "arrive.go", "if !h.stamped || !back.stamped || int32(echo-back.ts) <= 0 {", "if true {"},
	{"what never arrives tells how far its sender is", "arrive.go", "if a.Action == Leave || a.Action == Wait {", "if a.Action != Discard {"},
	{"old acknowledgements of anything are innocent", "untaken.go", "case s.has(packet.ACK) && back.seen && back.una.Less(s.h.Ack()):", "case false:"},
	{"old ends are innocent", "untaken.go", "(!s.has(packet.FIN) || h.finAcked)", "true"},
	{"resets among edits count anywhere", "arrive.go", "case !h.m.straight() && s.seq.Less(h.next) && s.seq != h.m.toIn(h.una) && s.seq != h.first:", "case false:"},
	{"resets overtake what waits", "arrive.go", "case s.seq.Less(h.next) && h.decided != h.next:", "case false:"},

	{"what was held and is behind its receiver is known", "middle.go", "\t\th.read[r], h.shown[r], h.spared[r] = ack, ack, ack\n", "\t\th.read[r], h.shown[r], h.spared[r] = h.read[r].Max(ack), h.shown[r].Max(ack), h.spared[r].Max(ack)\n"},
	{"scales are not inferred", "middle.go", "if h.edgeKnown || h.wnd == 0 || !h.ackSeen {", "if true {"},
	{"what the sender was told before is forgotten", "middle.go", "\tcase h.old == nil || h.m.toIn(h.sent)", "\tcase true || h.m.toIn(h.sent)"},
	{"late resets are an anomaly", "arrive.go", "case !s.has(packet.ACK) && !out.Less(h.first) && out.Less(h.una):", "case false:"},
	{"bare acknowledgements run ahead of the unknown", "depart.go", "\t\tseq = h.unsurePlace(s)\n", ""},
	{"numbers of bare acknowledgements fall", "middle.go", "\t\treturn h.told\n", "\t\treturn seq\n"},
	{"guesses die with who made them", "save.go", "(c.half[0].adrift() || c.half[1].adrift())", "false"},
	{"what is released once more has other values", "middle.go", "\treturn from, to, from.Less(to)\n", "\treturn from, to, false\n"},
	{"what is released once more is shown as it comes", "middle.go", "\th.old.prior.read(b, from)\n", ""},
	{"edits of what is caught up with are made", "middle.go", "\t\tw.edits, w.bytes = w.edits[:0], w.bytes[:0]\n\t\tfor i := range w.wait {\n\t\t\tw.wait[i].read = w", "\t\tfor i := range w.wait {\n\t\t\tw.wait[i].read = w"},
	{"what a receiver was told dies with us", "save.go", "h.guessed, h.rewinds > 0,\n\t\th.toldAny,", "h.guessed, h.rewinds > 0,"},
	{"directions begin anew for ever", "arrive.go", "case h.rewinds == maxRewinds:", "case false:"},
	{"shifted directions begin anew", "arrive.go", "\tcase !h.m.identity(): // what follows", "\tcase false: // what follows"},
	{"probes lie within windows", "inject.go", "const longPast = 1 << 30", "const longPast = 1 << 24"},
	{"anybody raises numbers", "middle.go", "case h.ackSeen && h.sent.LessEq(seq)", "case h.sent.LessEq(seq)"},
	{"receivers that say what they can are asked", "inject.go", "!h.unsure && !(c.mode.Successor && h.loose)", "false"},

	{"edits leave no trace", "read.go", "\t\t\th.m.add(c.pool, e.in, e.n, seqnum.Size(e.size))\n", ""},
	{"edits are cut in two", "read.go", "\t\t\treturn e.in\n\t\t}\n\t}\n\treturn to", "\t\t}\n\t}\n\treturn to"},
	{"an edit takes the bytes of the one before", "read.go", "\t\tused += e.size\n", ""},
	{"what is held is forgotten", "read.go", "!c.pool.extend(h.needWork(c.pool), h.view[h.from.Size(from):])", "h.needWork(c.pool) == nil"},

	{"our own segments speak of the past", "inject.go", "Seq: h.sent, Ack: back.tell(", "Seq: h.una, Ack: back.tell("},
	{"our own segments acknowledge in the wrong numbers", "inject.go", "Ack: back.tell(back.m.toIn(back.una))", "Ack: back.una"},
	{"a FIN of our own may be a fake", "inject.go", "return h.owedFin && h.finSure", "return h.owedFin"},
	{"what is owed leaves twice as long", "inject.go", "\th.owed = to\n\tif from == to", "\tif from == to"},

	{"a late SYN begins a handshake", "opening.go", "if c.phase != phaseOpen || s.seq != c.half[flow.ToServer].first {", "if true {"},
	{"windows of SYNs are scaled", "opening.go", "up.offer(up.first, seqnum.Size(server.wnd))", "up.offer(up.first, seqnum.Size(server.wnd)<<up.scale)"},
	{"scales are of the other end", "opening.go", "up.scale, down.scale = server.scale, client.scale", "up.scale, down.scale = client.scale, server.scale"},
	{"data of a SYN passes", "opening.go", "if n := len(p.Payload()); n > 0 {", "if n := len(p.Payload()); n > 1<<20 {"},

	{"a FIN waits for ever", "wait.go", "return w.end.LessEq(h.decided) || h.decided == h.next && w.end == h.decided.Add(1)", "return w.end.LessEq(h.decided)"},
	{"segments that wait leave in any order", "wait.go", "for at > 0 && s.seq.Less(w.wait[at-1].seq) {", "for false {"},
}
