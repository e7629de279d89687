package quic

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// TestKeys has the keys of RFC 9001 §A.1 and RFC 9369 §A.1.
func TestKeys(t *testing.T) {
	dcid := []byte("\x83\x94\xc8\xf0\x3e\x51\x57\x08")
	for _, c := range []struct {
		version uint8
		side    side
		iv      string
	}{
		{1, client, "fa044b2f42a3fd3b46fb255c"},
		{1, server, "0ac1493ca1905853b0bba03e"},
		{2, client, "91f73e2351d8fa91660e909f"},
		{2, server, "dd13c276499c0249d3310652"},
	} {
		if got := hex.EncodeToString(keysOf(c.version, dcid, c.side).iv[:][:12]); got != c.iv {
			t.Errorf("version %d, side %d: iv %s, want %s", c.version, c.side, got, c.iv)
		}
	}
}

func vector(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPacketsOfTheRFCs reads the examples of both versions, the server's too.
func TestPacketsOfTheRFCs(t *testing.T) {
	for version, rfc := range map[string]string{"1": "rfc9001", "2": "rfc9369"} {
		k := talk()
		k.want |= field.SetOf(field.TLSJA4)
		if why := k.say(flow.ToServer, vector(t, rfc+"-a2-client")); why != "" || k.heard.Over {
			t.Fatalf("%s: %q, %+v", rfc, why, k.heard)
		}
		if why := k.say(flow.ToClient, vector(t, rfc+"-a3-server")); why != "" || !k.heard.Over {
			t.Fatalf("%s: %q, %+v", rfc, why, k.heard)
		}
		want := []string{
			"sni=example.com alpn=alpn version=1.3 ja4=q13d0211an_62ed6f6ca7ad_4d634acda6c0 version=" + version,
			"version=1.3 version=" + version,
		}
		if strings.Join(k.shown, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %q", rfc, k.shown)
		}
		if k.g.pool.bytes != 2*sizes[0] {
			t.Errorf("%s: %d bytes are lent", rfc, k.g.pool.bytes)
		}
	}
}

func TestHowHellosCome(t *testing.T) {
	msg := hello("a.example", 2000)
	half := len(msg) / 2
	said := "sni=a.example version=1.3 version=1"
	server := serverSays(strings.Repeat("s", 32))
	for _, c := range []struct {
		name string
		run  func(k *talker) (why packet.Reason)
		want string
	}{
		{"two datagrams", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			return first(k.say(0, c.seal(crypto(msg, 0, half))), k.say(0, c.seal(crypto(msg, half, len(msg)))))
		}, said},
		{"the second first", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			return first(k.say(0, c.seal(crypto(msg, half, len(msg)))), k.say(0, c.seal(crypto(msg, 0, half))))
		}, said},
		{"two packets of a datagram", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			return k.say(0, c.seal(crypto(msg, 0, half))+c.seal(crypto(msg, half, len(msg))))
		}, said},
		{"behind 0-RTT, zeros and an acknowledgement", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			return k.say(0, c.sealAs(zeroRTT, "early")+c.seal("\x02\x05\x00\x01\x02\x00\x00"+"\x03\x05\x00\x00\x02\x01\x01\x01"+"\x01"+crypto(msg, 0, half))+
				"\x00\x00\x00"+c.seal(crypto(msg, half, len(msg))))
		}, said},
		{"overlapping and repeated", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			a := c.seal(crypto(msg, 0, half+100))
			return first(k.say(0, a), k.say(0, a), k.say(0, c.seal(crypto(msg, half-100, len(msg)))), k.say(0, a))
		}, said},
		{"numbers far apart", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			c.number = 1 << 30
			k.say(0, c.seal(crypto(msg, 0, half)))
			c.number = 1
			return k.say(0, c.seal(crypto(msg, half, len(msg))))
		}, said},
		{"identifiers change", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			s := c.accept("its own")
			k.say(0, c.seal(crypto(msg, 0, half)))
			k.say(1, s.seal("\x02\x00\x00\x00\x00"))
			c.dcid = "its own"
			return first(k.say(0, c.seal(crypto(msg, half, len(msg)))), k.say(1, s.seal(crypto(server, 0, len(server)))), over(k))
		}, said + "\nversion=1.3 version=1"},
		{"after a Retry", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			k.say(0, c.seal(crypto(msg, 0, len(msg))))
			k.say(1, "\xf0\x00\x00\x00\x01\x02me\x07retriedtoken0123456789abcdef")
			c = dial(1, "retried", "me")
			c.number, c.token = 1, "token"
			k.say(0, c.seal(crypto(msg, 0, len(msg))))
			s := c.accept("its own")
			return first(k.say(1, s.seal(crypto(server, 0, len(server)))), over(k))
		}, said + "\n" + said + "\nversion=1.3 version=1"},
		{"another version chosen", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			k.say(0, c.seal(crypto(msg, 0, half)))
			c2 := &sealer{version: 2, dcid: "its own", scid: "me", keys: keysOf(2, []byte("destined"), client), number: 5}
			s := &sealer{version: 2, dcid: "me", scid: "its own", keys: keysOf(2, []byte("destined"), 1)}
			k.say(1, s.seal("\x02\x00\x00\x00\x00"))
			return first(k.say(0, c2.seal(crypto(msg, half, len(msg)))), k.say(1, s.seal(crypto(server, 0, len(server)))), over(k))
		}, "sni=a.example version=1.3 version=2\nversion=1.3 version=2"},
		{"version negotiation", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			odd := []byte(c.seal(crypto(msg, 0, half)))
			copy(odd[1:], "\x1a\x2a\x3a\x4a")
			k.say(0, string(odd))
			k.say(1, "\x80\x00\x00\x00\x00\x02me\x08destined\x00\x00\x00\x01")
			return k.say(0, c.seal(crypto(msg, 0, len(msg))))
		}, said},
		{"asked for another hello", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			s := c.accept("its own")
			again := msg + hello("b.example", 0)
			k.say(0, c.seal(crypto(again, 0, len(msg))))
			asked := serverSays(retryRandom) + server
			why := k.say(1, s.seal(crypto(asked, 0, len(asked)-len(server))))
			c.dcid = "its own"
			return first(why, k.say(0, c.seal(crypto(again, len(msg), len(again)))), k.say(1, s.seal(crypto(asked, len(asked)-len(server), len(asked)))), over(k))
		}, said + "\nsni=b.example version=1.3 version=1\nversion=1.3 version=1"},
		{"two connections at once", func(k *talker) packet.Reason {
			a, b := dial(1, "destined", "me"), dial(2, "elsewhere", "me")
			other := hello("b.example", 0)
			k.say(0, a.seal(crypto(msg, 0, half)))
			k.say(0, b.seal(crypto(other, 0, len(other))))
			return k.say(0, a.seal(crypto(msg, half, len(msg))))
		}, "sni=b.example version=1.3 version=2\n" + said},
		{"one after the other", func(k *talker) packet.Reason {
			a, b := dial(1, "destined", "me"), dial(1, "elsewhere", "")
			other := hello("b.example", 0)
			s := a.accept("")
			k.say(0, a.seal(crypto(msg, 0, len(msg))))
			why := first(k.say(1, s.seal(crypto(server, 0, len(server)))), over(k))
			return first(why, k.say(0, b.seal(crypto(other, 0, len(other)))))
		}, said + "\nversion=1.3 version=1\nsni=b.example version=1.3 version=1"},
		{"met from the other side", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			return k.say(1, c.seal(crypto(msg, 0, len(msg))))
		}, said},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := talk()
			if why := c.run(k); why != "" || strings.Join(k.shown, "\n") != c.want {
				t.Errorf("%q:\n%s\nwant\n%s", why, strings.Join(k.shown, "\n"), c.want)
			}
		})
	}
}

func first(whys ...packet.Reason) packet.Reason {
	for _, w := range whys {
		if w != "" {
			return w
		}
	}
	return ""
}

func over(k *talker) packet.Reason {
	if !k.heard.Over {
		return "the conversation goes on"
	}
	return ""
}

func TestWhatIsRefused(t *testing.T) {
	msg := hello("a.example", 200)
	other := hello("b.example", 200)
	for _, c := range []struct {
		name  string
		run   func(k *talker) packet.Reason
		why   packet.Reason
		as    string
		shown int
	}{
		{"another copy of a byte", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			k.say(0, c.seal(crypto(other, 0, 100)))
			return k.say(0, c.seal(crypto(msg, 50, len(msg))))
		}, differs, "contrary", 0},
		{"another hello in the place of the first", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			k.say(0, c.seal(crypto(msg, 0, len(msg))))
			return k.say(0, c.seal(crypto(other, 0, len(other))))
		}, differs, "contrary", 1},
		{"a packet that does not open", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			k.say(0, c.seal(crypto(msg, 0, 100)))
			b := []byte(c.seal(crypto(msg, 100, len(msg))))
			b[len(b)-1] ^= 1
			return k.say(0, string(b))
		}, unreadable, "contrary", 0},
		{"two destinations", func(k *talker) packet.Reason {
			return k.say(0, dial(1, "destined", "me").seal(crypto(msg, 0, 100))+dial(1, "elsewhere", "me").seal(crypto(msg, 0, 100)))
		}, coalesced, "contrary", 0},
		{"too many packets", func(k *talker) packet.Reason {
			c := dial(1, "destined", "me")
			return k.say(0, strings.Repeat(c.seal("\x01"), 33))
		}, manyPackets, "beyond", 0},
		{"too many connections", func(k *talker) (why packet.Reason) {
			for i := range 9 {
				why = k.say(0, dial(1, "destined"+string(rune('a'+i)), "me").seal(crypto(msg, 0, 100)))
			}
			return why
		}, manyConns, "beyond", 0},
		{"far behind", func(k *talker) packet.Reason {
			return k.say(0, dial(1, "destined", "me").seal("\x06"+varint(maxCrypto)+"\x01x"))
		}, tooLarge, "beyond", 0},
		{"a hello that is too large", func(k *talker) packet.Reason {
			return k.say(0, dial(1, "destined", "me").seal("\x06\x00\x04\x01\x00\x80\x00"))
		}, tooLarge, "beyond", 0},
		{"another message", func(k *talker) packet.Reason {
			return k.say(0, dial(1, "destined", "me").seal("\x06\x00\x04\x0b\x00\x00\x00"))
		}, unexpected, "unreadable", 0},
		{"a stream frame", func(k *talker) packet.Reason {
			return k.say(0, dial(1, "destined", "me").seal("\x08\x00data"))
		}, badFrame, "unreadable", 0},
		{"a frame that runs over", func(k *talker) packet.Reason {
			return k.say(0, dial(1, "destined", "me").seal(strings.Repeat("\x00", 30)+"\x06\x00\x09x"))
		}, badFrame, "unreadable", 0},
		{"acknowledgements without end", func(k *talker) packet.Reason {
			return k.say(0, dial(1, "destined", "me").seal(strings.Repeat("\x00", 30)+"\x02\x00\x00\xbf\xff\xff\xff\x00"))
		}, badFrame, "unreadable", 0},
		{"two names", func(k *talker) packet.Reason {
			bad := message(clientHello, "\x03\x03"+strings.Repeat("r", 32)+"\x00\x00\x02\x13\x01\x01\x00\x00\x16"+strings.Repeat("\x00\x00\x00\x07\x00\x05\x00\x00\x02aa", 2))
			return k.say(0, dial(1, "destined", "me").seal(crypto(bad, 0, len(bad))))
		}, "tls-duplicate-extension", "unreadable", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := talk()
			as := "unreadable"
			why := c.run(k)
			switch {
			case k.heard.Contrary:
				as = "contrary"
			case k.heard.As == proto.Beyond:
				as = "beyond"
			}
			if why != c.why || as != c.as || k.count != c.shown {
				t.Errorf("%q, %s, %d shown; want %q, %s", why, as, k.count, c.why, c.as)
			}
		})
	}
}

// TestAttemptsEnd: packets that do not open cost no more after a while, and one that does counts anew.
func TestAttemptsEnd(t *testing.T) {
	msg := hello("a.example", 0)
	c := dial(1, "destined", "me")
	k := talk()
	k.say(0, c.seal(crypto(msg, 0, 50)))
	bad := []byte(dial(1, "elsewhere", "me").seal("\x01"))
	bad[len(bad)-1] ^= 1
	for i := range maxAttempts + 3 {
		if why := k.say(0, string(bad)); (why == attempts) != (i >= maxAttempts) {
			t.Fatalf("attempt %d: %q", i, why)
		}
	}
	if why := k.say(0, c.seal(crypto(msg, 50, len(msg)))); why != "" || k.count != 1 {
		t.Errorf("%q, %d shown", why, k.count)
	}
	if why := k.say(0, string(bad)); why != "" {
		t.Error(why)
	}
}

func TestOthersAreNotRecognised(t *testing.T) {
	good := dial(1, "destined", "me").seal("\x01")
	for name, unit := range map[string]string{
		"nothing": "", "short packet": "\x40" + good[1:], "zeros": strings.Repeat("\x00", 1200), "cut": good[:len(good)-1],
		"another version": good[:1] + "\xff\x00\x00\x1d" + good[5:], "handshake": dial(1, "destined", "me").sealAs(handshake, "x"),
		"identifier of 21 bytes": good[:5] + "\x15" + strings.Repeat("x", 21) + good[14:], "RTP": "\x80\x00\x00\x00\x01\x02\x03\x04\x00\x00\x00\x00" + strings.Repeat("\xd5", 160),
		"retry": "\xf0\x00\x00\x00\x01\x02me\x07retriedtoken0123456789abcdef",
	} {
		if got := New().Recognise([]byte(unit), peer); got != proto.No {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, unit := range map[string]string{
		"initial": good, "fixed bit clear": "\x83" + good[1:], "behind 0-RTT": dial(1, "destined", "me").sealAs(zeroRTT, "x") + good,
		"version 2": dial(2, "destined", "me").seal("\x01"),
	} {
		if got := New().Recognise([]byte(unit), peer); got != proto.Yes {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestAnyOrder has a hello in pieces of any size, in any order, in any packets.
func TestAnyOrder(t *testing.T) {
	msg := hello("a.example", 5000)
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{40, 700, 6000}).Draw(t, "limit")
		var pieces []string
		for at := 0; at < len(msg); {
			n := rapid.IntRange(1, min(limit, len(msg)-at)).Draw(t, "size")
			pieces = append(pieces, crypto(msg, max(0, at-n/3), at+n))
			at += n
		}
		pieces = rapid.Permutation(pieces).Draw(t, "order")
		c, k := dial(1, "destined", "me"), talk()
		payload, datagram := "", ""
		for i, p := range pieces {
			payload += p
			if len(payload) < 900 && i < len(pieces)-1 {
				continue
			}
			datagram += c.seal(payload)
			payload = ""
			if rapid.Bool().Draw(t, "alone") || i == len(pieces)-1 || len(datagram) > 3000 {
				if why := k.say(0, datagram); why != "" {
					t.Fatal(why)
				}
				datagram = ""
			}
		}
		if strings.Join(k.shown, "") != "sni=a.example version=1.3 version=1" {
			t.Fatalf("%q", k.shown)
		}
	})
}

func TestCeiling(t *testing.T) {
	g := &Grammar{MaxBytes: 3 * (connectionBytes + sizes[0])}
	msg := hello("a.example", 0)
	var all []*talker
	for i := range 5 {
		k := &talker{g: g, want: g.Fields()}
		why := k.say(0, dial(1, "destined", "me").seal(crypto(msg, 0, 50)))
		if (why == exhausted) != (i >= 3) || g.pool.bytes > g.MaxBytes {
			t.Errorf("flow %d: %q, %d bytes", i, why, g.pool.bytes)
		}
		all = append(all, k)
	}
	for _, k := range all {
		if k.c != nil {
			k.c.Close()
		}
	}
	k := &talker{g: g, want: g.Fields()}
	long := hello("a.example", 3000)
	if why := k.say(0, dial(1, "destined", "me").seal(crypto(long, 0, len(long)))); why != "" || k.count != 1 {
		t.Errorf("%q, %d shown", why, k.count)
	}
}

// TestAllocations: a datagram without an Initial packet costs none, nor does one of a connection whose keys are known. A
// new connection costs its keys, which the standard library allocates.
func TestAllocations(t *testing.T) {
	msg := hello("a.example", 1000)
	c := dial(1, "destined", "me")
	k := talk()
	k.quiet = true
	shortPacket, initialPacket := []byte("\x41"+strings.Repeat("x", 1200)), []byte(c.seal(crypto(msg, 0, 500)))
	k.say(0, string(initialPacket))
	if n := testing.AllocsPerRun(100, func() {
		k.g.Recognise(shortPacket, peer)
		k.g.Recognise(initialPacket, peer)
		k.c.Hear(initialPacket, 0, k.want, k)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	g := New()
	whole := []byte(c.seal(crypto(msg, 0, len(msg))))
	n := testing.AllocsPerRun(100, func() {
		c := g.Converse()
		c.Hear(whole, 0, k.want, k)
		c.Close()
	})
	t.Logf("%v allocations for a connection", n)
	if n > 60 {
		t.Errorf("%v allocations for a connection", n)
	}
}

// FuzzPayload has any payloads in packets that open, and any bytes behind them.
func FuzzPayload(f *testing.F) {
	msg := hello("a.example", 100)
	f.Add(crypto(msg, 0, 50), crypto(msg, 50, len(msg)), "junk")
	f.Add(crypto(msg, 20, 50), crypto(msg, 0, len(msg)), dial(1, "destined", "me").sealAs(zeroRTT, "x"))
	f.Add("\x02\x05\x00\x01\x02\x00\x00", "\x1c\x01\x06\x02hi", "")
	f.Fuzz(func(t *testing.T, a, b, behind string) {
		if len(a)+len(b) > 10000 {
			return
		}
		together, apart := talk(), talk()
		c := dial(1, "destined", "me")
		together.say(0, c.seal(a)+c.seal(b))
		together.say(0, c.seal(b)+behind)
		c = dial(1, "destined", "me")
		apart.say(0, c.seal(a))
		apart.say(0, c.seal(b))
		if strings.Join(together.shown, "\n") != strings.Join(apart.shown, "\n") && together.heard.Why == "" && apart.heard.Why == "" {
			t.Errorf("%q\n%q", together.shown, apart.shown)
		}
	})
}

// FuzzDatagram has any datagrams, in both directions.
func FuzzDatagram(f *testing.F) {
	f.Add([]byte(vector(f, "rfc9001-a2-client")), []byte(vector(f, "rfc9001-a3-server")))
	f.Add([]byte(vector(f, "rfc9369-a2-client")), []byte(vector(f, "rfc9369-a3-server")))
	f.Add([]byte("\xf0\x00\x00\x00\x01\x02me\x07retried"), []byte("\x80\x00\x00\x00\x00\x02me\x08destined\x00\x00\x00\x01"))
	k := talk()
	k.quiet = true
	f.Fuzz(func(t *testing.T, a, b []byte) {
		k.say(flow.ToServer, string(a))
		k.say(flow.ToClient, string(b))
		if k.c != nil {
			k.c.Close()
			k.c = nil
		}
		if free := len(k.g.pool.streams[0])*sizes[0] + len(k.g.pool.streams[1])*sizes[1] + len(k.g.pool.streams[2])*sizes[2]; free != k.g.pool.bytes {
			t.Fatalf("%d bytes are lent, %d are free", k.g.pool.bytes, free)
		}
	})
}

// BenchmarkHear is the worst of 64 KiB, and of half of it.
func BenchmarkHear(b *testing.B) {
	for name, size := range map[string]int{"32768": 32 << 10, "65536": 64 << 10} {
		msg := hello("a.example", 30000)
		c := dial(1, "destined", "me")
		ones, packets, junk := "", "", ""
		for i := 0; len(ones) < size-100; i = (i + 2) % (len(msg) - 1) {
			ones += "\x06" + string([]byte{0x40 | byte(i>>8&0x3f), byte(i), 1, msg[i]})
		}
		ones = c.seal(ones[:16000/5*5]) + c.seal(ones[16000/5*5:min(32000, len(ones))/5*5])
		for len(packets) < size-100 && len(packets) < 32*45 {
			packets += c.seal("\x01")
		}
		bad := []byte(c.seal("\x01"))
		bad[len(bad)-1] ^= 1
		junk = strings.Repeat(string(bad), 32)
		long := c.seal(strings.Repeat("\x00", 16000))
		for what, datagram := range map[string]string{
			"ones": ones, "packets": packets, "junk": junk, "padding": strings.Repeat(long, max(1, size/16100)),
			"zero-rtt": strings.Repeat(c.sealAs(zeroRTT, "x"), size/70) + c.seal("\x01"),
			"zeros":    c.seal("\x01") + strings.Repeat("\x00", size-100),
		} {
			b.Run(what+"/"+name, func(b *testing.B) {
				k := talk()
				k.quiet = true
				d := []byte(datagram)
				b.ReportAllocs()
				for b.Loop() {
					c := k.g.Converse()
					c.Hear(d, flow.ToServer, k.want, k)
					c.Close()
				}
			})
		}
	}
}
